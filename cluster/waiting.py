"""What a job waits for: what other work holds of the cluster, or a worker that does not get ready."""

import time
from collections.abc import Collection, Iterable

import ray

from cluster.autoscaler import can_never_place, num_waiting
from cluster.errors import PlacementError, WaitingWarning
from cluster.nodes import GO_ON
from cluster.notices import notice
from cluster.placement import Placement
from cluster.work import D, T
from cluster.worker import Worker

_LONG_START_S = 60.0
_SILENT_S = 10.0  # without a worker that is ready, before it is asked why, and between such questions


class Waiting:
    """A pool's waits: for a node that can take a worker, for room there, and for the first worker to be ready.

    Args:
        placement: What each worker takes, and how long to wait for a node.
    """

    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        self._placeable_at = self._asked_at = time.monotonic()
        self._has_warned = self._has_told_of_start = False

    def is_over(
        self, now: float, room: int, workers: Collection[Worker[T, D]], was_ready: bool, start_s: float
    ) -> bool:
        """Say what is waited for, once; return whether it was long enough that no node could take a worker.

        Args:
            now: By `time.monotonic()`.
            room: How many workers the nodes could hold.
            workers: All there are.
            was_ready: Whether one ever was.
            start_s: How long a start may take.

        Raises:
            PlacementError: If none ever was, and the autoscaler says that no node which it may add can take one.
        """
        is_ready = any(worker.info for worker in workers)
        if room or is_ready:
            self._placeable_at = now
        elif self._placement.by_autoscaler and not was_ready and can_never_place(self._placement.bundle):
            raise PlacementError(
                f"Expected a node with {self._placement} for an actor; the cluster's autoscaler has none to add. "
                "Lower `gpus_per_actor` or `cpus_per_actor`, or name another `accelerator_type`."
            )
        elif now - self._placeable_at > self._placement.patience_s:
            return True
        if is_ready or not room:
            self._asked_at = now
        elif not self._has_warned and now - self._asked_at > _SILENT_S:
            self._asked_at, self._has_warned = now, warn_if_waiting(self._placement, len(workers))
        if not (is_ready or self._has_told_of_start):
            self._has_told_of_start = warn_if_starting(workers, now, start_s)
        return False

    def nobody_left(self, is_over: bool, lost_nodes: str, fault: str, was_ready: bool) -> str:
        """Say that no worker is left, or none came, and why.

        Args:
            is_over: Whether a node was waited for; else none may be started, as too many failed.
            lost_nodes: What `FailedStarts` says of them.
            fault: How the last worker ended; empty if there was none.
            was_ready: Whether one ever was.
        """
        node, within = f"node with {self._placement} for", f"came within {self._placement.patience_s:g} s."
        said = "No actor is left, and no new one can be started."
        if is_over:
            said = f"No actor is left, and no {node} another one {within}" if fault else f"No {node} an actor {within}"
        if lost_nodes or fault:
            said += f" {lost_nodes or 'The last one failed: ' + fault.removesuffix('.') + '.'}"
        if is_over:
            said += f" {'Else wait' if lost_nodes else 'Wait'} longer with `wait_for_nodes`."
        return f"{said} {GO_ON}" if was_ready else said


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
    notice(
        f"Waiting for other work to end: an actor needs {placement}, and {held} are held. To begin beside that work, "
        f"lower {fields}.",
        WaitingWarning,
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
        notice(
            f"Waiting for the first actor: on {worker.host} one has been starting for "
            f"{now - worker.busy_since:.0f} s. An actor that is not ready after {limit_s:.0f} s is replaced.",
            WaitingWarning,
        )
    return bool(starting)
