import os

import pytest

from cluster.light_task import LightTask
from cluster.placement import Placement
from cluster.pool import WorkerPool

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("two_nodes")]


def _environment(name: str) -> str:
    return os.environ[name]


def _fail() -> None:
    raise ValueError("the returns are cut off")


def test_it_runs_beside_workers_that_took_every_core() -> None:
    pool = WorkerPool(lambda: abs, Placement(num_workers=2, gpus_per_worker=0, cpus_per_worker=2))
    while len(pool.ready_workers) < 2:
        list(pool.run([1]))
    assert LightTask(_environment, "OMP_NUM_THREADS").result() == "1"
    pool.stop()


def test_it_sees_no_gpu() -> None:
    assert LightTask(_environment, "CUDA_VISIBLE_DEVICES").result() == ""


def test_it_raises_what_its_function_raised() -> None:
    with pytest.raises(ValueError, match="the returns are cut off"):
        LightTask(_fail).result()
