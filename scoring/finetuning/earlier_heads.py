"""Whether a model of version 0.1.0, which noted no contents of its photos, is one of the features that are there now.

Its heads noted what they said of the photos that they were measured on. Features that were extracted anew, of photos
that were but copied or where a file was damaged, make them say the same again. Of photos to train on no head tells:
whether one is another, see `TrainingSet.has_others`.
"""

import numpy as np
import numpy.typing as npt

from scoring.arrays import Float32Array
from scoring.finetuning.ensemble import load_head
from scoring.finetuning.heads import Head
from scoring.finetuning.settings import FinetuneSettings
from scoring.finetuning.training_set import TrainingSet
from scoring.models.model_folder import ModelFolder
from scoring.models.training_record import TrainingRecord

_BLOCK = 256  # photos at once
# Of the standard deviation of a head's logits. Formats shorter than float32 round features otherwise in a batch of
# another size, by some thousandths; another photo is about 1 away.
_TOLERANCE = 0.05


def is_of_same_features(found: TrainingRecord, settings: FinetuneSettings, photos: TrainingSet) -> bool:
    """Whether every head of a finished model says of the features that are there now what it said of those of then.

    Args:
        found: The model's record.
        settings: Where its heads lie.
        photos: What heads would be trained on.
    """
    folder = ModelFolder(settings.output)
    if len(found.heads) != (len(photos.splits) if photos.is_folded else settings.ensemble):
        return False
    for number, told in enumerate(found.heads):
        head = load_head(folder.head(number), None)
        if head is None or (head.best_epoch, tuple(head.curve)) != (told.best_epoch, told.curve):
            return False
        if not _says_the_same(head, photos.features.values, photos.measured_by(number)):
            return False
    return True


def _says_the_same(head: Head, values: npt.NDArray[np.float16], rows: npt.NDArray[np.int64]) -> bool:
    lowest = (head.dense or [head.kernel])[0]
    if lowest.shape[0] != values.shape[2] or head.logits.shape != (len(rows), values.shape[1], len(head.bias)):
        return False
    blocks = [_logits(head, values[rows[start : start + _BLOCK]]) for start in range(0, len(rows), _BLOCK)]
    away = np.abs(np.concatenate(blocks) - head.logits)
    return bool(away.max() <= _TOLERANCE * head.logits.std())


def _logits(head: Head, values: npt.NDArray[np.float16]) -> Float32Array:
    outputs: Float32Array = values.astype(np.float32)
    for index in range(0, len(head.dense), 2):
        outputs = np.maximum(outputs @ head.dense[index] + head.dense[index + 1], 0)
    return outputs @ head.kernel + head.bias
