"""A bundle verifies elsewhere with nothing but itself; a hostile one harms nothing."""

import json
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Project
from runfolders import write_content

from harness.archive import bundles
from harness.archive.bundles import bundle, open_bundle
from harness.archive.stored_samples import Tasks
from harness.archive.verification import verify
from harness.engine.taskfiles import find
from harness.errors import ConfigError, EvidenceError


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("done"))
    project.model("alice")
    project.run("eval", "model=alice", "task=[sums,sums_choice,word_problems]", "limit=4")
    project.run("eval", "model=alice", "task=sums", "limit=3", "name=second")
    project.run("bundle", "eval", "second", "-o", "x.zip")
    return project


def verified(project: Project, *words: str) -> list[dict]:
    """What `harness verify` finds, but that nobody signed the runs."""
    done = project.run("verify", *words, "--format", "json", "--accept", "signature", code=None)
    assert done.returncode in (0, 12), done.stderr
    return [row for row in json.loads(done.stdout) if row["check"] != "signature"]


@pytest.fixture
def good(done: Project, tmp_path: Path) -> Path:
    return Path(shutil.copy(done.root / "x.zip", tmp_path / "x.zip"))


@pytest.mark.slow
def test_a_bundle_verifies_where_there_is_nothing_else(done: Project, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(done.root / "x.zip", elsewhere)
    there = Project.__new__(Project)
    there.root = elsewhere
    found = verified(there, "x.zip")
    assert {row["state"] for row in found} == {"ok", "not checked"}
    left = [row["what"] for row in found if row["state"] == "not checked"]
    assert left
    unknown = "the documents that it has are not known here", "no task"
    assert all(
        what.startswith(tuple(f"{task}: {why}" for task in ("sums", "sums_choice") for why in unknown)) for what in left
    )
    whole = verified(there, "x.zip", "--trust-tasks")
    assert {row["state"] for row in whole} == {"ok"}
    assert [p.name for p in elsewhere.iterdir()] == ["x.zip"]


def test_the_same_runs_give_the_same_bytes(done: Project, tmp_path: Path) -> None:
    folders = done.runs()
    one = bundle(folders, tmp_path / "a.zip")
    for path in done.root.rglob("*"):
        path.touch()
    other = bundle(folders[::-1], tmp_path / "b.zip")
    assert one.path.read_bytes() == other.path.read_bytes()
    assert one.sha256 == other.sha256


def test_a_bundle_says_what_is_in_it_and_under_which_licence(done: Project) -> None:
    said = done.run("bundle", "eval", "-o", "y.zip").stdout
    assert "word_problems: Apache-2.0" in said
    assert "sums: licence unknown" in said
    assert "root2:" in said
    with zipfile.ZipFile(done.root / "y.zip") as archive:
        names = archive.namelist()
    assert "tasks/word_problems/word_problems.yaml" in names
    assert "tasks/sums/sums.py" in names
    assert not [name for name in names if "second" in name or ".lock" in name]


def test_a_run_that_has_not_ended_is_not_bundled(done: Project, tmp_path: Path) -> None:
    run = Path(shutil.copytree(done.runs()[0], tmp_path / "runs" / done.runs()[0].name))
    manifest = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(manifest | {"status": "running"}))
    with pytest.raises(ConfigError, match="has not ended"):
        bundle([run], tmp_path / "x.zip")


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_a_changed_bit_anywhere_is_found(good: Path, share: float) -> None:
    data = bytearray(good.read_bytes())
    data[int(len(data) * share)] ^= 4
    good.write_bytes(data)
    with pytest.raises(EvidenceError), open_bundle(good):
        pass


def test_a_changed_bit_of_a_frame_is_found_wherever_it_is(good: Path) -> None:
    data = good.read_bytes()
    with zipfile.ZipFile(good) as archive:
        first, last = archive.infolist()[0], archive.infolist()[-1]
        headers = [*range(first.header_offset, 30), *range(last.header_offset, last.header_offset + 30)]
        ends = range(archive.start_dir, len(data), 7)
    for place in [*headers, *ends, *range(len(data) - 22, len(data))]:
        for bit in (1, 128):
            good.write_bytes(data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :])
            with pytest.raises(EvidenceError), open_bundle(good):
                pass


def test_a_score_edited_inside_is_found_though_the_bundle_is_consistent(done: Project, tmp_path: Path) -> None:
    run = Path(shutil.copytree(done.runs()[0], tmp_path / "runs" / done.runs()[0].name))
    manifest = json.loads((run / "run.json").read_text())
    metric = next(m for m in manifest["metrics"] if m["task"] == "word_problems")
    metric["value"] = 1.0
    write_content(run, manifest)
    tasks = Tasks(find([done.root / "tasks"]), [done.root / "tasks"])
    made = bundle([run], tmp_path / "x.zip", tasks)
    with open_bundle(made.path) as opened:
        found = [f for f in verify(opened.folders[0]) if f.state == "wrong"]
    assert [f.check for f in found] == ["metrics"]
    assert "word_problems accuracy" in found[0].where


# A stranger's task files ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a bundle, of whose task the code leaves a file where it runs."""
    project = Project(tmp_path_factory.mktemp("stranger"))
    project.model("alice")
    code = project.root / "tasks" / "sums.py"
    code.write_text(f"{code.read_text()}\n\nopen('ran', 'w').close()\n")
    project.run("eval", "model=alice", "task=[sums,word_problems]", "limit=4")
    project.run("bundle", "eval", "-o", "x.zip")
    project.run("eval", "model=alice", "task=sums", "limit=4", "shard=1/2", "name=half")
    project.run("eval", "model=alice", "task=sums", "limit=4", "shard=2/2", "name=half")
    project.run("bundle", *[run.name for run in project.runs() if "of2" in run.name], "-o", "shards.zip")
    return project


class Victim(Project):
    """A working folder that a stranger's bundle reaches."""

    def __init__(self, root: Path, bundle: Path) -> None:
        self.root = root
        root.mkdir(exist_ok=True)
        self.bundle = Path(shutil.copy(bundle, root.parent / "from_a_stranger.zip"))

    def unpack(self, place: str = ".", *but: str) -> None:
        with zipfile.ZipFile(self.bundle) as archive:
            names = [name for name in archive.namelist() if not name.startswith(but or ("-",))]
            archive.extractall(self.root / place, names)

    def left(self, *words: str) -> str:
        """What was not checked; nothing of the stranger's has run."""
        found = verified(self, *words)
        assert not (self.root / "ran").exists()
        assert {row["state"] for row in found} == {"ok", "not checked"}
        return " ".join(row["what"] for row in found if row["check"] == "scores")

    def trusts(self, *words: str) -> None:
        found = verified(self, *words, "--trust-tasks")
        assert (self.root / "ran").exists()
        assert {row["state"] for row in found} == {"ok"}


@pytest.fixture
def victim(stranger: Project, tmp_path: Path) -> Victim:
    return Victim(tmp_path / "here", stranger.root / "x.zip")


@pytest.mark.slow
def test_a_bundle_unpacked_where_it_is_verified_runs_no_code(victim: Victim) -> None:
    victim.unpack()
    said = victim.left("../from_a_stranger.zip")
    assert "no task sums here" in said
    assert "a bundle was unpacked there" in said
    assert "--trust-tasks" in said
    victim.trusts("../from_a_stranger.zip")


def test_its_tasks_alone_in_the_working_folder_run_no_code(victim: Victim) -> None:
    victim.unpack(".", "bundle.json", "runs", "tasks/word_problems")
    said = victim.left("../from_a_stranger.zip")
    assert "what no run in results has asked is not used for a bundle" in said
    assert "--trust-tasks" in said


@pytest.mark.parametrize("words", [["all", "--results", "."], ["eval-", "--results", "."]])
def test_its_runs_unpacked_run_no_code(victim: Victim, words: list[str]) -> None:
    victim.unpack()
    assert "--trust-tasks" in victim.left(*words)
    victim.trusts(*words)


@pytest.mark.parametrize("place", ["tasks", "tasks/deeper"])
def test_a_bundle_unpacked_inside_of_the_tasks_runs_no_code(victim: Victim, place: str) -> None:
    victim.unpack(place)
    assert "--trust-tasks" in victim.left("../from_a_stranger.zip")
    assert "--trust-tasks" in victim.left("all", "--results", place)


def test_a_link_to_its_tasks_runs_no_code(victim: Victim) -> None:
    victim.unpack("../aside")
    (victim.root / "tasks").symlink_to(victim.root.parent / "aside" / "tasks")
    assert "--trust-tasks" in victim.left("../from_a_stranger.zip")
    assert "--trust-tasks" in victim.left("all", "--results", "../aside")


def test_from_inside_of_its_folders_no_code_is_run(victim: Victim) -> None:
    victim.unpack("../aside")
    victim.root = victim.root.parent / "aside" / "runs"
    shutil.copytree(victim.root.parent / "tasks", victim.root / "tasks")
    assert "--trust-tasks" in victim.left("../../from_a_stranger.zip")


def test_its_shards_are_not_united_by_its_code(stranger: Project, tmp_path: Path) -> None:
    victim = Victim(tmp_path / "here", stranger.root / "shards.zip")
    victim.unpack()
    said = victim.run("index", "--results", ".").stderr
    assert "cannot be united here" in said
    assert not (victim.root / "ran").exists()


def test_tasks_of_ones_own_verify_runs_and_bundles_as_ever(stranger: Project) -> None:
    for words in (["eval-"], ["x.zip"]):
        found = verified(stranger, *words)
        assert {row["state"] for row in found} == {"ok"}


def test_a_bundle_among_ones_results_does_not_keep_ones_own_tasks_from_ones_runs(
    done: Project, stranger: Project, tmp_path: Path
) -> None:
    mine = Project.__new__(Project)
    mine.root = Path(shutil.copytree(done.root, tmp_path / "mine"))
    with zipfile.ZipFile(stranger.root / "x.zip") as archive:
        archive.extractall(mine.root / "results")
    found = verified(mine, "second-")
    assert {row["state"] for row in found} == {"ok"}


def test_an_index_of_something_else_is_no_bundle(done: Project, tmp_path: Path) -> None:
    mine = Project.__new__(Project)
    mine.root = Path(shutil.copytree(done.root, tmp_path / "mine"))
    (mine.root / "bundle.json").write_text('{"entry": "main.js"}')
    found = verified(mine, "second-")
    assert {row["state"] for row in found} == {"ok"}


@pytest.mark.parametrize(
    "name", ["results/runs/x/run.json", "conf/model/x.yaml", "runs", "tasks", "Tasks/x.py", "x.py"]
)
def test_a_member_outside_of_runs_and_tasks_is_refused(good: Path, name: str) -> None:
    forge(good, lambda archive: archive.writestr(_info(name), b"x"))
    with pytest.raises(EvidenceError, match=r"outside of the folders of a bundle|is not in"), open_bundle(good):
        pass


def forge(path: Path, change: Callable[[zipfile.ZipFile], None], *, mode: str = "a") -> None:
    with zipfile.ZipFile(path, mode) as archive:
        change(archive)


def _info(name: str, kind: int = stat.S_IFREG) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (kind | 0o644) << 16
    return info


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "runs/../../evil",
        "/etc/evil",
        "runs\\..\\evil",
        "C:evil",
        "runs/.hidden",
        "runs//evil",
        "runs/x/",
        "con",
        "runs/aux.json",
        "runs/x.",
        "runs/e\u0301vil",
        "runs/a b",
        "runs/" + "x" * 300,
        "runs/a\nb",
    ],
)
def test_a_name_that_leads_elsewhere_is_refused_before_anything_is_written(
    good: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    monkeypatch.setattr(bundles, "_unpack", lambda *a: written.append(a[1].filename))
    forge(good, lambda archive: archive.writestr(_info(name), b"x"))
    with pytest.raises(EvidenceError, match="a name that a bundle never holds"), open_bundle(good):
        pass
    assert not written


def _symlink(archive: zipfile.ZipFile) -> None:
    archive.writestr(_info("runs/link", stat.S_IFLNK), b"/etc/passwd")


def _device(archive: zipfile.ZipFile) -> None:
    archive.writestr(_info("runs/device", stat.S_IFCHR), b"")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def _twice(archive: zipfile.ZipFile) -> None:
    archive.writestr(_info("bundle.json"), b"{}")


def _case(archive: zipfile.ZipFile) -> None:
    archive.writestr(_info("Bundle.json"), b"{}")


def _bomb(archive: zipfile.ZipFile) -> None:
    archive.writestr(_info("runs/bomb"), b"\0" * 50_000_000, compress_type=zipfile.ZIP_DEFLATED, compresslevel=9)


def _stranger(archive: zipfile.ZipFile) -> None:
    archive.writestr(_info("runs/stranger"), b"x")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_symlink, "no plain file"),
        (_device, "no plain file"),
        (_twice, "is there twice"),
        (_case, "is there twice"),
        (_bomb, "is compressed"),
        (_stranger, "is not in bundle.json"),
    ],
)
def test_links_devices_doubles_bombs_and_strangers_are_refused(
    good: Path, change: Callable[[zipfile.ZipFile], None], said: str
) -> None:
    forge(good, change)
    with pytest.raises(EvidenceError, match=said), open_bundle(good):
        pass


def test_members_that_lie_over_one_another_are_refused(good: Path) -> None:
    """David Fifield's better zip bomb (https://www.bamsoftware.com/hacks/zipbomb/), without compression."""
    with zipfile.ZipFile(good, "a") as archive:
        archive.writestr(_info("runs/one"), b"x" * 400_000)
        first = archive.getinfo("runs/one")
        for number in range(20):
            again = _info(f"runs/more{number}")
            again.header_offset, again.CRC = first.header_offset, first.CRC
            again.file_size = again.compress_size = first.file_size
            archive.filelist.append(again)
            archive.NameToInfo[again.filename] = again
    with pytest.raises(EvidenceError, match="bytes together"), open_bundle(good):
        pass


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip", b"PK\x05\x06" + b"\0" * 18])
def test_what_is_no_bundle_is_said_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(EvidenceError, match=r"not a zip file|no bundle\.json"), open_bundle(tmp_path / "x.zip"):
        pass


@pytest.mark.parametrize("index", ["[]", "{", '{"schema": 2, "files": {}}', '{"files": 3}', "[" * 100_000, "null"])
def test_an_index_that_makes_no_sense_is_refused(tmp_path: Path, index: str) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(_info("bundle.json"), index)
    with pytest.raises(EvidenceError, match="is damaged"), open_bundle(tmp_path / "x.zip"):
        pass


def test_a_hostile_bundle_is_one_line_and_its_own_exit_code(project: Project, good: Path) -> None:
    forge(good, _symlink)
    failed = project.run("verify", str(good), code=11)
    assert "Traceback" not in failed.stderr
    assert "runs/link" in failed.stderr
