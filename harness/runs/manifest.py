"""What `run.json` says, as records: the one place where its keys are written and read.

Versions differ. A key that an older version did not write has its default here, one that only a newer version knows is
passed over, and everything else that is not as it should be is a `StorageError` that names the field. The order of the
fields is that of the keys: a finished manifest is sealed, so its bytes stay what they are.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from harness.core import Checkout, Machine, plain
from harness.errors import StorageError
from harness.specs import TOLD

if TYPE_CHECKING:
    from harness.stats import Estimate

SCHEMA: Literal[1] = 1
"""Version of the layout of `run.json` and `samples.parquet`."""
Status = Literal["running", "complete", "incomplete"]
Number = int | float
"""A number as it stands in JSON: `1` and `1.0` are written back as they were."""
_SHOWN = 60


@dataclass(frozen=True, kw_only=True)
class WeightsEntry:
    """The file of weights that a model was loaded from."""

    name: str | None = None
    sha256: str | None = None
    size: int | None = None
    """Bytes."""


@dataclass(frozen=True, kw_only=True)
class ModelEntry:
    """One model of a run: how it was reached, and what its backend says of it."""

    name: str
    backend: str
    args: Mapping[str, Any] = field(default_factory=dict)
    """Fit to be published: secrets and folders removed."""
    chat: bool | None = None
    system: str | None = None
    weights: WeightsEntry | None = None
    control_of: str | None = None
    released: str | None = None
    """What its file says of the model, as the three below. Never part of how it is asked."""
    lab: str | None = None
    base: str | None = None
    statement: str | None = None
    deterministic: bool | None = None
    """Whether greedy answers are the same at any load. `None` before it was asked."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the backend reports of itself. Empty before it was asked."""


@dataclass(frozen=True, kw_only=True)
class TaskEntry:
    """One task of a run: what was asked, and how it is scored."""

    name: str
    kind: str
    version: Number | str | None = None
    builtin: bool = False
    task_hash: str | None = None
    """Of its files. `None` for answers made elsewhere."""
    docs_hash: str | None = None
    data_sha256: str | None = None
    scorer: str | None = None
    headline_metric: str | None = None
    headline_filter: str | None = None
    higher_is_better: bool | None = None
    n_docs: int | None = None
    whole_docs_hash: str | None = None
    """Of the documents of all shards together."""
    repeats: int | None = None
    num_fewshot: int | None = None
    licence: str | None = None
    source: str | None = None
    cluster: str | None = None
    unsafe_code: bool | None = None
    """Imports say `false`, for older readers. Nothing reads it."""
    open: bool | None = None
    """Of imports: whether there are texts to compare beside the scores."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One figure of a model on a task. `n` counts documents, the `n_…` samples."""

    model: str
    task: str
    metric: str
    filter: str | None = None
    scorer: str | None = None
    value: Number | None
    """`None` if nothing was scored."""
    ci_low: Number | None = None
    ci_high: Number | None = None
    ci_method: str = "none"
    n: int
    n_unscored: int
    coverage: Number | None = None
    """The share of samples with a score, 0 to 1."""
    n_failed: int = 0
    n_truncated: int = 0
    n_refused: int = 0
    sandbox: str | None = None
    is_headline: bool

    @classmethod
    def of(
        cls,
        key: tuple[str, str | None, str | None],
        found: Estimate,
        states: Sequence[str],
        *,
        unscored: int,
        held: int,
        model: str,
        task: str,
        headline: bool,
        sandbox: str | None = None,
    ) -> Metric:
        """The figure of an estimate.

        Args:
            key: metric, filter, scorer.
            found: the mean and its interval.
            states: one per sample (`records.SampleStatus`).
            unscored: samples without a score.
            held: samples that the metric could have scored: lm-eval scores repeats of a document once.
            model: whose.
            task: on what.
            headline: whether it is the leaderboard's column.
            sandbox: tiers in which code ran.
        """
        return cls(
            model=model,
            task=task,
            metric=key[0],
            filter=key[1],
            scorer=key[2],
            value=found.value,
            ci_low=found.low,
            ci_high=found.high,
            ci_method=found.method,
            n=found.n,
            n_unscored=unscored,
            coverage=1 - unscored / held,
            n_failed=states.count("failed"),
            n_truncated=states.count("truncated"),
            n_refused=states.count("refused"),
            sandbox=sandbox,
            is_headline=headline,
        )


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Samples by state. `None` while a run goes on."""

    samples: int | None = None
    answered: int | None = None
    truncated: int | None = None
    refused: int | None = None
    failed: int | None = None


@dataclass(frozen=True, kw_only=True)
class TokenCounts:
    """Tokens by kind. `None` is unknown."""

    prompt: int | None = None
    completion: int | None = None
    reasoning: int | None = None
    cached: int | None = None


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a run used of models that are billed."""

    tokens: int | None = None
    usd: Number | None = None
    """`None` is unknown, never 0."""
    prices: Mapping[str, Any] = field(default_factory=dict)
    """By model, as in `conf/prices.yaml`."""


@dataclass(frozen=True, kw_only=True)
class Shard:
    """One of the runs that a run was united from."""

    run_id: str
    root: str | None = None


@dataclass(frozen=True, kw_only=True)
class JournalEnd:
    """Where a journal ended when the run did."""

    lines: int
    link: str
    """Of the last line."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """The hashes that a finished manifest is sealed with: see `harness.runs.proof`."""

    files: Mapping[str, str]
    """SHA-256 of each file of the run, by its name."""
    journal: JournalEnd | None = None
    parts: Mapping[str, str]
    """A hash of each top-level value of the manifest, by its key."""
    root: str
    """The hash that stands for the whole run folder."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One run: what was asked, with which versions, and what came of it."""

    schema: Literal[1]
    run_id: str
    name: str
    status: Status
    """`incomplete`: ended, and some requests failed."""
    imported: bool = False
    """The answers were made elsewhere."""
    harness_version: str
    started_at: str
    """UTC, ISO 8601."""
    finished_at: str | None = None
    argv: tuple[str, ...] = ()
    spec: Mapping[str, Any]
    """What was asked, as its version wrote it. `EvalSpec.of_identity` reads it."""
    spec_hash: str
    judged: Mapping[str, Any] | None = None
    """What of the sandbox can change a verdict. `None` if it is not known."""
    models: tuple[ModelEntry, ...]
    tasks: tuple[TaskEntry, ...]
    metrics: tuple[Metric, ...] = ()
    counts: Counts = field(default_factory=Counts)
    tokens: TokenCounts = field(default_factory=TokenCounts)
    packages: Mapping[str, str] = field(default_factory=dict)
    git: Checkout | None = None
    platform: Machine = field(default_factory=Machine)
    cost: Cost | None = None
    shards: tuple[Shard, ...] | None = None
    proof: Proof | None = None
    """`None` while the run goes on, and in runs of before there was one."""

    @property
    def root(self) -> str | None:
        """The hash that stands for the whole run folder."""
        return self.proof.root if self.proof else None

    @property
    def ended(self) -> bool:
        """False while requests may still be sent."""
        return self.status != "running"

    def task(self, name: str) -> TaskEntry | None:
        """The task of a name. `None`: there is none."""
        return next((entry for entry in self.tasks if entry.name == name), None)


_WHERE_KNOWN = ("imported", "judged", "cost", "shards", "proof")
"""Keys that are written if there is something to say."""
_IF_SAID = {"models": TOLD, "tasks": ("unsafe_code", "open")}
"""Keys of their entries that are written if there is something to say."""
_NOT_IMPORTED = {"tasks": ("whole_docs_hash", "cluster"), "metrics": ("sandbox",)}
"""Keys that answers made elsewhere do not have."""


def content(manifest: Manifest) -> dict[str, Any]:
    """A manifest as JSON has it, its keys in the order they are written in."""
    found = {key: value for key, value in plain(manifest).items() if key not in _WHERE_KNOWN or value}
    found |= {"counts": known(manifest.counts), "tokens": known(manifest.tokens)}
    for part, of_some in _IF_SAID.items():
        found[part] = [{k: v for k, v in row.items() if k not in of_some or v is not None} for row in found[part]]
    for part, left in _NOT_IMPORTED.items() if manifest.imported else ():
        found[part] = [{key: value for key, value in row.items() if key not in left} for row in found[part]]
    return found


def known(numbers: Counts | TokenCounts) -> dict[str, int]:
    """Those of some numbers that are known, by name."""
    return {key: value for key, value in plain(numbers).items() if value is not None}


def parse(text: bytes, where: Path | str) -> Manifest:
    """The manifest that stands in a file.

    Args:
        text: what the file holds.
        where: the file, for messages.

    Raises:
        StorageError: it is not JSON, of another schema, or has a field that is missing or of another type.
    """
    from pydantic import ValidationError

    try:
        return _reader()(text)
    except ValidationError as error:
        found = error.errors(include_url=False)
    schema = next((problem for problem in found if problem["loc"] == ("schema",)), None)
    if found[0]["type"] == "json_invalid":
        raise StorageError(f"{where}: not JSON ({found[0]['msg']}); restore it, or delete the run folder")
    if schema or not found[0]["loc"]:
        said = None if schema and schema["type"] == "missing" else (schema or found[0])["input"]
        shown = _short(said) if schema else type(said).__name__
        raise StorageError(f"{where}: schema {shown}, this version of harness reads schema {SCHEMA}")
    name = _name(found[0]["loc"])
    of_field = [problem["msg"].removeprefix("Input should be ") for problem in found if _name(problem["loc"]) == name]
    expected = " or ".join(dict.fromkeys(of_field))
    what = "is missing" if found[0]["type"] == "missing" else f"is {_short(found[0]['input'])}, expected {expected}"
    raise StorageError(f"{where}: {name} {what}; restore the file, or delete the run folder")


@functools.cache
def _reader() -> Callable[[bytes], Manifest]:
    from pydantic import TypeAdapter

    adapter = TypeAdapter(Manifest)
    return functools.partial(adapter.validate_json, strict=True)


def _name(place: tuple[int | str, ...]) -> str:
    """`models[0].name`. The type that was tried is left out if a field may be of several."""
    known = place[:-1] if place[-1] in ("int", "float", "str") and len(place) > 1 else place
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in known).removeprefix(".")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def with_answerer(manifest: Manifest, name: str, *, deterministic: bool, facts: Mapping[str, Any]) -> Manifest:
    """A manifest that says of a model what its backend does."""
    models = tuple(
        dataclasses.replace(entry, deterministic=deterministic, facts=facts) if entry.name == name else entry
        for entry in manifest.models
    )
    return dataclasses.replace(manifest, models=models)
