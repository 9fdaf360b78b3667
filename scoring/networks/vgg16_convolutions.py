"""VGG16's thirteen convolutions alone, with ImageNet's weights: 59 MB instead of 528."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scoring.networks.applications import APPLICATIONS
from scoring.networks.pixel_scales import with_preprocessing
from scoring.networks.published_files import PublishedFile, load_weights, weights_file
from scoring.networks.vgg16 import (
    RANDOM_SEED,
    RANDOM_WEIGHTS,
    empty_vgg16,
    random_vgg16,
)
from scoring.pixels.input_shape import IMAGE_SIZE
from scoring.storage.downloads import weights_digest

if TYPE_CHECKING:
    import keras

_APPLICATION = APPLICATIONS["vgg16"]
# As keras.applications.vgg16 publishes them for include_top=False.
_NAME = _APPLICATION.weights.name.replace(".h5", "_notop.h5")
CONVOLUTIONS_WEIGHTS = PublishedFile(
    _APPLICATION.weights.url.replace(_APPLICATION.weights.name, _NAME), "md5:6d6bbae143d832006294945121d1f1fc", _NAME
)


def convolutions_digest(weights: str | None) -> str:
    """Identifies weights; for arguments see `build_convolutions`."""
    if weights == RANDOM_WEIGHTS:
        return f"{RANDOM_WEIGHTS}-{RANDOM_SEED}-convolutions"
    return weights_digest(_file_of(weights))


def build_convolutions(
    weights: str | None,
    cut: Callable[["keras.Model"], "keras.Model"] | None = None,
    name: str | None = None,
    side: int | None = IMAGE_SIZE,
) -> "keras.Model":
    """The convolutions, or a part of them, with their preprocessing inside.

    Args:
        weights: A file in Keras' layout of VGG16 without its top; None for ImageNet's, downloaded once per machine;
            `random` for an untrained network, the same in every process.
        cut: Takes the part of the network that is wanted.
        name: Name of the network that is returned.
        side: Pixels a side of what it takes; None leaves that open.

    Returns:
        From float RGB pixels, 0 to 255, shape (batch, side, side, 3), to what the network or its part gives.

    Raises:
        ModelError: If the weights are of another network.
        DownloadError: If they are not here and cannot be downloaded.
    """
    return with_preprocessing(
        _load(weights, {"include_top": False, "input_shape": (side, side, 3)}), _APPLICATION.pixels, cut, name
    )


def _load(weights: str | None, options: dict[str, Any]) -> "keras.Model":
    if weights == RANDOM_WEIGHTS:
        return random_vgg16(**options)
    expected = "VGG16's convolutional layers alone, as Keras publishes them"
    return load_weights(empty_vgg16(**options), _file_of(weights), expected)


def _file_of(weights: str | None) -> Path:
    return weights_file(weights, CONVOLUTIONS_WEIGHTS)
