import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.placement import Placement
from jobs.embed.options import embedding_request
from jobs.score.request import ImagesRequest
from jobs.score.settings import scorer_settings
from scoring.errors import ModelError, RequestError
from scoring.models.model_folder import ModelFolder
from scoring.models.model_request import ModelRequest
from scoring.models.shard_model import ShardModelRequest
from scoring.models.training_record import load_training_record, save_training_record
from scoring.networks.precision import Precision
from scoring.pixels.decoding import Resize
from scoring.run.folder import RunFolder
from tests.chaos.without_ray import score_here
from tests.runs import cats_and_dogs, summary_of, write_model

_MODEL = ModelRequest("vgg16-imagenet", "random", None, Precision.AUTO, "tensorflow")


@pytest.mark.parametrize(
    ("placement", "threads", "processes", "batch_size"),
    [
        (None, 1, 0, None),
        (Placement(1, 0, 2), 2, 0, None),
        (Placement(1, 0, 64), 8, 0, None),
        (Placement(1, 1, 0), 1, 0, 64),
        (Placement(1, 1, 3), 3, 0, 64),
        (Placement(1, 1, 16), 8, 16, 64),
        (Placement(2, 0.5, 4.5), 4, 4, 64),
    ],
)
def test_processes_decode_beside_a_gpu_that_has_cores_for_them(
    tmp_path: Path, placement: Placement | None, threads: int, processes: int, batch_size: int | None
) -> None:
    settings = scorer_settings(ImagesRequest(tmp_path, _MODEL), RunFolder(tmp_path / "run"), placement)
    decoders = (settings.decode_threads, settings.decode_processes)
    assert (decoders, settings.batch_size) == ((threads, processes), batch_size)


@pytest.mark.parametrize(
    ("num_images", "shard_size", "batch_size"),
    [
        (None, None, None),
        (None, 10, 16),
        (None, 48, 16),
        (None, 200, None),
        (1, None, 16),
        (16, None, 16),
        (17, None, None),
        (40, None, 16),  # of two shards the second has 8
        (64, None, None),
        (300, None, None),
        (300, 16, 16),
        (10, 1000, 16),
        (1_000_001, 1000, None),
    ],
)
def test_batches_on_a_processor_are_small_where_large_ones_would_be_padding(
    tmp_path: Path, num_images: int | None, shard_size: int | None, batch_size: int | None
) -> None:
    request = ImagesRequest(tmp_path, _MODEL, shard_size=shard_size)
    folder = RunFolder(tmp_path / "run")
    assert scorer_settings(request, folder, Placement(1, 0, 2), num_images).batch_size == batch_size
    assert scorer_settings(request, folder, Placement(1, 1, 2), num_images).batch_size == 64
    asked = replace(request, batch_size=5)
    assert scorer_settings(asked, folder, Placement(1, 0, 2), num_images).batch_size == 5


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_run_goes_by_the_number_of_its_images(photos: Path, tmp_path: Path, overwrite: bool) -> None:
    for num_images, batch_size in ((12, 16), (20, 32)):
        for number in range(13, num_images + 1):
            shutil.copy(photos / "1.png", photos / f"{number}.png")
        output = tmp_path / str(num_images)
        score_here(photos, output, batch_size=None, shard_size=None, overwrite=overwrite)
        assert summary_of(output).batch_sizes == (batch_size,)


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


def _vectors(model: Path) -> ShardModelRequest:
    """What `embed` asks for where nothing is said but the model."""
    left_out = dict.fromkeys(("base", "weights", "features", "size"))
    words = {"pooling": "mean", "dtype": "float16", "pixels": "0..255", "engine": "keras", "precision": "float32"}
    return embedding_request(model=model, **left_out, **words)  # type: ignore[arg-type]


@pytest.mark.parametrize("own", Resize)
def test_photos_become_squares_as_those_that_a_folder_was_trained_on(tmp_path: Path, photos: Path, own: Resize) -> None:
    folder = ModelFolder(tmp_path / "model")
    write_model(folder.path, cats_and_dogs(8))
    record = load_training_record(folder)
    save_training_record(folder, replace(record, resize=record.resize.replace("squash", own)))
    [other] = set(Resize) - {own}
    for model in (replace(_MODEL, model=str(folder.path), weights=None), _vectors(tmp_path / "model")):
        request = ImagesRequest(photos, model)
        for same in (request, replace(request, resize=own)):
            assert scorer_settings(same, RunFolder(tmp_path / "run"), None).resize is own
        with pytest.raises(RequestError, match=f"Expected `resize` {own}, by which .*; received {other}. Leave it out"):
            replace(request, resize=other).check()
    (tmp_path / "model" / "training.json").write_text("{}")
    with pytest.raises(ModelError, match="`model`: Expected a model folder"):
        ImagesRequest(photos, replace(_MODEL, model=str(folder.path), weights=None)).check()


def test_photos_are_squashed_for_a_model_that_does_not_tell_unless_something_else_is_asked_for(photos: Path) -> None:
    request = ImagesRequest(photos, _MODEL)
    request.check()
    assert request.resize_mode is Resize.SQUASH
    assert replace(request, resize=Resize.CROP).resize_mode is Resize.CROP
