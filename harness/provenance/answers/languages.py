"""What answers are written in: letters of which script, English or not, or in nothing that has words.

Scripts are Unicode's. English is told from other languages in Latin letters by function words that no other large
language has: some .25 of the words of English prose, and next to none of anything else.
"""

from __future__ import annotations

import re

from harness.provenance.answers.comparability import Languages
from harness.provenance.answers.texts import HEAD_CHARS

ENGLISH = "English"
LATIN = "Latin letters, not English"
NO_WORDS = "no words"
SCRIPTS = {
    "Chinese characters": r"\u2e80-\u2fdf\u3005\u3007\u3021-\u3029\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff",
    "Japanese kana": r"\u3041-\u30ff",
    "Korean letters": r"\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",
    "Cyrillic letters": r"\u0400-\u052f",
    "Greek letters": r"\u0370-\u03ff",
    "Hebrew letters": r"\u0590-\u05ff",
    "Arabic letters": r"\u0600-\u06ff\u0750-\u077f",
    "Devanagari letters": r"\u0900-\u0963\u0966-\u097f",
    "Bengali letters": r"\u0980-\u09ff",
    "Gurmukhi letters": r"\u0a00-\u0a7f",
    "Gujarati letters": r"\u0a80-\u0aff",
    "Tamil letters": r"\u0b80-\u0bff",
    "Telugu letters": r"\u0c00-\u0c7f",
    "Kannada letters": r"\u0c80-\u0cff",
    "Malayalam letters": r"\u0d00-\u0d7f",
    "Thai letters": r"\u0e00-\u0e7f",
    "Georgian letters": r"\u10a0-\u10ff",
    "Armenian letters": r"\u0530-\u058f",
    "Amharic letters": r"\u1200-\u137f",
}
"""Blocks of The Unicode Standard, by how a reader would call them."""
LEAST_LETTERS = 8
"""Letters below which an answer is in no language that could be told."""
ENGLISH_WORDS = frozenset(
    """and are be been but by can could for from had has have his how if it its it's more not our should such than that
    the their them these they this those to what when where which while who with would you your""".split(),  # noqa: SIM905
)
"""Frequent words of English that German, Dutch, French, Spanish, Italian and Portuguese do not write."""
ENGLISH_SHARE = 0.05
"""Such words among an answer's words from which on it is English. Lists of short items have fewest."""
LEAST_WORDS = 8
"""Words in Latin letters below which English cannot be told from others: such an answer counts as English."""
_OF_SCRIPT = {name: re.compile(f"[{block}]+") for name, block in SCRIPTS.items()}
_ANY_SCRIPT = re.compile(f"[{''.join(SCRIPTS.values())}]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]+(?:['’][A-Za-z]+)?")


def language(text: str) -> str:
    """`ENGLISH`, `LATIN`, a script's name, or `NO_WORDS`, of a text's first thousand characters."""
    start = text[:HEAD_CHARS]
    latin = _LATIN.findall(start)
    counts = {LATIN: sum(map(len, latin))}
    if not start.isascii() and _ANY_SCRIPT.search(start):  # most of what is not ASCII is punctuation
        counts |= {name: sum(map(len, pattern.findall(start))) for name, pattern in _OF_SCRIPT.items()}
    most = max(counts, key=lambda name: counts[name])
    if counts[most] < LEAST_LETTERS:
        return NO_WORDS if len(start.strip()) >= LEAST_LETTERS and not latin else ENGLISH
    if most != LATIN:
        # Japanese is written in Chinese characters, too.
        return "Japanese kana" if most == "Chinese characters" and counts["Japanese kana"] else most
    known = sum(map(ENGLISH_WORDS.__contains__, " ".join(latin).lower().replace("’", "'").split(" ")))
    return ENGLISH if len(latin) < LEAST_WORDS or known >= ENGLISH_SHARE * len(latin) else LATIN


def languages(answers: list[str]) -> Languages:
    """Of all of a model's answers. Empty ones are left out."""
    found = [language(text) for text in answers if text.strip()]
    others = [name for name in found if name != ENGLISH]
    most = max(sorted(set(others)), key=others.count) if others else None
    return Languages(len(found), 1 - len(others) / len(found) if found else 1.0, most)
