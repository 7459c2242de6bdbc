"""A comparison that is fixed before there are answers, and what may be called confirmatory afterwards.

Whoever looks at many suspects, panels and sets of candidates and reports the best has reported chance. A registration
names beforehand who is compared with whom, on which prompts, by which detector and at which threshold, and is known by
its hash. A report is confirmatory if every answer was asked after the registration and nothing in it differs, else
it is exploratory, and says why. A clock can be set back: what makes a registration count is that its hash was given to
somebody else, or published, at the time.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import TypeAdapter, ValidationError

from harness.core import canonical_json, environment, panels, resources
from harness.errors import ConfigError, unknown_name
from harness.provenance.answers import fingerprint
from harness.provenance.comparison.evidence import ALPHA
from harness.provenance.panels import panel

SCHEMA = 1
"""Of a registration's file."""
LOOKS = "provenance_looks.jsonl"
"""In a results folder: what was asked of `harness provenance report`, one line a question."""
Status = Literal["confirmatory", "exploratory"]
Row = dict[str, Any]
EVERYBODY = "every possible teacher"


@dataclass(frozen=True, slots=True)
class FixedProtocol:
    """What decides a comparison, apart from the answers.

    Attributes:
        candidates: asked about. None: every possible teacher of the panel.
        panel: its name.
        panel_sha256: of its three files together.
        prompts: ids of the prompts that are asked, as one SHA-256 of them sorted, and how many.
        threshold: false discovery rate up to which a candidate is named.
        same_lab: whether candidates of the suspect's own lab are tested.
        facts: `panels.facts` of the registries and panels at hand: who is whose, and since when.
        detector: SHA-256 of the code that compares.
        fingerprint: version of the fingerprints.
    """

    candidates: tuple[str, ...]
    panel: str
    panel_sha256: str
    prompts: str
    threshold: float
    same_lab: bool
    facts: str
    detector: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Registration:
    """A protocol with its suspects and its date.

    Attributes:
        suspects: the models that are asked.
        protocol: what is done with their answers.
        registered: when, UTC, ISO 8601.
        schema: of the file.
    """

    suspects: tuple[str, ...]
    protocol: FixedProtocol
    registered: str
    schema: int = SCHEMA

    @property
    def sha256(self) -> str:
        """What the registration is known by."""
        return hashlib.sha256(canonical_json(dataclasses.asdict(self)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ReportStanding:
    """What a report is: `confirmatory` or `exploratory`, and why it is not the first.

    Attributes:
        status: of the two.
        why: everything that differs from the registration. Empty if nothing does.
        sha256: of the registration. `None` if there is none.
        registered: its date.
    """

    status: Status
    why: tuple[str, ...] = ()
    sha256: str | None = None
    registered: str | None = None


@dataclass(frozen=True, slots=True)
class AnswerTimes:
    """When the answers behind a report were asked for.

    Attributes:
        prompts: ids that the suspect answered.
        oldest: when the first of them was asked for, UTC. `None` if nobody knows of any.
        undated: answers of which nobody knows when they were made: imported ones.
    """

    prompts: frozenset[str]
    oldest: dt.datetime | None
    undated: int


def protocol(candidates: Iterable[str], name: str, prompts: Iterable[str], *, same_lab: bool = False) -> FixedProtocol:
    """What a comparison on a panel would be decided by now.

    Args:
        candidates: asked about. None: every possible teacher.
        name: of the panel, or its path.
        prompts: ids of the panel's prompts that are asked.
        same_lab: whether candidates of the suspect's own lab are tested.

    Raises:
        ConfigError: no such panel or candidate.
    """
    path = panels.place(name)
    made = panel.load(path)
    chosen = tuple(sorted(set(candidates)))
    for candidate in chosen:
        if candidate not in made.entries:
            raise ConfigError(unknown_name("candidate", candidate, made.entries))
    content = b"".join(panels.part(path, suffix) for suffix in panel.SUFFIXES)
    return FixedProtocol(
        candidates=chosen,
        panel=made.name,
        panel_sha256=hashlib.sha256(content).hexdigest(),
        prompts=_of_prompts(prompts),
        threshold=ALPHA,
        same_lab=same_lab,
        facts=panels.facts(),
        detector=_detector(),
        fingerprint=fingerprint.VERSION,
    )


def _of_prompts(ids: Iterable[str]) -> str:
    every = sorted(set(ids))
    return f"{len(every)} prompts, sha256 {hashlib.sha256(' '.join(every).encode()).hexdigest()}"


@lru_cache(maxsize=1)
def _detector() -> str:
    """SHA-256 over the code and the data of the package that compares. Panels have a hash of their own."""
    folder = Path(__file__).parents[1]
    files = [path for path in folder.rglob("*") if path.suffix in (".py", ".parquet", ".json", ".csv", ".txt", ".toml")]
    digest = hashlib.sha256()
    for path in sorted(files):
        if panel.FOLDER not in path.parents:
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def register(suspects: Sequence[str], what: FixedProtocol) -> Registration:
    """A registration of now.

    Raises:
        ConfigError: no suspect.
    """
    chosen = tuple(sorted(set(suspects)))
    if not chosen:
        raise ConfigError("a registration needs at least one suspect: --suspects A,B")
    return Registration(chosen, what, environment.now())


def write(made: Registration, path: Path) -> None:
    """Write a registration with its hash as YAML.

    Raises:
        ConfigError: there is a file already: a registration is never replaced.
    """
    text = yaml.safe_dump(_plain(made), sort_keys=False, allow_unicode=True, width=120)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise ConfigError(f"{path} exists: a registration is never replaced; name another file") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


def _plain(made: Registration) -> Row:
    told: Row = json.loads(canonical_json(dataclasses.asdict(made)))
    order = [field.name for field in dataclasses.fields(Registration)]
    return {"sha256": made.sha256, **{key: told[key] for key in order}}


def read(path: Path) -> Registration:
    """Read a registration.

    Raises:
        ConfigError: it cannot be read, is none, or was changed after it was made.
    """
    expected = "expected a file that `harness provenance register` wrote"
    try:
        told = resources.plain_yaml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise ConfigError(f"{path}: cannot be read: {why}; {expected}") from error
    if not isinstance(told, dict):
        raise ConfigError(f"{path}: found {type(told).__name__}; {expected}")
    said = told.pop("sha256", None)
    try:
        made = _ADAPTER.validate_python(told)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{path}: {where}: {first['msg']}; {expected}") from error
    if made.sha256 != said:
        raise ConfigError(f"{path}: was changed: its sha256 is {made.sha256[:12]}…, the file says {str(said)[:12]}…")
    return made


_ADAPTER = TypeAdapter(Registration)


def standing(made: Registration | None, suspect: str, now: FixedProtocol | None, asked: AnswerTimes) -> ReportStanding:
    """Whether a report is confirmatory.

    Args:
        made: the registration. `None`: there is none.
        suspect: of the report.
        now: what the report is decided by. `None`: no panel alone.
        asked: the answers behind it.
    """
    if made is None:
        return ReportStanding("exploratory", ("nothing was registered before there were answers",))
    why = [] if suspect in made.suspects else [f"the suspect is not among {', '.join(made.suspects)}"]
    why += ["it is not of the registered panel"] if now is None else _differences(made.protocol, now)
    why += _times(made, asked)
    return ReportStanding("exploratory" if why else "confirmatory", tuple(why), made.sha256, made.registered)


def _differences(then: FixedProtocol, now: FixedProtocol) -> list[str]:
    """What two protocols do not have in common, in words."""
    found = []
    for field in dataclasses.fields(FixedProtocol):
        old, new = getattr(then, field.name), getattr(now, field.name)
        if old != new:
            found.append(f"{_CALLED[field.name]}: registered {_said(old)}, now {_said(new)}")
    return found


_CALLED = {
    "candidates": "the candidates differ",
    "panel": "the panel differs",
    "panel_sha256": "the panel's files were changed",
    "prompts": "the prompts differ",
    "threshold": "the threshold differs",
    "same_lab": "whether the suspect's own lab is tested differs",
    "facts": "what is recorded of models was changed",
    "detector": "the detector is another version",
    "fingerprint": "the fingerprints are another version",
}


def _said(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or EVERYBODY
    text = str(value)
    return text if len(text) <= 40 else text[:40] + "…"  # noqa: PLR2004 - the head of a hash


def _times(made: Registration, asked: AnswerTimes) -> list[str]:
    """Answers that are older than the registration, or may be."""
    found = []
    date = dt.datetime.fromisoformat(made.registered).replace(tzinfo=None)
    if asked.oldest is not None and asked.oldest < date:
        found.append(f"its oldest answer was asked for at {asked.oldest.isoformat(timespec='seconds')}Z, before that")
    if asked.undated:
        found.append(f"nobody knows when {asked.undated} of its answers were made: they were imported")
    if asked.oldest is None and not asked.undated:
        found.append("it has no answers of its own here: the panel's are older")
    return found


def look(results_dir: Path, row: Mapping[str, Any]) -> bool:
    """Write down what somebody asked. A question that was asked before is there already.

    Args:
        results_dir: the results folder.
        row: `suspect`, `sets`, `candidates` and whatever else the report was asked.

    Returns:
        False if the folder cannot be written.
    """
    if json.dumps(row, sort_keys=True) in {_question(old) for old in _log(results_dir)}:
        return True
    line = json.dumps({"at": environment.now(), **row}, ensure_ascii=False, sort_keys=True)
    try:
        with (results_dir / LOOKS).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    except OSError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Looks:
    """How much was looked at for a suspect.

    Attributes:
        sets: different prompt sets.
        questions: different sets of candidates, domains and facts that were asked for, on a set each.
    """

    sets: int = 0
    questions: int = 0


def looks(results_dir: Path, suspect: str) -> Looks:
    """What the log of a results folder says of a suspect."""
    asked = {
        (name, _question({key: value for key, value in row.items() if key != "sets"}))
        for row in _log(results_dir)
        if row.get("suspect") == suspect
        for name in row.get("sets") or ()
        if isinstance(name, str)
    }
    return Looks(len({name for name, _ in asked}), len(asked))


def _question(row: Mapping[str, Any]) -> str:
    return json.dumps({key: value for key, value in row.items() if key != "at"}, sort_keys=True)


def _log(results_dir: Path) -> list[Row]:
    """Every line of the log that is one."""
    try:
        lines = (results_dir / LOOKS).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [row for line in lines if isinstance(row := _row(line), dict)]


def _row(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None
