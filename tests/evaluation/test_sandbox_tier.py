"""`sandbox.tier` names the tier that code is run in, and where it is not named everything is as it was."""

import json

import polars as pl
import pytest
from conftest import Project
from walls import BOTH, need

from harness.errors import ConfigError, SandboxError
from harness.evaluation import planning
from harness.sandbox import tiers
from harness.specs import SandboxSpec

WORDS = ("eval", "model=alice", "task=functions", "limit=2")


@BOTH
def test_a_tier_that_is_named_is_the_one_of_every_verdict(project: Project, tier: str) -> None:
    need(tier)
    project.model("alice", "echo")
    project.run(*WORDS)
    project.run(*WORDS, f"sandbox.tier={tier}")
    assert len(project.runs()) == 2
    (named,) = [
        run for run in project.runs() if json.loads((run / "run.json").read_text())["spec"]["sandbox"].get("tier")
    ]
    details = pl.read_parquet(named / "samples.parquet")["scores"].explode().struct.field("detail").drop_nulls()
    assert {json.loads(detail)["tier"] for detail in details} == {tier}
    metrics = json.loads((named / "run.json").read_text())["metrics"]
    assert {metric["sandbox"] for metric in metrics if metric["is_headline"]} == {tier}
    project.run("verify", named.name, "--accept", "signature")


def test_a_tier_that_does_not_work_is_refused_before_anything_is_asked(project: Project) -> None:
    project.model("alice")
    if tiers._why_not("C"):
        assert (
            "the sandbox tier C does not work here"
            in project.run(*WORDS, "sandbox.tier=C", code=SandboxError.exit_code).stderr
        )
    assert "sandbox.allow_unsafe=true" in project.run(*WORDS, "sandbox.tier=unsafe", code=SandboxError.exit_code).stderr
    assert "tier" in project.run(*WORDS, "sandbox.tier=D", code=ConfigError.exit_code).stderr
    assert not project.runs()


def test_without_a_tier_nothing_of_a_runs_identity_says_so() -> None:
    assert "tier" not in planning.judging(SandboxSpec())
    assert planning.judging(SandboxSpec(tier="B"))["tier"] == "B"


@pytest.mark.parametrize("tier", ["A", "B", "C"])
def test_the_named_tier_is_chosen_or_none(tier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiers, "_why_not", lambda name: None if name == tier else "not here")
    assert tiers.choose(SandboxSpec(tier=tier)) == tier  # type: ignore[arg-type]
    monkeypatch.setattr(tiers, "_why_not", lambda name: "not here" if name == tier else None)
    with pytest.raises(SandboxError, match=f"tier {tier} does not work here: not here"):
        tiers.choose(SandboxSpec(tier=tier, allow_unsafe=True))  # type: ignore[arg-type]
