"""The 1,000 ImageNet classes: their names, and which of them are cats and dogs."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from scoring.arrays import Float32Array
from scoring.errors import DownloadError, ModelError
from scoring.storage.downloads import cache_folder, fetch

NUM_CLASSES = 1000
# As keras.applications.imagenet_utils publishes them.
CLASS_INDEX_URL = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
CLASS_INDEX_CHECKSUM = "md5:c2c37ea517e94d9795004a39431a14cb"

# WordNet's domestic cats and dog breeds in the order of ILSVRC-2012 (Chihuahua 151 to Mexican hairless 268,
# tabby 281 to Egyptian cat 285); wild cats and wolves stand outside.
CAT_CLASSES = range(281, 286)
DOG_CLASSES = range(151, 269)
CAT_DOG_LABELS = ("cat", "dog")


def load_class_names(path: Path | None = None) -> tuple[str, ...]:
    """Return the 1,000 class names in class order, from `path` or from the cache, downloaded once.

    Raises:
        DownloadError: If they are not here and cannot be downloaded.
        ModelError: If the file is not Keras' `imagenet_class_index.json`, or has other classes or another order.
    """
    if path is None:
        try:
            path = fetch(CLASS_INDEX_URL, cache_folder() / "models" / "imagenet_class_index.json", CLASS_INDEX_CHECKSUM)
        except DownloadError as error:
            raise DownloadError(f"{error} Name a local imagenet_class_index.json as `labels`.") from error
    try:
        classes = json.loads(path.read_text(encoding="utf-8"))
        entries = [_wnid_and_name(classes[str(index)]) for index in range(len(classes))]
    except OSError as error:
        raise ModelError(f"Expected a readable file of `labels`; {path} is not: {error.strerror or error}.") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(
            f'Expected Keras\' imagenet_class_index.json, {{"0": ["n01440764", "tench"], ...}}; {path} is not.'
        ) from error
    wnids = [wnid for wnid, _ in entries]
    if len(wnids) != NUM_CLASSES or wnids != sorted(set(wnids)):  # the order of the outputs of every network of Keras
        raise ModelError(
            f"Expected ImageNet's {NUM_CLASSES:,} classes in the order of their wnids, n01440764 first; {path} has "
            f"{len(wnids):,} in another order or number."
        )
    return tuple(name for _, name in entries)


def _wnid_and_name(entry: Any) -> tuple[str, str]:
    """A class's two texts; raises ValueError for anything else, such as a name alone, or a blank one."""
    if isinstance(entry, list) and len(entry) == 2 and all(isinstance(text, str) and text.strip() for text in entry):
        return entry[0], entry[1]
    raise ValueError


def cats_and_dogs(probabilities: Float32Array) -> Float32Array:
    """Sum the cat classes and the dog classes, and renormalise.

    Args:
        probabilities: ImageNet class probabilities, shape (batch, 1000).

    Returns:
        Probabilities of cat and dog, shape (batch, 2); each row sums to 1. Where neither has any, both are 0.5;
        where an output is no number, neither is one.
    """
    cat = probabilities[:, CAT_CLASSES].sum(axis=1)
    dog = probabilities[:, DOG_CLASSES].sum(axis=1)
    both = np.stack([cat, dog], axis=1)  # (batch, 2)
    total = both.sum(axis=1, keepdims=True)
    shares: Float32Array = np.divide(both, total, out=np.full_like(both, 0.5), where=total != 0)
    return shares
