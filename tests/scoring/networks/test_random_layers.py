"""Augmentation inside a network does nothing in scoring, whatever the library: none of it draws random numbers."""

from pathlib import Path

import keras
import numpy as np
import pytest

from scoring.networks.engines import Network
from scoring.networks.keras_files import keras_digest, load_keras_file
from scoring.networks.openvino_engine import OpenVinoEngine
from scoring.networks.precision import Precision

_AUGMENTATION = [name for name in dir(keras.layers) if name.startswith("Random") and name != "RandomCrop"]
_AUGMENTATION += ["AugMix", "CutMix", "MixUp", "RandAugment"]
_TOLD: dict[str, tuple[float, ...]] = {  # how much they change, where that must be told
    "RandomBrightness": (0.5,),
    "RandomColorDegeneration": (0.5,),
    "RandomContrast": (0.5,),
    "RandomGrayscale": (0.5,),
    "RandomHue": (0.5,),
    "RandomPosterization": (4,),
    "RandomRotation": (0.5,),
    "RandomSaturation": (0.5,),
    "RandomSharpness": (0.5,),
    "RandomShear": (0.5, 0.5),
    "RandomTranslation": (0.5, 0.5),
    "RandomZoom": (0.5,),
}


def _save(path: Path) -> keras.Model:
    """All of Keras' augmentation, one after the other, some of it in a list or nested, before a small network."""
    keras.utils.set_random_seed(3)
    pixels = keras.Input((16, 16, 3))
    images = pixels
    for kind in _AUGMENTATION:
        images = getattr(keras.layers, kind)(*_TOLD.get(kind, ()))(images)
    images = keras.Sequential([keras.layers.RandomGrayscale(0.5), keras.layers.Rescaling(1 / 255)])(images)
    images = keras.layers.Pipeline([keras.layers.MixUp(), keras.layers.RandomHue(0.5)])(images)
    maps = keras.layers.Conv2D(4, 3)(keras.layers.Rescaling(2, -1)(images))
    maps = keras.layers.Identity()(keras.layers.BatchNormalization()(maps))
    network = keras.Model(pixels, keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(maps)))
    network.save(path)
    return network


@pytest.mark.ci
def test_no_augmentation_stands_in_the_way_of_a_conversion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    path = tmp_path / "m.keras"
    network = _save(path)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), np.uint8)
    expected = network.predict(pixels.astype(np.float32), verbose=0)
    loaded = load_keras_file(path)  # Keras itself does not: it writes a factor of RandomShear that it does not take
    np.testing.assert_allclose(loaded.predict(pixels.astype(np.float32), verbose=0), expected, atol=1e-6)
    engine = OpenVinoEngine(Network(keras_digest(path), lambda: loaded), Precision.FLOAT32)
    np.testing.assert_allclose(engine.score(pixels), expected, atol=1e-4)
