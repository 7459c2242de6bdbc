"""A run again, from its manifest alone: the same request to every model, and whether the same came back.

Greedy answers of a deterministic backend are compared sample by sample. For all others scores are compared: a paired
test per model and task with Holm's correction over them. "no difference shown" is not "the same".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import __version__, runs
from harness.archive import differences
from harness.core import environment, installation, weights
from harness.errors import ConfigError, EvidenceError
from harness.evaluation import evaluate, planning, replay
from harness.runs import Manifest, completions
from harness.specs import BudgetSpec, EvalSpec
from harness.stats import ranks

NAME = "reproduced"
"""The run's name if none was chosen."""
LEVEL = 0.05
"""Adjusted p below which scores are said to differ."""
CUT = "…/"
"""How a path begins whose folder was not published."""


@dataclass(frozen=True, slots=True)
class TaskMatch:
    """What became of one model on one task."""

    match: differences.Match
    exact: bool
    """True if the same answers were to be expected."""
    adjusted: float | None
    """The p-value of the scores after Holm's correction. `None` if there is no test."""
    offline: bool = False
    """True if the answers came from the run's own journal."""

    @property
    def agrees(self) -> bool:
        """Whether nothing speaks against its being the same."""
        if self.match.only_a or self.match.only_b or self.match.rescored:
            return False
        if self.exact:
            return self.match.same == self.match.n
        return self.adjusted is None or self.adjusted >= LEVEL

    def sentence(self) -> str:
        """The verdict in words."""
        found = self.match
        lost = f"; {found.only_a} samples have no partner in the new run" if found.only_a else ""
        lost += f"; {found.only_b} of the new run have none in the old" if found.only_b else ""
        same = f"{found.same} of {found.n} answers are the same"
        if found.rescored:
            same += f", but scored otherwise at documents {_first(found.rescored)}"
        if self.exact:
            where = f"; others at documents {_first(found.changed)}" if found.changed else ""
            why = "from its own journal" if self.offline else "greedy, and the backend promises to repeat itself"
            return f"{same} ({why}){where}{lost}"
        if found.scores is None or found.scores.difference is None:
            return f"{same} (sampled; no score to compare){lost}"
        verdict = "no difference shown" if self.adjusted is None or self.adjusted >= LEVEL else "the scores differ"
        return f"{verdict}: {found.metric} {differences.sentence(found.scores, self.adjusted)}; {same}{lost}"


def _first(documents: Sequence[int]) -> str:
    return ", ".join(map(str, documents[: differences.SHOWN])) + (", …" if documents[differences.SHOWN :] else "")


@dataclass(frozen=True, slots=True)
class Reproduction:
    """A run and its repetition."""

    old: Path
    new: Path
    warnings: tuple[str, ...]
    """What is not as it was and may explain a difference."""
    verdicts: tuple[TaskMatch, ...]


def reproduce(
    results: Path,
    run: Path,
    *,
    name: str = NAME,
    data: Mapping[str, Path] | None = None,
    args: Mapping[str, str] | None = None,
    usd: float | None = None,
    offline: bool = False,
    argv: Sequence[str] = (),
    quiet: bool = False,
) -> Reproduction:
    """Run a run again and compare. A file of completions (`harness score`) is scored again.

    Args:
        results: where the new run goes.
        run: the old run's folder, in the same results folder if it is to be answered `offline`.
        name: of the new run.
        data: where data files are that the run read, by task.
        args: values of model arguments that were paths, by `MODEL.KEY`.
        usd: where to stop spending.
        offline: answer from the run's own journal instead of the models.
        argv: the command line, for the manifest.
        quiet: no progress on stderr.

    Raises:
        EvidenceError: weights, tasks or data are not those of the run.
        ConfigError: the run was imported, has not ended, or needs a path to be given.
        HarnessError: whatever can stop an evaluation.
    """
    said = runs.read_manifest(run)
    if said.imported:
        raise ConfigError(f"run {run.name} was imported: no command that is known here made its answers")
    if not said.ended:
        raise ConfigError(f"run {run.name} has not ended; give its command again, then reproduce it")
    spec = spec_of(said, results, name, data or {}, args or {})
    warnings = differences_now(said)
    if not offline and any(model.backend == completions.BACKEND for model in spec.models):
        offline = True
        warnings.append(
            "no model was asked: the answers came from a file of completions, and come from the run's own journal "
            "again; what is repeated is their scoring"
        )
    if offline:
        spec = dataclasses.replace(spec, replay=run.name)
    spec = dataclasses.replace(spec, budget=BudgetSpec(usd=usd))
    refuse_other_inputs(said, spec)
    new = evaluate(spec, argv=argv, quiet=quiet)
    return Reproduction(run, new.run, tuple(warnings), tuple(judge(run, new.run, offline=offline)))


def spec_of(said: Manifest, results: Path, name: str, data: Mapping[str, Path], args: Mapping[str, str]) -> EvalSpec:
    """The spec that a manifest states, in another place and under another name.

    Raises:
        ConfigError: a path is missing, or the manifest was made by another version of harness.
    """
    from pydantic import TypeAdapter, ValidationError

    asked = EvalSpec.of_identity(said.spec)
    asked["tasks"] = [
        replay.with_data(task, data.get(task["name"]), said.run_id, f"--data {task['name']}=PATH")
        for task in asked["tasks"]
    ]
    asked["models"] = [_with_args(model, args) for model in asked["models"]]
    if asked["sandbox"].get("packages"):
        if "sandbox.packages" not in args:
            raise ConfigError(
                f"run {said.run_id} let programs import packages of {asked['sandbox']['packages']}; say where they "
                "are now with --arg sandbox.packages=PATH"
            )
        asked["sandbox"] = {**asked["sandbox"], "packages": args["sandbox.packages"]}
    try:
        spec: EvalSpec = TypeAdapter(EvalSpec).validate_python(asked)
    except ValidationError as error:
        raise ConfigError(f"run {said.run_id} was made by another version of harness: {error}") from error
    # Answers that were paid for once are what is in question here: nothing is reused.
    return dataclasses.replace(spec, name=name, results_dir=str(results), reuse=False)


def _with_args(model: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    args = dict(model["args"])
    for key, value in args.items():
        if f"{model['name']}.{key}" in given:
            args[key] = given[f"{model['name']}.{key}"]
        elif isinstance(value, str) and value.startswith(CUT):
            raise ConfigError(
                f"model {model['name']} was given {key}={value}, whose folder is not kept; say where it is now with "
                f"--arg {model['name']}.{key}=PATH"
            )
    return {**model, "args": args}


def differences_now(said: Manifest) -> list[str]:
    """How the code and packages here differ from those of a run, in sentences."""
    found = []
    now, then = environment.git(), said.git
    if said.harness_version != __version__:
        found.append(f"harness was {said.harness_version}, here is {__version__}")
    commits = [facts.commit if facts else None for facts in (then, now)]
    if commits[0] != commits[1]:
        found.append(f"the code was at commit {commits[0]}, here at {commits[1]}")
    found += [
        f"the checkout {when} uncommitted changes"
        for when, facts in (("had", then), ("has", now))
        if facts and facts.dirty
    ]
    here = environment.packages()
    others = [
        f"{name} {version} (here {here.get(name, 'missing')})"
        for name, version in sorted(said.packages.items())
        if here.get(name) != version and name not in ("harness", installation.DISTRIBUTION)
    ]
    if others:
        found.append(f"{len(others)} packages are others: {', '.join(others[:8])}{', …' if others[8:] else ''}")
    place = environment.machine()
    others = [
        f"{key} {value} (here {here_too})"
        for key in ("cpu", "machine", "python", "system")
        if (value := getattr(said.platform, key)) not in (None, here_too := getattr(place, key))
    ]
    if others:
        found.append(f"the machine is another: {', '.join(others)}")
    return found


def refuse_other_inputs(said: Manifest, spec: EvalSpec) -> None:
    """Check that weights, task files, data and documents are those of the run.

    Raises:
        EvidenceError: they are not. The message names each with both hashes.
        TaskError: a task cannot be loaded.
    """
    other = []
    for model in said.models:
        asked = next((m for m in spec.models if m.name == model.name), None)
        then = model.weights.sha256 if model.weights else None
        now = weights.named(asked.weights).sha256 if asked and asked.weights else None
        if then != now:
            other.append(f"model {model.name}: weights {then}, here {now}")
    loaded = {task.name: task for task in planning.load_tasks(spec)}
    for entry in said.tasks:
        task = loaded.get(entry.name)
        if task is None:
            other.append(f"task {entry.name} is not there")
            continue
        for key, was, now in (
            ("task_hash", entry.task_hash, task.content_hash),
            ("data_sha256", entry.data_sha256, task.data_sha256),
            ("docs_hash", entry.docs_hash, task.docs_hash),
        ):
            if was != now:
                other.append(f"task {entry.name}: {key} {was}, here {now}")
    if other:
        raise EvidenceError(
            f"run {said.run_id} cannot be reproduced here, because it asked something else: {'; '.join(other)}. "
            "Check out the version that made it, or give the data it read"
        )


def judge(old: Path, new: Path, *, offline: bool = False) -> list[TaskMatch]:
    """Compare a finished repetition with its run.

    Args:
        old: the run.
        new: its repetition.
        offline: the answers are the old ones, so each must be the same.
    """
    fixed, repeatable = (
        {model.name for model in runs.read_manifest(folder).models if model.deterministic} for folder in (old, new)
    )
    found = differences.matches(old, new)
    exact = [match.model in repeatable and (offline or (match.model in fixed and match.greedy)) for match in found]
    tested = [_p(match) for match, sure in zip(found, exact, strict=True) if not sure]
    adjusted = iter(ranks.holm([p for p in tested if p is not None]))
    return [
        TaskMatch(match, sure, None if sure or _p(match) is None else next(adjusted), offline)
        for match, sure in zip(found, exact, strict=True)
    ]


def _p(match: differences.Match) -> float | None:
    return match.scores.p_value if match.scores else None
