"""A teacher we control: what the detector sees of students whose history is known.

    python benchmarks/distil_lab.py DATA OUT [--smoke]

Needs `pip install torch transformers accelerate gguf` beside the project (a throw-away environment will do).
SmolLM2-135M is fine-tuned on a teacher's answers to AlpacaEval prompts, at several doses, next to untaught twins: the
same prompts, number of steps and seed, on its own sampled answers. The method is sequence-level distillation (Kim and
Rush 2016, arXiv 1606.07947). Every student then answers prompts that none was trained on, and goes to `harness import`
and `harness provenance --panel alpaca_eval` like any other suspect: the panel's models are the null. DATA holds
`outputs/alpaca_eval.parquet` and `outputs/prompts.parquet`. Students that OUT already holds are not trained again.
Results: benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from harness.core import weights

STUDENT = "smollm2_135m_q4_1"
RELEASED = "2024-11"
"""Of SmolLM2-135M-Instruct: https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct."""
TEACHER = "claude-3-opus-20240229"
"""A style that is rare among the panel's models: the easiest case, so an upper limit of what shows."""
FOIL = "gpt-4-1106-preview"
"""Taught to nobody here; scores and losses toward it show whether what moves is the teacher's style or any style."""
READ = (TEACHER, FOIL)
OWN = "own"
"""The arm of untaught twins."""
DOSES = (8, 32, 128, 256)
SEEDS = (1, 2)
PROMPTS = 80
"""Asked of every student, never trained on; `harness.provenance.evidence.LEAST_PROMPTS` is 50."""
LOSS_PROMPTS = 24
"""Of those, how many teacher answers the held-out loss is over."""
LONGEST_PROMPT = 300
"""Characters: a long document in the prompt costs time, and shows nothing of an answer's style."""
TOKENS = 96
"""Of an answer, trained on and generated; the detector reads the first 100 words and marks."""
TEMPERATURE = 0.7
IGNORED = -100
EPOCHS, BATCH, RATE = 3, 4, 1e-4
WARM_UP = 0.1
"""Share of the steps; then the rate falls linearly to nothing. At a constant rate the held-out loss of 128 pairs is
1.69 instead of 1.62 (two epochs), at three times the rate 1.75."""
LONGEST_STEP = 1.0
"""Norm that gradients are clipped to."""
FROZEN = 15
"""Of 30 layers, and the embeddings: half the cost of a step."""


@dataclass(frozen=True)
class Student:
    """One fine-tuned copy."""

    arm: str
    dose: int
    seed: int

    @property
    def name(self) -> str:
        """As in the answers."""
        return f"{self.arm}-{self.dose}-s{self.seed}" if self.dose else "untouched"


class Model:
    """The student's base, which every training starts from."""

    def __init__(self) -> None:
        import torch
        from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

        torch.set_num_threads(1)  # threads that wait for each other on a busy machine cost more than they bring
        path = weights.fetch(weights.named(STUDENT))
        where = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
        self.torch: Any = torch
        self.tokens: Any = AutoTokenizer.from_pretrained(**where, padding_side="left")
        self.tokens.pad_token = self.tokens.pad_token or self.tokens.eos_token
        read = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32).state_dict()
        self.net: Any = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(**where), dtype=torch.float32)
        self.net.load_state_dict(read)
        self.base = {key: value.clone() for key, value in self.net.state_dict().items()}
        self.net.requires_grad_(requires_grad=False)

    def _ids(self, prompt: str, answer: str) -> tuple[list[int], list[int]]:
        chat = self.tokens.apply_chat_template(
            [{"role": "user", "content": prompt}], add_generation_prompt=True, tokenize=False
        )
        text = self.tokens(chat, add_special_tokens=False)["input_ids"]
        end = "<|im_end|>"
        said = self.tokens(answer + end, add_special_tokens=False)["input_ids"][:TOKENS]
        return text, said

    def _loss(self, pairs: list[tuple[str, str]]) -> tuple[Any, int]:
        """Sum of negative log-likelihoods of the answers' tokens, and how many."""
        torch = self.torch
        rows = [self._ids(*pair) for pair in pairs]
        size = max(len(p) + len(a) for p, a in rows)
        ids = torch.full((len(rows), size), self.tokens.pad_token_id)
        target = torch.full((len(rows), size), IGNORED)
        mask = torch.zeros((len(rows), size), dtype=torch.long)
        for i, (p, a) in enumerate(rows):
            ids[i, : len(p) + len(a)] = torch.tensor(p + a)
            target[i, len(p) : len(p) + len(a)] = torch.tensor(a)
            mask[i, : len(p) + len(a)] = 1
        with torch.autocast("cpu", torch.bfloat16):
            hidden = self.net.model(input_ids=ids, attention_mask=mask).last_hidden_state
            here = target[:, 1:] != IGNORED
            logits = self.net.lm_head(hidden[:, :-1][here])
        loss = torch.nn.functional.cross_entropy(logits.float(), target[:, 1:][here], reduction="sum")
        return loss, int(here.sum())

    def train(self, pairs: list[tuple[str, str]], seed: int) -> None:
        """Fine-tune the base on pairs of prompt and answer, in place."""
        torch = self.torch
        self.net.load_state_dict(self.base)
        if not pairs:
            return
        taught = [p for layer in self.net.model.layers[FROZEN:] for p in layer.parameters()]
        for p in taught:
            p.requires_grad_(requires_grad=True)
        optimiser = torch.optim.AdamW(taught, lr=RATE, weight_decay=0.0)
        rng = np.random.default_rng(seed)
        batches = max(1, len(pairs) // BATCH)
        steps = EPOCHS * batches
        warm = max(1, round(WARM_UP * steps))
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: min((step + 1) / warm, (steps - step) / max(1, steps - warm))
        )
        for _ in range(EPOCHS):
            for batch in np.array_split(rng.permutation(len(pairs)), batches):
                loss, count = self._loss([pairs[i] for i in batch])
                (loss / count).backward()
                torch.nn.utils.clip_grad_norm_(taught, LONGEST_STEP)
                optimiser.step()
                optimiser.zero_grad()
                schedule.step()
        self.net.requires_grad_(requires_grad=False)

    def loss(self, pairs: list[tuple[str, str]]) -> list[float]:
        """Mean negative log-likelihood of a token, per answer, in nats."""
        with self.torch.no_grad():
            found = [self._loss([pair]) for pair in pairs]
        return [float(total) / count for total, count in found]

    def answer(self, prompts: list[str], seed: int) -> list[str]:
        """Sampled answers: greedy ones of so small a model loop, and looping answers are left out of a fingerprint."""
        torch = self.torch
        torch.manual_seed(seed)
        said = []
        for start in range(0, len(prompts), 40):
            chats = [
                self.tokens.apply_chat_template(
                    [{"role": "user", "content": p}], add_generation_prompt=True, tokenize=False
                )
                for p in prompts[start : start + 40]
            ]
            batch = self.tokens(chats, return_tensors="pt", padding=True, add_special_tokens=False)
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                out = self.net.generate(
                    **batch, max_new_tokens=TOKENS, do_sample=True, temperature=TEMPERATURE, top_k=0,
                    pad_token_id=self.tokens.pad_token_id,
                )  # fmt: skip
            said += self.tokens.batch_decode(out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
        return said


def main() -> None:
    """Teach, ask, test and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--smoke", action="store_true", help="the lowest dose and one seed: a few minutes")
    parser.add_argument("--report", action="store_true", help="train nothing: test the students that OUT holds")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    doses, seeds = (DOSES[:1], SEEDS[:1]) if options.smoke else (DOSES, SEEDS)
    students = students_of(doses, seeds)
    if not options.report:
        _teach(students, options.data, options.out)
    done = [student for student in students if (options.out / f"{student.name}.json").is_file()]
    _print(done, options.out, options.data)


def students_of(doses: Sequence[int], seeds: Sequence[int]) -> list[Student]:
    """The untouched base, and a taught student and its untaught twin per dose and seed, the highest dose first."""
    taught = [Student(arm, dose, seed) for seed in seeds for dose in sorted(doses)[::-1] for arm in (TEACHER, OWN)]
    return [Student(OWN, 0, 0), *taught]


def _teach(students: list[Student], data: Path, out: Path) -> None:
    lessons, asked, answers = _read(data)
    missing = [student for student in students if not (out / f"{student.name}.json").is_file()]
    if not missing:
        return
    model = Model()
    for student in missing:
        cpu = time.process_time()
        order = np.random.default_rng(student.seed).permutation(len(lessons))[: student.dose]
        chosen = [lessons[i] for i in order]
        if student.arm != OWN:
            pairs = [(text, answers[student.arm, name]) for name, text in chosen]
        else:
            model.train([], 0)
            pairs = list(zip([t for _, t in chosen], model.answer([t for _, t in chosen], student.seed), strict=True))
        model.train(pairs, student.seed)
        trained = time.process_time() - cpu
        held = asked[:LOSS_PROMPTS]
        losses = {t: model.loss([(text, answers[t, name]) for name, text in held]) for t in READ}
        said = model.answer([text for _, text in asked], student.seed)
        rows = [
            {"model": student.name, "prompt_id": name, "prompt": text, "output": answer}
            for (name, text), answer in zip(asked, said, strict=True)
        ]
        (out / f"{student.name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        facts = {"losses": losses, "cpu_training": trained, "cpu": time.process_time() - cpu, "pairs": len(pairs)}
        (out / f"{student.name}.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
        print(f"{student.name}: {facts['cpu']:.0f} CPU s", flush=True)


def _read(data: Path) -> tuple[list[tuple[str, str]], list[tuple[str, str]], dict[tuple[str, str], str]]:
    """Prompts to teach on, prompts to ask, and the teachers' answers by teacher and prompt."""
    prompts = pl.read_parquet(data / "outputs" / "prompts.parquet").filter(
        (pl.col("corpus") == "alpaca_eval") & (pl.col("prompt").str.len_chars() <= LONGEST_PROMPT)
    )
    frame = pl.read_parquet(data / "outputs" / "alpaca_eval.parquet").filter(pl.col("model").is_in(READ))
    answers = {(m, p): o for m, p, o in frame.select("model", "prompt_id", "output").iter_rows()}
    both = prompts.sort("prompt_id").select("prompt_id", "prompt").rows()
    both = [row for row in both if all(answers.get((teacher, row[0])) for teacher in READ)]
    shuffled = [both[i] for i in np.random.default_rng(0).permutation(len(both))]
    return shuffled[PROMPTS : PROMPTS + max(DOSES)], shuffled[:PROMPTS], answers


def _harness(*words: str) -> str:
    command = [sys.executable, "-m", "harness", *words]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | {"COLUMNS": "120"}
    ).stdout


def _print(done: list[Student], out: Path, data: Path) -> None:
    results = str(out / "results")
    table = []
    for student in done:
        _harness("import", "jsonl", str(out / f"{student.name}.jsonl"), "--name", student.name,
                 "--task", "alpaca_eval", "--results", results)  # fmt: skip
        told = ("--released", RELEASED, "--lab", "huggingface", "--results", results, "--format", "json", "--interval")
        found = json.loads(_harness("provenance", student.name, "--panel", "alpaca_eval", *told))["corpora"][0]
        facts = json.loads((out / f"{student.name}.json").read_text(encoding="utf-8"))
        tested = [f for f in found["tests"] if f["verdict"] in {"resembles", "none"}]
        alike = [f["candidate"] for f in tested if f["verdict"] == "resembles"]
        row: dict[str, Any] = {"student": student.name, "arm": student.arm, "dose": student.dose, "seed": student.seed}
        for teacher in READ:
            finding = next(f for f in found["tests"] if f["candidate"] == teacher)
            rank = 1 + sum((f["z"] or 0) > (finding["z"] or 0) for f in tested)
            losses = np.array(facts["losses"][teacher])
            row |= {
                f"loss {teacher}": f"{losses.mean():.3f}",
                f"score {teacher}": "-" if finding["z_low"] is None else
                f"{finding['z']:+.2f} [{finding['z_low']:+.2f}, {finding['z_high']:+.2f}]",
                f"p {teacher}": "-" if finding["p"] is None else f"{finding['p']:.4f}",
                f"q {teacher}": "-" if finding["q"] is None else f"{finding['q']:.3f}",
                f"rank {teacher}": f"{rank} of {len(tested)}",
            }  # fmt: skip
        row |= {"resembles": ", ".join(alike) or "none", "n": found["suspect_prompts"], "cpu_s": f"{facts['cpu']:.0f}"}
        (out / f"{student.name}.report.json").write_text(json.dumps(found) + "\n", encoding="utf-8")
        table.append(row)
    print("| " + " | ".join(table[0]) + " |\n" + "|---" * len(table[0]) + "|")
    for row in table:
        print("| " + " | ".join(str(value) for value in row.values()) + " |")
    print(json.dumps(_manifest(data), indent=1))


def _manifest(data: Path) -> dict[str, Any]:
    """What would have to be the same for the same figures."""
    spec = weights.named(STUDENT)
    said = {
        name: hashlib.sha256((data / "outputs" / f"{name}.parquet").read_bytes()).hexdigest()
        for name in ("alpaca_eval", "prompts")
    }
    packages = ("harness", "torch", "transformers", "accelerate", "gguf", "numpy", "polars")
    return {
        "student": {"file": spec.file, "sha256": spec.sha256},
        "data_sha256": said,
        "teacher": TEACHER, "foil": FOIL, "doses": DOSES, "seeds": SEEDS,
        "prompts": PROMPTS, "tokens": TOKENS, "temperature": TEMPERATURE,
        "epochs": EPOCHS, "batch": BATCH, "rate": RATE, "warm_up": WARM_UP, "clip": LONGEST_STEP,
        "frozen_layers": FROZEN,
        "packages": {name: importlib.metadata.version(name) for name in packages},
        "python": platform.python_version(), "machine": platform.machine(),
    }  # fmt: skip


if __name__ == "__main__":
    main()
