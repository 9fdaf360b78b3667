"""Limit the threads of the libraries below NumPy and SciPy, which may be loaded before a process is told its cores."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def at_most_threads(count: int) -> Iterator[None]:
    """Let the block's matrix products and solvers take at most `count` threads; later they take as many as before.

    OpenBLAS reads the environment when it is loaded, and NumPy is often imported before a worker learns its cores.
    Threads beyond these wait for one another in a loop, which takes the cores of whatever else runs.

    Args:
        count: Cores that this process was given. Libraries that take fewer threads already are not changed.
    """
    import scipy.linalg  # noqa: F401  # it brings a library of its own, and only loaded ones are limited
    import sklearn.linear_model  # noqa: F401  # likewise
    from threadpoolctl import threadpool_info, threadpool_limits

    limits: dict[str, int] = {}
    for library in threadpool_info():
        name = library["prefix"]
        limits[name] = min(library["num_threads"], limits.get(name, count))
    with threadpool_limits(limits):
        yield
