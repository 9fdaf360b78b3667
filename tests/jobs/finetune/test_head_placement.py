from pathlib import Path
from typing import Any

import pytest

from cluster.nodes import Node
from cluster.placement import Placement, WorkerRequest
from jobs.finetune import head_placement
from jobs.finetune.head_placement import place_heads
from jobs.finetune.request import FinetuneRequest
from jobs.score.request import ImagesRequest
from scoring.models.trained_heads import HeadKind, HeadSettings
from tests.fakes import FAKE_MODEL

_CORES, _GPUS = [Node(8, 0)], [Node(16, 2), Node(16, 2, frozenset({"T4"}))]


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Plans the workers of heads on nodes that are pretended."""
    monkeypatch.setattr("cluster.placement.is_autoscaling", lambda patience_s=0.0: False)
    monkeypatch.setenv("RAY_ADDRESS", "192.0.2.1:6379")  # nobody is asked

    def plan(nodes: list[Node], *, dense: bool = False, num_heads: int = 5, **workers: Any) -> Placement:
        monkeypatch.setattr(head_placement, "cluster_nodes", lambda: nodes)
        images = ImagesRequest(tmp_path, FAKE_MODEL, workers=WorkerRequest(**workers))
        settings = HeadSettings(kind=HeadKind.SOFTMAX, unfreeze_dense=dense)
        return place_heads(FinetuneRequest(tmp_path, images, settings, num_heads))

    return plan


def test_a_worker_of_heads_gets_what_was_said_that_each_gets(place: Any) -> None:
    assert place(_CORES, num_workers=1, cpus_per_worker=1) == Placement(1, 0, 1)
    assert place(_GPUS, gpus_per_worker=0) == Placement(1, 0, 8)
    assert place(_GPUS, gpus_per_worker=0, dense=True) == Placement(1, 0, 8)
    assert place(_GPUS, gpus_per_worker=0.5, cpus_per_worker=2) == Placement(1, 0.5, 2)


def test_what_was_left_open_is_a_gpu_or_the_cores_of_a_node(place: Any) -> None:
    assert place(_CORES, num_workers=4) == place(_CORES, dense=True) == Placement(1, 0, 8)
    assert place(_GPUS) == Placement(1, 1, 8)


def test_dense_layers_are_trained_on_each_gpu_but_by_no_more_workers_than_were_asked_for(place: Any) -> None:
    assert place(_GPUS, dense=True) == Placement(4, 1, 8)
    assert place(_GPUS, dense=True, num_heads=3) == Placement(3, 1, 8)
    assert place(_GPUS, dense=True, num_workers=2) == Placement(2, 1, 8)
    assert place(_GPUS, dense=True, gpus_per_worker=2) == Placement(2, 2, 16)
    assert place(_GPUS, dense=True, accelerator_type="T4") == Placement(2, 1, 8, accelerator_type="T4")
