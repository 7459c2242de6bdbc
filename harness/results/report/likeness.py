"""What the page shows of similarity, per prompt set: matrix, tree, evidence of pairs, null, and what they are worth.

Of a set that was read against a panel, a matrix of the models asked and the panel's possible teachers (`of_panels`).

Verdicts, tests and ranks are the findings that the index holds. Pictures are of `provenance.evidence` and `tree`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.core import one_thread, visible
from harness.errors import ConfigError
from harness.provenance import Finding, PairTest
from harness.provenance.answers import responses, stored
from harness.provenance.comparison import calibration, evidence, tree
from harness.provenance.verdicts import explain, notices, pools, reports, wording
from harness.results import derivation, store
from harness.results.report.gather import Data, number

if TYPE_CHECKING:
    import polars as pl

Findings = Mapping[tuple[str, str], Finding]
"""What the index says, by model and prompt set."""
FINDINGS = 8
"""Candidates listed per model, the strongest first. `harness provenance MODEL` lists all."""
LEAST_MODELS = 2
ALL_PAIRS = 6
"""Models up to which the words of every pair are in the page. Above it those of each model and its nearest."""
WORD_PAIRS = 60
"""Pairs whose words are in the page at most. `harness provenance explain A B` shows any."""
HOLDS = 0.5
"""Share of random halves of the prompts that a branching must be found in to be drawn: the majority-rule consensus of
Margush and McMorris (1981), https://doi.org/10.1007/BF02459446."""
MANY, FEWER = 60, 10
"""Models above which a tree's support is of fewer random halves of the prompts, and how many."""
AROUND = 400
"""Longest text of an example."""


@one_thread()
def of_pools(results: Path, place: Mapping[str, int], said: Findings) -> list[Data]:
    """One entry per prompt set of texts that at least two models answered, that of most models first.

    Args:
        results: the results folder. Its index must be up to date.
        place: index of every model in the page's list.
        said: what the index says, by model and prompt set.
    """
    answers = responses.load(lambda sql: store.query(results, sql), derivation.owned_tasks())
    controls = store.query(results, "SELECT DISTINCT model, control_of FROM models WHERE control_of IS NOT NULL")
    control_of, known = dict(controls.sort("model", "control_of").iter_rows()), derivation.known_in(results)
    who: dict[str, list[str]] = {}
    whole, kept = _contained(said), results / stored.FOLDER
    for task, model in answers.select("task", "model").unique().sort("task", "model").iter_rows():
        who.setdefault(task, []).append(model)
    found = []
    for task in sorted(who, key=lambda name: (-len(who[name]), name)):
        # Of a set that was read against a panel nothing is said under the task's name.
        of = {name: said[name, task] for name in who[task] if (name, task) in said}
        if len(of) >= LEAST_MODELS:
            pool = pools.in_place_of(task, answers, known, control_of, kept) or pools.one_pool(
                answers, known, control_of, task=task, folder=kept
            )
            drawn = of.keys() >= set(pool.prints.models)  # else it was read against a panel
            if drawn and len(pool.prints.models) >= LEAST_MODELS and pool.prints.features:
                if task in whole and whole[task] <= set(pool.prints.models):
                    pool = dataclasses.replace(pool, notes=(notices.contained(task, len(whole[task])), *pool.notes))
                found.append(_pool(pool, answers.filter(answers["task"] == task), place, of))
    return found


@one_thread()
def of_panels(place: Mapping[str, int], findings: Findings, drawn: Sequence[Data] = ()) -> list[Data]:
    """One entry per panel that models were read against, that of most models first: the index's scores, as a matrix.

    A panel is left out if all of its models are in a set that `of_pools` shows under the same name.

    Args:
        place: index of every model in the page's list.
        findings: by model and prompt set.
        drawn: of `of_pools`.

    Returns:
        Of each its `task`. `rows`: models asked. `columns`: possible teachers with a score, those of a lab together,
        with their `labs`. `cells`: row, column, score and verdict.
    """
    there = {pool["task"]: set(pool["models"]) for pool in drawn}
    whole = {task: {place.get(name) for name in who} for task, who in _contained(findings).items()}
    twice = {task for task, who in whole.items() if who <= there.get(visible(task), set())}
    said = {key: of for key, of in findings.items() if of.panel and key[0] in place and key[1] not in twice}
    asked: dict[str, list[str]] = {}
    for name, task in said:
        asked.setdefault(task, []).append(name)
    return [
        _against(task, sorted(asked[task]), [said[name, task] for name in sorted(asked[task])], place)
        for task in sorted(asked, key=lambda task: (-len(asked[task]), task))
    ]


def _contained(findings: Findings) -> dict[str, set[str]]:
    """The panels all of whose models were answered here, by name: with those models, and others read against the panel.

    Such a panel adds nothing to the local answers to its prompts.
    """
    read: dict[str, dict[str, int]] = {}
    for (name, task), found in findings.items():
        if found.panel:
            read.setdefault(task, {})[name] = found.models
    return {task: set(of) for task, of in read.items() if max(of.values()) <= len(of)}


def _against(task: str, names: Sequence[str], said: Sequence[Finding], place: Mapping[str, int]) -> Data:
    labs = {test.candidate: test.lab for found in said for test in found.tests if test.z is not None}
    columns = sorted(labs, key=lambda name: (labs[name] is None, labs[name] or "", name))
    at = {name: i for i, name in enumerate(columns)}
    cells = [
        [row, at[test.candidate], number(test.z), test.verdict]
        for row, found in enumerate(said)
        for test in sorted(found.tests, key=lambda test: test.candidate)
        if test.z is not None
    ]
    return {
        "task": visible(task),
        "rows": [place[name] for name in names],
        "prompts": [found.suspect_prompts for found in said],
        "models": max(found.models for found in said),
        "columns": [visible(name) for name in columns],
        "labs": [None if labs[name] is None else visible(str(labs[name])) for name in columns],
        "cells": cells,
        "null": _null(task),
        "verdicts": [found.verdict for found in said],
        "strengths": [found.strength for found in said],
        "paragraphs": [visible(found.paragraph) for found in said],
    }


def _null(task: str) -> list[float | None]:
    """Scores of a panel's own models that cannot be related, ascending. None if the panel is not at hand."""
    try:
        pool = pools.whole_panel(task)
    except ConfigError:
        return []
    return _unrelated(reports.analysis_of(pool).main.scores)


def _unrelated(scores: calibration.PairScores) -> list[float | None]:
    return _rounded(np.sort(scores.z[scores.unrelated & ~np.isnan(scores.z)]))


def _pool(pool: pools.Pool, answers: pl.DataFrame, place: Mapping[str, int], said: Mapping[str, Finding]) -> Data:
    """One prompt set.

    Args:
        pool: the set.
        answers: to it.
        place: index of every model in the page's list.
        said: what the index says of every model on the set.
    """
    names = pool.prints.models
    found = reports.analysis_of(pool)
    columns = found.candidates
    tested = bool((~np.isnan(found.p)).any())
    raw = found.raw(tuple(found.matrices))
    root = _tree(pool, found.matrices)
    order = _leaves(root) if root is not None else list(names)
    order += [name for name in names if name not in set(order)]
    at = [names.index(name) for name in order]
    back = {model: i for i, model in enumerate(at)}
    pairs = _worth_words(names, said, raw)
    shared = pool.prints.answered.astype(int) @ pool.prints.answered.T.astype(int)
    return {
        "task": visible(pool.corpus),
        "models": [place[name] for name in order],
        "prompts": len(pool.prints.prompts),
        "answered": [int(pool.prints.answered[i].sum()) for i in at],
        "notes": [visible(note) for note in pool.notes],
        "channels": list(found.matrices),
        "tested": tested,
        "candidates": [back[c] for c in columns],
        "raw": _half(raw, at),
        "n": [[int(x) for x in row[:i]] for i, row in enumerate(shared[np.ix_(at, at)])],
        "by_channel": {name: _half(matrix, at) for name, matrix in found.matrices.items()},
        **_scores(found, at),
        "apart": _apart(found, at, back),
        "tree": None if root is None else segments(held(root), {name: i for i, name in enumerate(order)}),
        "support_draws": _draws(pool),
        "verdicts": [said[name].verdict for name in order],
        "strengths": [said[name].strength for name in order],
        "sentences": [visible(said[name].sentence) for name in order],
        "paragraphs": [visible(said[name].paragraph) for name in order],
        "findings": [
            [_test(said[name], test, order) for test in said[name].tests if test.z is not None][:FINDINGS]
            for name in order
        ],
        "candidates_known": [_candidate(found, c, back[c]) for c in columns],
        "controls": _controls(pool, raw, order),
        "words": {
            f"{back[names.index(a)]} {back[names.index(b)]}": _words(rows)
            for (a, b), rows in explain.pairs(answers, pairs).items()
        },
    }


def _tree(pool: pools.Pool, known: Mapping[str, calibration.Matrix]) -> tree.TreeNode | None:
    """The pool's tree. None if too few models can be compared."""
    try:
        return tree.tree(pool.prints, evidence.EVIDENCE, _draws(pool), known)
    except ConfigError:
        return None


def _draws(pool: pools.Pool) -> int:
    """Random halves behind a tree: fewer of many models, if each takes a second."""
    return pools.draws(pool) if len(pool.prints.models) <= MANY else FEWER


def _leaves(node: tree.TreeNode) -> list[str]:
    """Names from the first branch to the last."""
    if node.name is not None:
        return [node.name]
    return [name for child, _ in node.children for name in _leaves(child)]


def held(node: tree.TreeNode) -> tree.TreeNode:
    """The tree with no branching that fewer than `HOLDS` of the draws have: what is behind it joins the one before."""
    children: list[tuple[tree.TreeNode, float]] = []
    for child, length in node.children:
        kept = held(child)
        if kept.name is None and kept.support is not None and kept.support < HOLDS:
            children += [(leaf, length + rest) for leaf, rest in kept.children]
        else:
            children.append((kept, length))
    return dataclasses.replace(node, children=tuple(children))


def segments(root: tree.TreeNode, rows: Mapping[str, int]) -> Data:
    """A tree as lines to draw.

    Args:
        root: the tree.
        rows: line of every leaf, 0 at the top.

    Returns:
        `across`: [x from, x to, y, support or None] of every branch. `down`: [x, y from, y to] of every branching.
        `tips`: [x, y] of every leaf, by row. x is distance from the root, y the row.
    """
    across: list[list[float | None]] = []
    down: list[list[float | None]] = []
    tips: list[list[float | None]] = [[0.0, 0.0]] * len(rows)

    def walk(node: tree.TreeNode, x: float) -> float:
        if node.name is not None:
            y = float(rows[node.name])
            tips[rows[node.name]] = [number(x), y]
            return y
        ys = []
        for child, length in node.children:
            y = walk(child, x + length)
            across.append([number(x), number(x + length), number(y), number(child.support)])
            ys.append(y)
        down.append([number(x), number(min(ys)), number(max(ys))])
        return (min(ys) + max(ys)) / 2

    walk(root, 0.0)
    return {"across": across, "down": down, "tips": tips}


def _half(matrix: calibration.Matrix, at: Sequence[int]) -> list[list[float | None]]:
    """What stands under the diagonal of a symmetrical matrix: of every model, its values with those before it."""
    return [_rounded(row[:i]) for i, row in enumerate(matrix[np.ix_(at, at)])]


def _rounded(values: calibration.Matrix, digits: int = 3) -> list[float | None]:
    """So many decimals, which are more than was measured. Unknown is `None`."""
    return [None if x != x else x for x in np.round(values, digits).tolist()]  # noqa: PLR0124 - NaN


def _scores(found: evidence.Analysis, at: Sequence[int]) -> Data:
    """Score, p and channels: one row per model, one column per candidate as in `candidates`. And the null."""
    z, p, main = found.z[at], found.p[at], found.main
    null = np.sort(main.scores.z[main.scores.unrelated & ~np.isnan(main.scores.z)])
    under = main.p[main.scores.unrelated & ~np.isnan(main.p)]
    return {
        "z": [_rounded(row, 2) for row in z],
        "p": [_rounded(row) for row in p],
        "z_by_channel": {
            name: [_rounded(row, 2) for row in scores[at]]
            for name in found.dated.channels
            if not np.isnan(scores := found.of_channel(name)).all()
        },
        "null_size": [[int(x) for x in row] for row in found.null_size[at]],
        "null": _rounded(null, 2),
        "needed": number(float(np.quantile(null, 1 - evidence.ALPHA))) if len(null) else None,
        "null_p": {"n": len(under), "below": int((under <= evidence.ALPHA).sum()), "alpha": evidence.ALPHA},
    }


def _apart(found: evidence.Analysis, at: Sequence[int], back: Mapping[int, int]) -> dict[str, str]:
    """Why a candidate is not tested as the teacher of a model, if there is a reason. Keys: `model candidate`."""
    rows: dict[str, str] = {}
    for s in at:
        for c in found.candidates:
            if s != c and (reason := found.rival(s, c)) is not None:
                rows[f"{back[s]} {back[c]}"] = reason
    return rows


def _test(found: Finding, test: PairTest, order: Sequence[str]) -> Data:
    """One candidate's test as the page's drawings want it."""
    return {
        "lo": number(test.z_low),
        "hi": number(test.z_high),
        "candidate": order.index(test.candidate),
        "verdict": test.verdict,
        "z": number(test.z),
        "p": number(test.p),
        "q": number(test.q),
        "null": test.null_size,
        "n": test.prompts,
        "rank": None if test.rank is None else [test.rank, test.rank_low, test.rank_high, len(found.tested)],
        "sentence": visible(wording.sentence(found.suspect, test)),
    }


def _candidate(found: evidence.Analysis, c: int, place: int) -> Data:
    """How far the pool goes for one candidate: its null models with a score, and whether anybody could be tested."""
    b = found.columns[found.models[c]]
    weaker = found.every_date is not None and bool(found.weaker[:, b].any())
    scores = (found.every_date if weaker and found.every_date is not None else found.dated).scores
    return {
        "candidate": place,
        "null": int((scores.null[:, b] & ~np.isnan(scores.z[:, b])).sum()),
        "testable": not bool(np.isnan(found.p[:, b]).all()),
        "released": found.facts[c].released,
        "lab": None if found.facts[c].lab is None else visible(str(found.facts[c].lab)),
    }


def _controls(pool: pools.Pool, raw: calibration.Matrix, order: Sequence[str]) -> list[Data]:
    """Whether the pool's positive controls are found: where the known relative ranks among all other models."""
    names, rows = pool.prints.models, []
    for i, fact in enumerate(pool.facts):
        for relative in sorted(fact.copy_of & set(names)):
            others = [j for j in range(len(names)) if j != i and not math.isnan(raw[i, j])]
            mine = raw[i, names.index(relative)]
            if not math.isnan(mine):
                rank = 1 + sum(bool(raw[i, j] > mine) for j in others)
                rows.append(
                    {
                        "model": order.index(names[i]),
                        "of": order.index(relative),
                        "rank": rank,
                        "among": len(others),
                    }
                )
    return rows


def _worth_words(
    names: Sequence[str], findings: Mapping[str, Finding], raw: calibration.Matrix
) -> list[tuple[str, str]]:
    """Pairs whose words are shown: all in a small pool, else each model and its nearest, strongest first."""
    if len(names) <= ALL_PAIRS:
        return [(a, b) for a in names for b in names if a != b]
    ranked = []
    for i, name in enumerate(names):
        tested = findings[name].tested
        row = np.where(np.isnan(raw[i]), -np.inf, raw[i])
        other = tested[0].candidate if tested else names[int(row.argmax())]
        strength = (tested[0].q or 0.0, -(tested[0].z or 0.0)) if tested else (1.0, -float(row.max()))
        ranked.append((strength, name, other))
    return [(name, other) for _, name, other in sorted(ranked)][:WORD_PAIRS]


def _words(frame: pl.DataFrame) -> list[list[Any]]:
    """kind, feature, share in a, share in b, share elsewhere, example in a, example in b, 1 if it is common."""
    keys = ("kind", "feature", "share_a", "share_b", "elsewhere", "in_a", "in_b")
    return [
        [number(value) if isinstance(value, float) else None if value is None else visible(value[:AROUND])
         for value in row] + [int(common)]
        for row, common in zip(frame.select(keys).iter_rows(), explain.common(frame), strict=True)
    ]  # fmt: skip
