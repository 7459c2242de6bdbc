"""Run folders: what was on the disk is there again, whatever happened in between."""

import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runfolders import write_content

from harness import __version__, runs
from harness.core import environment
from harness.errors import ConfigError, RunLockedError, StorageError
from harness.records import Attempt, Decoding, Reply, Request, Usage
from harness.runs import samples
from harness.runs.journal import Journal


def _request(identity: str = "req1:a") -> Request:
    return Request(identity, "m", "t", 0, 0, 0, "generate", None, "p", None, Decoding(8, 0.0), 1)


TEXT = st.none() | st.text(st.characters(), max_size=40)
NUMBER = st.none() | st.integers(0, 10**9)
REPLIES = st.builds(
    Reply,
    text=TEXT,
    reasoning=TEXT,
    reasoning_kind=st.sampled_from(["full", "summary", "redacted", "none"]),
    finish_reason=TEXT,
    loglikelihood=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    is_greedy=st.none() | st.booleans(),
    usage=st.builds(Usage, NUMBER, NUMBER, NUMBER, NUMBER),
    error=TEXT,
    attempts=st.lists(st.builds(Attempt, st.text(), st.text(), NUMBER), max_size=3).map(tuple),
    started_at=TEXT,
    latency_s=st.none() | st.floats(0, 1e6),
    served_model=TEXT,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(reply=REPLIES)
def test_a_reply_comes_back_from_the_journal_as_it_was(tmp_path: Path, reply: Reply) -> None:
    path = tmp_path / "journal.jsonl"
    path.unlink(missing_ok=True)
    journal = Journal(path)
    journal.append(_request(), reply)
    journal.close()
    again = Journal(path)
    again.close()
    assert again.replies == {"req1:a": reply}


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_cut_short_costs_that_reply_alone(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.append(_request("req1:a"), Reply(text="one"))
    journal.append(_request("req1:b"), Reply(text="two"))
    journal.close()
    os.truncate(path, path.stat().st_size - cut)
    again = Journal(path)
    assert set(again.replies) == {"req1:a"}
    again.append(_request("req1:b"), Reply(text="two again"))
    again.close()
    last = Journal(path)
    last.close()
    assert {key: reply.text for key, reply in last.replies.items()} == {
        "req1:a": "one",
        "req1:b": "two again",
    }


def test_a_damaged_line_inside_the_journal_is_named_not_skipped(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"id": "a", "reply": {}}\nnonsense\n{"id": "b", "reply": {}}\n')
    with pytest.raises(StorageError, match="line 2 is damaged"):
        Journal(path)


def test_the_newest_reply_to_a_request_counts(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append(_request(), Reply(error="timeout"))
    journal.append(_request(), Reply(text="answer"))
    journal.close()
    again = Journal(tmp_path / "journal.jsonl")
    again.close()
    assert again.replies["req1:a"].text == "answer"


def test_a_second_process_on_a_run_is_told_so(tmp_path: Path) -> None:
    run = tmp_path / "run"
    code = f"from harness import runs; from pathlib import Path\nwith runs.run_lock(Path({str(run)!r})): pass"
    with runs.run_lock(run):
        assert runs.is_locked(run)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert "RunLockedError" in done.stderr
    with runs.run_lock(run):
        pass
    assert not runs.is_locked(run)


def test_a_lock_does_not_outlive_a_killed_process(tmp_path: Path) -> None:
    run = tmp_path / "run"
    code = (
        "import time, sys; from harness import runs; from pathlib import Path\n"
        f"with runs.run_lock(Path({str(run)!r})):\n    print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(RunLockedError, match="another process"), runs.run_lock(run):
            pass
        process.kill()
        process.wait()
    with runs.run_lock(run):
        pass


def test_a_whole_file_is_replaced_or_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    runs.write_atomic(path, b"old")
    path.chmod(0o400)
    runs.write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"cannot be written: .*another folder"):
        runs.write_atomic(tmp_path / "file" / "run.json", b"")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes, which Windows has not")
def test_a_full_disk_is_named_and_costs_the_reply_in_flight_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400))\n"
        "from pathlib import Path; from harness.runs.journal import Journal; from harness.records import *\n"
        f"journal = Journal(Path({str(path)!r}))\n"
        "for i in range(99):\n"
        "    r = Request(f'req1:{i}', 'm', 't', 0, 0, 0, 'generate', None, 'p', None, None, 1)\n"
        "    journal.append(r, Reply(text='x' * 30)); print(i, flush=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "the disk is full" in done.stderr
    journal = Journal(path)
    journal.close()
    assert len(journal.replies) == len(done.stdout.split()) > 0


def test_a_reply_outlives_a_kill_of_its_process_before_its_flush(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    code = (
        "import asyncio, os, signal, time; from pathlib import Path; from harness.runs import journal\n"
        "from harness.evaluation.dispatch import _Writer; from harness.records import *\n"
        "journal._flush = lambda file: time.sleep(60)\n"
        "asked = [Request(f'req1:{i:032x}', 'm', 't', 0, 0, 0, 'generate', None, 'p', None, None, 1) for i in range(9)]\n"
        "async def main():\n"
        f"    async with _Writer(journal.Journal(Path({str(path)!r}))) as writer:\n"
        "        slots = [asyncio.create_task(writer.write(r, Reply(text='said'))) for r in asked]\n"
        f"        while Path({str(path)!r}).read_text().count('said') < 9: await asyncio.sleep(0.01)\n"
        "        print(sum(slot.done() for slot in slots), flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (-9, "0\n"), done.stderr  # no slot went on before the disk had its reply
    journal = Journal(path)
    journal.close()
    assert [reply.text for reply in journal.replies.values()] == ["said"] * 9


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes, which Windows has not")
def test_what_is_written_after_a_disk_was_full_is_not_glued_to_half_a_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    code = (
        "import resource; from pathlib import Path; from harness.runs.journal import Journal; from harness.records import *\n"
        "from harness.errors import StorageError\n"
        f"journal = Journal(Path({str(path)!r}))\n"
        "asked = [Request(f'req1:{i}', 'm', 't', 0, 0, 0, 'generate', None, 'p', None, None, 1) for i in range(9)]\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500, resource.RLIM_INFINITY))\n"
        "try: journal.append_all([(r, Reply(text='x' * 30)) for r in asked])\n"
        "except StorageError: print(*journal.replies)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
        "journal.append(asked[8], Reply(text='after')); assert journal.replies['req1:8'].text == 'after'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    kept = done.stdout.split()
    assert 0 < len(kept) < 9
    again = Journal(path)
    again.close()
    assert list(again.replies) == [*kept, "req1:8"]


def test_half_a_file_of_a_killed_process_is_cleared_away(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / ".samples.parquet.4711.1").write_bytes(b"half")
    with runs.run_lock(run):
        assert sorted(path.name for path in run.iterdir()) == [".lock"]


def test_samples_are_written_piece_by_piece_in_their_order(tmp_path: Path) -> None:
    def rows(order: Iterable[int]) -> Iterator[dict[str, Any]]:
        for i in order:
            known = {
                "model": "m",
                "task": "t",
                "doc_id": i,
                "repeat": 0,
                "status": "failed" if i % 3 == 0 else "answered",
            }
            yield dict.fromkeys(samples.schema()) | known | {"output": f"broken \ud800 {i}", "completion_tokens": i % 2}

    made = samples.write(tmp_path, rows(range(1200)))
    assert (made.counts.samples, made.counts.failed, made.tokens.completion) == (1200, 400, 600)
    assert made.status == "incomplete"
    frame = pl.read_parquet(tmp_path / "samples.parquet")
    assert frame.get_column("doc_id").to_list() == list(range(1200))
    assert frame.item(7, "output") == "broken ? 7"
    before = (tmp_path / "samples.parquet").read_bytes()
    with pytest.raises(ValueError, match="comes after"):
        samples.write(tmp_path, rows([1, 0]))
    assert (tmp_path / "samples.parquet").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["samples.parquet"]


@pytest.mark.parametrize("names", [("mz", "m\ud800"), ("m\ud800", "m\udfff")], ids=["order", "twice"])
def test_the_order_of_samples_is_that_of_the_names_as_written(tmp_path: Path, names: tuple[str, str]) -> None:
    place = {"task": "t", "doc_id": 0, "repeat": 0, "status": "answered"}
    rows = [dict.fromkeys(samples.schema()) | place | {"model": name} for name in names]
    with pytest.raises(ValueError, match=r"'m\?'.* comes after"):
        samples.write(tmp_path, rows)
    assert not list(tmp_path.iterdir())


def test_a_manifest_refuses_nan() -> None:
    with pytest.raises(ValueError, match=r"."):
        runs.manifest_bytes({"schema": 1, "value": float("nan")})


def test_a_run_is_found_by_the_end_of_its_id(tmp_path: Path) -> None:
    for name in ("eval-0123", "eval-0456"):
        write_content(tmp_path / "runs" / name, {"schema": 1, "run_id": name})
    assert runs.find_run(tmp_path, "456").name == "eval-0456"
    with pytest.raises(ConfigError, match="several"):
        runs.find_run(tmp_path, "eval")
    with pytest.raises(ConfigError, match="did you mean"):
        runs.find_run(tmp_path, "eval-0465")


def test_a_manifest_of_another_schema_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"schema": 99}))
    with pytest.raises(StorageError, match="schema 99"):
        runs.read_manifest(tmp_path)


def test_a_run_names_every_installed_package_as_its_own_metadata_do() -> None:
    named = {dist.metadata["Name"].lower(): dist.version for dist in importlib.metadata.distributions()}
    assert environment.packages() == dict(sorted((named | {"harness-provenance": __version__}).items()))
