"""What is exported can be read by those it is for, says what the run says, and loses nothing on the way back."""

import json
import tempfile
from pathlib import Path

import jsonschema
import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from runfolders import sample, write_run

from harness.archive import exports, imports
from harness.archive.exports import _run
from harness.core import plugins
from harness.errors import ConfigError, StorageError

SCHEMAS = Path(__file__).parents[1] / "schemas"
HOSTILE = "../../etc/evil|<b>\x1b[31m\u202e"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two models, one hostile; right, wrong, unscored, failed and repeated answers; a choice among options."""
    results = tmp_path_factory.mktemp("results")
    rows = []
    for model in ("alpha", HOSTILE):
        rows += [
            sample("eval-x1", model, "arithmetic", d, value=float(d % 2), repeat=r) for d in range(3) for r in (0, 1)
        ]
        rows += [
            sample("eval-x1", model, "arithmetic", 3, value=None, output="</script> I do not know", reasoning="hm")
        ]
        rows += [sample("eval-x1", model, "arithmetic", 4, status="failed", output=None, error="HTTP 500", scores=[])]
        rows += [sample("eval-x1", model, "provenance_open", d, output=f"text {d} of {model}") for d in range(3)]
    return write_run(results, "eval-x1", models=("alpha", HOSTILE), rows=rows, finished_at="2026-01-02T04:00:00+00:00")


@pytest.fixture(params=exports.formats())
def form(request):
    return request.param


def written(folder, form, out, **options):
    exports.export(form, [folder], out, exports.Options(**options))
    return sorted(path for path in out.rglob("*") if path.is_file())


def test_every_format_is_found_and_has_one_function(form):
    assert callable(plugins.load(exports.KIND, form).files)


def test_the_same_run_gives_the_same_bytes_and_nothing_leaves_the_folder(folder, form, tmp_path):
    options = {"hub": {"arithmetic": "owner/arithmetic:default"}, "developers": {"alpha": "Alpha Labs"}}
    first, again = written(folder, form, tmp_path / "a", **options), written(folder, form, tmp_path / "b", **options)
    assert first
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_no_file_holds_a_nan_or_an_unscored_zero(folder, form, tmp_path):
    for path in written(folder, form, tmp_path):
        if path.suffix in (".json", ".jsonl"):
            assert "NaN" not in path.read_text()
            assert "Infinity" not in path.read_text().replace('"-Infinity"', "").replace('"Infinity"', "")


def test_an_unknown_format_and_a_run_that_has_not_ended_are_told(folder, tmp_path):
    with pytest.raises(ConfigError, match="inspect"):
        exports.export("inspekt", [folder], tmp_path)
    half = write_run(tmp_path, "eval-half")
    (half / "samples.parquet").unlink()
    with pytest.raises(StorageError, match="not ended"):
        exports.export("lm_eval", [half], tmp_path)


@given(st.text())
def test_a_name_is_one_safe_part_of_a_path_and_two_names_are_never_one(name):
    safe = _run.file_name(name)
    assert safe
    assert safe not in (".", "..")
    assert not set(safe) & set('/\\:*?"<>| \0')
    assert len(safe.encode()) <= 100
    if safe != name:
        assert _run.file_name(safe) != _run.file_name(name) or safe == _run.file_name(safe)


# Incomplete runs ---------------------------------------------------------------------------------------------


def half_done(results, failed=10, unscored=0, scored=10, repeats=1, run_id="eval-h1"):
    """A run of one model: documents that failed, have no score, are right; the first repeat alone fails."""
    rows, states = [], ["failed"] * failed + ["unscored"] * unscored + ["scored"] * scored
    for d, state in enumerate(states):
        lost = {"status": "failed", "output": None, "error": "HTTP 500", "scores": []} if state == "failed" else {}
        value = 1.0 if state == "scored" else None
        rows += [sample(run_id, "alpha", "arithmetic", d, value=value, repeat=r, **lost) for r in range(repeats)]
    folder = write_run(results, run_id, models=("alpha",), rows=rows, status="incomplete", tasks=("arithmetic",))
    manifest = json.loads((folder / "run.json").read_text())
    manifest["tasks"][0] |= {"n_docs": len(states), "repeats": repeats}
    manifest["metrics"][0] |= {"n": scored, "n_unscored": (failed + unscored) * repeats}
    (folder / "run.json").write_text(json.dumps(manifest))
    return folder


def test_every_format_says_what_is_incomplete_and_says_nothing_of_a_complete_run(form, tmp_path):
    half = half_done(tmp_path / "results")
    whole = half_done(tmp_path / "results", failed=0, scored=20, run_id="eval-w1")
    said = "10 of 20 samples have no score (10 failed); accuracy is over 10 of 20 documents"
    text = [path.read_text(errors="replace") for path in written(half, form, tmp_path / "half")]
    assert any(said in " ".join(each.split()) for each in text)
    assert not any("ncomplete" in path.read_text(errors="replace") for path in written(whole, form, tmp_path / "whole"))
    (sentence,) = exports.warnings([whole, half])
    assert sentence == f"eval-h1: alpha on arithmetic is incomplete: {said}"


@given(st.integers(0, 3), st.integers(0, 3), st.integers(1, 3), st.integers(1, 3))
@settings(max_examples=15, deadline=None)
def test_what_a_score_is_over_is_counted_the_same_in_every_format(failed, unscored, scored, repeats):
    with tempfile.TemporaryDirectory() as place:
        folder, out = half_done(Path(place), failed, unscored, scored, repeats), Path(place) / "out"
        total = failed + unscored + scored
        lm_eval = json.loads(next(f for f in written(folder, "lm_eval", out / "a") if f.suffix == ".json").read_text())
        assert lm_eval["n-samples"]["arithmetic"] == {"original": total, "effective": scored}
        assert lm_eval["results"]["arithmetic"]["sample_len"] == scored
        coverage = lm_eval["harness"]["coverage"]["arithmetic"]
        assert coverage["samples"] == total * repeats
        assert coverage["samples_failed"] == failed * repeats
        assert coverage["coverage"] == pytest.approx(scored / total)
        assert bool(lm_eval["harness"]["warnings"]) == (failed + unscored > 0)
        inspect = json.loads(written(folder, "inspect", out / "b")[0].read_text())
        assert inspect["results"]["total_samples"] == total * repeats
        assert inspect["results"]["completed_samples"] == (total - failed) * repeats
        score = inspect["results"]["scores"][0]
        assert (score["scored_samples"], score["unscored_samples"]) == (scored * repeats, (failed + unscored) * repeats)
        assert inspect["results"]["metadata"] == inspect["eval"]["metadata"]
        assert ("warning" in inspect["eval"]["metadata"]) == (failed + unscored > 0)
        eee = json.loads(
            next(
                f
                for f in written(folder, "every_eval_ever", out / "c", hub={"arithmetic": "owner/sums"})
                if f.suffix == ".json"
            ).read_text()
        )
        jsonschema.Draft7Validator(json.loads((SCHEMAS / "eval.schema.json").read_text())).validate(eee)
        result = eee["evaluation_results"][0]
        assert result["source_data"]["samples_number"] == total
        assert result["score_details"]["uncertainty"]["num_samples"] == scored
        details = result["score_details"]["details"]
        assert (details["documents"], details["documents_original"]) == (str(scored), str(total))
        assert ("warning" in details) == (failed + unscored > 0)


def test_a_card_of_several_runs_names_each_that_is_incomplete_whatever_models_are_called(tmp_path):
    rows = [sample("eval-b", HOSTILE, "provenance_open", d, output="x") for d in range(3)]
    rows.append(sample("eval-b", HOSTILE, "provenance_open", 3, status="failed", output=None))
    folders = [
        half_done(tmp_path, run_id="eval-a"),
        write_run(tmp_path, "eval-b", models=(HOSTILE,), rows=rows, tasks=("provenance_open",)),
    ]
    exports.export("hf", folders, tmp_path / "set")
    card = (tmp_path / "set" / "README.md").read_text()
    assert "eval-a: alpha on arithmetic is incomplete: 10 of 20" in card.replace("\\", "")
    assert "1 of 4 samples have no answer (1 failed); what is here is over 3 of 4 documents" in card.replace("\\", "")
    assert "<b>" not in card
    assert "\x1b" not in card


# lm-eval -----------------------------------------------------------------------------------------------------


def test_lm_evals_results_hold_every_metric_under_its_filter_and_go_round(folder, tmp_path):
    files = written(folder, "lm_eval", tmp_path / "out")
    results = json.loads(next(f for f in files if f.parent.name == "alpha" and f.suffix == ".json").read_text())
    assert results["results"]["arithmetic"]["accuracy,none"] == pytest.approx(1 / 3)
    assert results["results"]["arithmetic"]["accuracy_stderr,none"] == pytest.approx(1 / 3)
    assert results["higher_is_better"]["arithmetic"] == {"accuracy": True}
    assert results["n-samples"]["arithmetic"]["effective"] == 3  # of five documents one failed and one has no score
    back = imports.convert("lm_eval", tmp_path / "out" / "alpha", tmp_path / "back", name="alpha")
    before, after = (
        pl.read_parquet(run / "samples.parquet").filter(pl.col("model") == "alpha") for run in (folder, back)
    )
    answers = before.filter(pl.col("status") != "failed").sort("task", "doc_id", "repeat")["output"].to_list()
    assert after.filter(pl.col("status") != "failed").sort("task", "doc_id", "repeat")["output"].to_list() == answers
    metric = next(m for m in json.loads((back / "run.json").read_text())["metrics"] if m["task"] == "arithmetic")
    assert (metric["metric"], metric["filter"], metric["value"]) == ("accuracy", "none", pytest.approx(1 / 3))


def test_a_choice_among_options_keeps_its_likelihoods(tmp_path):
    row = sample(
        "eval-c1", "alpha", "arithmetic", 0, value=1.0, kind="loglikelihood", output=None,
        loglikelihoods=[-1.5, -2.5], continuations=[" yes", " no"], messages=None, prompt="2+2=4?",
    )  # fmt: skip
    run = write_run(tmp_path, "eval-c1", models=("alpha",), rows=[row])
    files = written(run, "lm_eval", tmp_path / "out")
    line = json.loads(next(f for f in files if f.suffix == ".jsonl").read_text())
    assert [float(reply[0][0]) for reply in line["resps"]] == [-1.5, -2.5]
    back = imports.convert("lm_eval", tmp_path / "out" / "alpha", tmp_path / "back")
    assert pl.read_parquet(back / "samples.parquet")["loglikelihoods"].to_list() == [[-1.5, -2.5]]


# Every Eval Ever ---------------------------------------------------------------------------------------------


def test_every_eval_ever_is_valid_by_its_published_schemas_and_its_samples_join(folder, tmp_path):
    files = written(
        folder, "every_eval_ever", tmp_path, hub={"arithmetic": "owner/sums"}, developers={"alpha": "Alpha Labs"}
    )
    schemas = {
        name: jsonschema.Draft7Validator(json.loads((SCHEMAS / f"{name}.schema.json").read_text()))
        for name in ("eval", "instance_level_eval")
    }
    aggregates = {path: json.loads(path.read_text()) for path in files if path.suffix == ".json"}
    assert len(aggregates) == 2  # the task without a metric has nothing to say there
    for path, aggregate in aggregates.items():
        schemas["eval"].validate(aggregate)
        details = aggregate["detailed_evaluation_results"]
        assert tmp_path / details["file_path"] == path.with_name(f"{path.stem}_samples.jsonl")
        lines = [json.loads(line) for line in (tmp_path / details["file_path"]).read_text().splitlines()]
        assert details["total_rows"] == len(lines) == 6  # neither the unscored nor the failed answer
        results = {result["evaluation_result_id"] for result in aggregate["evaluation_results"]}
        for line in lines:
            schemas["instance_level_eval"].validate(line)
            assert line["evaluation_id"] == aggregate["evaluation_id"]
            assert line["evaluation_result_id"] in results
        assert aggregate["evaluation_results"][0]["score_details"]["details"]["n_unscored"] == "1"
    assert {a["model_info"]["developer"] for a in aggregates.values()} == {"Alpha Labs", "unknown"}


def test_every_eval_ever_goes_round_with_what_it_can_hold(folder, tmp_path):
    files = written(folder, "every_eval_ever", tmp_path / "out", developers={"alpha": "Alpha Labs"})
    lines = next(f for f in files if f.suffix == ".jsonl" and f.parent.name == "alpha")
    back = pl.read_parquet(imports.convert("every_eval_ever", lines, tmp_path / "back") / "samples.parquet")
    assert set(back["model"]) == {"Alpha Labs/alpha"}
    assert back["repeat"].to_list() == [0, 1] * 3
    scores = [scores[0] for scores in back.sort("doc_id", "repeat")["scores"].to_list()]
    assert [(s["metric"], s["filter"], s["value"], s["extracted"]) for s in scores] == [
        ("accuracy", "none", value, "4") for value in (0.0, 0.0, 1.0, 1.0, 0.0, 0.0)
    ]
    agent = tmp_path / "agent.jsonl"
    agent.write_text(json.dumps({"interaction_type": "agentic", "sample_id": "1"}))
    with pytest.raises(ConfigError, match="single_turn"):
        imports.convert("every_eval_ever", agent, tmp_path / "back")


# Model cards -------------------------------------------------------------------------------------------------


def test_a_model_card_is_read_back_by_the_hubs_own_functions(folder, tmp_path):
    from huggingface_hub import parse_eval_result_entries
    from huggingface_hub.repocard import ModelCard

    files = written(folder, "model_card", tmp_path, hub={"arithmetic": "owner/arithmetic:default"})
    card = ModelCard.load(tmp_path / "alpha" / "README.md")
    result = card.data.eval_results[0]
    assert (result.metric_type, result.metric_value) == ("accuracy", pytest.approx(1 / 3))
    assert "95 % interval" in result.metric_name
    entries = [
        parse_eval_result_entries(yaml.safe_load(f.read_text())) for f in files if f.parent.name == ".eval_results"
    ]
    assert [entry[0].dataset_id for entry in entries] == ["owner/arithmetic"] * 2
    assert entries[0][0].task_id == "default"


# Inspect -----------------------------------------------------------------------------------------------------


def test_an_inspect_log_goes_round_with_answers_reasoning_scores_and_errors(folder, tmp_path):
    files = written(folder, "inspect", tmp_path / "out")
    log = next(f for f in files if "arithmetic_alpha" in f.name)
    back = pl.read_parquet(imports.convert("inspect", log, tmp_path / "back") / "samples.parquet")
    before = pl.read_parquet(folder / "samples.parquet").filter(model="alpha", task="arithmetic")
    order = ("doc_id", "repeat")
    assert back.sort(order)["output"].to_list() == before.sort(order)["output"].to_list()
    assert back.filter(pl.col("reasoning").is_not_null())["reasoning"].to_list() == ["hm"]
    values = [[s["value"] for s in scores] for scores in back.sort(order)["scores"]]
    assert [v for v in values if v] == [[0.0], [0.0], [1.0], [1.0], [0.0], [0.0]]
    assert back.filter(status="failed")["error"].to_list() == ["HTTP 500"]


# Data sets ---------------------------------------------------------------------------------------------------


def test_load_dataset_opens_the_samples(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    import datasets

    written(folder, "hf", tmp_path / "set")
    loaded = datasets.load_dataset(str(tmp_path / "set"), split="test", cache_dir=str(tmp_path / "cache"))
    before = pl.read_parquet(folder / "samples.parquet")
    assert loaded.num_rows == before.height
    assert set(loaded["output"]) == set(before["output"])
    assert json.loads(loaded[0]["scores"]) == before["scores"][0].to_list()


# The command -------------------------------------------------------------------------------------------------


def test_the_command_writes_results_and_samples_and_says_what_is_missing(project):
    write_run(project.root / "results", docs=4)
    done = project.run("export", "--as", "lm_eval", "--samples-as", "hf", "--out", "shared")
    assert done.stdout.count("\n") == len([p for p in (project.root / "shared").rglob("*") if p.is_file()])
    assert "warning" not in done.stderr
    half_done(project.root / "results")
    said = project.run("export", "eval-h1", "--as", "model_card", "--out", "shared").stderr
    assert "warning: eval-h1: alpha on arithmetic is incomplete: 10 of 20 samples have no score" in " ".join(
        said.split()
    )
    assert "every_eval_ever" in project.run("export", code=2).stderr
    assert "lm_eval" in project.run("export", "--as", "lmeval", code=2).stderr
    assert "TASK=owner" in project.run("export", "--as", "model_card", "--hub", "gsm8k", code=2).stderr
    assert "eval-a1" in project.run("export", "nosuch", "--as", "lm_eval", code=2).stderr
