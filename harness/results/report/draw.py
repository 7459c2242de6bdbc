"""Vega-Lite to PNG, SVG and a page's JavaScript, without a browser or a network. The only importer of vl_convert."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from typing import Any

from harness.core import installation, weights
from harness.errors import MissingExtraError, StorageError
from harness.runs import write_atomic

LIGHT = {
    "background": "white",
    "font": "sans-serif",
    "axis": {"labelLimit": 240, "tickCount": 8, "titleFontWeight": "normal"},
    "view": {"stroke": "#ccc"},
}
"""Theme of figures for papers. The page has its own, for light and dark."""
SCALE = 2
"""Pixels of a PNG per unit of its figure."""


def _library() -> Any:
    try:
        import vl_convert
    except ImportError as error:
        raise MissingExtraError(
            f"figures need a package that is not installed ({error.name}); install it with: "
            f"{installation.adding('vl-convert-python')}"
        ) from error
    return vl_convert


def svg(spec: Mapping[str, Any]) -> bytes:
    """A figure as SVG.

    Raises:
        MissingExtraError: the package vl-convert-python is not installed.
    """
    text: str = _library().vegalite_to_svg(dict(spec), config=LIGHT)
    return text.encode()


def png(spec: Mapping[str, Any]) -> bytes:
    """A figure as PNG. Errors as for `svg`."""
    image: bytes = _library().vegalite_to_png(dict(spec), config=LIGHT, scale=SCALE)
    return image


def javascript() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script that sets `vegaEmbed`. Errors as for `svg`.

    vl-convert puts it together in 2 CPU seconds, more than everything else of a report. A version always makes the same
    script, so it is kept in the cache, under its hash, and made again if it is not as it was.
    """
    library = _library()
    path = weights.cache_dir() / "page" / f"vl-convert-{library.__version__}.js"
    with contextlib.suppress(OSError):
        said, _, kept = path.read_bytes().partition(b"\n")
        if said.decode("ascii", "replace") == hashlib.sha256(kept).hexdigest():
            return kept.decode()
    text: str = library.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    made = text.replace("\r\n", "\n").replace("\r", "\n").encode()
    with contextlib.suppress(OSError, StorageError):  # a cache that cannot be written is none
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, hashlib.sha256(made).hexdigest().encode() + b"\n" + made)
    return made.decode()
