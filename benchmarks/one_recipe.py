"""One recipe taught to several bases: are its students like each other, and like the teacher, or like their bases?

    python benchmarks/one_recipe.py DATA

DATA holds `outputs/skythought.parquet`: answers to competition mathematics of models that were taught long thoughts of
QwQ-32B-Preview by one recipe (Sky-T1, https://github.com/NovaSky-AI/SkyThought; arXiv 2502.07374), of two of their
bases untaught, and of models taught short answers to the same prompts. `outputs/misguided_attention.parquet` has QwQ's
and other models' thoughts about other prompts. Nobody answered both, so only habits can be compared across the sets.

Printed for each student: how like it is to students on another base, and to its own base (the combined channels, on
the same prompts); and how like it is to QwQ-32B on other prompts, and QwQ's rank among all models there. Topics work
against the claim: a student shares its prompts with its base, and none with QwQ. Intervals are over prompts, by a
delete-a-group jackknife with ten groups. The recipe is one, so the students are no independent trials.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from harness.provenance.answers import fingerprint
from harness.provenance.answers.fingerprint import Fingerprints, channel
from harness.provenance.comparison import similarity, uncertainty
from harness.provenance.comparison.calibration import Matrix
from harness.provenance.comparison.evidence import EVIDENCE

TASKS = ("aime24", "amc23")
"""The 70 prompts that all but the checkpoints answered. These answered the 30 of aime24."""
CUT = 6_000
"""Characters that the answers of skythought are cut at: a text of that length has no ending of its own."""
TAGS = r"<\|(begin|end)_of_(thought|solution)\|>"
"""What the recipe writes around thoughts. It would tell its students from everybody, so it is taken off."""
TEACHER = "qwq-32b"
"""Of the other set. QwQ-32B-Preview answered 13 of its prompts, too few for a rank."""
QWEN, GEMMA = "qwen2.5-14b-instruct", "gemma-2-27b-it"
BASES = {"14b": QWEN, "27b": GEMMA, "32b": QWEN}
"""By size in a student's name. Qwen2.5-32B-Instruct is not in the set: its sister of 14B stands for it."""
HABITS = tuple(n for n in EVIDENCE if channel(n).KIND == "habit" and channel(n).WINDOW != "tail")
"""Compared across prompts. Most of the students' texts are cut, and have no ending."""
TRACE = 200
"""Characters of a recorded trace from which on it is the model's thought. Others think in their answer, or not."""
LEAST = 10
"""Prompts of the other set that a model must have answered to be ranked."""


@dataclass(frozen=True)
class Row:
    """One student.

    Attributes:
        student: its name.
        prompts: it answered, of skythought.
        others: mean similarity to students on another base, with limits.
        base: similarity to its own base.
        teacher: likeness of habits to QwQ's on other prompts.
        own: likeness of the same habits to its own base.
        gain: the teacher's less the base's, with limits.
        rank: of QwQ among the other set's models, and how many these are.
    """

    student: str
    prompts: int
    others: tuple[float, float, float]
    base: float
    teacher: float
    own: float
    gain: tuple[float, float, float]
    rank: tuple[int, int]


def size_of(student: str) -> str:
    """Which of `BASES` a student's name says."""
    return next(size for size in BASES if f"-{size}" in student)


def taught_short(student: str) -> bool:
    """Whether it was taught short answers: the recipe's prompts without QwQ's thoughts."""
    return "-short" in student


def answers(data: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The answers of skythought, and the other set's thoughts: columns `model`, `prompt_id`, `output`, `cut`."""
    sky = pl.read_parquet(data / "outputs" / "skythought.parquet").filter(pl.col("task").is_in(TASKS))
    sky = sky.select(
        "model", "prompt_id", pl.col("output").str.replace_all(TAGS, ""), cut=pl.col("output").str.len_chars() == CUT
    )
    other = pl.read_parquet(data / "outputs" / "misguided_attention.parquet")
    traced = pl.when(pl.col("reasoning").str.len_chars() > TRACE).then(pl.col("reasoning"))
    other = other.select("model", "prompt_id", output=pl.coalesce(traced, "output"), cut=pl.lit(value=False))
    return sky, other.drop_nulls("output")


def rows(data: Path) -> list[Row]:
    """Every student, those taught short answers last. These are of one base, and are read beside the others."""
    sky, other = answers(data)
    here = fingerprint.fingerprint(sky, "output", EVIDENCE)
    both = fingerprint.fingerprint(pl.concat([sky, other]), "output", HABITS)
    students = [m for m in here.models if m.startswith("sky-t1")]
    near = [_near(prints) for prints in (here, *_without(here))]
    like = [_like(prints) for prints in (both, *_without(both))]
    ranked = [m for m in other["model"].unique().sort().to_list() if both.answered[both.models.index(m)].sum() >= LEAST]
    at = {name: i for i, name in enumerate(both.models)}
    found = []
    for student in sorted(students, key=lambda name: (taught_short(name), name)):
        base = BASES[size_of(student)]
        peers = [s for s in students if BASES[size_of(s)] != base and taught_short(s) == taught_short(student)]
        peers = peers or [s for s in students if BASES[size_of(s)] != base]
        i, places = here.models.index(student), [here.models.index(p) for p in peers]
        order = sorted(ranked, key=lambda m: -like[0][at[student], at[m]])
        found.append(
            Row(
                student,
                int(here.answered[i].sum()),
                _jackknife([float(np.nanmean(m[i, places])) for m in near]),
                float(near[0][i, here.models.index(base)]),
                float(like[0][at[student], at[TEACHER]]),
                float(like[0][at[student], at[base]]),
                _jackknife([float(m[at[student], at[TEACHER]] - m[at[student], at[base]]) for m in like]),
                (order.index(TEACHER) + 1, len(order)),
            )
        )
    return found


def _near(prints: Fingerprints) -> Matrix:
    """Standardised similarity of all combined channels, on the same prompts."""
    return similarity.standardised((similarity.matrix(prints, name) for name in EVIDENCE), len(prints.models))


def _like(prints: Fingerprints) -> Matrix:
    """Mean cosine of habits, whatever prompts they showed on, -1 to 1."""
    mean: Matrix = np.mean([similarity.habit(prints, name) for name in HABITS], axis=0)
    return mean


def _without(prints: Fingerprints) -> list[Fingerprints]:
    """The same without each of ten groups of prompts."""
    count = len(prints.prompts)
    return [prints.subset(sorted(set(range(count)) - set(group))) for group in similarity.dealt(count)]


def _jackknife(values: Sequence[float]) -> tuple[float, float, float]:
    """A value with its 95 % limits, of the value on all prompts and those without a group."""
    whole, half = values[0], float(uncertainty.half_widths(uncertainty.scaled(np.array(values[1:]))))
    return whole, whole - half, whole + half


def table(found: Sequence[Row]) -> str:
    """Markdown."""
    heads = ("student", "prompts", "like students on another base", "like its base", "like QwQ, other prompts",
             "like its base", "QwQ's less its base's", "QwQ's rank")  # fmt: skip
    cells = [
        (r.student, str(r.prompts), _limits(r.others), f"{r.base:+.2f}", f"{r.teacher:+.2f}", f"{r.own:+.2f}",
         _limits(r.gain), f"{r.rank[0]} of {r.rank[1]}")
        for r in found
    ]  # fmt: skip
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, ("---",) * len(heads), *cells))


def _limits(value: tuple[float, float, float]) -> str:
    return f"{value[0]:+.2f} [{value[1]:+.2f}, {value[2]:+.2f}]"


def summary(found: Sequence[Row]) -> Mapping[str, str]:
    """How many students are nearer to others, and to QwQ, than to their base: by what they were taught."""
    said = {}
    for name, mine in (("long thoughts", [r for r in found if not taught_short(r.student)]),
                       ("short answers", [r for r in found if taught_short(r.student)])):  # fmt: skip
        said[name] = (
            f"{sum(r.others[0] > r.base for r in mine)} of {len(mine)} nearer to students on another base than to "
            f"their own; {sum(r.gain[0] > 0 for r in mine)} nearer to QwQ ({sum(r.gain[1] > 0 for r in mine)} with the "
            f"interval above 0); QwQ first for {sum(r.rank[0] == 1 for r in mine)}"
        )
    return said


def main() -> None:
    """Print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    found = rows(parser.parse_args().data)
    print(table(found))
    for name, said in summary(found).items():
        print(f"\n{name}: {said}")


if __name__ == "__main__":
    main()
