"""In which order prompts are asked: what tells two models from everybody comes before what tells the terse from the wordy."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from harness.provenance.answers import fingerprint
from harness.provenance.comparison.calibration import Matrix
from harness.provenance.comparison.evidence import EVIDENCE
from harness.provenance.panels import prompt_order

MODELS = 12


@given(st.integers(0, 10_000), st.floats(0, 0.3))
def test_how_like_everybody_a_model_is_is_taken_out(seed: int, missing: float) -> None:
    rng = np.random.default_rng(seed)
    level = rng.normal(size=MODELS)
    known = np.triu(rng.random((MODELS, MODELS)) >= missing, 1)
    known |= known.T
    whole = level[:, None] + level[None, :]
    left = prompt_order._beyond(whole, known)
    assert left.std() < (0.01 if known.sum() == MODELS * (MODELS - 1) else 0.2) * whole[known].std()
    assert np.allclose(left, left.T)
    assert not left[~known].any()


def test_what_is_left_keeps_a_pair_that_is_alike() -> None:
    pair: Matrix = np.zeros((MODELS, MODELS))
    pair[2, 5] = pair[5, 2] = 1.0
    known = ~np.eye(MODELS, dtype=np.bool_)
    left = prompt_order._beyond(pair + np.arange(MODELS)[:, None] + np.arange(MODELS)[None, :], known)
    assert (2, 5) in zip(*np.unravel_index(np.argsort(left, axis=None)[-2:], left.shape), strict=True)


def _answers(seed: int) -> pl.DataFrame:
    """On the first prompts each of four families has its own ways. On the last there is one way, some use it more."""
    rng = np.random.default_rng(seed)
    ways = [[f"way {family} number {n} of saying it" for n in range(3)] for family in range(4)]
    words = [f"word{i}" for i in range(40)]
    rows = []
    for model in range(MODELS):
        for prompt in range(40):
            own = rng.choice(ways[model % 4]) if rng.random() < 0.8 else " ".join(rng.choice(words, 8))
            common = "the way of all models" if rng.random() < model / MODELS else " ".join(rng.choice(words, 8))
            said = (own if prompt < 20 else common).capitalize()
            rows.append((f"m{model:02}", f"p{prompt:02}", f"{said}. {' '.join(rng.choice(words, 80))}. {said}."))
    return pl.DataFrame(rows, schema=["model", "prompt_id", "output"], orient="row")


def test_prompts_on_which_families_differ_come_before_those_on_which_models_agree_more_or_less() -> None:
    right = 0
    for seed in range(1, 5):
        ranks = prompt_order.ranked(fingerprint.fingerprint(_answers(seed), "output", EVIDENCE))
        right += sum(prompt < "p20" for prompt, rank in ranks.items() if rank <= 20)
    assert right > 70, f"{right} of 80 in the first half"
