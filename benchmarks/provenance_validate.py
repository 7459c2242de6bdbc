"""The figures of docs/provenance-measured.md: the detector on every corpus of a data folder.

    python benchmarks/provenance_validate.py DATA [corpus ...]

DATA holds `outputs/<corpus>.parquet` and `labels/{students,controls,models}.csv`, and for the sets of 2024 to 2026
`labels/modern_{models,students}.csv`. With `--halves` the AlpacaEval
figures are repeated on random halves of the prompts: what to expect of prompts that nothing was chosen on. With
`--domains` they are repeated on each kind of prompt (`outputs/prompts.parquet` has the texts) beside as many prompts
drawn from all kinds. With `--asked` nothing of this is printed, but what is left where a suspect is asked some of a
panel's prompts; with `--same`, when a model is the same one, corpus by corpus.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from harness.provenance.answers import domains, fingerprint
from harness.provenance.comparison import same
from harness.provenance.comparison.registry import Labels, Registry
from harness.provenance.panels import panel
from harness.provenance.validation.validate import asked_figures, table, validate

CORPORA = ("alpaca_eval", "misguided_attention", "r1_distill_reasoning", "speechmap", "farel_bench")
REPEATED = ("alpaca_eval", "misguided_attention", "speechmap", "eqbench_longform", "slop_score", "farel_bench")
HALVES = 4
DRAWS = 3


def main() -> None:
    """Validate and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("corpora", nargs="*", default=CORPORA)
    parser.add_argument("--halves", action="store_true")
    parser.add_argument("--domains", action="store_true")
    parser.add_argument("--asked", action="store_true")
    parser.add_argument("--same", action="store_true")
    options = parser.parse_args()
    registry = Registry.load(Path(__file__).parents[1] / "conf" / "model_registry.yaml")
    students, controls, models = _tables(options.data / "labels")
    if options.asked or options.same:
        _asked_or_same(options, (students, controls, models), registry)
        return
    for corpus in options.corpora:
        outputs = pl.read_parquet(options.data / "outputs" / f"{corpus}.parquet")
        print(table(validate(outputs, students, controls, models, registry)))
    if not (options.halves or options.domains):
        return
    outputs = pl.read_parquet(options.data / "outputs" / "alpaca_eval.parquet")
    prompts = np.array(sorted(outputs["prompt_id"].unique().to_list()))

    for title, parts in _parts(options, prompts, np.random.default_rng(0)):
        values: dict[str, list[float]] = {}
        for part in parts:
            some = outputs.filter(pl.col("prompt_id").is_in(part.tolist()))
            report = validate(some, students, controls, models, registry, draws=10, curve=(), stability=False)
            for figure in report["figures"]:
                if figure["value"] is not None:
                    values.setdefault(figure["name"], []).append(figure["value"])
        print(f"alpaca_eval, {title}: mean (least, greatest)")
        for name, found in values.items():
            print(f"  {name}: {np.mean(found):.3f} ({min(found):.3f}, {max(found):.3f})")


def _tables(labels: Path) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Documented relations, with those of the sets of 2024 to 2026."""
    students, controls, models = (
        pl.read_csv(labels / f"{name}.csv", infer_schema=False) for name in ("students", "controls", "models")
    )
    modern = pl.read_csv(labels / "modern_models.csv", infer_schema=False)
    known = pl.concat([models.select("model", "lab"), modern.select("model", "lab")]).unique("model", keep="first")
    lab = dict(known.iter_rows())
    dated = modern.select(pl.col("corpora").str.split(";").alias("corpus"), "model", "lab", "released").explode(
        "corpus"
    )
    dated = dated.join(models, on=["corpus", "model"], how="anti").with_columns(role=pl.lit(""))
    taught = pl.read_csv(labels / "modern_students.csv", infer_schema=False).rename(
        {"corpora": "corpus", "kind": "strength"}
    )
    teacher = pl.col("teachers").fill_null("").str.split(";").list.first().replace_strict(lab, default=None)
    taught = taught.with_columns(
        teacher_family=teacher, student_lab=pl.col("student").replace_strict(lab, default=None)
    )
    return (
        pl.concat([students, taught.select(c for c in students.columns if c in taught.columns)], how="diagonal"),
        controls,
        pl.concat([models, dated.select(models.columns)]),
    )


def _asked_or_same(
    options: argparse.Namespace, tables: tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame], registry: Registry
) -> None:
    if options.asked:
        _asked("alpaca_eval", Labels.of("alpaca_eval", *tables))
    if options.same:
        for corpus in REPEATED:
            _same(corpus, options.data, Labels.of(corpus, *tables), registry)


def _asked(name: str, labels: Labels) -> None:
    """The main figures with some prompts asked: candidates read from the same prompts, and from all."""
    made, rng = panel.load(name), np.random.default_rng(1)
    total = len(made.prompts)
    drawn = [sorted(rng.choice(total, 100, replace=False).tolist()) for _ in range(HALVES)]
    chosen = {f"chosen {n}": [sorted(made.order[:n])] for n in (200, 100, 60)}
    for title, several in {
        f"all {total}": [list(range(total))],
        **chosen,
        f"random 100, {HALVES} draws": drawn,
    }.items():
        for both in (True, False) if len(several[0]) < total else (True,):
            rows = [asked_figures(made, labels, asked, both=both) for asked in several]
            mean = {key: np.mean([row[key] for row in rows if key in row]) for key in rows[0]}
            side = "the same prompts" if both else "all prompts"
            print(f"{title}, candidates from {side}: " + ", ".join(f"{k} {v:.3f}" for k, v in mean.items()), flush=True)


def _same(corpus: str, data: Path, labels: Labels, registry: Registry) -> None:
    """Thresholds for the same model, their error rates, and how often a model's second answers find it."""
    place = pl.int_range(pl.len()).over("model", "prompt_id")
    frame = pl.read_parquet(
        data / "outputs" / f"{corpus}.parquet", columns=["model", "prompt_id", "output"]
    ).drop_nulls()
    frame = frame.with_columns(k=place)
    one, two = (fingerprint.fingerprint(frame.filter(pl.col("k") == k), names=[same.CHANNEL]) for k in (0, 1))
    taught = [(row["student"], teacher) for row in labels.students for teacher in row["teachers"].split(";")]
    facts = labels.facts(one.models, registry)
    for limit in same.calibrate(one, facts, taught, two if len(two.models) else None, counts=(25, 60)):
        found = "-"
        if limit.found is not None:
            instead = f"a sibling instead {limit.sibling_instead:.2f}, a stranger {limit.stranger_instead:.2f}"
            found = f"{limit.found:.2f} of {limit.found_of} ({instead})"
        versions = "-" if limit.versions is None else f"{limit.versions:.2f} of {limit.versions_of}"
        print(
            f"{corpus}, {limit.prompts} prompts: threshold {limit.score}, others {limit.others:.4f} of "
            f"{limit.others_pairs}, siblings {limit.siblings:.3f} of {limit.siblings_pairs} (1% at {limit.strict}), "
            f"suspects wrongly named {limit.suspects:.3f}, asked again found {found}, versions {versions}",
            flush=True,
        )


def _parts(
    options: argparse.Namespace, prompts: np.ndarray[Any, Any], rng: np.random.Generator
) -> Iterator[tuple[str, list[np.ndarray[Any, Any]]]]:
    """Parts of the prompts whose figures are printed together."""
    if options.halves:
        halves = [half for _ in range(HALVES // 2) for half in np.array_split(rng.permutation(prompts), 2)]
        yield f"{HALVES} halves of {len(prompts) // 2} prompts", halves
    if options.domains:
        texts = pl.read_parquet(options.data / "outputs" / "prompts.parquet").filter(pl.col("corpus") == "alpaca_eval")
        kind = {i: domains.domain(text) for i, text in texts.select("prompt_id", "prompt").iter_rows()}
        for name in domains.DOMAINS:
            part = np.array([prompt for prompt in prompts if kind.get(prompt) == name])
            yield f"the {len(part)} prompts that are {name}", [part]
            drawn = [rng.permutation(prompts)[: len(part)] for _ in range(DRAWS)]
            yield f"{len(part)} prompts of all kinds, {DRAWS} times", drawn


if __name__ == "__main__":
    main()
