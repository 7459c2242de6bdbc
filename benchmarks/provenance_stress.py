"""How the detector bears what it was not made for: mixtures, garbage, wrappers, few prompts, other names.

    python benchmarks/provenance_stress.py DATA [--part mixtures garbage changed names] [--students N] [--controls N]

DATA holds `outputs/{alpaca_eval,prompts}.parquet` and `labels/{students,controls}.csv`. Every suspect is read
against the panel `alpaca_eval` as `harness provenance report --panel` reads it; the panel's own entry of a model
of the same name is left out. Draws are fixed by a seed.

- *mixtures*: of an unrelated model's answers, so many in a hundred replaced by a teacher's. Aims: nobody named at 0,
  nine in ten at 30.
- *garbage*: kinds of answers that have no style. Aim: none named, and each said to be not comparable.
- *changed*: documented students whose lab was named, and controls, each changed the same way. Aims: the lab kept for
  eight in ten, one control in twenty accused.
- *names*: models of the panel under another name. Aim: each found to be itself.
"""

from __future__ import annotations

import argparse
import html
import json
import random
import re
import string
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from harness.provenance import Finding
from harness.provenance.comparison.evidence import ALPHA
from harness.provenance.comparison.registry import TAUGHT, Registry
from harness.provenance.panels import panel
from harness.provenance.verdicts import pools, reports

PANEL = "alpaca_eval"
DOSES = (0, 1, 5, 10, 30, 50, 100)
PAIRS = 16
RELEASED = "2024-12"
"""Of made-up suspects: after every model of the panel."""
Texts = Mapping[str, str]
Change = Callable[[Texts, random.Random], Texts]


@dataclass(frozen=True)
class Data:
    """What the suspects are made of.

    Attributes:
        made: the panel.
        outputs: answers by model and prompt, known by the panel's ids.
        prompts: texts of the prompts.
        known: the registry.
        teachers: labs of the documented teachers, by student.
        controls: models documented not to be taught by some lab.
    """

    made: panel.Panel
    outputs: Mapping[str, Texts]
    prompts: Texts
    known: Registry
    teachers: Mapping[str, frozenset[str]]
    controls: Sequence[str]

    @classmethod
    def load(cls, folder: Path) -> Data:
        """Read a data folder."""
        made = panel.load(PANEL)
        frame = pl.read_parquet(folder / "outputs" / "alpaca_eval.parquet", columns=["model", "prompt_id", "output"])
        asked = pl.read_parquet(folder / "outputs" / "prompts.parquet").filter(pl.col("corpus") == PANEL)
        ids = made.aliases
        frame = frame.drop_nulls().filter(pl.col("prompt_id").is_in(list(ids)))
        outputs: dict[str, dict[str, str]] = {}
        for model, prompt, text in frame.unique(["model", "prompt_id"], keep="first").sort(pl.all()).iter_rows():
            outputs.setdefault(model, {})[ids[prompt]] = text
        prompts = {ids[p]: text for p, text in asked.select("prompt_id", "prompt").iter_rows() if p in ids}
        tables = {name: pl.read_csv(folder / "labels" / f"{name}.csv") for name in ("students", "controls")}
        here = {name: t.filter(pl.col("corpus").str.split(";").list.contains(PANEL)) for name, t in tables.items()}
        taught = here["students"].filter(pl.col("strength").str.starts_with(TAUGHT)).sort("student")
        teachers = {
            row["student"]: frozenset(
                str(made.facts[t].lab) for t in row["teachers"].split(";") if t in made.facts and made.facts[t].lab
            )
            for row in taught.iter_rows(named=True)
            if row["student"] in outputs and row["student"] in made.facts
        }
        controls = [m for m in sorted(here["controls"]["model"].unique()) if m in outputs and m in made.facts]
        return cls(made, outputs, prompts, pools.registry(), {s: t for s, t in teachers.items() if t}, controls)

    def find(self, suspect: str, texts: Texts, cut: Collection[str] = (), **facts: str) -> Finding:
        """What is said of a suspect that gave these answers, some of which are known to be cut off."""
        frame = pl.DataFrame(
            {
                "task": "stress", "version": "1", "model": suspect, "prompt_id": list(texts), "alias": None,
                "prompt": [self.prompts.get(p) for p in texts], "domain": None, "repeat": 0,
                "output": list(texts.values()), "cut": [p in cut for p in texts],
            },
            schema_overrides={"alias": pl.String, "prompt": pl.String, "domain": pl.String},
        )  # fmt: skip
        known = pools.told(self.known, suspect, facts)
        pool = pools.against(PANEL, frame, suspect, (), known, {})
        (found,) = reports.findings([pool], [suspect], interval=False, by_domain=False)
        return found


def accused(found: Finding) -> frozenset[str]:
    """Labs that a report speaks against, by verdict or by any sentence."""
    said = {lab.lab or "unknown" for lab in found.labs if lab.named or (lab.q is not None and lab.q <= ALPHA)}
    return (
        frozenset(said) if found.verdict != "resembles" else frozenset(said | {t.lab or "unknown" for t in found.alike})
    )


def mixtures(data: Data) -> Iterator[str]:
    """Named, named wrongly, and the teacher's median score, by dose."""
    rng = random.Random(0)
    facts = data.made.facts
    unrelated = [m for m in data.controls if len(data.outputs[m]) == len(data.made.prompts)]
    teachers: dict[str, list[str]] = {}
    for name in sorted(data.made.candidates & set(data.outputs)):
        teachers.setdefault(str(facts[name].lab), []).append(name)
    labs = sorted(lab for lab, members in teachers.items() if lab != "None" and len(members) > 0)
    rng.shuffle(labs)
    pairs = []
    while len(pairs) < PAIRS:
        u, t = rng.choice(unrelated), rng.choice(teachers[labs[len(pairs) % len(labs)]])
        if facts[u].lab != facts[t].lab and not facts[u].bases & facts[t].bases:
            pairs.append((u, t))
    yield "| dose | named | teacher itself named | named wrongly | not comparable | median z | median p |"
    yield "|---:|---:|---:|---:|---:|---:|---:|"
    for dose in DOSES:
        named = exact = wrong = barred = 0
        zs, ps = [], []
        for u, t in pairs:
            prompts = sorted(set(data.outputs[u]) & set(data.outputs[t]))
            taken = set(random.Random(f"{u} {t}").sample(prompts, round(dose / 100 * len(prompts))))
            found = data.find(u, {p: data.outputs[t if p in taken else u][p] for p in prompts}, released=RELEASED)
            lab = str(facts[t].lab)
            labs_named = accused(found)
            named += lab in labs_named
            wrong += bool(labs_named - {lab})
            exact += any(test.candidate == t for test in found.alike)
            barred += found.incomparable is not None
            test = next((test for test in found.tests if test.candidate == t), None)
            zs += [] if test is None or test.z is None else [test.z]
            ps += [] if test is None or test.p is None else [test.p]
        middle = [sorted(v)[len(v) // 2] if v else float("nan") for v in (zs, ps)]
        yield f"| {dose} | {named} | {exact} | {wrong} | {barred} | {middle[0]:.1f} | {middle[1]:.4f} |"


def garbage(data: Data) -> Iterator[str]:
    """What is said of answers without a style."""
    yield "| answers | verdict | coverage (bound) | labs spoken against | why |"
    yield "|---|---|---:|---|---|"
    for name, make in GARBAGE.items():
        rng = random.Random(name)
        found = data.find(
            "suspect", {p: make(text, rng) for p, text in sorted(data.prompts.items())}, released=RELEASED
        )
        known = "" if found.known is None else f"{found.known.value:.2f} ({found.known.bound:.2f})"
        why = (found.incomparable or "").replace("|", "/")[:90]
        yield f"| {name} | {found.verdict} | {known} | {', '.join(sorted(accused(found))) or '-'} | {why} |"


def changed(data: Data, students: int, controls: int, only: Sequence[str] = ()) -> Iterator[str]:
    """Labs kept and controls accused, by change."""
    chosen: list[str] = []
    lineages: dict[str | None, int] = {}
    for name in sorted(data.teachers, key=lambda n: (random.Random(n).random(), n)):
        lineage = data.made.facts[name].lineage
        if len(chosen) < students and lineages.get(lineage, 0) < max(2, students // 6):
            lineages[lineage] = lineages.get(lineage, 0) + 1
            chosen.append(name)
    honest = data.controls[:controls]
    before = {name: accused(data.find(name, data.outputs[name])) for name in (*chosen, *honest)}
    kept = [name for name in chosen if before[name] & data.teachers[name]]
    spoken = sum(bool(before[name]) for name in honest)
    yield f"before: {len(kept)} of {len(chosen)} students' labs named, {spoken} of {len(honest)} controls accused\n"
    yield "| change | lab kept | another lab | not comparable | controls accused | controls not comparable |"
    yield "|---|---:|---:|---:|---:|---:|"
    for title, change in CHANGES.items():
        if only and not any(word in title for word in only):
            continue
        counts = dict.fromkeys(("kept", "other", "barred", "accused", "unread"), 0)
        for name in (*kept, *honest):
            texts = change(data.outputs[name], random.Random(f"{title} {name}"))
            cut = [p for p, text in texts.items() if KNOWN in title and text != data.outputs[name][p]]
            found = data.find(name, texts, cut)
            against = accused(found)
            if name in honest:
                counts["accused"] += bool(against)
                counts["unread"] += found.incomparable is not None
            else:
                counts["kept"] += bool(against & data.teachers[name])
                counts["other"] += bool(against - data.teachers[name])
                counts["barred"] += found.incomparable is not None
        yield (
            f"| {title} | {counts['kept']} of {len(kept)} | {counts['other']} | {counts['barred']} | "
            f"{counts['accused']} of {len(honest)} | {counts['unread']} |"
        )


def names(data: Data) -> Iterator[str]:
    """Models found under another name, of sixteen with all prompts and with sixty."""
    who = sorted(m for m in data.made.entries if len(data.outputs.get(m, ())) == len(data.made.prompts))
    some = random.Random(1).sample(who, PAIRS)
    for n in (len(data.made.prompts), 60):
        asked = [prompt.id for prompt in data.made.prompts][:n]
        found = [data.find("renamed", {p: data.outputs[m][p] for p in asked}, released=RELEASED) for m in some]
        right = [one.same_model is not None and one.same_model.other == m and one.same_model.named
                 for one, m in zip(found, some, strict=True)]  # fmt: skip
        yield f"{sum(right)} of {len(right)} found under another name, {n} prompts"


def _of_words(words: str, least: int, most: int) -> Callable[[str, random.Random], str]:
    every = words.split()
    return lambda _, rng: " ".join(rng.choices(every, k=rng.randint(least, most))).capitalize() + "."


HINDI = "मैं वह यह में से को का की के और है हैं था नहीं लिए साथ बहुत अच्छा समय लोग काम दिन घर पानी जीवन भारत शहर बात देश"
LOREM = "lorem ipsum dolor sit amet consectetur adipiscing elit sed eiusmod tempor labore magna aliqua enim minim"
CHINESE = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动"
ENGLISH = (
    "house river stone green walk over paper music winter number light under happy seven table road quiet open field"
)
CODE = (
    "def {a}({b}):\n    {c} = {b} * {n}\n    for i in range({n}):\n        {c} += i\n    return {c}\n",
    "const {a} = ({b}) => {{\n  let {c} = {b} + {n};\n  return {c};\n}};\nconsole.log({a}({n}));\n",
)


def _code(_: str, rng: random.Random) -> str:
    a, b, c = ("".join(rng.choices(string.ascii_lowercase, k=5)) for _ in "abc")
    return rng.choice(CODE).format(a=a, b=b, c=c, n=rng.randint(2, 99)) * rng.randint(1, 4)


GARBAGE: dict[str, Callable[[str, random.Random], str]] = {
    "random integers": lambda _, rng: " ".join(str(rng.randint(0, 9999)) for _ in range(rng.randint(30, 120))),
    "JSON": lambda _, rng: json.dumps({f"k{rng.randint(0, 99)}": rng.randint(0, 99) for _ in range(12)}),
    "code": _code,
    "emoji": lambda _, rng: "".join(chr(rng.randint(0x1F600, 0x1F64F)) for _ in range(60)),
    "Hindi": _of_words(HINDI, 40, 120),
    "Chinese": lambda _, rng: "".join(rng.choices(CHINESE, k=rng.randint(60, 200))) + "。",
    "echo of the prompt": lambda prompt, _: prompt,
    "one refusal": lambda *_: "I'm sorry, but as an AI language model I cannot help with that request.",
    "a refusal that names the prompt": lambda p, _: f"I'm sorry, but I can't help with “{' '.join(p.split()[:12])}”.",
    "one answer": lambda *_: "The capital of France is Paris, a city on the Seine with two million people.",
    "lorem ipsum": _of_words(LOREM, 60, 160),
    "random English words": _of_words(ENGLISH, 60, 160),
    "random letters": lambda _, rng: " ".join("".join(rng.choices(string.ascii_lowercase, k=6)) for _ in range(80)),
    "yes or no": lambda _, rng: rng.choice(["Yes.", "No."]),
}
OPENINGS = ("Certainly! Here is my answer.", "Of course! Let me help you.", "Great question! Here you go.",
            "Sure thing! I would love to help.")  # fmt: skip
CLOSINGS = ("I hope this helps!", "Let me know if you need more.", "Feel free to ask me anything else.",
            "Is there anything else I can do?")  # fmt: skip
PIRATE = {"you": "ye", "your": "yer", "my": "me", "is": "be", "are": "be", "hello": "ahoy", "friend": "matey"}
PERSONAS = {
    "thee and thou": {
        "you": "thou", "your": "thy", "are": "art", "is": "be", "have": "hath", "has": "hath", "do": "dost",
        "does": "doth", "this": "yon", "on": "upon", "with": "withal", "or": "ere",
    },
    "a robot": {
        "i": "this unit", "you": "the user", "your": "the user's", "my": "its", "is": "equals", "are": "equal",
        "with": "together with", "this": "the given", "it": "the object", "or": "alternatively",
    },
    "an accent": {
        "the": "ze", "this": "zis", "that": "zat", "with": "wiz", "they": "zey", "there": "zere", "is": "eez",
        "it": "eet", "in": "een",
    },
    "no small words": dict.fromkeys(
        ("the", "a", "an", "is", "are", "of", "to", "it", "this", "that", "be", "with", "as", "by"), ""
    ),
}  # fmt: skip
"""Words that are woven into every sentence, as a system prompt may ask for."""
SYNONYMS = {
    "important": "crucial", "use": "utilize", "help": "assist", "make": "create", "show": "demonstrate", "big": "large",
    "many": "numerous", "get": "obtain", "good": "great", "need": "require", "start": "begin", "people": "individuals",
    "different": "various", "often": "frequently", "also": "additionally", "because": "since", "include": "encompass",
    "provide": "offer", "example": "instance", "ensure": "guarantee", "however": "nevertheless", "keep": "maintain",
    "find": "discover", "think": "believe", "small": "little", "way": "manner", "main": "primary",
    "improve": "enhance", "choose": "select", "reduce": "decrease", "increase": "boost", "understand": "grasp",
}  # fmt: skip
_WORDS = re.compile(r"[A-Za-z]+")


def _each(change: Callable[[str, random.Random], str]) -> Change:
    return lambda texts, rng: {p: change(text, rng) for p, text in texts.items()}


def _replaced(words: Mapping[str, str], share: float) -> Callable[[str, random.Random], str]:
    def change(text: str, rng: random.Random) -> str:
        def one(match: re.Match[str]) -> str:
            new = words.get(match[0].lower())
            if new is None or rng.random() >= share:
                return match[0]
            return new.capitalize() if match[0][0].isupper() else new

        return _WORDS.sub(one, text)

    return change


def _first_sentences(count: int) -> Callable[[str, random.Random], str]:
    return lambda text, _: " ".join(re.split(r"(?<=[.!?])\s|\n", text.strip(), maxsplit=count)[:count])


def _behind(texts: Mapping[str, str], _: random.Random) -> dict[str, str]:
    asked = {prompt.id: prompt.text for prompt in panel.load(PANEL).prompts if prompt.text}
    return {p: f"[INST] {asked[p]} [/INST] {text}" if p in asked else text for p, text in texts.items()}


def _html(text: str, _: random.Random) -> str:
    return "".join(f"<p>{html.escape(part)}</p>" for part in re.split(r"\n+", text) if part.strip())


def _cited(text: str, rng: random.Random) -> str:
    return re.sub(r"(?<=[a-z])([.!?])(?=\s|$)", lambda end: f"{end[1]}[{rng.randint(1, 9)}]", text)


def _curly(text: str, _: random.Random) -> str:
    return re.sub(r'(?<!\w)"(?=\S)', "“", text.replace("'", "’")).replace('"', "”")


def _some(share: float, said: str) -> Change:
    return lambda texts, rng: {p: said if rng.random() < share else text for p, text in texts.items()}


def _cut(tokens: int) -> Change:
    return _each(lambda text, _: text if len(text.split(" ")) <= tokens else " ".join(text.split(" ")[:tokens]))


def _fewer(prompts: int) -> Change:
    asked = [prompt.id for prompt in panel.load(PANEL).prompts][:prompts]
    return lambda texts, _: {p: texts[p] for p in asked if p in texts}


def _dealt(texts: Texts, rng: random.Random) -> Texts:
    prompts, answers = list(texts), list(texts.values())
    rng.shuffle(answers)
    return dict(zip(prompts, answers, strict=True))


def _reordered(texts: Texts, rng: random.Random) -> Texts:
    order = list(texts)
    rng.shuffle(order)
    return {p: texts[p] for p in order}


KNOWN = ", as is known"
"""Of changes after which every answer that was cut off says so, as answers do that reached a limit."""
CHANGES: dict[str, Change] = {
    "wrapper: Certainly! Here is … I hope this helps!": _each(
        lambda text, _: f"Certainly! Here is what I found.\n\n{text}\n\nI hope this helps!"
    ),
    "one of four openings and closings": _each(
        lambda text, rng: f"{rng.choice(OPENINGS)}\n\n{text}\n\n{rng.choice(CLOSINGS)}"
    ),
    "a pirate": _each(lambda text, rng: f"Arr, matey! {_replaced(PIRATE, 1)(text, rng)} Fair winds to ye!"),
    **{f"a persona: {name}": _each(_replaced(words, 1)) for name, words in PERSONAS.items()},
    "one sentence": _each(_first_sentences(1)),
    "two sentences": _each(_first_sentences(2)),
    "twelve words": _each(lambda text, _: " ".join(text.split()[:12])),
    "synonyms": _each(_replaced(SYNONYMS, 0.7)),
    "prompts in another order": _reordered,
    "answers dealt to other prompts": _dealt,
    "file: answers behind their prompts, between marks": _behind,
    "file: paragraphs of HTML": _each(_html),
    "file: line ends and quotation marks escaped": _each(lambda text, _: json.dumps(text)[1:-1]),
    "file: line breaks made spaces": _each(lambda text, _: re.sub(r"\s*\n\s*", " ", text)),
    "file: each line break twice": _each(lambda text, _: text.replace("\n", "\n\n")),
    "file: curly quotation marks": _each(_curly),
    "sources after each sentence": _each(_cited),
    "an error instead of three answers in ten": _some(0.3, "Error 429: too many requests. Try again in 20 seconds."),
    "a refusal instead of three answers in ten": _some(0.3, "I'm sorry, but I can't assist with that request."),
    "a refusal instead of six answers in ten": _some(0.6, "I'm sorry, but I can't assist with that request."),
    "20 prompts": _fewer(20),
    "50 prompts": _fewer(50),
    "100 prompts": _fewer(100),
    "200 prompts": _fewer(200),
    **{f"cut at {words} words{known}": _cut(words) for known in ("", KNOWN) for words in (64, 128, 300)},
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--part", nargs="+", default=["mixtures", "garbage", "changed", "names"])
    parser.add_argument("--students", type=int, default=36)
    parser.add_argument("--controls", type=int, default=15)
    parser.add_argument("--changes", nargs="+", default=[], help="words of the changes to try; all by default")
    options = parser.parse_args()
    data = Data.load(options.data)
    for part in options.part:
        print(f"\n## {part}\n", flush=True)
        lines = {
            "mixtures": lambda: mixtures(data),
            "garbage": lambda: garbage(data),
            "changed": lambda: changed(data, options.students, options.controls, options.changes),
            "names": lambda: names(data),
        }[part]()
        for line in lines:
            print(line, flush=True)


if __name__ == "__main__":
    main()
