"""The house keeps its floors: who may import whom, and what `--help` may load."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "harness"
FLOORS = [
    {"specs", "records", "stats", "identity", "errors", "power", "paired", "ranking"},
    {
        "resources",
        "environment",
        "plugins",
        "taskfiles",
        "runs",
        "journal",
        "samples",
        "weights",
        "progress",
        "taskdata",
        "config",
        "completions",
        "budget",
        "proof",
    },
    {"backends", "scorers", "sandbox", "provenance", "schema", "store", "tables", "leaderboard", "aggregate"},
    {
        "lmeval",
        "questions",
        "scoring",
        "analysis",
        "comparing",
        "metrics",
        "planning",
        "asking",
        "manifest",
        "replay",
        "reuse",
        "forecast",
        "importing",
        "exporting",
        "formats",
        "answered",
        "relatives",
        "stored",
        "recomputing",
        "uniting",
        "publishing",
        "differing",
        "suspects",
        "poolwide",
    },
    {"evaluate", "listings", "report", "frames", "verifying", "reproducing", "bundling"},
    {"cli_provenance", "cli_report", "cli_proof", "cli_publish", "output", "shell", "examples"},
    {"cli", "__main__"},
]
ONLY_IMPORTERS = {
    "duckdb": {"harness/store.py"},
    "lm_eval": {"harness/lmeval.py", "harness/backends/lm_eval_model.py"},
    "hydra": {"harness/config.py"},
    "omegaconf": {"harness/config.py"},
    "xllamacpp": {"harness/backends/llama_cpp.py"},
    "vl_convert": {"harness/report/draw.py"},
    "aiohttp": {"harness/backends/_http.py"},
}


def _modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "tasks" not in path.relative_to(PACKAGE).parts[:1])


def _room(name: str) -> str:
    return name.split(".")[1] if name.startswith("harness.") else "__init__"


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module)
            if node.module.split(".")[0] == "harness":
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _floor(room: str) -> int:
    return next(i for i, rooms in enumerate(FLOORS) if room in rooms)


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down_or_stay_in_the_room(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room == "__init__":
        return
    rooms = {room for floor in FLOORS for room in floor}
    assert room in rooms, f"{room} is on no floor: add it to FLOORS"
    for name in _imports(path):
        if name.startswith("harness.") and (target := _room(name)) in rooms and target != room:
            assert _floor(target) <= _floor(room), f"{path.name} (floor {_floor(room) + 1}) imports {name} from above"


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_each_heavy_library_has_one_importer(path: Path) -> None:
    own = path.relative_to(PACKAGE.parent).as_posix()
    for name in _imports(path):
        library = name.split(".")[0]
        if library in ONLY_IMPORTERS:
            assert own in ONLY_IMPORTERS[library], f"{own} imports {library}; only {ONLY_IMPORTERS[library]} may"


def test_there_is_no_import_cycle() -> None:
    graph = {}
    names = {f"harness.{p.relative_to(PACKAGE).with_suffix('').as_posix().replace('/', '.')}": p for p in _modules()}
    names = {name.removesuffix(".__init__"): path for name, path in names.items()}
    for name, path in names.items():
        graph[name] = {target for target in _imports(path) if target in names and target != name}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join((*above, name))
        if name not in done:
            for target in sorted(graph[name]):
                if not (target in above and name.startswith(f"{target}.")):
                    visit(target, (*above, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())


def test_help_loads_nothing_heavy_and_is_quick() -> None:
    code = (
        "import sys, resource\n"
        "sys.argv = ['harness', '--help']\n"
        "from harness.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'lm_eval', 'datasets', 'torch', 'polars', 'pandas', 'numpy', 'scipy', 'hydra', 'duckdb', 'xllamacpp'}\n"
        "print('LOADED', sorted(heavy & set(sys.modules)))\n"
        "use = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print('CPU', use.ru_utime + use.ru_stime)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "LOADED []" in done.stdout
    assert float(done.stdout.rsplit("CPU", 1)[1]) < 0.8  # 0.4 s is promised; twice that leaves room for a slow machine


def test_no_machine_path_or_registry_host_is_in_the_repository() -> None:
    root = PACKAGE.parent
    listed = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    words = [
        "/home" + "/",
        "/work" + "/",
        "/root" + "/",
        "files.python" + "hosted",
        "pypi" + ".org",
        "/tmp" + "/dev",
    ]
    for name in listed.stdout.splitlines():
        path = root / name
        if path.suffix in {".png", ".parquet", ".gz", ".npz"} or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for word in words:
            assert word not in text, f"{name} contains {word}"
