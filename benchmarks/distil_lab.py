"""Teachers we control: what the detector sees of students whose history is known.

    python benchmarks/distil_lab.py DATA OUT [--device cuda] [--teachers MODEL ...] [--doses N ...] [--seeds N ...]
        [--passes N] [--asked N]
    python benchmarks/distil_lab.py DATA OUT --report

Teaching needs `pip install torch transformers accelerate gguf` beside the project (a throw-away environment will do);
`--report` does not. SmolLM2-135M is fine-tuned on so many of a teacher's answers to AlpacaEval prompts: sequence-level
distillation (Kim and Rush 2016, arXiv 1606.07947). Beside the students stand untaught twins: the same prompts, number
of steps and seed, on the base's own sampled answers. Prompts and steps do not depend on the teacher: one twin serves
all teachers. Every student then answers prompts that none was taught, and is read against the panel `alpaca_eval` as
`harness provenance report --panel` reads any suspect, with all of the panel's candidates.

DATA holds `outputs/{alpaca_eval,prompts}.parquet` and `labels/models.csv`. A dose that AlpacaEval has no prompts for
takes prompts of DATA's other sets that all of the teachers answered. Students that OUT holds are not taught again, and
a process may be killed at any time: what it was at is done again. Several processes on one OUT share the work.
`OUT/labelled` is a labelled set that `harness provenance validate` reads. Results: benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import importlib.metadata
import itertools
import json
import math
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import polars as pl

import harness
from harness.core import weights
from harness.errors import ConfigError
from harness.provenance.comparison import change
from harness.provenance.comparison.evidence import EVIDENCE, LEAST_PROMPTS
from harness.provenance.panels import panel
from harness.provenance.verdicts import pools, reports
from harness.stats import wilson

STUDENT = "smollm2_135m_q4_1"
RELEASED = "2024-11"
"""Of SmolLM2-135M-Instruct: https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct."""
LAB = "huggingface"
TAUGHT_THE_BASE = frozenset({"meta", "openai", "google"})
"""Labs whose models wrote some of what the base was tuned on. Its data are SmolTalk's (Llama 3.1's answers, GPT-4's in
OpenHermes) and UltraFeedback's (GPT-4, Bard, Llama 2): https://huggingface.co/datasets/HuggingFaceTB/smol-smoltalk,
https://huggingface.co/datasets/openbmb/UltraFeedback. If a twin is named with one of these, it is no false alarm."""
PANEL = "alpaca_eval"
TEACHERS = (
    "claude-3-opus-20240229", "gemini-pro", "meta-llama-3-70b-instruct", "mistral-large-2402", "qwen1.5-72b-chat",
    "yi-34b-chat", "cohere-command-2023", "gpt-4-1106-preview",
    "claude-1", "text-davinci-003", "llama-2-70b-chat-hf", "mistral-7b-instruct-v0.2", "qwen-14b-chat",
    "claude-3-5-sonnet-20240620", "gpt-4o-mini", "meta-llama-3.1-405b-instruct-turbo", "mistral-7b-instruct-v0.3",
    "qwen2-72b-instruct", "deepseek-llm-67b-chat", "dbrx-instruct",
)  # fmt: skip
"""Twenty models of ten labs, in the order they are taught, chosen before any was: a well-known one of eight labs, the
first and the last of each lab with five candidates or more (of several in one month, the largest), and two more labs'.
Settings were chosen with two others, claude-2.1 and mistral-medium."""
OWN = "own"
"""The arm of untaught twins."""
DOSES = (192,)
SEEDS = (1,)
ASKED = 189
"""Prompts asked of every student and taught to none. A verdict needs `LEAST_PROMPTS`."""
LONGEST_PROMPT = 500
"""Characters: a long document in the prompt costs time, and shows nothing of an answer's style. 381 of AlpacaEval's 400
are no longer, so 192 of them can be taught if `ASKED` are asked."""
LOSS_PROMPTS = 16
"""Of those, how many teacher answers the held-out loss is over."""
TOKENS = 96
"""Of an answer, trained on and generated; the detector reads the first 100 words and marks."""
TEMPERATURE = 0.3
"""Of answers. At .7 so small a model shows its habits less clearly."""
IGNORED = -100
PASSES, BATCH, RATE = 1, 4, 4e-4
WARM_UP = 0.1
"""Share of the steps; then the rate falls linearly to nothing."""
LONGEST_STEP = 1.0
"""Norm that gradients are clipped to."""
TOGETHER = 64
"""Prompts answered in one batch."""


@dataclass(frozen=True)
class Student:
    """One fine-tuned copy."""

    arm: str
    dose: int
    seed: int
    passes: int = PASSES
    """How often it was shown every answer."""

    @property
    def name(self) -> str:
        """As in the answers."""
        if not self.dose:
            return "untouched"
        return f"{self.arm}-{self.dose}-s{self.seed}" + (f"-x{self.passes}" if self.passes > 1 else "")


STUDENT_COLUMNS = (
    "student", "corpus", "teachers", "teacher_family", "strength", "certainty", "base_model", "student_lab",
    "lineage_group", "evidence", "note", "evidence_seen",
)  # fmt: skip
CONTROL_COLUMNS = ("model", "corpus", "not_trained_on", "reason", "base_family")
"""Of the labels that `harness provenance validate` reads."""


class Model:
    """The student's base, which every training starts from."""

    def __init__(self, device: str) -> None:
        import torch
        from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

        torch.set_num_threads(1)  # threads that wait for each other on a busy machine cost more than they bring
        path = weights.fetch(weights.named(STUDENT))
        where = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
        self.torch: Any = torch
        self.device = device
        self.tokens: Any = AutoTokenizer.from_pretrained(**where, padding_side="left")
        self.tokens.pad_token = self.tokens.pad_token or self.tokens.eos_token
        read = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32).state_dict()
        net: Any = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(**where), dtype=torch.float32)
        net.load_state_dict(read)
        self.net = net.to(device).requires_grad_(requires_grad=False)
        state = self.net.state_dict()
        self.base = {k: v.clone() for k, v in state.items() if k.startswith("model.layers.")}

    def _autocast(self) -> Any:
        return self.torch.autocast(self.device.partition(":")[0], self.torch.bfloat16)

    def _chat(self, prompt: str) -> str:
        chat: str = self.tokens.apply_chat_template(
            [{"role": "user", "content": prompt}], add_generation_prompt=True, tokenize=False
        )
        return chat

    def _read(self, prompt: str, answer: str) -> tuple[Any, Any]:
        """The tokens of a pair, and the one that is to follow each of its places."""
        torch = self.torch
        asked = self.tokens(self._chat(prompt), add_special_tokens=False)["input_ids"]
        said = self.tokens(answer + "<|im_end|>", add_special_tokens=False)["input_ids"][:TOKENS]
        ids = torch.tensor(asked + said, device=self.device)
        return ids, torch.tensor([IGNORED] * (len(asked) - 1) + said + [IGNORED], device=self.device)

    def _loss(self, pairs: list[tuple[Any, Any]]) -> tuple[Any, int]:
        """Sum of negative log-likelihoods of the answers' tokens, and how many; `pairs` are of `_read`."""
        pad = self.torch.nn.utils.rnn.pad_sequence
        tokens = pad([ids for ids, _ in pairs], batch_first=True, padding_value=self.tokens.pad_token_id)
        target = pad([ids for _, ids in pairs], batch_first=True, padding_value=IGNORED)
        here = target != IGNORED
        with self._autocast():  # padded on the right: no token looks there
            out = self.net.model(input_ids=tokens, use_cache=False).last_hidden_state
            logits = self.net.lm_head(out[here])
        loss = self.torch.nn.functional.cross_entropy(logits.float(), target[here], reduction="sum")
        return loss, int(here.sum())

    def train(self, pairs: list[tuple[str, str]], seed: int, passes: int) -> None:
        """Fine-tune the base on pairs of prompt and answer, in place."""
        torch = self.torch
        self.net.load_state_dict(self.base, strict=False)
        if not pairs:
            return
        read = [self._read(*pair) for pair in pairs]
        taught = list(self.net.model.layers.parameters())
        for p in taught:
            p.requires_grad_(requires_grad=True)
        optimiser = torch.optim.AdamW(taught, lr=RATE, weight_decay=0.0, fused=True)
        rng = np.random.default_rng(seed)
        batches = max(1, len(pairs) // BATCH)
        steps = passes * batches
        warm = max(1, round(WARM_UP * steps))
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: min((step + 1) / warm, (steps - step) / max(1, steps - warm))
        )
        for _ in range(passes):
            for batch in np.array_split(rng.permutation(len(pairs)), batches):
                loss, count = self._loss([read[i] for i in batch])
                (loss / count).backward()
                torch.nn.utils.clip_grad_norm_(taught, LONGEST_STEP)
                optimiser.step()
                optimiser.zero_grad()
                schedule.step()
        self.net.requires_grad_(requires_grad=False)

    def loss(self, pairs: list[tuple[str, str]]) -> float:
        """Mean negative log-likelihood of a token, in nats, averaged over answers."""
        with self.torch.no_grad():
            found = [self._loss([self._read(*pair)]) for pair in pairs]
        return float(np.mean([float(total) / count for total, count in found]))

    def _sample(self, net: Any, batch: Any) -> tuple[Any, Any]:
        """Tokens drawn one by one, and whether each answer ended.

        The library's own way held up to 7 GB for 64 prompts, this one 2.7.
        """
        torch = self.torch
        step, mask, seen, said = batch["input_ids"], batch["attention_mask"], None, []
        place = (mask.cumsum(1) - 1).clamp(min=0)
        ended = torch.zeros(len(step), dtype=torch.bool, device=self.device)
        while len(said) < TOKENS and not ended.all():
            out = net.model(
                input_ids=step, attention_mask=mask, position_ids=place, past_key_values=seen, use_cache=True
            )
            scores = net.lm_head(out.last_hidden_state[:, -1]).float() / TEMPERATURE
            token = torch.multinomial(scores.softmax(-1), 1)[:, 0].masked_fill(ended, self.tokens.pad_token_id)
            ended |= token == self.tokens.eos_token_id
            said.append(token)
            seen, step, place = out.past_key_values, token[:, None], place[:, -1:] + 1
            mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
        return torch.stack(said, dim=1), ended

    def answer(self, prompts: Sequence[str], seed: int) -> list[tuple[str, bool]]:
        """Sampled answers, and whether `TOKENS` cut each off.

        Greedy ones of so small a model loop, and looping answers are left out of a fingerprint.
        """
        torch = self.torch
        torch.manual_seed(seed)
        net = copy.deepcopy(self.net).to(torch.bfloat16)  # once, not at every token
        said = [("", False)] * len(prompts)
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        for start in range(0, len(order), TOGETHER):
            here = order[start : start + TOGETHER]
            chats = [self._chat(prompts[i]) for i in here]
            batch = self.tokens(chats, return_tensors="pt", padding=True, add_special_tokens=False).to(self.device)
            with torch.no_grad():
                tokens, ended = self._sample(net, batch)
            texts = self.tokens.batch_decode(tokens, skip_special_tokens=True)
            for i, text, whole in zip(here, texts, ended.tolist(), strict=True):
                said[i] = text, not whole
        return said


@dataclass(frozen=True)
class Lessons:
    """What is taught and asked.

    Attributes:
        taught: AlpacaEval's prompts to teach on, as pairs of name and text.
        more: prompts of other sets, taught when the dose is larger than that.
        asked: prompts to ask, of which none is taught.
        answers: by teacher and prompt.
    """

    taught: Sequence[tuple[str, str]]
    more: Sequence[tuple[str, str]]
    asked: Sequence[tuple[str, str]]
    answers: Mapping[tuple[str, str], str]

    @classmethod
    def read(cls, data: Path, teachers: Sequence[str], dose: int = 0, asked: int = ASKED) -> Lessons:
        """Split AlpacaEval's prompts: the split does not depend on the teachers, so that one twin serves them all.

        Args:
            data: the data folder.
            teachers: models of the panel.
            dose: the largest; other sets are read only if AlpacaEval has fewer prompts.
            asked: how many prompts are kept for asking.

        Raises:
            ConfigError: a teacher is no candidate of the panel, or prompts do not reach the dose or a verdict.
        """
        if asked < LEAST_PROMPTS:
            raise ConfigError(f"{asked} prompts asked: a verdict needs at least {LEAST_PROMPTS}")
        strangers = sorted(set(teachers) - panel.load(PANEL).candidates)
        if strangers:
            raise ConfigError(f"no candidates of the panel {PANEL}: {', '.join(strangers)}")
        texts = pl.read_parquet(data / "outputs" / "prompts.parquet")
        short = texts.filter((pl.col("corpus") == PANEL) & (pl.col("prompt").str.len_chars() <= LONGEST_PROMPT))
        frame = pl.read_parquet(data / "outputs" / f"{PANEL}.parquet").filter(pl.col("model").is_in(list(teachers)))
        answers = {(m, p): o for m, p, o in frame.select("model", "prompt_id", "output").iter_rows() if o and o.strip()}
        rows = short.sort("prompt_id").select("prompt_id", "prompt").rows()
        shuffled = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]
        taught = shuffled[asked:]
        more: list[tuple[str, str]] = []
        if dose > len(taught):
            others = dict(_others(data, texts, teachers))
            barred = {same_text(text) for _, text in shuffled}
            more = [row for row in others if same_text(row[1]) not in barred]
            answers |= {(m, name): said for (name, _), by in others.items() for m, said in by.items()}
        if dose > len(taught) + len(more):
            raise ConfigError(
                f"a dose of {dose}: all {len(teachers)} teachers answered {len(taught) + len(more)} prompts that are "
                f"not asked ({len(taught)} of AlpacaEval); ask for a smaller dose, or for fewer teachers"
            )
        return cls(taught, more, shuffled[:asked], answers)

    def chosen(self, student: Student) -> list[tuple[str, str]]:
        """The prompts that a student is taught on: the same for every teacher, and for the twin."""
        rng = np.random.default_rng(student.seed)
        every = [sets[i] for sets in (self.taught, self.more) for i in rng.permutation(len(sets))]
        return every[: student.dose]

    def pairs(self, student: Student) -> list[tuple[str, str]]:
        """Prompts with the teacher's answers, less the few it left without one."""
        found = [(text, self.answers.get((student.arm, name))) for name, text in self.chosen(student)]
        return [(text, answer) for text, answer in found if answer]


def same_text(text: str) -> str:
    """A prompt without case and spacing: two that agree in this are one prompt."""
    return " ".join(text.lower().split())


def _others(
    data: Path, texts: pl.DataFrame, teachers: Sequence[str]
) -> Iterator[tuple[tuple[str, str], dict[str, str]]]:
    """Prompts of the other sets that all teachers answered, under whatever name: name, text, and the answers."""
    known = pools.registry()
    prompt = {(c, p): text for c, p, text in texts.select("corpus", "prompt_id", "prompt").iter_rows() if text}
    for file in sorted((data / "outputs").glob("*.parquet")):
        if file.stem in (PANEL, "prompts"):
            continue
        names = pl.scan_parquet(file).select("model").unique().collect()["model"].to_list()
        called = {n: t for t in teachers for n in names if n == t or known.name(n).known_as == known.name(t).known_as}
        if set(called.values()) != set(teachers):
            continue
        frame = pl.scan_parquet(file).filter(pl.col("model").is_in(list(called))).drop_nulls("output").collect()
        said: dict[tuple[str, str], dict[str, str]] = {}
        for c, m, p, o in frame.select("corpus", "model", "prompt_id", "output").sort(pl.all()).iter_rows():
            if o.strip() and (c, p) in prompt:
                said.setdefault((c, p), {}).setdefault(called[m], o)
        yield from (((f"{c}/{p}", prompt[c, p]), by) for (c, p), by in said.items() if len(by) == len(set(teachers)))


def main() -> None:
    """Teach, ask, test and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--device", default="cpu", help="as PyTorch names it: cpu, cuda, mps")
    parser.add_argument("--teachers", nargs="+", default=TEACHERS, metavar="MODEL", help="candidates of the panel")
    parser.add_argument("--doses", nargs="+", type=int, default=DOSES, metavar="N", help="answers taught")
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS, metavar="N")
    parser.add_argument("--passes", type=int, default=PASSES, metavar="N", help="times that every answer is shown")
    parser.add_argument("--asked", type=int, default=ASKED, metavar="N", help="prompts asked of every student")
    parser.add_argument("--report", action="store_true", help="teach nothing: test the students that OUT holds")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    students = students_of(options.teachers, options.doses, options.seeds, options.passes)
    try:
        lessons = Lessons.read(options.data, options.teachers, max(options.doses), options.asked)
    except ConfigError as error:
        parser.error(str(error))
    if not options.report:
        _teach(students, lessons, options.out, options.device)
    done = [student for student in students if made(student, lessons, options.out)]
    missing = [student.name for student in students if student not in done]
    if missing:
        print(f"not there yet: {', '.join(missing)}")
    if done:
        label(done, lessons, options.data, options.out)
        taught = [teacher for teacher in options.teachers if any(s.arm == teacher for s in done)]
        print("\n\n".join(tables([read(student, lessons, options.out, taught) for student in done])))
        print(json.dumps(_manifest(options.data, students, lessons), indent=1))


def students_of(
    teachers: Sequence[str], doses: Sequence[int], seeds: Sequence[int], passes: int = PASSES
) -> list[Student]:
    """The untouched base, and per dose and seed a student of every teacher and their one twin, the highest dose first.

    The twin depends on prompts, steps and seed alone, so it is the twin of all who were taught on the same.
    """
    arms = (*teachers, OWN)
    return [*(Student(a, d, s, passes) for s in seeds for d in sorted(doses)[::-1] for a in arms), Student(OWN, 0, 0)]


def _teach(students: list[Student], lessons: Lessons, out: Path, device: str) -> None:
    """Teach and ask all that are missing; those that another process is at are left to it."""
    model: Model | None = None
    for student in students:
        try:
            with filelock.FileLock(out / f"{student.name}.lock", blocking=False):
                if made(student, lessons, out):
                    continue
                model = model or Model(device)
                _make(model, student, lessons, out)
        except filelock.Timeout:
            print(f"{student.name}: another process is at it", flush=True)


def made(student: Student, lessons: Lessons, out: Path) -> bool:
    """Whether a student was taught and asked to the end, as it would be today: its facts are written last."""
    facts = out / f"{student.name}.json"
    return facts.is_file() and json.loads(facts.read_text(encoding="utf-8"))["settings"] == settings(student, lessons)


def _make(model: Model, student: Student, lessons: Lessons, out: Path) -> None:
    cpu = time.process_time()
    pairs = lessons.pairs(student)
    if student.arm == OWN:
        texts = [text for _, text in lessons.chosen(student)]
        model.train([], 0, 0)
        pairs = [(text, said) for text, (said, _) in zip(texts, model.answer(texts, student.seed), strict=True)]
    model.train(pairs, student.seed, student.passes)
    trained = time.process_time() - cpu
    losses = {}
    for teacher in sorted({teacher for teacher, _ in lessons.answers}) if student.arm == OWN else [student.arm]:
        held = [(text, answer) for name, text in lessons.asked if (answer := lessons.answers.get((teacher, name)))]
        losses[teacher] = model.loss(held[:LOSS_PROMPTS])
    said = model.answer([text for _, text in lessons.asked], student.seed)
    rows = [
        {"model": student.name, "prompt_id": name, "prompt": text, "output": answer, "cut": cut}
        for (name, text), (answer, cut) in zip(lessons.asked, said, strict=True)
    ]
    facts = {"losses": losses, "cpu_training": trained, "cpu": time.process_time() - cpu, "pairs": len(pairs)}
    facts["settings"] = settings(student, lessons)
    facts["packages"] = {name: importlib.metadata.version(name) for name in ("torch", "transformers", "gguf")}
    _put(out / f"{student.name}.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    _put(out / f"{student.name}.json", json.dumps(facts, indent=1) + "\n")
    print(f"{student.name}: {facts['cpu']:.0f} CPU s, of which {trained:.0f} taught it", flush=True)


def settings(student: Student, lessons: Lessons) -> dict[str, Any]:
    """What a student is made with: one that was made otherwise is another one."""
    fixed = {
        "asked": len(lessons.asked), "tokens": TOKENS, "temperature": TEMPERATURE, "epochs": student.passes,
        "batch": BATCH, "rate": RATE, "warm_up": WARM_UP, "clip": LONGEST_STEP,
    }  # fmt: skip
    if student.dose <= len(lessons.taught):
        return fixed
    names = "\n".join(name for name, _ in lessons.chosen(student))  # they depend on who else teaches
    return fixed | {"prompts_sha256": hashlib.sha256(names.encode()).hexdigest()}


def _put(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_suffix(path.suffix + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def label(students: Sequence[Student], lessons: Lessons, data: Path, out: Path) -> None:
    """Write the students as a labelled set: answers, `students.csv`, `controls.csv` and `models.csv`.

    The answers are the students' and all other models', to the asked prompts. Untaught ones are controls of those
    labs that taught neither them nor their base.
    """
    folder = out / "labelled"
    folder.mkdir(exist_ok=True)
    lab = {name: panel.load(PANEL).facts[name].lab or "" for name in panel.load(PANEL).candidates}
    names = [name for name, _ in lessons.asked]
    others = pl.read_parquet(data / "outputs" / f"{PANEL}.parquet").filter(pl.col("prompt_id").is_in(names))
    others = others.with_columns(cut=pl.lit(value=False))
    ours = [row | {"corpus": PANEL} for s in students for row in _answers(s, out)]
    outputs = [others, pl.DataFrame(ours).select(others.columns)]
    pl.concat(outputs).write_parquet(folder / "outputs.parquet")
    taught = [
        {
            "student": s.name, "corpus": PANEL, "teachers": s.arm, "teacher_family": lab[s.arm],
            "strength": "sft_on_teacher_outputs", "certainty": "certain", "base_model": "smollm2-135m-instruct",
            "student_lab": LAB, "lineage_group": f"distil-{s.arm}", "evidence": "benchmarks/distil_lab.py",
            "note": f"{s.dose} answers, {s.passes} times, seed {s.seed}", "evidence_seen": "verified",
        }
        for s in students if s.arm != OWN
    ]  # fmt: skip
    free = sorted({lab[s.arm] for s in students if s.arm != OWN} - TAUGHT_THE_BASE)
    controls = [
        {
            "model": s.name, "corpus": PANEL, "not_trained_on": ";".join(free), "base_family": "smollm2",
            "reason": "taught its own answers; no documented teacher of its base is of these labs",
        }
        for s in students if s.arm == OWN and free
    ]  # fmt: skip
    known = pl.read_csv(data / "labels" / "models.csv", infer_schema=False)
    new = [
        {
            "corpus": PANEL, "model": s.name, "role": "control" if s.arm == OWN else "student", "lab": LAB,
            "released": RELEASED,
        }
        for s in students
    ]  # fmt: skip
    pl.DataFrame(taught, schema=dict.fromkeys(STUDENT_COLUMNS, pl.String)).write_csv(folder / "students.csv")
    pl.DataFrame(controls, schema=dict.fromkeys(CONTROL_COLUMNS, pl.String)).write_csv(folder / "controls.csv")
    pl.concat([known, pl.DataFrame(new).select(known.columns)]).write_csv(folder / "models.csv")


def _answers(student: Student, out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / f"{student.name}.jsonl").read_text(encoding="utf-8").splitlines()]


@dataclass(frozen=True)
class Reading:
    """What the detector says of one student.

    Attributes:
        student: who.
        prompts: it answered in a way that can be compared.
        candidates: how many could be tested.
        scores: by candidate, with limits, p, q and rank.
        labs: by lab, p, q and rank among the labs tested.
        named: labs that it is said to resemble.
        alone: by teacher, whether its lab is named when it is the only candidate, as in a registered comparison.
        losses: on held-out answers, by teacher.
        cpu: seconds.
        steps: how much nearer it is to each candidate than the untouched base is, beyond what holds of everybody
            (`provenance.change`). Empty if the base was not asked.
    """

    student: Student
    prompts: int
    candidates: int
    scores: Mapping[str, Mapping[str, float | None]]
    labs: Mapping[str, tuple[float, float, int]]
    named: tuple[str, ...]
    alone: Mapping[str, bool]
    losses: Mapping[str, float]
    cpu: float
    steps: Mapping[str, float] = field(default_factory=dict)

    @property
    def by_step(self) -> list[str]:
        """The candidates, the one that training brought it nearest to first."""
        return sorted(self.steps, key=lambda name: -self.steps[name])


def read(student: Student, lessons: Lessons, out: Path, teachers: Sequence[str] = ()) -> Reading:
    """Read a student's answers against the panel, as those of any suspect; nothing but lab and month is told.

    It is read once with all candidates, and once with each of `teachers` as the only one.
    """
    frame = _frame(student, lessons, out)
    known = pools.told(pools.registry(), student.name, {"released": RELEASED, "lab": LAB})
    pool = pools.against(PANEL, frame, student.name, (), known, {})
    (found,) = reports.findings([pool], [student.name], interval=True, by_domain=False)
    (out / f"{student.name}.report.json").write_text(json.dumps(found.json()) + "\n", encoding="utf-8")
    alone = {
        teacher: bool(reports.findings([pool], [student.name], [teacher], interval=False, by_domain=False)[0].named)
        for teacher in teachers
    }
    facts = json.loads((out / f"{student.name}.json").read_text(encoding="utf-8"))
    p = sorted(lab.p for lab in found.labs if lab.p is not None)
    return Reading(
        student, found.suspect_prompts, len(found.tested),
        {t.candidate: {"z": t.z, "low": t.z_low, "high": t.z_high, "p": t.p, "q": t.q, "rank": t.rank}
         for t in found.tested},
        {lab.lab or "?": (lab.p, lab.q or 1.0, 1 + p.index(lab.p)) for lab in found.labs if lab.p is not None},
        tuple(lab.lab or "?" for lab in found.named), alone, facts["losses"], facts["cpu"],
        steps(student, lessons, out),
    )  # fmt: skip


def _frame(student: Student, lessons: Lessons, out: Path) -> pl.DataFrame:
    """A student's answers as a pool reads them."""
    ids = panel.load(PANEL).aliases
    rows = [row for row in _answers(student, out) if row["prompt_id"] in dict(lessons.asked)]
    return pl.DataFrame(
        {
            "task": "distil", "version": "1", "model": student.name, "prompt_id": [ids[r["prompt_id"]] for r in rows],
            "alias": None, "prompt": [r["prompt"] for r in rows], "domain": None, "repeat": 0,
            "output": [r["output"] for r in rows], "cut": [r["cut"] for r in rows],
        },
        schema_overrides={"alias": pl.String, "domain": pl.String},
    )  # fmt: skip


def steps(student: Student, lessons: Lessons, out: Path) -> dict[str, float]:
    """How far training brought a student to each candidate: what `harness provenance change BASE STUDENT` prints."""
    base = Student(OWN, 0, 0)
    if not student.dose or not (out / f"{base.name}.jsonl").is_file():
        return {}
    known = pools.registry()
    for name in (base.name, student.name):
        known = pools.told(known, name, {"released": RELEASED, "lab": LAB, "base": "smollm2"})
    both = pl.concat([_frame(one, lessons, out) for one in (base, student)])
    pool = pools.combined(pools.against(PANEL, both, student.name, [base.name], known, {}))
    found = change.change(pool.prints, pool.facts, base.name, student.name, EVIDENCE, 0)
    return {row.other: row.value for row in found if row.other in panel.load(PANEL).candidates}


def tables(readings: Sequence[Reading]) -> Iterator[str]:
    """Markdown: a row per student, a row per dose, and every student's score with every teacher."""
    lab = {name: fact.lab or "?" for name, fact in panel.load(PANEL).facts.items()}
    yield _table([_row(reading, readings, lab) for reading in readings])
    yield _table(list(by_dose(readings, lab)))
    teachers = list(dict.fromkeys(r.student.arm for r in readings if r.student.arm != OWN))
    yield _table(
        [
            {"score with": teacher}
            | {r.student.name: _number(r.scores.get(teacher, {}).get("z"), "+.2f") for r in readings}
            for teacher in teachers
        ]
    )


def _row(reading: Reading, readings: Sequence[Reading], lab: Mapping[str, str]) -> dict[str, Any]:
    student = reading.student
    about: dict[str, Any] = {"student of": student.arm if student.dose else "nobody", "pairs": student.dose}
    about["seed"] = student.seed if student.dose else "-"
    mine, twin = reading.scores.get(student.arm, {}), twin_of(reading, readings)
    place, order = reading.labs.get(lab.get(student.arm, "")), reading.by_step
    first = min(reading.labs, key=lambda name: reading.labs[name][0], default=None)
    untouched = next((r for r in readings if not r.student.dose), None)
    return about | {
        "loss, untouched": _number(untouched.losses.get(student.arm) if untouched else None, ".2f"),
        "loss": _number(reading.losses.get(student.arm), ".2f"),
        "score with its teacher": _interval(mine),
        "the twin's": _number(twin.scores.get(student.arm, {}).get("z") if twin else None, "+.2f"),
        "the untouched base's": _number(untouched.scores.get(student.arm, {}).get("z") if untouched else None, "+.2f"),
        "p": _number(mine.get("p"), ".4f"),
        "rank": f"{mine['rank']} of {reading.candidates}" if mine.get("rank") else "-",
        "lab's p": _number(place[0] if place else None, ".4f"),
        "lab's q": _number(place[1] if place else None, ".3f"),
        "lab's rank": f"{place[2]} of {len(reading.labs)}" if place else "-",
        "first lab, p, q": f"{first}, {reading.labs[first][0]:.4f}, {reading.labs[first][1]:.3f}" if first else "-",
        "verdict": ", ".join(reading.named) or "none",
        "largest step from the base": f"{order[0]} {reading.steps[order[0]]:+.2f}" if order else "-",
        "its teacher's rank by step": (
            f"{order.index(student.arm) + 1} of {len(order)}" if student.arm in order else "-"
        ),
        "asked about its teacher alone": {True: "named", False: "none", None: "-"}[reading.alone.get(student.arm)],
        "n": reading.prompts,
        "CPU s": f"{reading.cpu:.0f}",
    }  # fmt: skip


def twin_of(reading: Reading, readings: Sequence[Reading]) -> Reading | None:
    """The untaught twin: the same dose, seed and passes."""
    me = reading.student
    return next((r for r in readings if r.student == Student(OWN, me.dose, me.seed, me.passes) and me.arm != OWN), None)


def by_dose(readings: Sequence[Reading], lab: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Of the students of every dose, how many are named rightly and wrongly; of their twins, how many at all.

    A lab that taught the base is neither a wrong name nor a false alarm, and is counted apart. Where one teacher alone
    is asked about, every name is counted.
    """
    for dose in sorted({r.student.dose for r in readings if r.student.dose}, reverse=True):
        taught = [r for r in readings if r.student.dose == dose and r.student.arm != OWN]
        twins = [r for r in readings if r.student.dose == dose and r.student.arm == OWN]
        untaught = [*twins, *(r for r in readings if not r.student.dose)]
        right = {r.student: lab[r.student.arm] for r in taught}
        base = [(r, t) for r in taught for t in readings if not t.student.dose and r.student.arm in r.scores]
        beside = [(r, t) for r in taught if (t := twin_of(r, readings)) and r.student.arm in r.scores]
        wrong = [set(r.named) - {right[r.student]} for r in taught]
        found = {
            "its lab named": _share([right[r.student] in r.named for r in taught]),
            "a wrong lab named": _share([bool(names - TAUGHT_THE_BASE) for names in wrong]),
            "a lab that taught the base named": _share([bool(names & TAUGHT_THE_BASE) for names in wrong]),
            "its lab first": _share([r.labs.get(right[r.student], (1, 1, 0))[2] == 1 for r in taught]),
            "its teacher first": _share([r.scores.get(r.student.arm, {}).get("rank") == 1 for r in taught]),
            "from the base, its lab first": _share([lab[r.by_step[0]] == right[r.student] for r in taught if r.steps]),
            "from the base, its teacher first": _share([r.by_step[0] == r.student.arm for r in taught if r.steps]),
            "above the untouched base": _share([_z(r, r.student.arm) > _z(t, r.student.arm) for r, t in base]),
            "above the twin": _share([_z(r, r.student.arm) > _z(t, r.student.arm) for r, t in beside]),
            "asked about its teacher alone, named": _share(
                [r.alone[r.student.arm] for r in taught if r.student.arm in r.alone]
            ),
            "about another's alone, named": _share(
                [named for r in taught for teacher, named in r.alone.items() if teacher != r.student.arm]
            ),
            "untaught, about one alone, named": _share([named for r in untaught for named in r.alone.values()]),
            "twins named with another lab": _share([bool(set(t.named) - TAUGHT_THE_BASE) for t in twins]),
        }
        yield {"pairs": str(dose)} | found | {"its students above the others'": _apart(taught)}


def _apart(taught: Sequence[Reading]) -> str:
    seeds = sorted({r.student.seed for r in taught})
    said = []
    for seed in seeds:
        here = [r for r in taught if r.student.seed == seed and all(s.student.arm in r.scores for s in taught)]
        if len(here) > 1:
            share, p, n = apart(np.array([[_z(r, s.student.arm) for s in here] for r in here]))
            said.append(f"{share:.2f} of {n} pairs, p = {p:.2g}" + (f" (seed {seed})" if len(seeds) > 1 else ""))
    return ", ".join(said) or "-"


def apart(scores: np.ndarray[Any, Any], draws: int = 10_000) -> tuple[float, float, int]:
    """Whether students score with their own teacher above what other teachers' students score with it.

    All are of one base and were taught on the same prompts, so only the teachers differ. p is of a permutation test:
    how often the sum over students is as high when the teachers are dealt to them anew, all ways for up to eight
    students and `draws` of them for more (Phipson and Smyth 2010, https://doi.org/10.2202/1544-6115.1585, of draws).

    Args:
        scores: students x their teachers, in the same order.
        draws: how many ways of dealing are drawn.

    Returns:
        The share of pairs of a teacher's own student and another's in which its own scores higher, p, and the pairs.
    """
    size = len(scores)
    own = np.diag(scores)
    others = ~np.eye(size, dtype=np.bool_)
    higher = (own[None, :] > scores)[others].mean() + (own[None, :] == scores)[others].mean() / 2
    every = math.factorial(size) <= math.factorial(8)
    rng = np.random.default_rng(0)
    deals = itertools.permutations(range(size)) if every else (rng.permutation(size) for _ in range(draws))
    sums = np.array([scores[np.arange(size), list(deal)].sum() for deal in deals])
    as_high = int((sums >= own.sum() - 1e-9).sum())
    p = as_high / len(sums) if every else (as_high + 1) / (len(sums) + 1)
    return float(higher), p, int(others.sum())


def _z(reading: Reading, teacher: str) -> float:
    z = reading.scores.get(teacher, {}).get("z")
    return float("nan") if z is None else z


def _share(found: Sequence[bool]) -> str:
    """How many, and the 95% interval of the share."""
    if not found:
        return "-"
    low, high = wilson(sum(found) / len(found), len(found))
    return f"{sum(found)} of {len(found)} [{low:.2f}, {high:.2f}]"


def _interval(score: Mapping[str, float | None]) -> str:
    limits = [_number(score.get(name), "+.2f") for name in ("low", "high")]
    return f"{_number(score.get('z'), '+.2f')} [{', '.join(limits)}]" if score.get("z") is not None else "-"


def _number(value: float | None, how: str) -> str:
    return "-" if value is None else format(value, how)


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [list(rows[0]), ["---"] * len(rows[0]), *([str(v) for v in row.values()] for row in rows)] if rows else []
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _manifest(data: Path, students: Sequence[Student], lessons: Lessons) -> dict[str, Any]:
    """What would have to be the same for the same figures."""
    spec = weights.named(STUDENT)
    said = {
        name: hashlib.sha256((data / "outputs" / f"{name}.parquet").read_bytes()).hexdigest()
        for name in (PANEL, "prompts")
    }
    return {
        "student": {"file": spec.file, "sha256": spec.sha256},
        "data_sha256": said,
        "students": [student.name for student in students],
        "settings": settings(Student(OWN, 0, 0, students[0].passes), lessons),
        "packages": {"harness": harness.__version__, "numpy": np.__version__, "polars": pl.__version__},
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


if __name__ == "__main__":
    main()
