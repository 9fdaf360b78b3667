"""The base network that a model is put together with gives the features that its heads were trained on."""

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from scoring.arrays import Float32Array, Float64Array
from scoring.errors import ModelError, UnreachableError
from scoring.finetuning.settings import FinetuneSettings
from scoring.finetuning.training_set import TrainingSet
from scoring.networks.precision import Precision
from scoring.networks.vgg16 import RANDOM_WEIGHTS
from scoring.pixels.input_shape import filled
from scoring.shards.image_sample import some_images

if TYPE_CHECKING:
    import keras

_NUM_COMPARED = 8
_NUM_USUAL = 200  # photos whose features tell what is usual
_LARGEST_FLOAT16 = float(np.finfo(np.float16).max)
# Of a vector's length or, if that is less, of what is usual: a plain photo may rightly have next to none. On average of
# the photos. In float32 little but the storing as float16 changes them; in shorter formats rounding does, and nothing
# but quite another layer is told.
_TOLERANCE = 0.05
_ROUGH_TOLERANCE = 0.5


def check_base(settings: FinetuneSettings, photos: TrainingSet, base: "keras.Model") -> None:
    """Raise ModelError unless a base network gives the features of some photos that are stored.

    Those that cannot be read now, or are others by now, are not compared. Neither are features in int8, of which
    `int8_agreement` tells, and those of random weights: rounding alone may change what an untrained network gives.

    Args:
        settings: How they were extracted; nothing is compared where it does not say.
        photos: What the heads were trained on.
        base: From float pixels to features.
    """
    _check_width(settings, photos, base)
    is_untrained = any(each.weights == RANDOM_WEIGHTS for each in settings.base.each)
    if settings.scorer is None or is_untrained or photos.fingerprint.precision == Precision.INT8:
        return
    try:
        seen = some_images(settings.scorer, filled(base.inputs[0].shape[1:]), _NUM_COMPARED)
    except UnreachableError:
        return
    features = photos.features
    rows = {image.image_id: row for row, image in enumerate(features.images)}
    same = {
        rows[name]: pixels
        for name, pixels in seen.items()
        if name in rows and features.pixels[rows[name]] == hashlib.sha256(pixels.tobytes()).digest()
    }
    if not same:
        return
    stored = features.values[list(same), 0]
    given = np.stack([base.predict_on_batch(pixels[None].astype(np.float32))[0] for pixels in same.values()])
    share = _shares(stored, given, _usual_length(features.values)).mean()
    if not share <= (_TOLERANCE if photos.fingerprint.precision == Precision.FLOAT32 else _ROUGH_TOLERANCE):
        raise ModelError(
            f"Expected {settings.base.name} to give the features that the heads were trained on; of {len(same)} photos "
            f"it gives others now, {share:.0%} of their length away. Use `overwrite` to start clean."
        )


def _check_width(settings: FinetuneSettings, photos: TrainingSet, base: "keras.Model") -> None:
    """Raise ModelError unless a base network gives as many features as are stored."""
    expected, width = photos.features.values.shape[-1], base.outputs[0].shape[-1]
    if width != expected:
        raise ModelError(
            f"Expected {settings.base.name} to give the {expected} features of each photo that the heads were trained "
            f"on; this version takes {width} of it. Use `overwrite` to start clean."
        )


def _shares(stored: npt.NDArray[np.float16], given: Float32Array, usual: float) -> Float64Array:
    """How far vectors lie from those that are stored, as a share of their length, or of this one."""
    rounded = given.clip(-_LARGEST_FLOAT16, _LARGEST_FLOAT16).astype(np.float16)  # as those were
    lengths = np.maximum(_lengths(stored), max(usual, float(np.finfo(np.float16).smallest_subnormal)))
    shares: Float64Array = _lengths(rounded.astype(np.float64) - stored) / lengths
    return shares


def _usual_length(values: npt.NDArray[np.float16]) -> float:
    """The usual length of a photo's features, of shape (num_photos, num_views, num_features)."""
    some = values[:: -(-len(values) // _NUM_USUAL), 0]
    return float(np.sqrt(np.square(_lengths(some)).mean()))


def _lengths(vectors: npt.NDArray[Any]) -> Float64Array:
    lengths: Float64Array = np.linalg.norm(vectors.astype(np.float64), axis=1)
    return lengths
