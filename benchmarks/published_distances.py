"""What published distances between models are worth: a famous pair beside every other, and calibrated.

    python benchmarks/published_distances.py DATA [--old MODEL] [--new MODEL] [--labs google,openai]

DATA holds `reference/eqbench_neighbornet_distances_53models.json` (creative writing, EQ-Bench: 1 less the Jaccard index
of two models' over-used words, as the site's NeighborNet has it) and `reference/slopforensics_jaccard_38models.json`
(https://github.com/sam-paech/slop-forensics). Both publish distances alone: no answers, so no interval over prompts.
Dates are those of `conf/model_registry.yaml`, the null is that of `harness.provenance.comparison.calibration`: models
released before the candidate, by another lab, and no relatives of the suspect. The peer is the ranking
as it is published.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

import numpy as np

from harness.provenance.comparison import calibration as cal
from harness.provenance.comparison import change
from harness.provenance.comparison.calibration import Matrix, ModelFacts
from harness.provenance.comparison.registry import Labels, Registry

SETS = {
    "EQ-Bench creative writing, 53 models": ("eqbench_neighbornet_distances_53models.json", "taxa", "distance"),
    "slop-forensics, 38 models": ("slopforensics_jaccard_38models.json", "models", "D"),
}
SHOWN = 5


def main() -> None:
    """Rank, calibrate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--old", default="deepseek-r1")
    parser.add_argument("--new", default="deepseek-r1-0528")
    parser.add_argument("--labs", default="google,openai", help="toward which, away from which")
    options = parser.parse_args()
    labs = options.labs.split(",")
    registry = Registry.load(Path(__file__).parents[1] / "conf" / "model_registry.yaml")
    for title, (file, names, values) in SETS.items():
        raw = json.loads((options.data / "reference" / file).read_text(encoding="utf-8"))
        short = tuple(name.split("/")[-1].split(":")[0] for name in raw[names])
        facts = Labels("", [], [], []).facts(short, registry)
        if "labs" in raw:  # the file knows whose base a community model is tuned from
            facts = [dataclasses.replace(fact, lab=lab) for fact, lab in zip(facts, raw["labs"], strict=True)]
        distance = np.array(raw[values], dtype=float)
        print(f"== {title}; {sum(f.released is not None for f in facts)} with a date")
        near = 1 - distance
        np.fill_diagonal(near, np.nan)
        here = [name for name in (options.old, options.new) if name in short]
        if options.new in here:
            _famous(distance, facts, short.index(options.new), labs[0])
        for name in here:
            _calibrated(near, facts, short.index(name), labs)
        if len(here) > 1:
            _change(near, facts, (short.index(options.old), short.index(options.new)), labs)


def _released(fact: ModelFacts) -> str:
    return f"{fact.name} ({fact.released or 'no date'})"


def _famous(distance: Matrix, facts: list[ModelFacts], new: int, lab: str) -> None:
    """Where the new version's closest pair with the lab stands among all pairs of two labs."""
    pairs = sorted(
        (float(distance[i, k]), k, i)
        for i in range(len(facts))
        for k in range(i)
        if facts[i].lab is None or facts[i].lab != facts[k].lab
    )
    rank = next(r for r, (_, k, i) in enumerate(pairs) if new in (k, i) and lab in (facts[k].lab, facts[i].lab))
    _, k, i = pairs[rank]
    print(f"{facts[k].name} and {facts[i].name}: {rank} of {len(pairs)} pairs of two labs are closer")
    for value, a, b in pairs[: rank + 1]:
        print(f"  {value:.3f}  {_released(facts[a])} - {_released(facts[b])}")


def _calibrated(near: Matrix, facts: list[ModelFacts], suspect: int, labs: list[str]) -> None:
    """The nearest models of other labs, and what calibration makes of those that could be teachers."""
    everybody = range(len(facts))
    scores = cal.pair_scores(near, facts, everybody)
    p = cal.p_values(scores, facts)
    kin = change.kin(facts)[suspect]
    order = [i for i in np.argsort(-np.nan_to_num(near[suspect], nan=-1)) if i != suspect and not kin[i]]
    older = [i for i in everybody if not kin[i] and facts[i].before(facts[suspect]) and not np.isnan(p[suspect, i])]
    q = dict(zip(older, cal.benjamini_hochberg([float(p[suspect, i]) for i in older]), strict=True))
    print(f"{_released(facts[suspect])}: {len(older)} older candidates of other labs can be tested")
    best = {min(of, key=lambda i: p[suspect, i]) for lab in labs if (of := [i for i in older if facts[i].lab == lab])}
    best |= {min(older, key=lambda i: p[suspect, i])} if older else set()
    for rank, i in enumerate(order, 1):
        if rank <= SHOWN or i in best:
            said = "not older" if facts[i].before(facts[suspect]) is False else "untestable"
            if i in q:
                said = f"z {scores.z[suspect, i]:+.2f}, p {p[suspect, i]:.3f}, q {q[i]:.3f}"
                said += f", {scores.null_size[suspect, i]} null models"
            print(f"  {rank}. {_released(facts[i])} {1 - near[suspect, i]:.3f}: {said}")


def _change(near: Matrix, facts: list[ModelFacts], pair: tuple[int, int], labs: list[str]) -> None:
    """How much closer the new version came, beyond what holds of everybody, in standard deviations of the pool."""
    scaled = near / np.nanstd(near)
    kin = change.kin(facts)
    moved = change.shifts(scaled, facts, kin, pair)
    known = [i for i in np.argsort(-np.abs(np.nan_to_num(moved))) if not np.isnan(moved[i])]
    p = {}
    for i in known:
        null, _ = change.null_shifts(scaled, facts, kin, i, pair)
        if len(null) >= cal.LEAST_NULL:
            p[i] = ((1 + int((np.abs(null) >= abs(moved[i])).sum())) / (len(null) + 1), len(null))
    q = dict(zip(p, cal.benjamini_hochberg([value for value, _ in p.values()]), strict=True))
    print(f"from {facts[pair[0]].name} to {facts[pair[1]].name}, {len(known)} models of other labs")
    for rank, i in enumerate(known, 1):
        if rank <= SHOWN or facts[i].lab in labs:
            said = f"p {p[i][0]:.3f}, q {q[i]:.3f}, {p[i][1]} null pairs" if i in p else "untestable"
            print(f"  {rank}. {facts[i].name} ({facts[i].lab or 'no lab'}): {moved[i]:+.2f}, {said}")


if __name__ == "__main__":
    main()
