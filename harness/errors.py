"""Every error of this project that is a user's to fix, and the exit code each one means.

    HarnessError            1  the run could not be done
    ├── ConfigError         2  an override, a config file or a name is wrong
    ├── TaskError           3  a task cannot be read or has no data
    ├── BackendError        4  a model cannot be reached or loaded
    ├── MissingExtraError   4  an optional package is not installed
    ├── WeightsError        5  model weights are missing or do not match their hash
    ├── StorageError        6  a folder cannot be written, the disk is full, a run folder is damaged
    ├── RunLockedError      7  another process works on this run
    ├── SandboxError        8  model code cannot be run safely here
    ├── IncompleteRunError  9  the run ended, but some requests failed: their rows say why
    ├── BudgetError        10  the budget is used up. The run goes on from here when it is raised
    ├── EvidenceError      11  what is stored, or came out again, is not what was recorded
    └── UncheckedError     12  nothing is wrong with what was checked, and some of it could not be

A message says what was found, what was expected, and what to do. The command line prints it without a
traceback. Anything else that reaches the top is a bug in harness, and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

SHOWN = 12
"""Names that a message lists at most."""


class HarnessError(Exception):
    """The root: something a user can put right. Carries the exit code of the process."""

    exit_code = 1


class ConfigError(HarnessError):
    """An override, a config file or a name is wrong."""

    exit_code = 2


class TaskError(HarnessError):
    """A task cannot be read, or has no data."""

    exit_code = 3


class BackendError(HarnessError):
    """A model cannot be reached or loaded at all (a single failed request is a row, not this)."""

    exit_code = 4


class MissingExtraError(HarnessError):
    """A command needs an optional package: the message says which extra brings it."""

    exit_code = 4


class WeightsError(HarnessError):
    """Model weights are missing, or their bytes are not the ones that were asked for."""

    exit_code = 5


class StorageError(HarnessError):
    """A folder cannot be written, the disk is full, or a run folder is damaged."""

    exit_code = 6


class DamagedIndexError(StorageError):
    """The index cannot be read. It can be made anew from the run folders."""

    results: Path | None = None
    """The results folder it is in, if that is known."""


class RunLockedError(HarnessError):
    """Another live process is writing the same run folder."""

    exit_code = 7


class SandboxError(HarnessError):
    """Model-written code cannot be run safely here."""

    exit_code = 8


class IncompleteRunError(HarnessError):
    """The run ended and everything answered is stored, but some requests failed."""

    exit_code = 9


class BudgetError(HarnessError):
    """The budget is used up. Everything answered is in the journal."""

    exit_code = 10
    let_others_finish = True
    """What is in flight is paid for: it is waited for."""


class EvidenceError(HarnessError):
    """A run does not verify, or did not come out again as it was."""

    exit_code = 11


class UncheckedError(HarnessError):
    """Nothing speaks against a run, and part of it could not be checked: it is not verified."""

    exit_code = 12


class GateError(HarnessError):
    """A comparison does not rule out the loss that a gate forbids."""

    exit_code = 13


NEAR = 0.6
"""Likeness from which on a name is offered: difflib's own default. Below it `mine` is offered for `nope`."""


def unknown_name(kind: str, name: str, known: Iterable[str], more: str = "") -> str:
    """Say that a name is not known, with the nearest ones.

    Args:
        kind: what the name should have been, in the singular (`"model"`).
        name: what was found.
        known: every name that would have been accepted.
        more: what follows, such as the command that lists them all.

    Returns:
        A sentence with up to three near misses, else the first `SHOWN` names and how many more there are.
    """
    names = sorted(set(known) - {name})
    near = difflib.get_close_matches(name, names, n=3, cutoff=NEAR)
    others = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    listed = f"known: {', '.join(names[:SHOWN]) or 'none'}{others}"
    hint = f"did you mean {' or '.join(repr(n) for n in near)}?" if near else listed
    after = f"{' ' if near else '; '}{more}" if more else ""
    return f"unknown {kind} {name!r}; {hint}{after}"
