"""What makes a run folder tamper-evident: links between the journal's lines, and a root over everything stored.

Every line of a journal ends with its link, `H(link of the line before ‖ bytes of this line)`, and every finished
manifest with a `proof`: the SHA-256 of each file of the run, a hash of each of its own parts, and their root.

Why both: the root needs a run that has ended. The links need no end, so a run that was interrupted can be checked as
far as it goes, and they name the line: after a changed line, the next one still fits the link that is written there. A
line without a link (written by an older version) is part of the chain all the same.

What a hash cannot show: who wrote the file. Whoever rewrites everything, links and root included, is consistent
again. A signature (`harness.archive.signatures`), or a root that was published elsewhere, tells the two apart.

The construction is that of hash-linked timestamps (Haber and Stornetta 1991, https://doi.org/10.1007/BF00196791) with a
flat Merkle root (Merkle 1987, https://doi.org/10.1007/3-540-48184-2_32).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from harness.core import digest, file_sha256, identity

KEY = "proof"
"""Where the proof stands in a manifest."""
SIGNATURE = "signature.json"
"""The file that says who vouches for a run: made after its root, and so not in it."""
_LINKED = re.compile(rb',"link":"([0-9a-f]{64})"}\n')
_LINK_BYTES = 76
LINE_MOST = 512 * 2**20
"""No line is longer: an answer has at most 64 MiB, and JSON writes a byte as six at most. Without a limit, a sparse
file of many gigabytes, which costs its maker nothing, would fill the memory of whoever verifies it."""


def link(previous: str, line: bytes) -> str:
    """The link of a journal line without one, in 64 hex digits. `previous` is `""` for the first line."""
    return hashlib.sha256(f"{identity.LINK}\n{previous}\n".encode() + line).hexdigest()


def linked(previous: str, lines: Sequence[bytes]) -> list[tuple[bytes, str]]:
    """Lines (JSON objects that end with a line feed) with their link as the last key, each with that link.

    Args:
        previous: the link of the line before the first. `""` if there is none.
        lines: without links.
    """
    found = []
    for line in lines:
        previous = link(previous, line)
        found.append((line[:-2] + f',"link":"{previous}"}}\n'.encode(), previous))
    return found


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a journal in its chain."""

    number: int
    """From 1."""
    content: bytes
    """Without its link."""
    size: int
    """Bytes of the whole line."""
    link: str
    """What the next line builds on: the link that is written, or the computed one if none is written."""
    fits: bool | None
    """Whether the written link is that of this line after the one before. `None` if none is written."""


def whole_lines(file: IO[bytes]) -> Iterator[bytes]:
    """The whole lines of a journal. What is cut short at its end, or longer than any line, is left out."""
    while (line := file.readline(LINE_MOST)).endswith(b"\n"):
        yield line


def chain(path: Path) -> Iterator[Line]:
    """The whole lines of a journal with their links, oldest first. A line cut short at the end is left out."""
    before: tuple[str, ...] = ("",)
    with path.open("rb") as file:
        for number, raw in enumerate(whole_lines(file), 1):
            line = follow(before, raw, number)
            yield line
            # If a link was changed, and not its line, the next line follows the one that should be there.
            before = (line.link,) if line.fits is not False else (line.link, link(before[0], line.content))


def follow(before: tuple[str, ...], raw: bytes, number: int = 0) -> Line:
    """A line as it stands in the file, after one whose link is one of `before`."""
    found = _LINKED.fullmatch(raw[-_LINK_BYTES:])
    if found is None:
        return Line(number, raw, len(raw), link(before[0], raw), None)
    content = raw[:-_LINK_BYTES] + b"}\n"
    written = found[1].decode()
    fits = any(written == link(previous, content) for previous in before)
    return Line(number, content, len(raw), written, fits)


def seal(manifest: Mapping[str, Any], run: Path, journal: str) -> dict[str, Any]:
    """A finished manifest with the proof of everything in its folder.

    Args:
        manifest: as it will be read back from JSON.
        run: its folder, with every other file in place.
        journal: the name of the journal's file. An import has none.
    """
    files = {name: file_sha256(run / name) for name in stored(run)}
    proof: dict[str, Any] = {"files": files, "journal": None, "parts": parts(manifest)}
    if journal in files:
        lines, last = 0, ""
        for line in chain(run / journal):
            lines, last = line.number, line.link
        proof["journal"] = {"lines": lines, "link": last}
    return {**{key: value for key, value in manifest.items() if key != KEY}, KEY: {**proof, "root": root(proof)}}


def stored(run: Path) -> list[str]:
    """The names of the files that a manifest vouches for, sorted: all but itself, its signature and hidden ones."""
    files = run.iterdir() if run.is_dir() else ()
    beside = ("run.json", SIGNATURE)
    return sorted(p.name for p in files if p.is_file() and p.name not in beside and not p.name.startswith("."))


def _is_short(root: object) -> bool:
    """Whether a root is of the scheme of before, with 128 bits."""
    return isinstance(root, str) and root.startswith(f"{identity.ROOT_128}:")


def parts(manifest: Mapping[str, Any], like: object = None) -> dict[str, str]:
    """A hash of each top-level value of a manifest, so that what was changed can be named.

    Args:
        manifest: as it stands in JSON.
        like: a root whose scheme is to be used. By default today's.
    """
    scheme = identity.PART_128 if _is_short(like) else identity.PART
    return {key: digest(scheme, value) for key, value in manifest.items() if key != KEY}


def root(proof: Mapping[str, Any]) -> str:
    """The root over a proof: one value that stands for the run, by the scheme of the one it holds, else today's."""
    scheme = identity.ROOT_128 if _is_short(proof.get("root")) else identity.ROOT
    return digest(scheme, {key: value for key, value in proof.items() if key != "root"})
