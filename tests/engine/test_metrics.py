"""What a run's metrics promise: sources clustered, parts and repeats reported, drops paired, nothing unscored averaged."""

from types import SimpleNamespace

import pytest

from harness import stats
from harness.engine import metrics
from harness.engine.lmeval import LoadedTask
from harness.engine.requests import Sample
from harness.records import Score

KEY = ("accuracy", "none", "math")


def loaded(**over):
    fields = dict.fromkeys(LoadedTask.__dataclass_fields__) | {
        "name": "sums",
        "task": SimpleNamespace(aggregation=dict),
        "headline": "accuracy",
        "breakdown": (),
    }
    return LoadedTask(**(fields | over))


def rows_of(task, answers):
    """`answers`: one (doc, repeat, document, value) each; a value of None was not answered."""
    tally = metrics.Tally("m", task)
    for doc, repeat, fields, value in sorted(answers, key=lambda answer: answer[:2]):
        sample = Sample("sums", doc, repeat, fields, "1", (), ())
        tally.add(sample, "failed" if value is None else "answered", {KEY: Score(value, "x")})
    return {row.metric: row for row in tally.rows()}


def test_documents_of_one_source_are_no_more_evidence_than_their_source():
    answers = [(i, 0, {"story": i // 10}, float(i // 10 % 2)) for i in range(80)]
    alone = rows_of(loaded(), answers)["accuracy"]
    shared = rows_of(loaded(cluster="story"), answers)["accuracy"]
    assert (alone.ci_method, shared.ci_method) == ("wilson", "wilson_clustered")
    assert (alone.n, shared.n, shared.value) == (80, 80, 0.5)
    assert shared.ci_high - shared.ci_low > 2 * (alone.ci_high - alone.ci_low)


def test_a_document_without_a_source_is_its_own():
    answers = [(i, 0, {"story": None}, float(i % 2)) for i in range(20)]
    assert rows_of(loaded(cluster="story"), answers)["accuracy"].ci_method == "wilson"


def test_coverage_is_the_share_of_samples_scored_and_the_rest_is_counted_not_averaged():
    row = rows_of(loaded(), [(0, 0, {}, 1.0), (1, 0, {}, None), (2, 0, {}, 1.0), (3, 0, {}, None)])["accuracy"]
    assert (row.coverage, row.n, row.n_unscored, row.n_failed, row.value) == (0.5, 2, 2, 2, 1.0)
    nothing = rows_of(loaded(), [(0, 0, {}, None)])["accuracy"]
    assert (nothing.coverage, nothing.value, nothing.ci_low, nothing.n) == (0.0, None, None, 0)


def test_the_headline_is_broken_down_with_counts_and_intervals_of_the_parts():
    answers = [(i, 0, {"level": i % 2 + 1}, None if i == 1 else 1.0) for i in range(10)]
    rows = rows_of(loaded(breakdown=("level",)), answers)
    one, two = rows["accuracy[level=1]"], rows["accuracy[level=2]"]
    assert (one.n, one.n_failed, two.n, two.n_failed, two.coverage) == (5, 0, 4, 1, 0.8)
    assert (one.ci_low, one.ci_high) == stats.wilson(1.0, 5)
    assert not one.is_headline
    assert rows["accuracy"].is_headline


def test_repeats_give_pass_at_k_and_pass_hat_k_with_intervals_and_single_answers_do_not():
    answers = [(doc, repeat, {}, float(repeat < doc % 5)) for doc in range(20) for repeat in range(5)]
    rows = rows_of(loaded(), answers)
    assert sorted(rows) == ["accuracy", "pass@2", "pass@4", "pass@5", "pass^2", "pass^4", "pass^5"]
    assert rows["pass@5"].value == pytest.approx(0.8)
    assert rows["pass^5"].value == 0.0
    assert rows["pass^2"].value < rows["accuracy"].value < rows["pass@2"].value
    assert all(0 <= row.ci_low <= row.value <= row.ci_high <= 1 and row.n == 20 for row in rows.values())
    assert list(rows_of(loaded(), [(0, 0, {}, 1.0), (1, 0, {}, 0.0)])) == ["accuracy"]


def test_the_drop_is_paired_by_template():
    task = loaded(cluster="template", contrast={"field": "kind", "from": "original", "to": "perturbed"})
    answers, doc = [], 0
    for template in range(30):
        for variant in range(5):
            kind = "perturbed" if variant else "original"
            # Half of the templates are hopeless; of the others every original and half of the variants are right.
            right = float(template % 2 and (variant % 2 == 0))
            answers.append((doc, 0, {"template": template, "kind": kind}, right))
            doc += 1
    row = rows_of(task, answers)["drop"]
    assert row.value == pytest.approx(0.25)
    assert row.n == 30
    assert 0.1 < row.ci_low < 0.25 < row.ci_high < 0.4
    assert row.ci_method == "student_t"
    none = rows_of(task, [answer for answer in answers if answer[2]["kind"] == "original"])["drop"]
    assert (none.value, none.n) == (None, 0)


def test_a_corpus_metric_of_labels_has_the_interval_that_it_has_without_remembering(monkeypatch: pytest.MonkeyPatch):
    def macro(parts):
        wrong = [gold for gold, said in parts if gold != said]
        return len(wrong) / (1 + len({gold for gold, _ in parts}))

    held = [
        (SimpleNamespace(source=i, doc_id=i), SimpleNamespace(unaggregated=True, value=None, part=[i % 3, i * i % 2]))
        for i in range(20)
    ]
    asked = []
    remembered = metrics._corpus(held, lambda parts: (asked.append(1), macro(parts))[1])
    monkeypatch.setattr(metrics, "_labels", lambda part: False)
    assert metrics._corpus(held, macro) == remembered
    assert len(asked) < 1000, "of 2,000 draws most have been seen before"
