"""Answers made elsewhere become a run folder like any other, marked as imported.

An answer that comes with a score keeps it; a task none of whose answers has one is of kind `provenance`. The document
of an imported answer is what the file says of its prompt: `prompt_id`, and `prompt` where there is the text.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import __version__, environment, runs, samples, stats
from harness.errors import ConfigError, unknown_name
from harness.identity import RUN, digest, file_sha256

if TYPE_CHECKING:
    import polars as pl

BACKEND = "imported"
NEEDED = ("prompt_id", "output")
COLUMNS = ("model", *NEEDED, "prompt", "reasoning", "target", "score", "answer", "task")
"""What a column of a table may be. Only `prompt_id` and `output` must be there; `prompt` may stand for `prompt_id`."""
_INSPECT_VALUES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
"""Correct, partial, incorrect, no answer: https://inspect.aisi.org.uk/scorers.html."""
_NAME = re.compile(r"[^a-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Item:
    """One answer of a file. `None` is: the file does not say."""

    model: str | None
    task: str | None
    prompt_id: str
    output: str | None
    prompt: str | None = None
    reasoning: str | None = None
    target: str | None = None
    error: str | None = None
    truncated: bool = False
    scores: Mapping[tuple[str, str], float | None] = field(default_factory=dict)
    """By metric and filter."""
    extracted: Mapping[str, str] = field(default_factory=dict)
    """The part of the answer that was judged, by filter."""
    loglikelihoods: tuple[float, ...] | None = None


def convert(
    form: str,
    path: Path,
    results: Path,
    *,
    name: str | None = None,
    task: str | None = None,
    columns: Mapping[str, str] | None = None,
    argv: Sequence[str] = (),
) -> Path:
    """Make a run folder out of a file of answers; the same file gives the same folder.

    Args:
        form: one of `FORMATS`.
        path: the file, or (lm_eval) the folder that holds several.
        results: the results folder.
        name: of the run, and of its model where the answers are of one model alone.
        task: what to call the task; by default as the file says, else the format's name.
        columns: for tables, where each of `COLUMNS` is.
        argv: the command line, for the manifest.

    Returns:
        The run folder.

    Raises:
        ConfigError: the file cannot be read as that format, or holds no answer.
        StorageError: the folder cannot be written.
    """
    if form not in FORMATS:
        raise ConfigError(unknown_name("format", form, FORMATS))
    files = sorted(path.glob("**/samples_*.jsonl")) if path.is_dir() else [path]
    items: list[Item] = []
    shas = []
    for file in files:
        try:
            shas.append(file_sha256(file))
            items += FORMATS[form](file, columns or {})
        except OSError as error:
            raise ConfigError(f"{file}: cannot be read: {error.strerror or error}") from error
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise ConfigError(f"{file}: not as {form} writes it ({type(error).__name__}: {error})") from error
    if not items:
        raise ConfigError(f"{path}: no answers found" + (" in samples_*.jsonl" if path.is_dir() else ""))
    word = name or path.stem
    named = {item.model for item in items}
    only = word if len(named) == 1 and (name or None in named) else None
    source = {"format": form, "files": [file.name for file in files], "sha256": shas, "columns": dict(columns or {})}
    return _write(items, results, only, word, task or form, source, argv, forced_task=task)


def _write(
    items: Sequence[Item],
    results: Path,
    only: str | None,
    word: str,
    task: str,
    source: Mapping[str, Any],
    argv: Sequence[str],
    *,
    forced_task: str | None,
) -> Path:
    identity = {"import": {**source, "name": word, "task": forced_task}}
    spec_hash = digest(RUN, identity)
    prefix = _NAME.sub("-", word.lower()).strip("-") or "imported"
    run = runs.runs_dir(results) / f"{prefix[:40]}-{spec_hash.rpartition(':')[2][:12]}"
    rows = _rows(items, run.name, only or word, only is not None, forced_task, task)
    by_task: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_task.setdefault(row["task"], []).append(row)
    metrics = [metric for name in sorted(by_task) for metric in _metrics(by_task[name])]
    models = sorted({row["model"] for row in rows})
    counts = {
        state: sum(r["status"] == state for r in rows) for state in ("answered", "truncated", "refused", "failed")
    }
    with runs.run_lock(run):
        samples.write(run, sorted(rows, key=lambda row: tuple(row[name] for name in samples.SORT)))
        manifest = {
            "schema": runs.SCHEMA,
            "run_id": run.name,
            "name": prefix,
            "status": "complete",
            "imported": True,
            "harness_version": __version__,
            "started_at": environment.now(),
            "finished_at": environment.now(),
            "argv": environment.publishable(argv),
            "spec": {**identity, "models": [], "tasks": []},
            "spec_hash": spec_hash,
            "models": [_model(name, source) for name in models],
            "tasks": [_task(name, found) for name, found in sorted(by_task.items())],
            "metrics": metrics,
            "counts": {"samples": len(rows), **counts},
            "tokens": {},
            "packages": {"harness": __version__},
            "git": environment.git(),
            "platform": environment.machine(),
        }
        runs.write_atomic(run / runs.SPEC, (json.dumps(identity, indent=1, ensure_ascii=False) + "\n").encode())
        runs.write_manifest(run, manifest)
    return run


def _rows(
    items: Iterable[Item], run_id: str, model: str, overrides: bool, forced: str | None, default: str
) -> list[dict[str, Any]]:
    """Rows of samples: documents numbered per task by first appearance, further answers as repeats."""
    numbers: dict[tuple[str, str], int] = {}
    per_task: dict[str, int] = {}
    repeats: dict[tuple[str, str, str], int] = {}
    rows = []
    for item in items:
        who = model if overrides or item.model is None else item.model
        task = forced or item.task or default
        place = (task, item.prompt_id)
        if place not in numbers:
            numbers[place] = per_task.get(task, 0)
            per_task[task] = numbers[place] + 1
        repeat = repeats[who, task, item.prompt_id] = repeats.get((who, task, item.prompt_id), -1) + 1
        doc = {"prompt_id": item.prompt_id} | ({"prompt": item.prompt} if item.prompt is not None else {})
        choices = item.loglikelihoods is not None
        lost = item.output is None and not choices
        sample = digest("imp1", [who, task, item.prompt_id, repeat])
        rows.append(
            dict.fromkeys(samples.schema())
            | {
                "run_id": run_id,
                "model": who,
                "task": task,
                "doc_id": numbers[place],
                "repeat": repeat,
                "sample_id": sample,
                "status": "failed" if lost else "truncated" if item.truncated else "answered",
                "kind": "loglikelihood" if choices else "generate",
                "doc": json.dumps(doc, ensure_ascii=False, sort_keys=True),
                "target": item.target,
                "output": item.output,
                "reasoning": item.reasoning,
                "reasoning_kind": "full" if item.reasoning else "none",
                "error": (item.error or "no answer in the file") if lost else None,
                "request_ids": [sample],
                "loglikelihoods": item.loglikelihoods,
                "attempts": [],
                "scores": [
                    {"metric": metric, "filter": name, "scorer": BACKEND, "value": None if lost else value,
                     "status": "unscored" if value is None or lost else "scored", "extracted": item.extracted.get(name),
                     "explanation": None, "detail": None}
                    for (metric, name), value in sorted(item.scores.items())
                ],
            }
        )  # fmt: skip
    return rows


def _metrics(rows: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Means of the file's own scores; the first metric of a task is its headline."""
    keys = sorted({(score["metric"], score["filter"]) for row in rows for score in row["scores"]})
    for model in sorted({row["model"] for row in rows}):
        mine = [row for row in rows if row["model"] == model]
        for key in keys:
            docs: dict[int, list[float]] = {}
            unscored = len(mine)
            for row in mine:
                for score in row["scores"]:
                    if (score["metric"], score["filter"]) == key and score["value"] is not None:
                        docs.setdefault(row["doc_id"], []).append(score["value"])
                        unscored -= 1
            found = stats.estimate(list(docs.values()), binary=all(v in (0, 1) for d in docs.values() for v in d))
            yield {
                "model": model,
                "task": rows[0]["task"],
                "metric": key[0],
                "filter": key[1],
                "scorer": BACKEND,
                "value": found.value,
                "ci_low": found.low,
                "ci_high": found.high,
                "ci_method": found.method,
                "n": found.n,
                "n_unscored": unscored,
                "coverage": 1 - unscored / len(mine),
                **{
                    f"n_{state}": sum(r["status"] == state for r in mine)
                    for state in ("failed", "truncated", "refused")
                },
                "is_headline": key == keys[0],
            }


def _model(name: str, source: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "backend": BACKEND,
        "args": {"format": source["format"], "files": source["files"]},
        "chat": None,
        "system": None,
        "weights": None,
        "control_of": None,
        "deterministic": None,
        "facts": {},
    }


def _task(name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    keys = sorted({(score["metric"], score["filter"]) for row in rows for score in row["scores"]})
    docs = sorted({row["doc"] for row in rows})
    return {
        "name": name,
        "kind": "other" if keys else "provenance",
        "version": None,
        "builtin": False,
        "task_hash": None,
        "docs_hash": digest("task1", docs),
        "data_sha256": None,
        "scorer": None,
        "headline_metric": keys[0][0] if keys else None,
        "headline_filter": keys[0][1] if keys else None,
        "higher_is_better": True if keys else None,
        "n_docs": len(docs),
        "repeats": max(row["repeat"] for row in rows) + 1,
        "num_fewshot": None,
        "licence": None,
        "source": f"imported from {rows[0]['run_id']}",
        "unsafe_code": False,
    }


# Formats -----------------------------------------------------------------------------------------------------


def prompt_id(text: str) -> str:
    """How a prompt is known that has a text and no name: the MD5 of the text without the white space around it."""
    return hashlib.md5(text.strip(" \n\t\r").encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def _alpaca_eval(path: Path, _: Mapping[str, str]) -> Iterator[Item]:
    """`model_outputs.json`: a list of objects with `instruction`, `output` and, mostly, `generator`.

    https://github.com/tatsu-lab/alpaca_eval
    """
    for entry in _json(path):
        text = _text(entry["instruction"])
        assert text is not None
        yield Item(_text(entry.get("generator")), None, prompt_id(text), _text(entry["output"]), prompt=text)


def _lm_eval(path: Path, _: Mapping[str, str]) -> Iterator[Item]:
    """`samples_TASK_DATE.jsonl` of `lm_eval --log_samples`: one line per document and filter.

    https://github.com/EleutherAI/lm-evaluation-harness
    """
    task = re.sub(r"_\d{4}-\d\d-\d\dT.*$", "", path.stem.removeprefix("samples_"))
    documents: dict[int, list[dict[str, Any]]] = {}
    for entry in _jsonl(path):
        documents.setdefault(int(entry["doc_id"]), []).append(entry)
    for number in sorted(documents):
        lines = documents[number]
        first = lines[0]
        scores = {
            (metric, str(line.get("filter", "none"))): _number(line.get(metric))
            for line in lines
            for metric in line.get("metrics") or [k for k, v in line.items() if isinstance(v, float)]
        }
        replies, prompt = first["resps"], _first_argument(first.get("arguments"))
        name = str(first.get("doc_hash") or number)
        target = _text(first.get("target"))
        judged = {str(line.get("filter", "none")): _judged(line.get("filtered_resps")) for line in lines}
        extracted = {name: answer for name, answer in judged.items() if answer is not None}
        if replies and isinstance(replies[0][0], str):
            for reply in replies[0]:
                yield Item(None, task, name, reply, prompt=prompt, target=target, scores=scores, extracted=extracted)
        else:
            chosen = tuple(float(reply[0][0]) for reply in replies)
            yield Item(None, task, name, None, prompt=prompt, target=target, scores=scores, loglikelihoods=chosen)


def _judged(replies: Any) -> str | None:
    first = replies[0] if isinstance(replies, list) and replies else None
    return first if isinstance(first, str) else None


def _first_argument(arguments: Any) -> str | None:
    """The prompt in `arguments`, which was a list of lists before it was a mapping of mappings."""
    try:
        first = arguments["gen_args_0"]["arg_0"] if isinstance(arguments, dict) else arguments[0][0]
    except (KeyError, IndexError, TypeError):
        return None
    return first if isinstance(first, str) else None


def _inspect(path: Path, _: Mapping[str, str]) -> Iterator[Item]:
    """A log of Inspect in its JSON form (`inspect log convert --to json`).

    https://inspect.aisi.org.uk/eval-logs.html
    """
    log = _json(path)
    evaluation = log["eval"]
    for sample in log.get("samples") or ():
        output = sample.get("output") or {}
        choices = output.get("choices") or []
        text, reasoning = _content(choices[0]["message"]["content"]) if choices else (None, None)
        failed = (sample.get("error") or {}).get("message")
        target = sample.get("target")
        yield Item(
            evaluation["model"],
            evaluation["task"],
            str(sample["id"]),
            None if failed else text,
            prompt=_conversation(sample.get("input")),
            reasoning=reasoning,
            target=json.dumps(target, ensure_ascii=False) if isinstance(target, list) else _text(target),
            error=_text(failed),
            extracted=_answer(sample.get("scores") or {}),
            truncated=bool(choices) and choices[0].get("stop_reason") in ("max_tokens", "model_length"),
            scores={
                (name, "none"): _INSPECT_VALUES.get(score["value"], _number(score["value"]))
                if isinstance(score["value"], str)
                else _number(score["value"])
                for name, score in (sample.get("scores") or {}).items()
            },
        )


def _answer(scores: Mapping[str, Any]) -> dict[str, str]:
    """What Inspect's scorers judged: one answer for all of them, the first that says."""
    said = [score["answer"] for score in scores.values() if isinstance(score.get("answer"), str)]
    return {"none": said[0]} if said else {}


def _content(content: Any) -> tuple[str | None, str | None]:
    """Answer and reasoning of a message: a string, or a list of parts."""
    if isinstance(content, str):
        return content, None
    parts = [(part.get("type"), part) for part in content or ()]
    text = "".join(part["text"] for kind, part in parts if kind == "text")
    reasoning = "\n".join(part["reasoning"] for kind, part in parts if kind == "reasoning")
    return (text if parts else None), (reasoning or None)


def _conversation(sent: Any) -> str | None:
    if isinstance(sent, str) or sent is None:
        return sent
    return "\n\n".join(f"{message['role']}: {_content(message['content'])[0] or ''}" for message in sent)


def _csv(path: Path, columns: Mapping[str, str]) -> Iterator[Item]:
    import polars as pl

    return _table(path, lambda: pl.read_csv(path, infer_schema=False), columns)


def _parquet(path: Path, columns: Mapping[str, str]) -> Iterator[Item]:
    import polars as pl

    return _table(path, lambda: pl.read_parquet(path), columns)


def _jsonl_table(path: Path, columns: Mapping[str, str]) -> Iterator[Item]:
    import polars as pl

    def read() -> pl.DataFrame:
        return pl.DataFrame(list(_jsonl(path)), infer_schema_length=None, strict=False)

    return _table(path, read, columns)


def _table(path: Path, read: Callable[[], pl.DataFrame], columns: Mapping[str, str]) -> Iterator[Item]:
    """The rows of a table with named columns."""
    import polars as pl

    unknown = sorted(set(columns) - set(COLUMNS))
    if unknown:
        raise ConfigError(unknown_name("kind of column", unknown[0], COLUMNS))
    try:
        frame = read()
    except pl.exceptions.PolarsError as error:
        raise ValueError(str(error).splitlines()[0]) from error
    where = {what: columns.get(what, what) for what in COLUMNS}
    missing = [what for what in (*NEEDED, *columns) if where[what] not in frame.columns]
    if where["prompt"] in frame.columns:
        missing = [what for what in missing if what != "prompt_id"]
    if missing:
        raise ConfigError(
            f"{path}: no column {where[missing[0]]!r}, found {', '.join(frame.columns)}; name it with "
            f"--columns {missing[0]}=…"
        )
    present = {what: name for what, name in where.items() if name in frame.columns}
    for row in frame.select(**{what: pl.col(name) for what, name in present.items()}).iter_rows(named=True):
        prompt = _text(row.get("prompt"))
        name = _text(row.get("prompt_id"))
        if name is None and prompt is None:
            raise ValueError("a row with neither prompt_id nor prompt")
        yield Item(
            _text(row.get("model")),
            _text(row.get("task")),
            name if name is not None else prompt_id(prompt or ""),
            _text(row["output"]),
            prompt=prompt,
            reasoning=_text(row.get("reasoning")),
            target=_text(row.get("target")),
            scores={(where["score"], "none"): _number(row["score"])} if "score" in row else {},
            extracted={"none": answer} if (answer := _text(row.get("answer"))) is not None else {},
        )


FORMATS: Mapping[str, Callable[[Path, Mapping[str, str]], Iterator[Item]]] = {
    "alpaca_eval": _alpaca_eval,
    "lm_eval": _lm_eval,
    "inspect": _inspect,
    "jsonl": _jsonl_table,
    "csv": _csv,
    "parquet": _parquet,
}
"""What can be imported. Adding one is adding a reader: a file in, items out."""


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _jsonl(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    entry = json.loads(line)
                except ValueError as error:
                    raise ValueError(f"line {number}: {error}") from error
                if not isinstance(entry, dict):
                    raise TypeError(f"line {number}: no object")
                yield entry


def _text(value: Any) -> str | None:
    return None if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _number(value: Any) -> float | None:
    """A score; `None` for what is no finite number."""
    if isinstance(value, str):
        value = {"true": 1.0, "false": 0.0}.get(value.strip().lower(), value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
