"""What one types: the examples that stand under every command's help, and that a test runs.

RUN stands for a run id, A and B for models or runs.
"""

from __future__ import annotations

import re
import textwrap

COLUMNS = 74
"""Of an example's line. Help indents it, and a line that goes on ends with two characters more."""

EXAMPLES: dict[str, tuple[str, ...]] = {
    "eval": (
        "harness eval model=smollm2 task=[word_problems,functions] limit=20",
        "harness eval -m model=smollm2,qwen25_coder seed=1,2,3",
        "harness eval model=deepseek_reasoner task=gsm8k --dry-run",
    ),
    "score": ("harness score task=humaneval samples=completions.jsonl",),
    "rescore": ("harness rescore RUN", "harness rescore RUN sandbox.timeout_s=20"),
    "models": ("harness models", "harness models --format json"),
    "tasks": ("harness tasks", "harness tasks --match math"),
    "runs": ("harness runs", "harness runs --format csv"),
    "show": (
        "harness show RUN",
        "harness show RUN --wrong --task arithmetic --limit 20",
        "harness show RUN --grep 4 --full --limit 2",
        "harness show RUN --samples --format json",
        "harness show RUN --why",
    ),
    "sql": (
        "harness sql",
        'harness sql "SELECT model, task, value, ci_low, ci_high FROM leaderboard"',
        'harness sql "SELECT * FROM samples" --format parquet > samples.parquet',
    ),
    "index": ("harness index", "harness index --rebuild"),
    "import": (
        "harness import alpaca_eval model_outputs.json --name my-model",
        "harness import model_outputs.json",
        "harness import parquet answers.parquet --columns model=generator,prompt=instruction",
    ),
    "panel": ("harness panel list", "harness panel show alpaca_eval"),
    "panel list": ("harness panel list",),
    "panel show": ("harness panel show alpaca_eval", "harness panel show alpaca_eval prompts --format csv"),
    "panel check": ("harness panel check alpaca_eval",),
    "panel validate": ("harness panel validate slop_score", "harness panel validate speechmap --prompts 100"),
    "panel fetch": (
        "harness panel fetch alpaca_eval",
        "harness panel fetch alpaca_eval --from alpaca_eval.json",
        "harness panel fetch https://example.org/theirs.panel.zip",
    ),
    "panel share": ("harness panel share alpaca_eval alpaca_eval.panel.zip",),
    "panel add": ("harness panel add my-model --panel alpaca_eval --name mine",),
    "panel build": (
        "harness panel build mine --prompts prompts.parquet --answers answers.parquet --source URL --licence MIT",
        "harness panel build mine --prompts prompts.parquet --source us --licence CC0-1.0",
        "harness panel build --from speechmap speechmap-data/ --name speechmap_2026",
    ),
    "leaderboard": (
        "harness leaderboard --out LEADERBOARD.md",
        "harness leaderboard --where \"kind = 'math' AND n >= 4\" --out math.html",
        "harness leaderboard --check LEADERBOARD.md",
    ),
    "export": (
        "harness export --as lm_eval --out exported",
        "harness export RUN --samples-as hf --out samples",
    ),
    "verify": ("harness verify --accept signature", "harness verify RUN --no-scores", "harness verify run.zip"),
    "sign": ("harness sign RUN", "harness sign LEADERBOARD.md --key ~/.ssh/id_ed25519"),
    "bundle": ("harness bundle RUN -o run.zip",),
    "reproduce": ("harness reproduce RUN", "harness reproduce RUN --offline --name second"),
    "diff": ("harness diff A B", "harness diff A B --format json"),
    "report": (
        "harness report --out report.html",
        "harness report --title 'Our models' --texts file",
        "harness report --serve",
    ),
    "plot": ("harness plot", "harness plot scores --out scores.png", "harness plot difficulty --task arithmetic"),
    "compare": (
        "harness compare A B",
        "harness compare A B --flips --format csv",
        "harness compare A B --gate 'gsm8k >= -0.01'",
    ),
    "contamination": ("harness contamination",),
    "power": ("harness power 100 500", "harness power --difference 0.03"),
    "sandbox": ("harness sandbox",),
    "weights": ("harness weights", "harness weights smollm2_135m_q4_1 --verify"),
    "provenance": ("harness provenance A", "harness provenance explain A B"),
    "provenance report": (
        "harness provenance report A",
        "harness provenance report A --panel alpaca_eval --released 2024-05",
        "harness provenance report A --panel alpaca_eval --registered plan.yaml",
    ),
    "provenance matrix": ("harness provenance matrix --format csv",),
    "provenance tree": ("harness provenance tree --svg tree.svg",),
    "provenance explain": ("harness provenance explain A B",),
    "provenance change": ("harness provenance change A B",),
    "provenance validate": (
        "harness provenance validate --outputs O.parquet --students S.csv --controls C.csv --models M.csv",
        "harness provenance validate --outputs O --students S --controls C --models M --scores D.csv",
    ),
    "provenance register": ("harness provenance register plan.yaml --suspects A,B --panel alpaca_eval",),
    "provenance same": ("harness provenance same A B", "harness provenance same RUN:A RUN:B"),
}
"""By command."""


def epilog(command: str) -> str | None:
    """The examples as they stand under a command's help. None if there are none."""
    lines = EXAMPLES.get(command)
    # Click keeps the lines of a paragraph that starts with a backspace character.
    return "\b\nExamples:\n" + "\n".join(f"  {_folded(line)}" for line in lines) if lines else None


def _folded(line: str) -> str:
    """A command in lines that fit under help, with the sign with which a shell reads them as one."""
    kept = re.sub(r"(--\S+) (\w)", "\\1\0\\2", line)
    lines = textwrap.wrap(kept, COLUMNS, subsequent_indent="      ", break_on_hyphens=False)
    return " \\\n".join(lines).replace("\0", " ")
