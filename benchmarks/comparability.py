"""The same replies scored here and by other tools, and every difference with its cause: writes docs/comparability.md.

    python benchmarks/comparability.py DATA --peers PEERS/bin/python [--mbpp RUN] [--out docs/comparability.md]

DATA holds `math/gsm8k_model_solutions.jsonl` (four models' solutions, each with `is_correct`),
`code/humaneval_samples/*.jsonl` (two models' completions, each with its published `passed`), `code/HumanEval.jsonl.gz`
and EvalPlus' sets. PEERS is an environment with lm-eval, Inspect AI and EvalPlus (`pip install lm-eval inspect-ai
evalplus`), outside of this one. RUN is a run folder of task mbpp_plus, whose replies are
scored by EvalPlus too.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl

from harness import stats
from harness.core import resources
from harness.engine import lmeval, taskfiles
from harness.records import Answer, Score
from harness.scorers import code, math
from harness.specs import SandboxSpec, TaskSpec

EXAMPLE = 90
"""Characters of an example."""
SANDBOX = SandboxSpec(timeout_s=20, memory_mb=4096)
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
    parser.add_argument("--mbpp", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/comparability.md"))
    given = parser.parse_args()
    gsm8k = solutions(given.data / "math/gsm8k_model_solutions.jsonl")
    human = completions(given.data)
    mbpp = of_run(given.mbpp) if given.mbpp else []
    said = {} if given.peers is None else peers(given.peers, given.data, gsm8k, human, mbpp)
    parts = [head(said.get("versions", {})), math_part(gsm8k, said.get("gsm8k", {}))]
    parts.append(code_part("HumanEval", HUMAN, human, said.get("humaneval", {})))
    if mbpp:
        parts.append(code_part("MBPP", MBPP, mbpp, said.get("mbpp", {})))
    given.out.write_text("\n".join(parts), encoding="utf-8")


def read(path: Path) -> list[Row]:
    """The rows of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


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
    (loaded,) = lmeval.load(TaskSpec(task, data=str(data)), taskfiles.find(dirs), dirs, 1)
    return {str(doc["task_id"]): doc for doc in loaded.whole()}


def of_run(run: Path) -> list[Row]:
    """The replies of a run of task mbpp_plus, with its documents."""
    frame = pl.read_parquet(run / "samples.parquet").sort("doc_id")
    rows = []
    for row in frame.iter_rows(named=True):
        doc = json.loads(row["doc"])
        rows.append({"model": row["model"], "task_id": doc["task_id"], "reply": row["output"] or "", "doc": doc})
    return rows


def peers(python: Path, data: Path, gsm8k: Sequence[Row], human: Sequence[Row], mbpp: Sequence[Row]) -> Row:
    """What the other tools say, from their own environment."""
    asked = {
        "gsm8k": [{"reply": row["reply"], "target": row["target"]} for row in gsm8k],
        "humaneval": [{"task_id": row["task_id"], "reply": row["reply"]} for row in human],
        "mbpp": [{"task_id": row["task_id"], "reply": row["reply"]} for row in mbpp],
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


def math_part(rows: Sequence[Row], said: Mapping[str, Any]) -> str:
    """GSM8K: ours beside the published verdict and each tool."""
    scores = math.score([Answer({}, row["target"], row["reply"]) for row in rows], SandboxSpec())
    tools: list[Compared] = [
        compared(
            "published `is_correct`",
            [score.value == 1 for score in scores],
            [row["published"] for row in rows],
            lambda i: published_cause(rows[i], scores[i]),
        )
    ]
    for name, verdicts in said.items():
        tools.append(
            compared(
                name,
                [score.value == 1 for score in scores],
                [verdict for verdict, _ in verdicts],
                lambda i, of=verdicts: number_cause(rows[i], scores[i], of[i][1]),
            )
        )
    text = (
        f"## GSM8K\n\n{len(rows):,} published solutions of four models to 660 questions (openai/grade-school-math, "
        "MIT). They end with `A: N`, not with `#### N`.\n\n"
    )
    return text + tables(tools)


def compared(
    tool: str, ours: Sequence[bool], theirs: Sequence[bool], cause: Callable[[int], tuple[str, str]]
) -> Compared:
    """Two tools' verdicts on the same replies."""
    differences = [
        Difference(one, *cause(i)) for i, (one, other) in enumerate(zip(ours, theirs, strict=True)) if one != other
    ]
    return Compared(tool, len(ours), sum(ours), sum(theirs), differences)


def value(text: str | None) -> Fraction | None:
    """A number as it is written in a reply: with a currency, thousands, a percent sign."""
    found = re.fullmatch(r"[-+]?\d+(?:\.\d+)?", re.sub(r"[$,%\s]", "", text or "").rstrip("."))
    return None if found is None else Fraction(found.group())


def number_cause(row: Row, ours: Score, taken: str | None) -> tuple[str, str]:
    """Why a tool that takes a number out of a reply says otherwise."""
    end = row["reply"].strip().rsplit("\n", 1)[-1]
    example = f"`…{short(end[-60:])}`, gold {row['target']}, here {ours.extracted}, there {taken}"
    if taken == "[invalid]":
        return "it wants a line `#### N`, and the reply has none", example
    mine, theirs, gold = value(ours.extracted), value(taken), value(row["target"])
    if theirs is not None and theirs == gold == mine:
        return "the same number, written otherwise (18.00, $18, 18%): it compares texts", example
    if theirs is None:
        return "it takes a text that is no number", example
    if mine != theirs and len(re.findall(r"A:", row["reply"])) != 1:
        return "the reply states no answer or several: another of its numbers is taken", example
    if mine != theirs:
        return "it takes another number of the reply than the one behind `A:`", example
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


HUMAN = (
    "Two models' stored replies to all 164 problems (tcc-inatel-2025/PoE-Evaluation, MIT), each with its published "
    "verdict."
)
MBPP = "Replies of an embedded model to the first problems of MBPP+, asked by `mbpp_plus`, on all of EvalPlus' tests."


def code_part(name: str, about: str, rows: Sequence[Row], said: Mapping[str, Any]) -> str:
    """A coding benchmark: ours beside the published verdict and each tool."""
    answers = [Answer(row["doc"], "", row["reply"]) for row in rows]
    scores = code.score(answers, SANDBOX)
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
        causes = code_causes(rows, scores, [taken for _, taken in verdicts])
        there = [verdict for verdict, _ in verdicts]
        tools.append(compared(tool, ours, there, lambda i, of=causes, to=there: of(i, to[i])))
    return f"## {name}\n\n{about}\n\n{tables(tools)}"


def code_causes(
    rows: Sequence[Row], scores: Sequence[Score], taken: Sequence[str | None]
) -> Callable[[int, bool], tuple[str, str]]:
    """Why a tool says otherwise of code: it runs other code, or the same code ends otherwise there."""

    def cause(i: int, theirs: bool) -> tuple[str, str]:
        row, score = rows[i], scores[i]
        example = f"{row['model']} {row['task_id']}, here {score.status}: `{short(score.explanation or '')}`"
        other = taken[i] if taken[i] is not None else None
        if other is not None:
            (again,) = code.score([Answer(row["doc"], "", f"```python\n{other}\n```")], SANDBOX)
            if (again.value == 1) == theirs:
                return "other code is taken out of the reply", example
            alone = row["doc"] | {"prompt": "", "helpers": "", "extract": "official"}
            (bare,) = code.score([Answer(alone, "", f"```python\n{other}\n```")], SANDBOX)
            if (bare.value == 1) == theirs:
                told = short(bare.explanation or bare.status)
                return "the reply leaves out what its prompt imports; here the prompt's imports stand before it", (
                    f"{row['model']} {row['task_id']}, without them: `{told}`"
                )
            return f"the same code ends otherwise there ({again.status} here)", example
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
