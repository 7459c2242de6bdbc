"""What was asked: the frozen description of an evaluation. What happened is in `records.py`.

`config.py` makes these from Hydra's overrides. A notebook may make them by hand and call `evaluate(spec)`.
Ranges stand in the types (`annotated_types`), and pydantic checks them when text comes in.
Fields that can change an answer are part of the run's identity. The fields named in `EvalSpec.PLACE` are not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le, MinLen, Predicate

STRICT = {"extra": "forbid"}
"""For pydantic: a field that nobody knows is an error, not a wish."""
RETIRED = frozenset({"plan", "allow_unsafe_code"})
"""Fields that specs of earlier runs may hold: of the run, and of its models. They never changed an answer."""


UNSEEN = frozenset({"idle_s", "stream"})
"""Fields of `connect` that specs of earlier runs lack."""
TOLD = ("released", "lab", "base", "statement")
"""Fields of a model that say what it is, not how it is asked: no part of the identity."""
MONTH = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])(?:-\d{2})?")
"""A month, YYYY-MM, or a day of it."""


def is_month(text: str) -> bool:
    """Whether a text is a month, YYYY-MM, or a day of it."""
    return MONTH.fullmatch(text) is not None


@dataclass(frozen=True)
class DecodeSpec:
    """How text is sampled. `None` leaves the choice to the task, then to the backend."""

    __pydantic_config__: ClassVar = STRICT

    temperature: Annotated[float, Ge(0), Le(2)] | None = None
    """0 is greedy. Range 0 to 2."""
    top_p: Annotated[float, Gt(0), Le(1)] | None = None
    """Nucleus sampling: keep the smallest set of tokens with at least this probability. Range 0 to 1."""
    top_k: Annotated[int, Ge(0)] | None = None
    """Keep the k likeliest tokens. 0 keeps all."""
    max_tokens: Annotated[int, Ge(1)] | None = None
    """Longest completion in tokens. `None`: the task's own `max_gen_toks`."""


@dataclass(frozen=True)
class ConnectSpec:
    """How a model's server is spoken to: never what is asked, so no part of the identity."""

    __pydantic_config__: ClassVar = STRICT

    api_key_env: str | None = None
    """The environment variable that holds the key. `None` sends none (servers of one's own)."""
    timeout_s: Annotated[float, Gt(0)] = 600.0
    """Seconds one try may take, a streamed one from its first byte to its last. Reasoning models think for minutes."""
    idle_s: Annotated[float, Gt(0)] = 300.0
    """Seconds a stream may be silent. A whole answer is silent until it is there: for it `timeout_s` alone counts."""
    stream: bool = False
    """Ask for the answer as a stream: for models that give no other, and for answers that take longer than a proxy
    keeps a silent connection. It is asked for without this word if the server refuses everything else."""
    retries: Annotated[int, Ge(0), Le(50)] = 8
    """Tries after the first, on 408, 409, 429, 5xx and dropped connections alone. Two at most on timeouts and on
    streams that broke off."""
    requests_per_minute: Annotated[float, Gt(0)] | None = None
    """The account's limit. Requests are spread evenly below it. `None` is no limit but the server's 429s."""
    tokens_per_minute: Annotated[float, Gt(0)] | None = None
    """The account's limit on prompt and completion tokens together."""


@dataclass(frozen=True)
class ReasoningSpec:
    """How a model's reasoning is told from its answer, and the room it gets: no part of the identity."""

    __pydantic_config__: ClassVar = STRICT

    tags: Mapping[str, str] = field(default_factory=dict)
    """Delimiters of this model beside those harness knows: what opens its reasoning, and what closes it."""
    inline: bool = False
    """It reasons in the stream of its answer. The task's stop texts are then cut off behind the reasoning, not sent."""
    opened: bool = False
    """Its chat template opens the reasoning: a reply that closes none ended inside it. Means `inline` too."""
    max_tokens: Annotated[int, Ge(1)] | None = None
    """Longest answer with its thoughts if a task's own limit is shorter. `reasoning: true` in a file is 32,768."""

    THINKS: ClassVar[int] = 32768
    """What published figures of reasoning models allow (DeepSeek-R1's model card, LiveCodeBench, MATH-500, AIME)."""


@dataclass(frozen=True)
class BudgetSpec:
    """What a run may spend at most, everything already in its journal counted."""

    __pydantic_config__: ClassVar = STRICT

    usd: Annotated[float, Gt(0)] | None = None
    """US dollars, by `conf/prices.yaml`."""
    tokens: Annotated[int, Gt(0)] | None = None
    """Prompt and completion tokens together."""


@dataclass(frozen=True)
class ModelSpec:
    """One model, and how it is reached."""

    __pydantic_config__: ClassVar = STRICT

    name: str
    """The name it has in results and leaderboards."""
    backend: str
    """A file in `harness/backends/`, without `.py`."""
    args: Mapping[str, Any] = field(default_factory=dict)
    """What the backend needs: a model id, a base URL, a context length. Never a key."""
    weights: str | None = None
    """A file in `conf/weights/`, for backends that load a file."""
    chat: bool = True
    """True sends messages through the model's chat template, False sends plain text to complete."""
    system: str | None = None
    """A system message put before every conversation."""
    decode: DecodeSpec | None = None
    """Decoding of this model alone, field by field over the run's `decode`."""
    only_tasks: tuple[str, ...] | None = None
    """The names of the tasks this model takes part in. `None` is all of them."""
    control_of: str | None = None
    """This model is a positive control: known to be a relative of the model named here."""
    parallel: Annotated[int, Ge(1)] | None = None
    """Requests in flight at once. `None` lets the backend choose. Never part of the identity."""
    connect: ConnectSpec = ConnectSpec()
    """Key, time-outs and rate limits, for models behind a server."""
    reasoning: ReasoningSpec = ReasoningSpec()
    """How its reasoning is told from its answer."""
    price: str | None = None
    """An entry of `conf/prices.yaml`. `None` is unknown, which is not free."""
    released: Annotated[str, Predicate(is_month)] | None = None
    """The month of its public release, YYYY-MM: without it nobody can be said to have come before it."""
    lab: str | None = None
    """Who made it."""
    base: str | None = None
    """The model whose weights it began from."""
    statement: str | None = None
    """What its makers say of its training data, with the source: printed beside any verdict."""


@dataclass(frozen=True)
class PanelSpec:
    """Which reference panel is asked, and how much of it."""

    __pydantic_config__: ClassVar = STRICT

    name: Annotated[str, MinLen(1)] | Annotated[tuple[Annotated[str, MinLen(1)], ...], MinLen(1)] = "alpaca_eval"
    """A panel that ships, one in `panels/` of the working folder, or the path of a `.yaml` or `.panel.zip`. Or several,
    the most useful first."""
    prompts: Annotated[int, Ge(1)] | Literal["all"] = 100
    """How many of its prompts, in its own order. `all` is every one whose text is here. Of several panels, how many of
    all together: see `harness.core.panels.shared`."""
    quick: bool = False
    """60 prompts and 160 tokens at most: for small or slow models. It sees less, and the report says so."""

    QUICK_PROMPTS: ClassVar[int] = 60
    QUICK_TOKENS: ClassVar[int] = 160

    @property
    def names(self) -> tuple[str, ...]:
        """The panels."""
        return (self.name,) if isinstance(self.name, str) else self.name

    @property
    def asked(self) -> int | Literal["all"]:
        """How many prompts are asked."""
        if not self.quick:
            return self.prompts
        return self.QUICK_PROMPTS if self.prompts == "all" else min(self.prompts, self.QUICK_PROMPTS)


@dataclass(frozen=True)
class TaskSpec:
    """One task, and what of it is run."""

    __pydantic_config__: ClassVar = STRICT

    name: str
    """A task in `tasks/` (the project's or the user's own), or one of lm-eval's own if `builtin`."""
    builtin: bool = False
    """True for a task that lm-eval ships (`task=[lm_eval:arc_easy]`)."""
    limit: Annotated[int, Ge(1)] | None = None
    """The first n documents. `None` is all."""
    repeats: Annotated[int, Ge(1)] | None = None
    """Samples per document, each with its own seed. `None` is the task's own number."""
    num_fewshot: Annotated[int, Ge(0)] | None = None
    """Solved examples in the prompt. `None` is the task's own number."""
    max_tokens: Annotated[int, Ge(1)] | None = None
    """Longest answer in tokens, over the task's own number and under `decode.max_tokens`."""
    data: str | None = None
    """A local file to read the documents from instead of the hub. Its bytes are hashed, its path is not kept."""
    panel: PanelSpec | None = None
    """The reference panel, for a task that asks one. `None` is the default one there."""


@dataclass(frozen=True)
class SandboxSpec:
    """How model-written code is run."""

    __pydantic_config__: ClassVar = STRICT

    allow_unsafe: bool = False
    """Run it in a plain subprocess with resource limits alone. Results are stamped as unsafe."""
    timeout_s: Annotated[float, Gt(0)] = 5.0
    """CPU seconds one sample may take, and one second more by the clock. A task that needs more gets more."""
    memory_mb: Annotated[int, Ge(64)] = 512
    """Address space one sample may take, in MiB. A task that needs more gets more."""
    packages: str | None = None
    """A folder of installed packages (`site-packages`) that programs may import, read-only. BigCodeBench needs it. It
    is never the judge's, and of this Python version. In tier C it is a folder of the image."""
    tier: Literal["A", "B", "C", "unsafe"] | None = None
    """`harness sandbox` lists them. `None` is the best that works here. If one is named, it is that one or none."""


@dataclass(frozen=True)
class EvalSpec:
    """A whole evaluation: every model on every task, under one decoding and one seed."""

    __pydantic_config__: ClassVar = STRICT

    PLACE: ClassVar[frozenset[str]] = frozenset(
        {"results_dir", "budget", "dry_run", "reuse", "samples", "publish", "batch"}
    )
    """Fields that say where and how, not what: no part of the identity."""

    models: Annotated[tuple[ModelSpec, ...], MinLen(1)]
    tasks: Annotated[tuple[TaskSpec, ...], MinLen(1)]
    decode: DecodeSpec = DecodeSpec()
    sandbox: SandboxSpec = SandboxSpec()
    seed: Annotated[int, Ge(0), Le(2**31 - 1)] = 1234
    """Repeat i of a document is sampled with seed + i. Few-shot examples are drawn with it too."""
    name: str = "eval"
    """A word in front of the run id. Lower-case letters, digits, `-` and `_`."""
    results_dir: Annotated[str, MinLen(1)] = "results"
    """Where run folders and the index go."""
    budget: BudgetSpec = BudgetSpec()
    """Where to stop spending."""
    dry_run: bool = False
    """Say what the run would send and cost, and send nothing."""
    reuse: bool = True
    """Take an API model's answers to the very same requests from other runs instead of paying again."""
    batch: bool = False
    """Ask API models through their providers' batch endpoints: half the price, within a day."""
    shard: str | None = None
    """`i/n`: every n-th document alone, from the i-th on. `harness index` unites the n runs."""
    publish: str | None = None
    """Where the finished run folder is copied to: a folder, or any URL that fsspec knows."""
    replay: str | None = None
    """The run whose journal answers instead of the models. Offline."""
    samples: str | None = None
    """The file of completions that answers instead of a model. Its hash is in the model's `args`."""

    @classmethod
    def of_identity(cls, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a spec, as this version or an older one wrote them, without those that say where and how."""
        kept = {key: value for key, value in fields.items() if key not in cls.PLACE | RETIRED}
        dropped = {*RETIRED, *TOLD}
        models = [
            {key: _connecting(key, value) for key, value in model.items() if key not in dropped}
            for model in kept.get("models", ())
        ]
        tasks = [
            {key: value for key, value in task.items() if key != "panel" or value is not None}
            for task in kept.get("tasks", ())
        ]
        # As before there was a choice, so that hashes stay.
        sandbox = {key: value for key, value in kept.get("sandbox", {}).items() if key != "tier" or value is not None}
        parts = (("models", models), ("tasks", tasks), ("sandbox", sandbox))
        return kept | {key: value for key, value in parts if key in kept}


def _connecting(key: str, said: Any) -> Any:
    """A field of a model. How its server is spoken to, and what its reasoning is, as every version writes it."""
    if key == "reasoning" and isinstance(said, Mapping):
        return {name: value for name, value in said.items() if name != "max_tokens" or value is not None}
    return {name: value for name, value in said.items() if name not in UNSEEN} if key == "connect" else said
