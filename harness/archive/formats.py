"""The files that answers come in from elsewhere: one reader per format, a file in, items out.

Readers are generators that raise one of `UNREADABLE` if a file is not what its format says.
`harness.archive.imports` tells the user.
"""

from __future__ import annotations

import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core import prompt_id, say, visible
from harness.errors import ConfigError, StorageError, unknown_name
from harness.records import REASONING_KINDS, ReasoningKind, finite
from harness.runs import check_expansion, clean, completions

if TYPE_CHECKING:
    import polars as pl

NEEDED = ("prompt_id", "output")
COLUMNS = ("model", *NEEDED, "prompt", "reasoning", "reasoning_kind", "target", "score", "answer", "task")
"""What a column of a table may be. Only `prompt_id` and `output` must be there. `prompt` may stand for `prompt_id`."""
SCORES = ("score", "correct")
"""Columns that are taken for scores if nothing is said of scores."""
CORPUS = "corpus"
"""The column that names the task if there is none of tasks."""
ZSTANDARD = 93
"""The compression method's number in a zip: APPNOTE.TXT 6.3.7, 4.4.5."""
LARGEST = 1 << 30
"""Bytes that one file of a zip may unpack to."""
LARGEST_SCORE = 1e100
"""The squares of larger numbers, summed over documents, are more than a float holds."""
_INSPECT_VALUES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
"""Correct, partial, incorrect, no answer: https://inspect.aisi.org.uk/scorers.html."""


@dataclass(frozen=True, slots=True)
class Item:
    """One answer of a file. `None` is: the file does not say."""

    model: str | None
    task: str | None
    prompt_id: str
    output: str | None
    prompt: str | None = None
    reasoning: str | None = None
    reasoning_kind: ReasoningKind | None = None
    """What the trace is, if the file says so: summaries and whole traces are not compared with each other."""
    target: str | None = None
    error: str | None = None
    truncated: bool = False
    scores: Mapping[tuple[str, str], float | None] = field(default_factory=dict)
    """By metric and filter."""
    extracted: Mapping[str, str] = field(default_factory=dict)
    """The part of the answer that was judged, by filter."""
    loglikelihoods: tuple[float | None, ...] | None = None


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
            chosen = tuple(_number(reply[0][0]) for reply in replies)
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
    """A log of Inspect: `.eval`, as it writes it, or `.json`.

    https://inspect.aisi.org.uk/eval-logs.html
    """
    log = _zipped_log(path) if zipfile.is_zipfile(path) else _json(path)
    evaluation = log["eval"]
    for sample in log.get("samples") or ():
        output = sample.get("output") or {}
        choices = output.get("choices") or []
        text, reasoning, kind = _content(choices[0]["message"]["content"]) if choices else (None, None, None)
        failed = (sample.get("error") or {}).get("message")
        target = sample.get("target")
        yield Item(
            evaluation["model"],
            evaluation["task"],
            str(sample["id"]),
            None if failed else text,
            prompt=_conversation(sample.get("input")),
            reasoning=reasoning,
            reasoning_kind=kind,
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


def _zipped_log(path: Path) -> dict[str, Any]:
    """A `.eval` log: a zip of `header.json` (or, of a run that was cut off, its start) and a file per sample.

    Samples come in the order of epochs and ids, however the run finished them.
    """
    with zipfile.ZipFile(path) as log:
        names = log.namelist()
        start = "header.json" if "header.json" in names else "_journal/start.json"
        header: dict[str, Any] = json.loads(_member(path, log.getinfo(start)))
        kept = [name for name in names if name.startswith("samples/") and name.endswith(".json")]
        samples = [json.loads(_member(path, log.getinfo(name))) for name in kept]
    samples.sort(key=lambda s: (s.get("epoch", 1), not isinstance(s["id"], int), s["id"]))
    return {**header, "samples": samples}


def _member(path: Path, entry: zipfile.ZipInfo) -> bytes:
    """One file of a zip. Inspect compresses with Zstandard (method 93), which zipfile reads from Python 3.14 on."""
    if entry.file_size > LARGEST:
        raise ValueError(f"{entry.filename} unpacks to {entry.file_size} bytes, more than {LARGEST}")
    if entry.compress_type != ZSTANDARD:
        with zipfile.ZipFile(path) as log:
            return log.read(entry)
    import pyarrow as pa

    with path.open("rb") as file:
        file.seek(entry.header_offset)
        name, extra = struct.unpack("<26x2H", file.read(30))
        file.seek(name + extra, 1)
        packed = file.read(entry.compress_size)
    unpacked: bytes = pa.input_stream(pa.py_buffer(packed), compression="zstd").read(LARGEST)
    if len(unpacked) != entry.file_size or zlib.crc32(unpacked) != entry.CRC:
        raise ValueError(f"{entry.filename} is damaged")
    return unpacked


def _answer(scores: Mapping[str, Any]) -> dict[str, str]:
    """What Inspect's scorers judged: one answer for all of them, the first that says."""
    said = [score["answer"] for score in scores.values() if isinstance(score.get("answer"), str)]
    return {"none": said[0]} if said else {}


def _content(content: Any) -> tuple[str | None, str | None, ReasoningKind | None]:
    """Answer, reasoning and its kind of a message: a string, or a list of parts.

    A part that is `redacted` holds ciphertext, and with some providers a summary beside it
    (https://inspect.aisi.org.uk/reference/inspect_ai.model.html#contentreasoning).
    """
    if isinstance(content, str):
        return content, None, None
    parts = [(part.get("type"), part) for part in content or ()]
    text = "".join(part["text"] for kind, part in parts if kind == "text")
    thoughts = [part for kind, part in parts if kind == "reasoning"]
    hidden = any(part.get("redacted") for part in thoughts)
    told = [part.get("summary") if part.get("redacted") else part["reasoning"] for part in thoughts]
    reasoning = "\n".join(said for said in told if said)
    kind: ReasoningKind | None = "full"
    if hidden:
        kind = "summary" if reasoning else "redacted"
    return (text if parts else None), (reasoning or None), kind if thoughts else None


def _trace_kind(row: Mapping[str, Any], where: str) -> ReasoningKind | None:
    """The kind of trace a table says. An empty cell says nothing."""
    kind = _text(row.get("reasoning_kind")) or None
    if kind is not None and kind not in REASONING_KINDS:
        raise ConfigError(f"column {where!r}: found {kind!r}, expected one of {', '.join(REASONING_KINDS)}")
    return kind


def _conversation(sent: Any) -> str | None:
    if isinstance(sent, str) or sent is None:
        return sent
    return "\n\n".join(f"{message['role']}: {_content(message['content'])[0] or ''}" for message in sent)


def _every_eval_ever(path: Path, _: Mapping[str, str]) -> Iterator[Item]:
    """`UUID_samples.jsonl` of Every Eval Ever: one line per sample and metric, one turn each.

    https://github.com/evaleval/every_eval_ever
    """
    samples: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for entry in _jsonl(path):
        if entry.get("interaction_type") != "single_turn":
            raise ValueError(f"sample {entry.get('sample_id')}: interaction_type is no single_turn")
        key = (str(entry["model_id"]), str(entry["evaluation_name"]), str(entry["sample_id"]))
        samples.setdefault(key, []).append(entry)
    for (model, task, name), lines in samples.items():
        first = lines[0]
        sent, traces = first["input"], first["output"].get("reasoning_trace") or [None]
        scores = {_metric(line): _number(line["evaluation"]["score"]) for line in lines}
        judged = {_metric(line)[1]: a["extracted_value"] for line in lines for a in line["answer_attribution"]}
        yield Item(
            model,
            task,
            name.partition("#")[0],
            _text(first["output"]["raw"][0]),
            prompt=_text(sent.get("raw")),
            reasoning=_text(traces[0]),
            target=_text((sent.get("reference") or [None])[0]),
            scores=scores,
            extracted=judged,
        )


def _metric(line: Mapping[str, Any]) -> tuple[str, str]:
    """Metric and filter out of `TASK/METRIC/FILTER`, as our own exports call a result, else the result's whole id."""
    name = str(line.get("evaluation_result_id") or "score")
    parts = name.removeprefix(f"{line['evaluation_name']}/").split("/")
    return (parts[0], parts[1]) if len(parts) == 2 else (name, "none")  # noqa: PLR2004


def _csv(path: Path, columns: Mapping[str, str]) -> Iterator[Item]:
    import polars as pl

    return _table(path, lambda: pl.read_csv(path, infer_schema=False), columns)


def _parquet(path: Path, columns: Mapping[str, str]) -> Iterator[Item]:
    import polars as pl

    def read() -> pl.DataFrame:
        try:
            check_expansion(path, "a table of answers does not; read it with Polars or DuckDB, and import a part of it")
        except StorageError as error:
            raise ValueError(str(error)) from error
        return pl.read_parquet(path)

    return _table(path, read, columns)


def _jsonl_table(path: Path, columns: Mapping[str, str]) -> Iterator[Item]:
    import polars as pl

    def read() -> pl.DataFrame:
        rows = list(_jsonl(path))
        try:
            return pl.DataFrame(rows, infer_schema_length=None, strict=False)
        except UnicodeEncodeError:  # half of a surrogate pair: written as `?`, as in every other format
            return pl.DataFrame(clean(rows), infer_schema_length=None, strict=False)

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
    if "task" not in columns and "task" not in frame.columns and CORPUS in frame.columns:
        where["task"] = CORPUS
    present = {what: name for what, name in where.items() if name in frame.columns and what != "score"}
    scores = [columns["score"]] if "score" in columns else [name for name in SCORES if name in frame.columns]
    scores = _within(path, frame, scores, asked="score" in columns)
    present |= {f"score {name}": name for name in scores}
    if left := [name for name in frame.columns if name not in present.values()]:
        say(f"{path.name}: not read: {', '.join(map(visible, left))} (--columns WHAT=COLUMN reads one as {_OFFERED})")
    default = completions.stem(path)
    for row in frame.select(**{what: pl.col(name) for what, name in present.items()}).iter_rows(named=True):
        prompt = _text(row.get("prompt"))
        name = _text(row.get("prompt_id"))
        if name is None and prompt is None:
            raise ValueError("a row with neither prompt_id nor prompt")
        yield Item(
            _text(row.get("model")),
            _text(row.get("task")) or default,
            name if name is not None else prompt_id(prompt or ""),
            _text(row["output"]),
            prompt=prompt,
            reasoning=_text(row.get("reasoning")),
            reasoning_kind=_trace_kind(row, where["reasoning_kind"]),
            target=_text(row.get("target")),
            scores={(name, "none"): _number(row[f"score {name}"]) for name in scores},
            extracted={"none": answer} if (answer := _text(row.get("answer"))) is not None else {},
        )


_OFFERED = "one of model, prompt_id, output, prompt, reasoning, reasoning_kind, target, score, answer, task"


def _within(path: Path, frame: pl.DataFrame, names: Sequence[str], *, asked: bool) -> list[str]:
    """Columns of scores. One that nobody asked for counts if all its values are 0 to 1, and is told of else."""
    kept = []
    for name in names:
        values = [_number(value) for value in frame[name].unique() if value is not None]
        if asked or all(value is not None and 0 <= value <= 1 for value in values):
            kept.append(name)
        else:
            say(f"{path.name}: {name} is not read as a score: not all of it is 0 to 1 (--columns score={name} is)")
    return kept


def guess(path: Path) -> str:
    """The format of a file or folder, by its ending and what it begins with.

    Raises:
        ConfigError: it cannot be told.
    """
    try:
        if path.is_dir():
            return next(form for form, patterns in FOLDERS.items() for p in patterns if next(path.rglob(p), None))
        ending = path.suffix.lower()
        if ending in {".parquet", ".csv"}:
            return ending[1:]
        if ending == ".eval":
            return "inspect"
        if ending in {".jsonl", ".ndjson"}:
            first = next(_jsonl(path))
            if "interaction_type" in first:
                return "every_eval_ever"
            return "lm_eval" if {"doc_id", "resps"} <= first.keys() else "jsonl"
        if ending == ".json":
            whole = _json(path)
            return "inspect" if isinstance(whole, dict) else "alpaca_eval"
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (StopIteration, *UNREADABLE):
        pass
    raise ConfigError(
        f"{path}: its name does not tell its format; type harness import FORMAT {path}, with FORMAT one of "
        f"{', '.join(FORMATS)}"
    )


FORMATS: Mapping[str, Callable[[Path, Mapping[str, str]], Iterator[Item]]] = {
    "alpaca_eval": _alpaca_eval,
    "lm_eval": _lm_eval,
    "inspect": _inspect,
    "every_eval_ever": _every_eval_ever,
    "jsonl": _jsonl_table,
    "csv": _csv,
    "parquet": _parquet,
}
"""What can be imported. Adding one is adding a reader: a file in, items out."""
FOLDERS: Mapping[str, tuple[str, ...]] = {"lm_eval": ("samples_*.jsonl",), "inspect": ("*.eval", "*.json")}
"""Formats that may come as a folder, and the names of the files in it."""
UNREADABLE = (
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    IndexError,
    EOFError,
    OverflowError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What a reader raises if a file is not what its format says."""


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
    """A score. `None` for what is no number, or none that can be averaged."""
    if isinstance(value, str):
        value = {"true": 1.0, "false": 0.0}.get(value.strip().lower(), value)
    try:
        number = finite(float(value))
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number is not None and abs(number) <= LARGEST_SCORE else None
