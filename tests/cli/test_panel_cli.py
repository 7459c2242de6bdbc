"""`harness panel` as one types it: made of a table or of runs, grown, completed over HTTP, checked and passed on."""

import http.server
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from conftest import ROOT, Project

from harness.cli.panel import _listed
from harness.core import panels
from harness.provenance.panels import panel

TEXTS = [f"Tell me about the {n} number." for n in range(40)]
HIDDEN = [text for i, text in enumerate(TEXTS) if i % 5 == 0]
"""Prompts whose licence does not let their text be passed on."""
SECRET = "zanzibar"
WORDS = [
    "the",
    "a",
    "of",
    "to",
    "in",
    "is",
    "it",
    "was",
    "for",
    "on",
    "as",
    "with",
    "that",
    "by",
    "at",
    "from",
    "his",
    "they",
    "we",
    "her",
    "she",
    "or",
    "an",
    "will",
    "one",
    "all",
    "would",
]
LABS = {"alpha-1": "alpha", "beta-1": "beta", "gamma-1": "gamma"}


class Shop:
    """A web server on loopback with a few files, and what it was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        shop = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                shop.asked.append(self.path)
                content = shop.files.get(self.path)
                self.send_response(404 if content is None else 200)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None: ...

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}{path}"


@pytest.fixture
def shop() -> Iterator[Shop]:
    made = Shop()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()


def said(models: list[str]) -> pl.DataFrame:
    """A small table of answers: every model has its own favourite words."""
    rows = []
    for k, model in enumerate(models):
        rng = np.random.default_rng(k)
        liking = rng.dirichlet(np.full(len(WORDS), 0.3))
        for p in range(len(TEXTS)):
            output = " ".join(WORDS[i] for i in rng.choice(len(WORDS), 14, p=liking))
            rows.append({"model": model, "prompt_id": f"q{p}", "output": f"{output}. It is {SECRET} {p}."})
    return pl.DataFrame(rows)


@pytest.fixture
def tables(project: Project, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A working folder with a table of prompts, one of answers, and what is documented of their models."""
    monkeypatch.setenv("HARNESS_CACHE", str(project.root / "cache"))
    free = [text not in HIDDEN for text in TEXTS]
    pl.DataFrame({
        "prompt_id": [f"q{i}" for i in range(len(TEXTS))], "prompt": TEXTS, "origin": "somebody",
        "licence": ["MIT (somebody/prompts)" if f else "research only" for f in free],
        "published": shop.url("/prompts.json"), "rank": range(1, len(TEXTS) + 1),
    }).write_parquet(project.root / "prompts.parquet")  # fmt: skip
    said([*LABS, *(f"m{i}" for i in range(5))]).write_csv(project.root / "answers.csv")
    facts = "".join(f"  {m}: {{lab: {lab}, released: 2024-05, source: its card}}\n" for m, lab in LABS.items())
    (project.root / "conf" / "model_registry.yaml").write_text(f"models:\n{facts}")
    return project


def build(project: Project, name: str = "ours", *more: str, code: int = 0) -> str:
    words = ("--prompts", "prompts.parquet", "--source", "us", "--licence", "CC0-1.0")
    given = more or ("--answers", "answers.csv")
    done = project.run("panel", "build", name, *words, *given, code=code)
    return done.stdout + done.stderr


def listed(project: Project) -> dict[str, dict[str, object]]:
    rows = json.loads(project.run("panel", "list", "--format", "json").stdout)
    return {row["panel"]: row for row in rows}


def files(root: Path, name: str) -> list[bytes]:
    found = [path.read_bytes() for path in sorted((root / "panels").glob(f"{name}.*"))]
    assert len(found) == 3
    return found


def test_a_table_of_answers_becomes_a_panel_that_is_listed_shown_and_in_order(tables: Project) -> None:
    assert "panels/ours.yaml, .parquet, .prompts.jsonl: 8 models, 40 prompts" in build(tables)
    row = listed(tables)["ours"]
    assert (row["models"], row["prompts"], row["texts_here"], row["shipped"]) == (8, 40, 32, False)
    assert listed(tables)["alpaca_eval"]["shipped"] is True
    assert "in order" in tables.run("panel", "check", "ours").stdout
    shown = json.loads(tables.run("panel", "show", "ours", "--format", "json").stdout)
    labs = {row["model"]: (row["lab"], row["released"]) for row in shown["models"]}
    assert labs["alpha-1"] == ("alpha", "2024-05")
    assert labs["m0"] == (None, None)
    assert [row["prompt"] for row in shown["prompts"]] == [f"q{i}" for i in range(40)]
    summary = tables.run("panel", "show", "ours").stdout
    assert "40 prompts, 40 of them ranked; the texts of 32 are here" in summary
    for content in files(tables.root, "ours"):
        assert SECRET.encode() not in content
        assert HIDDEN[1].encode() not in content


def test_what_is_wrong_with_a_panel_is_named_by_check_and_by_every_command_that_reads_it(tables: Project) -> None:
    build(tables)
    path = tables.root / "panels" / "ours.yaml"
    whole = path.read_text()
    table = path.with_suffix(".parquet")
    for change, told in (
        (("    licence: CC0-1.0\n", ""), "no licence"),
        (("  .parquet: ", "  .other: "), "ours.parquet: sha256"),
    ):
        assert change[0] in whole
        path.write_text(whole.replace(*change, 1))
        assert told in tables.run("panel", "check", "ours", code=1).stdout
        assert told in tables.run("panel", "show", "ours", code=2).stderr
        assert told in str(listed(tables)["ours"]["problem"])
        tables.model("alice")
        asked = tables.run(
            "eval", "model=alice", "task=panel", "panel.name=ours", "panel.prompts=25", "limit=2", code=None
        )
        assert told in asked.stderr + asked.stdout + tables.run("index", code=None).stderr
    path.write_text(whole.replace("format: 2", "format: 9", 1))
    assert "has format 9, this is 2" in tables.run("panel", "check", "ours", code=2).stderr
    path.write_text(whole)
    table.write_bytes(table.read_bytes()[:-1])
    assert "ours.parquet: sha256" in tables.run("panel", "check", "ours", code=1).stdout


def test_a_prompt_changed_by_one_character_is_named_and_not_asked(tables: Project) -> None:
    build(tables)
    path = tables.root / "panels" / "ours.prompts.jsonl"
    path.write_text(path.read_text().replace("the 1 number", "the 2 number", 1))
    assert "prompt q1: its text was changed" in tables.run("panel", "check", "ours", code=1).stdout
    tables.model("alice")
    asked = tables.run("eval", "model=alice", "task=panel", "panel.name=ours", "panel.prompts=30", code=2)
    assert "q1" in asked.stderr
    assert tables.runs() == []


def test_texts_are_fetched_from_where_they_are_published_and_taken_by_hash(tables: Project, shop: Shop) -> None:
    build(tables)
    assert "cannot be read" in tables.run("panel", "fetch", "ours", code=2).stderr
    shop.files["/prompts.json"] = json.dumps([{"instruction": t.replace("Tell", "tell")} for t in TEXTS]).encode()
    refused = tables.run("panel", "fetch", "ours", code=2).stderr
    assert "does not hold the texts of 8 prompts" in refused
    assert shop.url("/prompts.json") in refused
    assert listed(tables)["ours"]["texts_here"] == 32
    shop.files["/prompts.json"] = json.dumps([{"instruction": t} for t in TEXTS]).encode()
    done = tables.run("panel", "fetch", "ours")
    assert "the texts of 40 of its 40 prompts are here" in done.stdout
    assert listed(tables)["ours"]["texts_here"] == 40
    assert "the texts of 40 are here" in tables.run("panel", "show", "ours").stdout
    shop.asked.clear()
    tables.run("panel", "fetch", "ours")
    assert shop.asked == [], "what is here is not fetched again"


def test_texts_are_taken_from_a_file_or_an_address_that_is_given(tables: Project, shop: Shop) -> None:
    build(tables)
    half = HIDDEN[:4]
    (tables.root / "half.jsonl").write_text("".join(json.dumps({"q": text}) + "\n" for text in half))
    assert "texts of 4 prompts" in tables.run("panel", "fetch", "ours", "--from", "half.jsonl", code=2).stderr
    pl.DataFrame({"q": HIDDEN[4:]}).write_parquet(tables.root / "rest.parquet")
    shop.files["/rest.parquet"] = (tables.root / "rest.parquet").read_bytes()
    words = ("--from", "half.jsonl", "--from", shop.url("/rest.parquet"))
    assert "40 of its 40" in tables.run("panel", "fetch", "ours", *words).stdout


def test_a_panel_is_shared_in_one_file_and_fetched_by_its_address(
    tables: Project, shop: Shop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    build(tables)
    shared = tables.run("panel", "share", "ours", "theirs.panel.zip").stdout
    assert "Wrote theirs.panel.zip" in shared
    assert "whoever guesses words" in shared
    assert "ends in .panel.zip" in tables.run("panel", "share", "ours", "theirs.zip", code=2).stderr
    content = (tables.root / "theirs.panel.zip").read_bytes()
    shop.files["/theirs.panel.zip"] = content
    shop.files["/torn.panel.zip"] = content[:2000]
    other = Project(tmp_path_factory.mktemp("other"))
    assert "not a panel that can be read" in other.run("panel", "fetch", shop.url("/torn.panel.zip"), code=2).stderr
    assert "cannot be read" in other.run("panel", "fetch", shop.url("/none.panel.zip"), code=2).stderr
    assert not (other.root / "panels").exists(), "nothing that is refused is kept"
    shop.files["/prompts.json"] = json.dumps(TEXTS).encode()
    assert "40 of its 40" in other.run("panel", "fetch", shop.url("/theirs.panel.zip")).stdout
    row = listed(other)["theirs"]
    assert (row["models"], row["prompts"]) == (8, 40)
    assert (
        panel.load(other.root / "panels" / "theirs.panel.zip").entries
        == panel.load(tables.root / "panels" / "ours.yaml").entries
    )


def test_a_model_that_was_asked_joins_a_panel_of_ones_own_and_no_answer_does(tables: Project) -> None:
    build(tables)
    tables.model("alice")
    tables.model("bob", latency=0.001)  # two models of one configuration are one
    tables.run("eval", "model=[alice,bob]", "task=panel", "panel.name=ours", "panel.prompts=all")
    done = tables.run("panel", "add", "alice", "--panel", "ours", "--name", "mine")
    assert "panels/mine.yaml, .parquet, .prompts.jsonl: 9 models" in done.stdout
    assert "in order" in tables.run("panel", "check", "mine").stdout
    shown = json.loads(tables.run("panel", "show", "mine", "models", "--format", "json").stdout)
    (entry,) = [row for row in shown if row["model"] == "alice"]
    assert entry["licence"] == "the owner's own answers"
    assert not any(row["model"] == "bob" for row in shown)
    said = [row["output"] for row in json.loads(
        tables.run("sql", "SELECT DISTINCT output FROM samples WHERE model = 'alice'", "--format", "json").stdout
    )]  # fmt: skip
    assert said
    for content in files(tables.root, "mine"):
        assert not any(text.encode() in content for text in said if len(text) > 8)
    assert "unknown model" in tables.run("panel", "add", "carol", "--panel", "ours", code=2).stderr
    before = files(tables.root, "ours")
    tables.run("panel", "add", "bob", "--panel", "mine", "--name", "both")
    assert files(tables.root, "ours") == before
    assert listed(tables)["both"]["models"] == 10


def test_run_folders_become_a_panel_where_no_table_of_answers_is_given(tables: Project) -> None:
    said(list(LABS)).join(
        pl.read_parquet(tables.root / "prompts.parquet").select("prompt_id", "prompt"), on="prompt_id"
    ).write_parquet(tables.root / "pool.parquet")
    tables.run("import", "pool.parquet")
    assert "3 models, 40 prompts" in build(tables, "local", "--version", "3")
    assert listed(tables)["local"]["version"] == "3"
    shown = json.loads(tables.run("panel", "show", "local", "models", "--format", "json").stdout)
    assert {row["model"]: row["lab"] for row in shown} == LABS


def test_labelled_tables_say_what_the_registry_does_not(tables: Project) -> None:
    root = tables.root
    (root / "S.csv").write_text(
        "student,corpus,teachers,teacher_family,strength,base_model,student_lab,lineage_group,evidence,evidence_seen\n"
        "m0,ours,alpha-1,alpha,sft_on_teacher_outputs,,omega,group,its card,verified\n"
    )
    (root / "M.csv").write_text("corpus,model,role,lab,released\nours,m1,candidate,delta,2023-01\n")
    (root / "C.csv").write_text("model,corpus,not_trained_on,base_family,reason\nm2,ours,alpha,,its card\n")
    (root / "R.csv").write_text("rank,prompt_id\n" + "".join(f"{40 - i},q{i}\n" for i in range(40)))
    tables.run(
        "panel", "build", "ours", "--prompts", "prompts.parquet", "--answers", "answers.csv", "--source", "us",
        "--licence", "CC0-1.0", "--students", "S.csv", "--models", "M.csv", "--controls", "C.csv", "--ranked", "R.csv",
    )  # fmt: skip
    shown = json.loads(tables.run("panel", "show", "ours", "--format", "json").stdout)
    of = {row["model"]: row for row in shown["models"]}
    assert (of["m0"]["lab"], of["m0"]["teachers"]) == ("omega", "alpha-1")
    assert (of["m1"]["lab"], of["m1"]["released"], of["m1"]["candidate"]) == ("delta", "2023-01", True)
    assert [row["prompt"] for row in shown["prompts"]][:2] == ["q39", "q38"]
    missing = tables.run("panel", "build", "x", "--prompts", "no.csv", "--source", "us", "--licence", "MIT", code=2)
    assert "--prompts no.csv: not a table that can be read" in missing.stderr


SHOWN = {
    "panel": "panel", "what": "what it asks, and whom", "models": "models", "months": "months", "labs": "labs", "prompts": "prompts", "reads": "reads",
    "language": "language", "teachers_found": "teachers found", "same_model": "same model", "licence": "licence",
}  # fmt: skip
"""Columns of `harness panel list` that docs/panels.md shows."""


def test_the_page_of_panels_says_which_panel_answers_which_question() -> None:
    page = ROOT / "docs" / "panels.md"
    rows = [_listed(name, path) for name, path in panels.found().items() if path.parent == panels.SHIPPED]
    lines = [f"| {' | '.join(SHOWN.values())} |", "|---" * len(SHOWN) + "|"]
    lines += [f"| {' | '.join(str(row[column]) for column in SHOWN)} |" for row in rows]
    text = page.read_text(encoding="utf-8")
    head, _, rest = text.partition(TABLE[0])
    _, _, tail = rest.partition(TABLE[1])
    said = head + TABLE[0] + "\n" + "\n".join(lines) + "\n" + TABLE[1] + tail
    if os.environ.get("HARNESS_UPDATE_GOLDEN"):
        page.write_text(said, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == said, "HARNESS_UPDATE_GOLDEN=1 writes it"


TABLE = ("<!-- panels -->", "<!-- /panels -->")
"""Around the table in docs/panels.md."""
