from dataclasses import replace
from pathlib import Path

import pytest

from scoring.arrays import Float32Array, UInt8Array
from scoring.models.classifier import Classifier
from scoring.models.model_request import ModelRequest
from scoring.networks.engines import EngineName
from scoring.pixels.decoding import Resize
from scoring.pixels.input_shape import InputShape
from scoring.run.folder import RunFolder
from scoring.run.manifest import write_manifest
from scoring.shards.batch_size import fastest_batch_size
from scoring.shards.scorer import ShardScorer
from scoring.shards.settings import ScorerSettings
from scoring.sources.inputs import find_images
from tests.fakes import FAKE_MODEL, FakeEngine, load_fake
from tests.runs import read_predictions


class _Clock:
    """Goes on only while the model works."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


class _Gpu(FakeEngine):
    """Takes some seconds for a batch, whatever is in it, and some for each image; has room for so many."""

    def __init__(self, batch_s: float, image_s: float, room: int) -> None:
        super().__init__()
        self.clock = _Clock()
        self._batch_s, self._image_s, self._room = batch_s, image_s, room

    @property
    def input_shape(self) -> InputShape:
        return InputShape(3, 3, 3)

    def score(self, images: UInt8Array) -> Float32Array:
        if len(images) > self._room:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory")
        self.clock.now += self._batch_s + self._image_s * len(images)
        return super().score(images)


@pytest.mark.parametrize(
    ("batch_s", "image_s", "room", "expected"),
    [
        (0.02, 0.0, 1024, 64),  # the more the better
        (0.02, 0.0, 20, 16),  # 32 do not fit
        (0.0, 0.002, 1024, 4),  # all alike: the smallest
    ],
)
def test_the_fastest_batch_that_fits_is_found(
    batch_s: float, image_s: float, room: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = _Gpu(batch_s, image_s, room)
    monkeypatch.setattr("scoring.shards.batch_size.time", engine.clock)
    model = replace(load_fake(FAKE_MODEL), engine=engine)
    assert fastest_batch_size(model, (4, 16, 32, 64), seconds=0.05) == expected


def test_a_model_that_fits_in_no_size_says_why() -> None:
    with pytest.raises(RuntimeError, match="Out of memory"):
        fastest_batch_size(replace(load_fake(FAKE_MODEL), engine=_Gpu(0, 0, 3)), (4, 8))


class _Taking(FakeEngine):
    """Takes pictures of another shape."""

    def __init__(self, shape: InputShape) -> None:
        super().__init__()
        self._shape = shape

    @property
    def input_shape(self) -> InputShape:
        return self._shape


@pytest.mark.parametrize(
    ("asked", "shape", "engine_name", "batch_size"),
    [
        (None, (299, 299, 3), "keras", 32),
        (None, (300, 299, 1), "keras", 16),
        (None, (2, 2, 3), "openvino", 32),
        (None, (2, 2, 3), "mnn", 16),
        (7, (300, 300, 3), "mnn", 7),
    ],
)
def test_a_processor_takes_fewer_at_once_if_they_are_large_or_on_mnn_unless_it_is_told_how_many(
    photos: Path, tmp_path: Path, asked: int | None, shape: tuple[int, int, int], engine_name: str, batch_size: int
) -> None:
    engine = _Taking(InputShape(*shape))
    folder = RunFolder(tmp_path)
    folder.predictions.mkdir()
    write_manifest(folder.manifest, find_images(photos).images, 12, 0)
    model = replace(FAKE_MODEL, engine=EngineName(engine_name))
    settings = ScorerSettings(photos, tmp_path, model, Resize.SQUASH, asked, 1)
    report = ShardScorer(settings, lambda request: replace(load_fake(request), engine=engine))(0)
    assert (report.batch_size, engine.shapes[-1]) == (batch_size, (batch_size, *shape))


def test_a_worker_scores_with_the_size_that_it_found_and_tells_it(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = _Gpu(0.01, 0, 9)
    monkeypatch.setattr("scoring.shards.batch_size.time", engine.clock)

    def load(request: ModelRequest) -> Classifier:
        return replace(load_fake(request), engine=engine)

    folder = RunFolder(tmp_path)
    folder.predictions.mkdir()
    write_manifest(folder.manifest, find_images(photos).images, 12, 0)
    settings = ScorerSettings(photos, tmp_path, FAKE_MODEL, Resize.SQUASH, 2, 1, batch_sizes=(4, 8, 16))
    report = ShardScorer(settings, load)(0)
    assert report.batch_size == 8
    assert engine.shapes[-2:] == [(8, 3, 3, 3), (8, 3, 3, 3)]
    assert read_predictions(folder.predictions).num_rows == 12
