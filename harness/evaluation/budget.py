"""What answers cost, and a hard stop before too much is spent.

A request goes out only if the most it can cost still fits: every byte of its text a token, and its whole
`max_tokens`. So what is reported as used never exceeds the budget. What a provider bills without reporting it (a
try whose answer was lost on the way) is counted at its most as soon as it is known.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import yaml
from annotated_types import Ge

from harness.core import resources
from harness.errors import BudgetError, ConfigError, unknown_name
from harness.records import Reply, Request
from harness.runs import Cost, Entry
from harness.specs import BudgetSpec, ModelSpec

PRICES = "prices.yaml"
OWN_HARDWARE = "own-hardware"
"""The entry for a server of one's own, which bills no tokens."""
PER = 1_000_000
"""Prices are for a million tokens."""
TEMPLATE_TOKENS = 16
"""A chat template adds fewer tokens than this to a message."""
BATCH_SHARE = 0.5
"""Of the price in a batch (https://platform.openai.com/docs/guides/batch,
https://docs.anthropic.com/en/docs/build-with-claude/batch-processing, https://ai.google.dev/gemini-api/docs/batch-api)."""
LOST = ("no whole answer", "the connection dropped", "no JSON")
"""How the error of a try begins whose answer may have been written, and billed, before it was lost."""


@dataclass(frozen=True)
class Price:
    """What a million tokens cost, in US dollars."""

    input: Annotated[float, Ge(0)]
    output: Annotated[float, Ge(0)]
    as_of: str
    """The day the price was read, ISO 8601."""
    source: str
    """The page it was read on."""
    cached: Annotated[float, Ge(0)] | None = None
    """Prompt tokens that came from the provider's cache. `None` costs as much as `input`."""

    def usd(self, prompt: int, completion: int, cached: int = 0) -> float:
        """Tokens (cached ones are among the prompt's) in US dollars."""
        cheap = self.input if self.cached is None else self.cached
        return ((prompt - cached) * self.input + cached * cheap + completion * self.output) / PER

    def times(self, share: float) -> Price:
        """A share of the price."""
        cached = None if self.cached is None else self.cached * share
        return dataclasses.replace(self, input=self.input * share, output=self.output * share, cached=cached)


def prices() -> dict[str, Price]:
    """Every known price by name: the shipped file, and the user's own `conf/prices.yaml` over it.

    Raises:
        ConfigError: a file is no mapping of names to prices.
    """
    from pydantic import TypeAdapter, ValidationError

    found: dict[str, Price] = {}
    for folder in resources.conf_dirs():
        path = folder / PRICES
        if path.is_file():
            try:
                content = resources.plain_yaml(path.read_text(encoding="utf-8")) or {}
                found |= TypeAdapter(dict[str, Price]).validate_python(_dates_as_text(content))
            except (ValidationError, yaml.YAMLError) as error:
                raise ConfigError(
                    f"{path.name}: cannot be read as prices: {error}; a price is "
                    "NAME: {input: 2.5, output: 10, as_of: 2026-01-31, source: URL}, in US dollars a million tokens"
                ) from error
    return found


def _dates_as_text(content: Any) -> Any:
    """YAML reads a bare date as one."""
    if isinstance(content, dict):
        return {key: _dates_as_text(value) for key, value in content.items()}
    return content.isoformat() if hasattr(content, "isoformat") else content


def price_of(model: ModelSpec, known: Mapping[str, Price]) -> Price | None:
    """A model's price. `None` is unknown.

    Raises:
        ConfigError: the model names a price that is not in the list.
    """
    if model.price is None:
        return None
    if model.price not in known:
        raise ConfigError(f"model {model.name}: {unknown_name('price', model.price, known)} (conf/{PRICES})")
    return known[model.price]


def most_tokens(request: Request) -> tuple[int, int]:
    """The most prompt and completion tokens a request can take: no tokenizer makes more tokens than there are bytes."""
    texts = [message["content"] for message in request.messages or ()] + [
        request.prompt or "",
        request.continuation or "",
    ]
    size = sum(len(text.encode("utf-8", "surrogatepass")) + TEMPLATE_TOKENS for text in texts)
    return size, request.decoding.max_tokens if request.decoding else 1


def _unsaid(reply: Reply) -> int:
    """How many answers a reply stands for whose tokens nobody said: tries lost on the way, an answer without usage."""
    errors = [attempt.error for attempt in reply.attempts] + ([reply.error] if reply.error else [])
    silent = reply.error is None and reply.usage.prompt_tokens is None and reply.usage.completion_tokens is None
    return sum(error.startswith(LOST) for error in errors) + silent


class Budget:
    """Keeps count of what a run uses, and stops it.

    Args:
        spec: where to stop.
        prices: the price of every model that is billed, by its name. Models that are not billed are left out.
        batch: what is sent goes in batches.

    Raises:
        ConfigError: there is a limit in dollars, and a model without a known price.
    """

    def __init__(self, spec: BudgetSpec, prices: Mapping[str, Price | None], *, batch: bool = False) -> None:
        self._spec, self._prices = spec, prices
        self._share = BATCH_SHARE if batch else 1.0
        unknown = sorted(name for name, price in prices.items() if price is None)
        if spec.usd is not None and unknown:
            raise ConfigError(
                f"budget.usd={spec.usd:g}, but the price of {', '.join(unknown)} is not known; put it into "
                f"conf/{PRICES} and name it with `price`, or use budget.tokens"
            )
        self.tokens = 0
        """Used so far."""
        self.usd = 0.0
        """Spent so far on models with a known price."""
        self._by_model: dict[str, tuple[int, float]] = {}
        self._held_tokens, self._held_usd = 0, 0.0
        self._in_flight = 0
        self._changed: asyncio.Condition | None = None

    @property
    def limited(self) -> bool:
        """Whether there is a limit."""
        return self._spec.tokens is not None or self._spec.usd is not None

    def count(self, request: Request, reply: Reply) -> None:
        """Add what a reply used. One taken from another run cost nothing here, nor does a model that is not billed."""
        unsaid = _unsaid(reply)
        self._add(request.model, reply, unsaid, most_tokens(request) if unsaid else (0, 0))

    def recall(self, entries: Iterable[Entry], requests: Iterable[Request]) -> None:
        """Add what every line of a journal used: failures count too, also if a later try has replaced them.

        Args:
            entries: the journal's lines.
            requests: the run's. Drawn only if a line does not say itself what it used.
        """
        silent: dict[str, list[Reply]] = {}
        for entry in entries:
            if _unsaid(entry.reply):
                silent.setdefault(entry.id, []).append(entry.reply)
            else:
                self._add(entry.model, entry.reply, 0, (0, 0))
        for request in requests if silent else ():
            for reply in silent.get(request.id, ()):
                self.count(request, reply)

    def _add(self, model: str, reply: Reply, unsaid: int, most: tuple[int, int]) -> None:
        if reply.reused_from is not None or model not in self._prices:
            return
        used = reply.usage
        prompt = (used.prompt_tokens or 0) + unsaid * most[0]
        completion = (used.completion_tokens or 0) + unsaid * most[1]
        cached = min(used.cached_tokens or 0, used.prompt_tokens or 0)
        self.tokens += prompt + completion
        price = self._prices[model]
        share = 1.0 if reply.batch is None else BATCH_SHARE
        cost = share * price.usd(prompt, completion, cached) if price else 0.0
        self.usd += cost
        before = self._by_model.get(model, (0, 0.0))
        self._by_model[model] = (before[0] + prompt + completion, before[1] + cost)

    def _most(self, request: Request) -> tuple[int, float]:
        if request.model not in self._prices:
            return 0, 0.0
        prompt, completion = most_tokens(request)
        price = self._prices[request.model]
        return prompt + completion, self._share * price.usd(prompt, completion) if price else 0.0

    def _fits(self, tokens: int, usd: float) -> bool:
        limit = self._spec
        return (limit.tokens is None or self.tokens + self._held_tokens + tokens <= limit.tokens) and (
            limit.usd is None or self.usd + self._held_usd + usd <= limit.usd
        )

    async def reserve(self, request: Request) -> None:
        """Set aside the most a request can cost. Waits while others in flight may still turn out cheaper.

        Raises:
            BudgetError: it does not fit, and nothing is in flight any more.
        """
        if not self.limited:
            return
        if self._changed is None:
            self._changed = asyncio.Condition()
        tokens, usd = self._most(request)
        async with self._changed:
            while not self._fits(tokens, usd):
                if self._in_flight == 0:
                    raise self._used_up(tokens, usd)
                await self._changed.wait()
            self._in_flight += 1
            self._held_tokens += tokens
            self._held_usd += usd

    async def settle(self, request: Request, reply: Reply) -> None:
        """Put what a reply used in the place of what was set aside for it."""
        self.count(request, reply)
        if self._changed is None:
            return
        tokens, usd = self._most(request)
        async with self._changed:
            self._in_flight -= 1
            self._held_tokens -= tokens
            self._held_usd -= usd
            self._changed.notify_all()

    def afford(self, waiting: deque[Request]) -> list[Request]:
        """Take as many of the next requests as fit together at their most, for backends that answer in batches.

        Raises:
            BudgetError: not even the first of them fits.
        """
        taken: list[Request] = []
        tokens, usd = 0, 0.0
        while waiting:
            more_tokens, more_usd = self._most(waiting[0])
            if not self._fits(tokens + more_tokens, usd + more_usd):
                if not taken:
                    raise self._used_up(more_tokens, more_usd)
                break
            tokens, usd = tokens + more_tokens, usd + more_usd
            taken.append(waiting.popleft())
        return taken

    def _used_up(self, tokens: int, usd: float) -> BudgetError:
        return BudgetError(
            f"the budget is used up: {self.spent()} spent, {self._limit()} allowed, and the next request can take "
            f"{tokens} tokens{f' (${usd:.4f})' if usd else ''}. What was answered is kept; raise budget.usd or "
            "budget.tokens and give the same command again"
        )

    def facts(self) -> Cost:
        """For the manifest: what the run used of billed models, and by which prices. Unknown is null, never 0."""
        unknown = any(price is None for price in self._prices.values())
        prices = {name: dataclasses.asdict(price) if price else None for name, price in self._prices.items()}
        return Cost(tokens=self.tokens, usd=None if unknown else round(self.usd, 6), prices=prices)

    def spent(self) -> str:
        """What was used so far, in words."""
        known = any(price is not None for price in self._prices.values())
        return f"{self.tokens} tokens" + (f" (${self.usd:.4f})" if known else "")

    def told(self, model: str) -> str:
        """What a model has used so far, and the run of its budget: for the display. Empty for a model that is free."""
        if model not in self._prices:
            return ""
        tokens, usd = self._by_model.get(model, (0, 0.0))
        own = f"${usd:.2f}" if self._prices[model] else f"{tokens:,} tokens"
        if not self.limited:
            return own
        parts = [f"${self.usd:.2f} of ${self._spec.usd:.2f}"] if self._spec.usd is not None else []
        parts += [f"{self.tokens:,} of {self._spec.tokens:,} tokens"] if self._spec.tokens is not None else []
        budget = f"budget {', '.join(parts)}"
        return f"{own}, {budget}" if len(self._by_model) > 1 else budget

    def _limit(self) -> str:
        parts = [f"{self._spec.tokens} tokens"] if self._spec.tokens is not None else []
        return " and ".join(parts + ([f"${self._spec.usd:g}"] if self._spec.usd is not None else []))
