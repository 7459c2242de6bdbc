"""Everything in one HTML file: data, style, script and library, with a policy that lets it run nothing else.

The file loads nothing. Its Content-Security-Policy (https://www.w3.org/TR/CSP3/) names every script and style by its
hash and allows no connection, but to the Parquet file beside it if there is one. Data are packed JSON in blocks that
no browser runs. The script puts every text into the document as text.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from harness import stats
from harness.core import visible
from harness.errors import ConfigError
from harness.provenance.verdicts import explain, wording
from harness.results import derivation
from harness.results.report import cards, draw, figures, gather, likeness, samples
from harness.results.report.gather import Data
from harness.runs import write_atomic

if TYPE_CHECKING:
    from harness.results.leaderboard.selection import Selection

ASSETS = resources.files("harness.results.report") / "assets"
SCRIPTS = (
    "visible.js", "base.js", "links.js", "table.js", "figures.js", "opening.js", "board.js", "cards.js", "tasks.js",
    "likeness.js", "texts.js", "samples.js", "made.js",
)  # fmt: skip
"""The page's own script, in this order."""
POOLED = ("matrix", "tree", "null", "channels")
"""Figures of one prompt set: they stand with its data."""
APART = {"names", "pools", "panels", "cards", "tasks", "pairs"}
"""Data that the page unpacks when somebody comes near them, or not at all."""
DESCRIPTION = 300
"""Characters of the description that a preview of a link shows."""
READER = "hyparquet.min.js"
"""Reads Parquet in the browser. It is in the page only if there is such a file."""


def contents(results: Path, wanted: Selection | None = None, *, pools: bool = True) -> Data:
    """What the page and its figures are made of, samples aside.

    Args:
        results: the results folder. Its index must be up to date.
        wanted: weights and coverage of the leaderboard.
        pools: whether similarities are part of it, which take most of the time.

    Raises:
        StorageError: there is no finished run.
    """
    board = gather.whole_board(results, wanted)
    data = gather.gather(results, board)
    place = {name: i for i, name in enumerate(data["names"])}
    said = derivation.findings(results)
    drawn = likeness.of_pools(results, place, said) if pools else []
    return {
        **data,
        "cards": cards.cards(board, said, place),
        "pools": drawn,
        "panels": likeness.of_panels(place, said, drawn) if pools else [],
        "detection": detection(),
    }


def detection() -> Data:
    """What is known of the detector from documented students: made once, see `source`."""
    known: Data = json.loads((ASSETS / "detection.json").read_text(encoding="utf-8"))
    for row in known["rates"]:
        low, high = stats.wilson(row["found"] / row["of"], row["of"])
        row |= {"low": gather.number(low), "high": gather.number(high)}
    return known


def write(
    results: Path, out: Path, title: str, limit: int = samples.EMBED_BYTES, wanted: Selection | None = None
) -> list[Path]:
    """Write the page, and the Parquet file beside it if the samples are too large for it.

    Args:
        results: the results folder. Its index must be up to date.
        out: the HTML file.
        title: its heading.
        limit: compressed bytes of texts that the page may hold.
        wanted: weights and coverage of the leaderboard.

    Returns:
        The files written, the page first.

    Raises:
        MissingExtraError: the package vl-convert-python is not installed.
        StorageError: there is no finished run, or a file cannot be written.
    """
    library = draw.javascript()
    data = contents(results, wanted)
    place = {name: i for i, name in enumerate(data["names"])}
    packed = samples.pack(results, place, out.stem, limit)
    written = [out]
    if packed.parquet is not None:
        beside = out.with_name(packed.about["file"])
        write_atomic(beside, packed.parquet)
        written.append(beside)
    write_atomic(out, html(data, packed, title, library).encode())
    return written


def html(data: Data, packed: samples.Packed, title: str, library: str) -> str:
    """The page.

    Args:
        data: of `contents`.
        packed: the samples.
        title: its heading.
        library: JavaScript that sets `vegaEmbed`.
    """
    script = "\n".join(_asset(name) for name in SCRIPTS)
    style = _asset("page.css")
    reader = [] if packed.parquet is None else [_asset(READER)]
    scripts = [*reader, f'"use strict";(() => {{\n{script}\n}})();\n']
    shown = {key: value for key, value in data.items() if key not in APART}
    blocks = {"index": packed.index, **{f"block-{i}": block for i, block in enumerate(packed.blocks)}}
    blocks["cards"] = samples.squeezed(data["cards"])
    figures_of = [_of_set(data, pool) for pool in _sets(data)]
    blocks |= {f"pool-{i}": samples.squeezed(pool | figures_of[i]) for i, pool in enumerate(_sets(data))}
    blocks |= {f"task-{i}": samples.squeezed(task) for i, task in enumerate(data["tasks"])}
    blocks["library"] = samples.packed(library)
    shown |= {
        "samples": packed.about,
        "tasks": [{key: task[key] for key in ("task", "metric", "lower")} for task in data["tasks"]],
        "pools": [{"task": pool["task"], "panel": "columns" in pool} for pool in _sets(data)],
        "figures": drawn(data),
        "explanations": wording.EXPLANATIONS,
        "only_common": explain.ONLY_COMMON,
    }
    blocks["data"] = samples.squeezed(shown)
    parts = {
        "description": _text(" ".join(data["summary"])[:DESCRIPTION]),
        "policy": _policy([library, *scripts], style, local=packed.parquet is not None),
        "title": _text(visible(title)),
        "style": style,
        "blocks": "\n".join(
            f'<script type="application/gzip" id="{name}">{block}</script>' for name, block in blocks.items()
        ),
        "scripts": "\n".join(f"<script>{text}</script>" for text in scripts),
    }
    # In one pass: nothing that stands in the data is taken for a place to fill.
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match.group(1)], _asset("page.html"))


def _sets(data: Data) -> list[Data]:
    """Every prompt set that the page shows: those whose models are read against each other, then those of panels."""
    return [*data["pools"], *data["panels"]]


def drawn(data: Data) -> Data:
    """Every figure that these data allow, by name. For the others, why not."""
    found: Data = {}
    for name, figure in figures.FIGURES.items():
        if name in POOLED:
            continue
        try:
            found[name] = {"spec": figure(data)}
        except ConfigError as error:
            found[name] = {"why": str(error)}
    return found


def _of_set(data: Data, pool: Data) -> Data:
    """The figures of one prompt set, without the data that the page has already."""
    found = {name: _of_pool(data, name, pool["task"]) for name in POOLED}
    for entry, parts in ((found["matrix"], {"data": {"values": []}}), (found["null"], {"datasets": {}})):
        if "spec" in entry:
            entry["spec"] |= parts
    return {"figures": found}


def _of_pool(data: Data, name: str, task: str) -> Data:
    try:
        return {"spec": figures.FIGURES[name](data, task=task)}
    except ConfigError as error:
        return {"why": str(error)}


def _policy(scripts: list[str], style: str, *, local: bool) -> str:
    """Own scripts and style by their hashes. Pictures the script draws. Nothing else."""
    allowed: Mapping[str, str] = {
        "default-src": "'none'",
        "script-src": " ".join(_hash(text) for text in scripts),
        "style-src": _hash(style),
        "img-src": "data: blob:",
        "connect-src": "'self'" if local else "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{key} {value}" for key, value in allowed.items())


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")
