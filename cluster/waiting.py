"""What a job waits for: what other work holds of the cluster, or a worker that does not get ready."""

import warnings
from collections.abc import Iterable

import ray

from cluster.autoscaler import num_waiting
from cluster.errors import WaitingWarning
from cluster.placement import Placement
from cluster.work import D, T
from cluster.worker import Worker

_LONG_START_S = 60.0


def warn_if_waiting(placement: Placement, num_workers: int) -> bool:
    """Say what is held, in one line, if none of so many workers has room beside it; return whether that is so.

    It may be held for hours, by another user's job, or for good, by an actor of a notebook: nobody can tell.
    """
    if num_waiting(placement.bundle) < max(1, num_workers):
        return False
    there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    free: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]
    held = " and ".join(
        f"{there[name] - free.get(name, 0.0):g} of {there[name]:g} {name}s" for name in ("GPU", "CPU") if name in there
    )
    fields = "`gpus_per_actor` or `cpus_per_actor`" if placement.gpus_per_worker else "`cpus_per_actor`"
    _warn(
        f"Waiting for other work to end: an actor needs {placement}, and {held} are held. To begin beside that work, "
        f"lower {fields}."
    )
    return True


def warn_if_starting(workers: Iterable[Worker[T, D]], now: float, limit_s: float) -> bool:
    """Say it, in one line, if one of them has been starting for long; return whether that is so.

    Args:
        workers: None of them is ready.
        now: By `time.monotonic()`.
        limit_s: How long a start may take.
    """
    starting = [worker for worker in workers if worker.is_starting and now - worker.busy_since > _LONG_START_S]
    for worker in starting[:1]:
        _warn(
            f"Waiting for the first actor: on {worker.host} one has been starting for "
            f"{now - worker.busy_since:.0f} s. An actor that is not ready after {limit_s:.0f} s is replaced."
        )
    return bool(starting)


def _warn(text: str) -> None:
    warnings.warn_explicit(text, WaitingWarning, "shardscore", 1)
