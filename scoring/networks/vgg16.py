"""VGG16 as Keras publishes it: the architecture, its preprocessing, its ImageNet weights, and what they cost to run.

Source: Simonyan and Zisserman, arXiv:1409.1556, configuration D; `keras.applications.vgg16`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.arrays import Float32Array
from scoring.errors import DownloadError, ModelError
from scoring.networks.course_weights import load_course_weights
from scoring.networks.engines import Network
from scoring.storage.downloads import cache_folder, fetch, file_digest, local_copy
from scoring.storage.locations import locate

if TYPE_CHECKING:
    import keras

# As keras.applications.vgg16 publishes them.
_PUBLISHED_AT = "https://storage.googleapis.com/tensorflow/keras-applications/vgg16"
_WEIGHTS_NAME = "vgg16_weights_tf_dim_ordering_tf_kernels.h5"
_WEIGHTS_CHECKSUM = "md5:64373286793e3c8b2b4e3219cbf3544b"

# Operations of one forward pass, two for each of VGG16's 15.47e9 multiply-adds at 224 x 224: 15.35e9 in the
# convolutions and 0.12e9 in the dense layers of configuration D, table 1.
VGG16_FLOPS = 30.94e9

_IMAGENET_MEAN = (123.68, 116.779, 103.939)  # RGB; keras.applications.imagenet_utils, mode "caffe"

RANDOM_WEIGHTS = "random"
RANDOM_SEED = 2017
_DENSE_LAYERS = ("fc1", "fc2")
_WITH_CLASSES = "VGG16 with 1,000 classes"


def check_weights(weights: str | None) -> None:
    """Raise ModelError unless `weights` is a file, `random` or None; imports no Keras."""
    path = weights_path(weights)
    if path is not None and not locate(path).is_file():
        raise ModelError(f"Expected `weights` to be a weights file or {RANDOM_WEIGHTS}; {path} is no file.")


def weights_path(weights: str | None) -> str | None:
    """The file that `weights` names; None for ImageNet's and for random ones."""
    return None if weights == RANDOM_WEIGHTS else weights


def vgg16_network(weights: str | None) -> Network:
    """VGG16 from float RGB pixels, 0 to 255, to class probabilities.

    Args:
        weights: What `load_vgg16` takes; they are downloaded here, and loaded when the network is built.

    Raises:
        DownloadError: If they are not here and cannot be downloaded.
    """
    return Network(vgg16_digest(weights), lambda: build_vgg16(weights))


def build_vgg16(
    weights: str | None, cut: Callable[["keras.Model"], "keras.Model"] | None = None, name: str | None = None
) -> "keras.Model":
    """VGG16, or a part of it, with its preprocessing inside.

    Args:
        weights: What `load_vgg16` takes.
        cut: Takes the part of the network that is wanted.
        name: Name of the network that is returned.

    Returns:
        From float RGB pixels, 0 to 255, shape (batch, 224, 224, 3), to what the network or its part gives.
    """
    return with_preprocessing(load_vgg16(weights), cut, name)


def with_preprocessing(
    network: "keras.Model", cut: Callable[["keras.Model"], "keras.Model"] | None = None, name: str | None = None
) -> "keras.Model":
    """VGG16's layers, or a part of them, behind their preprocessing; the network's first kernel is changed.

    It takes pictures of the size that the network takes; of any where the network leaves that open.

    The mean colour is subtracted, and the first kernel is turned to RGB instead of the pixels to BGR: turning each
    batch costs 4 to 9 ms of Keras' 1,200 and 4 ms of OpenVINO's 570 in int8 (16 photos on 2 cores).
    """
    import keras

    first = next(layer for layer in network.layers if layer.weights)
    kernel, bias = first.get_weights()  # (height, width, in, out)
    first.set_weights([kernel[:, :, ::-1], bias])
    pixels = keras.Input(network.inputs[0].shape[1:])
    inputs = pixels - np.array(_IMAGENET_MEAN, np.float32)
    return keras.Model(pixels, (cut(network) if cut else network)(inputs), name=name)


def load_dense_layers(weights: str | None) -> list[Float32Array]:
    """Kernel, bias, kernel, bias of VGG16's two dense layers below the last; for arguments see `load_vgg16`."""
    network = load_vgg16(weights)
    return [weight for name in _DENSE_LAYERS for weight in network.get_layer(name).get_weights()]


def vgg16_digest(weights: str | None) -> str:
    """Identifies weights; for arguments see `load_vgg16`."""
    return f"{RANDOM_WEIGHTS}-{RANDOM_SEED}" if weights == RANDOM_WEIGHTS else file_digest(_file_of(weights))


def load_vgg16(weights: str | None) -> "keras.Model":
    """Build `keras.applications.VGG16` and load its weights.

    Args:
        weights: A `.h5`, `.weights.h5` or `.keras` file of VGG16's 1,000 classes, in Keras' layout or in that of
            fast.ai's course; None for ImageNet's, downloaded once per machine; `random` for an untrained network, the
            same in every process.

    Returns:
        The network, from preprocessed pixels to class probabilities.

    Raises:
        ModelError: If the weights cannot be loaded or belong to another network.
        DownloadError: If they are not here and cannot be downloaded.
    """
    if weights == RANDOM_WEIGHTS:
        return random_vgg16()
    return _from_file(_file_of(weights))


def random_vgg16(**options: Any) -> "keras.Model":
    """An untrained VGG16, the same in every process; `options` are those of `keras.applications.VGG16`."""
    import keras

    keras.utils.set_random_seed(RANDOM_SEED)
    return keras.applications.VGG16(weights=None, **options)


def empty_vgg16(**options: Any) -> "keras.Model":
    """VGG16 that waits for its weights: zeros are there at once, drawing 138 million numbers takes a second."""
    import keras

    with keras.utils.custom_object_scope({"glorot_uniform": keras.initializers.Zeros}):
        return keras.applications.VGG16(weights=None, **options)


def load_weights(network: "keras.Model", path: Path, expected: str) -> "keras.Model":
    """Load weights of Keras' layout into a network; `expected` says whose they should be.

    Raises:
        ModelError: If they do not fit.
    """
    try:
        network.load_weights(path)
    except Exception as error:  # h5py, zipfile and Keras each have their own words for a wrong file
        raise _misfit(path, error, expected) from error
    return network


def weights_file(weights: str | None, published: str, checksum: str) -> Path:
    """The file that is named, on this machine, or the published one, downloaded once per machine.

    Args:
        weights: A file, or None.
        published: What Keras calls the published file.
        checksum: The one that Keras states.

    Raises:
        DownloadError: If it is not here and cannot be downloaded.
    """
    if weights:
        return local_copy(locate(weights))
    try:
        return fetch(f"{_PUBLISHED_AT}/{published}", cache_folder() / "models" / published, checksum)
    except DownloadError as error:
        raise DownloadError(f"{error} Fetch the file by other means and name it as `weights`.") from error


def _file_of(weights: str | None) -> Path:
    return weights_file(weights, _WEIGHTS_NAME, _WEIGHTS_CHECKSUM)


def _from_file(path: Path) -> "keras.Model":
    """VGG16 with the weights in a file, of Keras' layout or the course's."""
    of_the_course = load_course_weights(path)
    if of_the_course:
        return _with_course_weights(of_the_course, path)
    return load_weights(empty_vgg16(), path, _WITH_CLASSES)


def _with_course_weights(weights: list[Float32Array], path: Path) -> "keras.Model":
    """VGG16 of as many classes as the weights have: 1,000, or those of a lesson's competition."""
    network = empty_vgg16(classes=len(weights[-1]))
    try:
        network.set_weights(weights)
    except ValueError as error:
        raise _misfit(path, error, _WITH_CLASSES) from error
    return network


def _misfit(path: Path, error: Exception, expected: str) -> ModelError:
    reason = " ".join(str(error).split())[:200]
    return ModelError(f"Expected weights of {expected}; {path} does not fit: {reason}")
