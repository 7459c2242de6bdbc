"""What other tools say of the same replies: run by `comparability.py` with the interpreter of an environment of theirs.

    PEERS/bin/python benchmarks/_comparability_peers.py < questions.json > verdicts.json

The input has sections, each with its `kind` (`gsm8k`, `gsm8k_cot`, `humaneval`, `mbpp`) and `rows`: `reply` and
`target`, or `reply`, `task_id`, `completion` where the reply goes on with the prompt, and `record`, the problem as it
is published, without which EvalPlus alone is asked. The output has for each section and tool a list of `[verdict, what
it took]`, in their order, and `null` where the tool has no such problem. A tool that is not installed is left out, and
`versions` says which are.

lm-eval scores code with the metric `code_eval`, which is on the hub; `CODE_EVAL` names a local copy of its folder
(`metrics/code_eval` of https://github.com/huggingface/evaluate).
"""

import asyncio
import importlib.metadata
import json
import os
import re
import sys
import tempfile
from pathlib import Path


def versions() -> dict:
    found = {}
    for name in ("lm_eval", "inspect_ai", "inspect_evals", "evalplus"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def lm_eval_gsm8k(rows: list, name: str = "gsm8k") -> dict:
    """lm-eval's two filters and its metric, with the arguments of its gsm8k.yaml or gsm8k-cot.yaml."""
    import lm_eval.tasks
    import yaml
    from lm_eval.api.metrics import exact_match_fn
    from lm_eval.filters.extraction import RegexFilter

    path = Path(lm_eval.tasks.__file__).parent / f"gsm8k/{name}.yaml"
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


def lm_eval_code(dataset: str, rows: list) -> dict:
    """lm-eval's own functions of its tasks humaneval and mbpp, and `code_eval` below them, as its tasks call it."""
    import evaluate

    os.environ["HF_ALLOW_CODE_EVAL"] = "1"
    hub = evaluate.load
    evaluate.load = lambda name, *given, **named: hub(os.environ.get("CODE_EVAL", name), *given, **named)
    try:
        if dataset == "humaneval":
            from lm_eval.tasks.humaneval import utils

            records = [row["record"] for row in rows]
            programs = utils.build_predictions([[row["reply"]] for row in rows], records)
            tests = [f"{record['test']}\ncheck({record['entry_point']})" for record in records]
            found = [
                utils.pass_at_k([test], [program], k=[1])["pass@1"]
                for test, program in zip(tests, programs, strict=True)
            ]
        else:
            from lm_eval.tasks.mbpp import utils

            programs = [[row["reply"]] for row in rows]
            tests = ["\n".join(row["record"]["test_list"][:3]) for row in rows]
            found = [utils.pass_at_1([test], [program]) for test, program in zip(tests, programs, strict=True)]
    except (OSError, ConnectionError) as error:
        sys.stderr.write(f"lm-eval's code_eval is not here: {error}\n")
        return {}
    finally:
        evaluate.load = hub
    return {
        f"lm-eval {dataset}": [[bool(right), of[0]] for right, of in zip(found, programs, strict=True)],
    }


def inspect_code(dataset: str, rows: list) -> dict:
    """inspect_evals' scorers of its humaneval and mbpp, run by Inspect; a solver hands in the stored replies.

    Its sandbox is `local`, a subprocess of this machine, where inspect_evals has a container.
    """
    import inspect_ai
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import ModelOutput
    from inspect_ai.solver import solver

    if dataset == "humaneval":
        from inspect_evals.humaneval.humaneval import find_code, record_to_sample, verify

        sample = record_to_sample()
    else:
        from inspect_evals.mbpp.mbpp import find_code, verify

        def sample(record: dict) -> Sample:
            return Sample(input=record["text"], target=record["test_list"], id=record["task_id"])

    samples = []
    for number, row in enumerate(rows):
        made = sample(row["record"])
        made.id = number
        samples.append(made)

    @solver
    def stored() -> object:
        async def solve(state: object, generate: object) -> object:  # noqa: ARG001 - Inspect calls it so
            state.output = ModelOutput.from_content("mockllm/model", rows[int(state.sample_id)]["reply"])
            return state

        return solve

    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as folder:
        (log,) = inspect_ai.eval(
            inspect_ai.Task(dataset=MemoryDataset(samples), solver=stored(), scorer=verify(), sandbox="local"),
            model="mockllm/model", display="none", log_dir=folder, max_samples=2,
        )  # fmt: skip
        # Within the folder: the samples are read when they are asked for.
        verdicts = {int(of.id): of.scores["verify"].value == "C" for of in log.samples}
    taken = [find_code(row["reply"]) for row in rows]
    if dataset == "humaneval":
        taken = [row["record"]["prompt"] + text for row, text in zip(rows, taken, strict=True)]
    return {f"Inspect {dataset}": [[verdicts[number], text] for number, text in enumerate(taken)]}


def evalplus_code(dataset: str, rows: list) -> dict:
    """EvalPlus: its sanitizer, then its checks, on the original tests alone."""
    from evalplus.data import get_human_eval_plus, get_human_eval_plus_hash, get_mbpp_plus, get_mbpp_plus_hash
    from evalplus.eval import PASS
    from evalplus.eval._special_oracle import MBPP_OUTPUT_NOT_NONE_TASKS
    from evalplus.evaluate import check_correctness, get_groundtruth
    from evalplus.sanitize import sanitize

    problems = get_human_eval_plus() if dataset == "humaneval" else get_mbpp_plus()
    wanted = {name_of(dataset, row) for row in rows}
    problems = {name: problem for name, problem in problems.items() if name in wanted}
    for problem in problems.values():
        problem["plus_input"] = problem["plus_input"][:1]
    known = get_human_eval_plus_hash() if dataset == "humaneval" else get_mbpp_plus_hash()
    oracle = [] if dataset == "humaneval" else MBPP_OUTPUT_NOT_NONE_TASKS
    expected = get_groundtruth(problems, f"{known}-{len(problems)}", oracle)
    found = []
    for number, row in enumerate(rows):
        name = name_of(dataset, row)
        if name not in problems:
            found.append(None)
            continue
        problem, reply = problems[name], row["reply"]
        if row.get("completion"):
            reply = problem["prompt"] + reply
        code = sanitize(reply, entrypoint=problem["entry_point"])
        verdict = check_correctness(
            dataset, number, problem, code, expected[name], base_only=True, identifier="", fast_check=True
        )
        found.append([verdict["base"][0] == PASS, code])
    return {"EvalPlus (sanitized, base tests)": found}


def name_of(dataset: str, row: dict) -> str:
    return row["task_id"] if dataset == "humaneval" else f"Mbpp/{row['task_id']}"


def main() -> None:
    asked = json.load(sys.stdin)
    installed = versions()
    said = {"versions": installed, "sections": {}}
    out, sys.stdout = sys.stdout, sys.stderr
    for section, given in asked.items():
        kind, rows, tools = given["kind"], given["rows"], {}
        if kind.startswith("gsm8k"):
            if "lm_eval" in installed:
                tools |= lm_eval_gsm8k(rows, kind.replace("_", "-"))
            if "inspect_ai" in installed:
                tools |= inspect_gsm8k(rows)
        else:
            if "evalplus" in installed:
                tools |= evalplus_code(kind, rows)
            if "lm_eval" in installed and "record" in rows[0]:
                tools |= lm_eval_code(kind, rows)
            if "inspect_evals" in installed and "record" in rows[0]:
                tools |= inspect_code(kind, rows)
        said["sections"][section] = tools
    json.dump(said, out)


if __name__ == "__main__":
    main()
