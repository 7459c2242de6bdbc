"""The figures, as Vega-Lite specifications (https://vega.github.io/vega-lite/docs/): data in, plain dicts out.

One function per figure. Names of models are data, never part of an expression. Datasets that a reader can change in the
page (a pair, a task) are named, so that the page replaces the data and keeps the drawing. Colours are Okabe and Ito's
(2008, https://jfly.uni-koeln.de/color/) and the viridis scale: both are told apart by colour-blind readers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.errors import ConfigError, unknown_name
from harness.results.report import against
from harness.results.report.gather import Data, unpacked

Spec = dict[str, Any]

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, "#E69F00", "#56B4E9", "#999999")
FEW = 25
"""Points up to which all are named in the drawing. Above it the page's table and tooltips name them."""
MOST = 40
"""Models that the figure of scores shows, the first of the leaderboard."""
STEP = 15
"""Height of a model's line."""


def _spec(name: str, title: str, **parts: Any) -> Spec:
    return {"$schema": SCHEMA, "description": title, "usermeta": {"figure": name}, "width": 560, **parts}


def _field(name: str, title: str, kind: str = "quantitative", **more: Any) -> Spec:
    return {"field": name, "type": kind, "title": title, **more}


def scores(data: Data, **_: Any) -> Spec:
    """Every score with its interval, one line per model, one colour per task."""
    scored = [row for row in data["board"]["rows"] if any(cell and cell["v"] is not None for cell in row["cells"])]
    rows = [
        {"model": data["models"][row["model"]], "task": f"{column['task']} ({column['metric']})", **_interval(cell)}
        for row in scored[:MOST]
        for column, cell in zip(data["board"]["columns"], row["cells"], strict=True)
        if cell is not None and cell["v"] is not None
    ]
    _need(rows, "no model has a score")
    tasks = len({row["task"] for row in rows})
    shown = {row["model"] for row in rows}
    order = [name for row in data["board"]["rows"] if (name := data["models"][row["model"]]) in shown]
    y = _field("model", "", "nominal", sort=order)
    offset = {"yOffset": _field("task", "", "nominal")} if tasks > 1 else {}
    colour = {"color": _field("task", "task", "nominal", scale={"range": list(PALETTE)}, legend={"orient": "top"})}
    return _spec(
        "scores",
        "Scores with 95 % intervals" + (f", the first {MOST} of {len(scored)} models" if len(scored) > MOST else ""),
        data={"values": rows},
        height={"step": STEP if tasks == 1 else max(8, STEP - 2 * tasks)},
        encoding={"y": y, **offset, **(colour if tasks > 1 else {"color": {"value": BLUE}})},
        layer=[
            {"mark": {"type": "rule", "strokeWidth": 1.5},
             "encoding": {"x": _field("lo", "score, 95 % interval"), "x2": {"field": "hi"}}},
            {"mark": {"type": "point", "filled": True, "size": 45, "opacity": 1, "tooltip": {"content": "data"}},
             "encoding": {"x": _field("v", "score, 95 % interval")}},
        ],
    )  # fmt: skip


def _interval(cell: Mapping[str, Any]) -> Spec:
    v = cell["v"]
    return {
        "v": v,
        "lo": v if cell["lo"] is None else cell["lo"],
        "hi": v if cell["hi"] is None else cell["hi"],
        "n": cell["n"],
    }


def performance(data: Data, **_: Any) -> Spec:
    """Performance against similarity to the nearest relative, with intervals if they were computed."""
    return _of("performance", against.performance(data))


def trend(data: Data, **_: Any) -> Spec:
    """Performance by the month of release, with the best so far."""
    return _of("trend", against.trend(data))


def cost(data: Data, **_: Any) -> Spec:
    """Performance against what a thousand answers cost."""
    return _of("cost", against.cost(data))


def _of(name: str, parts: Spec) -> Spec:
    return {"$schema": SCHEMA, "usermeta": {"figure": name}, **parts}


def matrix(data: Data, task: str | None = None, **_: Any) -> Spec:
    """Similarity of every pair of a pool, in the order of the tree. For a panel: scores with its possible teachers."""
    panel = _panel(data, task)
    if panel is not None:
        return _against(data, panel)
    pool = _pool(data, task)
    names = [data["models"][model] for model in pool["models"]]
    rows = [
        {"a": names[x], "b": names[y], "v": value}
        for i, line in enumerate(pool["raw"])
        for j, value in enumerate(line)
        if value is not None
        for x, y in ((i, j), (j, i))
    ]
    _need(rows, "no two models answered enough prompts in common")
    title = f"Similarity of every pair of models on {pool['task']}, in the order of the tree"
    what = "similarity, standard deviations of this pool's pairs"
    return _cells(title, rows, {"b": names}, {"a": names}, what, {"scheme": "viridis"})


def _cells(
    title: str,
    rows: Sequence[Spec],
    across: Mapping[str, Sequence[str]],
    down: Mapping[str, Sequence[str]],
    what: str,
    scale: Spec,
) -> Spec:
    """A matrix of coloured cells. `across` and `down` are a field and its names in their order, `v` is the value."""
    (x, columns), (y, lines) = *across.items(), *down.items()
    wide, high = (18 if len(names) <= FEW else max(3, 560 // len(names)) for names in (columns, lines))
    return _spec(
        "matrix",
        title,
        data={"values": rows},
        width={"step": wide},
        height={"step": high},
        mark={"type": "rect", "tooltip": {"content": "data"}},
        encoding={
            "x": _field(x, "", "nominal", sort=columns,
                        axis={**_axis(columns, wide), "labelAngle": -90, "orient": "top"}),
            "y": _field(y, "", "nominal", sort=lines, axis=_axis(lines, high)),
            "color": _field("v", what, scale=scale,
                            legend={"orient": "bottom", "titleLimit": 400, "gradientLength": 220}),
        },
    )  # fmt: skip


def _panel(data: Data, task: str | None) -> Data | None:
    """The panel of that name. Without a name, the first if there is no pool."""
    if task is None:
        return next(iter(data["panels"]), None) if not data["pools"] else None
    known = {pool["task"] for pool in data["pools"]}
    return next((panel for panel in data["panels"] if panel["task"] == task and task not in known), None)


def _against(data: Data, panel: Data) -> Spec:
    """Models that were asked a panel's prompts (rows) against the panel's possible teachers (columns)."""
    names = [data["models"][model] for model in panel["rows"]]
    rows = [
        {"model": names[row], "candidate": panel["columns"][column], "v": score, "verdict": verdict}
        for row, column, score, verdict in panel["cells"]
    ]
    _need(rows, f"nobody that was asked {panel['task']} has a score with one of its models")
    most = max(abs(row["v"]) for row in rows)
    title = f"Scores on {panel['task']} of the models asked (rows) with its possible teachers (columns, by lab)"
    what, scale = "score, standard deviations above models that cannot be related", {"scheme": "blueorange"}
    across, down = {"candidate": panel["columns"]}, {"model": names}
    return _cells(title, rows, across, down, what, scale | {"domain": [-most, most]})


def _axis(names: Sequence[str], step: int) -> Spec:
    return {"labels": len(names) <= 4 * FEW, "ticks": False, "domain": False, "labelFontSize": min(10, step)}


def tree(data: Data, task: str | None = None, **_: Any) -> Spec:
    """The tree of a pool, support in per cent at its branchings. An illustration, and it says so."""
    pool = _pool(data, task)
    drawn = pool["tree"]
    _need(drawn, "a tree needs three models that answered the same prompts")
    names = [data["models"][model] for model in pool["models"]]
    across = [{"x": x, "x2": end, "y": y} for x, end, y, _ in drawn["across"]]
    support = [{"x": end, "y": y, "s": round(100 * s)} for _, end, y, s in drawn["across"] if s is not None]
    down = [{"x": x, "y": low, "y2": high} for x, low, high in drawn["down"]]
    in_tree = {y for _, _, y, _ in drawn["across"]}
    tips = [{"x": x, "y": y, "name": names[int(y)]} for x, y in drawn["tips"] if y in in_tree]
    longest = max((tip["x"] for tip in tips), default=1.0) or 1.0
    x = _field("x", "", axis=None, scale={"domain": [0, longest * 1.45], "nice": False})
    y = _field("y", "", axis=None, scale={"domain": [-0.5, len(names) - 0.5], "reverse": True, "nice": False})
    return _spec(
        "tree",
        f"Tree of likeness on {pool['task']}: an illustration. It shows neither descent nor copying.",
        height=max(120, STEP * len(names)),
        encoding={"x": x, "y": y},
        layer=[
            {"data": {"values": across}, "mark": "rule", "encoding": {"x2": {"field": "x2"}}},
            {"data": {"values": down}, "mark": "rule", "encoding": {"y2": {"field": "y2"}}},
            {"data": {"values": tips}, "mark": {"type": "text", "align": "left", "dx": 4, "limit": 260},
             "encoding": {"text": {"field": "name"}}},
            {"data": {"values": support}, "mark": {"type": "text", "align": "right", "dx": -3, "dy": -5, "fontSize": 9},
             "encoding": {"text": {"field": "s"}, "color": {"value": ORANGE}}},
        ],
        config={"view": {"stroke": None}},
    )  # fmt: skip


def null(data: Data, task: str | None = None, pair: tuple[str, str] | None = None, **_: Any) -> Spec:
    """Scores of pairs that cannot be related, and where one pair stands among them."""
    pool = _pool(data, task)
    _need(pool["null"], f"no model can be tested on {pool['task']}: there are no pairs known to be unrelated")
    a, b = _pair(data, pool, pair)
    score = pool["z"][a][pool["candidates"].index(b)]
    who = f"{data['models'][pool['models'][a]]} to {data['models'][pool['models'][b]]}"
    title = "score, standard deviations above models that cannot be related"
    rule = _field("v", title)
    marked = [] if score is None else [{"v": score, "who": who}]
    # The name stands on the side of its line that has room for it: on the left of a high score.
    middle = (pool["null"][0] + pool["null"][-1]) / 2
    name = {"type": "text", "color": ORANGE, "dy": 4, "baseline": "top", "limit": 300}
    at = {"x": rule, "y": {"value": 0}, "text": {"field": "who"}}
    return _spec(
        "null",
        f"Scores of {len(pool['null'])} pairs on {pool['task']} that cannot be related, with one pair marked",
        height=220,
        datasets={"null": [{"v": v} for v in pool["null"]], "pair": marked},
        layer=[
            {"data": {"name": "null"}, "mark": {"type": "bar", "color": "#8888", "tooltip": True},
             "encoding": {"x": {"field": "v", "bin": {"maxbins": 60}, "title": title},
                          "y": {"aggregate": "count", "title": "unrelated pairs"}}},
            {"data": {"name": "pair"}, "mark": {"type": "rule", "color": ORANGE, "strokeWidth": 2},
             "encoding": {"x": rule}},
            {"data": {"name": "pair"}, "transform": [{"filter": f"datum.v < {middle:.4g}"}],
             "mark": {**name, "align": "left", "dx": 4}, "encoding": at},
            {"data": {"name": "pair"}, "transform": [{"filter": f"datum.v >= {middle:.4g}"}],
             "mark": {**name, "align": "right", "dx": -4}, "encoding": at},
        ],
    )  # fmt: skip


def channels(data: Data, task: str | None = None, pair: tuple[str, str] | None = None, **_: Any) -> Spec:
    """One pair's score by channel, with the score that five in a hundred unrelated pairs reach."""
    pool = _pool(data, task)
    _need(pool["null"], f"no model can be tested on {pool['task']}: channels have raw similarities alone")
    a, b = _pair(data, pool, pair)
    column = pool["candidates"].index(b)
    rows = [{"channel": name, "v": z[a][column]} for name, z in pool["z_by_channel"].items()]
    rows.append({"channel": "all together", "v": pool["z"][a][column]})
    order = [*pool["z_by_channel"], "all together"]
    title = "score, standard deviations above models that cannot be related"
    return _spec(
        "channels",
        f"Score by channel of {data['models'][pool['models'][a]]} to {data['models'][pool['models'][b]]}",
        height={"step": 24},
        datasets={"pair": [row for row in rows if row["v"] is not None], "needed": [{"v": pool["needed"]}]},
        layer=[
            {"data": {"name": "pair"}, "mark": {"type": "bar", "color": BLUE, "height": 12, "tooltip": True},
             "encoding": {"y": _field("channel", "", "nominal", sort=order), "x": _field("v", title)}},
            {"data": {"name": "needed"}, "mark": {"type": "rule", "color": ORANGE, "strokeDash": [4, 3]},
             "encoding": {"x": _field("v", title)}},
        ],
    )  # fmt: skip


def detection(data: Data, **_: Any) -> Spec:
    """How often the detector found documented students, by teacher: measured once, on AlpacaEval, not on this pool."""
    rows = [
        {"teacher": row["teacher"], "v": row["found"] / row["of"], "lo": row["low"], "hi": row["high"],
         "found": f"{row['found']} of {row['of']}"}
        for row in data["detection"]["rates"]
    ]  # fmt: skip
    y = _field("teacher", "", "nominal", sort=[row["teacher"] for row in rows], axis={"labelLimit": 260})
    title = "share of documented students detected at 5 %; 95 % interval as if students were independent"
    x: Spec = {"scale": {"domain": [0, 1]}}
    return _spec(
        "detection",
        "Share of documented students that the detector found, by teacher, on AlpacaEval's answers",
        data={"values": rows},
        height={"step": 24},
        encoding={"y": y, "color": {"value": BLUE}},
        layer=[
            {"mark": "rule", "encoding": {"x": _field("lo", title, **x), "x2": {"field": "hi"}}},
            {"mark": {"type": "point", "filled": True, "size": 60, "opacity": 1, "tooltip": {"content": "data"}},
             "encoding": {"x": _field("v", title, **x)}},
        ],
    )  # fmt: skip


def difficulty(data: Data, task: str | None = None, **_: Any) -> Spec:
    """How many items of a task are easy and how many hard, by the mean score of the models that answered them."""
    found = _named(data["tasks"], task, "scored task")
    return _spec(
        "difficulty",
        f"Items of {found['task']} by mean score over models",
        height=200,
        datasets={"items": [{"v": share} for share, _ in item_means(found) if share is not None]},
        data={"name": "items"},
        mark={"type": "bar", "color": BLUE, "tooltip": True},
        encoding={
            "x": {"field": "v", "bin": {"maxbins": 20}, "title": "mean score over models"},
            "y": {"aggregate": "count", "title": "items"},
        },
    )


def item_means(task: Data) -> list[tuple[float | None, int]]:
    """Per item of a task, the mean over the models that have a score on it, and how many those are."""
    lines = [unpacked(values) for values in task["values"].values()]
    found: list[tuple[float | None, int]] = []
    for column in zip(*lines, strict=True):
        known = [value for value in column if value is not None]
        found.append((sum(known) / len(known) if known else None, len(known)))
    return found


FIGURES: Mapping[str, Callable[..., Spec]] = {
    "scores": scores,
    "performance": performance,
    "trend": trend,
    "cost": cost,
    "matrix": matrix,
    "tree": tree,
    "null": null,
    "channels": channels,
    "detection": detection,
    "difficulty": difficulty,
}
"""Every figure, by the name that `harness plot` takes."""


POOLED = ("performance", "matrix", "tree", "null", "channels")
"""Figures that need similarities."""


def _need(there: Any, why: str) -> None:
    if not there:
        raise ConfigError(f"this figure cannot be drawn: {why}")


def _named(entries: Sequence[Data], task: str | None, what: str) -> Data:
    _need(entries, f"there is no {what}")
    if task is None:
        return entries[0]
    found = [entry for entry in entries if entry["task"] == task]
    if not found:
        raise ConfigError(unknown_name(what, str(task), [entry["task"] for entry in entries]))
    return found[0]


def _pool(data: Data, task: str | None) -> Data:
    if task is not None and _panel(data, task) is not None:
        raise ConfigError(f"this figure cannot be drawn: models on {task} are read against a panel, not each other")
    return _named(data["pools"], task, "provenance task that two models answered")


def _pair(data: Data, pool: Data, pair: tuple[str, str] | None) -> tuple[int, int]:
    """Rows of the suspect and the candidate: those named, else the pair with the strongest evidence."""
    if pair is None:
        return strongest(pool)
    labels = [data["models"][model] for model in pool["models"]]
    for name in pair:
        if name not in labels:
            raise ConfigError(unknown_name(f"model on {pool['task']}", name, labels))
    a, b = (labels.index(name) for name in pair)
    if a == b or b not in pool["candidates"]:
        raise ConfigError(f"{pair[1]} is no candidate for {pair[0]}: name another model")
    return a, b


def strongest(pool: Data) -> tuple[int, int]:
    """The pair with the smallest q of a pool, else its first two models."""
    tested = [
        (finding["q"], -finding["z"], i, finding["candidate"])
        for i, found in enumerate(pool["findings"])
        for finding in found
        if finding["q"] is not None
    ]
    return min(tested)[2:] if tested else (0, next((c for c in pool["candidates"] if c != 0), 0))
