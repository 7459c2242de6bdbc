"""The command line: strings in, exit codes out. Heavy imports are inside the commands, so `--help` is quick.

Exit codes are those of `harness.errors`. 0 is success and 130 an interrupt. 2 is also a word that Typer cannot read.
"""

from __future__ import annotations

import copy
import io
import itertools
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer
from typer.core import TyperGroup

from harness import __version__
from harness.cli import proof, publish, report, show
from harness.cli.examples import epilog
from harness.cli.output import (
    RESULTS,
    Format,
    NewResults,
    Results,
    Shape,
    page,
    print_frames,
    renamed,
    tell,
    warn,
    width,
)
from harness.cli.output import print_frame as _print
from harness.cli.panel import app as panel
from harness.cli.provenance import app as provenance
from harness.core import installation, programs, progress, say
from harness.errors import ConfigError, DamagedIndexError, GateError, HarnessError, IncompleteRunError, StorageError

if TYPE_CHECKING:
    from harness.runs import TaskEntry


class _Commands(TyperGroup):
    """The commands, under their old names too."""

    WAS: ClassVar[Mapping[str, str]] = {"plan": "power"}

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if now := self.WAS.get(cmd_name):
            renamed(f"harness {cmd_name}", f"harness {now}")
        return super().get_command(ctx, now or cmd_name)


app = typer.Typer(
    name="harness",
    cls=_Commands,
    help="Test language models on math, coding and provenance probes. You can query every answer in SQL, and publish "
    "each score next to whose answers the model's answers resemble.",
    epilog="To begin: harness eval model=smollm2 task=word_problems limit=20, then harness report.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # `task=[gsm8k]` in a help text is no markup
)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    short_help="Run models on tasks: harness eval model=smollm2 task=[gsm8k] limit=20",
)
def eval(context: typer.Context) -> None:  # noqa: A001 - the command's name
    """Run models on tasks. It takes Hydra's overrides, and `harness eval --help` lists all groups and keys."""
    from harness.cli import config

    words = [word for word in context.args if not _log(word)]
    raise typer.Exit(config.run(words, _evaluate, _after_sweep))


def _log(word: str) -> bool:
    """Heed a word about the log, which may stand among the overrides too. True for one."""
    progress.LOG.quiet |= word in ("--quiet", "-q")
    progress.LOG.json |= word == "--json"
    return word in ("--quiet", "-q", "--json")


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    short_help="Score completions that exist already: harness score task=humaneval samples=FILE",
)
def score(context: typer.Context) -> None:
    """Score a file of completions (JSON lines of task_id and completion) as a run like any other.

    It takes the overrides of `harness eval`, such as sandbox.timeout_s=10 or task.data=PATH.

    The model gets the name of the file, without its ending. If another file already has a run with this name and task,
    yours is refused, because the leaderboard would show only one of the two. Choose another name then:
    models.samples.name=NAME.
    """
    from harness.cli import config

    raise typer.Exit(config.run(["model=samples", "name=score", *context.args], _evaluate, _after_sweep))


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    short_help="Score a run's answers again without asking the model: harness rescore RUN",
)
def rescore(context: typer.Context) -> None:
    """Score the answers of a run again, with today's tasks and scorers. The result is a new run.

    It takes the overrides that a replay takes: name=NAME, sandbox.timeout_s=10, task.data=PATH.
    """
    from harness.cli import config

    run, words = next(iter(context.args), ""), context.args[1:]
    if "--help" in context.args:
        sys.stdout.write(context.get_help() + "\n")
        return
    if not run or "=" in run or run.startswith("-"):
        raise ConfigError("no run given; type harness rescore RUN (`harness runs` lists them)")
    raise typer.Exit(config.run(["model=replay", f"run={run}", "name=rescore", *words], _evaluate, _after_sweep))


ONE_OF_A_SWEEP = (
    "The leaderboard shows one run of each model and task: the one with most documents, and the newest of these. "
    "The scores of all runs of the sweep are above."
)


def _evaluate(spec: Any) -> int:
    """One run from its spec to the printed leaderboard, or to its own scores in a sweep. Returns the exit code."""
    from harness.cli import config
    from harness.core import visible
    from harness.evaluation import evaluate

    if spec.dry_run:
        return _dry_run(spec)
    if spec.publish:
        from harness.archive import copies

        copies.reach(spec.publish)  # rather now than after hours
    swept = config.in_sweep()
    outcome = evaluate(spec, argv=["harness", "eval", *sys.argv[1:]], sweep=bool(swept))
    from harness.cli import catalogue
    from harness.results import derivation, leaderboard
    from harness.results.leaderboard import answerers

    results = Path(spec.results_dir)
    if spec.publish:
        say(f"published {copies.publish(outcome.run, spec.publish)}")
    refreshed = derivation.refresh(results)
    warn(refreshed.problems)
    if swept:
        sys.stdout.write(f"\n{visible(swept)}\n{catalogue.metrics_text(outcome.run, width())}")
    else:
        sys.stdout.write(leaderboard.terminal(derivation.board(results), width()))
    for model, names in catalogue.mixed(outcome.run).items():
        told = f"{model}: {answerers(names)}. The scores of this run belong to no single one of them"
        say(f"warning: {visible(told)}", "warning")
    counts = outcome.manifest.counts
    where = _where(results)
    harness = installation.command()
    sys.stdout.write(
        f"\n{counts.samples} samples: {counts.answered} answered, {counts.truncated} truncated, "
        f"{counts.refused} refused, {counts.failed} failed.\n"
        f"Wrote {outcome.run}/ and {refreshed.path}\n"
    )
    if not swept:
        sys.stdout.write(_next(results, outcome.run.name))
    for what in derivation.unread(results, outcome.run.name):
        say(f"warning: {what}", "warning")
    if counts.failed:
        error, times = catalogue.commonest_error(outcome.run)
        say(
            f"harness: {counts.failed} samples failed and are unscored, {times} of them with: {visible(error)}. "
            f"`{harness} show {outcome.run.name} --failed{where}` says why. The same command asks for them again",
            "warning",
        )
        return IncompleteRunError.exit_code
    return 0


def _where(results: Path) -> str:
    return "" if results == RESULTS else f" --results {shlex.quote(str(results))}"


def _next(results: Path, run: str = "") -> str:
    """Commands that one may type after an evaluation, as they work in this environment."""
    harness, where = installation.command(), _where(results)
    return (
        "Next:\n"
        f"  {harness} report{where}\n"
        f"  {harness} {f'show {run}' if run else 'runs'}{where}\n"
        f"  {harness} leaderboard --out LEADERBOARD.md{where}\n"
        f'  {harness} sql "SELECT model, task, value, ci_low, ci_high FROM leaderboard"{where}\n'
    )


def _after_sweep(folders: Sequence[Path]) -> None:
    """The leaderboard of every results folder of a sweep, once."""
    from harness.core import paragraph
    from harness.results import derivation, leaderboard

    for results in folders:
        warn(derivation.refresh(results).problems)
        sys.stdout.write("\n" + leaderboard.terminal(derivation.board(results), width()))
        sys.stdout.write("\n" + paragraph(ONE_OF_A_SWEEP, width()))
        sys.stdout.write(_next(results))


def _dry_run(spec: Any) -> int:
    """Print what a run would send and cost, and return the exit code."""
    from harness.cli import listings
    from harness.evaluation import preview

    name, rows = preview(spec)
    page(listings.dry_run(name, rows, width()))
    return 0


@app.command()
def models(shape: Shape = Format.table) -> None:
    """List the models that you can name, and what each one needs.

    They are the files of conf/model/, yours and those that ship.
    """
    from harness.cli import catalogue, listings

    if shape is Format.table:
        page(listings.models(catalogue.models(), width()))
    else:
        _print(catalogue.models(), shape)


@app.command()
def tasks(
    shape: Shape = Format.table,
    builtin: Annotated[bool, typer.Option("--builtin", help="List lm-eval's own tasks instead.")] = False,
    match: Annotated[str, typer.Option("--match", help="Show only names that contain this.")] = "",
    model: Annotated[
        str | None, typer.Option("--model", help="Show what a whole run costs at most at this model's price.")
    ] = None,
) -> None:
    """List the tasks and suites that you can run, by kind.

    For each it says the size, what one document is worth in points, whether the data are here, and whose prompt it is.
    """
    from harness.cli import catalogue, tasklist

    if builtin:
        _print(catalogue.builtin_tasks(match), shape)
        return
    frame = tasklist.table(match, model)
    if shape is Format.table:
        page(tasklist.listing(frame, width()))
    else:
        cost = [] if model is None else ["usd_at_most"]
        _print(frame, shape, "kind", "task", "n", "points", *cost, "data", "prompt", "licence")


@app.command()
def runs(results: Results = RESULTS, shape: Shape = Format.table) -> None:
    """List the runs of a results folder, the newest last."""
    from harness.cli import catalogue, listings

    if shape is Format.table:
        page(listings.runs(catalogue.runs(results), width()))
    else:
        _print(catalogue.runs(results), shape)


@app.command()
def sql(
    query: Annotated[str | None, typer.Argument(help="One query; `-` reads it from stdin.")] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Read the query from a file.")] = None,
    results: Results = RESULTS,
    shape: Shape = Format.table,
    raw: Annotated[
        bool, typer.Option("--raw", help="Write csv cells as they are, even what a terminal or spreadsheet would obey.")
    ] = False,
    memory: Annotated[
        int | None,
        typer.Option(
            "--memory-mb", min=64, help="Memory the query may use, in MiB. By default half of this machine's."
        ),
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds the query may take.")] = 600.0,
) -> None:
    """Query the results in SQL, read-only.

    Without a query, you get a shell with history and completion. docs/schema.md describes the tables.
    """
    from harness.results import derivation, store

    if query is not None and file is not None:
        raise ConfigError(f"found a query and --file {file}; give one of the two")
    if query is None and file is None and sys.stdin.isatty():
        from harness.cli import shell

        shell.run(results, shape)
        return
    if file is not None:
        try:
            query = file.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    elif query in (None, "-"):
        query = sys.stdin.read()
    assert query is not None
    bounds = store.Bounds(memory or _half_of_the_memory(), timeout)
    frames = store.pieces(results, query, bounds)
    try:
        first = next(frames)
    except DamagedIndexError as error:
        derivation.anew(results, error)
        frames = store.pieces(results, query, bounds)
        first = next(frames)
    print_frames(itertools.chain([first], frames), shape, raw=raw)


def _half_of_the_memory() -> int:
    import psutil

    return int(psutil.virtual_memory().total >> 21)


@app.command()
def index(
    results: NewResults = RESULTS,
    source: Annotated[
        list[str] | None,
        typer.Option("--from", help="Fetch new runs first, from a folder or URL that runs were published to."),
    ] = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Build it from nothing, not just what is new or gone.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", hidden=True)] = False,
) -> None:
    """Bring the SQL index up to date with the run folders.

    The index is the file harness.duckdb in the results folder. Shards of one run are united. If you delete the file,
    nothing is lost: this command builds it again.
    """
    from harness.archive import copies
    from harness.results import derivation
    from harness.runs import need_results

    for url in source or ():
        for name in copies.fetch(url, results):
            say(f"fetched {name}")
    need_results(results)
    if again:
        renamed("--again", "--rebuild")
    done = (derivation.rebuild if rebuild or again else derivation.refresh)(results)
    warn(done.problems)
    runs = "1 run" if done.runs == 1 else f"{done.runs} runs"
    sys.stdout.write(f"{done.path}: {runs}, {len(done.added)} new or changed, {len(done.removed)} gone\n")


MANY = 50_000
"""Answers of an import above which it is said that indexing takes a while."""


@app.command(name="import")
def import_(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[FORMAT] FILE",
            help="The file, or a folder of samples_*.jsonl. If its name does not tell the format, put that first: "
            "alpaca_eval, lm_eval, inspect, every_eval_ever, jsonl, csv or parquet.",
        ),
    ],
    name: Annotated[
        str | None, typer.Option(help="Name of the run. If the answers are of one model, also its name.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="Name of the task. By default the file says it.")] = None,
    columns: Annotated[str, typer.Option(help="For a table, its columns: model=…,prompt_id=…,output=…,score=…")] = "",
    results: NewResults = RESULTS,
) -> None:
    """Import answers that were made elsewhere, as a run.

    It reads outputs of AlpacaEval, lm-eval and Inspect, and any table of answers. In a table, a column named `correct`
    or `score` with values from 0 to 1 becomes the score. The column `corpus` names the task. Without it, the file does.
    You are told which columns are not read. Answers that have scores are compared in style too.
    """
    from harness.archive import imports
    from harness.core import tables
    from harness.results import derivation

    pairs = [word.partition("=") for word in columns.split(",") if word]
    if bad := next((what for what, equals, _ in pairs if not equals), None):
        raise ConfigError(f"--columns {bad!r}: expected WHAT=COLUMN, as in --columns model=generator,output=answer")
    where = {what.strip(): column.strip() for what, _, column in pairs}
    if len(words) > 2:  # noqa: PLR2004 - a format and a file
        raise ConfigError(f"harness import takes a format and one file; found {len(words)} words: {' '.join(words)}")
    form, path = (None if len(words) == 1 else words[0]), Path(words[-1])
    run = imports.convert(form, path, results, name=name, task=task, columns=where, argv=["harness", *sys.argv[1:]])
    from harness.runs import read_manifest

    made = read_manifest(run)
    if (n := made.counts.samples or 0) > MANY:
        say(f"{n:,} answers are in {run}. They are indexed now, which takes about a minute for every {MANY:,}")
    warn(derivation.refresh(results).problems)
    tasks = ", ".join(f"{task.name} ({_read_as(task)})" for task in made.tasks)
    tell(
        f"{made.counts.samples} answers of {len(made.models)} model{'s' * (len(made.models) != 1)}, "
        f"{made.counts.failed} of them missing. Tasks: {tables.visible(tasks)}\nWrote {run}/ (imported)\n"
    )


def _read_as(task: TaskEntry) -> str:
    """What an imported task is read as, in words."""
    if task.kind == "provenance":
        return "provenance, no scores"
    return f"scores: {task.headline_metric}" + ("; and open answers" if task.open else "")


@app.command()
def compare(
    a: Annotated[str, typer.Argument(help="A model, a run, or RUN:MODEL.")],
    b: Annotated[str, typer.Argument(help="The model or run to compare it with.")],
    results: Results = RESULTS,
    shape: Shape = Format.table,
    show: Annotated[int, typer.Option("--show", min=0, help="Flipped items to show per task and direction.")] = 2,
    flips: Annotated[bool, typer.Option("--flips", help="List every item that only one got right, in full.")] = False,
    gate: Annotated[
        list[str] | None,
        typer.Option(
            "--gate", help="'TASK >= -0.01': fail unless the interval rules out that B loses more than this against A."
        ),
    ] = None,
) -> None:
    """Compare two models or runs on the items both answered.

    You see the difference, a test of it, and which items flipped. With --gate, A is the baseline, and the exit code is
    13 unless every gate passes.
    """
    from harness.results import comparisons, derivation, gates

    wanted = [gates.parse(one) for one in gate or ()]
    warn(derivation.refresh(results).problems)
    report = comparisons.compare(results, a, b)
    rulings = gates.rule(report.tasks, wanted)
    if shape is Format.table and not flips:
        sys.stdout.write(comparisons.text(report, show))
    else:
        _print(report.flips if flips else report.tasks, shape)
    if rulings:
        if shape is Format.table:
            tell(gates.text(rulings))
        else:
            sys.stderr.write(gates.text(rulings))
    if failed := [ruling.task for ruling in rulings if ruling.verdict != "passed"]:
        raise GateError(f"{len(failed)} of {len(rulings)} gates did not pass: {', '.join(failed)}")


@app.command()
def contamination(results: Results = RESULTS, shape: Shape = Format.table) -> None:
    """Test whether models do better on what they may have seen.

    Documents from before a model's release are compared with those from after it, by an unpaired test. Original
    documents are compared with perturbed ones, by a paired test.
    """
    from harness.results import contamination as split
    from harness.results import derivation

    warn(derivation.refresh(results).problems)
    _print(split.table(results), shape)
    if shape is Format.table:
        say(split.NOTE.rstrip())


@app.command()
def power(
    items: Annotated[list[int] | None, typer.Argument(help="Numbers of items.", min=1)] = None,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="How often each model answers each item.")] = 1,
    difference: Annotated[
        float | None,
        typer.Option("--difference", help="Say how many items it takes to see this difference, such as 0.03."),
    ] = None,
    accuracy: Annotated[float, typer.Option("--accuracy", help="How accurate the models are, about.")] = 0.5,
    correlation: Annotated[
        float,
        typer.Option("--correlation", help="How strongly two models' right answers correlate. The default is typical."),
    ] = 0.35,
    agreement: Annotated[
        float,
        typer.Option("--agreement", help="How strongly a model's repeats correlate. Use 1 if decoding is greedy."),
    ] = 0.5,
    chance: Annotated[float, typer.Option("--power", help="Chance of seeing a difference that is there.")] = 0.8,
    shape: Shape = Format.table,
) -> None:
    """Say how many items you need to see a difference.

    Name numbers of items, and you see the smallest difference each can show. Name a difference, and you see how many
    items it takes. Ask before you run.
    """
    from harness.results import comparisons
    from harness.stats import power as powers

    try:
        design = powers.Design(repeats, accuracy, correlation, agreement, power=chance)
        frame = comparisons.powers(items or (), design, difference)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    _print(frame, shape)


@app.command()
def sandbox(shape: Shape = Format.table) -> None:
    """Show what can contain model-written code on this machine.

    The best comes first. If one cannot be used here, it says why.
    """
    from harness.cli import catalogue

    _print(catalogue.sandboxes(), shape)


@app.command()
def weights(
    name: Annotated[str | None, typer.Argument(help="The weights to fetch. Without a name, all are listed.")] = None,
    shape: Shape = Format.table,
    verify: Annotated[bool, typer.Option("--verify", help="Hash the file again, even if it is here already.")] = False,
) -> None:
    """List model weights with their licence, or fetch one file."""
    from harness.cli import catalogue
    from harness.core import weights as store

    if name is None:
        _print(catalogue.weights(), shape, "weights", "mb", "licence", "here", "model")
        return
    spec = store.named(name)
    path = store.fetch(spec)
    if verify:
        store.verify(spec)
    sys.stdout.write(f"{path}\n")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"harness {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no messages but warnings and errors.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print messages on stderr as JSON lines.")] = False,
) -> None:
    del version  # its callback has spoken
    progress.LOG.quiet, progress.LOG.json = quiet, json


for made_elsewhere in (
    show.show,
    publish.leaderboard,
    publish.export,
    report.report,
    report.plot,
    proof.verify,
    proof.sign,
    proof.reproduce,
    proof.diff,
    proof.bundle,
):
    app.command()(made_elsewhere)
app.add_typer(provenance, name="provenance")
app.add_typer(panel, name="panel")


def _name(made: Any) -> str:
    """What one types for a command or a group."""
    return str(made.name or getattr(made.callback, "__name__", ""))


def _with_examples() -> None:
    """Put what one types under every command's help."""
    for command in app.registered_commands:
        command.epilog = epilog(_name(command))
    for group in app.registered_groups:
        group.epilog = epilog(_name(group))


_with_examples()


def _of(words: Sequence[str]) -> typer.Typer:
    """The command line of these words, with no other command than theirs if they name one.

    To make all forty of them, Typer reads the types of a hundred parameters, which takes a tenth of a short command.
    """
    word = next((word for word in words if not word.startswith("-")), "")
    word = _Commands.WAS.get(word, word)
    commands = [command for command in app.registered_commands if word == _name(command)]
    groups = [group for group in app.registered_groups if word == _name(group)]
    if not commands and not groups:
        return app
    one = copy.copy(app)
    one.registered_commands, one.registered_groups = commands, groups
    return one


def _run() -> None:
    """Run the command. Once more if the index turned out to be damaged, and was made anew."""
    asked = _of(sys.argv[1:])
    try:
        asked()
    except DamagedIndexError as error:
        from harness.results import derivation

        if error.results is None:
            raise
        derivation.anew(error.results, error)
        asked()


def main() -> None:
    """The `harness` command: runs it, prints what a user can put right, and exits with its code."""
    for stream in (sys.stdout, sys.stderr):  # whatever its encoding cannot say is spelled out
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")
    os.environ["PATH"] = programs.search_path()  # what libraries run by name (`uname`) is not looked for in `.` either
    try:
        _run()
    except HarnessError as error:
        say(f"harness: {error}", "error")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of a pipe went away (`| head`): no error of ours. Keep Python from saying so at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        say(f"harness: {error.filename or 'output'}: {error.strerror or error}", "error")
        sys.exit(StorageError.exit_code)
