"""A base network is compared with the features that heads were trained on, before a model is put together with it."""

import hashlib
from collections.abc import Callable
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


def _save_centred(path: Path) -> None:
    """A network that sees how far each photo's pixels are from its mean: of a plain one there is rounding alone."""
    import keras

    keras.utils.set_random_seed(4)
    pixels = keras.Input(_SHAPE.as_array())
    scaled = keras.layers.Rescaling(1 / 255)(pixels)
    centred = scaled - keras.ops.mean(scaled, axis=(1, 2, 3), keepdims=True)
    maps = keras.layers.Conv2D(6, 3, use_bias=False, activation="relu", name="below")(centred)
    maps = keras.layers.Conv2D(6, 3, use_bias=False, activation="relu", name="above")(maps)
    classes = keras.layers.Dense(2, activation="softmax")(keras.layers.GlobalAveragePooling2D()(maps))
    keras.Model(pixels, classes).save(path)


def _trained_on(
    folder: Path, precision: Precision, save: Callable[[Path], None] = _save_network, num_plain: int = 0
) -> tuple[FinetuneSettings, TrainingSet]:
    """Features of photos at the layer `above`; every second one of the first may be of one colour."""
    generator = np.random.default_rng(0)
    (folder / "photos").mkdir()
    entries = [ImageEntry(str(number), f"{number}.png", 0, target="cat") for number in range(12)]
    for number, entry in enumerate(entries):
        pixels = generator.integers(0, 256, (24, 24, 3), np.uint8)
        if number % 2 == 0 and number < 2 * num_plain:
            pixels[:] = 20 * number + 7
        Image.fromarray(pixels).save(folder / "photos" / entry.path)
    save(folder / "m.keras")
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


def test_a_plain_photo_may_rightly_have_next_to_no_features(tmp_path: Path) -> None:
    settings, photos = _trained_on(tmp_path, Precision.FLOAT32, _save_centred, num_plain=4)
    lengths = np.linalg.norm(photos.features.values[:, 0].astype(np.float64), axis=1)
    is_plain = lengths < 1e-5
    assert is_plain.sum() == 4
    photos.features.values[is_plain] += np.float16(6e-8)  # as another device might round
    check_base(settings, photos, base_of(settings.base).build())
    with pytest.raises(ModelError, match="of 8 photos it gives others now"):
        check_base(settings, photos, base_of(replace(settings.base, layer="below")).build())


def test_features_that_are_no_numbers_any_more_are_told(tmp_path: Path) -> None:
    import keras

    settings, photos = _trained_on(tmp_path, Precision.FLOAT32)
    base = base_of(settings.base).build()
    for odd in (np.nan, 1e9):
        broken = keras.Model(base.inputs, base.outputs[0] * odd)
        with pytest.raises(ModelError, match="of 8 photos it gives others now"):
            check_base(settings, photos, broken)


def test_a_base_that_gives_more_or_fewer_features_is_told_though_no_photo_can_be_read(tmp_path: Path) -> None:
    settings, photos = _trained_on(tmp_path, Precision.FLOAT32)
    values = np.concatenate([photos.features.values] * 3, axis=2)
    wider = replace(photos, features=replace(photos.features, values=values))
    for told in (settings, replace(settings, scorer=None)):
        with pytest.raises(
            ModelError, match=r"m\.keras to give the 18 features .*; this version takes 6 of it\. Use `overwrite`"
        ):
            check_base(told, wider, base_of(settings.base).build())
