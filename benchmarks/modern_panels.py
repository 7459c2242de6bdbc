"""Make the panels of models of 2025 and 2026 that ship, from the sets they are of.

    python benchmarks/modern_panels.py DATA [NAME ...] [--out harness/provenance/panels/shipped]

DATA holds `outputs/NAME.parquet` and `outputs/prompts.parquet`. What is known of models is the registry's
(`conf/model_registry.yaml`), what is documented among them `modern_students.csv` beside this file. Each panel is ranked
and calibrated as `harness panel build` does it, and the same command makes the same bytes. Prints their sizes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from harness.provenance.comparison import registry, similarity
from harness.provenance.panels import panel_files
from harness.provenance.verdicts import pools

LATE = "2025-11/12"
"""The period of lineage-bench whose answers come with traces."""
CUT = 6_000
"""Characters that answers of some sets are cut at: a text as long has no ending of its own."""


@dataclass(frozen=True)
class Source:
    """Where a set is from, and what of it is taken."""

    source: str
    licence: str
    published: str
    aliases: tuple[str, ...] = ()
    reads: str | None = None
    least: int = 25
    """Prompts a model must have answered: fewer are never compared."""
    models: int = 20
    """Models that must have answered a prompt."""
    rows: Callable[[pl.DataFrame], pl.DataFrame] = lambda frame: frame
    origin: str = ""
    note: str = ""


def _late(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("period") == LATE)


SOURCES = {
    "misguided_attention": Source(
        "https://github.com/cpldcpu/MisguidedAttention, its long evaluation",
        "CC0-1.0",
        "https://github.com/cpldcpu/MisguidedAttention",
        origin="cpldcpu/MisguidedAttention",
        note="Four prompts had a second wording in the source: answers to either are taken.",
    ),
    "speechmap": Source(
        "https://github.com/xlr8harder/llm-compliance and speechmap-data, 300 of its questions",
        "Apache-2.0",
        "https://huggingface.co/datasets/speechmap/speechmap-data",
        aliases=("chatgpt-4o-latest",),
        origin="xlr8harder/speechmap-data",
    ),
    "slop_score": Source(
        "https://github.com/sam-paech/slop-score, half of its prompts",
        "MIT",
        "https://github.com/sam-paech/slop-score",
        aliases=("chatgpt-4o-latest",),
        models=8,
        origin="sam-paech/slop-score",
    ),
    "lineage_bench": Source(
        "https://github.com/fairydreaming/lineage-bench, quizzes of November and December 2025, reasoning traces",
        "MIT",
        "https://github.com/fairydreaming/lineage-bench-results",
        reads="full",
        models=8,
        rows=_late,
        origin="fairydreaming/lineage-bench",
        note="Answers are one line and are not read. Traces that their makers summarise are not in it.",
    ),
    "multivac": Source(
        "https://github.com/themultivac/multivac-evaluation, half of its prompts; answers of at most 6,000 characters",
        "MIT",
        "https://github.com/themultivac/multivac-evaluation",
        aliases=("deepseek-v3",),
        least=20,
        models=3,
        origin="themultivac/multivac-evaluation",
        note="About ten models share most of the prompts: too few pairs for a test, so likeness alone is shown.",
    ),
}


def make(name: str, data: Path, out: Path) -> str:
    """Make one panel; what came of it, for a reader."""
    about = SOURCES[name]
    prompts = pl.read_parquet(data / "outputs" / "prompts.parquet").filter(pl.col("corpus") == name)
    answers = about.rows(pl.read_parquet(data / "outputs" / f"{name}.parquet"))
    aliases = tuple(alias for alias in about.aliases if alias in set(answers["model"]))
    answers, prompts = _chosen(answers, prompts, about)
    texts = prompts.select(
        "prompt_id",
        "prompt",
        origin=pl.lit(about.origin),
        licence=pl.lit(about.licence),
        published=pl.lit(about.published),
    )
    students = pl.read_csv(Path(__file__).with_name("modern_students.csv"), infer_schema=False)
    none = (pl.DataFrame(schema=dict.fromkeys(columns, pl.String)) for columns in (registry.CONTROLS, registry.MODELS))
    says = {"source": about.source, "licence": about.licence, "version": 1, "note": about.note, "reads": about.reads}
    made = panel_files.from_tables(
        name, answers, texts, (students, *none), (None, None), pools.registry(panels=False),
        {key: value for key, value in says.items() if value}, aliases,
    )  # fmt: skip
    size = panel_files.write(made, out)
    return f"{name}: {len(made.entries)} models, {len(made.prompts)} prompts, {size / 1e6:.2f} MB"


def _chosen(answers: pl.DataFrame, prompts: pl.DataFrame, about: Source) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Answers and prompts that are compared: one id a text, models and prompts with enough answers, cut ends marked."""
    first = prompts.sort("prompt_id").group_by("prompt", maintain_order=True).agg(ids="prompt_id")
    same = {other: ids[0] for ids in first["ids"].to_list() for other in ids}
    text = "output" if about.reads is None else "reasoning"
    kept = answers.with_columns(pl.col("prompt_id").replace(same), cut=pl.col(text).str.len_chars() == CUT)
    kept = kept.filter(pl.col(text).str.len_chars() > 0)
    for _ in range(5):  # a prompt may go with its models, and a model with its prompts
        often = kept.group_by("prompt_id").agg(n=pl.col("model").n_unique()).filter(pl.col("n") >= about.models)
        kept = kept.filter(pl.col("prompt_id").is_in(often["prompt_id"].to_list()))
        least = max(about.least, similarity.MIN_SHARED)
        wide = kept.group_by("model").agg(n=pl.col("prompt_id").n_unique()).filter(pl.col("n") >= least)
        kept = kept.filter(pl.col("model").is_in(wide["model"].to_list()))
    return kept, prompts.filter(pl.col("prompt_id").is_in(kept["prompt_id"].unique().to_list())).sort("prompt_id")


def main() -> None:
    """Make the panels that are named, or all."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("data", type=Path)
    words.add_argument("names", nargs="*", default=list(SOURCES))
    words.add_argument("--out", type=Path, default=Path("harness/provenance/panels/shipped"))
    said = words.parse_args()
    for name in said.names:
        print(make(name, said.data, said.out), flush=True)


if __name__ == "__main__":
    main()
