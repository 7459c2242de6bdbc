"""The leaderboard: how well models do, next to how alike they are. Frames in, a page out.

The same frames give the same bytes: there is no clock in it and every order is fixed. It says no more than was
measured. Every number stands with its interval and its n, and a similarity that is not calibrated is called so if it
stands. Each form of the page has a file of its own, and `render` knows them all.
"""

from __future__ import annotations

from harness.errors import ConfigError, unknown_name
from harness.results.leaderboard.board import Board
from harness.results.leaderboard.data import csv, json
from harness.results.leaderboard.extras import Fact
from harness.results.leaderboard.html import html
from harness.results.leaderboard.markdown import markdown
from harness.results.leaderboard.queries import QUERIES
from harness.results.leaderboard.summary import summary as sentences
from harness.results.leaderboard.terminal import terminal
from harness.results.leaderboard.verdicts import cell as verdict
from harness.results.leaderboard.words import answerers

__all__ = [
    "FORMS",
    "QUERIES",
    "Board",
    "Fact",
    "answerers",
    "markdown",
    "render",
    "selection",
    "sentences",
    "terminal",
    "verdict",
]

FORMS = {"markdown": markdown, "json": json, "csv": csv, "html": html}
"""The forms of a published page."""


def render(board: Board, form: str) -> bytes:
    """The leaderboard as UTF-8. The same content in every form.

    Args:
        board: what it shows.
        form: one of `FORMS`.

    Raises:
        ConfigError: no such form.
    """
    if form not in FORMS:
        raise ConfigError(unknown_name("format", form, FORMS))
    return FORMS[form](board).encode()
