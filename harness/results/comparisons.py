"""Models compared in pairs on what the index holds: the table `comparisons`, and what `harness compare` says.

The statistics are in `harness.stats.pairs` and `harness.stats.ranks`. Here documents are matched, and numbers put in
words.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import runs
from harness.core import grid, tables, visible, wrapped
from harness.errors import ConfigError, unknown_name
from harness.results import store
from harness.stats import pairs, power, ranks

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

CUT = 240
"""Longest text of an item on the screen, in characters. `--flips` holds the whole."""

_HEADLINES = """
    SELECT run_id, model, task, metric, document, documents.source,
        tasks.task_hash || ' ' || coalesce(tasks.num_fewshot, 0) AS asked, tasks.higher_is_better,
        total, count, is_binary
    FROM documents
    JOIN tasks USING (run_id, task)
    {join}
    WHERE {where}
    ORDER BY ALL
"""


@dataclass(frozen=True)
class Side:
    """The headline values of one model on one task."""

    run: str
    asked: str
    """Identity of the task's files and number of worked examples."""
    higher_is_better: bool
    documents: Sequence[str]
    """Every document of the task, from whomever. What follows is in their order."""
    scores: pairs.Scores
    sources: NDArray[np.int64]
    """Number of each document's source. -1 if the model has no score."""


Sides = dict[tuple[str, str], dict[str, Side]]
"""By task and metric, then by model."""


def table(query: store.Query, changed: store.Changed) -> pl.DataFrame:
    """Every pair of models on a task of which one has changed, from the chosen runs. Columns as in `schema.py`.

    Task by task, so that no more than one task's scores are held at once.
    """
    import polars as pl

    rows = []
    for task, group in itertools.groupby(sorted(changed, key=lambda pair: pair[1]), key=lambda pair: pair[1]):
        moved = {model for model, _ in group}
        where = f"task = {_quoted(task)}"
        frame = query(_HEADLINES.format(join="JOIN chosen USING (run_id, model, task)", where=where))
        for (_, metric), sides in sorted(_sides(frame, "model").items()):
            for (name_a, a), (name_b, b) in itertools.combinations(sorted(sides.items()), 2):
                if not moved.isdisjoint((name_a, name_b)) and (found := _paired(a, b)).n:
                    rows.append(_row(task, metric, name_a, name_b, a, b, found))
    return pl.DataFrame(rows, schema=_schema(), orient="row")


def _schema() -> dict[str, Any]:
    import polars as pl

    text = ("task", "metric", "model_a", "model_b", "run_a", "run_b")
    real = ("value_a", "value_b", "difference", "ci_low", "ci_high")
    return {
        **dict.fromkeys(text, pl.String),
        "same_task": pl.Boolean,
        "n": pl.Int64,
        "n_sources": pl.Int64,
        **dict.fromkeys(real, pl.Float64),
        "ci_method": pl.String,
        "std_error": pl.Float64,
        "df": pl.Float64,
        "p_value": pl.Float64,
        "test": pl.String,
        "a_better": pl.Int64,
        "b_better": pl.Int64,
        "detectable": pl.Float64,
    }


def _sides(frame: pl.DataFrame, name: str) -> Sides:
    import numpy as np
    import polars as pl

    # A source of its own for every document that shares none.
    named = pl.when(pl.col("source").is_null()).then("d" + pl.col("document")).otherwise("s" + pl.col("source"))
    frame = frame.with_columns(source=named.rank("dense").cast(pl.Int64))
    sides: Sides = {}
    for (task, metric), part in frame.partition_by("task", "metric", as_dict=True).items():
        documents = part["document"].unique().sort().to_list()
        part = part.with_columns(place=pl.col("document").rank("dense").cast(pl.Int64) - 1)  # noqa: PLW2901
        for (who,), own in part.partition_by(name, as_dict=True).items():
            place = own["place"].to_numpy()
            total, count, source = np.zeros(len(documents)), *np.full((2, len(documents)), [[0], [-1]])
            total[place], count[place], source[place] = own["total"], own["count"], own["source"]
            scores = pairs.Scores(total, count, bool(own["is_binary"].all()))
            better = own["higher_is_better"][0] is not False
            side = Side(own["run_id"][0], own["asked"][0], better, documents, scores, source)
            sides.setdefault((task, metric), {})[who] = side
    return sides


def _paired(a: Side, b: Side) -> pairs.Paired:
    return pairs.compare_scores(a.scores, b.scores, a.sources)


def _row(task: str, metric: str, name_a: str, name_b: str, a: Side, b: Side, found: pairs.Paired) -> tuple[Any, ...]:
    return (
        task,
        metric,
        name_a,
        name_b,
        a.run,
        b.run,
        a.asked == b.asked,
        found.n,
        found.sources,
        found.value_a,
        found.value_b,
        found.difference,
        found.low,
        found.high,
        found.method,
        found.standard_error,
        None if math.isinf(found.df) else float(found.df),
        found.p_value,
        found.test,
        found.a_better,
        found.b_better,
        found.detectable,
    )


# Two models or runs, side by side ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Report:
    """What `harness compare` found."""

    names: tuple[str, str]
    tasks: pl.DataFrame
    """One row per task: columns of `comparisons`, with `p_holm` (Holm over the tasks) and `higher_is_better`."""
    flips: pl.DataFrame
    """One row per document that the two do not score the same, with the texts of the first answer of either."""


def compare(results: Path, a: str, b: str) -> Report:
    """Compare two models, or two runs, on every task that both have a headline score for.

    Args:
        results: the results folder. Its index must be up to date.
        a: a model's name, a run id (or enough of it), or RUN:MODEL if a run holds several.
        b: the other.

    Raises:
        ConfigError: no such model or run, a run that needs its model named, twice the same, or no task in common.
    """
    import polars as pl

    def query(sql: str) -> pl.DataFrame:
        return store.query(results, sql)

    frames, where = [], {}
    for mark, word in (("a", a), ("b", b)):
        join, where[mark] = _meaning(results, query, word)
        frame = query(_HEADLINES.format(join=join, where=where[mark])).with_columns(side=pl.lit(mark))
        frames.append(frame)
    if not frames[0].is_empty() and frames[0].drop("side").equals(frames[1].drop("side")):
        raise ConfigError(f"{a} and {b} are the same answers; name two models, or two runs, to compare")
    shared = {key: s for key, s in _sides(pl.concat(frames), "side").items() if len(s) == len(frames)}
    if not shared:
        raise ConfigError(
            f'{a} and {b} have no scored task in common; `harness sql "SELECT model, task FROM chosen"` lists what ran'
        )
    rows, better = [], []
    for (task, metric), side in sorted(shared.items()):
        found = _paired(side["a"], side["b"])
        rows.append(_row(task, metric, a, b, side["a"], side["b"], found))
        better.append(side["a"].higher_is_better)
    frame = pl.DataFrame([row for row in rows if row[7]], schema=_schema(), orient="row")
    if frame.is_empty():
        raise ConfigError(f"{a} and {b} were never scored on the same document: there is nothing to pair")
    tested = frame["p_value"].drop_nulls().to_list()
    adjusted = iter(ranks.holm(tested))
    frame = frame.with_columns(
        p_holm=pl.Series([None if p is None else next(adjusted) for p in frame["p_value"]], dtype=pl.Float64),
        higher_is_better=pl.Series([up for up, row in zip(better, rows, strict=True) if row[7]], dtype=pl.Boolean),
    )
    return Report((a, b), frame, _flips(query, where["a"], where["b"], shared))


def _meaning(results: Path, query: store.Query, word: str) -> tuple[str, str]:
    """The join and the condition that pick out a model or a run from `_HEADLINES`."""
    models = query("SELECT DISTINCT model FROM chosen ORDER BY model")["model"].to_list()
    if word in models:
        return "JOIN chosen USING (run_id, model, task)", f"model = {_quoted(word)}"
    run, _, model = word.partition(":")
    try:
        folder = runs.find_run(results, run).name
    except ConfigError as error:
        raise ConfigError(unknown_name("model", word, models, f"as a run: {error}")) from error
    held = query(f"SELECT model FROM models WHERE run_id = {_quoted(folder)} ORDER BY model")["model"].to_list()
    if model and model not in held:
        raise ConfigError(unknown_name(f"model of run {folder}", model, held))
    if not model and len(held) != 1:
        raise ConfigError(f"run {folder} holds {len(held)} models: say {run}:MODEL with one of {', '.join(held)}")
    return "", f"run_id = {_quoted(folder)} AND model = {_quoted(model or held[0])}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _flips(query: store.Query, where_a: str, where_b: str, shared: Sides) -> pl.DataFrame:
    """The documents with different means, largest difference first, with prompt, target and first answers."""
    import numpy as np
    import polars as pl

    texts = []
    for side, where in (("a", where_a), ("b", where_b)):
        used = ", ".join(sorted({_quoted(s[side].run) for s in shared.values()}))
        texts.append(
            query(
                f"""
                SELECT task, md5(CAST(doc AS VARCHAR)) AS document, doc_id,
                    coalesce(prompt, messages ->> '$[#-1].content') AS prompt, target,
                    output AS output_{side}, extracted AS extracted_{side}
                FROM samples JOIN metrics USING (run_id, model, task) JOIN scores USING (run_id, sample_id, metric)
                WHERE is_headline AND {where} AND run_id IN ({used})
                    AND scores.filter IS NOT DISTINCT FROM metrics.filter
                    AND scores.scorer IS NOT DISTINCT FROM metrics.scorer
                QUALIFY row_number() OVER (PARTITION BY task, document ORDER BY run_id, repeat) = 1
                ORDER BY ALL
                """
            )
        )
    means = []
    for (task, metric), both in sorted(shared.items()):
        a, b = both["a"].scores, both["b"].scores
        at = np.flatnonzero((a.count > 0) & (b.count > 0))
        mean_a, mean_b = a.total[at] / a.count[at], b.total[at] / b.count[at]
        means += [
            (task, metric, both["a"].documents[i], x, y)
            for i, x, y in zip(at.tolist(), mean_a.tolist(), mean_b.tolist(), strict=True)
            if x != y
        ]
    schema = {
        "task": pl.String,
        "metric": pl.String,
        "document": pl.String,
        "value_a": pl.Float64,
        "value_b": pl.Float64,
    }
    return (
        pl.DataFrame(means, schema=schema, orient="row")
        .join(texts[0], on=["task", "document"], how="left")
        .join(texts[1].select("task", "document", "output_b", "extracted_b"), on=["task", "document"], how="left")
        .sort(-(pl.col("value_a") - pl.col("value_b")).abs(), "task", "doc_id", "document")
        .sort("task", maintain_order=True)
    )


def text(report: Report, show: int = 2, width: int = tables.WIDTH) -> str:
    """The report in words, no wider than `width`. Nothing a model wrote can move the cursor.

    Args:
        report: what was found.
        show: flipped documents shown per task and direction.
        width: columns of the terminal.
    """
    a, b = (visible(name) for name in report.names)
    header = ["task", "A", "B", "A - B [95 %]", "n", "only A:B", "p Holm"]
    rows = [
        [
            visible(row["task"]),
            _short(row["value_a"]),
            _short(row["value_b"]),
            f"{_short(row['difference'], '+')} {_interval(row)}",
            str(row["n"]),
            f"{row['a_better']}:{row['b_better']}",
            _p(row["p_holm"]),
        ]
        for row in report.tasks.iter_rows(named=True)
    ]
    numeric = [False, *[True] * (len(header) - 1)]
    parts = [wrapped(f"A is {a}, B is {b}. {_totals(report)}", width) + "\n", grid(header, rows, width, numeric)]
    for row in report.tasks.iter_rows(named=True):
        how = f"Interval: {row['ci_method']}; test: {row['test']}; p {_p(row['p_value'])} before Holm over the tasks"
        if row["n_sources"] < row["n"]:
            how += f"; {row['n']} documents of {row['n_sources']} sources"
        parts.append(wrapped(visible(f"{sentence(row, *report.names)} ({how}.)"), width) + "\n")
        flips = report.flips.filter(task=row["task"])
        for name, mine in ((a, flips["value_a"] > flips["value_b"]), (b, flips["value_a"] < flips["value_b"])):
            for flip in flips.filter(mine).head(show).iter_rows(named=True):
                said = [
                    ["asked", flip["prompt"]],
                    ["expected", flip["target"]],
                    *([n, _answer(flip, m)] for n, m in zip(report.names, "ab", strict=True)),
                ]
                title = ["flipped", f"{visible(flip['task'])}, document {flip['doc_id']}: higher for {name}"]
                parts.append(grid(title, [[visible(k), _cut(v)] for k, v in said], width))
    return "\n".join(parts)


def _totals(report: Report) -> str:
    """On how many tasks either is ahead by more than chance explains."""
    ahead = {True: 0, False: 0}
    for row in report.tasks.iter_rows(named=True):
        if row["difference"] and row["p_holm"] is not None and row["p_holm"] < power.ALPHA:
            ahead[(row["difference"] > 0) is row["higher_is_better"]] += 1
    n = report.tasks.height
    tied = n - sum(ahead.values())
    on = f"Of {n} task{'' if n == 1 else 's'}"
    return f"{on}, A is better on {ahead[True]}, B on {ahead[False]}; {tied} cannot be told apart."


def _short(value: float, sign: str = "") -> str:
    """A score as people write it: .726, or 12.345."""
    return re.sub(r"^([+-]?)0\.", r"\1.", f"{value:{sign}.3f}")


def sentence(row: dict[str, Any], a: str, b: str) -> str:
    """One comparison in plain words. `row` as in `Report.tasks`."""
    names, turn = ((a, b), 1) if row["difference"] >= 0 else ((b, a), -1)
    share = min(row["value_a"], row["value_b"]) >= 0 and max(row["value_a"], row["value_b"]) <= 1
    scale, unit = (100, " points") if share else (1, "")
    ahead = "better" if row["higher_is_better"] else "worse (a lower number is better here)"
    sized = f"{turn * row['difference'] * scale:.3g}{unit}"
    limits = sorted(turn * x * scale for x in (row["ci_low"], row["ci_high"])) if _has(row) else []
    could = ""
    if row["detectable"] and share and row["detectable"] > 1:
        could = " So few documents would probably not show even the largest difference that there can be."
    elif row["detectable"]:
        least = f"{row['detectable'] * scale:.3g}{unit}"
        could = f" A true difference of {least} or more would probably have shown (4 times in 5)."
    warn = "" if row["same_task"] else " Careful: the two runs used different task files or worked examples."
    asked = f"on the same {row['n']} documents"
    if row["p_holm"] is not None and row["p_holm"] < power.ALPHA:
        between = f", between {limits[0]:.3g} and {limits[1]:.3g}" if limits else ""
        return (
            f"{row['task']}: {names[0]} is {ahead} than {names[1]} by {sized}{between}, {asked}. Two that do "
            f"equally well would show such a gap {_seldom(row['p_holm'])}.{could}{warn}"
        )
    if not row["difference"]:
        return f"{row['task']}: {a} and {b} score the same {asked}.{could}{warn}"
    return (
        f"{row['task']}: {a} and {b} cannot be told apart {asked}: {names[0]} is ahead by {sized}, which chance "
        f"may explain.{could} That is no proof that they do equally well.{warn}"
    )


ODDS = (1_000_000, 100_000, 10_000, 1000, 500, 200, 100, 50, 20)
"""Round numbers of comparisons, of which a p is the share."""


def _seldom(p: float) -> str:
    """A p below .05 in words that are true of it: the largest round number of comparisons that has less than one."""
    once = next((many for many in ODDS if p < 1 / many), None)
    return "once in 20 comparisons like this" if once is None else f"less than once in {once:,} comparisons like this"


def _has(row: dict[str, Any]) -> bool:
    return row["ci_low"] is not None and row["ci_high"] is not None


def _interval(row: dict[str, Any]) -> str:
    limits = (re.sub(r"^(-?)0\.", r"\1.", f"{row[key]:.2f}") for key in ("ci_low", "ci_high"))
    return f"[{', '.join(limits)}]" if _has(row) else "[no interval]"


def _p(value: float | None) -> str:
    return "-" if value is None else "<.001" if value < 0.001 else f"{value:.3f}".lstrip("0")  # noqa: PLR2004


def _answer(flip: dict[str, Any], side: str) -> str:
    said, read = flip[f"output_{side}"], flip[f"extracted_{side}"]
    return (f"(read as: {read}) " if read else "") + (said or "(no answer)")


def _cut(value: str | None) -> str:
    shown = visible(value or "-")
    return shown if len(shown) <= CUT else f"{shown[: CUT // 2]} … {shown[-CUT // 2 :]}"


ITEMS = (30, 50, 100, 200, 500, 1000, 2000, 5000)
"""What `powers` shows if no number of items is named."""


def powers(items: Sequence[int], design: power.Design, difference: float | None = None) -> pl.DataFrame:
    """What comparing two models can see. One row per number of items, or for the fewest that show a difference.

    Args:
        items: numbers of items. `ITEMS` if there is none and no difference.
        design: how they are compared.
        difference: a difference in accuracy to be seen, for another row.

    Raises:
        ValueError: a number out of its range.
    """
    import polars as pl

    wanted = list(items or (() if difference is not None else ITEMS))
    if difference is not None:
        wanted.append(design.items_needed(difference))
    rows = [(n, design.detectable_difference(n), design.margin(n)) for n in wanted]
    columns = ("items", "detectable_difference", "margin_of_one_score")
    return pl.DataFrame(rows, schema=dict(zip(columns, (pl.Int64, pl.Float64, pl.Float64), strict=True)), orient="row")
