"""The leaderboard: how well models do, next to how alike they are. Frames in, markdown or terminal text out.

The same frames give the same bytes: there is no clock in it and every order is fixed. It says no more than was
measured: every number stands with its interval and its n, and a similarity that is not calibrated is called so
where it stands.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from harness import aggregate
from harness.ranking import Standing
from harness.tables import WIDTH, code_block, grid, markdown_table, markdown_text, visible

if TYPE_CHECKING:
    import polars as pl

QUERIES: Mapping[str, str] = {
    "scores": "SELECT * FROM leaderboard WHERE is_headline ORDER BY ALL",
    "beside": """
        SELECT model, task, metric, filter, value, ci_low, ci_high, n FROM leaderboard
        WHERE NOT is_headline AND (scorer = 'lm_eval' OR metric = 'drop') AND value IS NOT NULL ORDER BY ALL""",
    "comparisons": "SELECT * FROM comparisons ORDER BY ALL",
    "models": """
        SELECT chosen.model, run_id, task, control_of, backend, weights_name, weights_sha256
        FROM chosen JOIN models USING (run_id, model) ORDER BY ALL""",
    "tasks": """
        SELECT DISTINCT run_id, task, kind, version, task_hash, higher_is_better, headline_metric, n_docs, repeats,
            num_fewshot
        FROM chosen JOIN tasks USING (run_id, task) ORDER BY ALL""",
    "runs": """
        SELECT run_id, status, imported, harness_version, argv, spec, git_commit, git_dirty
        FROM runs WHERE run_id IN (SELECT run_id FROM chosen) ORDER BY run_id""",
    "similarities": "SELECT * FROM similarities WHERE domain IS NULL ORDER BY ALL",
    "identity_claims": "SELECT * FROM identity_claims ORDER BY model, share DESC, claimed",
    "evidence": "SELECT * FROM evidence ORDER BY ALL",
    "shared_errors": "SELECT * FROM shared_errors WHERE excess IS NOT NULL ORDER BY ALL",
}
"""The SQL behind every frame of a `Board`."""

GAP = 0.01
"""A figure of lm-eval's own that is further than this from ours is pointed out."""
FEW_DOCUMENTS = 100
"""Below so many documents, the weight of a single one is stated."""
LEAST_WRONG = 20
"""Items that two models must both get wrong before their shared mistakes are shown."""
CLAIMS_SHOWN = 3
"""Identities shown per model; all of them are in the table `identity_claims`."""
KIND_ORDER = ("math", "code", "provenance")
_NOTED = {"n_unscored": "unscored", "n_failed": "failed", "n_truncated": "truncated", "n_refused": "refused"}

Row = dict[str, Any]


@dataclass(frozen=True)
class Board:
    """The frames of a leaderboard, as `QUERIES` returns them, and what decides the ranks."""

    scores: pl.DataFrame
    beside: pl.DataFrame
    comparisons: pl.DataFrame
    models: pl.DataFrame
    tasks: pl.DataFrame
    runs: pl.DataFrame
    similarities: pl.DataFrame
    identity_claims: pl.DataFrame
    evidence: pl.DataFrame
    shared_errors: pl.DataFrame
    min_coverage: float = aggregate.MIN_COVERAGE
    """Scores with a smaller share of their samples scored are shown with a warning, and not ranked."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Of tasks, in the mean over tasks; 1 where none is named."""

    @cached_property
    def columns(self) -> list[tuple[str, str]]:
        """Task and metric of every column: math, code, then the rest, by name."""
        found = {(row["task"], row["metric"], row["kind"]) for row in self._scores}
        return [(task, metric) for task, metric, kind in sorted(found, key=lambda c: (_kind_rank(c[2]), c[0], c[1]))]

    @cached_property
    def lower_is_better(self) -> set[str]:
        """Tasks whose smaller numbers are the better ones."""
        return {row["task"] for row in self.tasks.iter_rows(named=True) if row["higher_is_better"] is False}

    @cached_property
    def cells(self) -> dict[tuple[str, str, str], Row]:
        """The headline result of a model, task and metric."""
        return {(row["model"], row["task"], row["metric"]): row for row in self._scores}

    @cached_property
    def control_of(self) -> dict[str, str]:
        """Whose relative a control is, by the control's name."""
        rows = self.models.iter_rows(named=True)
        return {row["model"]: row["control_of"] for row in rows if row["control_of"] is not None}

    @cached_property
    def ranked(self) -> list[Row]:
        """The scores that are ranked: scored well enough, and of no control."""
        return [
            row
            for row in self._scores
            if row["model"] not in self.control_of and aggregate.ranked(row, self.min_coverage)
        ]

    @cached_property
    def averaged(self) -> list[tuple[str, str]]:
        """The columns that the mean is over: shares where higher is better; none where there is only one."""
        spoilt = {(row["task"], row["metric"]) for row in self.ranked if not 0 <= row["value"] <= 1}
        found = [column for column in self.columns if column[0] not in self.lower_is_better and column not in spoilt]
        return found if len(found) > 1 else []

    @cached_property
    def means(self) -> dict[str, aggregate.Mean]:
        """The mean over `averaged` of every model that has a ranked score."""
        return aggregate.means(self.averaged, self.ranked, self.weights)

    @cached_property
    def standings(self) -> dict[tuple[str, str] | None, dict[str, Standing]]:
        """The standing of every ranked model by column, and by the mean under `None`."""
        pairs = list(self.comparisons.iter_rows(named=True))
        found: dict[tuple[str, str] | None, dict[str, Standing]] = {
            column: aggregate.task_standings(
                [row for row in self.ranked if (row["task"], row["metric"]) == column],
                [row for row in pairs if (row["task"], row["metric"]) == column],
                higher_is_better=column[0] not in self.lower_is_better,
            )
            for column in self.columns
        }
        found[None] = aggregate.mean_standings(self.averaged, self.means, pairs, self.weights)
        return found

    @cached_property
    def names(self) -> list[str]:
        """Every model: those ranked by the mean first, highest first; then by mean of what there is, then by name."""
        order = {}
        for model in sorted(set(self.models["model"])):
            values = [
                row["value"]
                for (name, task, _), row in self.cells.items()
                if name == model and task not in self.lower_is_better and row["value"] is not None
            ]
            contends = any(row["model"] == model for row in self.ranked)
            whole = model in self.standings[None] if self.averaged else contends
            mean = self.means[model].estimate.value if model in self.means else None
            if mean is None:
                mean = sum(values) / len(values) if values else 0.0
            order[model] = (0 if whole and values else 1 if contends and values else 2 if values else 3, -mean)
        return sorted(order, key=lambda model: (order[model], model))

    @cached_property
    def incomplete(self) -> set[str]:
        """Runs in which some requests failed."""
        return {row["run_id"] for row in self.runs.iter_rows(named=True) if row["status"] != "complete"}

    @cached_property
    def imported(self) -> set[str]:
        """Runs whose answers were made elsewhere."""
        return {row["run_id"] for row in self.runs.iter_rows(named=True) if row["imported"]}

    @cached_property
    def imported_models(self) -> set[str]:
        """Models of which every answer was made elsewhere."""
        rows = list(self.models.iter_rows(named=True))
        return {row["model"] for row in rows} - {row["model"] for row in rows if row["run_id"] not in self.imported}

    def nearest(self, model: str) -> list[tuple[str, Row]]:
        """The most similar other model, most similar first with those that show whether the channel works.

        Where the most similar is a control, the most similar that is none as well; and for a control, the model it is
        known to be a relative of.
        """
        pairs = [
            (row["model_b"] if row["model_a"] == model else row["model_a"], row)
            for row in self.similarities.iter_rows(named=True)
            if model in (row["model_a"], row["model_b"])
        ]
        pairs.sort(key=lambda pair: (-pair[1]["value"], pair[0]))
        no_controls = [other for other, _ in pairs if other not in self.control_of]
        wanted = {pairs[0][0] if pairs else None, no_controls[0] if no_controls else None, self.control_of.get(model)}
        return [pair for pair in pairs if pair[0] in wanted]

    @cached_property
    def calibrated(self) -> bool:
        """Whether any model could be tested against models known to be unrelated."""
        return bool(self.evidence["tested"].sum())

    def relative(self, model: str) -> tuple[str, str]:
        """The calibrated evidence in words: the nearest relative if any, and the numbers."""
        row = next((r for r in self.evidence.iter_rows(named=True) if r["model"] == model), None)
        if row is None:
            return "", "-"
        if row["nearest"] is None:
            return "", f"{row['verdict']} n={row['n']}"
        score = _number(row["score"], row, 2)
        if row["verdict"] == "resembles":
            return row["nearest"], f"{score} q={row['q']:.3f}"
        return "", f"none of {row['tested']} (nearest {score} q={row['q']:.3f})"

    def mistakes(self, model: str) -> tuple[str, str] | None:
        """The other model with the largest same-wrong excess, and the numbers."""
        pairs = [
            (row["model_b"] if row["model_a"] == model else row["model_a"], row)
            for row in self.shared_errors.iter_rows(named=True)
            if model in (row["model_a"], row["model_b"]) and row["n_both_wrong"] >= LEAST_WRONG
        ]
        if not pairs:
            return None
        other, row = max(pairs, key=lambda pair: (pair[1]["excess"], pair[0]))
        numbers = {"ci_low": row["excess_low"], "ci_high": row["excess_high"], "n": row["n_both_wrong"]}
        return other, f"{_number(row['excess'], numbers, 2)} ({row['task']})"

    def claims(self, model: str) -> list[Row]:
        """The identities a model claims, most often first, with the row for none of them last."""
        rows = [row for row in self.identity_claims.iter_rows(named=True) if row["model"] == model]
        return sorted(rows, key=lambda row: (row["claimed"] == "(none)", -row["share"], row["claimed"]))

    def notes(self, row: Row) -> list[str]:
        """What a reader must know of one result beside its number."""
        notes = [f"{row[key]} {word}" for key, word in _NOTED.items() if row[key]]
        if row["coverage"] is not None and row["coverage"] < self.min_coverage:
            notes.append(f"{row['coverage']:.0%} of the samples scored: not ranked")
        for own in self.beside.iter_rows(named=True):
            if (own["model"], own["task"]) != (row["model"], row["task"]) or row["value"] is None:
                continue
            if own["metric"] == "drop":
                notes.append(f"drop against the original problems {_number(own['value'], own)}")
            elif row["scorer"] != "lm_eval" and abs(own["value"] - row["value"]) > GAP:
                notes.append(f"lm-eval's {own['metric']} ({own['filter']}) is {own['value']:.3f}")
        if row["run_id"] in self.incomplete:
            notes.append("run incomplete")
        if row["run_id"] in self.imported:
            notes.append("imported, not run here")
        if row["unsafe_code"]:
            notes.append("model code ran without the sandbox")
        return notes

    @cached_property
    def _scores(self) -> list[Row]:
        return list(self.scores.iter_rows(named=True))


def _kind_rank(kind: str) -> tuple[int, str]:
    return (KIND_ORDER.index(kind) if kind in KIND_ORDER else len(KIND_ORDER), kind)


def _number(value: float | None, row: Row, digits: int = 3) -> str:
    """`0.450 [0.31, 0.60] n=40`."""
    if value is None:
        return f"not scored n={row['n']}"
    low, high = row["ci_low"], row["ci_high"]
    interval = "[no interval]" if low is None or high is None else f"[{low:.2f}, {high:.2f}]"
    return f"{value:.{digits}f} {interval} n={row['n']}"


def _score(board: Board, row: Row | None) -> str:
    if row is None:
        return "-"
    marks = (" (unsafe)" if row["unsafe_code"] else "") + (" †" if board.notes(row) else "")
    standing = board.standings[row["task"], row["metric"]].get(row["model"])
    return _number(row["value"], row) + (f" {_rank(standing)}" if standing else "") + marks


def _rank(standing: Standing) -> str:
    """`rank 1-3 (ab)`: the ranks the data allow, and the groups of models that cannot be told apart."""
    ranks = f"{standing.best}" if standing.best == standing.worst else f"{standing.best}-{standing.worst}"
    return f"rank {ranks} ({standing.letters})"


def _mean(board: Board, model: str) -> str:
    mean = board.means.get(model)
    if mean is None:
        return "-"
    found = mean.estimate
    text = _number(found.value, {"ci_low": found.low, "ci_high": found.high, "n": found.n})
    standing = board.standings[None].get(model)
    if standing:
        return f"{text} {_rank(standing)}"
    return text if mean.tasks == mean.of else f"{text}, {mean.tasks} of {mean.of} tasks"


def _weighing(board: Board) -> str:
    weights = [board.weights.get(task, 1.0) for task, _ in board.averaged]
    if len(set(weights)) == 1:
        return f"{len(weights)} tasks, weighing the same"
    return ", ".join(f"{task} x {weight:g}" for (task, _), weight in zip(board.averaged, weights, strict=True))


def _named(board: Board, model: str) -> str:
    parent = board.control_of.get(model)
    imported = " (imported)" if model in board.imported_models else ""
    return f"{model}{imported}" if parent is None else f"{model} (control of {parent}){imported}"


def _uncalibrated(frame: pl.DataFrame) -> str:
    return "" if frame.height and frame["calibrated"].all() else ", not calibrated"


# Markdown ----------------------------------------------------------------------------------------------------


def markdown(board: Board) -> str:
    """The leaderboard as a GitHub page. No name in it can break a table or add a row."""
    if not board.names:
        return "# Leaderboard\n\nNo finished run has been indexed.\n"
    parts = [
        "# Leaderboard\n",
        _table(board),
        *_noted(board),
        _HOW_TO_READ.replace("{coverage}", f"{board.min_coverage:.0%}"),
        _settings(board),
    ]
    return "\n".join(parts)


def _table(board: Board) -> str:
    header = ["model"]
    for task, metric in board.columns:
        arrow = ", lower is better" if task in board.lower_is_better else ""
        header.append(markdown_text(f"{task} ({metric}{arrow})"))
    if board.averaged:
        header.insert(1, markdown_text(f"mean ({_weighing(board)})"))
    header.append("nearest relative (calibrated evidence)")
    if not board.calibrated:
        header.append(f"most similar words (vocabulary{_uncalibrated(board.similarities)})")
    header.append(f"says it is (share of answers{_uncalibrated(board.identity_claims)})")
    wrong = any(board.mistakes(model) for model in board.names)
    if wrong:
        header.append("shares wrong answers with (excess, not calibrated)")
    rows = []
    for model in board.names:
        scores = [_score(board, board.cells.get((model, *column))) for column in board.columns]
        if board.averaged:
            scores.insert(0, _mean(board, model))
        near = [
            f"{markdown_text(_named(board, other))} {_number(row['value'], row)}" for other, row in board.nearest(model)
        ]
        claims = [f"{markdown_text(name)} {text}" for name, text in _claims(board, model)]
        relative, numbers = board.relative(model)
        cells = [f"{markdown_text(_named(board, relative))} {numbers}" if relative else numbers]
        if not board.calibrated:
            cells.append("<br>".join(near) or "-")
        cells.append("<br>".join(claims) or "-")
        if wrong:
            shared = board.mistakes(model)
            cells.append(f"{markdown_text(_named(board, shared[0]))} {markdown_text(shared[1])}" if shared else "-")
        rows.append([markdown_text(_named(board, model)), *scores, *cells])
    return markdown_table(header, rows)


def _claims(board: Board, model: str) -> list[tuple[str, str]]:
    rows = board.claims(model)
    shown = (
        rows[:CLAIMS_SHOWN] if len(rows) == 1 else [row for row in rows if row["claimed"] != "(none)"][:CLAIMS_SHOWN]
    )
    return [
        ("no known model", _number(r["share"], r, 2))
        if r["claimed"] == "(none)"
        else (r["claimed"], f"{_number(r['share'], r, 2)}; {_base_rate(r)}")
        for r in shown
    ]


def _base_rate(row: Row) -> str:
    """What models of other families do."""
    if not row["base_n"]:
        return "no base rate"
    return f"{row['base_claiming']} of {row['base_n']} others too, mean {row['base_share']:.2f}"


def _noted(board: Board) -> list[str]:
    lines = []
    for model in board.names:
        for task, metric in board.columns:
            row = board.cells.get((model, task, metric))
            if row is not None and board.notes(row):
                lines.append(f"- {markdown_text(model)}, {markdown_text(task)}: {', '.join(board.notes(row))}")
    return ["† of these results:\n\n" + "\n".join(lines) + "\n"] if lines else []


_HOW_TO_READ = """## How to read this

- A score reads `value [low, high] n=documents rank best-worst (letters)`: the mean over documents, its 95 %
  interval, the ranks that the data allow, and letters. **Two models that share a letter cannot be told apart.**
  `-` was not run; `not scored` is neither right nor wrong.
- Ranks and letters come from paired tests on the documents both models answered, every pair of models against every
  other, adjusted by Holm: the chance of even one false separation in a column is at most 5 %. `b-e` is the letters from
  b to e. `harness compare A B` shows a pair in full; docs/reading-the-numbers.md explains the numbers on one screen.
  Controls are not ranked, nor are scores with fewer than {coverage} of their samples scored.
- The mean is over tasks whose scores are shares, with the weights in its header; a task that is missing is missing,
  never zero, and a model without all of them has no rank by the mean.
- The interval is about other documents of the same kind. It knows nothing of documents a model saw in training.
- n counts documents, not repeats. Failed, refused and unscored answers are never counted as wrong: they are
  left out of the mean and listed under the table (†), as are answers cut off at the token limit. The count of
  unscored samples includes the failed and the refused ones.
- `(unsafe)`: model-written code ran without the sandbox, where it could have cheated.
- Rows are ordered by the mean, models with every task first, then by name. Similarity plays no part in it.
- **Similarity is evidence, not proof of copying.** Models are alike for many reasons: training on the other's
  outputs, shared data or vendors, web text that contains its outputs, a common ancestor, convergence.
- *Nearest relative*: the one candidate whose openings, sentences and phrasing the model's answers resemble most, in
  standard deviations above models that cannot have learnt from it, with a jackknife interval over the n prompts both
  answered; q is the p-value against unrelated pairs, adjusted over all candidates. *none*: no candidate is
  resembled more than unrelated models are, at a false discovery rate of 5 %; a teacher whose habits many share would
  not show. *untestable*: fewer than five models here are known not to have learnt from it. *not enough prompts*: fewer
  than 50. `harness provenance MODEL` shows all of it.
- *Most similar words* stands here only while no model can be tested that way: the most similar other model by choice
  of words on the same prompts, from 0 to 1, with a bootstrap interval over the n prompts that both answered.
- **Not calibrated** means that a number has not been compared with models known to be unrelated. It has no known
  zero and no p-value; it only orders pairs within this table.
- A control is known to be a relative of the model it names. A channel that does not place the two near each
  other does not work here. Where a control is the most similar, the most similar that is none is shown as well.
- *Says it is*: the share of answers to n prompts about identity in which the model said it is, or is made by,
  that family. Denials and mentions do not count; one answer may name several. Beside it stands how many models of
  other families here claim the same, and their mean share: a claim that strangers make as often says nothing.
- *Shares wrong answers with*: the largest excess of the same wrong answer, over what other models' wrong answers to
  the same n items make likely, with its interval. Likeness of mistakes, from data or ability; it has no null here.
"""


def _settings(board: Board) -> str:
    parts = ["## Settings and versions\n"]
    for run in board.runs.iter_rows(named=True):
        spec = json.loads(run["spec"])
        commit = run["git_commit"] or "no git checkout"
        commit += " with uncommitted changes" if run["git_dirty"] else ""
        lines = [
            f"harness {run['harness_version']}, {commit}; run {run['status']}{', imported' if run['imported'] else ''}",
            f"seed {_said(spec.get('seed'))}; decoding: {_decoding(spec.get('decode'))}",
            *(f"model {line}" for line in _model_lines(board, run["run_id"], spec)),
            *(f"task {line}" for line in _task_lines(board, run["run_id"], spec)),
        ]
        command = code_block(shlex.join(run["argv"] or []))
        text = "\n".join(f"- {markdown_text(line)}" for line in lines)
        parts.append(f"### {markdown_text(run['run_id'])}\n\n{command}\n{text}\n")
    return "\n".join(parts)


def _said(value: Any) -> str:
    return "unset" if value is None else str(value)


def _decoding(decode: Mapping[str, Any] | None) -> str:
    fields = {key: value for key, value in sorted((decode or {}).items()) if value is not None}
    return ", ".join(f"{key} {value}" for key, value in fields.items()) or "as each task says"


def _model_lines(board: Board, run_id: str, spec: Mapping[str, Any]) -> list[str]:
    own = {model.get("name"): model.get("decode") for model in spec.get("models", ())}
    lines = []
    rows = [row for row in board.models.iter_rows(named=True) if row["run_id"] == run_id]
    for name in sorted({row["model"] for row in rows}):
        mine = [row for row in rows if row["model"] == name]
        line = f"{name}: backend {mine[0]['backend']}"
        if mine[0]["weights_sha256"]:
            line += f", weights {mine[0]['weights_name']} sha256 {mine[0]['weights_sha256']}"
        if own.get(name):
            line += f", own decoding: {_decoding(own[name])}"
        lines.append(f"{line}; shown for {', '.join(sorted(row['task'] for row in mine))}")
    return lines


def _task_lines(board: Board, run_id: str, spec: Mapping[str, Any]) -> list[str]:
    limits = {task.get("name"): task.get("limit") for task in spec.get("tasks", ())}
    lines = []
    for row in board.tasks.iter_rows(named=True):
        if row["run_id"] == run_id:
            limit = limits.get(row["task"])
            lines.append(
                f"{row['task']}: version {_said(row['version'])}, {row['task_hash']}, "
                f"{'all' if limit is None else f'first {limit}'} documents (n_docs {_said(row['n_docs'])}), "
                f"repeats {_said(row['repeats'])}, few-shot {_said(row['num_fewshot'])}"
                + (f"; one document is {100 / row['n_docs']:.1f} points" if _few(row) else "")
            )
    return lines


def _few(row: Row) -> bool:
    return row["headline_metric"] is not None and 0 < (row["n_docs"] or 0) < FEW_DOCUMENTS


# Terminal ----------------------------------------------------------------------------------------------------


def terminal(board: Board, width: int = WIDTH) -> str:
    """The leaderboard as plain text no wider than `width`: scores, similarities, identity claims."""
    if not board.names:
        return "No finished run has been indexed.\n"
    scores, near, said, kin, wrong = [], [], [], [], []
    for model in board.names:
        name = visible(_named(board, model))
        for task, metric in board.columns:
            row = board.cells.get((model, task, metric))
            if row is not None:
                standing = board.standings[task, metric].get(model)
                rank = _rank(standing).removeprefix("rank ") if standing else ""
                notes = visible(", ".join(board.notes(row)))
                scores.append([name, visible(task), _number(row["value"], row), rank, notes])
        if board.averaged:
            scores.append([name, f"mean of {len(board.averaged)}", _mean(board, model), "", ""])
        if not board.calibrated:
            near += [
                [name, visible(_named(board, other)), _number(row["value"], row)] for other, row in board.nearest(model)
            ]
        relative, numbers = board.relative(model)
        if numbers != "-":
            kin.append([name, visible(_named(board, relative)) if relative else "-", numbers])
        if shared := board.mistakes(model):
            wrong.append([name, visible(_named(board, shared[0])), visible(shared[1])])
        said += [[name, visible(claim), text] for claim, text in _claims(board, model)]
    tables = (
        ("Scores", ["model", "task", "score [95 %] n", "ranks", "notes"], scores),
        ("Nearest relative, calibrated", ["model", "resembles", "score [95 %] n, q"], kin),
        (
            f"Most similar other model by choice of words, 0 to 1{_uncalibrated(board.similarities)}",
            ["model", "is most similar to", "similarity [95 %] n"],
            near,
        ),
        (
            f"Who models say they are{_uncalibrated(board.identity_claims)}",
            ["model", "says it is", "share of answers [95 %] n"],
            said,
        ),
        ("Shared wrong answers, excess over others'", ["model", "with", "excess [95 %] n"], wrong),
    )
    parts = [f"{title}\n\n{grid(header, rows, width)}" for title, header, rows in tables if rows]
    return "\n".join([*parts, _TERMINAL_NOTE])


_TERMINAL_NOTE = """Ranks: those the data allow; models that share a letter cannot be told apart.
Similarity is evidence, not proof of copying. Not calibrated: not yet compared
with models known to be unrelated; there is no known zero and no p-value.
"""
