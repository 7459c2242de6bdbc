"""Hydra's grammar in, frozen specs out: what can be said, and what is refused in words."""

import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import forks
import pytest
import yaml
from conftest import Project

from harness.cli import config
from harness.core import environment, installation, resources
from harness.engine import taskfiles
from harness.errors import ConfigError, TaskError

DATA = ("prices", "model_registry")
"""Files of conf/ that hold data, not settings."""
MODEL = "# @package models.mine\nname: mine\nbackend: fake\n"
TASK = "# A task of mine.\ntask: my_task\nmetadata:\n  version: 1.0\n"


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a model and a task of the user's own."""
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "mine.yaml").write_text(MODEL)
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "my_task.yaml").write_text(TASK)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _eval(*words: str) -> subprocess.CompletedProcess[str]:
    return forks.run("eval", *words)


def test_the_installed_hydra_is_the_one_that_fits_antlr_4_9() -> None:
    assert version("hydra-core").startswith("1.3.")
    assert version("antlr4-python3-runtime").startswith("4.9.")


def test_the_readme_line_means_what_it_says() -> None:
    spec = config.compose(["model=smollm2", "task=[gsm8k,humaneval]", "limit=20", "decode.temperature=0.7", "seed=3"])
    assert [m.name for m in spec.models] == ["smollm2"]
    assert [(t.name, t.limit) for t in spec.tasks] == [("gsm8k", 20), ("humaneval", 20)]
    assert (spec.decode.temperature, spec.seed) == (0.7, 3)


def test_all_models_and_all_tasks_compose_together() -> None:
    models = [name for name in config.options("model") if name not in ALONE]
    tasks = sorted(taskfiles.find(resources.task_dirs()))
    spec = config.compose([f"model=[{','.join(models)}]", f"task=[{','.join(tasks)}]"])
    assert {task.name for task in spec.tasks} == set(tasks)
    assert len(spec.models) >= len(models)


ALONE = ("samples", "replay")  # models that speak for all
SUITES = {path.stem for folder in resources.conf_dirs() for path in folder.glob("task/*.yaml")}


@pytest.mark.parametrize("group", config.GROUPS)
def test_every_option_of_every_group_composes(group: str, tmp_path: Path) -> None:
    few = {"model": ALONE, "task": SUITES}  # the others are composed together
    for name in few.get(group, config.options(group)):
        words = [f"+experiment={name}"] if group == "experiment" else [f"{group}={name}"]
        if name == "samples":
            (tmp_path / "f.jsonl").write_text('{"task_id": 1, "completion": ""}')
            words += ["task=gsm8k", f"samples={tmp_path / 'f.jsonl'}"]
        elif name == "replay":
            words.append("run=eval-a1")
        elif group in ("model", "decode"):
            words.append("task=provenance_open")
        elif (extra := config.LAUNCHERS.get(name)) and not config.has_launcher(extra):
            with pytest.raises(ConfigError, match=re.escape(installation.adding(installation.own(extra)))):
                config.compose(words)
            continue
        spec = config.compose(words)
        assert spec.models
        assert spec.tasks


def test_seed_zero_is_a_seed() -> None:
    assert config.compose(["seed=0"]).seed == 0


def test_limits_are_caps_and_the_lower_one_counts() -> None:
    limits = {t.name: t.limit for t in config.compose(["task=demo", "limit=7", "tasks.functions.limit=3"]).tasks}
    assert limits["functions"] == 3
    assert set(limits.values()) == {7, 3}


def test_a_users_own_model_and_task_are_added(user: Path) -> None:
    spec = config.compose(["model=[mine,smollm2]", "task=[my_task]"])
    assert [m.name for m in spec.models] == ["mine", "smollm2"]
    assert spec.tasks[0].name == "my_task"


def test_one_of_lm_evals_own_tasks_is_named_with_a_prefix() -> None:
    task = config.compose(["task=[lm_eval:arc_easy]", "tasks.arc_easy.limit=2"]).tasks[0]
    assert (task.name, task.builtin, task.limit) == ("arc_easy", True, 2)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model=smolm2"], "or 'smollm2_terse'? `harness models` lists them"),
        (["task=[gsm8k,humanevall]"], "unknown task 'humanevall'; did you mean 'humaneval'"),
        (["decode=gredy"], "unknown decode 'gredy'; did you mean 'greedy'"),
        (["decode.temperature=hot"], "decode.temperature"),
        (["decode.temperature=-1"], "decode.temperature: expected a number greater than or equal to 0, found -1"),
        (["seed=no"], "seed"),
        (["limit=0"], "limit"),
        (["name='../x'"], "name="),
        (["task=[gsm8k,humaneval]", "task.data=x.jsonl"], "task.data is for one task, found 2"),
        (["model=smollm2", "+models.smollm2.colour=red"], "colour"),
        (["model=smollm2", "+models.smollm2.args.api_key=sk-123"], "api_key_env"),
        (["+models.again.name=smollm2", "+models.again.backend=fake"], "two models are named 'smollm2'"),
        (["model=[smollm2"], "cannot read the override"),
        (["model=[]"], "choose at least one"),
        (["task=null"], "choose at least one"),
        (
            ["+models.a.name=a", "+models.a.backend=fake", "+models.a.args.url='http://u:hunter2@h/'"],
            "looks like a secret",
        ),
        (
            ["+models.a.name=a", "+models.a.backend=fake", "+models.a.args.x=sk-proj-0123456789abcdef"],
            "looks like a secret",
        ),
    ],
)
def test_a_wrong_word_is_answered_with_what_was_found(words: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        config.compose(words)
    assert message in str(refused.value)


def test_a_secret_in_a_sweep_reaches_no_file(user: Path) -> None:
    done = _eval("-m", "model=mine", "task=my_task", "+models.mine.args.api_key=hunter2,b")
    assert done.returncode == 2
    assert "hunter2" not in done.stderr
    assert not (user / "results").exists()


def test_a_sweep_that_cannot_be_written_is_told_in_a_sentence(user: Path) -> None:
    (user / "results").mkdir()
    (user / "results" / "sweeps").write_text("no folder")
    done = _eval("-m", "model=mine", "task=my_task", "seed=1,2")
    assert done.returncode == 6
    assert "sweeps: cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_sweep_prints_the_scores_of_every_run_and_the_leaderboard_once(project: Project) -> None:
    project.model("alice")
    done = project.run("eval", "-m", "model=alice", "task=sums", "limit=2", "seed=1,2")
    first, second, last = done.stdout.split("Wrote results/runs/")
    assert "model=alice task=sums limit=2 seed=1\n" in first
    assert "model=alice task=sums limit=2 seed=2\n" in second
    assert all("alice, sums\n" in run and "2 samples:" in run for run in (first, second)), first
    assert done.stdout.count("\nScores\n") == done.stdout.count("Next:") == last.count("\nScores\n") == 1
    assert "The leaderboard shows one run of each model and task" in last
    assert "is a new run" not in done.stderr, "runs of a sweep are meant to differ"


def test_a_sweep_without_scores_ends_without_a_leaderboard(project: Project) -> None:
    project.model("alice")
    done = project.run("eval", "-m", "model=alice", "task=sums", "limit=2", "seed=1,2", "--dry-run")
    assert done.stdout.count("Nothing was sent") == 2
    assert "leaderboard" not in done.stdout


def test_a_wrong_name_in_a_sweep_is_answered_with_near_ones(user: Path) -> None:
    done = _eval("-m", "model=mine,smolm2", "task=my_task")
    assert done.returncode == 2
    assert "did you mean 'smollm2'" in done.stderr


def test_a_model_file_without_its_package_line_is_told_which(user: Path) -> None:
    (user / "conf" / "model" / "lost.yaml").write_text("name: lost\nbackend: fake\n")
    with pytest.raises(ConfigError, match=r"# @package models\.lost"):
        config.compose(["model=lost", "task=my_task"])


def test_a_secret_is_not_repeated_in_its_refusal() -> None:
    with pytest.raises(ConfigError) as refused:
        config.compose(["model=smollm2", "+models.smollm2.args.api_key=sk-123"])
    assert "sk-123" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("metric_list: []\ntask: [unclosed", ", line 2: not valid YAML: while parsing a flow sequence"),
        ("- a list", ": expected a mapping with a `task:` key, found list"),
        ("# One.\ntask: 3\n", ", line 2: expected `task: NAME` with a name, found 3"),
        ("task: x\n", ": expected `metadata: {version: NUMBER}`, found metadata None"),
        ("task: x\nmetadata: {version: new}\n", ", line 2: expected `metadata: {version: NUMBER}`"),
        (
            "task: x\nmetadata:\n  version: 1\n  kind: maths\n",
            ", line 4: metadata.kind is 'maths', expected one of math",
        ),
    ],
)
def test_a_broken_task_file_names_itself_and_leaves_the_others_usable(user: Path, text: str, where: str) -> None:
    path = user / "tasks" / "broken.yaml"
    path.write_text(text)
    assert config.compose(["task=[my_task]"]).tasks[0].name == "my_task"
    assert str(taskfiles.refused(resources.task_dirs())[path]).startswith(f"{path}{where}")
    with pytest.raises(TaskError, match=re.escape(f"{path}{where}")):
        config.compose(["task=[broken]"])


@pytest.mark.parametrize("group", ["model", "task", "decode"])
def test_a_broken_config_file_is_named_with_its_line(user: Path, group: str) -> None:
    path = user / "conf" / group / "bad.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text("name: bad\nbackend: [x\n")
    with pytest.raises(ConfigError, match=re.escape(f"{path}, line 2: not valid YAML: while parsing a flow sequence")):
        config.compose([f"{group}=bad"])
    assert config.compose(["task=[my_task]"]).tasks


def test_of_two_tasks_of_one_name_neither_can_be_chosen(user: Path) -> None:
    (user / "tasks" / "again.yaml").write_text(TASK)
    with pytest.raises(TaskError, match="already in"):
        config.compose(["task=[my_task]"])
    assert config.compose(["task=[gsm8k]"]).tasks


def test_the_same_task_in_two_checkouts_counts_once(user: Path) -> None:
    ours = resources.task_dirs()[0] / "word_problems"
    shutil.copytree(ours, user / "tasks" / "word_problems")
    assert config.compose(["task=word_problems"]).tasks
    (user / "tasks" / "word_problems" / "word_problems.yaml").write_text(
        "# Mine.\n" + TASK.replace("my_task", "word_problems")
    )
    with pytest.raises(TaskError, match="already in"):
        config.compose(["task=word_problems"])


def test_hydras_own_flags_work_and_leave_nothing_behind(user: Path) -> None:
    before = sorted(path.name for path in user.iterdir())
    job = _eval("model=mine", "task=my_task", "--cfg", "job")
    assert job.returncode == 0, job.stderr
    assert yaml.safe_load(job.stdout)["models"]["mine"]["backend"] == "fake"
    shown = _eval("--help")
    assert shown.returncode == 0
    assert re.search(r"^model: [^:]*\bmine\b", shown.stdout, re.MULTILINE)
    assert "experiment: " in shown.stdout
    assert sorted(path.name for path in user.iterdir()) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["xqqz=3"], "unknown key 'xqqz'; `harness eval --help` lists all keys"),
        (["decode.temprature=3"], "unknown key 'decode.temprature'; did you mean decode.temperature?"),
        (["mdoel=smollm2"], "unknown key 'mdoel'; did you mean model?"),
        (["taks=gsm8k"], "unknown key 'taks'; did you mean task?"),
        (["task=panel", "panel.prompts=abc"], "panel.prompts: expected a whole number or 'all', found 'abc'"),
        (["reuse=7"], "config: reuse: expected true or false, found 7"),
        (["~models.smollm2.backend"], "config: models.smollm2.backend: expected a value, found nothing"),
        (["limit=abc"], "config: limit: expected a whole number, found 'abc'"),
        (["limit=-1", "task=[gsm8k,aime24]"], "config: limit: expected a number greater than or equal to 1, found -1"),
        (
            ["limit=-1", "task=gsm8k"],
            "config: tasks.gsm8k.limit: expected a number greater than or equal to 1, found -1",
        ),
        (["model=nope_nope"], "unknown model"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_message_and_exit_code_2(words: list[str], message: str) -> None:
    done = _eval(*words)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "full_key" not in done.stderr


def test_config_dir_adds_options(user: Path, tmp_path: Path) -> None:
    own = tmp_path / "elsewhere"
    (own / "model").mkdir(parents=True)
    (own / "model" / "theirs.yaml").write_text(MODEL.replace("mine", "theirs"))
    done = _eval("--config-dir", str(own), "model=theirs", "task=my_task", "--cfg", "job")
    assert done.returncode == 0, done.stderr
    assert "theirs" in done.stdout


def _config_files() -> list[Path]:
    return sorted(
        path
        for path in resources.conf_dirs()[0].rglob("*.yaml")
        if path.parent.name != "weights" and path.stem not in DATA
    )


@pytest.mark.parametrize("path", _config_files(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_key_has_a_sentence_of_comment(path: Path) -> None:
    lines = path.read_text().splitlines()
    skip_below = None
    for above, line in zip(["", *lines], lines, strict=False):
        indent = len(line) - len(line.lstrip())
        if skip_below is not None and (indent > skip_below or not line.strip()):
            continue
        skip_below = None
        key = line.strip().partition(":")[0]
        if not line.strip() or line.strip().startswith(("#", "-")):
            continue
        if key in ("defaults", "hydra"):
            skip_below = indent
        elif indent == 0 or path.name == "config.yaml":
            assert above.strip().startswith("#") or (key in ("models", "tasks")), f"{path.name}: {key} has no comment"


@pytest.mark.parametrize("path", sorted((resources.conf_dirs()[0] / "experiment").glob("*.yaml")), ids=lambda p: p.stem)
def test_an_experiment_opens_with_the_command_that_runs_it(path: Path) -> None:
    assert f"harness eval +experiment={path.stem}" in path.read_text().split("defaults:")[0]


@pytest.mark.parametrize("name", ["''", '"\\u202eevil"', '"a\\tb"', "' '"])
def test_a_model_has_a_name_that_can_be_seen(user: Path, name: str) -> None:
    (user / "conf" / "model" / "odd.yaml").write_text(f"# @package models.odd\nname: {name}\nbackend: fake\n")
    with pytest.raises(ConfigError, match="can be seen"):
        config.compose(["model=odd", "task=my_task"])


@pytest.mark.parametrize(
    ("word", "kept"),
    [
        ("decode.max_tokens=160", "decode.max_tokens=160"),
        ("budget.tokens=1000000", "budget.tokens=1000000"),
        ("+models.a.decode.max_tokens=null", "+models.a.decode.max_tokens=null"),
        ("models.a.args.token=12345", "models.a.args.token=***"),
        ("models.a.args.api_key=tokens", "models.a.args.api_key=***"),
        ("models.a.args.secret_tokens=123", "models.a.args.secret_tokens=***"),
        ("models.a.args.max_tokens=abc", "models.a.args.max_tokens=***"),
        ("url=http://h/?token=abc&max_tokens=5", "url=http://h/?token=***"),
    ],
)
def test_a_published_command_keeps_numbers_of_tokens_and_no_secret(word: str, kept: str):
    assert environment.publishable([word]) == [kept]
