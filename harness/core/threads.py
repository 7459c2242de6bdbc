"""With how many threads matrices are computed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread, as a context or on top of a function.

    Sums of floats depend on how many threads share them: the same answers give the same figures on every machine.
    Matrices of a few hundred models are also too small for threads to be worth their waiting for each other: the panel
    of 57 models is validated in half of the CPU time.

    NumPy multiplies all matrices here. SciPy has a library of its own for that, which nothing calls: to load it only to
    limit it would take .15 CPU seconds.
    """
    import numpy as np  # noqa: F401 - what is loaded later is not limited
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        yield
