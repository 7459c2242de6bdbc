"""The same replies scored here and by other tools, and every difference with its cause: writes docs/comparability.md.

    python benchmarks/comparability.py DATA [--peers PEERS/bin/python] [--results RESULTS] [--out docs/comparability.md]

DATA holds `math/gsm8k_model_solutions.jsonl` (four models' solutions, each with `is_correct`), `math/gsm8k_test.jsonl`,
`code/humaneval_samples/*.jsonl` (two models' completions, each with its published `passed`), `code/HumanEval.jsonl.gz`,
`code/mbpp.jsonl` and EvalPlus' sets. PEERS is an environment with lm-eval, Inspect AI and EvalPlus (`pip install
lm-eval inspect-ai inspect-evals evalplus`), outside of this one. Without a hub, CODE_EVAL=FOLDER names the metric that
lm-eval runs code with (see `_comparability_peers.py`). What they say is kept in `comparability_verdicts.json`, and read
from there without --peers, so that the page comes out again where they are not.

The replies of an embedded model stand in `comparability_replies.jsonl`, beside this. --results takes them anew, from a
results folder with these three runs:

    harness eval model=qwen25_coder +models.qwen25_coder.chat=false task=gsm8k_published limit=100 task.data=…
    harness eval model=qwen25_coder +models.qwen25_coder.chat=false task=mbpp_published limit=100 task.data=…
    harness eval model=qwen25_coder +models.qwen25_coder.chat=false task=humaneval_completion task.data=…
"""

from __future__ import annotations

import argparse
import collections
import gzip
import hashlib
import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from harness import stats
from harness.core import resources
from harness.engine import lmeval, taskfiles
from harness.records import Answer, Score
from harness.scorers import code, math
from harness.specs import SandboxSpec, TaskSpec

EXAMPLE = 90
"""Characters of an example."""
VERDICTS = Path(__file__).with_name("comparability_verdicts.json")
REPLIES = Path(__file__).with_name("comparability_replies.jsonl")
FILES = {
    "gsm8k_published": "math/gsm8k_test.jsonl",
    "mbpp_published": "code/mbpp.jsonl",
    "humaneval_completion": "code/HumanEval.jsonl.gz",
}
"""The tasks the embedded model was asked, and where their problems are in DATA."""
SANDBOX = SandboxSpec(memory_mb=4096)
Row = dict[str, Any]


@dataclass(frozen=True)
class Difference:
    """One reply on which two tools do not agree."""

    ours: bool
    cause: str
    example: str


@dataclass(frozen=True)
class Compared:
    """One tool beside ours, over the same replies."""

    tool: str
    replies: int
    ours: int
    """Right, as we score them."""
    theirs: int
    differences: Sequence[Difference]


def main() -> None:
    """Score, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--results", type=Path)
    parser.add_argument("--only", default="", help="ask the peers of these sections alone: gsm8k,humaneval")
    parser.add_argument("--out", type=Path, default=Path("docs/comparability.md"))
    given = parser.parse_args()
    if given.results is not None:
        keep(given.results)
    gsm8k = solutions(given.data / "math/gsm8k_model_solutions.jsonl")
    human = completions(given.data)
    model = {task: of_model(task, given.data) for task in FILES}
    asked = {
        "gsm8k": ("gsm8k", gsm8k),
        "humaneval": ("humaneval", human),
        "gsm8k_published": ("gsm8k_cot", model["gsm8k_published"]),
        "mbpp_published": ("mbpp", model["mbpp_published"]),
        "humaneval_completion": ("humaneval", model["humaneval_completion"]),
    }
    if given.peers is not None:
        wanted = given.only.split(",") if given.only else list(asked)
        ask(given.peers, given.data, {name: asked[name] for name in wanted})
    said = verdicts(asked)
    by_tool = said["sections"]
    parts = [
        head(said["versions"]),
        MODEL,
        math_part("GSM8K, 8 examples", GSM8K_MODEL, model["gsm8k_published"], by_tool.get("gsm8k_published", {})),
        code_part("MBPP, 3 examples", MBPP_MODEL, model["mbpp_published"], by_tool.get("mbpp_published", {})),
        code_part("HumanEval", HUMAN_MODEL, model["humaneval_completion"], by_tool.get("humaneval_completion", {})),
        STORED,
        math_part("GSM8K", GSM8K, gsm8k, by_tool.get("gsm8k", {})),
        code_part("HumanEval, two models", HUMAN, human, by_tool.get("humaneval", {})),
    ]
    given.out.write_text("\n".join(parts), encoding="utf-8")


def read(path: Path) -> list[Row]:
    """The rows of a JSONL file, which may be packed."""
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


# The replies -------------------------------------------------------------------------------------------------


def solutions(path: Path) -> list[Row]:
    """The published solutions of four models to questions of GSM8K; `A: N` at the end is the answer."""
    rows = []
    for row in read(path):
        gold = row["ground_truth"].rpartition("A:")[2].strip().replace(",", "")
        rows += [
            {
                "model": model,
                "reply": row[model]["solution"],
                "target": gold,
                "published": bool(row[model]["is_correct"]),
            }
            for model in ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
        ]
    return rows


def completions(data: Path) -> list[Row]:
    """The stored replies of two models to HumanEval, each with the verdict that was published with it."""
    docs = documents("humaneval", data / "code/HumanEval.jsonl.gz")
    rows = []
    for path in sorted((data / "code/humaneval_samples").glob("*.jsonl")):
        rows += [
            {
                "model": path.stem,
                "task_id": row["task_id"],
                "reply": row["completion"],
                "doc": docs[row["task_id"]],
                "published": bool(row["passed"]),
            }
            for row in read(path)
        ]
    return rows


def documents(task: str, data: Path) -> dict[str, Row]:
    """A task's documents by their id."""
    dirs = resources.task_dirs()
    (loaded,) = lmeval.load(TaskSpec(task, data=str(data)), taskfiles.find(dirs), 1)
    return {str(doc["task_id"]): doc for doc in loaded.whole()}


def keep(results: Path) -> None:
    """Write the replies of a results folder's runs, ended or stopped, beside this script."""
    lines: dict[tuple[str, int], str] = {}
    for path in sorted(results.glob("runs/*/journal.jsonl")):
        for row in read(path):
            if row["task"] in FILES and row["reply"].get("text") is not None:
                said = {name: row[name] for name in ("model", "task", "doc_id")}
                lines[row["task"], row["doc_id"]] = json.dumps(
                    said | {"reply": row["reply"]["text"]}, ensure_ascii=False
                )
    REPLIES.write_text("\n".join(lines[key] for key in sorted(lines)) + "\n", encoding="utf-8")


def of_model(task: str, data: Path) -> list[Row]:
    """The embedded model's replies to one task, each with the document it answers and the problem as published."""
    path = data / FILES[task]
    dirs = resources.task_dirs()
    (loaded,) = lmeval.load(TaskSpec(task, data=str(path)), taskfiles.find(dirs), 1)
    docs = list(loaded.whole())
    records = {str(row["task_id"]): row for row in read(path)} if task != "gsm8k_published" else {}
    revised = {}
    if task == "mbpp_published":
        for row in json.loads((data / "code/sanitized-mbpp.json").read_text(encoding="utf-8")):
            revised[str(row["task_id"])] = "\n".join([*row["test_imports"], *row["test_list"]]) + "\n"
    inputs = evalplus_inputs(data / f"code/{'MbppPlus' if revised else 'HumanEvalPlus'}.jsonl.gz") if records else {}
    rows: list[Row] = []
    for said in sorted((row for row in read(REPLIES) if row["task"] == task), key=lambda row: row["doc_id"]):
        doc = docs[said["doc_id"]]
        row = {"model": said["model"], "reply": said["reply"], "doc": doc}
        if records:
            name = str(doc["task_id"])
            row |= {"task_id": name, "record": records[name], "completion": bool(doc["completion"])}
            row["revised"] = revised.get(name)
            row["inputs"] = inputs.get(name)
        else:
            row |= {"target": str(doc["answer"]), "marker": "The answer is"}
        rows.append(row)
    return rows


def evalplus_inputs(path: Path) -> dict[str, str]:
    """Tests of EvalPlus' base inputs, against its solution, by the number or name of the problem."""
    return {
        row["task_id"].removeprefix("Mbpp/"): (
            f"import copy\nknown = {{}}\nexec({row['prompt'] + row['canonical_solution']!r}, known)\n"
            f"for given in {row['base_input']!r}:\n"
            f"    expected = known[{row['entry_point']!r}](*copy.deepcopy(given))\n"
            f"    assert {row['entry_point']}(*copy.deepcopy(given)) == expected\n"
        )
        for row in read(path)
    }


def digest(rows: Sequence[Row]) -> str:
    """What tells replies apart."""
    return hashlib.sha256(json.dumps([row["reply"] for row in rows]).encode()).hexdigest()[:16]


def verdicts(sections: Mapping[str, tuple[str, Sequence[Row]]]) -> Row:
    """What the other tools said when they were asked last."""
    kept: Row = json.loads(VERDICTS.read_text(encoding="utf-8"))
    found: Row = {"versions": kept["versions"], "sections": {}}
    for name, (_, rows) in sections.items():
        of = kept["sections"].get(name)
        if of is None or of["replies"] != digest(rows):
            raise SystemExit(f"{VERDICTS.name} has no verdicts on these replies ({name}): give --peers")
        found["sections"][name] = {
            tool: [
                None if right == "-" else [right == "1", said["taken"].get(str(i))]
                for i, right in enumerate(said["right"])
            ]
            for tool, said in of["tools"].items()
        }
    return found


def ask(python: Path, data: Path, sections: Mapping[str, tuple[str, Sequence[Row]]]) -> None:
    """Ask the other tools, and keep what they say: every verdict, and what was taken where ours is another."""
    kept: Row = json.loads(VERDICTS.read_text(encoding="utf-8")) if VERDICTS.exists() else {"sections": {}}
    for name, (kind, rows) in sections.items():
        said = peers(python, data, {name: (kind, rows)})
        ours = [score.value == 1 for score in scored(kind, rows)]
        tools = {
            tool: {
                "right": "".join("-" if one is None else str(int(one[0])) for one in of),
                "taken": {
                    str(i): one[1]
                    for i, (one, mine) in enumerate(zip(of, ours, strict=True))
                    if one is not None and one[0] != mine
                },
            }
            for tool, of in said["sections"][name].items()
        }
        kept["versions"] = said["versions"]
        kept["sections"][name] = {"replies": digest(rows), "tools": tools}
        VERDICTS.write_text(json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def scored(kind: str, rows: Sequence[Row]) -> list[Score]:
    """Our scores."""
    if kind.startswith("gsm8k"):
        return math.score([Answer({}, row["target"], row["reply"]) for row in rows], SandboxSpec())
    return code.score([Answer(row["doc"], "", row["reply"]) for row in rows], SANDBOX)


def peers(python: Path, data: Path, sections: Mapping[str, tuple[str, Sequence[Row]]]) -> Row:
    """What the other tools say, from their own environment."""
    needed = ("reply", "target", "task_id", "completion", "record")
    asked = {
        name: {"kind": kind, "rows": [{key: row[key] for key in needed if key in row} for row in rows]}
        for name, (kind, rows) in sections.items()
    }
    script = Path(__file__).with_name("_comparability_peers.py")
    overrides = {
        "HUMANEVAL_OVERRIDE_PATH": str((data / "code/HumanEvalPlus.jsonl.gz").resolve()),
        "MBPP_OVERRIDE_PATH": str((data / "code/MbppPlus.jsonl.gz").resolve()),
    }
    done = subprocess.run(
        [python, script],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | overrides,
    )
    if done.returncode:
        raise SystemExit(f"the other tools failed:\n{done.stderr[-3000:]}")
    found: Row = json.loads(done.stdout)
    return found


# Comparing ---------------------------------------------------------------------------------------------------


def math_part(name: str, about: str, rows: Sequence[Row], said: Mapping[str, Any]) -> str:
    """GSM8K: ours beside the published verdict, if there is one, and each tool."""
    scores = scored("gsm8k", rows)
    ours = [score.value == 1 for score in scores]
    tools: list[Compared] = []
    if all("published" in row for row in rows):
        there = [row["published"] for row in rows]
        tools.append(compared("published `is_correct`", ours, there, lambda i: published_cause(rows[i], scores[i])))
    for tool, verdicts in said.items():
        there = [verdict for verdict, _ in verdicts]
        tools.append(compared(tool, ours, there, lambda i, of=verdicts: number_cause(rows[i], scores[i], of[i][1])))
    return f"### {name}\n\n{about.format(n=len(rows))}\n\n{tables(tools)}"


def compared(
    tool: str, ours: Sequence[bool], theirs: Sequence[bool | None], cause: Callable[[int], tuple[str, str]]
) -> Compared:
    """Two tools' verdicts on the same replies, without those that the other has no verdict on."""
    both = [(i, one, other) for i, (one, other) in enumerate(zip(ours, theirs, strict=True)) if other is not None]
    differences = [Difference(one, *cause(i)) for i, one, other in both if one != other]
    return Compared(tool, len(both), sum(one for _, one, _ in both), sum(other for *_, other in both), differences)


def value(text: str | None) -> Fraction | None:
    """A number as it is written in a reply: with a currency, thousands, a percent sign."""
    found = re.fullmatch(r"[-+]?\d+(?:\.\d+)?", re.sub(r"[$,%\s]", "", text or "").rstrip("."))
    return None if found is None else Fraction(found.group())


def number_cause(row: Row, ours: Score, taken: str | None) -> tuple[str, str]:
    """Why a tool that takes a number out of a reply says otherwise."""
    end = row["reply"].strip().rsplit("\n", 1)[-1]
    example = f"`…{short(end[-60:])}`, gold {row['target']}, here {ours.extracted}, there {taken}"
    if taken == "[invalid]":
        wanted = "`The answer is N.`" if "marker" in row else "a line `#### N`"
        return f"it wants {wanted}, and the reply has none", example
    mine, theirs, gold = value(ours.extracted), value(taken), value(row["target"])
    if theirs is not None and theirs == gold == mine:
        return "the same number, written otherwise (18.00, $18, 18%): it compares texts", example
    if theirs is None:
        return "it takes a text that is no number", example
    marker = row.get("marker", "A:")
    if mine != theirs and len(re.findall(marker, row["reply"])) != 1:
        return "the reply states no answer or several: another of its numbers is taken", example
    if mine != theirs:
        return f"it takes another number of the reply than the one behind `{marker}`", example
    return "UNEXPLAINED", example


def published_cause(row: Row, ours: Score) -> tuple[str, str]:
    """Why the verdict that was published with a solution is another."""
    end = row["reply"].strip().rsplit("\n", 1)[-1]
    example = f"`…{short(end[-60:])}`, gold {row['target']}, here {ours.extracted} ({ours.status})"
    mine, gold = value(ours.extracted), value(row["target"])
    if mine is not None and mine == gold:
        return "the same number, written otherwise, was judged as text", example
    if ours.status in {"no_answer", "unparsed"}:
        return "no answer can be read here", example
    return "UNEXPLAINED", example


MODEL = (
    "## Replies of an embedded model\n\n"
    "`qwen25_coder` (Qwen2.5-Coder-0.5B-Instruct, Q4_K_M) through llama.cpp on a CPU, as a model of text "
    "(`+models.qwen25_coder.chat=false`), greedy: the three commands stand in the script, the replies in "
    "`benchmarks/comparability_replies.jsonl`. What the other tools run is theirs: lm-eval its filters, its "
    "`build_predictions` and its metrics of the tasks gsm8k_cot, mbpp and humaneval (code runs in `code_eval` of "
    "Hugging Face's evaluate, 3 s by the clock); EvalPlus `sanitize` and `check_correctness` on the original tests; "
    "Inspect the scorers of inspect_evals' gsm8k, mbpp and humaneval, with a solver that hands in the stored reply "
    "and the sandbox `local` for its container. Here it is the scorers `math` and `code`, as `harness eval` calls "
    "them.\n"
)
STORED = "## Stored replies of other models\n"
GSM8K_MODEL = "The first {n} questions of the test split, task `gsm8k_published`."
MBPP_MODEL = (
    "The first {n} problems of the test split, task `mbpp_published`. EvalPlus has those of them that MBPP+ kept, each "
    "with the original tests."
)
HUMAN_MODEL = "All 164 problems, task `humaneval_completion`."
GSM8K = (
    "2,640 published solutions of four models to 660 questions (openai/grade-school-math, MIT). They end with `A: N`, "
    "not with `#### N`."
)
HUMAN = (
    "Two models' stored replies to all 164 problems (tcc-inatel-2025/PoE-Evaluation, MIT), each with its published "
    "verdict."
)


def code_part(name: str, about: str, rows: Sequence[Row], said: Mapping[str, Any]) -> str:
    """A coding benchmark: ours beside the published verdict and each tool."""
    scores = scored("code", rows)
    ours = [score.value == 1 for score in scores]
    tools = []
    if all("published" in row for row in rows):
        causes = code_causes(rows, scores, [None] * len(rows))
        tools.append(
            compared(
                "published `passed`",
                ours,
                [row["published"] for row in rows],
                lambda i: causes(i, rows[i]["published"]),
            )
        )
    for tool, verdicts in said.items():
        causes = code_causes(rows, scores, [of[1] if of else None for of in verdicts])
        there = [of[0] if of else None for of in verdicts]
        tools.append(compared(tool, ours, there, lambda i, of=causes, to=there: of(i, to[i])))
    return f"### {name}\n\n{about.format(n=len(rows))}\n\n{tables(tools)}"


def taken_cause(row: Row, program: str, theirs: bool, example: str) -> tuple[str, str]:
    """Why a tool says otherwise of the code that it took out of a reply."""

    def ends(doc: Row) -> Score:
        return code.score([Answer(doc, "", f"```python\n{program}\n```")], SANDBOX)[0]

    again = ends(row["doc"])
    if (again.value == 1) == theirs:
        return "other code is taken out of the reply", example
    if row.get("revised"):
        changed = ends(row["doc"] | {"tests": row["revised"]})
        if (changed.value == 1) == theirs:
            return "MBPP+ has the tests of sanitized MBPP, where this problem has others", (
                f"{row['model']} Mbpp/{row['task_id']}, on those: `{short(changed.explanation or changed.status)}`"
            )
    if theirs and row.get("inputs") and ends(row["doc"] | {"tests": row["inputs"]}).value == 1:
        return "EvalPlus asks with other inputs than the published tests: it passes on those", example
    bare = ends(row["doc"] | {"prompt": "", "helpers": "", "extract": "official"})
    if (bare.value == 1) == theirs:
        return "the reply leaves out what its prompt imports; here the prompt's imports stand before it", (
            f"{row['model']} {row['task_id']}, without them: `{short(bare.explanation or bare.status)}`"
        )
    return f"the same code ends otherwise there ({again.status} here)", example


def code_causes(
    rows: Sequence[Row], scores: Sequence[Score], taken: Sequence[str | None]
) -> Callable[[int, bool], tuple[str, str]]:
    """Why a tool says otherwise of code: it runs other code, or the same code ends otherwise there."""

    def cause(i: int, theirs: bool) -> tuple[str, str]:
        row, score = rows[i], scores[i]
        example = f"{row['model']} {row['task_id']}, here {score.status}: `{short(score.explanation or '')}`"
        if (other := taken[i]) is not None:
            return taken_cause(row, other, theirs, example)
        if "\\n" in row["reply"] and "\n" not in row["reply"].strip():
            return (
                "the stored reply has `\\n` written out: the published run had the text before it was stored",
                example,
            )
        for text in (row["doc"]["prompt"] + row["reply"], row["reply"]):
            (again,) = code.score([Answer(row["doc"] | {"extract": "official"}, "", text)], SANDBOX)
            if (again.value == 1) == theirs:
                return "the published executor runs the reply as it is", example
        return "the published verdict does not come out of the stored reply", example

    return cause


# Writing -----------------------------------------------------------------------------------------------------


def head(versions: Mapping[str, str]) -> str:
    """What the page is."""
    named = ", ".join(f"{name} {version}" for name, version in sorted(versions.items())) or "no other tool"
    return (
        "# Comparability\n\n"
        "The same replies scored here and by other tools, and every difference with its cause. "
        f"`benchmarks/comparability.py` writes this page. Beside harness: {named}.\n\n"
        "A difference is no error of either: the page says which rule makes it. `UNEXPLAINED` would be one that no "
        "rule accounts for.\n"
    )


def tables(tools: Sequence[Compared]) -> str:
    """Every tool's figure beside ours, then the differences by cause."""
    lines = [
        "| tool | replies | here | there | agree | only here | only there |",
        "| --- | --: | --: | --: | --: | --: | --: |",
    ]
    for of in tools:
        only = sum(one.ours for one in of.differences)
        here, there = (share(right, of.replies) for right in (of.ours, of.theirs))
        agree = f"{1 - len(of.differences) / of.replies:.2%}"
        lines.append(
            f"| {of.tool} | {of.replies:,} | {here} | {there} | {agree} | {only} | {len(of.differences) - only} |"
        )
    lines += ["", "| tool | right | cause | replies | example |", "| --- | --- | --- | --: | --- |"]
    for of in tools:
        groups: dict[tuple[bool, str], list[str]] = collections.defaultdict(list)
        for one in of.differences:
            groups[one.ours, one.cause].append(one.example)
        for (here_only, cause), examples in sorted(groups.items(), key=lambda item: -len(item[1])):
            side = "here" if here_only else "there"
            lines.append(f"| {of.tool} | {side} | {cause} | {len(examples)} | {min(examples, key=len)} |")
        if not of.differences:
            lines.append(f"| {of.tool} | | none | 0 | |")
    return "\n".join(lines) + "\n"


def share(right: int, n: int) -> str:
    """A share with its interval."""
    low, high = stats.wilson(right / n, n)
    return f"{right / n:.3f} [{low:.2f}, {high:.2f}]"


def short(text: str) -> str:
    """A text for a table's cell."""
    flat = " ".join(text.split()).replace("|", "\\|").replace("`", "'")
    return flat if len(flat) <= EXAMPLE else f"{flat[: EXAMPLE - 1]}…"


if __name__ == "__main__":
    main()
