"""Reasoning that a model writes inline, as `<think>…</think>` before its answer."""

from __future__ import annotations

OPEN, CLOSE = "<think>", "</think>"


def split(text: str) -> tuple[str | None, str | None]:
    """Split a generation into its answer and its reasoning.

    Only a block at the very start is reasoning: the same tags further down are part of the answer. Some chat
    templates put the opening tag into the prompt, so a text that closes a block it never opened starts inside
    one.

    Args:
        text: everything the model wrote.

    Returns:
        The answer and the reasoning, both without the white space around the tags. The answer is `None` where
        the block was never closed: the model stopped before it answered. The reasoning is `None` where there is
        no block or an empty one; the answer is then the text as it is, or what follows the empty block.
    """
    start = text.lstrip()
    if start.startswith(OPEN):
        inside, closed, answer = start.removeprefix(OPEN).partition(CLOSE)
    elif CLOSE in text and OPEN not in text[: text.index(CLOSE)]:
        inside, closed, answer = text.partition(CLOSE)
    else:
        return text, None
    return (answer.lstrip() if closed else None), (inside.strip() or None)
