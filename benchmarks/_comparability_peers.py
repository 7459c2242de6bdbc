"""What other tools say of the same replies: run by `comparability.py` with the interpreter of an environment of theirs.

    PEERS/bin/python benchmarks/_comparability_peers.py < questions.json > verdicts.json

The input has `gsm8k` (rows of `reply`, `target`) and, by data set of EvalPlus (`humaneval`, `mbpp`), rows of
`task_id`, `reply`. The output has for each tool a list of `[verdict, what it took]`, in their order. A tool that is
not installed is left out, and `versions` says which are.
"""

import asyncio
import importlib.metadata
import json
import re
import sys
from pathlib import Path


def versions() -> dict:
    found = {}
    for name in ("lm_eval", "inspect_ai", "evalplus"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def lm_eval_gsm8k(rows: list) -> dict:
    """lm-eval's two filters and its metric, with the arguments of its gsm8k.yaml."""
    import lm_eval.tasks
    import yaml
    from lm_eval.api.metrics import exact_match_fn
    from lm_eval.filters.extraction import RegexFilter

    path = Path(lm_eval.tasks.__file__).parent / "gsm8k/gsm8k.yaml"
    task = yaml.safe_load(re.sub(r"!function (\S+)", r"'\1'", path.read_text(encoding="utf-8")))
    said = {k: v for k, v in task["metric_list"][0].items() if k not in ("metric", "aggregation", "higher_is_better")}
    found = {}
    for named in task["filter_list"]:
        arguments = {k: v for k, v in named["filter"][0].items() if k != "function"}
        taken = RegexFilter(**arguments).apply([[row["reply"]] for row in rows], [{} for _ in rows])
        texts = [of[0] for of in taken]
        right = [
            exact_match_fn(predictions=[text], references=[row["target"]], **said)["exact_match"]
            for text, row in zip(texts, rows, strict=True)
        ]
        found[f"lm-eval {named['name']}"] = [[bool(x), text] for x, text in zip(right, texts, strict=True)]
    return found


def inspect_gsm8k(rows: list) -> dict:
    """Inspect's `match(numeric=True)`, which is what inspect_evals scores GSM8K with."""
    from inspect_ai.model import ChatMessageUser, ModelName, ModelOutput
    from inspect_ai.scorer import Target, match
    from inspect_ai.solver import TaskState

    scorer = match(numeric=True)

    async def one(row: dict) -> list:
        state = TaskState(
            model=ModelName("mockllm/model"), sample_id=0, epoch=0, input="",
            messages=[ChatMessageUser(content="")], output=ModelOutput.from_content("mockllm/model", row["reply"]),
        )  # fmt: skip
        score = await scorer(state, Target(row["target"]))
        return [score.value == "C", score.answer]

    async def every() -> list:
        return [await one(row) for row in rows]

    return {"Inspect match(numeric)": asyncio.run(every())}


def evalplus_code(dataset: str, rows: list) -> dict:
    """EvalPlus: its sanitizer, then its checks; of HumanEval on the original tests alone."""
    from evalplus.data import get_human_eval_plus, get_human_eval_plus_hash, get_mbpp_plus, get_mbpp_plus_hash
    from evalplus.eval import PASS
    from evalplus.eval._special_oracle import MBPP_OUTPUT_NOT_NONE_TASKS
    from evalplus.evaluate import check_correctness, get_groundtruth
    from evalplus.sanitize import sanitize

    problems = get_human_eval_plus() if dataset == "humaneval" else get_mbpp_plus()
    wanted = {row["task_id"] for row in rows}
    problems = {name: problem for name, problem in problems.items() if name in wanted}
    base = dataset == "humaneval"
    for problem in problems.values() if base else ():
        problem["plus_input"] = problem["plus_input"][:1]
    known = get_human_eval_plus_hash() if dataset == "humaneval" else get_mbpp_plus_hash()
    oracle = [] if dataset == "humaneval" else MBPP_OUTPUT_NOT_NONE_TASKS
    expected = get_groundtruth(problems, f"{known}-{len(problems)}", oracle)
    found = []
    for number, row in enumerate(rows):
        problem = problems[row["task_id"]]
        reply = row["reply"]
        if row.get("completion"):
            reply = problem["prompt"] + reply
        code = sanitize(reply, entrypoint=problem["entry_point"])
        verdict = check_correctness(
            dataset, number, problem, code, expected[row["task_id"]], base_only=base, identifier="", fast_check=True
        )
        parts = ("base",) if base else ("base", "plus")
        found.append([all(verdict[part][0] == PASS for part in parts), code])
    return {f"EvalPlus (sanitized, {' and '.join(parts)} tests)": found}


def main() -> None:
    asked = json.load(sys.stdin)
    said = {"versions": versions()}
    out, sys.stdout = sys.stdout, sys.stderr
    if asked.get("gsm8k"):
        said["gsm8k"] = {}
        for name, of in (("lm_eval", lm_eval_gsm8k), ("inspect_ai", inspect_gsm8k)):
            if name in said["versions"]:
                said["gsm8k"] |= of(asked["gsm8k"])
    for dataset in ("humaneval", "mbpp"):
        if asked.get(dataset) and "evalplus" in said["versions"]:
            said[dataset] = evalplus_code(dataset, asked[dataset])
    json.dump(said, out)


if __name__ == "__main__":
    main()
