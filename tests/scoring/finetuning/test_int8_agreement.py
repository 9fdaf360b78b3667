"""Features in int8: calibrated on the user's photos, and held against the model in float32; skipped without NNCF."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scoring.errors import ModelError
from scoring.finetuning.features import FeatureRequest, Features
from scoring.finetuning.int8_agreement import measure_agreement
from scoring.networks.base_networks import base_of
from scoring.networks.base_request import BaseRequest
from scoring.networks.engines import EngineName
from scoring.networks.precision import Precision
from scoring.pixels.decoding import Resize
from scoring.pixels.input_shape import DEFAULT_SHAPE
from scoring.run.folder import RunFolder
from scoring.run.manifest import write_manifest
from scoring.shards.image_sample import image_sample, images_to_compare
from scoring.shards.settings import ScorerSettings
from scoring.sources.entries import ImageEntry
from tests.models import save_brightness_model

_NUM_PHOTOS = 40
_NUM_COMPARED = 20  # one of every two


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScorerSettings:
    """Coloured photos, listed, and a request for features in int8."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    generator = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    entries = [ImageEntry(f"{number:02d}", f"{number:02d}.png", 0, target="cat") for number in range(_NUM_PHOTOS)]
    for entry in entries:
        shade = np.linspace(0, 1, 60)[:, None, None] ** generator.uniform(0.2, 3) * generator.uniform(60, 255, 3)
        Image.fromarray(np.tile(shade, (1, 60, 1)).astype(np.uint8)).save(tmp_path / "photos" / entry.path)
    base = BaseRequest(str(save_brightness_model(tmp_path / "m.keras")))
    request = FeatureRequest(base, True, Precision.INT8, "tensorflow", EngineName.OPENVINO)
    write_manifest(RunFolder(tmp_path).manifest, entries, 8, num_left_out=0)
    return ScorerSettings(tmp_path / "photos", tmp_path, request, Resize.SQUASH, 8, 1)


def _head() -> Any:
    import keras

    head = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, activation="softmax")])
    kernel = np.random.default_rng(1).normal(size=(4, 2)) * 3
    head.set_weights([kernel, np.zeros(2)])
    return head


@pytest.mark.ci
@pytest.mark.keras
def test_int8_features_are_told_by_what_the_head_makes_of_them_and_of_float32(settings: ScorerSettings) -> None:
    pytest.importorskip("nncf")
    request = settings.model
    assert isinstance(request, FeatureRequest)
    request.check()
    assert request.needs_sample
    extractor = request.load(partial(image_sample, settings))
    assert ":int8-" in extractor.model_digest
    seen, head = images_to_compare(settings, DEFAULT_SHAPE), _head()
    pixels = np.stack(list(seen.values()))
    values = extractor.score(pixels).reshape(_NUM_COMPARED, 2, 4)  # the photo's, then its mirror image's
    images = [ImageEntry(name, f"{name}.png", 0) for name in seen]
    features = Features(images, ["cat"] * _NUM_COMPARED, values.astype(np.float16), 0)
    found = measure_agreement(settings, features, base_of(request.base).build(), head, flip=True)
    assert found is not None
    exact, quantised = (
        np.mean([head.predict_on_batch(each[:, view]) for view in range(2)], axis=0)
        for each in (_exact(request, pixels), features.values.astype(np.float32))
    )
    assert found.num_images == _NUM_COMPARED
    assert found.equal_labels == (exact.argmax(axis=1) == quantised.argmax(axis=1)).mean()
    assert found.largest_difference == pytest.approx(np.abs(exact - quantised).max(), abs=1e-5)
    assert 0 < found.largest_difference < 0.1


def _exact(request: FeatureRequest, pixels: Any) -> Any:
    base = base_of(request.base).build()
    views = [base.predict_on_batch(view.astype(np.float32)) for view in (pixels, pixels[:, :, ::-1])]
    return np.stack(views, axis=1)


@pytest.mark.keras
def test_photos_that_are_gone_since_leave_nothing_to_compare(settings: ScorerSettings) -> None:
    for path in settings.images.iterdir():
        path.unlink()
    features = Features([], [], np.zeros((0, 1, 4), np.float16), 0)
    base = base_of(BaseRequest(str(RunFolder(settings.output).path / "m.keras"))).build()
    assert measure_agreement(settings, features, base, _head(), flip=False) is None


@pytest.mark.parametrize("engine", [EngineName.KERAS, EngineName.MNN])
def test_engines_that_cannot_run_int8_are_refused(engine: EngineName) -> None:
    request = FeatureRequest(BaseRequest("vgg16", "random"), False, Precision.INT8, "tensorflow", engine)
    with pytest.raises(ModelError, match=r"openvino with `precision` int8|Expected `precision` auto, float32 with"):
        request.check()
