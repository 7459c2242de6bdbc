"""Everything in one HTML file: data, style, script and library, with a policy that lets it run nothing else.

The file loads nothing. Its Content-Security-Policy (https://www.w3.org/TR/CSP3/) names every script and style by its
hash and allows no connection, but to the Parquet file beside it where there is one. Data are JSON in a block that no
browser runs; the script puts every text into the document as text.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import stats
from harness.core import visible
from harness.errors import ConfigError
from harness.provenance import wording
from harness.results.report import draw, figures, gather, likeness, samples
from harness.results.report.gather import Data
from harness.runs import write_atomic

if TYPE_CHECKING:
    from harness.results.leaderboard.selection import Selection

ASSETS = resources.files("harness.results.report") / "assets"
SCRIPTS = (
    "visible.js", "base.js", "table.js", "figures.js", "board.js", "tasks.js", "likeness.js", "samples.js", "made.js",
)  # fmt: skip
"""The page's own script, in this order."""
READER = "hyparquet.min.js"
"""Reads Parquet in the browser; in the page only where there is such a file."""
_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def contents(results: Path, wanted: Selection | None = None, *, pools: bool = True) -> Data:
    """What the page and its figures are made of, samples aside.

    Args:
        results: the results folder; its index must be up to date.
        wanted: weights and coverage of the leaderboard.
        pools: whether similarities are part of it, which take most of the time.

    Raises:
        StorageError: there is no finished run.
    """
    data = gather.gather(results, wanted)
    place = {name: i for i, name in enumerate(data["names"])}
    return {
        **data,
        "pools": likeness.of_pools(results, place) if pools else [],
        "panels": likeness.of_panels(results, place) if pools else [],
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
    """Write the page, and the Parquet file beside it where the samples are too large for it.

    Args:
        results: the results folder; its index must be up to date.
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
    scripts = [library, *reader, f'"use strict";(() => {{\n{script}\n}})();\n']
    shown = {key: value for key, value in data.items() if key not in {"names", "pools", "panels"}}
    blocks = {"index": packed.index, **{f"block-{i}": block for i, block in enumerate(packed.blocks)}}
    blocks |= {f"pool-{i}": samples.squeezed(pool) for i, pool in enumerate(_sets(data))}
    shown |= {
        "samples": packed.about,
        "pools": [{"task": pool["task"], "panel": "columns" in pool} for pool in _sets(data)],
        "figures": drawn(data),
        "explanations": wording.EXPLANATIONS,
    }
    parts = {
        "policy": _policy(scripts, style, local=packed.parquet is not None),
        "title": _text(visible(title)),
        "style": style,
        "data": as_json(shown),
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
    """Every figure that these data allow, by name; of the others, why not."""
    found: Data = {}
    for name, figure in figures.FIGURES.items():
        try:
            found[name] = {"spec": figure(data)}
        except ConfigError as error:
            found[name] = {"why": str(error)}
    for name in ("matrix", "tree", "null", "channels"):
        found[name]["pools"] = [_of_pool(data, name, pool["task"]) for pool in _sets(data)]
        found[name].pop("spec", None)
    return found


def _of_pool(data: Data, name: str, task: str) -> Data:
    try:
        return {"spec": figures.FIGURES[name](data, task=task)}
    except ConfigError as error:
        return {"why": str(error)}


def as_json(value: Any) -> str:
    """JSON that an HTML parser and a script read as data, whatever its texts say."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return re.sub("[<>&\u2028\u2029]", lambda match: _ESCAPED[match.group()], text)


def _policy(scripts: list[str], style: str, *, local: bool) -> str:
    """Own scripts and style by their hashes; pictures the script draws; nothing else."""
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
