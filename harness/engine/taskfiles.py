"""Finds the task files in `tasks/` and reads their plain part, strictly and without lm-eval.

If lm-eval cannot read a file, it skips it and says so at debug level, so a typo makes a task vanish. Here `find` leaves
such a file out, so that you can use every other task. `refused` says what is wrong with it: file, line, what was
expected. `!function` tags are left alone, because lm-eval resolves them when it loads the task.
"""

from __future__ import annotations

import ast
import datetime as dt
import functools
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from harness import taskdata
from harness.core import resources
from harness.errors import TaskError, unknown_name
from harness.specs import TaskSpec

KINDS = ("math", "code", "knowledge", "instructions", "provenance", "other")


@dataclass(frozen=True)
class TaskFile:
    """One task's YAML: its name, its place, and what its `metadata` says."""

    name: str
    path: Path
    config: Mapping[str, Any] = field(repr=False)

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The `metadata` mapping. It is empty if the file has none."""
        return self.config.get("metadata") or {}

    @property
    def description(self) -> str:
        """The first line of the comment that opens the file."""
        for line in self.path.read_text(encoding="utf-8").splitlines():
            if text := line.lstrip("# ").strip():
                return text if line.startswith("#") else ""
        return ""

    def files(self) -> set[Path]:
        """The files that make the task: YAML, includes, source of its documents, and `.py` and `.jsonl` beside it."""
        beside = {*self.path.parent.glob("*.py"), *self.path.parent.glob("*.jsonl")}
        source = documents_source(self.path)
        elsewhere = {source} if source is not None and source.parent != self.path.parent.resolve() else set()
        return {self.path, *beside, *_included(self.path), *elsewhere}

    def content_hash(self) -> str:
        """SHA-256 over the names and contents of `files`."""
        sha = hashlib.sha256()
        for file in sorted(self.files(), key=lambda path: path.name):
            content = file.read_bytes()
            sha.update(f"{file.name}\0{len(content)}\0".encode())
            sha.update(content)
        return sha.hexdigest()


class _Loader(resources.yaml_loader()):  # type: ignore[misc]
    """A safe loader that reads `!function a.b` as the string `a.b`."""


_Loader.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))


@functools.lru_cache(maxsize=4096)
def _parsed(path: Path, changed_ns: int, size: int) -> Any:
    """What a file holds. It is read again only if it changes: a command looks through all files several times."""
    del changed_ns, size
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader


def _read(path: Path) -> Any:
    stat = path.stat()
    return _parsed(path, stat.st_mtime_ns, stat.st_size)


def read_yaml(path: Path) -> dict[str, Any]:
    """One task YAML with its `include`s merged in, as lm-eval merges them (the including file wins).

    Raises:
        TaskError: not YAML, not a mapping, or an include that is not there.
    """
    try:
        config = _read(path)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TaskError(f"{path}{resources.fault(error)}") from error
    except OSError as error:
        raise TaskError(f"{path}: cannot be read: {error.strerror}") from error
    if not isinstance(config, dict):
        raise TaskError(f"{path}: expected a mapping with a `task:` key, found {type(config).__name__}")
    merged: dict[str, Any] = {}
    for include in _includes(path, config):
        merged |= read_yaml(include)
    return merged | {key: value for key, value in config.items() if key != "include"}


def _includes(path: Path, config: Mapping[str, Any]) -> list[Path]:
    names = config.get("include") or []
    return [path.parent / name for name in ([names] if isinstance(names, str) else names)]


def _included(path: Path) -> set[Path]:
    raw = _read(path)
    found = set(_includes(path, raw))
    return found | {deeper for include in found for deeper in _included(include)}


def documents_source(path: Path) -> Path | None:
    """The Python file that holds a task's `custom_dataset`. It lies beside the YAML, or the include, that names it."""
    config = _read(path)
    if isinstance(named := config.get("custom_dataset"), str):
        source = path.parent / f"{named.rpartition('.')[0].replace('.', '/')}.py"
        return source.resolve() if source.is_file() else None
    found = [documents_source(include) for include in reversed(_includes(path, config))]
    return next(filter(None, found), None)


def find(dirs: Iterable[Path]) -> dict[str, TaskFile]:
    """Every task in the folders that can be read, by name, sorted.

    Files whose name starts with `_` are parts to include, not tasks. Files without a `task:` name are lm-eval groups,
    which are left to lm-eval. If two tasks have one name, you get neither of them, and `refused` has both. The same
    task in a second folder, such as another checkout, counts once.
    """
    return _sorted_out(dirs)[0]


def refused(dirs: Iterable[Path]) -> dict[Path, TaskError]:
    """The files that are no task, by path: each error names the file, the line, and what was expected."""
    return _sorted_out(dirs)[1]


def reason(name: str, dirs: Sequence[Path]) -> TaskError | None:
    """What is wrong with the file that should hold the task of this name. `None` if there is no such file."""
    for path, error in refused(dirs).items():
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        if path.stem == name or re.search(rf"""^task:\s*["']?{re.escape(name)}["']?\s*(#|$)""", text, re.MULTILINE):
            return error
    return None


def _sorted_out(dirs: Iterable[Path]) -> tuple[dict[str, TaskFile], dict[Path, TaskError]]:
    tasks: dict[str, TaskFile] = {}
    wrong: dict[Path, TaskError] = {}
    twice = set()
    for path in (path for folder in dirs for path in sorted(folder.rglob("*.yaml")) if not path.name.startswith("_")):
        try:
            task = _task(path)
        except TaskError as error:
            wrong[path] = error
            continue
        if task and task.name in tasks:
            if task.content_hash() == tasks[task.name].content_hash():
                continue
            twice.add(task.name)
            held = f"a task named {task.name!r} is already in {tasks[task.name].path}"
            wrong[path] = TaskError(f"{_at(path, 'task')}: {held}; rename one")
        elif task:
            tasks[task.name] = task
    return {name: tasks[name] for name in sorted(tasks.keys() - twice)}, wrong


def _task(path: Path) -> TaskFile | None:
    """The task in a file. `None` if the file is a group.

    Raises:
        TaskError: the file is neither.
    """
    config = read_yaml(path)
    name = config.get("task")
    if isinstance(name, list) or (name is None and "group" in config):
        return None
    if not isinstance(name, str):
        raise TaskError(f"{_at(path, 'task')}: expected `task: NAME` with a name, found {name!r}")
    _check(path, config)
    return TaskFile(name, path, config)


def _at(path: Path, key: str) -> str:
    """A file's path, with the line that a key stands on if the file has that key."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    found = (number for number, line in enumerate(lines, 1) if re.search(rf"\b{re.escape(key)}\s*:", line))
    number = next(found, None)
    return f"{path}" if number is None else f"{path}, line {number}"


def _check(path: Path, config: Mapping[str, Any]) -> None:
    metadata = config.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("version"), int | float):
        where = _at(path, "metadata")
        raise TaskError(f"{where}: expected `metadata: {{version: NUMBER}}`, found metadata {metadata!r}")
    needs = metadata.get("sandbox", {})
    if (
        not isinstance(needs, dict)
        or needs.keys() - {"timeout_s", "memory_mb"}
        or not all(isinstance(value, int | float) and value > 0 for value in needs.values())
    ):
        where = _at(path, "sandbox")
        raise TaskError(f"{where}: metadata.sandbox is {needs!r}, expected timeout_s and memory_mb, numbers above 0")
    if (how := metadata.get("extract")) not in (None, "official"):
        raise TaskError(f"{_at(path, 'extract')}: metadata.extract is {how!r}, expected official, or nothing")
    if (kind := metadata.get("kind", "other")) not in KINDS:
        raise TaskError(f"{_at(path, 'kind')}: metadata.kind is {kind!r}, expected one of {', '.join(KINDS)}")


WINDOW = re.compile(r"(\d{4}-\d{2}(?:-\d{2})?)?\.\.(\d{4}-\d{2}(?:-\d{2})?)?")
"""A range of dates that includes both ends: `2025-01..2025-05`, `2025-01..`, `..2024-12-31`."""


def parted(name: str) -> tuple[str, str | None]:
    """Parts the name of what is run into the task's name and the window of dates: `lcb@2025-01..2025-05`."""
    base, _, window = name.partition("@")
    return base, window or None


def window_of(window: str, file: TaskFile) -> tuple[str, str, str]:
    """The two ends of a window of dates, and the field that has a document's date.

    Args:
        window: as `WINDOW`.
        file: the task's, whose `metadata.dated` names that field.

    Raises:
        TaskError: the window is none, or the task's documents have no dates.
    """
    ends = WINDOW.fullmatch(window)
    given = [] if ends is None else [end for end in ends.groups() if end]
    try:
        days = [dt.date.fromisoformat(end if end.count("-") > 1 else f"{end}-01") for end in given]
    except ValueError:
        days = []
    if ends is None or not days:
        raise TaskError(f"task.window={window}: expected FROM..TO, months or days, such as 2025-01..2025-05")
    if days[0] > days[-1]:
        raise TaskError(f"task.window={window} ends before it begins: expected FROM..TO, such as 2025-01..2025-05")
    dated = file.metadata.get("dated")
    if dated is None:
        known = "; those of LiveCodeBench's releases (livecodebench_v6) have them"
        raise TaskError(f"task {file.name}: its documents have no dates, so no task.window{known}")
    return ends.group(1) or "", ends.group(2) or "9", str(dated)


def in_window(docs: Sequence[Mapping[str, Any]], window: str, file: TaskFile) -> list[Mapping[str, Any]]:
    """The documents whose date lies in a window.

    Args:
        docs: all documents of a task.
        window: as `WINDOW`.
        file: the task's file. Its `metadata.dated` names the field with the date.

    Raises:
        TaskError: this is not a window, the documents have no dates, or no date lies in the window.
    """
    first, last, dated = window_of(window, file)
    dates = [str(doc.get(dated) or "") for doc in docs]
    held = [
        doc for doc, date in zip(docs, dates, strict=True) if date[: len(first)] >= first and date[: len(last)] <= last
    ]
    held = [doc for doc in held if doc.get(dated)]
    if not any(dates):
        raise TaskError(f"task.window={window}: no document of {file.name} says its date ({dated})")
    if not held:
        raise TaskError(
            f"task.window={window}: no document of {file.name} lies in it; theirs are {min(dates)} to {max(dates)}"
        )
    return held


def published_files(file: TaskFile, data: str | None) -> str | None:
    """What a task is told to read. For a task of several published files (`metadata.files`) it is these files.

    For any other task it is `data`.

    Args:
        file: the task's file.
        data: what `task.data` says: a folder that has these files among others, or one file that is taken whole.

    Raises:
        TaskError: the folder lacks one of the files, or the hub cannot be reached.
    """
    wanted = file.metadata.get("files")
    if wanted is None or (data is not None and not Path(data).expanduser().is_dir()):
        return data
    if data is None:
        return "\n".join(taskdata.hub_file(wanted["hub"], name, ()) for name in wanted["names"])
    found = [Path(data).expanduser() / name for name in wanted["names"]]
    if lacking := [path.name for path in found if not path.is_file()]:
        raise TaskError(
            f"task.data={data}: task {file.name} reads {', '.join(wanted['names'])}; missing: {', '.join(lacking)}"
        )
    return "\n".join(map(str, found))


def makes_own(file: TaskFile) -> bool:
    """True if a task's documents come from its own code, and it is told of no file and no hub."""
    return isinstance(file.config.get("custom_dataset"), str) and not takes(file, "data")


def takes(file: TaskFile, name: str) -> bool:
    """True if a task's `custom_dataset` function takes an argument of that name (`data`, a local file, or `panel`)."""
    named = file.config.get("custom_dataset")
    if not isinstance(named, str):
        return False
    function = named.rpartition(".")[2]
    source = documents_source(file.path) or file.path.with_suffix(".py")
    try:
        tree = ast.parse(source.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return name == "data"  # loading it says what is wrong
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return any(argument.arg == name for argument in (*node.args.args, *node.args.kwonlyargs))
    return name == "data"


def check(spec: TaskSpec, files: Mapping[str, TaskFile]) -> list[Path]:
    """Find out without lm-eval whether a task is known and its data is here. Returns the files of its data.

    Raises:
        TaskError: the task is not known, or its data is not here or not meant for it.
    """
    if spec.builtin:
        if spec.data is not None:
            raise TaskError(f"task lm_eval:{spec.name}: task.data works for the tasks of this project, not lm-eval's")
        return []
    name, _ = parted(spec.name)
    if name not in files:
        raise reason(name, resources.task_dirs()) or TaskError(unknown_name("task", name, files))
    held = taskdata.data_files(published_files(files[name], spec.data) or "") if spec.data else []
    if held and not takes(files[name], "data"):
        raise TaskError(f"task {spec.name} makes its own documents; leave out task.data={spec.data}")
    return held
