"""Performance against something else, a point per model: similarity, month of release, cost. Vega-Lite alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from harness.errors import ConfigError
from harness.results.report.gather import Data

Spec = dict[str, Any]

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#888888"
YELLOW, PURPLE = "#E69F00", "#CC79A7"
VERDICTS = {
    "resembles": ORANGE, "resembles, strong": ORANGE, "resembles, moderate": YELLOW, "resembles, weak": PURPLE,
    "none": BLUE, "not calibrated": GREY, "not tested": GREY,
}  # fmt: skip
"""A colour for each verdict and how much it weighs, in the order of the legend."""
ALL_NAMED = 25
"""Points up to which all are named in the drawing. Of more, those whose names find room. A table names the rest."""
WIDE, HIGH = 760, 380
"""Pixels of the drawing that names are placed for."""
LETTER, LINE = 6.3, 12
"""Pixels of a letter and of a line of names."""
OVER = 10
"""Pixels that a name may stand over the drawing's edge."""
SIDES = (("left", 7, -7), ("right", -7, -7), ("left", 7, 8), ("right", -7, 8))
"""Where a name may stand beside its point: alignment, and the way from the point."""


def _field(name: str, title: str, kind: str = "quantitative", **more: Any) -> Spec:
    return {"field": name, "type": kind, "title": title, **more}


def score_of(row: Data) -> Data | None:
    """How well a model does: its mean or only score. If it was not asked all, the place that shared items give it."""
    own = row["mean"] or next((cell for cell in row["cells"] if cell is not None and cell["v"] is not None), None)
    if own is None or own["v"] is None:
        return None
    place = row["place"]
    if place is None or place["whole"]:
        return {"y": own["v"], "ylo": _or(own["lo"], own["v"]), "yhi": _or(own["hi"], own["v"]), "n": own["n"]}
    if place["group"]:
        return None
    return {"y": place["v"], "ylo": place["v"], "yhi": place["v"], "n": own["n"], "placed": True}


def _scores(data: Data) -> dict[int, Data]:
    """How well each model does. No interval leaves the range that a score can have, or the axis would show it."""
    found = {row["model"]: score for row in data["board"]["rows"] if (score := score_of(row)) is not None}
    low, high = data["board"]["limits"]
    low, high = -math.inf if low is None else low, math.inf if high is None else high
    for score in found.values():
        # A model without the tasks of the mean may stand here with a score of another kind.
        if "placed" in score or low <= score["y"] <= high:
            score |= {key: min(high, max(low, score[key])) for key in ("y", "ylo", "yhi")}
    return found


def score_title(data: Data) -> str:
    """What the axis of performance says."""
    columns, averaged = data["board"]["columns"], len(data["board"]["averaged"])
    if averaged:
        return f"mean of {averaged} tasks"
    return f"{columns[0]['task']}, {columns[0]['metric']}" if columns else "performance"


def rows(data: Data) -> tuple[list[Spec], str]:
    """Points of performance against similarity, and what the axis of similarity says.

    A point has no `x` if the model was not tested, and no `y` if it was not scored.
    """
    tested = any(_tested(row) for row in data["board"]["rows"])
    found = []
    scores = _scores(data)
    for row in data["board"]["rows"]:
        name, near, score = data["models"][row["model"]], _near(data, row, tested=tested), scores.get(row["model"])
        if near is None and score is None:
            continue
        point: Spec = {"model": name, "nearest": None, "verdict": "not tested", "x": None, "xlo": None, "xhi": None}
        point |= near or {}
        point |= {"label": f"{name} \N{RIGHTWARDS ARROW} {point['nearest']}" if near else name}
        point |= {"y": None, "ylo": None, "yhi": None, "n_documents": score and score["n"]}
        point |= {key: value for key, value in (score or {}).items() if key != "n"}
        found.append(point)
    title = (
        "score of the nearest relative, standard deviations above models that cannot be related"
        if tested
        else "similarity of words to the nearest model, 0 to 1, not calibrated"
    )
    return found, title


def _tested(row: Data) -> Data | None:
    first = next(iter(row["evidence"]), None)
    return first if first and first["score"] is not None and first["verdict"] in ("resembles", "none") else None


def _near(data: Data, row: Data, *, tested: bool) -> Spec | None:
    """The nearest other model: by the calibrated score if anybody was tested, else by words."""
    first = _tested(row)
    if tested:
        if first is None:
            return None
        score = first["score"]
        return {"nearest": first["name"], "verdict": _weighed(first), "x": score, "n_prompts": first["n"],
                "xlo": _or(first["ci_low"], score), "xhi": _or(first["ci_high"], score)}  # fmt: skip
    # A positive control is near by design: it is nobody's nearest relative.
    near = next((near for near in row["near"] if near["other"] not in data["controls"]), None)
    if near is None:
        return None
    return {"nearest": data["models"][near["other"]], "verdict": "not calibrated", "x": near["v"],
            "n_prompts": near["n"], "xlo": _or(near["lo"], near["v"]), "xhi": _or(near["hi"], near["v"])}  # fmt: skip


def _weighed(found: Data) -> str:
    """A verdict with its strength, if it names somebody."""
    strength = found.get("strength") or "none"
    return found["verdict"] if found["verdict"] != "resembles" or strength == "none" else f"resembles, {strength}"


def _or(value: float | None, other: float) -> float:
    return other if value is None else value


def performance(data: Data) -> Spec:
    """Performance against similarity to the nearest relative. On an axis, models without the other of the two."""
    found, what = rows(data)
    if not found:
        raise ConfigError("this figure cannot be drawn: no model has a score or a measured similarity to another")
    title = score_title(data)
    if all(row["y"] is None for row in found):
        told = "No model has a score, so this is similarity alone, which is evidence and not proof of copying"
        return _in_lines(found, "x", what, told)
    if all(row["x"] is None for row in found):
        return _in_lines(found, "y", title, "No model was compared with another, so this is performance alone")
    colour = _colours(found)
    both = [row for row in found if row["x"] is not None and row["y"] is not None]
    x, y = _field("x", what, scale={"zero": False}), _field("y", title, scale={"zero": False})
    point = {"type": "point", "filled": True, "size": 60, "opacity": 0.9, "cursor": "pointer",
             "tooltip": {"content": "data"}}  # fmt: skip
    layers: list[Spec] = []
    rules = {"type": "rule", "opacity": 0.4}
    if both:
        layers += [
            {"data": {"values": both}, "mark": rules,
             "encoding": {**colour, "x": _field("xlo", what, scale={"zero": False}), "x2": {"field": "xhi"}, "y": y}},
            {"data": {"values": both}, "mark": rules,
             "encoding": {**colour, "x": x, "y": _field("ylo", title, scale={"zero": False}), "y2": {"field": "yhi"}}},
        ]  # fmt: skip
    # Intervals on the edges as well: one point alone gives its axis no length, and a mean of .125 would stand at 0.
    left, lower = [row for row in found if row["x"] is None], [row for row in found if row["y"] is None]
    if left:
        up = {"y": _field("ylo", title, scale={"zero": False}), "y2": {"field": "yhi"}}
        layers.append({"data": {"values": left}, "mark": rules, "encoding": {**colour, "x": {"value": 0}, **up}})
    if lower:
        along = {"x": _field("xlo", what, scale={"zero": False}), "x2": {"field": "xhi"}}
        layers.append(
            {"data": {"values": lower}, "mark": rules, "encoding": {**colour, **along, "y": {"value": "height"}}}
        )
    hollow = {**point, "filled": False, "opacity": 0.8}
    edges = (
        (both, point, x, y),
        (left, hollow, {"value": 0}, y),
        (lower, hollow, x, {"value": "height"}),
    )
    layers += [
        {"data": {"values": part}, "mark": mark, "encoding": {**colour, "x": across, "y": up}}
        for part, mark, across, up in edges
        if part
    ]
    layers += _names(found, x, y)
    return {
        "width": 560,
        "height": HIGH,
        "description": "Performance against similarity to the nearest relative. Similarity is evidence, not proof of "
        "copying. Hollow points on the left edge were not tested, those on the lower edge have no "
        "score on documents that others were asked.",
        "data": {"values": found},
        "layer": layers,
    }


def _colours(found: Sequence[Spec]) -> Spec:
    seen = [verdict for verdict in VERDICTS if any(row["verdict"] == verdict for row in found)]
    scale = {"domain": seen, "range": [VERDICTS[verdict] for verdict in seen]}
    return {"color": _field("verdict", "verdict", "nominal", scale=scale, legend={"orient": "top"})}


def _in_lines(found: Sequence[Spec], axis: str, what: str, told: str) -> Spec:
    """Of models with one of the two alone: the highest first, a line each. All points would stand on one edge."""
    shown = sorted(found, key=lambda row: (-row[axis], row["model"]))[:ALL_NAMED]
    colour = _colours(shown)
    y = _field("label", "", "nominal", sort=None, axis={"labelLimit": 360, "title": None})
    at, low = (_field(name, what, scale={"zero": False}) for name in (axis, f"{axis}lo"))
    point = {"type": "point", "filled": True, "size": 60, "opacity": 0.9, "cursor": "pointer",
             "tooltip": {"content": "data"}}  # fmt: skip
    few = f"the first {len(shown)} of {len(found)} models" if len(shown) < len(found) else f"{len(found)} models"
    return {
        "width": 560,
        "height": 18 * len(shown),
        "description": f"{told}: {few}.",
        "data": {"values": list(found)},
        "layer": [
            {"data": {"values": shown}, "mark": {"type": "rule", "opacity": 0.4},
             "encoding": {**colour, "x": low, "x2": {"field": f"{axis}hi"}, "y": y}},
            {"data": {"values": shown}, "mark": point, "encoding": {**colour, "x": at, "y": y}},
        ],
    }  # fmt: skip


def _names(found: Sequence[Spec], x: Spec, y: Spec) -> list[Spec]:
    """Names beside their points, one layer for each side of a point."""
    sides: dict[int, list[Spec]] = {}
    for row, side in _placed(found):
        sides.setdefault(side, []).append(row)
    layers = []
    for side, named in sorted(sides.items()):
        align, dx, dy = SIDES[side]
        mark = {"type": "text", "align": align, "dx": dx, "dy": dy, "limit": 260, "fontSize": 11}
        for part, across, up in (
            ([row for row in named if row["x"] is not None and row["y"] is not None], x, y),
            ([row for row in named if row["x"] is None], {"value": 0}, y),
            ([row for row in named if row["y"] is None], x, {"value": "height"}),
        ):
            if part:
                encoding = {"x": across, "y": up, "text": {"field": "label"}}
                layers.append({"data": {"values": part}, "mark": mark, "encoding": encoding})
    return layers


def _placed(found: Sequence[Spec]) -> list[tuple[Spec, int]]:
    """Which names are drawn, and on which side: no two over each other, those first that resemble somebody."""
    left, right = _ends(row[key] for row in found for key in ("xlo", "xhi"))
    low, high = _ends(row[key] for row in found for key in ("ylo", "yhi"))

    def at(row: Spec) -> tuple[float, float]:
        across = 0.0 if row["x"] is None else WIDE * (row["x"] - left) / (right - left)
        return across, HIGH if row["y"] is None else HIGH * (1 - (row["y"] - low) / (high - low))

    dots = [at(row) for row in found]
    taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in dots]
    many = len(found) > ALL_NAMED
    named = []
    for row in sorted(
        found, key=lambda row: (not row["verdict"].startswith("resembles"), -(row["y"] or 0), row["model"])
    ):
        if many:
            row |= {"label": row["model"]}
        boxes = [_box(at(row), side, row["label"]) for side in range(len(SIDES))]
        free = [
            side
            for side, box in enumerate(boxes)
            if box[0] >= -OVER and box[2] <= WIDE + OVER and not any(_meet(box, other) for other in taken)
        ]
        if free or not many:
            side = free[0] if free else 0 if at(row)[0] < WIDE / 2 else 1
            taken.append(boxes[side])
            named.append((row, side))
    return named


Box = tuple[float, float, float, float]


def _box(point: tuple[float, float], side: int, text: str) -> Box:
    (x, y), (align, dx, dy), wide = point, SIDES[side], LETTER * min(len(text), 40)
    begin = x + dx if align == "left" else x + dx - wide
    return begin, y + dy - LINE / 2, begin + wide, y + dy + LINE / 2


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _ends(values: Iterable[float | None]) -> tuple[float, float]:
    known = [value for value in values if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def trend(data: Data) -> Spec:
    """Performance by the month of release, and the best so far."""
    points = sorted(_points(data, "released"), key=lambda point: (point["released"], -point["y"], point["model"]))
    if len({point["released"] for point in points}) < 2:  # noqa: PLR2004 - two points make a line
        raise ConfigError("this figure cannot be drawn: no two scored models have a documented month of release")
    best, steps = float("-inf"), []
    for point in points:
        if point["y"] > best:
            best = point["y"]
            steps.append({"released": point["released"], "y": best})
    steps.append({"released": points[-1]["released"], "y": best})
    title = score_title(data)
    x = _field("released", "month of release", "temporal", timeUnit="utcyearmonth", axis={"format": "%Y-%m"})
    y = _field("y", title, scale={"zero": False})
    line = {"type": "line", "interpolate": "step-after", "color": GREY, "strokeDash": [4, 3]}
    return {
        "width": 560,
        "height": 300,
        "description": f"{title} by month of release, {len(points)} models. Dashed: the best so far.",
        "data": {"values": points},
        "layer": [
            {"data": {"values": steps}, "mark": line, "encoding": {"x": x, "y": y}},
            *_dots(points, x, y),
        ],
    }


def cost(data: Data) -> Spec:
    """Performance against what a thousand answers cost."""
    points = [point for point in _points(data, "usd") if point["usd"] > 0]
    if not points:
        raise ConfigError("this figure cannot be drawn: the cost of answers is known for none of the scored models")
    title = score_title(data)
    x = _field("usd", "US dollars for 1,000 answers, logarithmic", scale={"type": "log"})
    return {
        "width": 560,
        "height": 300,
        "description": f"{title} against the cost of 1,000 answers, {len(points)} models",
        "data": {"values": points},
        "layer": _dots(points, x, _field("y", title, scale={"zero": False})),
    }


def _points(data: Data, key: str) -> list[Spec]:
    scores = _scores(data)
    return [
        {"model": data["models"][row["model"]], key: row[key], "lab": row.get("lab"), "y": score["y"], "n": score["n"]}
        for row in data["board"]["rows"]
        if key in row and (score := scores.get(row["model"])) is not None
    ]


def _dots(points: Sequence[Spec], x: Spec, y: Spec) -> list[Spec]:
    point = {"type": "point", "filled": True, "size": 60, "color": BLUE, "opacity": 0.8, "cursor": "pointer",
             "tooltip": {"content": "data"}}  # fmt: skip
    layers = [{"mark": point, "encoding": {"x": x, "y": y}}]
    if len(points) <= ALL_NAMED:
        text = {"type": "text", "align": "left", "dx": 7, "dy": -6, "limit": 160, "fontSize": 11}
        layers.append({"mark": text, "encoding": {"x": x, "y": y, "text": {"field": "model"}}})
    return layers
