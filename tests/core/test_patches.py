"""What is changed in Hydra and lm-eval stands in one file, and each change is still needed and still works.

A test of the first half fails when the library mends what a patch is for: then the patch goes. One of the second half
fails when the library has moved what a patch holds on to.
"""

import ast
import contextlib
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import SUMS_PY, SUMS_YAML

from harness.core import patches

PACKAGE = Path(__file__).parents[2] / "harness"
HOME = PACKAGE / "core" / "patches.py"
ELSEWHERE = {"sandbox"}
"""Its programs run in processes of their own, where no library of ours is."""


def changes(path: Path) -> list[str]:
    """Attributes of imported names, `sys.argv`, and levels of loggers that a file sets."""
    tree = ast.parse(path.read_text())
    imported = {
        (alias.asname or alias.name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    found = []
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            for one in target.elts if isinstance(target, ast.Tuple) else [target]:
                if isinstance(one, ast.Attribute):
                    root = one.value
                    while isinstance(root, ast.Attribute):
                        root = root.value
                    if isinstance(root, ast.Name) and root.id in imported:
                        found.append(ast.unparse(one))
        if isinstance(node, ast.Call):
            said = ast.unparse(node)
            if said.startswith("setattr(") or ("getLogger" in said and "setLevel" in said):
                found.append(said)
            found += [f"os.environ: {name}" for name in patches.ENVIRONMENT if "os.environ" in said and name in said]
    return found


def test_what_is_changed_in_libraries_stands_in_one_file() -> None:
    found = {
        str(path.relative_to(PACKAGE)): set(made)
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.relative_to(PACKAGE).parts[0] not in ELSEWHERE and path != HOME and (made := changes(path))
    }
    # The first is our own progress display, the second a math library of the scorers alone.
    assert found == {
        "cli/app.py": {"progress.LOG.quiet", "progress.LOG.json"},
        "scorers/_math/library.py": {"logging.getLogger('math_verify').setLevel(logging.CRITICAL)"},
    }
    assert len(changes(HOME)) >= 5


def test_every_patch_has_a_contract_here() -> None:
    functions = [name for name, value in vars(patches).items() if inspect.isfunction(value) and name[0] != "_"]
    own = [name for name in functions if getattr(patches, name).__module__ == patches.__name__]
    text = Path(__file__).read_text()
    assert len(own) >= 9
    assert all(f"patches.{name}(" in text for name in own)


# What libraries read when they are imported ---------------------------------------------------------------------

IMPORTED = """
import json, logging, sys
from harness.core import patches
if sys.argv[1] == "with":
    patches.environment()
    patches.quiet()
import lm_eval.tasks, datasets, huggingface_hub, filelock, pyarrow, tqdm
loggers = sorted({name.split(".")[0] for name in logging.root.manager.loggerDict})
print(json.dumps({
    "TQDM_DISABLE": tqdm.tqdm([1]).disable,
    "HF_DATASETS_DISABLE_PROGRESS_BARS": datasets.utils.are_progress_bars_disabled(),
    "ARROW_DEFAULT_MEMORY_POOL": pyarrow.default_memory_pool().backend_name == "system",
    "HF_HUB_VERBOSITY": not logging.getLogger("huggingface_hub").isEnabledFor(logging.WARNING),
    "DATASETS_VERBOSITY": not logging.getLogger("datasets").isEnabledFor(logging.WARNING),
    "heard": [name for name in patches.QUIET if logging.getLogger(name).isEnabledFor(logging.WARNING)],
    "loggers": loggers,
}))
"""


def imported(how: str) -> dict:
    environment = {key: value for key, value in os.environ.items() if key not in patches.ENVIRONMENT}
    command = [sys.executable, "-c", IMPORTED, how]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_the_libraries_speak_and_fill_memory_unless_they_are_told_not_to() -> None:
    found = imported("without")
    assert not any(found[name] for name in patches.ENVIRONMENT), "a variable that is the default now can go"
    assert set(found["heard"]) == set(patches.QUIET), "a logger that is quiet by itself can go"
    assert set(patches.QUIET) <= set(found["loggers"]), "a logger that nobody has can go"


def test_the_libraries_heed_what_they_are_told() -> None:
    found = imported("with")
    assert all(found[name] for name in patches.ENVIRONMENT), found
    assert found["heard"] == []


def test_a_variable_that_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in patches.ENVIRONMENT:
        monkeypatch.setenv(name, "mine")
    patches.environment()
    assert {os.environ[name] for name in patches.ENVIRONMENT} == {"mine"}


# lm-eval ------------------------------------------------------------------------------------------------------


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every template that is compiled; `from_string` is lm-eval's own."""
    from lm_eval import utils

    found: list[str] = []
    own = type(utils.env).from_string.__get__(utils.env)
    before = utils.env.compile
    monkeypatch.setattr(utils.env, "from_string", own)
    monkeypatch.setattr(utils.env, "compile", lambda source: found.append(source) or before(source))
    return found


def test_lm_eval_compiles_a_template_for_every_document(compiled: list[str]) -> None:
    from lm_eval import utils

    assert [utils.apply_template("{{x}}!", {"x": n}) for n in range(3)] == ["0!", "1!", "2!"]
    assert len(compiled) == 3


def test_a_template_is_compiled_once(compiled: list[str]) -> None:
    from lm_eval import utils

    patches.templates_compiled_once()
    patches.templates_compiled_once()
    assert [utils.apply_template("{{x}}!", {"x": n}) for n in range(3)] == ["0!", "1!", "2!"]
    assert len(compiled) == 1


def load(folder: Path):
    from lm_eval.tasks import TaskManager

    return TaskManager(include_path=str(folder), include_defaults=False).load(["sums"])["tasks"]["sums"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sums.yaml").write_text(SUMS_YAML)
    (tmp_path / "sums.py").write_text(SUMS_PY)
    return tmp_path


def test_lm_eval_keeps_documents_for_examples_that_nobody_wants(folder: Path) -> None:
    task = load(folder)
    assert not task.config.num_fewshot
    assert hasattr(task, "sampler")


@pytest.mark.parametrize(("number", "kept"), [(None, False), (0, False), (2, True)])
def test_documents_for_examples_are_kept_where_they_are_wanted(folder: Path, number: int | None, kept: bool) -> None:
    with patches.examples_only_where_wanted(number):
        assert hasattr(load(folder), "sampler") == kept
    assert hasattr(load(folder), "sampler"), "and lm-eval is as it was"


def test_lm_eval_reads_a_tasks_data_when_it_is_made(folder: Path) -> None:
    (folder / "sums.py").write_text("def load(**_):\n    raise OSError('the hub is out of reach')\n")
    with pytest.raises(OSError, match="out of reach"):
        load(folder)


def test_documents_stand_in_for_data(folder: Path) -> None:
    (folder / "sums.py").write_text("def load(**_):\n    raise OSError('the hub is out of reach')\n")
    docs = [{"question": "1 + 1 = ", "answer": "2"}, {"question": "2 + 1 = ", "answer": "3"}]
    with patches.documents_in_place_of_data(docs):
        task = load(folder)
        task.build_all_requests()
    assert [dict(doc) for doc in task.eval_docs] == docs
    assert [instance.args[0] for instance in task.instances] == ["1 + 1 = ", "2 + 1 = "]
    with pytest.raises(OSError, match="out of reach"):
        load(folder)


def test_an_api_type_sends_one_seed_for_ever_unless_another_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    from lm_eval.api.registry import get_model
    from lm_eval.models import api_models

    sent = []

    class Answer:
        ok = True

        def raise_for_status(self) -> None:
            pass

        def json(self) -> dict:
            return {}

    monkeypatch.setattr(api_models.requests, "post", lambda *_, json, **__: sent.append(json["seed"]) or Answer())
    client = get_model("local-completions")(base_url="http://localhost:9", model="m", tokenizer_backend=None)
    for seed in (None, None, 7, 8):
        if seed is not None:
            patches.seed_of_api_type(client, seed)
        client.model_call(["hello"], gen_kwargs={})
    assert sent[0] == sent[1]
    assert sent[2:] == [7, 8]
    patches.seed_of_api_type(object(), 1)  # a type without one stays as it is


# Hydra --------------------------------------------------------------------------------------------------------

SWEEP = """
import contextlib, sys
import hydra
from harness.core import patches
jobs, seen = [], []
def job(cfg):
    seen.append((cfg.n, sys.argv[0]))
    return 7 + cfg.n
quiet = ["hydra/job_logging=disabled", "hydra/hydra_logging=disabled", "hydra.output_subdir=null"]
words = ["harness eval", "-m", "+n=1,2", *quiet]
kept = patches.results_of_sweeps(jobs) if sys.argv[1] == "with" else contextlib.nullcontext()
with patches.command_line(words), kept:
    got = hydra.main(config_path=None, version_base="1.3")(job)()
print([got, [job.return_value for job in jobs], seen, sys.argv[1]])
"""


@pytest.mark.parametrize(("how", "codes"), [("without", []), ("with", [8, 9])])
def test_hydra_drops_what_the_jobs_of_a_sweep_return_and_reads_sys_argv(tmp_path: Path, how: str, codes: list) -> None:
    command = [sys.executable, "-c", SWEEP, how]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    seen = [(1, "harness eval"), (2, "harness eval")]
    assert ast.literal_eval(done.stdout.splitlines()[-1]) == [None, codes, seen, how]


COMPOSED = """
import contextlib, sys
import hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from omegaconf import DictConfig, OmegaConf
from harness.core import patches

seen = []
load = ConfigLoaderImpl._load_configuration_impl
ConfigLoaderImpl._load_configuration_impl = lambda *a, **k: seen.append(1) or load(*a, **k)

def job(cfg: DictConfig) -> None:
    from hydra.core.hydra_config import HydraConfig
    held = HydraConfig.get()
    jobs.append([cfg.n, str(held.mode), list(held.overrides.hydra), list(held.overrides.task)])

jobs = []
quiet = ["hydra/job_logging=disabled", "hydra/hydra_logging=disabled", "hydra.output_subdir=null", "hydra.run.dir=."]
once = patches.composed_once() if sys.argv[1] == "with" else contextlib.nullcontext()
with patches.command_line(["harness eval", *sys.argv[2:], *quiet]), once:
    try:
        hydra.main(config_path=None, version_base="1.3")(job)()
    except SystemExit as stop:
        jobs.append(stop.code)
print([len(seen), jobs])
"""


def composed(how: str, *words: str, folder: Path) -> list:
    """How often it was composed, what the jobs saw, and what was said."""
    command = [sys.executable, "-c", COMPOSED, how, *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    found: list = ast.literal_eval(done.stdout.splitlines()[-1])
    return [*found, done.stderr]


def test_a_run_is_composed_once_and_comes_out_as_hydra_makes_it(tmp_path: Path) -> None:
    (before, jobs, _), (after, same, _) = (composed(how, "+n=1", folder=tmp_path) for how in ("without", "with"))
    assert (before, after) == (2, 1)
    assert jobs == same
    assert jobs[0][:2] == [1, "RunMode.RUN"]
    assert "hydra.mode=RUN" in jobs[0][2]


@pytest.mark.slow
@pytest.mark.parametrize("words", [("-m", "+n=1,2"), ("hydra.mode=MULTIRUN", "+n=1,2"), ("hydra.mode=RUN", "+n=1")])
def test_what_is_no_plain_run_is_hydras_own(words: tuple[str, ...], tmp_path: Path) -> None:
    assert composed("with", *words, folder=tmp_path)[1] == composed("without", *words, folder=tmp_path)[1]


@pytest.mark.slow
@pytest.mark.parametrize(("word", "once"), [("n=1", True), ("+n=[", True), ("+n=1,2", False)])
def test_what_cannot_be_composed_is_tried_once_and_refused_in_the_same_words(
    word: str, once: bool, tmp_path: Path
) -> None:
    (times, jobs, said), (tried, *same) = (composed(how, word, folder=tmp_path) for how in ("without", "with"))
    assert [jobs, said] == same
    assert jobs == [1]
    assert said
    assert (times, tried == 1) == (2, once), "words of a sweep are composed as one, too"


REFUSED = """
import contextlib, sys
import hydra
from harness.core import patches
held = patches.refusals_raised() if sys.argv[1] == "with" else contextlib.nullcontext()
try:
    with patches.command_line(["harness eval", *sys.argv[2:]]), held:
        hydra.main(config_path=None, version_base="1.3")(lambda cfg: 1 / 0)()
except hydra.errors.HydraException as error:
    print(type(error).__name__)
except SystemExit as stop:
    print(stop.code)
"""


@pytest.mark.parametrize(
    ("how", "word", "full", "out", "told"),
    [
        ("without", "n=1", "", "1", "full_key: n"),  # Hydra still prints its insides
        ("with", "n=1", "", "ConfigCompositionException", None),
        ("with", "n=1", "1", "ConfigCompositionException", None),  # raised by Hydra itself, with its whole traceback
        ("with", "+n=1", "", "1", "ZeroDivisionError"),
    ],
)
def test_what_hydra_refuses_can_be_said_in_other_words(
    how: str, word: str, full: str, out: str, told: str | None, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", REFUSED, how, word, "hydra.output_subdir=null", "hydra.run.dir=."]
    environment = {**os.environ, "HYDRA_FULL_ERROR": full}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [out]
    assert told in done.stderr if told else not done.stderr


def test_hydra_takes_no_words_but_those_of_the_process() -> None:
    import hydra

    assert list(inspect.signature(hydra.main).parameters) == ["config_path", "config_name", "version_base"]
    before = list(sys.argv)
    with contextlib.suppress(ValueError), patches.command_line(["harness eval", "x=1"]):
        assert sys.argv == ["harness eval", "x=1"]
        raise ValueError
    assert sys.argv == before


def test_lm_eval_still_imports_what_few_of_its_tasks_use() -> None:
    """If it no longer does, `patches.heavy_when_needed()` may go; that it works is in `tests/cli/test_told_early.py`."""
    program = f"import sys, lm_eval.api.task; print([name for name in {patches.LATER!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(list(patches.LATER))
