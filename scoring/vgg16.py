"""VGG16 as Keras publishes it: the architecture, its preprocessing and its ImageNet weights.

Source: Simonyan and Zisserman, arXiv:1409.1556, configuration D; `keras.applications.vgg16`.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from scoring.downloads import cache_folder, fetch, file_digest
from scoring.errors import DownloadError, ModelError
from scoring.images import IMAGE_SIZE

if TYPE_CHECKING:
    import keras

# As keras.applications.vgg16 publishes them.
_WEIGHTS_NAME = "vgg16_weights_tf_dim_ordering_tf_kernels.h5"
WEIGHTS_URL = f"https://storage.googleapis.com/tensorflow/keras-applications/vgg16/{_WEIGHTS_NAME}"
WEIGHTS_CHECKSUM = "md5:64373286793e3c8b2b4e3219cbf3544b"

RANDOM_WEIGHTS = "random"
_RANDOM_SEED = 2017


def build_vgg16(weights: str | None) -> tuple["keras.Model", str]:
    """Build VGG16 with its preprocessing inside.

    Args:
        weights: A `.h5`, `.weights.h5` or `.keras` file of VGG16's 1,000 classes; None for ImageNet's, downloaded
            once per machine; `random` for an untrained network, the same in every process.

    Returns:
        A model from float RGB pixels, 0 to 255, shape (batch, 224, 224, 3), to class probabilities, shape
        (batch, 1000); and the digest that identifies its weights.

    Raises:
        ModelError: If the weights cannot be read or belong to another network.
        DownloadError: If they are not here and cannot be downloaded.
    """
    import keras

    keras.utils.set_random_seed(_RANDOM_SEED)
    network = keras.applications.VGG16(weights=None)
    if weights == RANDOM_WEIGHTS:
        digest = f"{RANDOM_WEIGHTS}-{_RANDOM_SEED}"
    else:
        path = Path(weights) if weights else _download_weights()
        _load_weights(network, path)
        digest = file_digest(path)
    pixels = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3))
    return keras.Model(pixels, network(preprocess(pixels))), digest


def preprocess(pixels: "keras.KerasTensor") -> "keras.KerasTensor":
    """RGB to BGR, and subtract ImageNet's mean colour: exactly `keras.applications.vgg16.preprocess_input`.

    Args:
        pixels: Float RGB pixels, 0 to 255, shape (batch, 224, 224, 3). Left unchanged.
    """
    import keras

    inputs: keras.KerasTensor = keras.applications.vgg16.preprocess_input(pixels, data_format="channels_last")
    return inputs


def _download_weights() -> Path:
    try:
        return fetch(WEIGHTS_URL, cache_folder() / "models" / _WEIGHTS_NAME, WEIGHTS_CHECKSUM)
    except DownloadError as error:
        raise DownloadError(f"{error} Fetch the file by other means and pass it as --weights FILE.") from error


def _load_weights(network: "keras.Model", path: Path) -> None:
    try:
        network.load_weights(path)
    except Exception as error:  # h5py, zipfile and Keras each have their own words for a wrong file
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"Expected weights of VGG16 with 1,000 classes; {path} does not fit: {reason}") from error
