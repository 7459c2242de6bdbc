"""Markers in reasoning traces: "wait", "hmm", "alternatively", "let me check", "the user", "I should".

Features: set expressions (`MARKERS`, our own list after those that Guo et al. 2025, arXiv 2501.12948, and Venhoff et
al. 2025, arXiv 2506.18167, name in traces of R1 and its students) in the first 1,000 tokens of a trace, by rate per
token. Similarity is 1 / (1 + Burrows' Delta), 0 to 1 (`similarity.rate`). English. Traces alone.
"""

from harness.provenance.answers.phrases import Phrases, split
from harness.provenance.answers.texts import I32, U64, Tokens

NAME = "trace_markers"
KIND = "rate"
LEXICAL = False
TRACES = True
WINDOW = "trace"
MARKERS = """wait; hmm; okay; ok; alright; so; but; maybe; perhaps; actually; alternatively; hold on; let me;
    let's; let me check; let me think; let me see; let me try; i need to; i should; i think; i'm; i wonder; i
    recall; i remember; we need; we have; we can; we are; the user; the question; the problem; the answer;
    first; second; next; then; now; also; another; however; therefore; thus; because; since; if; which; that
    means; this means; right; yes; no; oh; ah; not sure; make sense; makes sense; double check; to confirm; in
    this case; in other words; for example; well; looking; final answer; in conclusion; putting it; going back;
    on the other hand; what if; could be; must be; should be; would be; seems; similarly; assuming; suppose;
    consider"""
_FOUND = Phrases.of(split(MARKERS))


def features(tokens: Tokens) -> tuple[I32, U64]:
    """Every marker."""
    return _FOUND.find(tokens)
