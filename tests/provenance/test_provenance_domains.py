"""Prompts have a domain: what their document says, else what the rule makes of their words."""

import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.provenance.answers.domains import DOMAINS, SAID, domain


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("Write a poem about the last day of summer.", "fiction"),
        ("Tell me a story in which a dog learns to fly.", "fiction"),
        ("What is the capital of France?", "exposition"),
        ("Explain how tides work.", "exposition"),
        ("分析中国对西方社交媒体平台的审查", "exposition"),
        ("How do I bake bread?", "instruction"),
        ("Rewrite this sentence: He go home.", "instruction"),
        ("Write an email to my landlord.", "instruction"),
        ("How many tennis balls fit in a bus?", "reasoning"),
        ("Write a Python function that sorts a list.", "reasoning"),
        ("Should a town build a library or a pool?", "reasoning"),
        ("", "exposition"),
        (None, "exposition"),
    ],
)
def test_the_rule_reads_what_a_prompt_asks_for(prompt, wanted):
    assert domain(prompt) == wanted


def test_what_the_document_says_comes_first():
    assert domain("Write a poem.", "reasoning") == "reasoning"
    assert domain("Write a poem.", "advice") == "instruction"
    assert domain("Write a poem.", "cooking") == "fiction"


@given(st.text(max_size=300), st.none() | st.text(max_size=10))
def test_every_prompt_has_one_of_the_four(prompt, said):
    assert domain(prompt, said) in DOMAINS


def test_the_rule_agrees_with_the_projects_own_labels_well_above_chance():
    sys.path.insert(0, str(Path(__file__).parents[2] / "tasks" / "provenance"))
    try:
        import prompts
    finally:
        sys.path.pop(0)
    found = Counter(domain(text) == SAID.get(label, label) for label, texts in prompts.OPEN.items() for text in texts)
    assert found[True] / found.total() >= 0.75  # one in four by chance
