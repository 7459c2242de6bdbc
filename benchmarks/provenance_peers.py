"""The detector beside other ways to find a teacher, all under the protocol of `harness provenance validate --scores`.

    python benchmarks/provenance_peers.py DATA [--out FOLDER] [--tools TOOLS/bin/python] [--only NAME ...]

DATA holds `outputs/alpaca_eval.parquet` and `labels/{students,controls,models}.csv`. Each way writes its score of each
pair as a CSV file into FOLDER, and is judged by that file alone. TOOLS is an environment with `knowlyr-modelaudit` and
`wordfreq`, which are no dependencies: without it their rows are left out.

- *harness*: this detector. A pair is flagged if a verdict names the candidate's lab.
- *popularity*: the candidate's mean score over strangers, with no look at the pair.
- *burrows*: Burrows' Delta over the 150 commonest words (Burrows 2002, doi 10.1093/llc/17.3.267), each model one text.
- *slop_jaccard*, *slop_tree*: as slop-forensics compares models (https://github.com/sam-paech/slop-forensics, at
  fa54658): a model is the set of its 1,000 most over-used words against wordfreq and its 200 commonest pairs and 200
  triples of words that are no stop words. Likeness is the Jaccard index of the sets, or where the two meet in a tree
  of it by average linkage, which is what that project draws where PHYLIP is not installed. Stop words are
  scikit-learn's.
- *attribution*: a linear support vector machine on word 1- and 2-grams and character 3-grams (scikit-learn) of an
  answer's first 1,000 characters, taught to tell the candidates' answers apart on one half of the prompts. Each of the
  suspect's answers to the other half votes for a candidate; then the halves change places. The score is the share of
  votes. It always names somebody: the candidate with most votes is flagged.
- *attribution_margin*: the same machine, and the mean margin instead of votes.
- *modelaudit*: knowlyr-modelaudit's two black-box methods on the same answers, and the mean of both as in its `audit`.
  A pair is flagged if both thresholds (.85 and .80) call it derived.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from harness.provenance.answers import fingerprint
from harness.provenance.comparison import calibration as cal
from harness.provenance.comparison import evidence
from harness.provenance.comparison.registry import Registry
from harness.provenance.validation import detectors
from harness.provenance.validation.pair_figures import popularity_of
from harness.provenance.validation.protocol import PromptSet, prompt_sets

CORPUS = "alpaca_eval"
COMMONEST = 150
"""Words of Burrows' Delta: his own number."""
OVERUSED, PHRASES = 1000, 200
"""Words, and pairs and triples of words, of a slop profile."""
SEVERAL, OFTEN, SHORTEST = 2, 5, 4
"""Prompts that a word or phrase must stand in, times a word must stand in more than, letters of a word."""
HASHES = 2**20
"""Places that the attribution classifier's features are hashed into: few share one."""
COMMON = 3
"""Answers that a feature must stand in."""
READ = 1_000
"""Characters of an answer that it reads."""
TOOLS = Path(__file__).with_name("_provenance_tools.py")
Matrix = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
Scores = tuple[Matrix, Bool | None]
"""Models x candidates: score, and whether flagged."""


@dataclass(frozen=True)
class Peers:
    """The models that are compared, and every way to compare them."""

    part: PromptSet
    tools: str | None

    @cached_property
    def facts(self) -> list[cal.ModelFacts]:
        """What is documented of each model."""
        return self.part.labels.facts(self.part.models, self.part.registry)

    @cached_property
    def candidates(self) -> list[int]:
        """Indices of possible teachers."""
        return self.part.labels.candidates(self.part.models, self.facts)

    @cached_property
    def texts(self) -> dict[str, dict[str, str]]:
        """Answers by model and prompt."""
        found: dict[str, dict[str, str]] = {model: {} for model in self.part.models}
        for model, prompt, text in self.part.texts.sort("model", "prompt_id").iter_rows():
            found[model].setdefault(prompt, text)
        return found

    @cached_property
    def analysis(self) -> evidence.Analysis:
        """What this detector computes."""
        prints = fingerprint.fingerprint(self.part.texts, self.part.column, evidence.EVIDENCE)
        return evidence.analyse(prints, self.facts, self.candidates)

    def harness(self) -> Scores:
        """This detector."""
        a = self.analysis
        named = [set(evidence.named(a, model)) for model in a.models]
        fit = evidence.open_pairs(self.facts, self.candidates)
        lab = [cal.lab_of(self.facts[c]) for c in self.candidates]
        return a.z, np.array([[of in mine for of in lab] for mine in named]) & fit

    def popularity(self) -> Scores:
        """The candidate's mean score over strangers."""
        return popularity_of(self.facts, self.candidates, self.analysis.z), None

    def burrows(self) -> Scores:
        """Burrows' Delta, less is nearer."""
        words = {
            model: Counter(word for text in of.values() for word in re.findall(r"[\w'’]+", text.lower()))
            for model, of in self.texts.items()
        }
        every = Counter[str]()
        for of in words.values():
            total = of.total()
            every.update({word: n / total for word, n in of.items()})  # type: ignore[dict-item]  # rates are counted
        chosen = [word for word, _ in every.most_common(COMMONEST)]
        rates = np.array([[of[word] / of.total() for word in chosen] for of in words.values()])
        z = (rates - rates.mean(axis=0)) / rates.std(axis=0, ddof=1)
        return -np.abs(z[:, None, :] - z[None, self.candidates, :]).mean(axis=2), None

    @cached_property
    def profiles(self) -> Bool:
        """Models x words and phrases: True if it is in the model's slop profile."""
        from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

        letters = pl.col(self.part.column).str.normalize("NFKC").str.to_lowercase().str.extract_all(r"[\p{L}\p{M}]+")
        texts = self.part.texts.unique(["model", "prompt_id"], keep="first", maintain_order=True)
        words = texts.select("model", "prompt_id", word=letters).explode("word").drop_nulls("word")
        kept = (pl.col("word").str.len_chars() > 1) & ~pl.col("word").is_in(list(ENGLISH_STOP_WORDS))
        words = words.filter(kept).with_columns(code=pl.col("word").rank("dense").cast(pl.UInt64))
        long = _several(words.filter(pl.col("word").str.len_chars() >= SHORTEST), "word").filter(pl.col("n") > OFTEN)
        people = self._ask("words", long["word"].unique().sort().to_list())["frequencies"]
        usual = pl.col("word").replace_strict(people, return_dtype=pl.Float64)
        over = long.with_columns(
            rank=pl.col("n") / pl.col("n").sum().over("model") / usual, usual=usual, feature="1 " + pl.col("word")
        ).filter(pl.col("usual") > 0)
        chosen = [_most(over, OVERUSED)]
        after = [pl.col("code").shift(-i).over("model", "prompt_id") for i in (1, 2)]
        for more in (after[:1], after):
            code = pl.concat_str(pl.col("code"), *more, separator=" ")  # null at the end of an answer
            grams = _several(words.select("model", "prompt_id", feature=code).drop_nulls(), "feature")
            chosen.append(_most(grams.with_columns(rank=pl.col("n").cast(pl.Float64)), PHRASES))
        profile = pl.concat(chosen).with_columns(there=True).pivot("feature", index="model", values="there")
        found: Bool = profile.sort("model").drop("model").fill_null(value=False).to_numpy()
        return found

    def slop_jaccard(self) -> Scores:
        """The Jaccard index of two slop profiles."""
        from scipy.spatial.distance import pdist, squareform

        return 1 - squareform(pdist(self.profiles, "jaccard"))[:, self.candidates], None

    def slop_tree(self) -> Scores:
        """How low two models meet in the tree of slop profiles."""
        from scipy.cluster.hierarchy import cophenet, linkage
        from scipy.spatial.distance import pdist, squareform

        tree = linkage(pdist(self.profiles, "jaccard"), "average")
        return 1 - squareform(cophenet(tree))[:, self.candidates], None

    @cached_property
    def margins(self) -> list[tuple[int, Matrix]]:
        """Of each half of the prompts and each model: the margins of its answers for every candidate."""
        from scipy.sparse import hstack
        from sklearn.feature_extraction.text import TfidfTransformer
        from sklearn.svm import LinearSVC

        prompts = sorted({prompt for of in self.texts.values() for prompt in of})
        halves = np.array_split(np.random.default_rng(0).permutation(prompts), 2)
        found = []
        for one, other in (halves, halves[::-1]):
            taught, asked = set(one.tolist()), set(other.tolist())
            texts = [(b, t) for b, c in enumerate(self.candidates)
                     for p, t in self.texts[self.part.models[c]].items() if p in taught]  # fmt: skip
            counts = _counted([t for _, t in texts])
            known = [np.flatnonzero((of > 0).sum(axis=0) >= COMMON) for of in counts]
            weigh = [TfidfTransformer(sublinear_tf=True).fit(of[:, at]) for of, at in zip(counts, known, strict=True)]

            def read(
                counts: tuple[Any, Any],
                known: list[npt.NDArray[np.int64]] = known,
                weigh: list[TfidfTransformer] = weigh,
            ) -> Any:
                parts = zip(counts, known, weigh, strict=True)
                return hstack([how.transform(of[:, at]) for of, at, how in parts]).tocsr()

            machine = LinearSVC().fit(read(counts), [b for b, _ in texts])
            for i, of in enumerate(self.texts.values()):
                margin: Matrix = machine.decision_function(read(_counted([t for p, t in of.items() if p in asked])))
                found.append((i, margin))
        return found

    def _votes(self, of: Callable[[Matrix], Matrix]) -> Matrix:
        """A mean over each model's answers; a candidate's own class is closed to its answers."""
        total, count = np.zeros((len(self.part.models), len(self.candidates))), np.zeros(len(self.part.models))
        own = {c: b for b, c in enumerate(self.candidates)}
        for i, margin in self.margins:
            mine = margin.copy()
            if i in own:
                mine[:, own[i]] = -np.inf
            total[i] += of(mine).sum(axis=0)
            count[i] += len(mine)
        return total / count[:, None]

    def attribution(self) -> Scores:
        """The share of an attribution classifier's votes; the candidate with most of them is named."""
        share = self._votes(lambda mine: np.eye(mine.shape[1])[mine.argmax(axis=1)])
        return share, share == share.max(axis=1, keepdims=True)

    def attribution_margin(self) -> Scores:
        """The classifier's mean margin; the candidate with the highest is named."""
        mean = self._votes(lambda mine: mine)
        return np.nan_to_num(mean, neginf=0.0), mean == mean.max(axis=1, keepdims=True)

    def modelaudit(self) -> Scores:
        """The mean of knowlyr-modelaudit's two methods."""
        names = [self.part.models[c] for c in self.candidates]
        texts = {model: list(of.values()) for model, of in self.texts.items()}
        found = self._ask("audit", {"texts": texts, "candidates": names})["rows"]
        row, column = {m: i for i, m in enumerate(self.part.models)}, {m: b for b, m in enumerate(names)}
        z, flagged = np.zeros((len(row), len(column))), np.zeros((len(row), len(column)), dtype=np.bool_)
        for suspect, candidate, one, derived, other, too in found:
            z[row[suspect], column[candidate]] = (one + other) / 2
            flagged[row[suspect], column[candidate]] = derived and too
        return z, flagged

    def _ask(self, what: str, given: Any) -> Any:
        assert self.tools is not None
        done = subprocess.run(
            [self.tools, str(TOOLS), what], input=json.dumps(given), capture_output=True, text=True, check=True
        )
        found = json.loads(done.stdout)
        print(f"{what}: version {found['version']}", file=sys.stderr)
        return found

    def table(self, scores: Scores) -> pl.DataFrame:
        """What a detector hands in."""
        z, flagged = scores
        rows = [
            {"suspect": suspect, "candidate": self.part.models[c], "score": float(z[s, b])}
            | ({} if flagged is None else {"flag": bool(flagged[s, b])})
            for s, suspect in enumerate(self.part.models)
            for b, c in enumerate(self.candidates)
            if s != c
        ]
        return pl.DataFrame(rows)


def _several(things: pl.DataFrame, name: str) -> pl.DataFrame:
    """How often each thing stands in each model's answers, if it stands in those to several prompts."""
    found = things.group_by("model", name).agg(n=pl.len(), prompts=pl.col("prompt_id").n_unique())
    return found.filter(pl.col("prompts") >= SEVERAL).drop("prompts")


def _most(ranked: pl.DataFrame, number: int) -> pl.DataFrame:
    """The so many of each model's features that rank highest."""
    place = ranked.sort("model", "rank", "feature", descending=[False, True, False])
    return place.group_by("model", maintain_order=True).head(number).select("model", "feature")


def _counted(texts: Sequence[str]) -> tuple[Any, Any]:
    """Texts x words and pairs of words, texts x characters in threes: how often, by hash."""
    from scipy.sparse import csr_array

    frame = pl.DataFrame({"text": texts}).with_row_index("row").with_columns(pl.col("text").str.head(READ))
    words = frame.with_columns(word=pl.col("text").str.to_lowercase().str.extract_all(r"\w\w+")).explode("word")
    words = words.drop_nulls("word").select("row", one=pl.col("word").hash(1))
    pairs = words.select("row", one=pl.col("one") * 31 + pl.col("one").shift(-1).over("row")).drop_nulls()
    letters = [np.frombuffer(text.lower().encode(), dtype=np.uint8).astype(np.uint64) for text in frame["text"]]
    threes = [(of[:-2] << 16) | (of[1:-1] << 8) | of[2:] for of in letters]
    row = np.repeat(np.arange(len(threes)), [len(of) for of in threes])
    made = []
    for rows, code in (
        (np.concatenate([words["row"], pairs["row"]]), np.concatenate([words["one"], pairs["one"]])),
        (row, np.concatenate(threes)),
    ):
        where = (rows, (code % HASHES).astype(np.int64))
        made.append(csr_array((np.ones(len(rows)), where), shape=(len(texts), HASHES)))
    return made[0], made[1]


WAYS: Mapping[str, tuple[Callable[[Peers], Scores], bool]] = {
    "harness": (Peers.harness, False),
    "popularity": (Peers.popularity, False),
    "burrows": (Peers.burrows, False),
    "slop_jaccard": (Peers.slop_jaccard, True),
    "slop_tree": (Peers.slop_tree, True),
    "attribution": (Peers.attribution, False),
    "attribution_margin": (Peers.attribution_margin, False),
    "modelaudit": (Peers.modelaudit, True),
}
"""By name: the way, and whether it needs the tools."""
COLUMNS = {
    "AUROC of pairs": "AUROC, true student-teacher pairs against the rest",
    "against other labs": "AUROC, true student-teacher pairs against other labs' models",
    "within suspect": "AUROC within suspect, mean over students",
    "against the null": "AUROC, students against the candidate's null",
    "exact teacher first": "exact teacher first, same pool",
    "lab first": "",
    "over its own popularity": "AUROC's margin over popularity",
    "over harness": "AUROC's margin over harness",
    "named rightly": "students named with their teacher's lab",
    "controls accused": "controls accused by any sentence of a report (openai)",
}
"""Columns of the table, and the figure that each shows."""


def _cells(report: Mapping[str, Any]) -> Iterator[str]:
    figures = {figure["name"]: figure for figure in report["figures"]}
    for column, name in COLUMNS.items():
        figure = figures.get(name)
        if column == "lab first":
            detail = figures[COLUMNS["exact teacher first"]]["detail"]
            low, high = detail["teacher_lab_first_interval"]
            yield _shown({"value": detail["teacher_lab_first"], "low": low, "high": high})
        elif figure is None:
            yield "-"
        elif column == "controls accused":
            yield f"{len(figure['detail']['accused'])} of {figure['n']}"
        else:
            yield _shown(figure)


def _shown(figure: Mapping[str, Any]) -> str:
    def short(x: float) -> str:
        return f"{x:.3f}".replace("0.", ".", 1) if abs(x) < 1 else f"{x:.2f}"

    interval = "" if figure["low"] is None else f" [{short(figure['low'])}, {short(figure['high'])}]"
    return f"{short(figure['value'])}{interval}"


def _cpu() -> float:
    return sum(
        r.ru_utime + r.ru_stime for r in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def main() -> None:
    """Write the files, judge them, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, help="folder of the CSV files; by default one that is removed")
    parser.add_argument("--tools", help="interpreter with knowlyr-modelaudit and wordfreq")
    parser.add_argument("--only", nargs="+", choices=WAYS, default=list(WAYS), help="rows of the table; files stay")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as away:
        out = options.out or Path(away)
        out.mkdir(parents=True, exist_ok=True)
        _run(options, out)


def _run(options: argparse.Namespace, out: Path) -> None:
    labels = [
        pl.read_csv(options.data / "labels" / f"{name}.csv", infer_schema=False)
        for name in ("students", "controls", "models")
    ]
    registry = Registry.load(Path(__file__).parents[1] / "conf" / "model_registry.yaml")
    outputs = pl.read_parquet(options.data / "outputs" / f"{CORPUS}.parquet")
    outputs = outputs.drop("reasoning", "reasoning_kind", strict=False)
    (part,) = prompt_sets(outputs, *labels, registry)
    peers = Peers(part, options.tools)
    wanted = [name for name in WAYS if name in options.only and (options.tools or not WAYS[name][1])]
    for name in wanted:
        begun = _cpu()
        peers.table(WAYS[name][0](peers)).write_csv(out / f"{name}.csv")
        print(f"{name}: {_cpu() - begun:.0f} CPU s", file=sys.stderr, flush=True)
    tables = {
        name: pl.read_csv(out / f"{name}.csv", infer_schema=False) for name in WAYS if (out / f"{name}.csv").exists()
    }
    reports = {}
    for name, table in tables.items():
        against = {"harness": tables["harness"]} if "harness" in tables and name != "harness" else {}
        reports[name] = detectors.judge(table, outputs, *labels, registry, against=against)
    print("\n".join(lines(reports)))


def lines(reports: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The table, and what stands below it.

    Args:
        reports: of `detectors.judge`, by the way's name.
    """
    yield f"| way | {' | '.join(COLUMNS)} |"
    yield f"|---|{'---|' * len(COLUMNS)}"
    for name, report in reports.items():
        yield f"| {name} | {' | '.join(_cells(report))} |"
    figures = {name: {figure["name"]: figure for figure in report["figures"]} for name, report in reports.items()}
    first = next(iter(figures.values()))[COLUMNS["exact teacher first"]]
    detail = first["detail"]
    constant = f"exact teacher {detail['best_constant']:.2f}, lab {detail['best_constant_lab']:.2f}"
    yield f"\nAlways the same answer: {constant}, of {first['n']} students"
    for name, found in figures.items():
        said = found.get("documented-unrelated pairs of model and lab that are named")
        wrong = found.get("named students whose first lab is wrong")
        if said and wrong:
            share = "-" if wrong["value"] is None else f"{wrong['value']:.2f} of {wrong['n']}"
            yield (
                f"{name}: unrelated pairs of model and lab named {said['value']:.2f} of {said['n']}; "
                f"named students whose first lab is wrong {share}"
            )


if __name__ == "__main__":
    main()
