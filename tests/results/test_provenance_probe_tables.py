"""Probes, traces and domains, from run folders to SQL and the report."""

import json

import polars as pl
import pytest
import runfolders
from runfolders import sample, write_run

from harness.errors import ConfigError
from harness.results import derivation, store

NAMES = ("provenance_suggested", "provenance_choices", "provenance_next", "provenance_open")
PROBES = dict.fromkeys(NAMES, "provenance")


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Two models with an answer to every probe; `alpha` also shows full traces, `beta` summaries of them."""
    monkeypatch.setattr(runfolders, "KINDS", {**runfolders.KINDS, **PROBES})
    rows = []
    for model, kind in (("qwen_alpha", "full"), ("smollm_beta", "summary")):

        def add(task, d, doc, model=model, **over):
            rows.append(sample("eval-p", model, task, d, doc=json.dumps(doc), **over))

        for d in range(8):
            family = ["OpenAI", "(invented)"][d % 2]
            doc = {"prompt": f"q{d}", "family": family, "language": "en", "system": "", "wording": d // 2}
            add("provenance_suggested", d, doc, output="Yes." if family == "OpenAI" else "No.")
        for d in range(6):
            for repeat in range(4):
                add("provenance_choices", d, {"prompt": f"c{d}"}, output=["blue", "red"][repeat % 2], repeat=repeat)
        for d in range(24):
            add("provenance_next", d, {"prompt": f"n{d}"}, output=None, loglikelihoods=[-1.0, -2.0 + d % 2 * 3])
        for d in range(6):
            doc = {"prompt": ["Write a poem.", "What is iron?"][d % 2] + str(d)}
            add("provenance_open", d, doc, output="Okay. It is so.", reasoning="Wait, so it is.", reasoning_kind=kind)
    write_run(tmp_path, "eval-p", models=("qwen_alpha", "smollm_beta"), rows=rows, tasks=tuple(PROBES))
    derivation.refresh(tmp_path)
    return tmp_path


def test_every_probe_has_its_rows(results):
    found = store.query(results, "SELECT channel, value, n, p FROM agreements ORDER BY channel").rows()
    assert [row[:3] for row in found] == [("choices", 1.0, 6), ("next_words", 1.0, 24)]
    names = store.query(results, "SELECT model, family, excess, n FROM suggested_identities WHERE condition = 'all'")
    assert names.sort("model").rows() == [("qwen_alpha", "OpenAI", 1.0, 4), ("smollm_beta", "OpenAI", 1.0, 4)]


def test_traces_are_compared_with_traces_of_their_own_kind_and_probes_with_nothing(results):
    found = derivation.suspect_report(results, "qwen_alpha")
    models = {corpus["corpus"]: corpus["models"] for corpus in found["corpora"]}
    assert models == {"provenance_open": 2, "provenance_open (traces: full)": 1}
    assert "OpenAI" in found["suggested_text"]


def test_a_domain_leaves_the_other_prompts_out(results):
    found = derivation.suspect_report(results, "qwen_alpha", domain="fiction")
    assert {corpus["prompts"] for corpus in found["corpora"]} == {3}
    with pytest.raises(ConfigError, match="fiction"):
        derivation.suspect_report(results, "qwen_alpha", domain="fictional")
    with pytest.raises(ConfigError, match="panel"):
        derivation.suspect_report(results, "qwen_alpha", domain="fiction", panel="alpaca_eval")


def test_the_default_pool_is_of_answers_even_where_as_many_show_traces(results):
    pool, answers = derivation.pool_of(results)
    assert pool.corpus == "provenance_open"
    assert isinstance(answers, pl.DataFrame)
