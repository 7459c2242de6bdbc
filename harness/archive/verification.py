"""Is a run what it says it is? Every hash checked, every score and metric computed again from the stored answers.

Each finding names the file, line, sample, score or metric. What none of this can show stands in `LIMITS`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from harness import runs
from harness.archive import consistency, imports, signatures, stored_samples
from harness.archive.consistency import Problem, name_of, same, short
from harness.archive.recomputation import Recomputation, metrics_differ, openers
from harness.core import file_sha256, visible
from harness.engine import status
from harness.errors import EvidenceError, HarnessError, StorageError
from harness.evaluation import manifest
from harness.records import Reply
from harness.runs import Manifest, Proof, Replies, clean, proof

if TYPE_CHECKING:
    import polars as pl

State = Literal["ok", "wrong", "not checked"]
CHECKS = (
    *("manifest", "root", "files", "identity", "journal", "samples", "documents", "scores", "metrics", "signature"),
)
"""Checks of a run, in their order."""
SHOWN = 20
"""Findings listed per check of a run. The rest is counted."""
UNSIGNED = "nobody signed it: whoever can write these files could have made them up, answers and all"
LIMITS = """\
What this cannot show: that the answers came from the model that is named.
Whoever makes a run can invent its answers and hash everything anew. A signature
says who vouches for them, not that they are true. `harness reproduce` asks the
model again.
"""


@dataclass(frozen=True, slots=True)
class Check:
    """What one check of one run found."""

    run: str
    check: str
    """One of `CHECKS`, or index, or bundle."""
    state: State
    where: str
    """The file, line, sample, score or metric. If the check passed, what it covered."""
    what: str = ""
    """What was found and what was expected."""


def verify(
    run: Path, *, scores: bool = True, tasks: stored_samples.Tasks | None = None, signers: Path | None = None
) -> list[Check]:
    """Check one run folder: files, links, samples, scores, metrics, and who signed it.

    Args:
        run: the folder.
        scores: compute scores and metrics again. Model-written code is run for it, in a sandbox alone.
        tasks: the task files to score with, which are code. By default those here that no bundle brought.
        signers: whose signatures count: a file of allowed signers, see ssh-keygen(1). `None`: nobody's.

    Returns:
        Findings in the order of the checks. At least one per check that was reached.
    """
    book = _Book(run.name)
    try:
        said = runs.read_manifest(run)
    except StorageError as error:
        book.tell("manifest", [(runs.MANIFEST, str(error))], "")
        _journal(run, None, book)
        return book.findings
    try:
        _checked(run, said, book, scores=scores, tasks=tasks)
    except StorageError as error:
        book.tell("samples", [(runs.SAMPLES, str(error))], "")
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
        book.tell("manifest", [(runs.MANIFEST, f"its content is not as harness writes it ({reason})")], "")
    book.findings.append(signature(run.name, run / runs.MANIFEST, run / proof.SIGNATURE, signers))
    return book.findings


def signature(run: str, path: Path, stored: Path, signers: Path | None) -> Check:
    """Who vouches for a file, and when: one finding.

    Args:
        run: what the finding is of.
        path: the file.
        stored: its signature. Need not be there.
        signers: whose signatures count. `None`: nobody's.
    """
    if not stored.is_file():
        return Check(run, "signature", "not checked", "", UNSIGNED)
    try:
        found = signatures.read(path, stored, signers)
    except EvidenceError as error:
        return Check(run, "signature", "wrong", stored.name, str(error))
    except HarnessError as error:
        return Check(run, "signature", "not checked", "", str(error))
    if found.who is None:
        whose = (
            "none that counts here: --signers names a file of allowed signers"
            if signers is None
            else f"not in {signers}"
        )
        return Check(run, "signature", "not checked", "", f"signed at {found.when} with the key {found.key}, {whose}")
    return Check(run, "signature", "ok", f"{found.who}, {found.when}, key {found.key}")


def _checked(run: Path, said: Manifest, book: _Book, *, scores: bool, tasks: stored_samples.Tasks | None) -> None:
    _sealed(run, said, book)
    replies = _journal(run, said, book)
    if not said.ended and not runs.samples_path(run).exists():
        book.skip("samples", "the run has not ended")
        return
    rows = stored_samples.Stored(run)
    stands = runs.read_content(run)
    problems = [*consistency.spec_problems(said, stands)]
    if not problems and (name := consistency.run_id(said, rows.narrow)) not in (None, said.run_id):
        problems = [(f"{runs.MANIFEST}: run_id", f"{said.run_id}, and what the run holds makes it {name}")]
    book.tell("identity", problems, "spec, run id")
    book.tell("samples", [*_of_samples(run, said, rows, replies)], f"{len(rows.narrow)} samples")
    if said.imported:
        _imported(said, rows.columns("model", "task", "doc_id", "doc", "status", "scores"), book)
        return
    recomputed = Recomputation(said, rows, replies or {}, tasks or stored_samples.Tasks.own())
    problems, unchecked = recomputed.documents()
    for task, reason in unchecked:
        book.skip("documents", f"{task}: {reason}")
    checked = len(recomputed.entries) - len({task for task, _ in unchecked})
    if problems or checked:
        book.tell("documents", problems, _tasks(checked))
    why = "the journal cannot be read" if replies is None else None if scores else "left out, as asked"
    for check, wrong, covered, left in recomputed.scores() if why is None else ():
        for reason in left:
            book.skip(check, reason)
        if wrong or covered:
            book.tell(check, wrong, covered)
    for check in ("scores", "metrics") if why else ():
        book.skip(check, str(why))


def _of_samples(
    run: Path, said: Manifest, rows: stored_samples.Stored, replies: Mapping[str, Reply] | None
) -> Iterator[Problem]:
    yield from _rows(run, said, rows, None if said.imported else replies)
    yield from _missing(run, said, rows.narrow, replies)
    yield from consistency.sample_problems(said, rows.narrow)


def _imported(said: Manifest, frame: pl.DataFrame, book: _Book) -> None:
    """What can be told of answers that were made elsewhere: the means of the scores that came with them."""
    wrong: list[Problem] = []
    off: list[Problem] = []
    for task in said.tasks:
        part = frame.filter(task=task.name)
        docs = imports.docs_hash(sorted(set(part["doc"].to_list())))
        if docs != task.docs_hash:
            wrong.append((f"documents of {task.name}", f"recorded {task.docs_hash}, found {docs}"))
        columns = part.select("model", "task", "doc_id", "status", "scores")
        stored_ones = [metric for metric in said.metrics if metric.task == task.name]
        off += metrics_differ(stored_ones, [*imports.figures([*columns.iter_rows(named=True)])])
    book.tell("documents", wrong, _tasks(len(said.tasks)))
    book.skip("scores", "imported: the answers and their scores were made elsewhere")
    book.tell("metrics", off, f"{len(said.metrics)} metrics, from the scores that were imported")


def _tasks(count: int) -> str:
    return "1 task" if count == 1 else f"{count} tasks"


def text(found: Sequence[Check]) -> str:
    """Findings for a terminal: a paragraph per run, then what this cannot show."""
    lines = []
    for run in dict.fromkeys(finding.run for finding in found):
        mine = [finding for finding in found if finding.run == run]
        wrong = any(finding.state == "wrong" for finding in mine)
        left = ", ".join(dict.fromkeys(finding.check for finding in mine if finding.state == "not checked"))
        verdict = "NOT as recorded" if wrong else f"as recorded; not checked: {left}" if left else "verified"
        lines.append(f"{run or mine[0].check}: {verdict}")
        width = max(len(finding.check) for finding in mine)
        for finding in mine:
            said = ": ".join(part for part in (finding.where, finding.what) if part)
            lines.append(f"  {finding.check:{width}}  {finding.state:11}  {visible(said)}")
        lines.append("")
    return "\n".join([*lines, LIMITS])


class _Book:
    """Collects the findings of one run."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.findings: list[Check] = []

    def tell(self, check: str, problems: Sequence[Problem], covered: str) -> bool:
        """Note the problems, or that there are none. Returns whether there are none."""
        self.findings += [Check(self.run, check, "wrong", where, what) for where, what in problems[:SHOWN]]
        if len(problems) > SHOWN:
            self.findings.append(Check(self.run, check, "wrong", f"{len(problems) - SHOWN} more"))
        if not problems:
            self.findings.append(Check(self.run, check, "ok", covered))
        return not problems

    def skip(self, check: str, why: str) -> None:
        """Note that a check was left out."""
        self.findings.append(Check(self.run, check, "not checked", "", why))


# Hashes ------------------------------------------------------------------------------------------------------


def _sealed(run: Path, said: Manifest, book: _Book) -> None:
    stands = runs.read_content(run)
    book.tell("manifest", _manifest(run, said, stands), f"{runs.MANIFEST}: {len(stands)} entries")
    held = said.proof
    if held is None:
        book.skip("root", "no root recorded: the run has not ended, or an older version of harness made it")
    elif book.tell("root", _root(stands, stands[proof.KEY]), held.root):
        book.tell("files", _files(run, held), ", ".join(sorted(held.files)) or "none")


def _manifest(run: Path, said: Manifest, stands: Mapping[str, Any]) -> list[Problem]:
    problems = []
    if said.run_id != run.name:
        problems.append((f"{runs.MANIFEST}: run_id", f"{said.run_id!r}, the folder is {run.name!r}"))
    if proof.KEY in stands and (run / runs.MANIFEST).read_bytes() != runs.manifest_bytes(stands):
        problems.append((runs.MANIFEST, "its bytes are not as harness writes this content"))
    return problems


def _root(stands: Mapping[str, Any], held: Any) -> list[Problem]:
    try:
        now, then = proof.parts(stands, held["root"]), held["parts"]
        problems = [
            (f"{runs.MANIFEST}: {key}", _changed(then.get(key), now.get(key)))
            for key in sorted({*now, *then})
            if now.get(key) != then.get(key)
        ]
        if proof.root(held) != held["root"]:
            problems.append((f"{runs.MANIFEST}: {proof.KEY}", _changed(held["root"], proof.root(held))))
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        return [(f"{runs.MANIFEST}: {proof.KEY}", f"not a proof ({type(error).__name__}: {error})")]
    return problems


def _changed(then: object, now: object) -> str:
    return f"recorded {then}, found {now}" if then and now else "was added" if now else "is missing"


def _files(run: Path, held: Proof) -> list[Problem]:
    now = {name: file_sha256(run / name) for name in proof.stored(run)}
    then = held.files
    return [
        (name, _changed(then.get(name), now.get(name)))
        for name in sorted({*now, *then})
        if now.get(name) != then.get(name)
    ]


def _journal(run: Path, said: Manifest | None, book: _Book) -> Replies | None:
    """Check links, then read the replies. `None` if there is no journal or it cannot be read."""
    path = run / runs.JOURNAL
    held = said.proof if said else None
    if not path.is_file():
        _no_journal(said, book)
        return None
    problems, unlinked, lines, last, size = [], 0, 0, "", 0
    for line in proof.chain(path):
        lines, last, size = line.number, line.link, size + line.size
        if line.fits is None:
            unlinked += 1
        elif not line.fits:
            who = _who(line.content)
            problems.append((f"{runs.JOURNAL} line {line.number}{who}", "does not follow from the line before it"))
    torn = path.stat().st_size - size
    expected = held.journal if held else None
    if torn and expected:
        problems.append((f"{runs.JOURNAL} line {lines + 1}", f"is cut short: {torn} bytes without a line's end"))
    if expected and lines != expected.lines:
        problems.append((runs.JOURNAL, f"{expected.lines} lines were recorded, found {lines}"))
    elif expected and last != expected.link and not problems:
        problems.append((f"{runs.JOURNAL} line {lines}", "its link is not the last one that was recorded"))
    try:
        replies: Replies | None = Replies(path)
    except StorageError as error:
        problems.append((runs.JOURNAL, str(error)))
        replies = None
    note = f", {unlinked} of them from before there were links" if unlinked else ""
    book.tell("journal", problems, f"{lines} lines{note}")
    return replies


def _no_journal(said: Manifest | None, book: _Book) -> None:
    if said and said.proof and runs.JOURNAL in said.proof.files:
        book.tell("journal", [(runs.JOURNAL, "is missing")], "")
    elif said and said.imported:
        book.tell("journal", [], "none: the answers were made elsewhere")
    else:
        book.skip("journal", "there is none")


def _who(content: bytes) -> str:
    try:
        entry = json.loads(content)
        return f" ({entry['model']}, {entry['task']}, document {entry['doc_id']}, repeat {entry['repeat']})"
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


# Samples -----------------------------------------------------------------------------------------------------


def _rows(
    run: Path, said: Manifest, rows: stored_samples.Stored, replies: Mapping[str, Reply] | None
) -> Iterator[Problem]:
    """Every row against the journal's replies. If there are none, against itself."""
    seen: set[str] = set()
    opened = set() if replies is None else openers(said, rows.narrow, replies)
    requests = consistency.Requests(said)
    for row in (row for piece in rows.pieces() for row in piece.iter_rows(named=True)):
        where = name_of(row)
        ids = row["request_ids"] or []
        if row["run_id"] != run.name:
            yield where, f"belongs to run {row['run_id']}"
        if row["sample_id"] in seen:
            yield where, "is there twice"
        seen.add(row["sample_id"])
        if not ids or row["sample_id"] != manifest.sample_id(ids):
            yield where, "its id is not that of its requests"
        else:
            yield from requests.problems(row)
        if ids and replies is not None:
            yield from _against(row, [replies.get(request_id) for request_id in ids], opened=row["model"] in opened)


def _against(row: Mapping[str, Any], held: Sequence[Reply | None], *, opened: bool) -> Iterator[Problem]:
    where = name_of(row)
    if (state := status(held, opened=opened)) != row["status"]:
        yield where, f"status is {row['status']}, the journal says {state}"
    expected = clean(manifest.answered(held, generated=row["kind"] == "generate"))
    for column, value in expected.items():
        if not same(row[column], value):
            yield where, f"{column} is {short(row[column])}, the journal says {short(value)}"


def _missing(run: Path, said: Manifest, frame: pl.DataFrame, replies: Mapping[str, Reply] | None) -> Iterator[Problem]:
    """Samples that were counted, or answered in the journal, and are not there."""
    counted = said.counts.samples
    if counted is not None and counted != len(frame):
        yield runs.SAMPLES, f"{counted} samples were recorded, found {len(frame)}"
    named = {request_id for ids in frame.get_column("request_ids").to_list() for request_id in ids or ()}
    missing = set(replies or ()) - named
    for line in proof.chain(run / runs.JOURNAL) if missing else ():
        entry = json.loads(line.content)  # was read before
        if entry["id"] in missing:
            missing.discard(entry["id"])
            yield name_of(entry), f"is not in {runs.SAMPLES}; line {line.number} of the journal answers it"
