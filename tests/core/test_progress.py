"""The display of a run: rate, time left, errors by kind, cost against the budget, a bar per model."""

import io
import json
import os
import re

import pytest
from rich.console import Console

from harness.core import RunProgress, progress
from harness.evaluation.budget import Budget, Price
from harness.records import Reply, Request, Usage
from harness.specs import BudgetSpec

ERRORS = ["HTTP 429: slow down", "HTTP 429: slower", "no whole answer within 600 s", "cannot connect: [red]x[/]"]


def shown(*, live: bool) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=live, width=80, color_system=None, legacy_windows=False)
    with RunProgress(out=console) as display:
        for model, spent in (("first", "$0.42 of $5.00"), ("second", "")):
            display.start(model, 10, lambda spent=spent: spent)
            for error in [None] * 5 + ERRORS:
                display.advance(error)
    return out.getvalue()


def test_a_bar_per_model_has_errors_by_kind_and_the_cost_within_80_columns() -> None:
    last = shown(live=True).rpartition("first")[2]
    assert "second" in last
    assert "4 errors (HTTP 429 ×2, no whole answer within 600 s ×1, …)" in " ".join(last.split())
    assert "$0.42 of $5.00" in last
    assert "/s, 0:0" in last
    assert all(len(line) <= 80 for line in last.splitlines())


def test_a_slow_model_has_a_rate_that_is_not_0(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter(range(0, 6000, 50))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(seconds))
    with RunProgress(out=Console(file=io.StringIO())) as display:
        display.start("slow", 10)
        display.advance()
        assert re.match(r"[.\d]+/min, ", display.pace())
        assert not display.pace().startswith("0.0")


def test_without_a_terminal_a_line_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PLAIN_EVERY_S", -1.0)
    lines = " ".join(shown(live=False).split())
    assert "first: 1/10, " in lines
    assert "no errors, $0.42 of $5.00" in lines
    assert "4 errors (HTTP 429 ×2, no whole answer within 600 s ×1, …), $0.42 of $5.00" in lines


def test_json_lines_carry_counts_and_cost(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "PLAIN_EVERY_S", -1.0)
    monkeypatch.setattr(progress.LOG, "json", True)
    shown(live=False)
    last = json.loads(capsys.readouterr().err.splitlines()[8])
    assert (last["done"], last["total"], last["errors"], last["spent"]) == (9, 10, 4, "$0.42 of $5.00")


def test_a_kind_of_error_is_short_and_obeyed_by_no_terminal() -> None:
    assert progress.kind("HTTP 500: oh") == "HTTP 500"
    assert progress.kind("\x1b[2J" + "x" * 99) == "\\x1b[2J" + "x" * 20 + "…"


def test_the_budget_says_what_a_model_has_cost() -> None:
    def told(spec: BudgetSpec, *models: str) -> str:
        purse = Budget(spec, {"a": Price(1.0, 2.0, "2026-01-01", "a page"), **({} if spec.usd else {"b": None})})
        for model in models:
            request = Request(f"req1:{model}", model, "t", 0, 0, 0, "generate", None, "x", None, None, 0)
            purse.count(request, Reply(text="y", usage=Usage(prompt_tokens=1_000_000, completion_tokens=0)))
        return purse.told(models[0])

    assert told(BudgetSpec(), "a") == "$1.00"
    assert told(BudgetSpec(), "b") == "1,000,000 tokens"
    assert told(BudgetSpec(), "free") == ""
    assert told(BudgetSpec(usd=5.0), "a") == "budget $1.00 of $5.00"


def test_a_terminal_breaks_lines_between_words_and_no_command(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "harness: unknown model 'x'; `harness models --match x` lists them\n  /a/path/that/is/longer/than/a/line"
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((30, 24)))
    assert progress.folded(text).splitlines() == [
        "harness: unknown model 'x';",
        "`harness models --match x`",
        "lists them",
        "  /a/path/that/is/longer/than/a/line",
    ]


def test_without_a_terminal_a_line_stays_one(capsys: pytest.CaptureFixture[str]) -> None:
    progress.say("word " * 40)
    assert capsys.readouterr().err == "word " * 40 + "\n"
