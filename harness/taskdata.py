"""Where a task's documents come from: the local file that `task.data=PATH` names, else the Hugging Face hub.

Every benchmark's Python file calls `documents` for the raw rows, brings them to one form, and hands them to
lm-eval through `splits`. Heavy packages are imported when they are needed.
"""

from __future__ import annotations

import functools
import glob
import gzip
import itertools
import json
import os
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import TaskError

SUFFIXES = (".jsonl", ".jsonl.gz", ".json", ".json.gz", ".tsv", ".parquet")
PIECE = 1000
"""Documents turned into columns at once."""
HUB_TIMEOUT_S = 10.0
"""How long the hub may take to answer at all. `datasets` alone retries for 23 s if no name resolves."""


def documents(
    hub: str, *, split: str, columns: Sequence[str], subset: str | None = None, data: str | None = None
) -> list[dict[str, Any]]:
    """The rows of a data set, from a local file if there is one, else from the hub.

    Args:
        hub: the data set's id on the Hugging Face hub, `owner/name`.
        split: the split to take from the hub. A local file is taken whole.
        columns: the columns every row must have. Others are kept too. In a .tsv file without a header, these.
        subset: the configuration of the data set on the hub.
        data: a file, a folder of files or a glob pattern. See `data_files`.

    Returns:
        The rows, in their order.

    Raises:
        TaskError: the file is missing, broken or has other columns, or the hub cannot be reached.
    """
    wanted = f"a {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]} file with the columns {', '.join(columns)}"
    if data is None:
        source, rows = f"{hub} on the hub", _from_hub(hub, subset, split, wanted)
    else:
        source, rows = data, [row for path in data_files(data) for row in _from_file(path, columns)]
    if not rows:
        raise TaskError(f"{source} holds no documents; expected {wanted}")
    for number, row in enumerate(rows, start=1):
        missing = [column for column in columns if column not in row]
        if missing:
            found = ", ".join(map(str, row)) or "none"
            raise TaskError(
                f"{source}: document {number} lacks {', '.join(missing)}; it has the columns {found}. "
                f"This task reads {wanted}."
            )
    return rows


def data_files(data: str) -> list[Path]:
    """The files that a `task.data` value names, sorted by path.

    Args:
        data: a file. A folder, whose files with a known suffix are taken, or a glob pattern. Several, one a line.

    Returns:
        At least one file.

    Raises:
        TaskError: there is none, or its kind is not known.
    """
    if "\n" in data:
        return [file for line in data.split("\n") for file in data_files(line)]
    path = Path(data).expanduser()
    if path.is_dir():
        files = [file for file in path.iterdir() if file.name.endswith(SUFFIXES)]
    elif path.exists():
        files = [path]
    else:
        files = [Path(name) for name in glob.glob(str(path))]  # noqa: PTH207 - Path.glob takes no absolute one
    if not files:
        raise TaskError(f"task.data={data}: no such file, no folder with data files in it, no pattern that matches one")
    unknown = [file.name for file in files if not file.name.endswith(SUFFIXES)]
    if unknown:
        raise TaskError(f"task.data: cannot read {', '.join(sorted(unknown))}; known kinds: {', '.join(SUFFIXES)}")
    return sorted(files)


class Rows(Sequence[dict[str, Any]]):
    """Documents of one form, each as the JSON of its values: a small part of what dicts take.

    What lm-eval asks of a data set it has itself, at no import. Whatever else a task asks of it (`map`, `filter`, …) a
    `datasets.Dataset` of the same documents answers.
    """

    def __init__(self, names: Sequence[str], lines: Sequence[bytes]) -> None:
        self._names, self._lines = tuple(names), lines

    @property
    def features(self) -> dict[str, None]:
        """The columns."""
        return dict.fromkeys(self._names)

    def __len__(self) -> int:
        """How many documents there are."""
        return len(self._lines)

    def __getitem__(self, place: Any) -> Any:
        """A document by its number, made anew. For a slice or a column's name, what `datasets` makes of it."""
        if not isinstance(place, int):
            return self._dataset[place]
        return dict(zip(self._names, json.loads(self._lines[place]), strict=True))

    def __getattr__(self, name: str) -> Any:
        """What is not here is a data set's."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._dataset, name)

    @functools.cached_property
    def _dataset(self) -> Any:
        return _dataset(iter(self))


def splits(docs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Documents as the in-memory `{"test": …}` that lm-eval's `custom_dataset` returns.

    Documents whose columns hold texts, numbers, truths, or lists of them, each column of one kind, need no `datasets`,
    which takes a second of CPU to import. What it makes of such documents is what they are.

    Args:
        docs: mappings with the same keys, of JSON-able values of one type per key.
    """
    waiting = map(dict, docs)
    lines: list[bytes] = []
    kinds: dict[str, set[Any]] = {}
    for doc in waiting:
        kinds = kinds or {name: set() for name in doc}
        if doc.keys() != kinds.keys() or not all(_joins(kinds[name], value) for name, value in doc.items()):
            before = (dict(zip(kinds, json.loads(line), strict=True)) for line in lines)
            return {"test": _dataset(itertools.chain(before, [doc], waiting))}
        lines.append(json.dumps([doc[name] for name in kinds]).encode())
    return {"test": Rows(tuple(kinds), lines) if lines else _dataset(iter(()))}


SCALARS = (str, int, float, bool)


def _joins(kinds: set[Any], value: Any) -> bool:
    """Whether a column of these kinds still holds what Arrow gives back as it is with this value. Adds its kinds."""
    kinds |= _kinds(value)
    return any(kinds <= {kind} or kinds <= {list, (list, kind)} for kind in SCALARS)


def _kinds(value: Any) -> set[Any]:
    """The kinds of a value: a scalar's type, or `list` with its items' types. Nothing has no kind."""
    if type(value) is list:
        return {list, *((list, type(item)) for item in value if item is not None)}
    if type(value) is int and not -(2**63) <= value < 2**63:
        return {object}
    return set() if value is None else {type(value)}


def _dataset(docs: Iterator[Mapping[str, Any]]) -> Any:
    """Documents as a `datasets.Dataset`, in Arrow's columns.

    Made piece by piece: `Dataset.from_list` takes seven times the memory of the documents on the way, of which hashing
    them for a cache that nobody reads is the larger part.
    """
    import pyarrow as pa
    from datasets import Dataset

    tables = []
    while piece := [dict(doc) for doc in itertools.islice(docs, PIECE)]:
        tables.append(pa.Table.from_pylist(piece))
    table = pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({})
    return Dataset(table, fingerprint=uuid.uuid4().hex[:16])


def hub_file(hub: str, name: str, columns: Sequence[str]) -> str:
    """A file of a data set on the hub, downloaded or from the local cache, for `documents(data=...)`.

    For data sets whose rows `datasets` (4 and later) does not load, because they come with a script.

    Args:
        hub: the data set's id.
        name: the file's name there.
        columns: what a local copy must have.

    Returns:
        The path of the local copy.

    Raises:
        TaskError: the hub cannot be reached, or has no such file.
    """
    other = f", or another file with the columns {', '.join(columns)}" if columns else ""
    hint = f"Give a local copy with task.data=PATH: {name}{other}."
    _check_hub(hub, hint)
    import huggingface_hub

    try:
        return str(huggingface_hub.hf_hub_download(hub, name, repo_type="dataset"))
    except Exception as error:  # the hub's client raises errors of half a dozen packages
        first_line = (str(error).splitlines() or [""])[0]
        raise TaskError(
            f"cannot read {name} of {hub} from the hub: {type(error).__name__}: {first_line}. {hint}"
        ) from error


def _from_file(path: Path, columns: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of one file."""
    if path.suffix == ".parquet":
        import polars as pl

        try:
            return pl.read_parquet(path).to_dicts()
        except (OSError, pl.exceptions.PolarsError) as error:
            raise TaskError(f"cannot read {path.name}: {error}") from error
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        text = raw.decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise TaskError(f"cannot read {path.name}: {error}") from error
    if path.suffix == ".tsv":
        return _from_tsv(path, text, columns)
    lines = not path.name.removesuffix(".gz").endswith(".json")
    parts = [line for line in text.split("\n") if line.strip()] if lines else [text]
    values = []
    for number, part in enumerate(parts, start=1):
        try:
            values.append(json.loads(part))
        except ValueError as error:
            where = f"line {number} of {path.name}" if lines else path.name
            raise TaskError(f"{where} is not JSON: {error}") from error
    rows = values if lines else values[0]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TaskError(f"{path.name}: expected {'an object on each line' if lines else 'a list of objects'}")
    return rows


def _from_tsv(path: Path, text: str, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of fields between tabs. A first line that names the columns is a header."""
    rows = [[_field(part) for part in line.rstrip("\r").split("\t")] for line in text.split("\n") if line.strip()]
    names = rows.pop(0) if rows and set(columns) <= set(rows[0]) else list(columns)
    for number, row in enumerate(rows, start=1):
        if len(row) != len(names):
            raise TaskError(f"{path.name}: row {number} has {len(row)} fields, expected {', '.join(names)}")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _field(part: str) -> str:
    """A field without the quotes that some writers of tables put around it."""
    inner = part[1:-1]
    quoted = len(part) > 1 and part[0] == part[-1] == '"' and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if quoted else part


def _from_hub(hub: str, subset: str | None, split: str, wanted: str) -> list[dict[str, Any]]:
    """The rows of a split on the hub, or in its local cache if HF_HUB_OFFLINE is set."""
    hint = f"Give a local copy with task.data=PATH: {wanted}."
    _check_hub(hub, hint)
    import datasets

    try:
        loaded = datasets.load_dataset(hub, subset, split=split)
    except Exception as error:  # the hub's client raises errors of half a dozen packages
        first_line = (str(error).splitlines() or [""])[0]
        raise TaskError(f"cannot read {hub} from the hub: {type(error).__name__}: {first_line}. {hint}") from error
    return [dict(row) for row in loaded]


def _check_hub(hub: str, hint: str) -> None:
    """Say at once that the hub does not answer, unless its local cache is to be used."""
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
    if not offline and (reason := _hub_unreachable()):
        raise TaskError(
            f"cannot read {hub}: the Hugging Face hub does not answer ({reason}). {hint} "
            f"If the data set is in the hub's local cache, set HF_HUB_OFFLINE=1."
        )


def _hub_unreachable() -> str | None:
    """Why the hub cannot be reached, or `None` if it answers, whatever it says. Proxies are honoured."""
    import urllib.error
    import urllib.request

    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    try:
        request = urllib.request.Request(endpoint, method="HEAD")  # noqa: S310 - the user's own setting
        with urllib.request.urlopen(request, timeout=HUB_TIMEOUT_S):  # noqa: S310
            return None
    except urllib.error.HTTPError:
        return None
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))


def boxed(solution: str) -> str | None:
    r"""What the last `\boxed` or `\fbox` of a solution holds. `None` if there is none that is closed.

    `tasks/minerva_math` keeps its copy: a task's hash covers its file, and results are known by it.
    """
    start = max(solution.rfind("\\boxed"), solution.rfind("\\fbox"))
    if start < 0:
        return None
    rest = solution[start:].partition("box")[2].removeprefix("ed")
    if not rest.lstrip().startswith("{"):
        return re.split(r"[$\s]", rest.strip(), maxsplit=1)[0] or None
    depth = 0
    for place, char in enumerate(rest):
        depth += (char == "{") - (char == "}")
        if char == "}" and depth == 0:
            return rest[rest.index("{") + 1 : place]
    return None
