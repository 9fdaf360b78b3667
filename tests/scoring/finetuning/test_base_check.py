"""A base network is compared with the features that heads were trained on, before a model is put together with it."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scoring.errors import ModelError
from scoring.finetuning.base_check import check_base
from scoring.finetuning.features import FeatureExtractor, FeatureRequest, Features
from scoring.finetuning.settings import FinetuneSettings
from scoring.finetuning.training_set import TrainingSet
from scoring.models.trained_heads import HeadSettings
from scoring.networks.base_networks import base_of
from scoring.networks.base_request import BaseRequest
from scoring.networks.precision import Precision
from scoring.pixels.decoding import Resize
from scoring.pixels.input_shape import InputShape
from scoring.run.fingerprint import Fingerprint
from scoring.run.folder import RunFolder
from scoring.run.manifest import write_manifest
from scoring.shards.image_sample import image_sample, some_images
from scoring.shards.settings import ScorerSettings
from scoring.sources.entries import ImageEntry

pytestmark = pytest.mark.keras

_SHAPE = InputShape(24, 24)


def _save_network(path: Path) -> None:
    """Two layers of the same width, one upon the other as in blocks of a residual network."""
    import keras

    keras.utils.set_random_seed(4)
    pixels = keras.Input(_SHAPE.as_array())
    maps = keras.layers.Conv2D(6, 4, strides=4, activation="relu", name="below")(
        keras.layers.Rescaling(1 / 255)(pixels)
    )
    maps = keras.layers.Add(name="above")([maps, keras.layers.Conv2D(6, 3, padding="same")(maps)])
    classes = keras.layers.Dense(2, activation="softmax")(keras.layers.GlobalAveragePooling2D()(maps))
    keras.Model(pixels, classes).save(path)


def _trained_on(folder: Path, precision: Precision) -> tuple[FinetuneSettings, TrainingSet]:
    """Features of photos at the layer `above`."""
    generator = np.random.default_rng(0)
    (folder / "photos").mkdir()
    entries = [ImageEntry(str(number), f"{number}.png", 0, target="cat") for number in range(12)]
    for entry in entries:
        Image.fromarray(generator.integers(0, 256, (24, 24, 3), np.uint8)).save(folder / "photos" / entry.path)
    _save_network(folder / "m.keras")
    base = BaseRequest(str(folder / "m.keras"), layer="above")
    request = FeatureRequest(base, False, precision)
    write_manifest(RunFolder(folder).manifest, entries, 8, num_left_out=0)
    scorer = ScorerSettings(folder / "photos", folder, request, Resize.SQUASH, 8, 1)
    seen = some_images(scorer, _SHAPE, len(entries))
    extractor = request.load(lambda shape: image_sample(scorer, shape))
    assert isinstance(extractor, FeatureExtractor)
    values = extractor.score(np.stack(list(seen.values()))).astype(np.float16)[:, None]
    digests = [hashlib.sha256(pixels.tobytes()).digest() for pixels in seen.values()]
    features = Features(entries, ["cat"] * len(entries), values, 0, pixels=digests)
    fingerprint = Fingerprint("i", "m", "l", "squash", "keras-tensorflow", str(precision), schema_version=2)
    heads = HeadSettings()
    settings = FinetuneSettings(folder, folder, base, False, heads, 1, None, 0, False, "tensorflow", scorer=scorer)
    return settings, TrainingSet(features, ("cat",), (), None, fingerprint)


@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.BFLOAT16])
def test_features_of_another_layer_of_the_same_width_are_told(tmp_path: Path, precision: Precision) -> None:
    settings, photos = _trained_on(tmp_path, precision)
    check_base(settings, photos, base_of(settings.base).build())
    below = base_of(replace(settings.base, layer="below")).build()
    with pytest.raises(
        ModelError, match=r"m\.keras to give the features that the heads were trained on; of 8 photos .* `overwrite`"
    ):
        check_base(settings, photos, below)
    check_base(replace(settings, scorer=None), photos, below)
    check_base(settings, replace(photos, fingerprint=replace(photos.fingerprint, precision="int8")), below)


def test_photos_that_are_others_or_gone_since_are_not_compared(tmp_path: Path) -> None:
    settings, photos = _trained_on(tmp_path, Precision.FLOAT32)
    below = base_of(replace(settings.base, layer="below")).build()
    for path in sorted((tmp_path / "photos").iterdir())[1:]:
        Image.fromarray(np.zeros((24, 24, 3), np.uint8)).save(path)
    with pytest.raises(ModelError, match="of 1 photos"):
        check_base(settings, photos, below)
    for path in (tmp_path / "photos").iterdir():
        path.unlink()
    check_base(settings, photos, below)
