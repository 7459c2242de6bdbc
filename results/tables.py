"""Published answers become two tables that `harness import` reads: `scores.jsonl` and `answers.jsonl`.

`python results/tables.py FOLDER` clones every repository of sources.toml at its commit into FOLDER/clones, checks the
files against their hash, and writes both tables into FOLDER. Scores are those of the publishers: their own figure if
they print one, else their own rule (each function below says which).
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from harness.core import panels, say

HERE = Path(__file__).parent
CUT = 6000
"""Characters of an answer to an open prompt that are kept, as in the panels."""
MATH = ("algebra", "arithmetic", "geometry")
"""Categories of Reasoning Gym that are mathematics; the others are reasoning."""
FIRST = 20
"""Questions of each Reasoning Gym set that are taken, and the first of each question's three answers."""
PERIODS = {
    "lineage-8_16_32_64": "2024-12/2025-03",
    "lineage-8_64_128_192": "2025-11/12",
}
"""lineage-bench changed its quizzes in between: models of one period never met those of the other on the same item."""
TASK_OF_PERIOD = {"2024-12/2025-03": "lineage_early_2025", "2025-11/12": "lineage_late_2025"}

Row = dict[str, Any]
Names = dict[str, str]


def sources() -> dict[str, Row]:
    """Entries of sources.toml by name."""
    told: dict[str, Row] = tomllib.loads((HERE / "sources.toml").read_text(encoding="utf-8"))
    return told


def lineage_bench(clone: Path, _: Names) -> Iterator[Row]:
    """`PERIOD/MODEL/MODEL_SIZE.csv` (size, relation, option, quiz, model, provider, effort, system prompt, answer).

    An answer without a number counts as wrong, as the publisher counts it.
    """
    for path in sorted(clone.glob("lineage-8_*/*/*.csv")):
        period, model = path.parts[-3], path.parts[-2]
        with path.open(encoding="utf-8", newline="") as file:
            for _size, _relation, option, quiz, *_, answer in csv.reader(file):
                yield {
                    "period": PERIODS[period],
                    "model": model,
                    "prompt_id": _sha1(quiz)[:12],
                    "output": answer,
                    "correct": float(_option(answer) == option),
                }


_STATED = re.compile(r"<ANSWER>([0-9])</ANSWER>")
_HINTED = re.compile(
    r"(?:boxed|mathbf)\{(?:\\text\{)?([0-9])\}|(?:ANSWER|Answer)\W{1,12}([0-9])|<ACTION>([0-9])</ACTION>"
)


def _option(answer: str) -> str | None:
    """The first option stated in tags; else one that is marked in another way (compute_metrics.py --relaxed)."""
    stated = _STATED.search(answer) or _HINTED.search(answer)
    return next((group for group in stated.groups() if group), None) if stated else None


def reasoning_gym(clone: Path, _: Names) -> Iterator[Row]:
    """`zero-shot/LEVEL/VENDOR_MODEL_DATE/CATEGORY/SET.json`, with a score from 0 to 1 for every answer."""
    for path in sorted(clone.glob("reasoninggym-paper-experiments/zero-shot/*/*/*/*.json")):
        level, folder, category = path.parts[-4:-1]
        for result in json.loads(path.read_text(encoding="utf-8"))["results"][:FIRST]:
            first = result["completions"][0]
            yield {
                "level": level,
                "category": category,
                "model": re.sub(r"^[^_]*_|_\d{8}_\d{6}$", "", folder),
                "prompt_id": f"{level}/{path.stem}/{_sha1(result['question'])[:12]}",
                "output": first["full_model_response"],
                "correct": first["score"],
            }


def algotune(clone: Path, names: Names) -> Iterator[Row]:
    """`results/MODEL/TASK/*.py`; correct is that `reports/agent_summary.json` has a speedup: a valid solver."""
    summary = json.loads((clone / "reports" / "agent_summary.json").read_text(encoding="utf-8"))
    for folder in sorted(path for path in clone.glob("results/*/*") if path.is_dir()):
        model, task = names.get(folder.parts[-2]), folder.name
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        if model is not None and task in summary and files:
            code = "\n\n".join(path.read_text(encoding="utf-8", errors="replace") for path in files)
            speedup = summary[task].get(model, {}).get("final_speedup", "N/A")
            yield {"model": model, "prompt_id": task, "output": code, "correct": float(speedup != "N/A")}


def zeroeval(clone: Path, names: Names) -> Iterator[Row]:
    """`result_dirs/SET/MODEL.json`; correct is that the answer is a plain number, and that of the solution.

    Stricter than the publisher (src/evaluation/math_eval.py), who takes the first number of an answer: `6 pints` counts
    as wrong here. A model that writes units is left out of sources.toml.
    """
    for path in sorted(clone.glob("result_dirs/*/*.json")):
        if path.stem in names:
            for item in json.loads(path.read_text(encoding="utf-8")):
                prompt, answer = item["chat_history"][0], item["output"][0]
                gold = _plain(item["answer"].replace("#", ""))
                yield {
                    "corpus": {"gsm": "zeroeval_gsm", "math-l5": "zeroeval_math_l5"}[path.parts[-2]],
                    "model": names[path.stem],
                    "prompt_id": hashlib.sha256(prompt.encode()).hexdigest()[:16],
                    "output": answer,
                    "correct": float(gold is not None and _plain(_field(answer)) == gold),
                }


_FIELD = re.compile(r'"answer"\s*:\s*("(?:[^"\\]|\\.)*"|[^,}\n]+)')


def _field(answer: str) -> str:
    """What the answer's JSON has under `answer`."""
    found = _FIELD.findall(answer)
    return found[0].strip().strip('"') if found else ""


def _plain(text: str) -> float | None:
    try:
        return float(text.replace("$", "").replace(",", "").replace("%", "").strip())
    except ValueError:
        return None


def farel_bench(clone: Path, names: Names) -> Iterator[Row]:
    """`results/VERSION/MODEL.log`: requests as Python prints them, each with its answer, in the order of the CSV."""
    table = next(iter(sorted(clone.glob("results/*/farel-bench.csv"))))
    with table.open(encoding="utf-8", newline="") as file:
        options = [row[2] for row in csv.reader(file)]
    for path in sorted(clone.glob("results/*/*.log")):
        name = names.get(str(path.relative_to(clone / "results").with_suffix("")))
        if name is None:
            continue
        parts = re.split(r"^\[\{'role': .*\}\]$\n?", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
        for place, (answer, option) in enumerate(zip(parts, options, strict=True)):
            stated = re.search(r"<ANSWER>(.*?)</ANSWER>", answer)
            yield {
                "model": name,
                "prompt_id": f"farel{place:03}",
                "output": answer.strip(),
                "correct": float(stated is not None and stated[1].strip() == option),
            }


def skythought(clone: Path, names: Names) -> Iterator[Row]:
    """`outputs/MODEL/SET_eval/SET/*.jsonl`, as Qwen2.5-Math's evaluation writes it: answers in `code`, then `score`."""
    top = clone / "skythought/Qwen2.5-Math/evaluation/outputs"
    for path in sorted(top.rglob("*_s0_e-1.jsonl")):
        model = names.get(str(path.relative_to(top).parents[2]))
        if model is not None:
            for line in path.read_text(encoding="utf-8").splitlines():
                item = json.loads(line)
                yield {
                    "task": path.parent.name,
                    "model": model,
                    "prompt_id": f"{path.parent.name}_{item['idx']}",
                    "output": item["code"][0],
                    "correct": float(item["score"][0]),
                }


def misguided_attention(clone: Path, names: Names) -> Iterator[Row]:
    """`eval/RESULTS/output_queries_*.json`: several answers to a trick question, none of them scored here."""
    for path in sorted(clone.glob("eval/*/output_queries*.json")):
        for result in json.loads(path.read_text(encoding="utf-8"))["results"]:
            for answer in result["output"]:
                yield {
                    "corpus": "misguided_attention",
                    "model": names.get(result["llm"], result["llm"]),
                    "prompt_id": result["prompt_id"],
                    "prompt": result["prompt"],
                    "output": answer,
                }


def speechmap(clone: Path, _: Names) -> Iterator[Row]:
    """`responses/SET_MODEL.jsonl`: one answer to a political request each, as the API sent it; no scores."""
    for path in sorted(clone.glob("responses/*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            choices = (row["response"] or {}).get("choices") or [{}]
            yield {
                "corpus": "speechmap",
                "model": re.sub(r"-2024-09-12$", "", row["model"].rpartition("/")[2]),
                "prompt_id": f"{path.name.partition('_criticism')[0]}/{row['question_id']}",
                "prompt": row["question"],
                "output": (choices[0].get("message") or {}).get("content"),
            }


READERS: dict[str, Callable[[Path, Names], Iterator[Row]]] = {
    reader.__name__: reader for reader in (
        lineage_bench, reasoning_gym, algotune, zeroeval, farel_bench, skythought, misguided_attention, speechmap,
    )
}  # fmt: skip


def shape(name: str, frame: pl.DataFrame, source: Row) -> pl.DataFrame:
    """Rows that `harness import` takes: the models listed for each task, the items that all of them answered.

    Scored answers come without their text, which stays where it is published: the leaderboard needs verdicts alone, and
    quizzes say little of style. Answers to open prompts come with text and prompt, and are read against the panel of
    those prompts.

    Args:
        name: of the source.
        frame: what its reader gives, or a table of the same columns.
        source: its entry in sources.toml.
    """
    task = {
        "lineage_bench": pl.col("period").replace_strict(TASK_OF_PERIOD) if name == "lineage_bench" else None,
        "reasoning_gym": pl.format(
            "gym_{}_{}",
            pl.when(pl.col("category").is_in(MATH)).then(pl.lit("math")).otherwise(pl.lit("reasoning")),
            pl.col("level"),
        ),
        "zeroeval": pl.col("corpus").replace(
            {"zeroeval_gsm": "gsm8k_zeroeval", "zeroeval_math_l5": "math_l5_zeroeval"}
        ),
        "skythought": pl.format("{}_skythought", pl.col("task")),
    }.get(name, pl.lit(name))
    frame = frame.with_columns(task.alias("task"))
    wanted = [(task, model) for task, models in source["tasks"].items() for model in models]
    frame = frame.join(pl.DataFrame(wanted, ["task", "model"], orient="row"), on=["task", "model"], how="semi")
    if "prompt" in frame.columns:
        return _open(name, frame)
    if items := source.get("items"):
        frame = frame.filter(pl.col("prompt_id").is_in([f"farel{place:03}" for place in items]))
    frame = frame.select(
        "task", "model", "prompt_id", pl.lit("").alias("output"), pl.col("correct").cast(pl.Float64)
    ).unique(["task", "model", "prompt_id"], keep="last", maintain_order=True)
    models = pl.col("model").n_unique()
    shared = (
        frame.group_by("task", "prompt_id")
        .agg(models.alias("had"))
        .join(frame.group_by("task").agg(models.alias("all")), on="task")
        .filter(pl.col("had") == pl.col("all"))
    )
    return frame.join(shared, on=["task", "prompt_id"], how="semi").sort("task", "prompt_id", "model")


def _open(panel: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Answers to a panel's prompts, known by name or text; a prompt's second wording is read as the first."""
    path = panels.SHIPPED / f"{panel}.prompts.jsonl"
    told = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    known = {line["name"]: line["text"] for line in told} | {line["text"]: line["text"] for line in told}
    text = pl.coalesce(pl.col(name).replace_strict(known, default=None) for name in ("prompt_id", "prompt"))
    cut = pl.col("output").str.slice(0, CUT).str.strip_chars()
    frame = (
        frame.with_columns(text.alias("prompt"), cut).drop_nulls(["prompt", "output"]).filter(pl.col("output") != "")
    )
    return frame.select("task", "model", "prompt", "output").sort("task", "prompt", "model", "output")


def fetch(source: Row, into: Path) -> Path:
    """A clone with the source's files alone, at its commit, whose files have its hash.

    Raises:
        SystemExit: git fails, or the files are others.
    """
    if not (into / ".git").exists():
        subprocess.run(
            ["git", "clone", "--quiet", "--filter=blob:none", "--no-checkout", source["url"], into], check=True
        )
        subprocess.run(
            ["git", "-C", into, "sparse-checkout", "set", "--no-cone", *(f"/{path}" for path in source["paths"])],
            check=True,
        )
    subprocess.run(["git", "-C", into, "checkout", "--quiet", source["commit"]], check=True)
    if (wanted := source.get("sha256")) and (found := digest(into)) != wanted:
        raise SystemExit(f"{into}: its files hash to {found}, expected {wanted}; delete the folder and try again")
    return into


def digest(clone: Path) -> str:
    """SHA-256 over `sha256  path` of every file of a clone, sorted by path."""
    whole = hashlib.sha256()
    for path in sorted(path for path in clone.rglob("*") if path.is_file() and ".git" not in path.parts):
        one = hashlib.sha256(path.read_bytes()).hexdigest()
        whole.update(f"{one}  {path.relative_to(clone).as_posix()}\n".encode())
    return whole.hexdigest()


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def main(folder: Path) -> None:
    """Fetch and convert every source."""
    tables = {}
    for name, source in sources().items():
        clone = fetch(source, folder / "clones" / name)
        rows = list(READERS[name](clone, source.get("names", {})))
        tables[name] = shape(name, pl.DataFrame(rows, infer_schema_length=None), source)
        say(f"{name}: {tables[name].height} answers of {tables[name]['model'].n_unique()} models")
    write(tables, folder)


def write(tables: Mapping[str, pl.DataFrame], folder: Path) -> None:
    """`scores.jsonl` has the answers with a verdict and without a text, `answers.jsonl` the others."""
    for name, column in (("scores", "correct"), ("answers", "prompt")):
        pl.concat(table for table in tables.values() if column in table.columns).write_ndjson(folder / f"{name}.jsonl")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
