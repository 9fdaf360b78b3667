"""VGG16's thirteen convolutions alone, with ImageNet's weights: 59 MB instead of 528."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from scoring.errors import DownloadError, ModelError
from scoring.networks.vgg16 import RANDOM_WEIGHTS, with_preprocessing
from scoring.pixels.input_shape import IMAGE_SIZE
from scoring.storage.downloads import cache_folder, fetch, file_digest, local_copy
from scoring.storage.locations import locate

if TYPE_CHECKING:
    import keras

# As keras.applications.vgg16 publishes them for include_top=False.
_WEIGHTS_NAME = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
WEIGHTS_URL = f"https://storage.googleapis.com/tensorflow/keras-applications/vgg16/{_WEIGHTS_NAME}"
WEIGHTS_CHECKSUM = "md5:6d6bbae143d832006294945121d1f1fc"
_RANDOM_SEED = 2017


def convolutions_digest(weights: str | None) -> str:
    """Identifies weights; for arguments see `build_convolutions`."""
    if weights == RANDOM_WEIGHTS:
        return f"{RANDOM_WEIGHTS}-{_RANDOM_SEED}-convolutions"
    return file_digest(_weights_file(weights))


def build_convolutions(
    weights: str | None, cut: Callable[["keras.Model"], "keras.Model"] | None = None, name: str | None = None
) -> "keras.Model":
    """The convolutions, or a part of them, with their preprocessing inside.

    Args:
        weights: A file in Keras' layout of VGG16 without its top; None for ImageNet's, downloaded once per machine;
            `random` for an untrained network, the same in every process.
        cut: Takes the part of the network that is wanted.
        name: Name of the network that is returned.

    Returns:
        From float RGB pixels, 0 to 255, shape (batch, 224, 224, 3), to what the network or its part gives.

    Raises:
        ModelError: If the weights are of another network.
        DownloadError: If they are not here and cannot be downloaded.
    """
    return with_preprocessing(_load(weights), cut, name)


def _load(weights: str | None) -> "keras.Model":
    import keras

    shape = (IMAGE_SIZE, IMAGE_SIZE, 3)
    if weights == RANDOM_WEIGHTS:
        keras.utils.set_random_seed(_RANDOM_SEED)
        return keras.applications.VGG16(include_top=False, weights=None, input_shape=shape)
    path = _weights_file(weights)
    with keras.utils.custom_object_scope({"glorot_uniform": keras.initializers.Zeros}):
        network = keras.applications.VGG16(include_top=False, weights=None, input_shape=shape)
    try:
        network.load_weights(path)
    except Exception as error:  # h5py, zipfile and Keras each have their own words for a wrong file
        reason = " ".join(str(error).split())[:200]
        raise ModelError(
            f"Expected weights of VGG16's convolutional layers alone, as Keras publishes them; {path} does not fit: "
            f"{reason}"
        ) from error
    return network


def _weights_file(weights: str | None) -> Path:
    if weights:
        return local_copy(locate(weights))
    try:
        return fetch(WEIGHTS_URL, cache_folder() / "models" / _WEIGHTS_NAME, WEIGHTS_CHECKSUM)
    except DownloadError as error:
        raise DownloadError(f"{error} Fetch the file by other means and name it as `weights`.") from error
