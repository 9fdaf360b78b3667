"""How far a model whose features were extracted in int8 is from the same model in float32, as it is stored."""

from typing import TYPE_CHECKING

import numpy as np

from scoring.arrays import Float32Array
from scoring.errors import UnreachableError
from scoring.finetuning.features import Features
from scoring.finetuning.settings import FinetuneSettings
from scoring.finetuning.training_set import TrainingSet
from scoring.models.finetuned_network import put_together
from scoring.networks.agreement import Agreement, ComparedOutputs
from scoring.networks.base_networks import build_base
from scoring.networks.keras_engine import KerasEngine
from scoring.networks.precision import Precision
from scoring.shards.image_sample import images_to_compare
from scoring.shards.settings import ScorerSettings

if TYPE_CHECKING:
    import keras

_BATCH_SIZE = 16


def int8_agreement(settings: FinetuneSettings, photos: TrainingSet, head: "keras.Model") -> Agreement | None:
    """How far a head on features in int8 is from the same on those in float32; None for those in other precisions."""
    if photos.fingerprint.precision != Precision.INT8 or settings.scorer is None:
        return None
    base = build_base(settings.base, photos.base_digest)
    return measure_agreement(settings.scorer, photos.features, base, head, settings.flip)


def measure_agreement(
    scorer: ScorerSettings, features: Features, base: "keras.Model", head: "keras.Model", flip: bool
) -> Agreement | None:
    """Compare what the head makes of a base in int8 and in float32.

    Args:
        scorer: How the features were extracted.
        features: Those in int8, of every photo.
        base: The network from float pixels to features.
        head: The network from features to probabilities.
        flip: Whether mirror images are scored too.

    Returns:
        Of photos that int8 was not calibrated on; None if none of them can be read any more.
    """
    engine = KerasEngine(put_together(base, head, flip), Precision.FLOAT32)
    rows = {image.image_id: row for row, image in enumerate(features.images)}
    try:
        seen = images_to_compare(scorer, engine.input_shape)
    except UnreachableError:
        return None
    pixels = {rows[name]: image for name, image in seen.items() if name in rows}
    if not pixels:
        return None
    batches = np.array_split(np.stack(list(pixels.values())), -(-len(pixels) // _BATCH_SIZE))
    exact = np.concatenate([engine.score(batch) for batch in batches])
    quantised = _of_features(head, features.values[list(pixels)].astype(np.float32))
    return ComparedOutputs(exact, quantised).agreement(lambda probabilities: probabilities)


def _of_features(head: "keras.Model", features: Float32Array) -> Float32Array:
    """Probabilities from features of every view, shape (num_images, num_views, num_features): their mean."""
    views = [np.asarray(head.predict_on_batch(features[:, view])) for view in range(features.shape[1])]
    mean: Float32Array = np.mean(views, axis=0)
    return mean
