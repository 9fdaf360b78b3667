"""Files in the layout of fast.ai's course, written from known weights as Theano would have them."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.signal import convolve2d

from scoring.errors import ModelError
from scoring.networks.course_weights import load_course_weights
from scoring.networks.vgg16 import load_vgg16

_CHANNELS = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 256), (256, 512)]
_CHANNELS += [(512, 512)] * 5


def _theano_layers(num_classes: int = 2, width: int = 4) -> list[tuple[Any, Any]]:
    """Kernels and biases of VGG16 as Theano keeps them; the dense layers are narrower, to be quick."""
    generator = np.random.default_rng(0)
    shapes = [(outputs, inputs, 3, 3) for inputs, outputs in _CHANNELS]
    dense = [(512 * 7 * 7, width), (width, width), (width, num_classes)]
    kernels = [generator.normal(0, 0.1, shape).astype(np.float32) for shape in [*shapes, *dense]]
    return [(kernel, generator.normal(0, 0.1, _bias_shape(kernel)).astype(np.float32)) for kernel in kernels]


def _bias_shape(kernel: Any) -> int:
    return int(kernel.shape[0] if kernel.ndim == 4 else kernel.shape[1])


def _write_keras_1(path: Path, layers: list[tuple[Any, Any]]) -> Path:
    """As `save_weights` of Keras 1 wrote it, with the layers between that have no weights."""
    with h5py.File(path, "w") as file:
        names = [b"lambda_1", *(f"layer_{number}".encode() for number in range(len(layers)))]
        file.attrs["layer_names"] = names
        file.create_group("lambda_1").attrs["weight_names"] = np.array([], "S1")
        for name, arrays in zip(names[1:], layers, strict=True):
            group = file.create_group(name.decode())
            weights = [name + suffix for suffix in (b"_W", b"_b")]
            group.attrs["weight_names"] = weights
            for weight, array in zip(weights, arrays, strict=True):
                group.create_dataset(weight.decode(), data=array)
    return path


def _write_keras_0(path: Path, layers: list[tuple[Any, Any]]) -> Path:
    """As Keras 0.3 wrote it, and as VGG16 was first published for Keras."""
    with h5py.File(path, "w") as file:
        file.attrs["nb_layers"] = 2 * len(layers)
        for number in range(2 * len(layers)):
            group = file.create_group(f"layer_{number}")
            arrays = layers[number // 2] if number % 2 else ()
            group.attrs["nb_params"] = len(arrays)
            for index, array in enumerate(arrays):
                group.create_dataset(f"param_{index}", data=array)
    return path


@pytest.mark.parametrize("write", [_write_keras_1, _write_keras_0])
def test_a_convolution_and_a_dense_layer_give_what_theano_gave(tmp_path: Path, write: Any) -> None:
    layers = _theano_layers()
    weights = load_course_weights(write(tmp_path / "vgg16.h5", layers))
    assert weights is not None
    generator = np.random.default_rng(1)
    image = generator.normal(0, 1, (3, 6, 6))
    (kernel, _), converted = layers[0], weights[0]
    theano = sum(convolve2d(image[channel], kernel[5, channel], mode="valid") for channel in range(3))
    patches = np.lib.stride_tricks.sliding_window_view(image.transpose(1, 2, 0), (3, 3), axis=(0, 1))
    tensorflow = np.einsum("yxcij,ijc->yx", patches, converted[:, :, :, 5])
    np.testing.assert_allclose(tensorflow, theano, rtol=1e-5)
    pooled = generator.normal(0, 1, (512, 7, 7))
    (dense, _), converted = layers[13], weights[26]
    np.testing.assert_allclose(pooled.transpose(1, 2, 0).ravel() @ converted, pooled.ravel() @ dense, rtol=1e-4)
    np.testing.assert_array_equal(weights[-1], layers[-1][1])


def test_files_of_other_kinds_are_left_to_keras(tmp_path: Path) -> None:
    (tmp_path / "page.h5").write_text("<html>")
    assert load_course_weights(tmp_path / "page.h5") is None
    keras_layout = [(np.zeros((3, 3, 3, 64), np.float32), np.zeros(64, np.float32))]
    assert load_course_weights(_write_keras_1(tmp_path / "keras.h5", keras_layout)) is None


def test_the_courses_other_networks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Expected the 16 layers of VGG16"):
        load_course_weights(_write_keras_1(tmp_path / "bn.h5", _theano_layers()[:-1]))


def _cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _without_a_group(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["layer_3"]


def _of_another_flatten(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["layer_13/layer_13_W"]
        file["layer_13"]["layer_13_W"] = np.zeros((100, 4), np.float32)


@pytest.mark.parametrize("damage", [_cut_off, _without_a_group, _of_another_flatten])
def test_damaged_weights_are_refused_in_one_line(tmp_path: Path, damage: Any) -> None:
    damage(path := _write_keras_1(tmp_path / "vgg16.h5", _theano_layers()))
    with pytest.raises(ModelError, match=r"^Expected weights of VGG16; .*vgg16\.h5 does not fit: .+$"):
        load_vgg16(str(path))


def test_sixteen_convolutions_alone_are_refused(tmp_path: Path) -> None:
    convolutions = _theano_layers()[:13]
    path = _write_keras_1(tmp_path / "conv.h5", [*convolutions, *convolutions[-3:]])
    with pytest.raises(ModelError, match=r"3 dense layers, as VGG16 has; .*conv\.h5 has 16 convolutions"):
        load_vgg16(str(path))


@pytest.mark.keras
@pytest.mark.slow
def test_whole_network_scores_as_with_the_known_weights(tmp_path: Path) -> None:
    """Half a gigabyte in the course's layout, from known weights of two classes, as the lesson saved them."""
    import keras

    from scoring.models.kinds import VGG16_CATS_DOGS
    from scoring.models.model_request import ModelRequest
    from scoring.networks.precision import Precision

    keras.utils.set_random_seed(3)
    known = keras.applications.VGG16(weights=None, classes=2)
    layers = [layer.get_weights() for layer in known.layers if layer.weights]
    theano = [_to_theano(kernel, number == 13) for number, (kernel, _) in enumerate(layers)]
    pairs = [(kernel, bias) for kernel, (_, bias) in zip(theano, layers, strict=True)]
    path = _write_keras_1(tmp_path / "finetune1.h5", pairs)
    request = ModelRequest(VGG16_CATS_DOGS, str(path), None, Precision.FLOAT32, "tensorflow")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    inputs = keras.applications.vgg16.preprocess_input(pixels.astype(np.float32), "channels_last")
    expected = known.predict_on_batch(inputs)
    np.testing.assert_allclose(request.load().score(pixels), expected, atol=1e-6)


def _to_theano(kernel: Any, after_flatten: bool) -> Any:
    """The way back, written from Theano's side: output channel by output channel."""
    if kernel.ndim == 4:
        return np.stack([[np.rot90(plane, 2) for plane in np.moveaxis(one, 2, 0)] for one in np.moveaxis(kernel, 3, 0)])
    if not after_flatten:
        return kernel
    rows = np.arange(7 * 7 * 512).reshape(7, 7, 512)
    return kernel[np.array([rows[y, x, c] for c in range(512) for y in range(7) for x in range(7)])]
