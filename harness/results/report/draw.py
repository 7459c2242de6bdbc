"""Vega-Lite to PNG, SVG and a page's JavaScript, without a browser or a network. The only importer of vl_convert."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.core import installation
from harness.errors import MissingExtraError

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
    """Vega, Vega-Lite and Vega-Embed as one script that sets `vegaEmbed`. Errors as for `svg`."""
    text: str = _library().javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return text.replace("\r\n", "\n").replace("\r", "\n")
