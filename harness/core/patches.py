"""What this project changes in Hydra and lm-eval, process-wide: all of it, and why.

`tests/core/test_patches.py` has a contract for each, which fails when the library no longer needs it, or when it no
longer works. Libraries are imported where they are changed, so a command that needs none loads none.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import logging
import os
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

ENVIRONMENT = {
    "TQDM_DISABLE": "1",  # one progress display, ours
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",  # with its default documents take twice their size
    "HF_HUB_VERBOSITY": "error",  # our own message says what a dozen retries would
    "DATASETS_VERBOSITY": "error",  # it sets its own logger when it is imported, so this is the one way
}
"""Variables that lm-eval's libraries read when they are imported. One that the user has set stays."""
QUIET = ("lm_eval", "httpx2", "filelock")
"""Loggers that speak of what our own messages say."""


def environment() -> None:
    """Set the variables of `ENVIRONMENT` that you have not set yourself. Call it before lm-eval is imported."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


class _Later(types.ModuleType):
    """A module that is imported when something of it is first used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


LATER = ("datasets", "requests", "sacrebleu")
"""What lm-eval's tasks import for the few that read a hub, ask a server or count BLEU: more than a second of CPU."""


def heavy_when_needed() -> None:
    """Import lm-eval's tasks without `LATER`. The first task that uses one of them gets it."""
    if "lm_eval.api.task" in sys.modules:
        return
    later = {name: _Later(name) for name in LATER if name not in sys.modules}
    sys.modules.update(later)
    try:
        importlib.import_module("lm_eval.api.task")
    finally:
        for name, module in later.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]


def quiet() -> None:
    """Let lm-eval and what it loads log errors alone."""
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)


def templates_compiled_once() -> None:
    """Keep compiled Jinja templates: lm-eval compiles each anew for every document, at most of the cost of loading."""
    from lm_eval import utils

    if not hasattr(utils.env.from_string, "cache_info"):
        utils.env.from_string = functools.lru_cache(maxsize=1024)(utils.env.from_string)


@contextlib.contextmanager
def examples_only_where_wanted(number: int | None) -> Iterator[None]:
    """A task without examples keeps no second copy of its documents, as dicts, to draw them from.

    Args:
        number: of examples. `None` is the task's own.
    """
    from lm_eval.api.task import ConfigurableTask

    original = ConfigurableTask.fewshot_docs

    def fewshot_docs(task: Any) -> Any:
        wanted = task.config.num_fewshot if number is None else number
        return original(task) if wanted else None

    ConfigurableTask.fewshot_docs = fewshot_docs
    try:
        yield
    finally:
        ConfigurableTask.fewshot_docs = original


@contextlib.contextmanager
def documents_in_place_of_data(docs: Sequence[Mapping[str, Any]]) -> Iterator[None]:
    """Tasks that are loaded meanwhile have these documents for every split: they read no data and ask no hub."""
    from lm_eval.api.task import ConfigurableTask

    def download(self: Any, *_: Any, **__: Any) -> None:
        splits = ("training_split", "validation_split", "test_split", "fewshot_split")
        named = {getattr(self.config, split) for split in splits} | {self.fewshot_cfg.split}
        self.dataset = dict.fromkeys(named - {None}, _Docs(docs))
        self.config.process_docs = self.fewshot_cfg.process_docs = None  # these documents went through it already

    before = ConfigurableTask.download
    ConfigurableTask.download = download
    try:
        yield
    finally:
        ConfigurableTask.download = before


class _Docs(list[Mapping[str, Any]]):
    """Documents that stand in for the data set that lm-eval expects."""

    @property
    def features(self) -> dict[str, None]:
        return dict.fromkeys(self[0]) if self else {}


def seed_of_api_type(model: Any, seed: int) -> None:
    """Set the seed that an API model type of lm-eval's sends: it has one for ever, and repeats would all be alike."""
    if hasattr(model, "_seed"):
        model._seed = seed  # noqa: SLF001 - there is no public way


@contextlib.contextmanager
def results_of_sweeps(jobs: list[Any]) -> Iterator[None]:
    """Add what Hydra has of the jobs of a sweep to `jobs`: it drops that, and other processes have no other way."""
    from hydra._internal.hydra import Hydra

    before = Hydra.multirun

    def multirun(self: Any, *args: Any, **kwargs: Any) -> Any:
        batches = before(self, *args, **kwargs)
        jobs.extend(job for batch in batches or () for job in batch)
        return batches

    Hydra.multirun = multirun
    try:
        yield
    finally:
        Hydra.multirun = before


@contextlib.contextmanager
def composed_once() -> Iterator[None]:
    """Let one run compose its config once: Hydra composes it to read `hydra.mode` of it, drops it, and begins anew.

    It is composed as a run's, the commonest case. If `hydra.mode` is another, or there are words of a sweep, Hydra goes
    its own way. What cannot be composed is refused at once, and not tried again.
    """
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra._internal.hydra import Hydra
    from hydra.types import RunMode

    held: list[tuple[str | None, list[str], Any]] = []
    load, ask = ConfigLoaderImpl.load_configuration, Hydra.get_mode

    def get_mode(self: Any, config_name: str | None, overrides: list[str]) -> Any:
        try:
            config = load(self.config_loader, config_name=config_name, overrides=overrides, run_mode=RunMode.RUN)
        except Exception as error:  # noqa: BLE001 - raised when the run composes its config
            if not _sweeps(overrides):
                held.append((config_name, [*overrides], error))
                return None
        else:
            if config.hydra.mode in (None, RunMode.RUN):
                held.append((config_name, [*overrides], config))
                return config.hydra.mode
        return ask(self, config_name, overrides)

    def load_configuration(self: Any, config_name: str | None, overrides: list[str], *args: Any, **kwargs: Any) -> Any:
        name, words, config = held.pop() if held else (None, [], None)
        if config is not None and kwargs.get("run_mode") == RunMode.RUN and not args and name == config_name:
            added = overrides[len(words) :]
            if overrides[: len(words)] == words and added in ([], ["hydra.mode=RUN"]):
                if isinstance(config, Exception):
                    raise config
                config.hydra.overrides.hydra.extend(added)
                config.hydra.mode = RunMode.RUN
                return config
        return load(self, config_name, overrides, *args, **kwargs)

    ConfigLoaderImpl.load_configuration, Hydra.get_mode = load_configuration, get_mode
    try:
        yield
    finally:
        ConfigLoaderImpl.load_configuration, Hydra.get_mode = load, ask


def _sweeps(words: list[str]) -> bool:
    """Whether a word has several values. What cannot be read has none."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    try:
        return any(word.is_sweep_override() for word in OverridesParser.create().parse_overrides(words))
    except Exception:  # noqa: BLE001 - composing says what is wrong with them
        return False


@contextlib.contextmanager
def refusals_raised() -> Iterator[None]:
    """Let Hydra raise what it refuses, so that we can say it: it prints `full_key` and other names of its insides.

    So it does with a file that it cannot write, which it answers with a traceback.

    If you set `HYDRA_FULL_ERROR`, you get its traceback as before.
    """
    from hydra._internal import utils
    from hydra.errors import CompactHydraException

    before = utils.run_and_report

    def run_and_report(func: Callable[[], Any]) -> Any:
        refused: list[Exception] = []

        def watched() -> Any:
            try:
                return func()
            except (CompactHydraException, OSError) as error:
                if os.environ.get("HYDRA_FULL_ERROR"):
                    raise
                refused.append(error)

        done = before(watched)
        if refused:
            raise refused[0]
        return done

    utils.run_and_report = run_and_report
    try:
        yield
    finally:
        utils.run_and_report = before


@contextlib.contextmanager
def command_line(words: Sequence[str]) -> Iterator[None]:
    """Have `sys.argv` be these words: `hydra.main` reads no others, and a launcher's process has its own."""
    before, sys.argv = sys.argv, list(words)
    try:
        yield
    finally:
        sys.argv = before
