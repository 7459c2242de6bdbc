"""The fixed protocol of `validate`: which models of an answers file are compared, and what is documented of them.

It is the same for every detector: too few prompts leave a model out, one model under two names counts once, candidates
and dates come from the tables, and lineages group what is not independent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from harness.errors import ConfigError
from harness.provenance.comparison import similarity
from harness.provenance.comparison.calibration import ModelFacts
from harness.provenance.comparison.registry import Labels, Registry
from harness.provenance.validation.duplicates import duplicates
from harness.provenance.validation.figures import Row


@dataclass(frozen=True)
class PromptSet:
    """The models of one prompt set that are compared.

    Attributes:
        corpus: its name.
        label: the name, with `(traces)` if reasoning is compared.
        column: of the texts: `output` or `reasoning`.
        texts: columns `model`, `prompt_id` and the texts, of the models that are compared.
        left_out: models that answered too few prompts.
        duplicates: models removed because their answers are another's, and whose.
        labels: documented relations.
        registry: fills what the tables leave empty.
    """

    corpus: str
    label: str
    column: str
    texts: pl.DataFrame
    left_out: frozenset[str]
    duplicates: dict[str, str]
    labels: Labels
    registry: Registry

    @property
    def models(self) -> tuple[str, ...]:
        """Sorted names."""
        return tuple(sorted(self.texts["model"].unique().to_list()))

    def about(self, facts: Sequence[ModelFacts], candidates: Sequence[int]) -> Row:
        """What a report says of the set."""
        return {
            "corpus": self.label,
            "models": len(facts),
            "left_out": len(self.left_out),
            "duplicates": self.duplicates,
            "prompts": self.texts["prompt_id"].n_unique(),
            "candidates": len(candidates),
            "dated": sum(fact.released is not None for fact in facts),
        }


def prompt_sets(
    outputs: pl.DataFrame, students: pl.DataFrame, controls: pl.DataFrame, models: pl.DataFrame, registry: Registry
) -> Iterator[PromptSet]:
    """The prompt sets of an answers file, answers and traces apart.

    Args:
        outputs: columns `corpus`, `model`, `prompt_id`, `output`, optionally `reasoning` and `cut` (true if a limit cut
            the answer off: it has no ending of its own).
        students: documented relations (`registry.STUDENTS`).
        controls: models documented not to be trained on a lab's outputs (`registry.CONTROLS`).
        models: role, lab and month of release (`registry.MODELS`).
        registry: fills what the tables leave empty.

    Raises:
        ConfigError: a column is missing.
    """
    missing = sorted({"corpus", "model", "prompt_id", "output"} - set(outputs.columns))
    if missing:
        raise ConfigError(f"outputs: missing column {', '.join(missing)}")
    for name, part, column, label in _parts(outputs):
        labels = Labels.of(name, students, controls, models)
        enough = (
            part.group_by("model")
            .agg(n=pl.col("prompt_id").n_unique())
            .filter(pl.col("n") >= similarity.least(traces=column == "reasoning"))["model"]
        )
        compared = part.filter(pl.col("model").is_in(enough.to_list()))
        same = _duplicates(compared, column, labels, registry)
        yield PromptSet(
            corpus=name,
            label=label,
            column=column,
            texts=compared.filter(~pl.col("model").is_in(list(same))),
            left_out=frozenset(part["model"].unique().to_list()) - set(enough.to_list()),
            duplicates=same,
            labels=labels,
            registry=registry,
        )


def _duplicates(texts: pl.DataFrame, column: str, labels: Labels, registry: Registry) -> dict[str, str]:
    """Models to remove: of two, candidates are kept before documented models, and those before the others."""
    names = tuple(sorted(texts["model"].unique().to_list()))
    facts = labels.facts(names, registry)
    candidates = {names[i] for i in labels.candidates(names, facts)}
    documented = {row["student"] for row in labels.students} | {row["model"] for row in labels.controls}
    copies = dict(zip(names, (fact.copy_of for fact in facts), strict=True))

    def versions(one: str, other: str) -> bool:
        return one in copies[other] or other in copies[one] or bool(copies[one] & copies[other])

    order = sorted(names, key=lambda name: (name not in candidates, name not in documented, name))
    return duplicates(texts, column, order, versions)


def _parts(outputs: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame, str, str]]:
    """Corpora of a file, answers and traces apart: name, texts, the column that holds them, label."""
    for name in sorted(outputs["corpus"].unique().to_list()):
        here = outputs.filter(pl.col("corpus") == name)
        columns = [c for c in ("model", "prompt_id", "output", "cut") if c in here.columns]
        if "output" in columns and len(part := here.select(columns).drop_nulls("output")):
            yield name, part, "output", name
        if "reasoning" not in here.columns:
            continue
        here = here.drop_nulls("reasoning")
        kinds = here["reasoning_kind"].unique().sort().to_list() if "reasoning_kind" in here.columns else [None]
        for kind in kinds:
            part = here if kind is None else here.filter(pl.col("reasoning_kind") == kind)
            if len(part):
                label = f"{name} (traces)" if kind is None else f"{name} (traces: {kind})"
                yield name, part.select("model", "prompt_id", "reasoning"), "reasoning", label
