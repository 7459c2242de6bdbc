"""What a reader of the page is told: how to read a number, and what it does not mean. Simple markdown."""

from __future__ import annotations

from harness.results.leaderboard.board import Board

_SCORES = """
A score reads `value [low, high] n=documents rank best-worst (letters)`: the mean over documents, its 95 % interval,
the ranks that the data allow, and letters. **Two models that share a letter cannot be told apart.** `-` means that
the model was not run. `not scored` is neither right nor wrong.

Ranks and letters come from paired tests on the documents that both models answered. Every pair of models is tested,
with an adjustment by Holm, so the chance of even one false separation in a column is at most 5 %. `b-e` is the letters
from b to e. `harness compare A B` shows a pair in full, and docs/reading-the-numbers.md explains the numbers on one
screen. Controls are not ranked, nor are scores with fewer than {coverage} of their samples scored.

The interval is about other documents of the same kind. It knows nothing of documents that a model saw in training.

n counts documents, not repeats. Failed, refused and unscored answers never count as wrong: they are left out of the
mean and listed under the table (†), as are answers cut off at the token limit. The count of unscored samples includes
the failed and the refused ones.

Rows are ordered by the mean. Similarity plays no part in it.
"""
_PLACED = """
`≈` means that the model was not asked all that the others were, so its own mean is of easier or harder documents. It
stands where its differences to other models on shared documents put it. The number behind `≈` is that place, on the
scale of the mean. If all scores are shares, it is held within 0 to 1.
`apart` means that it shares no document with the models above, so nothing says where it belongs.
"""
_MEAN = """
The mean is over tasks whose scores are shares, with the weights in its header. A task that is missing is left out and
never counts as zero. A model without all of the tasks has no rank by the mean.
"""
_UNSAFE = """
`(unsafe)` means that model-written code ran without the sandbox, so it could have cheated.
"""
_FORGEABLE = """
`(forgeable)` means that model-written code ran in the sandbox, but with its tests in its own process. Code made for
that could have cheated.
"""
_SIMILARITY = """
**Similarity is evidence, not proof of copying.** Models are alike for many reasons: training on the other's outputs,
shared data or vendors, web text that contains its outputs, a common ancestor, or convergence.
"""
_RELATIVE = """
*Answers like* names the lab, and its model, whose openings, sentences and phrasing the model's answers resemble more
than unrelated models do. The number is in standard deviations above models that cannot have learnt from it, with a
jackknife interval over the n prompts that both answered. q is the p-value against unrelated pairs, adjusted over
labs, then over the versions of each. *strong*, *moderate* and *weak* say how much the evidence weighs. `or` names
what else would explain it.

*none* means that no lab's models are resembled more than unrelated models are, at a false discovery rate of 5 %.
Behind it stands how many documented students the same test finds. If it finds few, *none* clears nobody. *untestable*
means that calibration is not possible: it needs scores of at least five models that cannot have learnt from the
candidate, or a set large enough to read it against all models of other labs. *not enough prompts* means fewer than
50. *not comparable* means that the set's models know too little of its answers, as of numbers, code or another
language. `harness provenance MODEL` shows all of it.
"""
_WORDS = """
*Most similar words* stands here only while no model can be tested that way. It is the most similar other model by
choice of words on the same prompts, from 0 to 1, with a bootstrap interval over the n prompts that both answered.
"""
_UNCALIBRATED = """
**Not calibrated** means that a number has not been compared with models known to be unrelated. It has no known zero
and no p-value. It only orders pairs within its table.
"""
_CONTROLS = """
A control is known to be a relative of the model it names. If a channel does not place the two near each other, it
does not work here. If a control is the most similar model, the most similar one that is no control is shown as well.
"""
_CLAIMS = """
*Says it is* is the share of answers to n prompts about identity in which the model said it is, or is made by, that
family. Denials and mentions do not count, and one answer may name several families. Beside it stands how many models
of other families here claim the same, and their mean share. A claim that strangers make as often says nothing.
"""
_WRONG = """
*Shared wrong answers* is the largest excess of the same wrong answer, over what other models' wrong answers to the
same n items make likely, with its interval. Mistakes may be alike because of data or because of ability. There is no
null here.
"""


def guide(board: Board) -> list[str]:
    """The paragraphs that apply to what this page shows, one line each."""
    relative = "relative" in board.show and board.evidence.height > 0
    words = "words" in board.show and board.similarities.height > 0 and not board.calibrated
    claims = "claims" in board.show and board.identity_claims.height > 0
    wrong = "errors" in board.show and any(board.mistakes(model) for model in board.names)
    parts = [
        (bool(board.columns), _SCORES.replace("{coverage}", f"{board.min_coverage:.0%}")),
        (bool(board.averaged), _MEAN),
        (any(model not in board.whole for model in board.places), _PLACED),
        (any(row["unsafe_code"] for row in board.cells.values()), _UNSAFE),
        (any(row["forgeable"] for row in board.cells.values()), _FORGEABLE),
        (relative or words or wrong, _SIMILARITY),
        (relative, _RELATIVE),
        (words, _WORDS),
        (words or claims or wrong, _UNCALIBRATED),
        (bool(board.control_of), _CONTROLS),
        (claims, _CLAIMS),
        (wrong, _WRONG),
    ]
    texts = "\n\n".join(text.strip() for wanted, text in parts if wanted)
    return [" ".join(paragraph.split()) for paragraph in texts.split("\n\n") if paragraph]
