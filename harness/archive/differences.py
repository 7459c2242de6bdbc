"""Two runs side by side: what differs in configuration, code, data, environment, answers and scores."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import runs
from harness.archive import stored_samples
from harness.core import Checkout, plain
from harness.runs import Manifest
from harness.specs import EvalSpec
from harness.stats import pairs, ranks

if TYPE_CHECKING:
    import polars as pl

SECTIONS = ("config", "code", "data", "environment", "answers", "scores")
SHOWN = 10
"""Documents that are named if several differ."""
_MISSING = "-"


@dataclass(frozen=True, slots=True)
class Match:
    """One model's samples of one task in two runs, matched by the content of the document and the repeat."""

    model: str
    """In the first run."""
    task: str
    n: int
    """Samples that both runs have."""
    same: int
    """Of these, with the same status, text and log-likelihoods."""
    only_a: int
    only_b: int
    changed: tuple[int, ...]
    """`doc_id` in the first run of every document with another answer, in order."""
    rescored: tuple[int, ...]
    """Likewise of every document whose same answer has other scores."""
    greedy: bool
    """True if the first run drew nothing: temperature 0, or log-likelihoods."""
    metric: str | None
    """The headline. `None` if the task has none."""
    scores: pairs.Paired | None
    """The second run's headline against the first's, `a` being the second. `None` without a headline."""


def matches(run_a: Path, run_b: Path) -> list[Match]:
    """Compare the answers and headline scores of two finished runs, model by model and task by task.

    Models are matched by name. If each run has just one, these two.

    Raises:
        StorageError: a run has not ended, or is damaged.
    """
    said_a, said_b = runs.read_manifest(run_a), runs.read_manifest(run_b)
    a, b = stored_samples.samples(run_a), stored_samples.samples(run_b)
    names_a, names_b = (a.get_column("model").unique().to_list(), b.get_column("model").unique().to_list())
    other = {names_a[0]: names_b[0]} if len(names_a) == len(names_b) == 1 else {name: name for name in names_a}
    found = []
    for (model, task), mine in sorted(a.partition_by("model", "task", as_dict=True).items()):
        theirs = b.filter(model=other[model], task=task)
        if len(theirs):
            found.append(_match(model, task, mine, theirs, said_a, said_b))
    return found


def _match(model: str, task: str, a: pl.DataFrame, b: pl.DataFrame, said_a: Manifest, said_b: Manifest) -> Match:
    one, other = _keyed(a), _keyed(b)
    both = [key for key in one if key in other]
    changed = {key for key in both if any(one[key][c] != other[key][c] for c in ("status", "output", "loglikelihoods"))}
    rescored = [key for key in both if key not in changed and _scored(one[key]) != _scored(other[key])]
    headline = _headline(said_a, model, task)
    scores = None
    if headline is not None and headline == _headline(said_b, next(iter(other.values()))["model"], task):
        cluster = entry.cluster if (entry := said_a.task(task)) else None
        values = [_values(side, both, headline) for side in (other, one)]
        binary = all(v in (0.0, 1.0) for side in values for doc in side.values() for v in doc)
        sources: dict[Hashable, Hashable] = {key[:2]: _source(one[key]["doc"], cluster, key) for key in both}
        scores = pairs.compare(values[0], values[1], binary=binary, sources=sources)
    return Match(
        model=model,
        task=task,
        n=len(both),
        same=len(both) - len(changed),
        only_a=len(one) - len(both),
        only_b=len(other) - len(both),
        changed=tuple(sorted({one[key]["doc_id"] for key in changed})),
        rescored=tuple(sorted({one[key]["doc_id"] for key in rescored})),
        greedy=all(row["decoding"] is None or json.loads(row["decoding"])["temperature"] == 0 for row in one.values()),
        metric=headline[0] if headline else None,
        scores=scores,
    )


Key = tuple[str, int, int]
"""Document, which of the documents with the same content, repeat."""


def _keyed(frame: pl.DataFrame) -> dict[Key, dict[str, Any]]:
    places: dict[str, dict[int, int]] = {}
    keyed = {}
    for row in frame.sort("doc_id", "repeat").iter_rows(named=True):
        same = places.setdefault(row["doc"], {})
        keyed[row["doc"], same.setdefault(row["doc_id"], len(same)), row["repeat"]] = row
    return keyed


def _headline(said: Manifest, model: str, task: str) -> tuple[str, str | None, str | None] | None:
    for metric in said.metrics:
        if metric.is_headline and (metric.model, metric.task) == (model, task):
            return metric.metric, metric.filter, metric.scorer
    return None


def _values(
    side: Mapping[Key, Mapping[str, Any]], keys: list[Key], headline: tuple[str, str | None, str | None]
) -> dict[Hashable, list[float]]:
    values: dict[Hashable, list[float]] = {}
    for key in keys:
        for score in side[key]["scores"]:
            if (score["metric"], score["filter"], score["scorer"]) == headline and score["value"] is not None:
                values.setdefault(key[:2], []).append(score["value"])
    return values


def _scored(row: Mapping[str, Any]) -> dict[tuple[str, str, str], float | None]:
    return {(score["metric"], score["filter"], score["scorer"]): score["value"] for score in row["scores"]}


def _source(doc: str, cluster: str | None, key: Key) -> Hashable:
    found = json.loads(doc).get(cluster) if cluster else None
    return key[:2] if found is None else str(found)


# The table ---------------------------------------------------------------------------------------------------


def table(run_a: Path, run_b: Path) -> pl.DataFrame:
    """What differs between two runs: one row per difference, by section. Answers and scores as counts per task.

    Columns: section, what, a, b, note. A part in which nothing differs has no row.

    Raises:
        StorageError: a run has not ended, or is damaged.
    """
    import polars as pl

    said_a, said_b = runs.read_manifest(run_a), runs.read_manifest(run_b)
    rows = [
        (section, what, _text(one), _text(other), "")
        for section, what, one, other in sorted(_facts(said_a, said_b))
        if one != other
    ]
    found = matches(run_a, run_b)
    for match in found:
        if match.same < match.n or match.only_a or match.only_b:
            first = f"; first at document {match.changed[0]}" if match.changed else ""
            rows.append(
                (
                    "answers",
                    f"{match.model}, {match.task}",
                    f"{match.only_a} of its own",
                    f"{match.only_b} of its own",
                    f"{match.same} of {match.n} the same{first}",
                )
            )
        if match.rescored:
            where = ", ".join(map(str, match.rescored[:SHOWN]))
            rows.append(
                ("scores", f"{match.model}, {match.task}", "", "", f"the same answer, other scores: document {where}")
            )
    rows += list(_scores(found))
    rows.sort(key=lambda row: SECTIONS.index(row[0]))
    return pl.DataFrame(rows, schema=dict.fromkeys(("section", "what", "a", "b", "note"), pl.String), orient="row")


def _scores(found: list[Match]) -> Iterator[tuple[str, str, str, str, str]]:
    compared = [match for match in found if match.scores is not None and match.scores.n]
    adjusted = iter(ranks.holm([m.scores.p_value for m in compared if m.scores and m.scores.p_value is not None]))
    for match in compared:
        assert match.scores is not None
        p = next(adjusted) if match.scores.p_value is not None else None
        if match.scores.a_better or match.scores.b_better:
            what = f"{match.model}, {match.task}: {match.metric}"
            yield ("scores", what, _text(match.scores.value_b), _text(match.scores.value_a), sentence(match.scores, p))


def sentence(found: pairs.Paired, adjusted: float | None) -> str:
    """A paired comparison of the second run with the first in words: difference, interval, n, test, null."""
    if found.difference is None:
        return "no document has a score in both"
    interval = "" if found.low is None or found.high is None else f" [{found.low:+.3f}, {found.high:+.3f}]"
    test = {
        "mcnemar_exact": "exact McNemar; null: both runs are as likely to be the one that is right",
        "sign_flip_exact": "exact sign flips; null: within a source the runs could change places",
        "paired_t": "paired t; null: the mean difference is 0",
        "none": "no test",
    }[found.test]
    p = "" if adjusted is None else f", p={adjusted:.3g} after Holm"
    return f"{found.difference:+.3f}{interval} n={found.n}{p} ({test})"


def _text(value: Any) -> str:
    if value is _NOTHING:
        return _MISSING
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


_NOTHING: Any = object()
"""A key that one side does not have, which is not a key that is null."""


def _facts(a: Manifest, b: Manifest) -> Iterator[tuple[str, str, Any, Any]]:
    """Section, name, and the value in either run, of everything that a manifest states."""
    for section, flat in (("config", _config), ("code", _code), ("data", _data), ("environment", _environment)):
        one, other = flat(a), flat(b)
        for key in {*one, *other}:
            yield section, key, one.get(key, _NOTHING), other.get(key, _NOTHING)


def _config(said: Manifest) -> dict[str, Any]:
    return _flat({key: value for key, value in EvalSpec.of_identity(said.spec).items() if key != "name"})


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """Leaves by dotted name. Items of a list go by their `name` if they have one."""
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list) and value and all(isinstance(item, dict) and "name" in item for item in value):
        items = {item["name"]: {k: v for k, v in item.items() if k != "name"} for item in value}.items()
    else:
        return {name: value}
    return {key: leaf for k, item in items for key, leaf in _flat(item, f"{name}.{k}".lstrip(".")).items()}


def _code(said: Manifest) -> dict[str, Any]:
    git = said.git or Checkout()
    found: dict[str, Any] = {"harness": said.harness_version, "git commit": git.commit, "git dirty": git.dirty}
    for task in said.tasks:
        found |= {f"task {task.name}: {key}": getattr(task, key) for key in ("version", "task_hash", "scorer")}
    return found


def _data(said: Manifest) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for task in said.tasks:
        found |= {f"task {task.name}: {key}": getattr(task, key) for key in ("data_sha256", "docs_hash", "n_docs")}
    for model in said.models:
        found[f"model {model.name}: weights"] = model.weights.sha256 if model.weights else None
    return found


def _environment(said: Manifest) -> dict[str, Any]:
    found: dict[str, Any] = {f"package {name}": version for name, version in said.packages.items()}
    found |= {f"platform {key}": value for key, value in plain(said.platform).items()}
    for model in said.models:
        found |= _flat(model.facts, f"model {model.name}: facts")
        found[f"model {model.name}: deterministic"] = model.deterministic
    return found
