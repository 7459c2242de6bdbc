"""A panel of a clone of SpeechMap's data (https://huggingface.co/datasets/speechmap/speechmap-data, Apache-2.0).

Its newest data, 377 models asked 2,120 questions, is too large to ship: gigabytes of text, which a user clones. The
clone is read one file of answers after another, and of each nothing is kept but fingerprints, so that memory does not
grow with the texts. It is read twice: some models rank the questions, then all are fingerprinted on the best of them.

A clone holds `questions/CATEGORY.jsonl` (`id`, `question`) and `responses/CATEGORY_….jsonl`, a model a file, with
`question_id`, `model`, and the provider's answer as it came (`response`: `choices`, a `message` with `content` and, of
some models, `reasoning`). Files that end in `.gz` are unpacked as they are read.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from harness.errors import ConfigError
from harness.provenance.answers import common_words, typography
from harness.provenance.answers import fingerprint as fp
from harness.provenance.comparison import similarity
from harness.provenance.comparison.registry import CONTROLS, MODELS, STUDENTS, Labels, Registry
from harness.provenance.panels import panel_files, prompt_order
from harness.provenance.panels.panel import Panel, Prompt

SOURCE = "https://huggingface.co/datasets/speechmap/speechmap-data"
LICENCE = "Apache-2.0"
CATEGORY = "us_hard"
KEEP = 300
"""Questions of the panel, those that predict the others best. More make it larger, and little better."""
RANKING = 60
"""Models that rank the questions, spread evenly over all by name."""
LONGEST = 4_000_000
"""Characters of a line. A longer one is no answer."""
TELLING = 10
"""Answers of each model that tell the panel's language."""
LARGEST = 2_000_000_000
"""Bytes that the similarities of one channel may take: questions x models x models."""
LABS = {
    "ai21": "ai21", "allenai": "ai2", "alibaba": "qwen", "amazon": "amazon", "anthropic": "anthropic", "baidu": "baidu",
    "bytedance": "bytedance", "bytedance-seed": "bytedance", "cohere": "cohere", "deepseek": "deepseek",
    "google": "google", "ibm": "ibm", "inclusionai": "ant", "liquid": "liquid", "meta": "meta", "meta-llama": "meta",
    "meituan": "meituan", "microsoft": "microsoft", "minimax": "minimax", "mistral": "mistral", "mistralai": "mistral",
    "moonshotai": "moonshot", "nousresearch": "nous", "nvidia": "nvidia", "openai": "openai", "perplexity": "perplexity",  # noqa: E501
    "prime-intellect": "primeintellect", "qwen": "qwen", "stepfun": "stepfun", "tencent": "tencent", "tngtech": "tng",
    "x-ai": "xai", "xiaomi": "xiaomi", "z-ai": "thudm",
}  # fmt: skip
"""Labs by what stands before the slash of a model's name. Who is not here is what the registry says."""
ROLLING = ("deepseek-chat", "deepseek-reasoner", "chatgpt-4o-latest")
"""Names, after the slash, that stand for whatever version answered."""
Row = dict[str, Any]


@dataclass
class _Counted:
    """What was read, and what was left out."""

    models: int = 0
    answers: int = 0
    unread: int = 0
    """Lines that hold no answer: no JSON, another form, an error instead of an answer."""
    few: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Built:
    """A panel, and what came of the clone: models and answers read, lines that hold none, models with too few."""

    panel: Panel
    models: int
    answers: int
    unread: int
    few: tuple[str, ...]


def build(
    clone: Path, name: str, known: Registry, *, keep: int = KEEP, reads: str | None = None, category: str = CATEGORY
) -> Built:
    """Make a panel of a clone.

    Args:
        clone: its folder.
        name: of the panel.
        known: the registry.
        keep: questions of the panel.
        reads: the kind of reasoning traces to make it of (`panel.READS`). By default of answers.
        category: whose questions and answers.

    Raises:
        ConfigError: the folder is no such clone, too few models answered, or so many questions take too much memory.
    """
    questions = _questions(clone, category)
    files = _files(clone, category)
    if keep * len(files) ** 2 * 8 > LARGEST:
        most = LARGEST // (8 * len(files) ** 2)
        raise ConfigError(f"{keep} questions of {len(files)} models take too much memory; keep {most} at the most")
    seen = _Counted()
    first = files[:: max(1, len(files) // RANKING)]
    sampled = [prints for prints, _ in _fingerprints(first, questions, known, reads, seen)]
    ranks = prompt_order.ranked(fp.join(*sampled)) if len(sampled) > 1 else {}
    if not ranks:
        raise ConfigError(f"{clone}: too few models answered the questions of {category} to rank them")
    kept = {p: rank for p, rank in ranks.items() if rank <= keep}
    prompts = [
        dataclasses.replace(prompt, rank=kept[prompt.id])
        for prompt in sorted(questions, key=lambda prompt: kept.get(prompt.id, 0))
        if prompt.id in kept
    ]
    seen = _Counted()
    parts: list[fp.Fingerprints] = []
    some: list[str] = []
    words = []
    curly: dict[str, float] = {}
    for prints, answers in _fingerprints(files, prompts, known, reads, seen):
        parts.append(prints)
        some += answers["output"].head(TELLING).to_list()
        words += common_words.shares([answers["output"]])
        curly |= typography.shares(answers)
    said = {
        "language": panel_files.language(some),
        "common_words": common_words.least(words),
        "curly": typography.greatest(curly),
    }
    return Built(_assembled(name, parts, said, prompts, known, reads, category), **_left(seen))


def _left(seen: _Counted) -> Row:
    return {"models": seen.models, "answers": seen.answers, "unread": seen.unread, "few": tuple(seen.few)}


def _assembled(
    name: str, parts: list[fp.Fingerprints], said: Row, prompts: list[Prompt], known: Registry,
    reads: str | None, category: str,
) -> Panel:  # fmt: skip
    whole = fp.join(*parts)
    whole = dataclasses.replace(whole, traces=reads is not None)
    students, controls = (pl.DataFrame(schema=dict.fromkeys(c, pl.String)) for c in (STUDENTS, CONTROLS))
    labels = Labels.of(name, students, controls, _labs(whole.models, known))
    aliases = [model for model in whole.models if model.rpartition("/")[2] in ROLLING]
    entries = panel_files.entries_of(whole.models, labels, known, LICENCE, aliases)
    about = {
        "title": name, "source": f"{SOURCE}, {category}", "licence": LICENCE, "version": 1,
        "facts": panel_files.facts_of(entries), "reads": reads,
        **said,
    }  # fmt: skip
    told = {key: value for key, value in about.items() if value is not None}
    return panel_files.assembled(whole, prompts, entries, told, name)


def _labs(models: tuple[str, ...], known: Registry) -> pl.DataFrame:
    """The lab of every model that the registry does not know, by what stands before the slash."""
    rows = []
    for model in models:
        prefix = model.partition("/")[0].lower()
        if not known.entry(model).get("lab") and prefix in LABS:
            rows.append({"corpus": "", "model": model, "role": "", "lab": LABS[prefix], "released": ""})
    return pl.DataFrame(rows, schema=dict.fromkeys(MODELS, pl.String))


def _questions(clone: Path, category: str) -> list[Prompt]:
    path = clone / "questions" / f"{category}.jsonl"
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        texts = pl.DataFrame({"prompt_id": [str(r["id"]) for r in rows], "prompt": [str(r["question"]) for r in rows]})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path}: no questions that can be read ({error}); expected a clone of {SOURCE} (questions/, responses/)"
        ) from error
    texts = texts.unique("prompt", keep="first", maintain_order=True)
    told = {"origin": "speechmap/speechmap-data", "licence": LICENCE, "published": SOURCE}
    return panel_files.prompts_of(texts.with_columns(**{key: pl.lit(value) for key, value in told.items()}))


def _files(clone: Path, category: str) -> list[Path]:
    found = sorted(
        {*(clone / "responses").glob(f"{category}_*.jsonl"), *(clone / "responses").glob(f"{category}_*.jsonl.gz")}
    )
    if not found:
        raise ConfigError(f"{clone / 'responses'}: no file {category}_*.jsonl; expected a clone of {SOURCE}")
    return found


def _fingerprints(
    files: list[Path], prompts: list[Prompt], known: Registry, reads: str | None, seen: _Counted
) -> Iterator[tuple[fp.Fingerprints, pl.DataFrame]]:
    """The fingerprints of every model, and its answers. A file at a time."""
    ids = panel_files.ids_of(prompts)
    read: set[str] = set()
    for path in files:
        for (model,), part in sorted(
            _answers(path, ids, reads, known, seen).partition_by("model", as_dict=True).items()
        ):
            if model in read:
                raise ConfigError(f"{path.name}: answers of {model}, which are in another file too")
            read.add(str(model))
            if part["prompt_id"].n_unique() < similarity.MIN_SHARED:
                seen.few.append(str(model))
                continue
            seen.models, seen.answers = seen.models + 1, seen.answers + len(part)
            yield panel_files.prints_of(part, reads), part


def _answers(path: Path, ids: Mapping[str, str], reads: str | None, known: Registry, seen: _Counted) -> pl.DataFrame:
    """The answers, or traces, of one file to the questions that are asked for."""
    rows: list[tuple[str, str, str, bool]] = []
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8", errors="replace") as file:
            while line := file.readline(LONGEST):
                row = _answer(line, ids, reads, known)
                if isinstance(row, tuple):
                    rows.append(row)
                else:
                    seen.unread += row
    except (OSError, EOFError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    schema = {"model": pl.String, "prompt_id": pl.String, "output": pl.String, "cut": pl.Boolean}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _answer(line: str, ids: Mapping[str, str], reads: str | None, known: Registry) -> tuple[str, str, str, bool] | bool:
    """Model, prompt, text and whether it was cut off, else whether the line should have held an answer."""
    if not line.strip():
        return False
    try:
        row = json.loads(line)
        prompt = ids.get(row["question_id"])
        if prompt is None:
            return False
        model, choice = row["model"], row["response"]["choices"][0]
        message = choice["message"]
        text = message["content"] if reads is None else message.get("reasoning") or message.get("reasoning_content")
        if reads is not None and (not text or known.traces(model) != reads):
            return False
        if not isinstance(model, str) or not isinstance(text, str):
            return True
        return model, prompt, text, choice.get("finish_reason") == "length"
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return True
