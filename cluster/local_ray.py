"""Start a Ray on this machine, for one command."""

from collections.abc import Mapping
from typing import Any

import ray

from cluster import loopback, private_ray, process_limits, temporary_folder
from cluster.environment import without_variables

LOCAL = "local"  # Ray's word for a new cluster on this machine
# Shard numbers and small reports are all that passes through it: pixels never do.
_OBJECT_STORE_BYTES = 128 * 1024**2
# Added to the command's own. Ray's 15 lets every process that wakes push a worker off its core: 1.5% of int8's rate on
# two cores. Who wants the machine to stay quick for other work says `nice shardscore score`.
_WORKER_NICENESS = 0
# What it starts for itself does not start under them, or so slowly that Ray gives it up after half a minute: without
# docstrings, with warnings that are errors, with every allocation traced.
_PYTHONS_VARIABLES = ("PYTHONOPTIMIZE", "PYTHONWARNINGS", "PYTHONTRACEMALLOC")


def start_local(options: Mapping[str, Any]) -> None:
    """Start a Ray that other machines and users cannot reach, with no more services than one command needs."""
    with (
        private_ray.loopback_only(),
        private_ray.token_required(),
        private_ray.worker_niceness(_WORKER_NICENESS),
        without_variables(_PYTHONS_VARIABLES),
    ):
        temporary_folder.check_usable()
        process_limits.check_sufficient(_OBJECT_STORE_BYTES)
        loopback.check_usable()
        try:
            with private_ray.no_idle_services():
                ray.init(address=LOCAL, object_store_memory=_OBJECT_STORE_BYTES, **options)
        except (AttributeError, TypeError):  # this Ray misses one of them
            ray.shutdown()
            private_ray.warn_of_idle_services()
            ray.init(address=LOCAL, object_store_memory=_OBJECT_STORE_BYTES, **options)
        temporary_folder.close_to_others()
