"""Overrides in, frozen specs out: the only importer of Hydra and OmegaConf.

`core/patches.py` alone imports Hydra too: it has what is changed in it.

It feels like Hydra because it is Hydra: `hydra.main` reads the words of `harness eval`, so overrides, sweeps,
launchers, `--cfg`, `--config-dir` and experiment files work as they do everywhere. Added to it are the tasks
found in `tasks/` as options of the `task` group, lm-eval's own as `lm_eval:NAME`, a user's own `conf/`, and
near misses for names it does not know.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib.util
import io
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigNode, ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.errors import OverrideParseException
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from harness.cli.output import renamed, width
from harness.core import installation, looks_secret, panels, patches, plain, resources, say, visible, wrapped
from harness.engine import taskfiles
from harness.errors import ConfigError, HarnessError, IncompleteRunError, unknown_name
from harness.specs import EvalSpec, PanelSpec, ReasoningSpec

if TYPE_CHECKING:
    from pydantic import ValidationError

LISTED = {
    "model": "`harness models` lists them",
    "task": "`harness tasks` lists them, and lm_eval:NAME is one of lm-eval's",
}
"""What follows an unknown name of a group."""
GROUPS = ("model", "task", "panel", "decode", "experiment")
BUILTIN = "lm_eval:"
_BUILTIN_NAME = re.compile(r"lm_eval:([\w.+-]+)")
_CREDENTIALS = re.compile(r"://[^/@\s]*:[^/@\s]*@|[?&][\w-]*(?:key|token|secret|password)=", re.IGNORECASE)
"""A URL that carries a password or a key."""
_KEY = re.compile(r"\b(?:sk-[\w-]{16,}|AIza[\w-]{30,}|gh[po]_\w{30,}|hf_\w{20,}|xai-\w{20,}|gsk_\w{20,})")
"""How keys of known vendors begin."""
_NO_KEY = re.compile(r"Could not override '([^']*)'")
"""How Hydra 1.3 begins when a key is not in the config."""
_PROGRAM = "harness eval"
REPLAY = "replay"
"""The backend that answers from a run's journal."""
_PLAIN = re.compile(r"[A-Za-z_][\w./:+-]*")
"""Text that needs no quotes: no number, and nothing that Hydra reads as grammar."""
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
LAUNCHERS = {"on_joblib": "joblib", "on_slurm": "slurm", "on_ray": "ray"}
"""Experiments that need a launcher, and the extra that installs it."""
_PLUGINS = {"joblib": "hydra_joblib_launcher", "slurm": "hydra_submitit_launcher", "ray": "hydra_ray_launcher"}
INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 + SIGINT, as shells have it."""


class _UserConf(SearchPathPlugin):  # type: ignore[misc]
    """Adds `conf/` of the working directory behind the shipped one."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for folder in resources.conf_dirs()[1:]:
            search_path.append(provider="user", path=f"file://{folder.resolve()}")


def options(group: str) -> list[str]:
    """The names a group offers, sorted: files in its folder, and for `task` every task found."""
    names = {path.stem for folder in resources.conf_dirs() for path in (folder / group).glob("*.yaml")}
    if group == "task":
        names |= set(taskfiles.find(resources.task_dirs()))
    if group == "panel":
        names |= set(panels.found())
    return sorted(names)


def _register_panels() -> None:
    """Offer each panel of `panels/` that has no file in `conf/panel/` as an option of the `panel` group."""
    store, held = ConfigStore.instance(), {path.stem for d in resources.conf_dirs() for path in d.glob("panel/*.yaml")}
    for name in sorted(set(panels.found()) - held):
        store.store(group="panel", name=name, node={**plain(PanelSpec()), "name": name}, package="panel")


class _Node:
    """What an option holds: a config once it is chosen, for Hydra takes a copy then. Fifty at once take .1 s."""

    def __init__(self, held: Mapping[str, Any]) -> None:
        self.held = held

    def __deepcopy__(self, memo: Mapping[int, object]) -> object:
        # With the whole store, which Hydra copies at every composition, it stays what it is.
        return self if memo else OmegaConf.create(dict(self.held))


def _register_tasks(words: Sequence[str]) -> None:
    """Offer each task as an option of the `task` group. lm-eval's own are offered if you name one."""
    group = ConfigStore.instance().repo.setdefault("task", {})
    nodes = dict.fromkeys(taskfiles.find(resources.task_dirs()), False)
    nodes |= {f"{BUILTIN}{name}": True for word in words for name in _BUILTIN_NAME.findall(word)}
    for option, builtin in nodes.items():
        name = option.removeprefix(BUILTIN)
        settings = ("limit", "repeats", "num_fewshot", "max_tokens", "data", "panel", "window")
        node = {"name": name, "builtin": builtin, **dict.fromkeys(settings)}
        package = f"tasks.{re.sub(r'[^A-Za-z0-9_-]', '_', name)}"
        group[f"{option}.yaml"] = ConfigNode(f"{option}.yaml", _Node(node), "task", package, provider=None)


def _check_groups(words: Sequence[str], own_dirs: Sequence[Path]) -> None:
    """Refuse a group option nobody offers, with near misses: Hydra's own message has none inside lists.

    Raises:
        ConfigError: an unknown option, or an override Hydra cannot parse.
    """
    try:
        overrides = OverridesParser.create().parse_overrides([word for word in words if _is_override(word)])
    except OverrideParseException as error:
        raise ConfigError(f"cannot read the override: {error}") from error
    _check_replay(overrides)
    for override in overrides:
        group = override.key_or_group
        if group not in GROUPS or override.is_delete():
            continue
        known = set(options(group)) | {f.stem for d in own_dirs for f in (d / group).glob("*.yaml")}
        for name in _chosen(override):
            if group == "experiment" and (extra := LAUNCHERS.get(name)) and not has_launcher(extra):
                needed = installation.adding(installation.own(extra))
                raise ConfigError(f"experiment={name} needs a launcher: {needed}")
            if isinstance(name, str) and name not in known and not name.startswith(BUILTIN):
                if group == "task" and (wrong := taskfiles.reason(name, resources.task_dirs())):
                    raise wrong
                raise ConfigError(unknown_name(group, name, known, LISTED.get(group, "")))
            for file in (d / group / f"{name}.yaml" for d in (*resources.conf_dirs(), *own_dirs)):
                if file.is_file():
                    resources.mapping(file)  # Hydra would print a traceback of one that is no YAML


def has_launcher(extra: str) -> bool:
    """Whether the launcher of this extra is installed."""
    found = importlib.util.find_spec("hydra_plugins")
    return found is not None and importlib.util.find_spec(f"hydra_plugins.{_PLUGINS[extra]}") is not None


def _of_today(words: Sequence[str]) -> list[str]:
    """Words as this version has them.

    Raises:
        ConfigError: a dry run is asked for and refused. The last word would win, and requests would be paid for.
    """
    today = [_today(word) for word in words]
    asked = {value.lower() in ("true", "1", "yes", "on", "y", "t") for value in filter(None, map(_dry_run_in, today))}
    if len(asked) > 1:
        raise ConfigError("found a dry run both asked for and refused, so nothing was sent; say one of the two")
    return today


def _dry_run_in(word: str) -> str | None:
    key, _, value = word.lstrip("+").partition("=")
    return value.strip("'\" ") if key == "dry_run" else None


def _today(word: str) -> str:
    """A word as this version has it: whoever asked for a plan gets a dry run, and nothing is sent."""
    key, equals, value = word.lstrip("+").partition("=")
    if word == "--dry-run":
        return "dry_run=true"
    if word == "--plan":
        renamed("--plan", "--dry-run")
        return "dry_run=true"
    if equals and key == "plan":
        renamed("plan=", "dry_run=")
        return f"dry_run={value}"
    return word


def _check_replay(overrides: Sequence[Any]) -> None:
    """Refuse a replay that says what to ask: everything that was asked is in the run it replays.

    Raises:
        ConfigError: `model=replay` beside a word that a replay would have to ignore.
    """
    models = [override.value() for override in overrides if override.key_or_group == "model"]
    if "replay" not in models and ["replay"] not in models:
        return
    free = ("model", "run", "name", "results_dir", "dry_run", "task.data", "sandbox.", "hydra.")
    for override in overrides:
        if not override.key_or_group.startswith(free):
            raise ConfigError(
                f"{override.key_or_group}: a replay asks what its run asked; leave this out, or evaluate anew"
            )


def _refuse_secret_words(words: Sequence[str]) -> None:
    """Refuse a secret before Hydra sees it: a sweep writes its words into a file.

    Raises:
        ConfigError: a word that sets what looks like a secret.
    """
    for word in words:
        key, equals, value = word.lstrip("+~").partition("=")
        if equals:
            *_, last = key.split(".")
            _refuse_secrets({last: value}, key.removesuffix(last).rstrip(".") or "config")


def _is_override(word: str) -> bool:
    """True for `key=value` and `~key`. False for flags and their values."""
    return not word.startswith("-") and ("=" in word or word.startswith("~"))


def _chosen(override: Any) -> list[Any]:
    """The names that an override picks from its group, one by one, in a sweep too.

    Raises:
        ConfigError: it picks nothing.
    """
    if override.is_sweep_override():
        return [name for name in override.sweep_string_iterator() if not name.startswith("[")]
    value = override.value()
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) for name in names):
        raise ConfigError(f"{override.key_or_group}={value}: choose at least one by name")
    return names


def _own_config_dirs(words: Sequence[str]) -> list[Path]:
    """The folder given with `--config-dir`, in any of its spellings."""
    found = []
    for index, word in enumerate(words):
        if word in ("--config-dir", "-cd") and index + 1 < len(words):
            found.append(Path(words[index + 1]))
        elif word.startswith("--config-dir="):
            found.append(Path(word.partition("=")[2]))
    return found


def _flags_first(words: Sequence[str]) -> list[str]:
    """Hydra's parser wants the overrides in one piece: move `-m` and its like before them."""
    switches = {"-m", "--multirun", "-r", "--run", "--resolve", "-h", "--help", "--hydra-help"}
    return [word for word in words if word in switches] + [word for word in words if word not in switches]


@contextlib.contextmanager
def _lines_that_fit(words: Sequence[str]) -> Iterator[None]:
    """Break the lines of Hydra's help between words: it writes each group on one line, however many options it has."""
    if not {"--help", "-h"} & set(words):
        yield
        return
    written = io.StringIO()
    try:
        with contextlib.redirect_stdout(written):
            yield
    finally:
        for line in written.getvalue().splitlines():
            indent = " " * (len(line) - len(line.lstrip()) + 2)
            sys.stdout.write(wrapped(line, width(), rest=indent) + "\n")


def in_sweep() -> str:
    """The words of the job that runs now, if it is one of a sweep. Empty if it is not."""
    held = HydraConfig.get() if HydraConfig.initialized() else None
    return " ".join(held.overrides.task) if held is not None and held.mode is RunMode.MULTIRUN else ""


def run(
    words: Sequence[str], job: Callable[[EvalSpec], int], finish: Callable[[Sequence[Path]], None] = lambda _: None
) -> int:
    """Compose the words of `harness eval` into specs and hand each to `job` (several, in a sweep).

    Args:
        words: the command line behind `harness eval`.
        job: gets one spec, returns an exit code. Errors of this project it raises are printed.
        finish: gets the results folders that a sweep wrote to, once all its jobs have ended.

    Returns:
        The highest exit code of the jobs. 0 if Hydra only printed something.
    """
    codes: list[int] = []
    swept: list[Any] = []
    started = []

    def task(cfg: DictConfig) -> int:
        started.append(True)
        # Hydra prints its own version of every exception, so ours end here.
        try:
            with patches.command_line(program):
                codes.append(job(to_spec(cfg)))
        except HarnessError as error:
            say(f"harness: {error}", "error")
            codes.append(error.exit_code)
        except KeyboardInterrupt:
            say("\nharness: interrupted. The answers are kept, and the same command goes on from here.")
            codes.append(INTERRUPTED)
        return codes[-1]

    words = _of_today(words)
    _refuse_secret_words(words)
    own_dirs = _own_config_dirs(words)
    if not {"--help", "-h", "--hydra-help"} & set(words):
        _check_groups(words, own_dirs)
        for wrong in taskfiles.refused(resources.task_dirs()).values():
            say(f"warning: {visible(str(wrong))}; you can use the other tasks", "warning")
    _register_tasks(words)
    _register_panels()
    Plugins.instance().register(_UserConf)
    program = [_PROGRAM, *_flags_first(words)]
    try:
        shipped = str(resources.conf_dirs()[0].resolve())
        with (
            patches.command_line(program),
            patches.results_of_sweeps(swept),
            patches.composed_once(),
            patches.refusals_raised(),
            _lines_that_fit(words),
        ):
            hydra.main(config_path=shipped, config_name="config", version_base="1.3")(task)()
    except hydra.errors.HydraException as error:
        say(f"harness: {_refused(error, words)}", "error")
        return ConfigError.exit_code
    except OSError as error:
        _not_written(error, begun=bool(started))
    except SystemExit as stop:
        if stop.code not in (0, None):
            return ConfigError.exit_code if not started else HarnessError.exit_code
    codes += _ended(swept, finish)
    return max(codes, default=0)


def _ended(jobs: Sequence[Any], finish: Callable[[Sequence[Path]], None]) -> list[int]:
    """What the jobs of a sweep returned, once `finish` was told of them. Other processes tell in no other way."""
    codes = [job.return_value for job in jobs]
    ran = [job.cfg for job in jobs if job.return_value in (0, IncompleteRunError.exit_code) and not job.cfg.dry_run]
    if ran:
        finish(sorted({Path(cfg.results_dir) for cfg in ran}))
    return codes


def _not_written(error: OSError, *, begun: bool) -> None:
    """Raise an error as it is if a job had begun, else in a sentence: a sweep writes its words down before its jobs.

    Raises:
        StorageError: what could not be written.
    """
    from harness.runs import storage_errors

    if begun:
        raise error
    with storage_errors(Path(error.filename or ".")):
        raise error


def _refused(error: hydra.errors.HydraException, words: Sequence[str]) -> str:
    """What Hydra refused, in a sentence: for a key that it does not know, the nearest one."""
    unknown = _NO_KEY.match(str(error))
    if unknown is None:
        why = str(error.__cause__).splitlines()[:1] if isinstance(error.__cause__, OmegaConfBaseException) else []
        return ": ".join([str(error).strip(), *why])
    key, near = unknown[1], _near_key(words)
    hint = f"did you mean {near}?" if near else "`harness eval --help` lists all keys"
    new = f" To add a key that is new, type +{key}=VALUE." if "." in key else ""
    return f"unknown key {key!r}; {hint}{new}"


def _near_key(words: Sequence[str]) -> str | None:
    """The known key that is nearest to the first one that nobody knows."""
    try:
        with hydra.initialize_config_dir(str(resources.conf_dirs()[0].resolve()), version_base="1.3"):
            cfg = OmegaConf.to_container(hydra.compose("config"))
    except Exception:  # noqa: BLE001 - a hint must not fail
        return None
    # Groups are chosen by their own name: `tasks` and `models` are where their options go.
    known = sorted({*_keys(cfg), *GROUPS} - {"", "tasks", "models"})
    for word in words:
        key = word.lstrip("+~").partition("=")[0]
        if _is_override(word) and key not in known and key.partition("@")[0] not in GROUPS:
            return next(iter(difflib.get_close_matches(key, known, n=1, cutoff=0.6)), None)
    return None


def _keys(value: Any, prefix: str = "") -> set[str]:
    if not isinstance(value, dict):
        return {prefix}
    return {prefix} | {key for name, item in value.items() for key in _keys(item, f"{prefix}.{name}".lstrip("."))}


def compose(words: Sequence[str]) -> EvalSpec:
    """The spec that `harness eval WORDS` would run, for tests and notebooks.

    Raises:
        ConfigError: the words do not make one.
    """
    words = _of_today(words)
    _check_groups(words, [])
    _register_tasks(words)
    _register_panels()
    Plugins.instance().register(_UserConf)
    try:
        with hydra.initialize_config_dir(str(resources.conf_dirs()[0].resolve()), version_base="1.3"):
            return to_spec(hydra.compose("config", overrides=list(words)))
    except hydra.errors.HydraException as error:
        raise ConfigError(_refused(error, words)) from error


def words(settings: Mapping[str, Any]) -> list[str]:
    """Settings as words of `harness eval`: `{"decode": {"top_k": 1}, "limit": None}` is `decode.top_k=1 limit=null`.

    Raises:
        ConfigError: a value that no word can say.
    """
    found = []
    for key, value in settings.items():
        if isinstance(value, Mapping):
            found += [f"{key}.{word}" for word in words(value)]
        else:
            found.append(f"{key}={_word(key, value)}")
    return found


def _word(key: str, value: Any) -> str:
    """A value in Hydra's grammar (https://hydra.cc/docs/advanced/override_grammar/basic/), quoted if need be."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case str() | Path():
            text = str(value)
            if _PLAIN.fullmatch(text) and text.lower() not in ("null", "true", "false"):
                return text
            # A backslash is doubled only in front of a quote, and so at the end.
            escaped = re.sub(r"(\\*)('|\Z)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), text)
            return f"'{escaped}'"
        case list() | tuple():
            return f"[{','.join(_word(key, item) for item in value)}]"
    raise ConfigError(f"{key}={value!r}: expected text, a number, true or false, None, a list or a mapping of these")


def to_spec(cfg: DictConfig) -> EvalSpec:
    """Check a composed config, and freeze it.

    Raises:
        ConfigError: a value of the wrong type or out of range, an unknown key, a missing value, or what
            looks like a secret.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        data = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"config: {error}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"config: expected a mapping, found {type(data).__name__}")
    _refuse_secrets(data.get("models"), "models")
    if "model" in data:
        name = data["model"].get("name", "NAME") if isinstance(data["model"], Mapping) else "NAME"
        raise ConfigError(
            f"a file in conf/model/ does not say where it goes; its first line must be `# @package models.{name}`"
        )
    _dry_run_of_before(data)
    shared, panel = data.pop("task", None) or {}, data.pop("panel", None)
    models = _models(data)
    limit, repeats = data.pop("limit", None), data.pop("repeats", None)
    tasks = list(_mapping(data.get("tasks"), "tasks").values())
    if shared.get("data") and len(tasks) != 1:
        names = ", ".join(str(task.get("name")) for task in tasks)
        raise ConfigError(f"task.data is for one task, found {len(tasks)} ({names}); say tasks.NAME.data=PATH")
    _complete(tasks, shared, limit, repeats, panel)
    data["tasks"], data["models"] = tasks, models
    try:
        spec: EvalSpec = TypeAdapter(EvalSpec).validate_python(data)
    except ValidationError as error:
        raise ConfigError("config: " + "; ".join(_sentences(error, plain(data)))) from error
    _check_names(spec)
    if "://" in spec.results_dir:
        raise ConfigError(
            f"results_dir={spec.results_dir}: expected a folder on this machine's disk. publish={spec.results_dir} "
            "copies each finished run there, and `harness index --from` brings them together"
        )
    return spec


def _complete(tasks: Sequence[Any], shared: Mapping[str, Any], limit: Any, repeats: Any, panel: Any) -> None:
    """Give tasks what is said of all of them, if they say nothing themselves."""
    for task in tasks:
        limits = [n for n in (task.get("limit"), limit) if n is not None]
        # Of what is no number the first stands, and validation says what was expected.
        wrong = [n for n in limits if not isinstance(n, int | float)]
        task["limit"] = wrong[0] if wrong else min(limits, default=None)
        task["repeats"] = task.get("repeats") if task.get("repeats") is not None else repeats
        for key, value in shared.items():
            if task.get(key) is None:
                task[key] = value
        # A range of dates is part of the name: results of two ranges are results of two tasks.
        if (window := task.pop("window", None)) is not None:
            task["name"] = f"{task.get('name')}@{window}"
        if panel is not None and _asks_panel(task):
            task["panel"] = {**panel, **(task.get("panel") or {})}


def _asks_panel(task: Mapping[str, Any]) -> bool:
    file = None if task.get("builtin") else taskfiles.find(resources.task_dirs()).get(str(task.get("name")))
    return file is not None and taskfiles.takes(file, "panel")


def _dry_run_of_before(data: dict[Any, Any]) -> None:
    """A config file of the user's may be older than `dry_run`. What it asked for is done."""
    if "plan" in data:
        renamed("plan", "dry_run")
        asked = data.pop("plan")
        data["dry_run"] = data.get("dry_run") or asked


def _models(data: dict[Any, Any]) -> list[Any]:
    """The chosen models. In a replay the tasks become a placeholder, since the run holds everything."""
    from harness.runs import completions

    replayed = data.pop("run", None)
    if any(model.get("backend") == completions.BACKEND for model in _mapping(data.get("models"), "models").values()):
        _score(data)
    elif data.get("samples") is not None:
        raise ConfigError(
            "samples=FILE is for completions that exist already; type harness score task=NAME samples=FILE"
        )
    models = [_thinking(model) for model in _mapping(data.get("models"), "models").values()]
    if any(model.get("backend") == REPLAY for model in models):
        if len(models) != 1 or not replayed:
            raise ConfigError(
                "a replay takes one run; type harness eval model=replay run=ID (`harness runs` lists them)"
            )
        data["tasks"] = {REPLAY: {"name": REPLAY}}
        data["replay"] = str(replayed)
    elif replayed:
        raise ConfigError(f"run={replayed} says which run to replay; add model=replay")
    return models


THINKERS = re.compile(
    r"(?:^|[/_.-])(?:o[134](?:-|$)|gpt-?5|gpt-oss|deepseek-?r1|r1-distill|deepseek-reasoner|qwq|magistral|grok-4"
    r"|gemini-(?:2\.5|3)|glm-(?:4\.[5-9]|5)|minimax-m\d|kimi-k2\.5|openthinker|nemotron-3)|thinking|reasoning|reasoner",
    re.IGNORECASE,
)
"""Model ids of families that think before they answer without being asked to, by their vendors' documentation."""


def _thinking(model: Mapping[str, Any]) -> Mapping[str, Any]:
    """A model with what `reasoning: true` or its family says of the length of its answers. What is named wins."""
    said = model.get("reasoning")
    if said is False or (model.get("decode") or {}).get("max_tokens") is not None:
        return {**model, "reasoning": {}} if isinstance(said, bool) else model
    if said is True:
        return {**model, "reasoning": {"max_tokens": ReasoningSpec.THINKS}}
    asked = next((str(model["args"][key]) for key in ("model", "pretrained") if (model.get("args") or {}).get(key)), "")
    if (said or {}).get("max_tokens") is not None or not THINKERS.search(asked):
        return model
    say(
        f"model {model.get('name')}: {asked} thinks before it answers, so its answers get up to "
        f"{ReasoningSpec.THINKS:,} tokens if a task allows fewer (reasoning: false keeps the tasks' limits)"
    )
    return {**model, "reasoning": {**(said or {}), "max_tokens": ReasoningSpec.THINKS}}


def _score(data: dict[Any, Any]) -> None:
    """Make the model of a file of completions: its name and hash, and as many repeats as the file has."""
    from harness.runs import completions

    file, models, tasks = data.get("samples"), data["models"], _mapping(data.get("tasks"), "tasks")
    if not file or len(models) != 1 or len(tasks) != 1:
        raise ConfigError(
            "completions are scored one file and one task at a time: harness score task=NAME samples=FILE"
        )
    path = Path(str(file)).expanduser()
    (model,) = models.values()
    if model["name"] == completions.BACKEND:
        model["name"] = completions.stem(path) or completions.BACKEND
    model["args"] = {"sha256": completions.sha256(path)}
    (task,) = tasks.values()
    if task.get("repeats") is None and data.get("repeats") is None:
        task["repeats"] = completions.read(path).repeats
    data["samples"] = str(path)


def _mapping(value: Any, key: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(item, Mapping) for item in value.values()):
        raise ConfigError(f"config: {key} should be a mapping of names to settings, found {value!r}")
    return value


def _deepest(error: ValidationError) -> list[Any]:
    """Pydantic's complaints without those that only follow from another: a list is short if its items are wrong."""
    items: list[Any] = list(error.errors())
    return [item for item in items if item["type"] != "too_short"] or items


def _sentences(error: ValidationError, data: Any) -> list[str]:
    """Pydantic's complaints in words. What is wrong with every task alike was said of all of them, and is said once."""
    found = [(item, (item["loc"][2:], item["msg"], repr(item["input"]))) for item in _deepest(error)]
    alike = Counter(what for item, what in found if item["loc"][0] == "tasks" and len(item["loc"]) > 2)  # noqa: PLR2004
    shared = {what for what, count in alike.items() if count == len(data["tasks"]) > 1}
    either: dict[tuple[str, str], str] = {}
    for item, what in found:
        where, wanted, after = _complaint({**item, "loc": what[0]} if what in shared else item, data)
        before = either.get((where, after))
        # A value that may be of two types has two complaints.
        other = before is not None and before != wanted
        either[where, after] = f"{before} or {wanted.removeprefix('expected ')}" if other else wanted
    return [f"{where}: {wanted}{after}" for (where, after), wanted in either.items()]


def _complaint(item: Any, data: Any) -> tuple[str, str, str]:
    """One of pydantic's complaints: the place, what was expected there, and what was found."""
    where: list[str] = []
    value = data
    for part in item["loc"]:
        if where and value is not None and not isinstance(value, list | dict):
            break  # pydantic's name for one of the types that the value may have
        if isinstance(part, int) and isinstance(value, list) and part < len(value) and isinstance(value[part], dict):
            where.append(str(value[part].get("name", part)))
        else:
            where.append(str(part))
        value = value[part] if isinstance(value, list | dict) and _has(value, part) else None
    instead = "; sandbox.allow_unsafe=true allows it to the whole run" if where[-1] == "allow_unsafe_code" else ""
    if item["type"] == "unexpected_keyword_argument":
        return ".".join(where), "unknown key", instead
    found = "nothing" if item["type"] == "missing" or item["input"] is None else repr(item["input"])
    return ".".join(where), _expected(item), f", found {found}{instead}"


def _expected(item: Any) -> str:
    """What pydantic says it expected, as a user would put it."""
    if item["type"] == "predicate_failed":
        return "expected a month, YYYY-MM"
    text = item["msg"].partition(", unable to")[0].removeprefix("Input should be ")
    plainer = {"Field required": "a value", "a valid integer": "a whole number", "a valid boolean": "true or false"}
    text = plainer.get(text, text.replace("a valid ", "a ").replace("a string", "text"))
    return f"expected {'a number ' if text.startswith(('greater', 'less')) else ''}{text}"


def _has(value: Any, part: Any) -> bool:
    return part in value if isinstance(value, dict) else isinstance(part, int) and part < len(value)


def _check_names(spec: EvalSpec) -> None:
    if not re.fullmatch(r"[a-z0-9_-]{1,40}", spec.name):
        raise ConfigError(f"name={spec.name!r}: expected 1 to 40 of a-z, 0-9, '-' and '_'; it begins the run's folder")
    for kind, names in (("model", [m.name for m in spec.models]), ("task", [t.name for t in spec.tasks])):
        strange = next((name for name in names if not name.strip() or not name.isprintable()), None)
        if strange is not None:
            raise ConfigError(f"a {kind} is named {strange!r}; expected a name that can be seen, on one line")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError(f"two {kind}s are named {twice[0]!r}, so their results would mix; rename one")


def _refuse_secrets(value: Any, where: str) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if looks_secret(str(key)) and isinstance(item, str) and not str(key).endswith("_env"):
                raise ConfigError(
                    f"{where}.{key} looks like a secret; put it into the environment and name the variable "
                    f"in {key}_env, so that it never reaches a file"
                )
            if str(key).endswith("_env") and item is not None and not _VARIABLE.fullmatch(str(item)):
                raise ConfigError(
                    f"{where}.{key} should be the NAME of an environment variable (A-Z, 0-9, _), such as "
                    "OPENAI_API_KEY; what was given is not shown, in case it is the key itself"
                )
            if isinstance(item, str) and (_CREDENTIALS.search(item) or _KEY.search(item)):
                raise ConfigError(
                    f"{where}.{key} holds what looks like a secret; put it into the environment and name the "
                    "variable in api_key_env, so that it never reaches a file"
                )
            _refuse_secrets(item, f"{where}.{key}")
