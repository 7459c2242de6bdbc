"""Commands that check, repeat and compare runs: `harness verify`, `sign`, `reproduce`, `diff`, `bundle`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.output import RESULTS, Format, NewResults, Results, Shape, print_frame, tell, warn
from harness.core import say
from harness.errors import ConfigError, EvidenceError, UncheckedError, unknown_name

if TYPE_CHECKING:
    from harness.archive import verification


def verify(
    run: Annotated[str, typer.Argument(help="A run id, `all`, a bundle (x.zip), or any file that was signed.")] = "all",
    results: NewResults = RESULTS,
    shape: Shape = Format.table,
    scores: Annotated[
        bool, typer.Option("--scores/--no-scores", help="Compute scores and metrics again. Code runs in the sandbox.")
    ] = True,
    trust: Annotated[
        bool, typer.Option("--trust-tasks", help="Score with the task files of the bundle. This runs their code.")
    ] = False,
    signers: Annotated[
        Path | None,
        typer.Option(
            "--signers", help="An allowed-signers file. It says whose signatures count.", envvar="HARNESS_SIGNERS"
        ),
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            "--accept",
            help="A check that you do without, such as `signature` or `scores`. It no longer causes exit code 12.",
            envvar="HARNESS_ACCEPT",
        ),
    ] = None,
) -> None:
    """Check every hash of a run, and compute its scores again.

    Exit code 0: everything was checked and is as recorded. 11: something is not as recorded. 12: nothing is wrong, but
    not everything could be checked. A run that nobody signed gives 12, because its maker could have made its answers
    up. If the runs are your own, you know better: `harness verify --accept signature`.
    """
    import polars as pl

    from harness.archive import verification

    for check in accept or ():
        if check not in verification.CHECKS:
            raise ConfigError(unknown_name("check", check, verification.CHECKS))
    found = list(_findings(run, results, scores=scores, trust=trust, signers=signers))
    schema = dict.fromkeys(("run", "check", "state", "where", "what"), pl.String)
    if shape is Format.table:
        tell(verification.text(found))
    else:
        print_frame(
            pl.DataFrame([[getattr(f, key) for key in schema] for f in found], schema=schema, orient="row"), shape
        )
    if wrong := sum(f.state == "wrong" for f in found):
        raise EvidenceError(
            f"{wrong} {'finding' if wrong == 1 else 'findings'}: what is stored is not what was recorded"
        )
    if left := [f.check for f in found if f.state == "not checked" and f.check not in (accept or ())]:
        if set(left) == {"signature"}:
            unsigned = "a run" if len(left) == 1 else f"{len(left)} runs"
            raise UncheckedError(
                f"all is as it was recorded, but nobody that you know signed {unsigned}, so answers may be made up. "
                "If the runs are your own, you know better: harness verify --accept signature, or "
                "HARNESS_ACCEPT=signature"
            )
        counted = ", ".join(f"{left.count(check)} x {check}" for check in dict.fromkeys(left))
        raise UncheckedError(
            f"not verified, because not everything was checked: {counted}. --accept CHECK does without one"
        )


def _findings(
    run: str, results: Path, *, scores: bool, trust: bool, signers: Path | None
) -> Iterator[verification.Check]:
    from harness import runs
    from harness.archive import bundles, signatures, stored_samples, verification
    from harness.results import derivation

    signature = Path(run + signatures.SUFFIX)
    if signature.is_file():
        yield verification.signature(run, Path(run), signature, signers)
        if not run.endswith(".zip") or run.endswith(".panel.zip"):
            return
    if run.endswith(".zip"):
        with bundles.open_bundle(Path(run)) as opened:
            held = f"{len(opened.folders)} run{'s' * (len(opened.folders) != 1)}, every member as its index says"
            yield verification.Check("", "bundle", "ok", run, held)
            tasks = stored_samples.Tasks.within(opened.tasks) if trust else stored_samples.Tasks.own().asked_in(results)
            for folder in opened.folders:
                yield from verification.verify(folder, scores=scores, tasks=tasks, signers=signers)
        return
    runs.need_results(results)
    tasks = stored_samples.Tasks.trusted() if trust else stored_samples.Tasks.own()
    for folder in runs.list_runs(results) if run == "all" else [runs.find_run(results, run)]:
        yield from verification.verify(folder, scores=scores, tasks=tasks, signers=signers)
    if run == "all":
        problems = derivation.differences(results)
        for problem in problems:
            yield verification.Check("", "index", "wrong", *problem.split(": ", 1))
        if not problems:
            yield verification.Check("", "index", "ok", "as the run folders give it")


def sign(
    what: Annotated[str, typer.Argument(metavar="RUN|FILE", help="A run id, or enough of it, or a file.")],
    key: Annotated[
        Path,
        typer.Option(
            "--key", help="Your SSH key. If an agent holds it, give the .pub file.", envvar="HARNESS_SIGNING_KEY"
        ),
    ] = Path("~/.ssh/id_ed25519"),
    results: Results = RESULTS,
) -> None:
    """Sign a run or a file with your SSH key.

    A file may be a bundle, a panel, a test's registration or a leaderboard. The signature of a run is kept in its
    folder, and bundles and copies take it along. The signature of a file stands beside it.
    """
    from harness import runs
    from harness.archive import signatures

    path = Path(what)
    if path.is_file():
        stored = path.with_name(path.name + signatures.SUFFIX)
    else:
        run = runs.find_run(results, what)
        if not runs.read_manifest(run).root:
            raise ConfigError(f"run {run.name} has no root: it has not ended, or an older version made it")
        path, stored = run / runs.MANIFEST, run / runs.SIGNATURE
    made = signatures.sign(path, stored, key.expanduser())
    sys.stdout.write(f"{stored}: {made.when}, key {made.key}\n")


def bundle(
    run: Annotated[list[str], typer.Argument(help="Run ids, or enough of each.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The zip file to write.")],
    results: Results = RESULTS,
) -> None:
    """Pack runs into one file that others can verify.

    It holds everything that it takes to verify the runs and to score them again, offline.
    """
    from harness import runs
    from harness.archive import bundles
    from harness.core import tables

    made = bundles.bundle([runs.find_run(results, name) for name in run], out)
    runs_in = "1 run" if len(made.roots) == 1 else f"{len(made.roots)} runs"
    sys.stdout.write(f"{made.path}: {runs_in}, {made.size} bytes, SHA-256 {made.sha256}\n")
    for name, root in made.roots.items():
        sys.stdout.write(f"  {name} {root or 'no root recorded'}\n")
    sys.stdout.write("It holds the documents of these tasks. Check that you may pass them on:\n")
    for task, licence in sorted(made.licences.items()):
        missing = f" (without its files: {made.left_out[task]})" if task in made.left_out else ""
        sys.stdout.write(tables.visible(f"  {task}: {licence or 'licence unknown'}{missing}") + "\n")


def reproduce(
    run: Annotated[str, typer.Argument(help="A run id, or enough of its beginning or end.")],
    results: Results = RESULTS,
    shape: Shape = Format.table,
    name: Annotated[str, typer.Option("--name", help="Name of the new run.")] = "reproduced",
    data: Annotated[
        list[str] | None, typer.Option("--data", help="TASK=PATH of a data file that the run read.")
    ] = None,
    arg: Annotated[list[str] | None, typer.Option("--arg", help="MODEL.KEY=PATH of a model argument.")] = None,
    usd: Annotated[float | None, typer.Option("--usd", min=0, help="Stop at this cost, in US dollars.")] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Take the answers from its journal and ask no model.")
    ] = False,
) -> None:
    """Repeat a run from its manifest, and say what agrees.

    Results are compared answer by answer, or by a paired test of scores.
    """
    import polars as pl

    from harness import runs
    from harness.archive import reproduction
    from harness.results import derivation

    done = reproduction.reproduce(
        results,
        runs.find_run(results, run),
        name=name,
        data={task: Path(path) for task, path in _pairs("--data", data)},
        args=dict(_pairs("--arg", arg)),
        usd=usd,
        offline=offline,
        argv=["harness", *sys.argv[1:]],
    )
    warn(derivation.refresh(results).problems)
    warn(done.warnings)
    schema = dict.fromkeys(("model", "task", "verdict", "why"), pl.String)
    rows = [(v.match.model, v.match.task, "agrees" if v.agrees else "differs", v.sentence()) for v in done.verdicts]
    print_frame(pl.DataFrame(rows, schema=schema, orient="row"), shape)
    differ = sum(not v.agrees for v in done.verdicts)
    say(f"reproduced {done.old.name} as {done.new.name}: {len(rows) - differ} of {len(rows)} agree")
    if differ or not rows:
        raise EvidenceError(f"{differ} of {len(rows)} models and tasks did not come out as before")


def _pairs(option: str, words: list[str] | None) -> list[tuple[str, str]]:
    pairs = []
    for word in words or ():
        key, equals, value = word.partition("=")
        if not (key and equals and value):
            raise ConfigError(f"{option} {word}: expected NAME=PATH")
        pairs.append((key, value))
    return pairs


def diff(
    run_a: Annotated[str, typer.Argument(help="A run id, or enough of its beginning or end.")],
    run_b: Annotated[str, typer.Argument(help="The run to compare it with.")],
    results: Results = RESULTS,
    shape: Shape = Format.table,
) -> None:
    """Say what differs between two runs.

    It looks at config, code, data, environment, answers and scores.
    """
    from harness import runs
    from harness.archive import differences

    found = differences.table(runs.find_run(results, run_a), runs.find_run(results, run_b))
    if shape is Format.table and found.is_empty():
        sys.stdout.write("Nothing differs: config, code, data, environment, answers and scores are the same.\n")
        return
    print_frame(found, shape)
