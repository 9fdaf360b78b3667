"""The pool's own speed and memory: many shards, and a scorer that does nothing.

    python -m tests.benchmarks.pool_scale [--actors 2] [--shards 10000 100000]

Prints shards per second and the driver's resident memory after each number of shards.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from cluster.nodes import cluster_nodes
from cluster.outcomes import TaskDone
from cluster.placement import WorkerRequest, plan_placement
from cluster.pool import WorkerPool
from cluster.session import open_session
from cluster.work import function_recipe


def do_nothing() -> Callable[[int], None]:
    """A recipe for a worker that returns at once."""
    return lambda task: None


def resident_mb() -> float:
    """What this process has in memory, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * 1024 / 1e6


def main() -> None:
    """Run each number of shards through one pool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--actors", type=int, default=2)
    parser.add_argument("--shards", type=int, nargs="+", default=[10_000, 100_000])
    options = parser.parse_args()
    with open_session(None):
        placement = plan_placement(cluster_nodes(), WorkerRequest(options.actors, cpus_per_worker=2 / options.actors))
        pool = WorkerPool(function_recipe(do_nothing, tasks_at_once=2), placement)
        while len(pool.ready_workers) < options.actors:
            list(pool.run([0]))
        print(f"{options.actors} actors ready: driver {resident_mb():.0f} MB")
        for num_shards in options.shards:
            started = time.perf_counter()
            num_done = sum(isinstance(outcome, TaskDone) for outcome in pool.run(range(num_shards)))
            wall_s = time.perf_counter() - started
            assert num_done == num_shards
            print(f"{num_shards} shards: {num_shards / wall_s:.0f} shards/s, driver {resident_mb():.0f} MB", flush=True)
        pool.stop()


if __name__ == "__main__":
    main()
