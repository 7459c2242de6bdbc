"""What the report promises: it runs nothing but itself, shows every text as text, and works where people open it."""

import base64
import contextlib
import copy
import gzip
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import types
from pathlib import Path
from urllib.parse import urlencode

import polars as pl
import pytest
from conftest import ROOT, Project
from hypothesis import given
from hypothesis import strategies as st
from runfolders import OPEN, sample, write_run

from harness.cli import report
from harness.core import tables
from harness.errors import ConfigError
from harness.provenance.comparison.tree import TreeNode
from harness.provenance.verdicts import explain, wording
from harness.results import derivation, schema
from harness.results.report import against, draw, figures, gather, likeness, names, page, samples, serve

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = os.environ.get("HARNESS_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)

EVIL = "evil</script><script>window.pwned=1</script><img src=x onerror=window.pwned=2>\x1b[31m\u202ereversed\u200b"
SHOWN = "evil</script><script>window.pwned=1</script><img src=x onerror=window.pwned=2>\\x1b[31m\\u202ereversed\\u200b"
CODE = f"""
```python
def answer(n):  # {EVIL}
    return "{EVIL}" + str(40 + 2)
```
"""
MODELS = ("alpha", "beta", "warm")


def hostile_results(folder: Path) -> Path:
    """Three plain models, and one whose name, prompts and answers attack the page."""
    write_run(folder, "eval-a1", models=MODELS, controls={"warm": "alpha"}, values={"alpha": 1.0, "warm": 0.0}, docs=30)
    rows = [
        sample(
            "eval-b2", EVIL, "arithmetic", d, value=float(d % 2), output=f"{EVIL} <b>{d}</b>{CODE}", reasoning=f"{EVIL} {{{{data}}}}",
            messages=json.dumps([{"role": EVIL, "content": f"{EVIL}\nline two {{{{scripts}}}}"}]), target=EVIL,
            attempts=[{"at": "2026-01-02T03:04:05+00:00", "error": EVIL, "status": 500}],
        )
        for d in range(30)
    ]  # fmt: skip
    rows += [sample("eval-b2", EVIL, "provenance_open", d, output=f"{OPEN[d % 4]} {EVIL}") for d in range(30)]
    rows += [sample("eval-b2", EVIL, "provenance_identity", d, output=f"I am ChatGPT {EVIL}") for d in range(30)]
    write_run(folder, "eval-b2", models=(EVIL,), rows=rows)
    derivation.refresh(folder)
    return folder


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return hostile_results(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def contents(results):
    return page.contents(results)


@pytest.fixture(scope="module")
def embedded(results, tmp_path_factory):
    out = tmp_path_factory.mktemp("page") / "report.html"
    assert page.write(results, out, EVIL) == [out]
    return out


@pytest.fixture(scope="module")
def beside(results, tmp_path_factory):
    out = tmp_path_factory.mktemp("beside") / "my report.html"
    written = page.write(results, out, "Results", limit=-1)
    assert [path.name for path in written] == ["my report.html", "my report.samples.parquet"]
    return out


@pytest.fixture(scope="module")
def chromium():
    if BROWSER is None:
        pytest.skip("no Chromium on this machine; HARNESS_CHROMIUM names one")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER)
        yield browser
        browser.close()


class Tab:
    """A page, with everything it asked for and complained of."""

    def __init__(self, browser, url, **options):
        self.context = browser.new_context(**options)
        self.tab = self.context.new_page()
        self.requests, self.complaints = [], []
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.on("console", lambda m: self.complaints.append(m.text) if m.type in {"error", "warning"} else None)
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.on("dialog", lambda dialog: (self.complaints.append("dialog"), dialog.dismiss()))
        self.tab.goto(url)
        self.tab.wait_for_selector("html[data-ready]", state="attached")

    def see_everything(self):
        """Scroll through, so that every figure is drawn."""
        for section in ("likeness", "tasks"):  # filled when somebody comes near
            self.tab.locator(f"section#{section}").scroll_into_view_if_needed()
            self.tab.locator(f"section#{section} table").first.wait_for()
        for name in ("scores", "performance", "matrix", "tree", "detection", "difficulty"):
            self.tab.locator(f"#fig-{name}").scroll_into_view_if_needed()
            self.tab.locator(f"#fig-{name} :is(svg, canvas, p)").first.wait_for()
        return self

    def rows(self, name):
        return self.tab.locator(f"section#{name} table").first.locator("tbody tr")


@pytest.fixture
def opened(chromium):
    tabs = []

    def open_(url, **options):
        tabs.append(Tab(chromium, url, **options))
        return tabs[-1]

    yield open_
    for tab in tabs:
        tab.context.close()


CASES = ROOT / "tests" / "cases" / "visible.json"
VISIBLE_JS = (page.ASSETS / "visible.js").read_text(encoding="utf-8")
SHOW = "JSON.stringify(JSON.parse(text).map((each) => visible(each.input)))"
"""As JSON both ways: half a surrogate pair has no UTF-8."""


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on this machine")
def test_node_shows_texts_as_the_cases_say():
    program = f"{VISIBLE_JS}const text = require('fs').readFileSync(0, 'utf8'); console.log({SHOW});"
    said = subprocess.run(
        ["node", "-e", program], input=CASES.read_bytes(), capture_output=True, check=True, timeout=60
    )
    assert json.loads(said.stdout) == [case["shown"] for case in json.loads(CASES.read_text())]


def test_the_browser_shows_texts_as_the_cases_say(chromium):
    with contextlib.closing(chromium.new_page()) as tab:
        said = tab.evaluate(f"(text) => {{ {VISIBLE_JS} return {SHOW}; }}", CASES.read_text())
    assert json.loads(said) == [case["shown"] for case in json.loads(CASES.read_text())]


@pytest.mark.slow
def test_the_page_draws_everything_without_a_complaint_and_nothing_is_requested(opened, embedded):
    seen = opened(embedded.as_uri()).see_everything()
    assert seen.requests == [embedded.as_uri()]
    assert seen.complaints == []
    assert seen.tab.locator("figure svg, figure canvas").count() >= 6


def test_hostile_names_prompts_and_answers_stay_text_wherever_they_stand(opened, embedded):
    seen = opened(embedded.as_uri()).see_everything()
    tab = seen.tab
    tab.get_by_label("Model", exact=True).last.select_option(label=SHOWN)
    tab.get_by_role("button", name=re.compile("^open sample ")).first.click()
    tab.wait_for_selector("#detail pre")
    tab.evaluate("document.querySelectorAll('#detail details').forEach((e) => { e.open = true; })")
    detail = tab.locator("#detail").inner_text()
    assert f"{SHOWN}\nline two {{{{scripts}}}}" in detail
    assert f"{SHOWN} {{{{data}}}}" in detail
    assert detail.count(SHOWN) >= 6  # title, role, prompt, answer, trace, target
    assert tab.locator("h1").inner_text() == SHOWN
    assert tab.evaluate("window.pwned") is None
    assert tab.locator("body img, body iframe, body object, body link").count() == 0
    assert seen.complaints == []
    text = tab.locator("body").inner_text()
    assert not any(c in text for c in "\x1b\u202e\u200b")


def test_the_policy_stops_what_the_page_does_not_need(opened, embedded):
    seen = opened(embedded.as_uri())
    assert seen.tab.evaluate("""() => {
        const script = document.createElement("script"); script.textContent = "window.pwned = 3"; document.body.append(script);
        return window.pwned === undefined; }""")
    assert seen.tab.evaluate("fetch('http://127.0.0.1:9/').then(() => false, () => true)")
    seen.tab.evaluate("setTimeout('window.pwned = 4', 0)")
    seen.tab.wait_for_timeout(50)
    assert seen.tab.evaluate("window.pwned") is None


def test_the_leaderboard_sorts_filters_and_marks_ties_by_keyboard(opened, embedded):
    tab = opened(embedded.as_uri()).tab
    head = tab.locator("#board th[aria-sort]", has_text="arithmetic")
    head.get_by_role("button").focus()
    tab.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert tab.locator("#board tbody th").first.inner_text().startswith("alpha")
    tab.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert tab.locator("#board tbody th").all_inner_texts()[0] == "warm (control of alpha)"
    assert tab.locator("#board tbody th").all_inner_texts()[-1] == "alpha"
    tab.get_by_role("button", name=re.compile("mark who cannot be told apart from beta")).click()
    assert sorted(tab.locator("#board tr.tied th").all_inner_texts()) == ["beta", SHOWN]
    tab.get_by_label("Filter models").fill("ALPH")
    assert tab.locator("#board tbody th").all_inner_texts() == ["alpha"]


def test_samples_are_filtered_searched_and_opened(opened, embedded, results):
    tab = opened(embedded.as_uri()).tab
    rows = tab.locator("#browser tbody tr")
    tab.locator("#browser").get_by_label("Model", exact=True).select_option(label="beta")
    tab.locator("#browser").get_by_label("Verdict").select_option(label="correct")
    assert tab.locator("#browser .pager").inner_text().startswith("15 of 360")
    tab.locator("#browser").get_by_role("button", name="Clear all").click()
    tab.locator("#browser").get_by_label("Text").fill("LIGHTHOUSE keeper")
    tab.keyboard.press("Enter")
    tab.locator("#browser [role=status]", has_text="hold the text").wait_for()
    found = int(tab.locator("#browser [role=status]").inner_text().split()[0])
    there = pl.concat([pl.read_parquet(path, columns=["output"]) for path in
                       sorted(results.glob("runs/*/samples.parquet"))])  # fmt: skip
    assert found == there["output"].str.contains("(?i)lighthouse keeper").sum() > 0
    rows.first.get_by_role("button").click()
    assert "lighthouse keeper" in tab.locator("#detail").inner_text()
    assert tab.evaluate("document.activeElement.tagName") == "H3"
    first = tab.locator("#detail h3").inner_text()
    tab.locator("#detail").get_by_role("button", name="Next").click()
    assert tab.locator("#detail h3").inner_text() != first


def test_shared_words_are_marked_where_they_stand(opened, embedded):
    tab = opened(f"{embedded.as_uri()}#likeness?set=provenance_open&a=beta&b=warm").tab
    tab.locator("#pair").get_by_label("Candidate", exact=True).select_option(label="alpha")
    assert tab.url.endswith("#likeness?set=provenance_open&a=beta&b=alpha")
    row = tab.locator("#pair tbody tr", has=tab.locator("mark")).first
    shared = row.locator("q").inner_text().replace(" ", "")
    assert len(shared) > 3
    assert [text.lower().replace(" ", "") for text in row.locator("mark").all_inner_texts()] == [shared] * 2


def test_flips_lead_to_the_samples_of_their_item(opened, embedded):
    tab = opened(f"{embedded.as_uri()}#tasks?task=arithmetic&a=warm&b=beta").tab
    tab.get_by_label("First model").select_option(label="alpha")
    assert tab.url.endswith("#tasks?task=arithmetic&a=alpha&b=beta")
    assert "15 items flip: 15 to the first, 0 to the second" in tab.locator("#task").inner_text()
    tab.locator("#task table").last.get_by_role("button", name=re.compile("^samples of item")).first.click()
    assert tab.locator("#browser .pager").inner_text().startswith("4 of 360")


def judged(contents):
    """The same page with a verdict: alpha like beta, in a null of a hundred pairs; evil code and names as they are."""
    data = copy.deepcopy(contents)
    pool = data["pools"][0] | {"null": [i / 20 - 3 for i in range(100)]}
    # Four models that write much alike: nothing would be left to quote.
    pool["words"] = {pair: [[*row[:7], 0] for row in rows] for pair, rows in pool["words"].items()}
    alpha = data["models"].index("alpha")
    told = {
        "set": pool["task"], "verdict": "resembles", "strength": "strong", "said": f"like L (beta): strong {SHOWN}", "power": "",
        "same": None, "near": "beta", "numbers": {"v": 3.2, "lo": 2.0, "hi": 4.4, "q": 0.004}, "n": 30, "prompts": 30, "pairs": 100,
        "because": ["It resembles beta."], "rivals": ["both resemble gamma."], "not": ["not proof of copying"], "notes": [SHOWN],
    }  # fmt: skip
    data["cards"][alpha] |= {
        "sets": [told],
        "statement": "Its makers say of alpha: Books alone.",
        "released": "2024-05",
    }
    return {**data, "pools": [pool]}


@pytest.fixture(scope="module")
def tab(chromium, results, contents, tmp_path_factory):
    """One page for every test that only looks and follows links."""
    out = tmp_path_factory.mktemp("judged") / "r.html"
    packed = samples.pack(results, {name: i for i, name in enumerate(contents["names"])}, "r")
    out.write_bytes(page.html(judged(contents), packed, "Results", draw.javascript()).encode())
    opened = Tab(chromium, out.as_uri(), accept_downloads=True)
    yield opened
    opened.context.close()


def follow(tab, link):
    tab.tab.evaluate("(link) => { location.hash = ''; location.hash = link; }", link)
    return tab.tab


def test_a_card_says_whom_a_model_answers_like_why_in_quotes_in_the_null_and_what_that_does_not_show(tab):
    follow(tab, "#model?name=alpha").locator("#card .quotes mark").first.wait_for()
    card = tab.tab.locator("#card")
    text = card.inner_text()
    for words in ("Answers like L (beta): strong", "3.20 [2.00, 4.40] n=30", "It resembles beta.", "both resemble gamma.",
                  "not proof of copying", "Its makers say of alpha: Books alone.", "Of 100 pairs that cannot be related, 0"):  # fmt: skip
        assert words in text, words
    assert 1 <= card.locator(".quotes .pair").count() <= 3
    assert [
        quote.count("in") > 0 for quote in card.locator(".quotes .pair").first.locator("footer").all_inner_texts()
    ] == [True] * 2
    assert card.locator("svg .mine").count() == 1
    assert tab.tab.evaluate("document.activeElement.textContent") == "alpha"
    follow(tab, "#model?name=nobody").locator(
        "#card .warn", has_text="No model of this page is called nobody"
    ).wait_for()
    tab.tab.get_by_label("Find a model").fill("evil")
    assert tab.tab.locator(".deck .tile h4").all_inner_texts() == [SHOWN]
    assert tab.complaints == []


def test_a_card_does_not_quote_what_is_only_the_form_of_answers(results, contents, opened, tmp_path):
    data = judged(contents)
    pool = data["pools"][0]
    assert {row[7] for rows in pool["words"].values() for row in rows} <= {0, 1}
    common = {pair: [[*row[:7], 1] for row in rows] for pair, rows in pool["words"].items()}
    assert any(common.values())
    packed = samples.pack(results, {name: i for i, name in enumerate(contents["names"])}, "r")
    out = tmp_path / "r.html"
    shown = {**data, "pools": [pool | {"words": common}]}
    out.write_bytes(page.html(shown, packed, "Results", draw.javascript()).encode())
    card = opened(f"{out.as_uri()}#model?name=alpha").tab.locator("#card")
    card.get_by_text("mostly the form of an answer").wait_for()
    assert card.locator(".quotes").count() == 0


def test_without_scores_or_without_similarities_the_page_opens_with_a_line_per_model(contents):
    data = copy.deepcopy(contents)
    told = {"verdict": "resembles", "name": "of-the-panel", "nearest": None, "ci_low": 0.5, "ci_high": 9.5, "n": 60}
    for i, row in enumerate(data["board"]["rows"]):
        strength = ("strong", "moderate", "weak", "weak")[i % 4]
        row |= {"mean": None, "cells": [None], "evidence": [told | {"score": 1.0 + i, "strength": strength}]}
    spec = figures.performance(data)
    shown = spec["layer"][-1]["data"]["values"]
    assert [row["x"] for row in shown] == sorted((row["x"] for row in shown), reverse=True)
    assert "No model has a score" in spec["description"]
    alone = copy.deepcopy(contents)
    for row in alone["board"]["rows"]:
        row |= {"near": [], "evidence": []}
    spec_of_scores = figures.performance(alone)
    assert "performance alone" in spec_of_scores["description"]
    scores = [row["y"] for row in spec_of_scores["layer"][-1]["data"]["values"]]
    assert scores == sorted(scores, reverse=True)
    assert len({row["y"] for row in shown}) == 1, "or all would be on one line"
    scale = spec["layer"][-1]["encoding"]["color"]["scale"]
    assert scale["domain"] == ["resembles, strong", "resembles, moderate", "resembles, weak"]
    assert len(set(scale["range"])) == 3, "weak and strong have no colour in common"
    assert b"<svg" in draw.svg(spec)


def test_a_link_restores_order_filter_sample_and_the_one_beside_it(tab, opened):
    page_ = tab.tab
    page_.locator("#board").get_by_label("Filter models").fill("a")
    page_.locator("#board th", has_text="arithmetic").get_by_role("button").click()
    shown = page_.locator("#board tbody th").all_inner_texts()
    assert "#leaderboard?filter=a&sort=arithmetic" in page_.url
    address = page_.url
    page_.locator("#browser").get_by_label("Model", exact=True).select_option(label="beta")
    page_.get_by_role("button", name=re.compile("^open sample ")).first.click()
    page_.locator("#detail pre").first.wait_for()
    page_.locator("#detail").get_by_label("Side by side").select_option(label="alpha")
    page_.locator("#detail .pair").wait_for()
    marks = [page_.locator("#detail .pair > div").nth(i).locator("mark").all_inner_texts() for i in (0, 1)]
    detail, link = page_.locator("#detail").inner_text(), page_.url
    assert marks[0] == marks[1]
    assert "#samples?model=beta&open=" in link
    again = opened(link).tab
    again.locator("#detail .pair").wait_for()
    assert again.locator("#detail").inner_text() == detail
    again.evaluate("(link) => { location.hash = link; }", address.partition("#")[2])
    again.wait_for_function("() => document.querySelector('#board th[aria-sort=descending]')")
    assert again.locator("#board tbody th").all_inner_texts() == shown
    follow(tab, "#samples?open=nothing/0/arithmetic/alpha")
    page_.locator("#browser [role=status]", has_text="not in this page").wait_for()
    for link, place in (("#model?name=nobody", "#card"), ("#likeness?a=nobody&b=alpha", "#pool")):
        follow(tab, link)
        page_.locator(f"{place} .warn", has_text="No model of this page is called nobody.").wait_for()


def test_code_is_coloured_as_it_was_written_and_runs_nothing(tab):
    page_ = tab.tab
    follow(tab, f"#samples?{urlencode({'model': SHOWN, 'task': 'arithmetic'})}")
    page_.locator("#browser .pager", has_text="30 of 360").wait_for()
    page_.get_by_role("button", name=re.compile("^open sample ")).first.click()
    answer = page_.get_by_role("region", name="Answer", exact=True)
    answer.wait_for()
    assert answer.text_content() == f"{SHOWN} <b>0</b>{CODE.replace(EVIL, SHOWN)}"
    assert {"def", "return"} <= set(answer.locator(".keyword").all_inner_texts())
    assert answer.locator(".string").all_inner_texts() == [f'"{SHOWN}"']
    assert page_.get_by_role("region", name="Expected").text_content() == SHOWN
    assert page_.evaluate("window.pwned") is None


def test_a_figure_is_saved_as_png_and_a_point_leads_to_its_card(tab):
    page_ = tab.tab
    page_.locator("#fig-performance").scroll_into_view_if_needed()
    page_.locator("#fig-performance svg").wait_for()
    with page_.expect_download() as saved:
        page_.locator("#fig-performance").get_by_role("button", name="Save as PNG").click()
    assert saved.value.suggested_filename == "performance.png"
    assert Path(saved.value.path()).read_bytes().startswith(b"\x89PNG")
    named = " ".join(page_.locator("#fig-performance svg text").all_text_contents())
    assert all(name in named for name in MODELS)
    page_.locator("#fig-performance svg .mark-symbol path").first.click()
    page_.wait_for_function("() => location.hash.startsWith('#model?name=')")


def test_on_a_telephone_no_name_or_verdict_of_the_first_picture_is_cut_off_and_no_file_is_asked_for_in_vain(
    results, contents, opened, tmp_path
):
    data = judged(contents)
    told = {"verdict": "resembles", "name": "x" * 60, "nearest": None, "ci_low": 0.5, "ci_high": 9.5, "n": 60,
            "set": "s", "said": "like x", "same": None, "sentence": "", "tested": 1, "p": 0.1, "q": 0.1, "dated": False}  # fmt: skip
    for i, row in enumerate(data["board"]["rows"]):
        strength = ("strong", "moderate", "weak")[i % 3]
        row |= {"mean": None, "cells": [None], "evidence": [told | {"score": 1.0 + i, "strength": strength}]}
    data["imported"] = [row["model"] for row in data["board"]["rows"]][1:]
    packed = samples.pack(results, {name: i for i, name in enumerate(contents["names"])}, "r")
    out = tmp_path / "r.html"
    out.write_bytes(page.html(data, packed, "Results", draw.javascript()).encode())
    seen = opened(out.as_uri(), viewport={"width": 390, "height": 800})
    seen.tab.locator("#fig-performance svg").wait_for()
    legend = seen.tab.locator("#fig-performance svg .role-legend-label text")
    assert legend.all_text_contents() == ["resembles, strong", "resembles, moderate", "resembles, weak"]
    ends = "(all) => all.map((one) => one.getBoundingClientRect().right)"
    assert max(legend.evaluate_all(ends)) <= 390
    for part in (".mark-symbol path", ".role-axis-title text"):
        assert max(seen.tab.locator(f"#fig-performance svg {part}").evaluate_all(ends)) <= 390
    assert seen.tab.locator("#h-against").inner_text() == "The models that are nearest to another"
    assert seen.tab.get_by_text("to its model file").count() == 1, "an imported model has no file"
    assert seen.complaints == []


@pytest.mark.slow
def test_on_a_telephone_rows_are_cards_with_their_headings_in_light_and_dark(chromium, tab):
    for scheme in ("light", "dark"):
        narrow = Tab(
            chromium, tab.tab.url.partition("#")[0], viewport={"width": 390, "height": 800}, color_scheme=scheme
        )
        assert narrow.tab.evaluate("document.documentElement.scrollWidth") <= 390
        cell = narrow.tab.locator("#board tbody td").first
        assert narrow.tab.evaluate("(e) => getComputedStyle(e.closest('tr')).display", cell.element_handle()) == "block"
        before = "(e) => getComputedStyle(e, '::before').content"
        assert "arithmetic (accuracy)" in narrow.tab.evaluate(before, cell.element_handle())
        narrow.context.close()


def test_on_a_telephone_cards_are_sorted_by_a_choice_above_them_that_the_link_restores(opened, tab):
    url = tab.tab.url.partition("#")[0]
    narrow = opened(url, viewport={"width": 390, "height": 800}).tab
    sorter, names = narrow.locator("#board .sorter"), narrow.locator("#board tbody th")
    assert sorter.is_visible()
    assert not tab.tab.locator("#board .sorter").is_visible(), "a wide page has headings to sort by"
    assert sorter.get_by_role("button").is_disabled(), "the page's own order cannot be turned"
    given = names.all_inner_texts()
    sorter.get_by_label("Sort by").select_option(label="arithmetic (accuracy)")
    assert names.first.inner_text().startswith("alpha")
    sorter.get_by_role("button", name="highest first").click()
    assert names.all_inner_texts()[0] == "warm (control of alpha)"
    assert sorter.get_by_role("button").inner_text().startswith("lowest first")
    again = opened(narrow.url, viewport={"width": 390, "height": 800}).tab
    assert again.locator("#board tbody th").all_inner_texts() == names.all_inner_texts()
    sorter.get_by_label("Sort by").select_option(label="order of the page")
    assert names.all_inner_texts() == given
    assert "sort=" not in narrow.url


def test_a_preview_shows_title_and_the_sentences(tab):
    described = tab.tab.locator("meta[property='og:description']").get_attribute("content")
    assert described.startswith("alpha leads in arithmetic with 1.000 [0.89, 1.00] n=30")
    assert described.endswith("4 models, 360 answers; 4 scored on 1 task.")
    assert tab.tab.locator("meta[property='og:title']").get_attribute("content") == "Results"
    assert "alpha leads" in tab.tab.locator("#sentences").inner_text()


@pytest.mark.slow
def test_a_served_report_reads_texts_from_the_file_beside_it_in_ranges(opened, beside):
    files = [beside, beside.with_name("my report.samples.parquet")]
    with serve.server(files) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        origin = f"http://127.0.0.1:{running.server_address[1]}/"
        seen = opened(origin + "my%20report.html")
        seen.tab.locator("#browser").get_by_label("Model", exact=True).select_option(label=SHOWN)
        seen.tab.get_by_role("button", name=re.compile("^open sample ")).first.click()
        seen.tab.wait_for_selector("#detail pre")
        assert SHOWN in seen.tab.locator("#detail").inner_text()
        seen.tab.locator("#browser").get_by_label("Text").fill("lighthouse")
        seen.tab.locator("#browser").get_by_role("button", name="Search").click()
        seen.tab.locator("#browser [role=status]", has_text="hold the text").wait_for()
        running.shutdown()
    assert all(url.startswith(origin) for url in seen.requests)
    assert any(url.endswith(".parquet") for url in seen.requests)
    assert seen.complaints == []


def test_from_disk_the_page_lists_everything_and_asks_for_the_file_by_name(opened, beside, tmp_path):
    seen = opened(beside.as_uri())
    tab = seen.tab
    assert "360 of 360" in tab.locator("#browser").inner_text()
    tab.get_by_role("button", name=re.compile("^open sample ")).first.click()
    tab.wait_for_selector("#detail .warn")
    assert "Choose my report.samples.parquet" in tab.locator("#detail").inner_text()
    other = tmp_path / "other.parquet"
    pl.DataFrame({"output": ["x"]}).write_parquet(other)
    picker = tab.locator("#browser input[type=file]").first
    picker.set_input_files(other)
    tab.locator("#browser [role=status]", has_text="another report").wait_for()
    picker.set_input_files(beside.with_name("my report.samples.parquet"))
    tab.locator("#browser [role=status]", has_text="is open").wait_for()
    tab.get_by_role("button", name=re.compile("^open sample ")).first.click()
    tab.wait_for_selector("#detail pre")
    assert seen.complaints == []
    assert seen.requests == [beside.as_uri()]


def test_every_control_has_a_name_every_table_headings_and_the_first_tab_skips_to_the_content(opened, embedded):
    tab = opened(embedded.as_uri()).see_everything().tab
    nameless = tab.evaluate("""() => [...document.querySelectorAll("button, input, select")].filter((e) =>
        !(e.getAttribute("aria-label") || e.textContent.trim() && e.tagName === "BUTTON" || e.labels && e.labels.length && e.labels[0].textContent.trim()))
        .map((e) => e.outerHTML)""")
    assert nameless == []
    assert tab.evaluate("[...document.querySelectorAll('th')].every((e) => ['col', 'row'].includes(e.scope))")
    assert tab.evaluate("[...document.querySelectorAll('table')].every((e) => e.caption.textContent !== '')")
    assert (
        tab.evaluate('document.querySelectorAll(\'[tabindex]:not([tabindex="0"]):not([tabindex="-1"])\').length') == 0
    )
    assert tab.evaluate(
        "new Set([...document.querySelectorAll('[id]')].map((e) => e.id)).size === document.querySelectorAll('[id]').length"
    )
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the content"
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.querySelector('main').contains(document.activeElement)")


@pytest.mark.slow
def test_the_page_fits_a_telephone_and_turns_dark_by_wish_or_by_button(opened, embedded):
    narrow = opened(embedded.as_uri(), viewport={"width": 380, "height": 800}).see_everything().tab
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 380
    paper = "getComputedStyle(document.body).backgroundColor"
    light = narrow.evaluate(paper)
    narrow.get_by_role("button", name="Dark").click()
    dark = narrow.evaluate(paper)
    assert dark != light
    assert opened(embedded.as_uri(), color_scheme="dark").tab.evaluate(paper) == dark


@pytest.mark.slow
def test_the_same_results_make_the_same_bytes(results, embedded, beside, tmp_path):
    for made, title, limit in ((embedded, EVIL, samples.EMBED_BYTES), (beside, "Results", -1)):
        again = page.write(results, tmp_path / made.name, title, limit)
        assert [path.read_bytes() for path in again] == [made.with_name(path.name).read_bytes() for path in again]


@given(st.text(), st.text())
def test_data_in_the_page_come_back_as_they_were_and_hold_no_markup(key, value):
    text = samples.squeezed({key: [value]})
    assert json.loads(gzip.decompress(base64.b64decode(text))) == {key: [value]}
    assert re.fullmatch("[A-Za-z0-9+/=]+", text)


@given(st.lists(st.text(max_size=5), max_size=12))
def test_every_name_gets_a_label_of_its_own_that_hides_nothing(given_names):
    found = names.labels(given_names)
    assert set(found) == set(given_names)
    assert len(set(found.values())) == len(found)
    assert all(label == tables.visible(label) for label in found.values())


def test_an_imported_sample_shows_the_prompt_of_its_document(tmp_path):
    rows = [
        sample("eval-a1", "alpha", "arithmetic", d, messages=None, value=1.0, doc='{"prompt": "How much?"}')
        for d in (0,)
    ]
    write_run(tmp_path, models=("alpha",), rows=rows)
    derivation.refresh(tmp_path)
    packed = samples.pack(tmp_path, {"alpha": 0}, "r")
    row = json.loads(gzip.decompress(base64.b64decode(packed.blocks[0])))[0]
    assert dict(zip(samples.TEXTS, row, strict=True))["doc"] == '{"prompt": "How much?"}'
    assert gather.gather(tmp_path, gather.whole_board(tmp_path))["tasks"][0]["texts"] == ["How much?"]


def test_every_column_of_the_samples_file_is_one_of_the_index(results):
    packed = samples.pack(results, {name: i for i, name in enumerate(names.labels((*MODELS, EVIL)))}, "r", -1)
    assert packed.parquet is not None
    assert packed.blocks == []
    frame = pl.read_parquet(packed.parquet)
    known = {column.name for table in schema.TABLES for column in table.columns}
    assert set(frame.columns) - known == {"item", "attempts"}
    assert frame.height == packed.about["n"] == 360
    assert frame["attempts"].drop_nulls().len() == 30


def test_what_is_known_of_the_detector_is_what_the_documentation_says():
    pages = ("provenance.md", "provenance-measured.md")
    text = " ".join(" ".join((ROOT / "docs" / name).read_text().split()) for name in pages)
    known = page.detection()
    for row in known["rates"]:
        assert re.search(rf"\b{row['found']} \(\d+\) of {row['of']}\b", text), row
        assert row["low"] <= row["found"] / row["of"] <= row["high"]
    for row in known["figures"]:
        assert row["value"] in text


def test_the_pages_library_is_kept_made_again_where_it_is_damaged_and_needs_no_cache(tmp_path, monkeypatch):
    made = []
    library = types.SimpleNamespace(__version__="1", javascript_bundle=lambda _: made.append(1) or "a\r\nb")
    monkeypatch.setitem(sys.modules, "vl_convert", library)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    assert [draw.javascript(), draw.javascript(), len(made)] == ["a\nb", "a\nb", 1]
    (kept,) = (tmp_path / "cache").rglob("*.js")
    for damaged in (b"", kept.read_bytes()[:-1], b"\xff" * 70):
        kept.write_bytes(damaged)
        assert [draw.javascript(), draw.javascript()] == ["a\nb", "a\nb"]
    assert len(made) == 4
    library.__version__ = "2"
    assert [draw.javascript(), len(made)] == ["a\nb", 5]
    monkeypatch.setenv("HARNESS_CACHE", str(kept))  # a file where a folder should be
    assert [draw.javascript(), len(made)] == ["a\nb", 6]


def test_the_vendored_reader_names_its_version_and_licence():
    text = (page.ASSETS / page.READER).read_text()
    assert re.match(r"/\*! hyparquet \d+\.\d+\.\d+, MIT licence", text)
    assert "Permission is hereby granted" in text


def test_the_server_serves_the_report_alone_to_this_machine_alone(tmp_path):
    (tmp_path / "r.html").write_text("0123456789")
    (tmp_path / "secret.txt").write_text("no")
    with serve.server([tmp_path / "r.html"]) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        port = running.server_address[1]

        def ask(path, **headers):
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
                connection.request("GET", path, headers=headers)
                reply = connection.getresponse()
                return reply.status, reply.read().decode(), reply.getheader("Content-Range")

        assert ask("/") == (200, "0123456789", None)
        assert ask("/r.html", Range="bytes=2-4") == (206, "234", "bytes 2-4/10")
        assert ask("/r.html", Range="bytes=8-") == (206, "89", "bytes 8-9/10")
        assert ask("/r.html", Range="bytes=10-12") == (416, "", "bytes */10")
        for path in ("/secret.txt", "/../secret.txt", "/%2e%2e/secret.txt", "//etc/passwd"):
            assert ask(path)[0] == 404
        assert ask("/", Host="evil.example:80")[0] == 403
        with pytest.raises(ConfigError, match="--port"):
            serve.server([tmp_path / "r.html"], port)
        running.shutdown()


@pytest.mark.slow
def test_report_serve_says_where_and_ends_with_ctrl_c(project):
    write_run(project.root / "results")
    running = project.start("report", "--serve", "--texts", "file", "--out", "r.html")
    said = []
    while not said or "Ctrl-C" not in said[-1]:
        said.append(running.stderr.readline())
        assert said[-1], "".join(said)
    port = int(re.search(r"127\.0\.0\.1:(\d+)/r\.html", said[-1])[1])
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        connection.request("GET", "/r.samples.parquet", headers={"Range": "bytes=0-3"})
        reply = connection.getresponse()
        assert (reply.status, reply.read()) == (206, b"PAR1")
    running.send_signal(signal.SIGINT)
    running.communicate()
    assert running.returncode == 130


# Figures -----------------------------------------------------------------------------------------------------


def pool_project(project: Project) -> Project:
    """Made-up models on 60 prompts: `late` writes as `teacher` does, and 21 others came before `teacher`."""
    words = ["river", "boat", "stone", "lamp", "cloud", "bread", "chair", "glass", "paper", "train", "wood", "salt"]
    own = {"late": 29, "teacher": 29}
    rows = [
        {"model": m, "prompt_id": f"p{p}", "prompt": f"Prompt {p}",
         "output": ". ".join(" ".join(words[(p * i * own.get(m, k) + j * own.get(m, k) + k * (m not in own)) % 12] for i in range(1, 9)) for j in range(5))}
        for k, m in enumerate([*(f"early{i}" for i in range(21)), "teacher", "late"])
        for p in range(60)
    ]  # fmt: skip
    pl.DataFrame(rows).write_parquet(project.root / "a.parquet")
    dated = {**{f"early{i}": "2020-01" for i in range(21)}, "teacher": "2022-01", "late": "2023-01"}
    lines = [f"  {name}: {{released: {date}, lab: lab-{name}, source: made up}}" for name, date in dated.items()]
    (project.root / "conf" / "model_registry.yaml").write_text(
        "base_families: {}\nlabs: {}\nmodels:\n" + "\n".join(lines) + "\n"
    )
    project.run("import", "parquet", "a.parquet", "--name", "pool", "--task", "probe")
    return project


@pytest.mark.slow
def test_plot_draws_the_null_and_a_pair_and_says_what_it_cannot(project, monkeypatch):
    pool_project(project)
    project.run("plot", "null", "--out", "null.png", "--pair", "late", "teacher")
    assert (project.root / "null.png").read_bytes().startswith(b"\x89PNG")
    assert "no model has a score" in project.run("plot", "scores", code=2).stderr
    listed = project.run("plot").stdout
    assert [line.split()[0] for line in listed.splitlines() if not line.startswith(" ")] == list(figures.FIGURES)
    monkeypatch.chdir(project.root)  # where the registry with the dates is
    data = page.contents(project.root / "results")
    text = draw.svg(figures.null(data, pair=("late", "teacher"))).decode()
    assert "late to teacher" in text
    assert "standard deviations above models that cannot be related" in text
    bars = figures.channels(data, pair=("late", "teacher"))["datasets"]["pair"]
    assert bars[-1]["channel"] == "all together"
    assert bars[-1]["v"] > 2
    pool = data["pools"][0]
    said = derivation.findings(project.root / "results")["late", "probe"].verdict
    assert pool["verdicts"][[data["models"][m] for m in pool["models"]].index("late")] == said == "none"
    with pytest.raises(ConfigError, match=r"unknown model.* 'nobody'"):
        figures.null(data, pair=("late", "nobody"))
    with pytest.raises(ConfigError, match="no candidate"):
        figures.null(data, pair=("late", "late"))


@pytest.mark.parametrize(
    ("words", "said"), [(["tre"], "did you mean 'tree'"), (["tree", "--out", "tree.gif"], ".svg or .png")]
)
def test_plot_names_what_it_does_not_know(words, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        report.plot(words[0], out=Path(words[2]) if len(words) > 1 else None)


def test_without_the_extra_the_message_says_what_to_install(project):
    code = "import sys; sys.modules['vl_convert'] = None; sys.argv[0] = 'harness'; from harness.cli import main; main()"
    write_run(project.root / "results")
    done = subprocess.run([sys.executable, "-c", code, "report"], cwd=project.root, capture_output=True, text=True)
    assert done.returncode == 4
    assert "-m pip install vl-convert-python" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project.root / "report.html").exists()


@pytest.mark.parametrize("name", figures.FIGURES)
def test_every_figure_is_drawn_or_says_why_not_with_hostile_names_in_it(contents, name):
    if name in {"null", "channels", "trend", "cost"}:
        with pytest.raises(ConfigError, match="cannot be drawn"):
            figures.FIGURES[name](contents)
        return
    spec = figures.FIGURES[name](contents)
    text = draw.svg(spec).decode()
    assert "<script" not in text
    assert "onerror=window" not in re.sub(r">[^<]*<|\"[^\"]*\"", "", text)
    said = re.sub(r"not proof of copying|nor copying|95 % interval", "", spec["description"])
    assert said
    assert not wording.FORBIDDEN.search(said)


def test_probes_are_no_prompt_sets_and_traces_are_one_of_their_own(tmp_path):
    rows = [
        sample("eval-a1", model, "provenance_open", d, output=OPEN[d % 4], reasoning=f"{OPEN[(d + 1) % 4]} {model}", reasoning_kind="full")
        for model in ("alpha", "beta")
        for d in range(25)
    ]  # fmt: skip
    rows += [
        {**row, "task": probe, "sample_id": f"{probe}{row['sample_id']}"}
        for row in rows
        for probe in derivation.owned_tasks()
    ]
    folder = write_run(tmp_path, models=("alpha", "beta"), rows=rows, tasks=("provenance_open",))
    manifest = json.loads((folder / "run.json").read_text())
    manifest["tasks"] += [{**manifest["tasks"][0], "name": probe} for probe in derivation.owned_tasks()]
    (folder / "run.json").write_text(json.dumps(manifest))
    derivation.refresh(tmp_path)
    found = [pool["task"] for pool in page.contents(tmp_path)["pools"]]
    assert found == ["provenance_open", "provenance_open (traces: full)"]


def test_performance_has_both_intervals_and_names_the_nearest_relative(contents):
    rows, x_title = against.rows(contents)
    assert "not calibrated" in x_title
    by = {row["model"]: row for row in rows}
    assert by["alpha"]["nearest"] in {"beta", SHOWN}  # not its own control
    for row in rows:
        assert row["ylo"] <= row["y"] <= row["yhi"]
        assert row["xlo"] <= row["x"] <= row["xhi"]


def test_performance_stands_against_the_calibrated_score_also_of_a_panels_model_that_is_no_row(contents):
    data = copy.deepcopy(contents)
    told = {
        "verdict": "none",
        "name": "of-the-panel",
        "nearest": None,
        "score": 1.5,
        "ci_low": 0.5,
        "ci_high": 2.5,
        "n": 60,
    }
    for row in data["board"]["rows"]:
        row["evidence"] = [told]
    rows, x_title = against.rows(data)
    assert x_title.startswith("score of the nearest relative, standard deviations")
    assert {(row["nearest"], row["x"], row["xlo"], row["verdict"]) for row in rows} == {
        ("of-the-panel", 1.5, 0.5, "none")
    }


def test_performance_is_drawn_of_whatever_there_is_and_names_do_not_cover_each_other(contents):
    data = copy.deepcopy(contents)
    for row in data["board"]["rows"]:
        row |= {"near": [], "evidence": []}
    assert {row["x"] for row in against.rows(data)[0]} == {None}  # scored, not compared
    assert figures.performance(data)["layer"]
    for row in data["board"]["rows"]:
        row |= {"mean": None, "cells": [None], "near": [{"other": 0, "v": 0.5, "lo": None, "hi": None, "n": 9}]}
    assert {row["y"] for row in against.rows(data)[0]} == {None}  # compared, not scored
    crowd = [
        {"model": f"model-{i:03}", "label": "", "verdict": "none", "x": i % 17, "xlo": 0, "xhi": 17, "y": i % 13, "ylo": 0, "yhi": 13}
        for i in range(200)
    ]  # fmt: skip
    placed = against._placed(crowd)
    assert len({row["model"] for row, _ in placed}) == len(placed) > 20


def test_a_share_has_no_place_outside_0_to_1_on_an_axis(contents):
    data = copy.deepcopy(contents)
    first, *others = data["board"]["rows"]
    assert others
    first |= {"mean": {"v": 0.02, "lo": -0.06, "hi": 0.1, "n": 9}, "place": None}
    assert min(row["ylo"] for row in against.rows(data)[0]) == 0.0
    first["place"] = {"v": 1.07, "whole": False, "group": 0}  # differences add up to more than all
    assert max(row["yhi"] for row in against.rows(data)[0]) == 1.0
    first["place"] = None
    first["mean"] |= {"v": -2.0, "lo": -3.0}  # a score that is no share keeps its range
    assert min(row["ylo"] for row in against.rows(data)[0]) == -3.0


def test_the_page_takes_what_a_score_can_be_from_the_leaderboard(contents):
    assert contents["board"]["limits"] == [0.0, 1.0]
    data = copy.deepcopy(contents)
    data["board"]["limits"] = [None, None]  # as of points: every end stays
    data["board"]["rows"][0] |= {"mean": {"v": 0.02, "lo": -0.06, "hi": 0.1, "n": 9}, "place": None}
    assert min(row["ylo"] for row in against.rows(data)[0]) == -0.06


def test_one_scored_model_that_was_not_tested_stands_at_its_score_and_not_at_0(contents):
    data = copy.deepcopy(contents)
    (row,) = data["board"]["rows"] = data["board"]["rows"][:1]
    row["evidence"], row["near"] = [], []
    labels = re.findall(r">(0\.\d+|1\.\d+)<", draw.svg(figures.performance(data)).decode())
    assert len(set(labels)) >= 2, "the axis of performance has a length"


def test_trend_and_cost_are_drawn_of_models_whose_month_and_price_are_known(contents):
    data = copy.deepcopy(contents)
    for i, row in enumerate(data["board"]["rows"]):
        row |= {"released": f"2024-0{i + 1}", "usd": 0.5 * i}
    steps = figures.trend(data)["layer"][0]["data"]["values"]
    assert [step["y"] for step in steps] == sorted(step["y"] for step in steps)
    assert (
        len(figures.cost(data)["data"]["values"]) == len(data["board"]["rows"]) - 1
    )  # what costs nothing has no logarithm
    for name in ("trend", "cost"):
        assert b"<script" not in draw.svg(figures.FIGURES[name](data))


def test_a_tree_is_drawn_with_the_branchings_that_hold_alone():
    leaves = {name: TreeNode(name) for name in "abcd"}
    weak = TreeNode(None, ((leaves["a"], 1.0), (leaves["b"], 1.0)), 0.3)
    firm = TreeNode(None, ((leaves["c"], 1.0), (leaves["d"], 1.0)), 0.9)
    found = likeness.held(TreeNode(None, ((weak, 0.5), (firm, 0.5))))
    assert [(child.name, length) for child, length in found.children] == [("a", 1.5), ("b", 1.5), (None, 0.5)]
    assert found.leaves() == frozenset("abcd")


def test_words_of_many_pairs_are_those_of_each_pair_alone():
    rows = [
        {"model": m, "prompt_id": str(p), "output": f"{'Well then, friend' if m in 'ab' else 'So'} number {p}. Then we go on and on {m}"}
        for m in "abcd"
        for p in range(6)
    ]  # fmt: skip
    frame = pl.DataFrame(rows)
    wanted = [("a", "b"), ("b", "a"), ("c", "d")]
    together = explain.pairs(frame, wanted)
    for pair in wanted:
        assert together[pair].equals(explain.explain(frame, *pair))


def test_difficulty_counts_each_item_once_and_leaves_the_unscored_out(contents):
    task = contents["tasks"][0]
    means = figures.item_means(task)
    assert len(means) == len(task["items"]) == 30
    assert all(n == 4 for _, n in means)
    assert means[0][0] == 0.5  # document 0: alpha and beta are right, warm and the hostile one are not
    unscored = {**task, "values": {**task["values"], 9: "." * 30}}
    assert figures.item_means(unscored) == means
