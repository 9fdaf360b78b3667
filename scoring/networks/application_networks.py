"""Build the classifiers of `keras.applications` with their weights, in their own scale or from pixels of 0 to 255."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scoring.errors import ModelError
from scoring.networks.applications import VGG16_CONVOLUTIONS, Application
from scoring.networks.pixel_scales import PixelScale, take_pixels
from scoring.networks.published_files import PublishedFile
from scoring.networks.vgg16 import RANDOM_WEIGHTS, load_vgg16, vgg16_digest
from scoring.storage.downloads import file_digest, local_copy
from scoring.storage.locations import locate

if TYPE_CHECKING:
    import keras

_RANDOM_SEED = 2017
_IMAGENET_MEAN = (123.68, 116.779, 103.939)  # RGB; keras.applications.imagenet_utils, mode "caffe"
_IMAGENET_DEVIATION = (0.229, 0.224, 0.225)  # RGB; keras.applications.efficientnet


def load_application(
    application: Application, weights: str | None, size: tuple[int, int] | None = None
) -> "keras.Model":
    """Build a network and load its weights.

    Args:
        application: Which.
        weights: A `.h5` or `.weights.h5` file in Keras' layout (of VGG16 also in that of fast.ai's course); None for
            ImageNet's, downloaded once per machine; `random` for an untrained network, the same in every process.
        size: Height and width of its pictures, if not those that it was trained on.

    Returns:
        From pixels in the network's own scale to class probabilities.

    Raises:
        ModelError: If the weights cannot be read or belong to another network.
        DownloadError: If they are not here and cannot be downloaded.
    """
    import keras

    if application.class_name == "VGG16" and size is None:
        return load_vgg16(weights)
    build = getattr(keras.applications, application.class_name)
    shape = (*(size or (application.size, application.size)), 3)
    if weights == RANDOM_WEIGHTS:
        keras.utils.set_random_seed(_RANDOM_SEED)
        return build(weights=None, input_shape=shape)
    path = _weights_file(application.weights, weights)
    # Zeros are there at once; drawing the numbers of large networks takes seconds.
    with keras.utils.custom_object_scope({"glorot_uniform": keras.initializers.Zeros}):
        network = build(weights=None, input_shape=shape)
    _load_weights(network, path, application.class_name)
    if application.class_name.startswith("EfficientNetB"):
        _scale_as_trained(network, is_published=weights is None)
    return network


def build_application(
    application: Application, weights: str | None, size: tuple[int, int] | None = None
) -> "keras.Model":
    """The same from float RGB pixels, 0 to 255; for arguments and errors see `load_application`."""
    network = load_application(application, weights, size)
    if application.pixels is PixelScale.CAFFE:
        return _from_rgb(network)
    return take_pixels(network, application.pixels, application.name)


def application_digest(application: Application, weights: str | None) -> str:
    """Identifies a network and its weights; for arguments and errors see `load_application`."""
    if application.class_name == "VGG16":
        return vgg16_digest(weights)
    if weights == RANDOM_WEIGHTS:
        return f"{application.name}-{RANDOM_WEIGHTS}-{_RANDOM_SEED}"
    return f"{application.name}:{file_digest(_weights_file(application.weights, weights))}"


def load_vgg16_convolutions(weights: str | None) -> "keras.Model":
    """VGG16's 13 convolutional layers alone, whose file is 59 MB instead of 528.

    Args:
        weights: As `load_application` takes them; of the convolutions alone.

    Returns:
        From RGB pixels in Caffe's scale, shape (batch, 224, 224, 3), to maps, shape (batch, 7, 7, 512).
    """
    import keras

    if weights == RANDOM_WEIGHTS:
        keras.utils.set_random_seed(_RANDOM_SEED)
        return keras.applications.VGG16(include_top=False, weights=None, input_shape=(224, 224, 3))
    path = _weights_file(VGG16_CONVOLUTIONS, weights)
    with keras.utils.custom_object_scope({"glorot_uniform": keras.initializers.Zeros}):
        network = keras.applications.VGG16(include_top=False, weights=None, input_shape=(224, 224, 3))
    _load_weights(network, path, "VGG16's convolutions")
    return network


def vgg16_convolutions_digest(weights: str | None) -> str:
    """Identifies them; for arguments and errors see `load_vgg16_convolutions`."""
    if weights == RANDOM_WEIGHTS:
        return f"vgg16-convolutions-{RANDOM_WEIGHTS}-{_RANDOM_SEED}"
    return f"vgg16-convolutions:{file_digest(_weights_file(VGG16_CONVOLUTIONS, weights))}"


def _weights_file(published: PublishedFile, weights: str | None) -> Path:
    return local_copy(locate(weights)) if weights else published.fetch()


def _load_weights(network: "keras.Model", path: Path, name: str) -> None:
    try:
        network.load_weights(path)
    except Exception as error:  # h5py, zipfile and Keras each have their own words for a wrong file
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"Expected `weights` of {name}; {path} does not fit: {reason}") from error


def _from_rgb(network: "keras.Model") -> "keras.Model":
    """A network in Caffe's scale from RGB pixels: the first kernel is turned from BGR instead of each batch."""
    import keras

    first = next(layer for layer in network.layers if layer.weights)
    kernel, *others = first.get_weights()  # (height, width, in, out)
    first.set_weights([kernel[:, :, ::-1], *others])
    pixels = keras.Input(network.input_shape[1:])
    return keras.Model(pixels, network(pixels - np.array(_IMAGENET_MEAN, np.float32)), name=network.name)


def _scale_as_trained(network: "keras.Model", is_published: bool) -> None:
    """Divide pixels by ImageNet's standard deviation, not by its root, as Keras does with the weights it publishes.

    Their normalisation holds the standard deviation where it should hold the variance. `weights="imagenet"` adds a
    layer that divides by the root once more; `weights=FILE` of the same file does not, and sees half of the contrast.
    Weights with the same statistics were trained behind that layer. See tensorflow/tensorflow#49930.
    """
    import keras

    layer = next(layer for layer in network.layers if isinstance(layer, keras.layers.Normalization))
    mean, variance, *others = layer.get_weights()
    deviation = np.array(_IMAGENET_DEVIATION, np.float32)
    if is_published or np.allclose(variance, deviation, rtol=1e-3):
        layer.set_weights([mean, variance * deviation, *others])
        layer.finalize_state()
