"""One self-contained page of a results folder, and its figures for papers.

`gather` and `likeness` read the index into plain data, `samples` packs the answers, `figures` turns data into
Vega-Lite, `draw` renders that, `page` makes one HTML file of everything, and `serve` shows it if a browser will not
open a file beside a file. The same results make the same bytes.
"""

__all__ = ["draw", "figures", "page", "samples", "serve"]
