"""Answers made elsewhere become runs like any other, and never pass for runs of our own."""

import contextlib
import json
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from conftest import Project
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.archive import formats, imports
from harness.errors import ConfigError
from harness.results import derivation, leaderboard, store
from harness.runs import Counts
from harness.runs.folder import read_manifest, samples_path

LM_EVAL = [
    {
        "doc_id": i,
        "doc": {"question": f"{i}+1"},
        "target": str(i + 1),
        "arguments": {"gen_args_0": {"arg_0": f"Q: {i}+1", "arg_1": {"until": []}}},
        "resps": [[f"it is {i + 1}"]],
        "filtered_resps": [str(i + 1)],
        "filter": name,
        "metrics": ["exact_match"],
        "doc_hash": f"hash{i}",
        "exact_match": value,
    }
    for i in range(4)
    for name, value in (("strict-match", 0.0), ("flexible-extract", 1.0))
]
INSPECT = {
    "version": 2,
    "status": "success",
    "eval": {"task": "sums", "model": "openai/gpt-x"},
    "samples": [
        {
            "id": 1,
            "epoch": 1,
            "input": [{"role": "user", "content": "1+1?"}],
            "target": "2",
            "output": {
                "choices": [
                    {
                        "message": {
                            "role": "assistant",
                            "content": [{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "2"}],
                        },
                        "stop_reason": "stop",
                    }
                ]
            },
            "scores": {"match": {"value": "C", "answer": "2"}},
        },
        {
            "id": 2,
            "epoch": 1,
            "input": "2+2?",
            "target": ["4", "four"],
            "output": {
                "choices": [{"message": {"role": "assistant", "content": "5 and"}, "stop_reason": "max_tokens"}]
            },
            "scores": {"match": {"value": "I"}},
        },
        {"id": 3, "epoch": 1, "input": "3+3?", "target": "6", "output": {"choices": []}, "error": {"message": "boom"}},
    ],
}


def write(path: Path, content: Any) -> Path:
    lines = isinstance(content, list) and path.suffix == ".jsonl"
    path.write_text("".join(json.dumps(x) + "\n" for x in content) if lines else json.dumps(content))
    return path


def test_alpaca_eval_outputs_become_a_provenance_task_of_the_named_model(tmp_path: Path) -> None:
    entries = [{"instruction": f"prompt {i}", "output": f"answer {i}", "generator": "m"} for i in range(3)]
    run = imports.convert("alpaca_eval", write(tmp_path / "o.json", entries), tmp_path / "r", name="mine")
    manifest = read_manifest(run)
    assert manifest.imported is True
    assert [model.name for model in manifest.models] == ["mine"]
    assert manifest.tasks[0].kind == "provenance"
    frame = pl.read_parquet(samples_path(run))
    assert json.loads(frame["doc"][0]) == {"prompt_id": formats.prompt_id(" prompt 0\n"), "prompt": "prompt 0"}


def test_every_filter_of_lm_eval_is_one_score_and_no_second_sample(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    write(folder / "samples_sums_2025-01-02T03-04-05.678.jsonl", LM_EVAL)
    run = imports.convert("lm_eval", folder, tmp_path / "r", name="m")
    frame = pl.read_parquet(samples_path(run))
    assert frame.height == 4
    assert frame["task"].unique().to_list() == ["sums"]
    metrics = {metric.filter: metric.value for metric in read_manifest(run).metrics}
    assert metrics == {"strict-match": 0.0, "flexible-extract": 1.0}


def test_choices_of_lm_eval_keep_their_loglikelihoods(tmp_path: Path) -> None:
    line = {"doc_id": 0, "resps": [[[-1.5, False]], [[-0.5, True]]], "filter": "none", "metrics": ["acc"], "acc": 1.0}
    path = write(tmp_path / "samples_t.jsonl", [line | {"arguments": [["q", " a"], ["q", " b"]]}])
    frame = pl.read_parquet(samples_path(imports.convert("lm_eval", path, tmp_path / "r", name="m")))
    assert frame["loglikelihoods"].to_list() == [[-1.5, -0.5]]
    assert frame["status"].to_list() == ["answered"]


def test_a_failed_sample_of_inspect_is_unscored_never_wrong(tmp_path: Path) -> None:
    run = imports.convert("inspect", write(tmp_path / "log.json", INSPECT), tmp_path / "r")
    manifest = read_manifest(run)
    assert manifest.counts == Counts(samples=3, answered=1, truncated=1, refused=0, failed=1)
    (metric,) = manifest.metrics
    assert (metric.value, metric.n, metric.n_unscored) == (0.5, 2, 1)
    assert pl.read_parquet(samples_path(run))["reasoning"].to_list() == ["hm", None, None]


def test_ciphertext_of_inspect_is_no_trace_and_its_summary_is_one(tmp_path: Path) -> None:
    parts = [
        [{"type": "reasoning", "reasoning": "qZx8", "redacted": True, "summary": "It adds."}],
        [{"type": "reasoning", "reasoning": "qZx8", "redacted": True}],
        [{"type": "reasoning", "reasoning": "One and one."}],
        [],
    ]
    samples = [
        {
            "id": i,
            "input": "?",
            "output": {"choices": [{"message": {"content": [*part, {"type": "text", "text": "2"}]}}]},
        }
        for i, part in enumerate(parts)
    ]
    run = imports.convert("inspect", write(tmp_path / "log.json", INSPECT | {"samples": samples}), tmp_path / "r")
    frame = pl.read_parquet(samples_path(run)).sort("doc_id")
    assert frame["reasoning"].to_list() == ["It adds.", None, "One and one.", None]
    assert frame["reasoning_kind"].to_list() == ["summary", "redacted", "full", "none"]


def test_a_table_may_say_what_its_traces_are(tmp_path: Path) -> None:
    rows = [
        {"prompt_id": str(i), "output": "x", "reasoning": trace, "kind": kind}
        for i, (trace, kind) in enumerate([("a", "summary"), ("b", ""), (None, "redacted"), (None, None)])
    ]
    write(tmp_path / "t.jsonl", rows)
    columns = {"reasoning_kind": "kind"}
    run = imports.convert("jsonl", tmp_path / "t.jsonl", tmp_path / "r", columns=columns)
    kinds = pl.read_parquet(samples_path(run)).sort("doc_id")["reasoning_kind"].to_list()
    assert kinds == ["summary", "full", "redacted", "none"]
    write(tmp_path / "bad.jsonl", [rows[0] | {"kind": "whole"}])
    with pytest.raises(ConfigError, match=r"column 'kind': found 'whole', expected one of full, summary"):
        imports.convert("jsonl", tmp_path / "bad.jsonl", tmp_path / "r", columns=columns)


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_a_table_with_named_columns_is_the_same_in_every_format(tmp_path: Path, form: str) -> None:
    rows = [{"who": "a", "q": "p1", "text": "x", "ok": 1.0}, {"who": "b", "q": "p1", "text": None, "ok": None}]
    path = tmp_path / f"t.{form}"
    match form:
        case "jsonl":
            write(path, rows)
        case "csv":
            pl.DataFrame(rows).write_csv(path)
        case "parquet":
            pl.DataFrame(rows).write_parquet(path)
    columns = {"model": "who", "prompt_id": "q", "output": "text", "score": "ok"}
    run = imports.convert(form, path, tmp_path / "r", columns=columns)
    values = {metric.model: (metric.value, metric.n_failed) for metric in read_manifest(run).metrics}
    assert values == {"a": (1.0, 0), "b": (None, 1)}


def test_the_same_file_gives_the_same_folder(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", [{"model": "a", "prompt_id": "p", "output": "x"}])
    assert imports.convert("jsonl", path, tmp_path) == imports.convert("jsonl", path, tmp_path)


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("alpaca_eval", {"a": 1}),
        ("alpaca_eval", [{"output": "x"}]),
        ("lm_eval", [{"doc_id": "x"}]),
        ("inspect", []),
        ("jsonl", [{"output": "x"}]),
        ("nonsense", []),
        ("csv", {"a": 1}),
        ("parquet", {"a": 1}),
        ("jsonl", []),
    ],
)
def test_a_file_of_another_shape_is_named_with_what_is_wrong(tmp_path: Path, form: str, content: Any) -> None:
    with pytest.raises(ConfigError):
        imports.convert(form, write(tmp_path / "f.jsonl", content), tmp_path / "r")
    assert not (tmp_path / "r" / "runs").exists()


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["resps", "doc_id", "output"]), inner),
    max_leaves=8,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(entry=JSON, form=st.sampled_from(sorted(formats.FORMATS)))
def test_no_content_of_a_file_ends_in_a_traceback(tmp_path: Path, entry: Any, form: str) -> None:
    path = tmp_path / "f.jsonl"
    path.write_text(json.dumps([entry]))
    with contextlib.suppress(ConfigError):
        imports.convert(form, path, tmp_path / "r")


def test_imported_answers_are_in_sql_and_marked_wherever_they_are_shown(project: Project) -> None:
    rows = [{"model": m, "prompt_id": str(i), "output": f"{m} {i}", "score": i % 2} for m in "ab" for i in range(6)]
    write(project.root / "t.jsonl", rows)
    done = project.run("import", "jsonl", "t.jsonl", "--name", "x", "--columns", "score=score", "--task", "quiz")
    assert "imported" in done.stdout
    results = project.root / "results"
    assert store.query(results, "SELECT imported FROM runs")["imported"].to_list() == [True]
    assert json.loads(project.run("runs", "--format", "json").stdout)[0]["status"] == "imported"
    page = leaderboard.markdown(derivation.board(results))
    assert "every answer was made elsewhere and imported" in page, "of all at once, so it is said once"


def test_a_column_that_is_not_there_is_answered_with_those_that_are(project: Project) -> None:
    write(project.root / "t.jsonl", [{"model": "a", "prompt_id": "p", "answer": "x"}])
    done = project.run("import", "jsonl", "t.jsonl", code=2)
    assert "answer" in done.stderr
    assert "--columns output=" in done.stderr


def inspect_eval(path: Path, method: int) -> Path:
    """The log as Inspect zips it: a header, and a file per sample in the order they finished."""
    header = {key: value for key, value in INSPECT.items() if key != "samples"}
    members = {f"samples/{s['id']}_epoch_1.json": s for s in reversed(INSPECT["samples"])} | {"header.json": header}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as log:
        for name, content in members.items():
            log.writestr(name, json.dumps(content), zipfile.ZIP_DEFLATED if method == 8 else zipfile.ZIP_STORED)
    if method == formats.ZSTANDARD:  # as Inspect does since 0.3.17x; written by hand, since zipfile cannot
        _zstandard(path, members)
    return path


def _zstandard(path: Path, members: dict[str, Any]) -> None:
    import struct
    import zlib

    import pyarrow as pa

    body, index = b"", b""
    for name, content in members.items():
        text = json.dumps(content).encode()
        packed = pa.compress(text, codec="zstd", asbytes=True)
        fields = (63, 0, formats.ZSTANDARD, 0, 33, zlib.crc32(text), len(packed), len(text), len(name), 0)
        at = len(body)
        body += struct.pack("<4s5H3I2H", b"PK\3\4", *fields) + name.encode() + packed
        index += struct.pack("<4s6H3I5H2I", b"PK\1\2", 63, *fields, 0, 0, 0, 0, at) + name.encode()
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, len(members), len(members), len(index), len(body), 0)
    path.write_bytes(body + index + end)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, formats.ZSTANDARD])
def test_a_zipped_log_of_inspect_says_what_its_json_says(tmp_path: Path, method: int) -> None:
    plain = list(formats.FORMATS["inspect"](write(tmp_path / "log.json", INSPECT), {}))
    zipped = list(formats.FORMATS["inspect"](inspect_eval(tmp_path / "log.eval", method), {}))
    assert zipped == plain


def test_a_damaged_log_of_inspect_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    path = inspect_eval(tmp_path / "log.eval", formats.ZSTANDARD)
    content = bytearray(path.read_bytes())
    content[content.index(b"(\xb5/\xfd") + 12] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"log\.eval"):
        imports.convert("inspect", path, tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_a_log_of_inspect_that_was_cut_off_gives_what_it_holds(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "log.eval", "w") as log:
        log.writestr("_journal/start.json", json.dumps({"version": 2, "eval": INSPECT["eval"]}))
        log.writestr("samples/1_epoch_1.json", json.dumps(INSPECT["samples"][0]))
    (item,) = formats.FORMATS["inspect"](tmp_path / "log.eval", {})
    assert item.output == "2"


def test_another_file_under_one_name_and_task_is_refused_and_a_grown_folder_is_not(tmp_path):
    """The leaderboard shows one run per model and task: a second source would hide the first."""

    def table(folder: str, model: str, score: float):
        (tmp_path / folder).mkdir(exist_ok=True)
        path = tmp_path / folder / "qwen2.5-7b.v1.csv"
        path.write_text(f"model,prompt_id,output,score\n{model},p1,4,{score}\n")
        return path

    def convert(path, **told):
        return imports.convert("csv", path, tmp_path / "results", columns={"score": "score"}, **told)

    first = convert(table("a", "", 1))
    assert json.loads((first / "run.json").read_text())["models"][0]["name"] == "qwen2.5-7b.v1"
    assert convert(tmp_path / "a" / "qwen2.5-7b.v1.csv") == first
    with pytest.raises(ConfigError, match=f"run {first.name} holds answers of another file.*--name NAME"):
        convert(table("b", "", 0))
    assert [path.name for path in (tmp_path / "results" / "runs").iterdir() if path.name != ".locks"] == [first.name]
    assert convert(tmp_path / "b" / "qwen2.5-7b.v1.csv", name="other") != first
    assert convert(tmp_path / "b" / "qwen2.5-7b.v1.csv", task="another") != first


def test_a_folder_named_with_dots_keeps_its_whole_name_and_may_grow(tmp_path):
    folder = tmp_path / "qwen2.5-7b"
    folder.mkdir()

    def samples(task: str):
        line = {"doc_id": 0, "doc": {}, "target": "4", "arguments": {"gen_args_0": {"arg_0": "2+2?", "arg_1": {}}},
                "resps": [["4"]], "filtered_resps": ["4"], "filter": "none", "metrics": ["acc"], "acc": 1.0}  # fmt: skip
        (folder / f"samples_{task}_2026-01-01T00-00-00.1.jsonl").write_text(json.dumps(line) + "\n")

    samples("one")
    first = imports.convert("lm_eval", folder, tmp_path / "results")
    samples("two")
    second = imports.convert("lm_eval", folder, tmp_path / "results")
    assert first != second
    names = [json.loads((run / "run.json").read_text())["models"][0]["name"] for run in (first, second)]
    assert names == ["qwen2.5-7b"] * 2


def table(folder: Path, name: str, **more: list[Any]) -> Path:
    rows = {"model": ["a", "b"], "prompt_id": ["p", "p"], "output": ["yes it is", "no it is not"], **more}
    pl.DataFrame(rows).write_parquet(folder / f"{name}.parquet")
    return folder / f"{name}.parquet"


def test_a_table_brings_its_scores_its_task_and_open_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = table(tmp_path, "t", corpus=["quiz", "quiz"], correct=[1.0, 0.0], size=[1, 2])
    manifest = read_manifest(imports.convert(None, path, tmp_path / "r"))
    (task,) = manifest.tasks
    assert (task.name, task.headline_metric, task.open) == ("quiz", "correct", True)
    assert [metric.value for metric in manifest.metrics] == [1.0, 0.0]
    assert "t.parquet: not read: size" in capsys.readouterr().err


def test_a_table_without_a_corpus_is_a_task_called_like_the_file(tmp_path: Path) -> None:
    manifest = read_manifest(imports.convert(None, table(tmp_path, "mine"), tmp_path / "r"))
    assert [(task.name, task.kind) for task in manifest.tasks] == [("mine", "provenance")]


def test_a_score_that_nobody_named_must_lie_in_0_to_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = table(tmp_path, "t", score=[7.0, 0.0])
    assert read_manifest(imports.convert(None, path, tmp_path / "r")).metrics == ()
    assert "score is not read as a score" in capsys.readouterr().err
    assert len(read_manifest(imports.convert(None, path, tmp_path / "r2", columns={"score": "score"})).metrics) == 2


def test_traces_of_a_maker_that_gives_summaries_are_summaries(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = table(tmp_path, "t", model=["openai/o3", "qwq-32b"], reasoning=["hm", "hm"])
    frame = pl.read_parquet(samples_path(imports.convert(None, path, tmp_path / "r")))
    assert dict(frame.select("model", "reasoning_kind").iter_rows()) == {"openai/o3": "summary", "qwq-32b": "full"}
    assert "openai/o3: its traces are read as summaries" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("o.json", [{"instruction": "a", "output": "b"}], "alpaca_eval"),
        ("log.json", INSPECT, "inspect"),
        ("samples_t.jsonl", [LM_EVAL[0]], "lm_eval"),
        ("t.jsonl", [{"prompt_id": "p", "output": "x"}], "jsonl"),
    ],
)
def test_a_file_says_its_form(tmp_path: Path, name: str, content: Any, form: str) -> None:
    assert formats.guess(write(tmp_path / name, content)) == form


def test_a_file_whose_form_cannot_be_told_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="harness import FORMAT"):
        formats.guess(write(tmp_path / "t.txt", {}))


def test_names_that_are_one_when_written_are_one_model(tmp_path: Path) -> None:
    """A lone surrogate is written as `?`, which stands elsewhere in the order of names."""
    names = ("m\ud800", "m\udfff", "mz")
    told = [{"instruction": f"{i}?", "output": f"{name} {i}", "generator": name} for name in names for i in range(2)]
    (tmp_path / "a.json").write_text(json.dumps(told))
    run = imports.convert("alpaca_eval", tmp_path / "a.json", tmp_path / "results")
    assert [model.name for model in read_manifest(run).models] == ["m?", "mz"]
    held = pl.read_parquet(samples_path(run)).select("model", "doc_id", "repeat", "output").rows()
    assert held == [
        ("m?", 0, 0, "m? 0"),
        ("m?", 0, 1, "m? 0"),
        ("m?", 1, 0, "m? 1"),
        ("m?", 1, 1, "m? 1"),
        ("mz", 0, 0, "mz 0"),
        ("mz", 1, 0, "mz 1"),
    ]


def test_half_a_surrogate_pair_in_a_table_is_written_as_in_every_other_format(tmp_path: Path) -> None:
    rows = [{"model": f"m{n}", "prompt": "Say hi.", "output": "hi \ud83d"} for n in range(2)]
    (tmp_path / "t.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    run = imports.convert("jsonl", tmp_path / "t.jsonl", tmp_path / "results")
    assert pl.read_parquet(samples_path(run))["output"].to_list() == ["hi ?", "hi ?"]
