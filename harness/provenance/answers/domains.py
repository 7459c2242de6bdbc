"""What a prompt asks for: fiction, exposition, instruction or reasoning. A habit may show in one and not in another.

A document may say its domain (`provenance_open` does). Otherwise a rule on the prompt's text decides, the first that
matches: *reasoning* (puzzles, estimates, arguments, proofs, code), *fiction* (stories, poems, scenes, jokes, songs),
*instruction* (how-to, advice, plans, recipes, lists of tips, letters and edits to order), else *exposition* (explain,
describe, facts). English. Other languages are exposition unless the document says otherwise.
"""

from __future__ import annotations

import re

DOMAINS = ("fiction", "exposition", "instruction", "reasoning")
SAID = {"advice": "instruction", "explanation": "exposition"}
"""Domains that documents name otherwise."""
READ = 600
"""Characters of the prompt that are read: what follows is material."""
_REASONING = (
    r"\b(?:how many|how much|calculate|compute|solve|prove|estimate|probability|riddle|puzzle|logic(?:al)?|deduce|"
    r"argue|step[- ]by[- ]step|think it through|reason(?:ing|s)?|both sides|(?:how would|could) you (?:tell|find|"
    r"decide)|how is that possible|what could explain|which would be \w+er|what is the (?:next|missing|value|sum)|"
    r"python|java|sql|javascript|c\+\+|code|function|algorithm|regex|program|complete: \w+ is to)\b|"
    r"\d ?[-+*/=×] ?\d|^(?:should|would|is it)\b"
)
_FICTION = (
    r"\b(?:stor(?:y|ies)|poems?|haiku|novel|fiction(?:al)?|fairy tale|folk tale|tale|dialogue|monologue|scene|"
    r"screenplay|script|lyrics|song|limerick|jokes?|characters?|plot|imagine|pretend|role-?play|diary|legend|myth|"
    r"rap|sonnet|mystery|hero|does not exist|through the eyes of)\b"
)
_INSTRUCTION = (
    r"\b(?:how (?:to|do i|can i|should i|do you)|tips|advice|recipe|guide|plan|itinerary|instructions?|steps|"
    r"checklist|suggest|recommend|help me|give me|what should i|what can i|rewrite|edit|rephrase|paraphrase|"
    r"translate|summari[sz]e|correct|proofread|classify|convert|extract|make a list|come up with|brainstorm|"
    r"create an?|good way to|write (?:an?|the|me) (?:\w+ )?(?:email|e-mail|letter|message|post|tweet|speech|"
    r"resume|review|ad|announcement))\b"
)
_RULES = {
    name: re.compile(rule, re.IGNORECASE)
    for name, rule in (("reasoning", _REASONING), ("fiction", _FICTION), ("instruction", _INSTRUCTION))
}
"""In the order they are tried."""


def domain(prompt: str | None, said: str | None = None) -> str:
    """The domain of a prompt.

    Args:
        prompt: its text. If there is none, it is exposition.
        said: what the document says, if anything. An unknown word is ignored.
    """
    told = SAID.get(said or "", said or "")
    if told in DOMAINS:
        return told
    start = (prompt or "")[:READ]
    return next((name for name, rule in _RULES.items() if rule.search(start)), "exposition")
