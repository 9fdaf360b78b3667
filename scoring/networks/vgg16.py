"""VGG16 as Keras publishes it: the architecture, its preprocessing, its ImageNet weights, and what they cost to run.

Source: Simonyan and Zisserman, arXiv:1409.1556, configuration D; `keras.applications.vgg16`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scoring.arrays import Float32Array
from scoring.errors import ModelError
from scoring.networks.applications import APPLICATIONS
from scoring.networks.course_weights import load_course_weights
from scoring.networks.pixel_scales import with_preprocessing
from scoring.networks.published_files import check_suffix, load_weights, misfit, weights_file
from scoring.storage.downloads import weights_digest
from scoring.storage.locations import locate

if TYPE_CHECKING:
    import keras

_APPLICATION = APPLICATIONS["vgg16"]

# Operations of one forward pass, two for each of VGG16's 15.47e9 multiply-adds at 224 x 224: 15.35e9 in the
# convolutions and 0.12e9 in the dense layers of configuration D, table 1.
VGG16_FLOPS = 30.94e9

RANDOM_WEIGHTS = "random"
RANDOM_SEED = 2017
_DENSE_LAYERS = ("fc1", "fc2")
_WITH_CLASSES = "VGG16 with 1,000 classes"


def check_weights(weights: str | None) -> None:
    """Raise ModelError unless `weights` is a weights file, `random` or None; imports no Keras."""
    path = weights_path(weights)
    if path is not None and not locate(path).is_file():
        raise ModelError(f"Expected `weights` to be a weights file or {RANDOM_WEIGHTS}; {path} is no file.")
    if path is not None:
        check_suffix(path)


def weights_path(weights: str | None) -> str | None:
    """The file that `weights` names; None for ImageNet's and for random ones."""
    return None if weights == RANDOM_WEIGHTS else weights


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
    return with_preprocessing(load_vgg16(weights), _APPLICATION.pixels, cut, name)


def load_dense_layers(weights: str | None) -> list[Float32Array]:
    """Kernel, bias, kernel, bias of VGG16's two dense layers below the last; for arguments see `load_vgg16`."""
    network = load_vgg16(weights)
    return [weight for name in _DENSE_LAYERS for weight in network.get_layer(name).get_weights()]


def vgg16_digest(weights: str | None) -> str:
    """Identifies weights; for arguments see `load_vgg16`."""
    return f"{RANDOM_WEIGHTS}-{RANDOM_SEED}" if weights == RANDOM_WEIGHTS else weights_digest(_file_of(weights))


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


def _file_of(weights: str | None) -> Path:
    return weights_file(weights, _APPLICATION.weights)


def _from_file(path: Path) -> "keras.Model":
    """VGG16 with the weights in a file, of Keras' layout or the course's."""
    of_the_course = load_course_weights(path)
    if of_the_course:
        return _with_course_weights(of_the_course, path)
    return load_weights(empty_vgg16(), path, _WITH_CLASSES)


def _with_course_weights(weights: list[Float32Array], path: Path) -> "keras.Model":
    """VGG16 of as many classes as the weights have: 1,000, or those of a lesson's competition."""
    try:
        network = empty_vgg16(classes=len(weights[-1]))
        network.set_weights(weights)
    except ValueError as error:
        raise misfit(path, error, _WITH_CLASSES) from error
    return network
