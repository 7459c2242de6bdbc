"""Discourse habits: hedges, connectives, offers, address, "not X but Y", headings, bold, lists, dashes.

Features: set expressions (`PHRASES`, our own list of the classes that Hyland 2005, "Metadiscourse", calls hedges,
boosters, transitions, frame markers, self mentions and engagement markers, and of openers and offers that assistants
use), marks of layout (`MARKS`), and *not … but* within `REACH` tokens of one sentence, in the first 400 tokens, by rate
per token. Similarity is 1 / (1 + Burrows' Delta), 0 to 1 (`similarity.rate`). English but for the marks.
"""

import numpy as np

from harness.provenance.answers.phrases import Phrases, breaks, following, line_starts, split, where
from harness.provenance.answers.texts import I32, U64, Bool, Tokens, token_hash

NAME = "discourse"
KIND = "rate"
LEXICAL = False
TRACES = False
WINDOW = "body"
REACH = 8
"""Tokens from "not" within which "but" makes a contrast."""
PHRASES = {
    "hedges": """generally; typically; usually; often; perhaps; probably; possibly; might; may; could be; tends to;
        tend to; it depends; in most cases; in many cases; in general; it is possible; it seems; appears to; likely;
        some people; to some extent; arguably; roughly; approximately; it is worth noting; keep in mind""",
    "boosters": """it is important to; it's important to; important to note; it's worth; crucial; essential; key; vital;
        significant; plays a; a crucial role; an important role; a vital role; ensure that; make sure""",
    "additions": "additionally; furthermore; moreover; in addition; also; as well as; not only",
    "contrasts": """however; on the other hand; nevertheless; nonetheless; in contrast; although; while; despite;
        instead; rather than; that said; conversely""",
    "results": "therefore; thus; as a result; consequently; hence; which means; this means; so that",
    "examples": "for example; for instance; such as; e . g; including; like this; consider",
    "order": "first; firstly; second; secondly; third; finally; lastly; next; then; to begin; step 1",
    "summaries": """overall; in conclusion; in summary; to sum up; to summarize; in short; ultimately; all in all""",
    "offers": """let me know; feel free; i hope this helps; would you like; happy to help; if you have any; if you need;
        please provide; could you; can you""",
    "openers": """sure; certainly; of course; absolutely; great question; here is; here's; here are; okay; yes; no""",
    "self": """as an ai; as a language model; i'm sorry; i apologize; i cannot; i can't; i'm not; i am not; i don't;
        i'm unable; i think; i believe; i would""",
    "reader": """you can; you may; you might; you should; you could; you need; you want; we can; we need; let's;
        remember; imagine; try to""",
}
_FOUND = Phrases.of(phrase for group in PHRASES.values() for phrase in split(group))


def features(tokens: Tokens) -> tuple[I32, U64]:
    """Expressions, marks of layout and contrasts."""
    rows, runs = _FOUND.find(tokens)
    if not len(tokens.text):
        return rows, runs
    marks = {**_marks(tokens), "not but": _contrast(tokens)}
    at = {name: np.flatnonzero(mask) for name, mask in marks.items()}
    codes = [np.full(len(found), token_hash(f"<{name}>"), dtype=np.uint64) for name, found in at.items()]
    return np.concatenate([rows, *(tokens.text[found] for found in at.values())]), np.concatenate([runs, *codes])


def _marks(tokens: Tokens) -> dict[str, Bool]:
    """Where each mark of layout stands."""
    line, new = line_starts(tokens), breaks(tokens)
    star, dash, colon = where(tokens, "*"), where(tokens, "-–"), where(tokens, ":")
    pair = star & following(tokens, star)
    closes = np.concatenate([[False], pair[:-1]])
    digit = np.array([token.isdigit() for token in tokens.vocabulary], dtype=np.bool_)[tokens.id]
    emoji = np.array([ord(token[0]) >= 0x1F300 for token in tokens.vocabulary], dtype=np.bool_)[tokens.id]  # noqa: PLR2004
    return {
        "heading": line & where(tokens, "#"),
        "bold": pair,
        "bold line": line & pair,
        "italic": star & ~pair & ~closes & ~line,
        "bullet": line & (where(tokens, "•") | ((dash | star) & ~pair)),
        "number": line & digit & following(tokens, where(tokens, ".)")),
        "em dash": where(tokens, "—"),
        "dash": dash & ~line,
        "semicolon": where(tokens, ";"),
        "colon": colon & ~following(tokens, new),
        "colon line": colon & following(tokens, new),
        "parenthesis": where(tokens, "("),
        "quotation": where(tokens, '"“'),
        "exclamation": where(tokens, "!"),
        "question": where(tokens, "?"),
        "code": where(tokens, "`"),
        "paragraph": breaks(tokens, 2),
        "emoji": emoji,
    }


def _contrast(tokens: Tokens) -> Bool:
    """True at a negation whose sentence goes on with "but"."""
    no, but = where(tokens, ("not", "isn't", "aren't", "wasn't")), where(tokens, ("but",))
    sentence = np.cumsum(tokens.starts | breaks(tokens) | where(tokens, ".!?"))
    found = np.zeros(len(no), dtype=np.bool_)
    for steps in range(2, REACH + 1):
        same = np.zeros(len(no), dtype=np.bool_)
        same[:-steps] = sentence[steps:] == sentence[:-steps]
        found |= no & same & following(tokens, but, steps)
    return found
