"""When this process had imported the libraries that run its network: they take most of a cold start."""

from scoring.process.steady_time import steady_time

_imported_at = 0.0


def libraries_are_imported() -> None:
    """Note the time, unless it was noted before."""
    global _imported_at
    _imported_at = _imported_at or steady_time()


def imported_at() -> float:
    """When the libraries were imported, in seconds since the epoch; 0 if none were."""
    return _imported_at
