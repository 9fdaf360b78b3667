"""The base network that a model is put together with gives the features that its heads were trained on."""

from typing import TYPE_CHECKING

import numpy as np

from scoring.errors import ModelError, UnreachableError
from scoring.finetuning.features import copy_digest
from scoring.finetuning.settings import FinetuneSettings
from scoring.finetuning.training_set import TrainingSet
from scoring.models.cut_network import LARGEST_FLOAT16
from scoring.networks.precision import Precision
from scoring.networks.vector_lengths import shares_apart, usual_length
from scoring.networks.vgg16 import RANDOM_WEIGHTS
from scoring.pixels.input_shape import filled
from scoring.shards.image_sample import some_images

if TYPE_CHECKING:
    import keras

_NUM_COMPARED = 8
_NUM_USUAL = 200  # photos whose features tell what is usual
_LEAST_LENGTH = float(np.finfo(np.float16).smallest_subnormal)
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
        if name in rows and features.pixels[rows[name]] == copy_digest(pixels, settings.sees_mirrored)
    }
    if not same:
        return
    stored = features.values[list(same), 0].astype(np.float64)
    given = np.stack([base.predict_on_batch(pixels[None].astype(np.float32))[0] for pixels in same.values()])
    some = features.values[:: -(-len(features.values) // _NUM_USUAL), 0].astype(np.float64)
    rounded = given.clip(-LARGEST_FLOAT16, LARGEST_FLOAT16).astype(np.float16).astype(np.float64)  # as those were
    share = shares_apart(stored, rounded, max(usual_length(some), _LEAST_LENGTH)).mean()
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
