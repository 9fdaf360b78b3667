"""What other work holds of a cluster, while a job waits for it."""

import warnings

import ray

from cluster.autoscaler import num_waiting
from cluster.errors import WaitingWarning
from cluster.placement import Placement


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
    warnings.warn_explicit(
        f"Waiting for other work to end: an actor needs {placement}, and {held} are held. To begin beside that work, "
        f"lower {fields}.",
        WaitingWarning,
        "shardscore",
        1,
    )
    return True
