"""A tree of who writes like whom: an illustration, not a genealogy.

Neighbour joining (Saitou and Nei 1987, doi 10.1093/oxfordjournals.molbev.a040454) on distances that are the pool's
highest similarity less the pair's. A constant added to every distance changes no branching. Support of a branch is the
share of random halves of the prompts whose tree has it too: the delete-half jackknife, whose spread is the bootstrap's
(Felsenstein 2004, Inferring Phylogenies, chapter 20). Models copy from several others, and a tree cannot say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from harness.core import one_thread, visible
from harness.errors import ConfigError
from harness.provenance.answers.fingerprint import Fingerprints
from harness.provenance.comparison import similarity
from harness.provenance.comparison.calibration import Matrix

LABEL = "Illustration: likeness drawn as a tree. It shows neither descent nor copying."
LEAST_MODELS = 3
SEED = 0


@dataclass(slots=True)
class TreeNode:
    """A leaf (with a name) or a branching (with children). Lengths are in units of distance, support 0 to 1."""

    name: str | None = None
    children: tuple[tuple[TreeNode, float], ...] = ()
    support: float | None = None

    def leaves(self) -> frozenset[str]:
        """Names under the node."""
        if self.name is not None:
            return frozenset((self.name,))
        return frozenset().union(*(child.leaves() for child, _ in self.children))


def standardised(prints: Fingerprints, names: Sequence[str]) -> Matrix:
    """Mean over channels of similarity, in standard deviations of the pool's pairs. NaN if there is none."""
    return similarity.standardised((similarity.matrix(prints, name) for name in names), len(prints.models))


def halves(prints: Fingerprints, names: Sequence[str], draws: int) -> Iterator[list[Matrix]]:
    """The matrices of the channels on random halves of the prompts, the same halves every time."""
    rng, prompts = np.random.default_rng(SEED), len(prints.prompts)
    parts = [sorted(rng.permutation(prompts)[: prompts // 2].tolist()) for _ in range(draws)]
    of_channels = [similarity.of_parts(prints, name, parts) for name in names]
    yield from (list(found) for found in zip(*of_channels, strict=True))


@one_thread()
def tree(prints: Fingerprints, names: Sequence[str], draws: int, known: Mapping[str, Matrix] | None = None) -> TreeNode:
    """The tree of a pool, with support.

    Args:
        prints: of at least `LEAST_MODELS` models that can all be compared with one another. Others are left out.
        names: channels to average.
        draws: halves of the prompts behind each support.
        known: similarities on all prompts by channel, if you have computed them.

    Raises:
        ConfigError: too few models can be compared.
    """
    whole = (
        standardised(prints, names)
        if known is None
        else similarity.standardised((known[name] for name in names), len(prints.models))
    )
    keep = _comparable(whole)
    if len(keep) < LEAST_MODELS:
        raise ConfigError(
            f"a tree needs {LEAST_MODELS} models that answered {similarity.MIN_SHARED} prompts in common, "
            f"found {len(keep)}"
        )
    labels = [prints.models[i] for i in keep]
    root = join(_distance(whole[np.ix_(keep, keep)]), labels)
    seen: dict[frozenset[str], int] = {}
    done = 0
    for half in halves(prints, names, draws):
        part = similarity.standardised(half, len(prints.models))[np.ix_(keep, keep)]
        if np.isnan(part[~np.eye(len(keep), dtype=bool)]).any():
            continue
        done += 1
        for split in _splits(join(_distance(part), labels), labels):
            seen[split] = seen.get(split, 0) + 1
    if done:
        _support(root, labels, seen, done)
    return root


def _comparable(values: Matrix) -> list[int]:
    """Models that can all be compared with one another: whoever has most gaps is left out until there are none."""
    keep = list(range(len(values)))
    while len(keep) > 1:
        part = values[np.ix_(keep, keep)]
        gaps = np.isnan(part).sum(axis=1) - 1
        if gaps.max() <= 0:
            break
        keep.pop(int(gaps.argmax()))
    return keep


def _distance(values: Matrix) -> Matrix:
    distance: Matrix = np.nanmax(values) - values
    np.fill_diagonal(distance, 0)
    return distance


def join(distance: Matrix, labels: Sequence[str]) -> TreeNode:
    """Neighbour joining.

    Args:
        distance: symmetric, zero on the diagonal, at least three models.
        labels: one per row.

    Returns:
        The unrooted tree, hung up at its last three-way branching. Negative lengths are set to 0.
    """
    d = distance.copy()
    nodes = [TreeNode(name) for name in labels]
    while len(nodes) > LEAST_MODELS:
        n = len(nodes)
        total = d.sum(axis=1)
        q = (n - 2) * d - total[:, None] - total[None, :]
        np.fill_diagonal(q, np.inf)
        i, j = sorted(divmod(int(q.argmin()), n))
        to_i = d[i, j] / 2 + (total[i] - total[j]) / (2 * (n - 2))
        new = TreeNode(None, ((nodes[i], max(to_i, 0.0)), (nodes[j], max(d[i, j] - to_i, 0.0))))
        rest = [k for k in range(n) if k not in {i, j}]
        far = (d[i, rest] + d[j, rest] - d[i, j]) / 2
        d = np.block([[d[np.ix_(rest, rest)], far[:, None]], [far[None, :], np.zeros((1, 1))]])
        nodes = [*(nodes[k] for k in rest), new]
    lengths = [(d[a, b] + d[a, c] - d[b, c]) / 2 for a, b, c in ((0, 1, 2), (1, 0, 2), (2, 0, 1))]
    return TreeNode(None, tuple((node, max(float(x), 0.0)) for node, x in zip(nodes, lengths, strict=True)))


def _split(node: TreeNode, labels: Sequence[str]) -> frozenset[str]:
    """The side of a branch that does not hold the first model."""
    below = node.leaves()
    return frozenset(labels) - below if labels[0] in below else below


def _splits(root: TreeNode, labels: Sequence[str]) -> Iterator[frozenset[str]]:
    for child, _ in root.children:
        if child.children:
            yield _split(child, labels)
            yield from _splits(child, labels)


def _support(node: TreeNode, labels: Sequence[str], seen: dict[frozenset[str], int], draws: int) -> None:
    for child, _ in node.children:
        if child.children:
            child.support = seen.get(_split(child, labels), 0) / draws
            _support(child, labels, seen, draws)


def newick(root: TreeNode) -> str:
    """The tree in Newick's format, support in per cent as names of branchings, with the label as a comment."""

    def text(node: TreeNode) -> str:
        if node.name is not None:
            return "'" + visible(node.name).replace("'", "''") + "'"
        inside = ",".join(f"{text(child)}:{length:.4f}" for child, length in node.children)
        return f"({inside}){'' if node.support is None else round(100 * node.support)}"

    return f"[{LABEL}]{text(root)};\n"


def svg(root: TreeNode) -> str:
    """The tree as a drawing: leaves to the right, support in per cent at the branchings, labelled an illustration."""
    row, wide, indent = 16, 560, 12
    lines: list[str] = []
    deepest = max(_depths(root), default=1.0) or 1.0
    place = {"y": 2 * row}

    def draw(node: TreeNode, x: float) -> float:
        if node.name is not None:
            y = float(place["y"])
            place["y"] += row
            name = escape(re.sub(r"[^\x20-\U0010ffff]", "", visible(node.name)))
            lines.append(f'<text x="{x + 4:.1f}" y="{y + 4:.1f}">{name}</text>')
            return y
        ys = []
        for child, length in node.children:
            end = x + wide * length / deepest
            y = draw(child, end)
            lines.append(f'<path d="M{x:.1f} {y:.1f}H{end:.1f}"/>')
            ys.append(y)
        lines.append(f'<path d="M{x:.1f} {min(ys):.1f}V{max(ys):.1f}"/>')
        middle = (min(ys) + max(ys)) / 2
        if node.support is not None:
            lines.append(f'<text class="s" x="{x + 2:.1f}" y="{middle - 2:.1f}">{round(100 * node.support)}</text>')
        return middle

    draw(root, indent)
    height = place["y"] + row
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide + 320} {height}" width="{wide + 320}" '
        f'height="{height}" font-family="sans-serif" font-size="11">'
        "<style>path{fill:none;stroke:#555}.s{font-size:8px;fill:#a00}</style>"
        f'<text x="{indent}" y="{row}">{escape(LABEL)}</text>{"".join(lines)}</svg>\n'
    )


def _depths(node: TreeNode, above: float = 0.0) -> Iterator[float]:
    if node.name is not None:
        yield above
    for child, length in node.children:
        yield from _depths(child, above + length)
