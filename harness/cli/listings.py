"""What `models`, `runs` and a dry run show in a terminal: totals first, then one line per row, in 80 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.core import grid, paragraph, visible

if TYPE_CHECKING:
    import polars as pl

SHORTEST = 16
"""Columns that prose needs. It is left out of a narrower terminal."""
COLUMN_GAP = 3
NAMED = 3
"""Models without a price that a dry run names."""


def lines(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int,
    numeric: Sequence[bool] = (),
    least: int = SHORTEST,
) -> str:
    """A table with one line per row: its last column is cut to what the others leave.

    Args:
        header: names of the columns.
        rows: cells as they were written by whoever wrote them.
        width: columns of the terminal.
        numeric: which columns stand to the right. None by default.
        least: columns that the last one needs. It is left out if fewer are left.
    """
    safe = [[visible(cell) for cell in row] for row in rows]
    taken = sum(
        max(map(len, column)) + COLUMN_GAP for column in list(zip(header, *safe, strict=True))[:-1]
    )  # fmt: skip
    left = width - taken
    if left < least:
        return grid(header[:-1], [row[:-1] for row in safe], width, numeric[:-1] or None)
    cut = [[*row[:-1], row[-1] if len(row[-1]) <= left else row[-1][: left - 1] + "…"] for row in safe]
    return grid(header, cut, width, numeric or None)


def models(frame: pl.DataFrame, width: int) -> str:
    """The models: how many can be asked now, then each with what it needs."""
    rows = list(frame.iter_rows(named=True))
    states = [_state(row) for row in rows]
    told = ((states.count(state), text) for state, text in _STATES.items())
    head = f"{len(rows)} models: " + ", ".join(f"{n} {text}" for n, text in told if n) + "."
    shown = [[row["model"], state, _needs(row), row["about"]] for row, state in zip(rows, states, strict=True)]
    return paragraph(head, width) + "\n" + lines(("model", "ready", "needs", "what it is"), shown, width)


_STATES = {
    "yes": "can be asked now",
    "download": "fetch their weights first",
    "no key": "need a key that is not set",
    "lacking": "need something else",
}
"""What the column `ready` says, and how the totals put it."""


def _state(row: Mapping[str, Any]) -> str:
    if row["ready"]:
        return "yes"
    if row["key_set"] is False:
        return "no key"
    return "download" if row["here"] is False else "lacking"


def _needs(row: Mapping[str, Any]) -> str:
    if row["key_env"] is not None:
        return str(row["key_env"])
    if row["here"] is not None:
        return "weights, here" if row["here"] else f"weights, {row['mb']:.0f} MB"
    return row["lacks"] or ""


def runs(frame: pl.DataFrame, width: int) -> str:
    """The runs: totals, then each, the newest last."""
    samples, failed = (int(frame[name].sum()) for name in ("samples", "failed"))
    open_ = frame.filter(frame["status"].is_in(["stopped", "running", "unreadable"])).height
    # What is the same of all runs is in the line above, so that models and tasks have its room.
    alike = frame["status"].unique().to_list() == ["complete"]
    state = "; all are complete" if alike else f"; {count(open_, 'run')} not ended" if open_ else ""
    head = f"{count(frame.height, 'run')}, {count(samples, 'sample')}, {failed:,} of them failed{state}."
    rows = [
        [
            row["run_id"],
            row["status"],
            row["started_at"][5:],
            "" if row["samples"] is None else f"{row['samples']:,}",
            "" if row["failed"] is None else f"{row['failed']:,}",
            f"{row['models']} on {row['tasks']}" if row["models"] else "",
        ]
        for row in frame.iter_rows(named=True)
    ]
    columns = (
        ("run", False),
        ("status", False),
        ("began", False),
        ("samples", True),
        ("failed", True),
        ("models, tasks", False),
    )
    left_out = {"status": alike, "failed": not failed}
    kept = [i for i, (name, _) in enumerate(columns) if not left_out.get(name)]
    header, numeric = zip(*(columns[i] for i in kept), strict=True)
    table = lines(header, [[row[i] for i in kept] for row in rows], width, numeric)
    return f"{paragraph(head, width)}\n{table}"


def count(n: int, noun: str) -> str:
    """`1 run`, `2,000 runs`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def dry_run(name: str, rows: Sequence[Mapping[str, Any]], width: int) -> str:
    """What a run would send and cost: totals, then a line per model and task."""
    total = {key: sum(row[key] or 0 for row in rows) for key in ("requests", "answered", "reusable", "to_send")}
    times = [row["seconds"] for row in rows if row["to_send"]]
    took = "" if not times or None in times else f" Time: about {_duration(sum(times))}."
    head = (
        f"Run {name}: {total['to_send']:,} of {total['requests']:,} requests to send. Nothing was sent.\n"
        f"{_cost(rows, width)}{took}\n"
    )
    kept = [f"{total[key]:,} {word}" for key, word in (("answered", "answered here"), ("reusable", "in other runs"))]
    if total["answered"] or total["reusable"]:
        head += f"Not sent, because they are answered: {', '.join(kept)}.\n"
    cells = [
        [
            row["model"],
            row["task"],
            f"{row['to_send']:,}",
            f"{row['prompt_tokens']:,}",
            f"{row['completion_tokens_at_most']:,}",
            "?" if row["usd_at_most"] is None else f"{row['usd_at_most']:.2f}",
            "" if row["detects"] is None else f"{row['detects']:.3f}",
        ]
        for row in rows
    ]
    header = ("model", "task", "send", "tokens in", "tokens out", "$", "detects")
    table = grid(header, [[visible(cell) for cell in row] for row in cells], width, [False, False, *[True] * 5])
    told = "Tokens are estimates. `tokens out` and `$` hold if every answer is as long as it\nmay be.\n"
    if any(row["detects"] is not None for row in rows):
        told += (
            "`detects` is the smallest difference in accuracy to another model that these\n"
            "documents are likely to show if both answer them (80 % power, 5 % level).\n"
            "`harness power --difference 0.03` says how many a difference of 3 points needs.\n"
        )
    return f"{head}\n{table}\n{told}"


def _cost(rows: Sequence[Mapping[str, Any]], width: int) -> str:
    """What the run costs at most, or whose price is lacking and where to put it."""
    if unpriced := list(dict.fromkeys(row["model"] for row in rows if row["usd_at_most"] is None)):
        known = [row["usd_at_most"] for row in rows if row["model"] not in unpriced]
        others = f" All others cost at most ${sum(known):.2f}." if known else ""
        more = f" and {len(unpriced) - NAMED} more" if len(unpriced) > NAMED else ""
        names = ", ".join(unpriced[:NAMED]) + more
        files = "the model's file" if len(unpriced) == 1 else "each model's file"
        told = f"Cost: unknown. No price is set for {names}. Add `price:` to {files} (docs/models.md, Money).{others}"
        return paragraph(visible(told), width).rstrip("\n")
    return f"Cost: at most ${sum(row['usd_at_most'] for row in rows):.2f}."


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    hours = f"{minutes // 60} h " if minutes // 60 else ""
    return f"{hours}{minutes % 60} min" if minutes else f"{seconds:.0f} s"
