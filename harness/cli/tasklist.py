"""What `harness tasks` and docs/tasks.md say of a task: size, licence, data, prompt, published figure and cost."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from harness.cli import listings
from harness.core import paragraph, resources, say, visible
from harness.engine import taskfiles
from harness.errors import ConfigError, unknown_name
from harness.evaluation import budget

KIND_ORDER = ("math", "code", "knowledge", "instructions", "other", "provenance", "suite")
DOCS_BEGIN, DOCS_END = "<!-- tasks -->", "<!-- end of tasks -->"
BYTES_PER_TOKEN = 4
"""A rule of thumb for English text."""
ITEM_TOKENS = 200
"""What a document adds to its task's own words, at about the median of the benchmarks here."""
SHORTEST_LICENCE = 8
"""Columns that a licence needs. It is left out of a narrower terminal."""
DEFAULT_TOKENS = 256
"""Of an answer if a task names no limit: lm-eval's own."""
_SECTION = re.compile(r"^# ([A-Z]\w+): ?", re.MULTILINE)
_LICENCE = re.compile(r"\s*Licen[cs]e:.*", re.DOTALL)
_COUNTS = tuple(
    map(
        re.compile,
        (r"\bn = (\d[\d,]*\d|\d)", r"\b(\d[\d,]*\d|\d)(?:\s+\w+)?\s+(?:problems|prompts|questions|beginnings)\b"),
    )
)
_HUB = re.compile(r"\b([\w.-]+/[\w.-]+)(?: \([^)]*\))* on the hub")
_OWN = re.compile(r"\b(?:ours|our own|made for this project)\b")


@dataclass(frozen=True)
class TaskFacts:
    """What one task's file says of it."""

    name: str
    kind: str
    about: str
    """Its first line."""
    n: int | None
    """Documents of the whole. `None` if it hangs on what is read."""
    requests: int | None
    """Answers that a run asks for."""
    tokens: int
    """Longest answer."""
    prompt_tokens: int
    """Of a request, about."""
    prompt: str
    """Whose words it asks with: `published`, `model cards`, `ours`, or `-`."""
    licence: str
    data: str
    """`ships`, `here` (in the hub's cache), `hub`, or `file` (with task.data alone)."""
    source: str
    expected: str
    """The published figure, with its settings."""

    @property
    def points(self) -> float | None:
        """What one document is worth, in points of 100."""
        return None if not self.n else 100 / self.n

    def usd_at_most(self, price: budget.Price, least_tokens: int = 0) -> float | None:
        """What a run costs if every answer is as long as it may be.

        Args:
            price: of the model.
            least_tokens: its own limit, if a task's is shorter.
        """
        if self.requests is None:
            return None
        written = max(self.tokens, least_tokens)
        return self.requests * (self.prompt_tokens * price.input + written * price.output) / budget.PER


def facts(file: taskfiles.TaskFile) -> TaskFacts:
    """Read a task's file: its metadata, and the comment that opens it."""
    text, config, metadata = _header(file.path), file.config, file.metadata
    parts = _parts(text)
    counts = filter(None, (count.search(parts.get("Measures", "")) for count in _COUNTS))
    n = metadata.get("n") or next((int(count[1].replace(",", "")) for count in counts), None)
    generation = config.get("generation_kwargs") or {}
    shown = str(config.get("fewshot_config", {}).get("samples", "")) if config.get("num_fewshot") else ""
    words = f"{config.get('description', '')}{config.get('doc_to_text', '')}{shown}"
    orders = int(metadata.get("orders", 1))
    said = parts.get("Prompt", "")
    return TaskFacts(
        name=file.name,
        kind=str(metadata.get("kind", "other")),
        about=file.description,
        n=n,
        requests=n and n * orders * int(config.get("repeats") or 1),
        tokens=int(generation.get("max_gen_toks", DEFAULT_TOKENS)),
        prompt_tokens=len(words) // BYTES_PER_TOKEN + ITEM_TOKENS,
        prompt=str(metadata.get("prompt") or _whose(said, text)),
        licence=str(metadata.get("licence") or "-"),
        data=_data(file, parts.get("Source", "")),
        source=_LICENCE.sub("", parts.get("Source", "-")).strip(),
        expected=parts.get("Expected", "-"),
    )


def _header(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    end = next((at for at, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return "\n".join(lines[:end])


def _flat(header: str) -> str:
    return " ".join(header.replace("\n#", "\n").split())


def _parts(header: str) -> dict[str, str]:
    """The parts of a header by their word: `Measures`, `Source`, `Expected` …, each as one line."""
    found = list(_SECTION.finditer(header))
    ends = [*(match.start() for match in found[1:]), len(header)][: len(found)]
    return {
        match[1]: " ".join(header[match.end() : end].replace("\n#", "\n").split())
        for match, end in zip(found, ends, strict=True)
    }


def _whose(prompt: str, header: str) -> str:
    if "model cards" in prompt:
        return "model cards"
    if _OWN.search(prompt) or "made for this project" in _flat(header) or not prompt:
        return "ours"
    return "published" if "published" in prompt or "own" in prompt else "ours"


def _data(file: taskfiles.TaskFile, source: str) -> str:
    if taskfiles.makes_own(file):
        return "ships"
    hubs = [*_HUB.findall(source), *filter(None, [(file.metadata.get("files") or {}).get("hub")])]
    if not hubs:
        return "file"
    return "here" if any(_cached(hub) for hub in hubs) else "hub"


def _cached(hub: str) -> bool:
    """Whether the hub's cache on this machine holds a data set."""
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    cache = Path(os.environ.get("HF_HUB_CACHE", home / "hub")).expanduser()
    return (cache / f"datasets--{hub.replace('/', '--')}").is_dir()


def table(match: str = "", model: str | None = None) -> pl.DataFrame:
    """One row per task in `tasks/` and per suite in `conf/task/`, kind by kind.

    Args:
        match: only names that contain this.
        model: a model's file in conf/model/, at whose price a run is counted.

    Raises:
        ConfigError: there is no such model, or its price is unknown.
    """
    price, least = (None, 0) if model is None else _asking(model)
    schema = {
        "kind": pl.String, "task": pl.String, "n": pl.Int64, "points": pl.Float64, "requests": pl.Int64,
        "usd_at_most": pl.Float64, "data": pl.String, "prompt": pl.String, "version": pl.String, "licence": pl.String,
        "about": pl.String,
    }  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for file in taskfiles.find(resources.task_dirs()).values():
        of = facts(file)
        usd = None if price is None else of.usd_at_most(price, least)
        points = None if of.points is None else round(of.points, 2)
        cost = None if usd is None else round(usd, 2)
        version = str(file.metadata["version"])
        rows.append(
            (
                of.kind,
                of.name,
                of.n,
                points,
                of.requests,
                cost,
                of.data,
                of.prompt,
                version,
                None if of.licence == "-" else of.licence,
                of.about,
            )
        )
    for error in taskfiles.refused(resources.task_dirs()).values():
        say(f"warning: {visible(str(error))}", "warning")
    suites = {path.stem: path for folder in reversed(resources.conf_dirs()) for path in folder.glob("task/*.yaml")}
    for name, path in suites.items():
        first = next(
            (line for line in path.read_text("utf-8").splitlines() if line.startswith("#") and "@" not in line), ""
        )
        rows.append(("suite", name, *[None] * 8, first.lstrip("# ")))
    kept = [row for row in rows if match in row[1]]
    frame = pl.DataFrame(sorted(kept, key=lambda row: (_place(row[0]), row[1])), schema=schema, orient="row")
    return frame if price is not None else frame.drop("usd_at_most")


def _place(kind: str) -> int:
    return KIND_ORDER.index(kind) if kind in KIND_ORDER else len(KIND_ORDER)


def _asking(name: str) -> tuple[budget.Price, int]:
    """The price of a model, and the longest answer that it gets at least."""
    from harness.cli import config

    known = config.options("model")
    if name not in known:
        raise ConfigError(unknown_name("model", name, known))
    (model,) = config.compose([f"model={name}"]).models
    price = budget.price_of(model, budget.prices())
    if price is None:
        raise ConfigError(f"model {name}: its price is unknown; name one of conf/prices.yaml in its file (price: NAME)")
    decode = None if model.decode is None else model.decode.max_tokens
    return price, decode or model.reasoning.max_tokens or 0


def listing(frame: pl.DataFrame, width: int) -> str:
    """The same for the eye: totals, then kind by kind a line per task, in the columns of a terminal."""
    suites = [row for row in frame.iter_rows(named=True) if row["kind"] == "suite"]
    rows = [row for row in frame.iter_rows(named=True) if row["kind"] != "suite"]
    counts = {text: sum(row["data"] == state for row in rows) for state, text in _WHERE.items()}
    told = ", ".join(f"{n} {text}" for text, n in counts.items() if n)
    parts = [paragraph(f"{listings.count(len(rows), 'task')}{f': {told}' if told else ''}.", width)]
    costs = "usd_at_most" in frame.columns
    header = ["n", "points", *(["usd at most"] if costs else []), "data", "prompt", "licence"]
    longest = max((len(row["task"]) for row in rows), default=0)
    for kind in KIND_ORDER:
        of = [row for row in rows if row["kind"] == kind]
        cells = [
            [
                row["task"].ljust(longest),
                _figure(row["n"]),
                _figure(row["points"]),
                *([_figure(row["usd_at_most"])] if costs else []),
                row["data"],
                row["prompt"],
                _REMARK.sub("", row["licence"] or ""),
            ]
            for row in of
        ]
        if of:
            numeric = [False, True, True, *([True] if costs else []), False, False, False]
            parts.append(listings.lines([kind, *header], cells, width, numeric, SHORTEST_LICENCE))
    if suites:
        abouts = [[row["task"], row["about"].removeprefix("A suite: ")] for row in suites]
        parts.append(listings.lines(("suite", ""), abouts, width))
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


_REMARK = re.compile(r"\s*[(].*")
_WHERE = {
    "ships": "with data that ship",
    "here": "with data in the hub's cache",
    "hub": "with data from the hub or a file",
    "file": "with data from a file alone",
}
"""What the column `data` says, and how the totals put it."""


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"


def markdown() -> str:
    """The table of docs/tasks.md, of the tasks that ship."""
    of = [facts(file) for file in taskfiles.find(resources.task_dirs()[:1]).values()]
    parts = []
    for kind in KIND_ORDER[:-1]:
        those = [one for one in of if one.kind == kind]
        if not those:
            continue
        parts.append(
            f"## {kind.capitalize()}\n\n| task | n | a document is | prompt | source | licence | published figure |\n"
        )
        parts.append("| --- | --: | --: | --- | --- | --- | --- |\n")
        parts += [_row(one) for one in those]
        parts.append("\n")
    return "".join(parts)


def _row(one: TaskFacts) -> str:
    points = "" if one.points is None else f"{one.points:.2g} points"
    cells = (
        f"**{one.name}**: {one.about}",
        one.n or "as read",
        points,
        one.prompt,
        one.source,
        one.licence,
        one.expected,
    )
    return f"| {' | '.join(_escaped(str(cell)) for cell in cells)} |\n"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
