"""Several networks below one head: what each sees, and one network of all that says what they say side by side."""

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.errors import ModelError
from scoring.models.finetuned_network import put_together, save_network
from scoring.networks.base_networks import base_of
from scoring.networks.base_request import BaseRequest
from scoring.networks.engines import Network
from scoring.networks.keras_files import load_keras_file
from scoring.networks.noise import noise
from scoring.networks.openvino_engine import OpenVinoEngine
from scoring.networks.pixel_scales import PixelScale
from scoring.networks.precision import Precision
from scoring.pixels.input_shape import InputShape

_BOTH = BaseRequest("resnet50", "random", further=(BaseRequest("vgg16", "random", "fc2"),))


def test_files_weights_and_order_of_each_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    named = BaseRequest("vgg16", "a.h5", "fc2", further=(BaseRequest("resnet50", "b.h5"), BaseRequest("m.keras")))
    assert {field: str(file) for field, file in base_of(named).files().items()} == {
        "weights": "a.h5",
        "weights 2": "b.h5",
        "base 3": "m.keras",
    }
    assert [each.weights for each in base_of(named).absolute().each] == [f"{tmp_path}/a.h5", f"{tmp_path}/b.h5", None]
    assert (named.name, str(named)) == ("vgg16 and resnet50 and m.keras", "3-bases")


def test_digest_holds_each_network_and_where_it_is_cut() -> None:
    first, second = _BOTH.each
    others = [
        replace(second, further=(first,)),
        replace(first, further=(replace(second, layer="fc1"),)),
        replace(first, further=(second, BaseRequest("xception", "random"))),
    ]
    digests = {base_of(request).digest() for request in (_BOTH, *others)}
    assert len(digests) == 4
    assert not any(":" in digest for digest in digests)
    assert "further" not in first.stored_fields(), "records of one network are what they were"


def test_the_same_base_twice_is_refused() -> None:
    twice = BaseRequest("vgg16", "random", "fc2", further=(BaseRequest("vgg16", "random", "fc2"),))
    with pytest.raises(ModelError, match="Expected each `base` once; received vgg16 and vgg16"):
        base_of(twice).check()


def _save(path: Path, shape: tuple[int, int, int]) -> Path:
    import keras

    keras.utils.set_random_seed(shape[1])
    convolution = keras.layers.Conv2D(4, 3, activation="relu")
    layers = [keras.Input(shape), convolution, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
    keras.Sequential(layers).save(path)
    return path


def _features(path: Path, pixels: Any) -> Any:
    import keras

    network = keras.saving.load_model(path)
    return keras.Model(network.inputs, network.layers[-1].input).predict_on_batch(pixels)


@pytest.mark.ci
@pytest.mark.keras
def test_network_with_both_inside_says_what_the_head_says_of_features_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A base of the largest size, one of a half of it in another scale, and one whose size is no part of it."""
    import keras

    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    shapes = {"large": (24, 32, 3), "half": (12, 16, 3), "odd": (10, 20, 3)}
    large, half, odd = (_save(tmp_path / f"{name}.keras", shape) for name, shape in shapes.items())
    request = BaseRequest(str(large), further=(BaseRequest(str(half), pixels=PixelScale.UNIT), BaseRequest(str(odd))))
    base = base_of(request).build()
    images = noise(5, InputShape(24, 32))
    pixels = images.astype(np.float32)
    blocks = pixels.reshape(5, 12, 2, 16, 2, 3).mean(axis=(2, 4))
    seen = [(large, pixels), (half, blocks / 255), (odd, np.asarray(keras.layers.Resizing(10, 20)(pixels)))]
    features = np.concatenate([_features(path, part) for path, part in seen], axis=1)
    np.testing.assert_allclose(base.predict_on_batch(pixels), features, rtol=1e-4, atol=1e-4)

    head = keras.Sequential([keras.Input((12,)), keras.layers.Rescaling(1 / 50), keras.layers.Dense(3, "softmax")])
    path = tmp_path / "model.keras"
    digest = save_network(put_together(base, head, flip=False), path)
    assert b'"training": true' not in zipfile.ZipFile(path).read("config.json"), "called, it would train"
    for file in (large, half, odd):
        file.unlink()
    whole, expected = load_keras_file(path), head.predict_on_batch(features)
    np.testing.assert_allclose(whole.predict_on_batch(images), expected, atol=1e-5)
    pytest.importorskip("openvino")
    engine = OpenVinoEngine(Network(digest, lambda: whole), Precision.FLOAT32)
    np.testing.assert_allclose(engine.score(images), expected, atol=1e-5)


@pytest.mark.keras
def test_bases_of_other_channels_are_refused(tmp_path: Path) -> None:
    grey, colour = (_save(tmp_path / f"{channels}.keras", (16, 16, channels)) for channels in (1, 3))
    request = BaseRequest(str(colour), further=(BaseRequest(str(grey)),))
    with pytest.raises(ModelError, match=r"Expected bases of as many channels; .* have 3, 1\."):
        base_of(request).build()
