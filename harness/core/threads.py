"""With how many threads matrices are computed."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController


def one_thread_each() -> None:
    """Let libraries of matrices that are imported from now on use one thread, unless you have set another number.

    Threads that wait for each other, or for work, in a loop take longer than matrices of a few hundred models.
    """
    for library in ("OPENBLAS", "MKL", "OMP"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread, as a context or on top of a function.

    Sums of floats depend on how many threads share them: the same answers give the same figures on every machine.
    Matrices of a few hundred models are also too small for threads to be worth their waiting for each other: the panel
    of 57 models is validated in half of the CPU time.

    NumPy multiplies all matrices here. SciPy has a library of its own for that, which nothing calls: to load it only to
    limit it would take .15 CPU seconds.
    """
    with _libraries().limit(limits=1, user_api="blas"):
        yield


@functools.cache
def _libraries() -> ThreadpoolController:
    """The libraries that compute matrices. To look for them among all that a process has loaded takes 15 ms."""
    import numpy as np  # noqa: F401 - what is loaded later is not limited
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
