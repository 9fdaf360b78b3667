"""Photos that are copies of one another: trained on one and validated on the other, a model looks better than it is."""

import hashlib

import numpy as np
import numpy.typing as npt

from scoring.finetuning.features import Features

_LEAST_FEATURES = 16  # other than 0; photos of which a network tells less may be the same to it by chance


def originals(features: Features) -> npt.NDArray[np.int64]:
    """For each photo the row of the first one of the same pixels: its own, unless it is a copy.

    The pixels are those that the network sees, and where it sees mirror images, those of these: a mirrored copy gives
    the same views. A copy that was compressed anew has others, and so has a PNG of a large JPEG, which is decoded at a
    reduced scale, or one that lies on its side by its orientation, which is turned once it is small. Where those of
    some are not told, as by shards of an earlier version, all are compared by their features, in any order of views.

    Returns:
        Shape (num_photos,).
    """
    first: dict[bytes, int] = {}
    rows = np.arange(len(features.values))
    are_told = len(features.pixels) > 0 and None not in features.pixels
    for row, views in enumerate(features.values):
        pixels = features.pixels[row] if are_told else None
        if not are_told and np.count_nonzero(views[0]) >= _LEAST_FEATURES:
            pixels = hashlib.sha256(b"".join(sorted(view.tobytes() for view in views))).digest()
        if pixels is not None:
            rows[row] = first.setdefault(pixels, row)
    return rows
