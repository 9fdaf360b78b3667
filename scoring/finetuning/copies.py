"""Photos that are copies of one another: trained on one and validated on the other, a model looks better than it is."""

import hashlib

import numpy as np
import numpy.typing as npt

_LEAST_FEATURES = 16  # other than 0; photos of which a network tells less may be the same to it by chance


def originals(features: npt.NDArray[np.float16]) -> npt.NDArray[np.int64]:
    """For each photo the row of the first one of the same features: its own, unless it is a copy.

    Args:
        features: What a network saw in each photo, shape (num_photos, num_features).

    Returns:
        Shape (num_photos,).
    """
    first: dict[bytes, int] = {}
    rows = np.arange(len(features))
    for row, of_photo in enumerate(features):
        if np.count_nonzero(of_photo) >= _LEAST_FEATURES:
            rows[row] = first.setdefault(hashlib.sha256(of_photo.tobytes()).digest(), row)
    return rows
