"""Documents of MathArena's competitions: `problem`, `answer` (LaTeX), `topic` and `date` (when the contest was held).

Balunović et al. 2025, MathArena, https://arxiv.org/abs/2505.23281. Its problems are under CC BY-NC-SA
4.0, so none is here.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from harness.taskdata import documents, splits

COLUMNS = ("problem_idx", "problem", "answer")
DATES = {
    "hmmt_feb_2025": "2025-02-15",
    "hmmt_nov_2025": "2025-11-08",
    "hmmt_feb_2026": "2026-02-14",
    "aime_2026": "2026-02-06",
    "brumo_2025": "2025-04-08",
    "smt_2025": "2025-12-05",
}
"""The date of each, as configs/competitions/ of https://github.com/eth-sri/matharena (commit e927660) has it."""


def _dataset(competition: str, data: str | None = None, **_: Any) -> dict[str, Any]:
    """One competition, for lm-eval's `custom_dataset`.

    Args:
        competition: its name at MathArena.
        data: a local file with the columns of `COLUMNS`, as published.
    """
    rows = documents(f"MathArena/{competition}", split="train", columns=COLUMNS, data=data)
    return splits(
        [
            {
                "problem": row["problem"],
                "answer": str(row["answer"]),
                "topic": ", ".join(sorted(row.get("problem_type") or ())) or "unknown",
                "date": DATES[competition],
            }
            for row in rows
        ]
    )


hmmt_feb_2025 = partial(_dataset, "hmmt_feb_2025")
hmmt_nov_2025 = partial(_dataset, "hmmt_nov_2025")
hmmt_feb_2026 = partial(_dataset, "hmmt_feb_2026")
aime_2026 = partial(_dataset, "aime_2026")
brumo_2025 = partial(_dataset, "brumo_2025")
smt_2025 = partial(_dataset, "smt_2025")
