from pathlib import Path

import pytest

from cluster.placement import Placement
from jobs.score.request import ImagesRequest
from jobs.score.settings import scorer_settings
from scoring.models.model_request import ModelRequest
from scoring.networks.precision import Precision
from scoring.run.folder import RunFolder

_MODEL = ModelRequest("vgg16-imagenet", "random", None, Precision.AUTO, "tensorflow")


@pytest.mark.parametrize(
    ("placement", "threads", "processes", "batch_size"),
    [
        (None, 1, 0, 16),
        (Placement(1, 0, 2), 2, 0, 16),
        (Placement(1, 0, 64), 8, 0, 16),
        (Placement(1, 1, 0), 1, 0, 64),
        (Placement(1, 1, 3), 3, 0, 64),
        (Placement(1, 1, 16), 8, 16, 64),
        (Placement(2, 0.5, 4.5), 4, 4, 64),
    ],
)
def test_processes_decode_beside_a_gpu_that_has_cores_for_them(
    tmp_path: Path, placement: Placement | None, threads: int, processes: int, batch_size: int
) -> None:
    settings = scorer_settings(ImagesRequest(tmp_path, _MODEL), RunFolder(tmp_path / "run"), placement)
    decoders = (settings.decode_threads, settings.decode_processes)
    assert (decoders, settings.batch_size) == ((threads, processes), batch_size)


@pytest.mark.parametrize(
    ("placement", "finds", "shard_size", "sizes"),
    [
        (Placement(1, 1, 16), False, None, ()),
        (Placement(1, 0, 16), True, None, ()),
        (Placement(1, 1, 16), True, None, (64, 128, 256)),
        (Placement(1, 1, 16), True, 2000, (64, 128, 256, 512, 1024)),
        (Placement(1, 1, 16), True, 10, (64,)),
    ],
)
def test_a_gpus_batch_size_is_found_where_that_is_asked_for(
    tmp_path: Path, placement: Placement, finds: bool, shard_size: int | None, sizes: tuple[int, ...]
) -> None:
    request = ImagesRequest(tmp_path, _MODEL, shard_size=shard_size, finds_batch_size=finds)
    assert scorer_settings(request, RunFolder(tmp_path / "run"), placement).batch_sizes == sizes
