"""What is told of a model's pixels where nobody says what it was trained on."""

import warnings
from pathlib import Path

import pytest

from jobs.embed.options import embedding_request
from jobs.finetune.presets import RECIPES, FeatureOptions, Preset
from jobs.score.model_options import model_request
from jobs.score.pixel_options import PixelsWarning
from scoring.networks.pixel_scales import PixelScale
from tests.models import save_quarters_model

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def unscaled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import keras

    path = tmp_path_factory.mktemp("models") / "mnist.keras"
    layers = [keras.layers.Conv2D(4, 3, name="first"), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")]
    keras.Sequential([keras.Input((8, 8, 1)), *layers]).save(path)
    return path


def _pixels(path: Path, **told: str) -> PixelScale:
    embedded = embedding_request(
        model=path, base=None, weights=None, features=None, pooling="mean", dtype="float32", size=None,
        pixels=told.get("pixels"), engine="keras", precision="float32",
    )  # fmt: skip
    asked = model_request(path, labels="cat,dog", **told)
    features = FeatureOptions(str(path), None, None, None, None, None, "float32", pixels=told.get("pixels"))
    trained_on = features.request(RECIPES[Preset.LESSON], unfreeze_dense=False).base
    assert embedded.base.pixels is trained_on.pixels is asked.pixels
    return asked.pixels


def test_a_file_that_scales_nothing_is_told_with_the_way_to_say_what_is_right(
    unscaled: Path, recwarn: pytest.WarningsRecorder
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert _pixels(unscaled) is PixelScale.UNCHANGED
    told = {str(warning.message) for warning in recwarn if warning.category is PixelsWarning}
    assert told == {
        f"nothing in {unscaled} scales pixels before its layer first, and it is given 0 to 255. If it was trained on "
        "others, such as 0 to 1 by `rescale=1/255`, or behind `preprocess_input`, name them with `pixels`; `pixels` "
        "0..255 says that these are right."
    }


@pytest.mark.parametrize("scale", PixelScale)
def test_who_names_the_pixels_is_told_nothing(
    unscaled: Path, scale: PixelScale, recwarn: pytest.WarningsRecorder
) -> None:
    assert _pixels(unscaled, pixels=scale.value) is scale
    assert not recwarn.list


@pytest.mark.parametrize("scale", PixelScale)
def test_who_has_pixels_scaled_that_the_file_divides_is_told(
    tmp_path: Path, scale: PixelScale, recwarn: pytest.WarningsRecorder
) -> None:
    import keras

    layers = [keras.layers.Rescaling(1 / 127.5, -1, name="shrunk"), keras.layers.Flatten(), keras.layers.Dense(2)]
    keras.Sequential([keras.Input((8, 8, 1)), *layers]).save(path := tmp_path / "m.keras")
    recwarn.clear()  # of Keras' own
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert _pixels(path, pixels=scale.value) is scale
    told = {str(warning.message) for warning in recwarn if warning.category is PixelsWarning}
    expected = {
        f"{path} scales pixels of 0 to 255 itself, in its layer shrunk, and `pixels` {scale} scales them before that. "
        "Leave `pixels` out, unless both were done in its training, too."
    }
    assert told == (set() if scale is PixelScale.UNCHANGED else expected)


def test_a_file_that_scales_them_or_is_not_there_is_told_nothing(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    scaled = save_quarters_model(tmp_path / "m.keras")
    recwarn.clear()  # of Keras' own
    assert _pixels(scaled) is PixelScale.UNCHANGED
    for name in (str(tmp_path / "none.keras"), "resnet50", "vgg16-cats-dogs"):
        assert model_request(name).pixels is PixelScale.UNCHANGED
    assert not recwarn.list
