from typing import Any

import numpy as np
import pytest

from scoring.networks.keras_engine import KerasEngine
from scoring.networks.precision import Precision

pytestmark = pytest.mark.keras

_NUM_UNITS = 6


def _adds_one_column() -> Any:
    import keras

    keras.utils.set_random_seed(5)
    pixels = keras.Input((4, 4, 3))
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 64, offset=-2)(pixels))
    summed = keras.layers.Add()([keras.layers.Dense(_NUM_UNITS)(flat), keras.layers.Dense(1)(flat)])
    return keras.Model(pixels, keras.layers.Dense(2, "softmax")(keras.layers.Activation("tanh")(summed)))


@pytest.mark.parametrize("batch_size", [1, 2, 3, _NUM_UNITS, 12])
def test_a_column_is_added_to_each_row_in_batches_of_any_size(batch_size: int) -> None:
    """Keras takes it for a bias in a batch of as many images as the other tensor has columns."""
    images = np.random.default_rng(0).integers(0, 256, (12, 4, 4, 3), dtype=np.uint8)
    one_by_one = KerasEngine(_adds_one_column(), Precision.FLOAT32)
    expected = np.concatenate([one_by_one.score(image[None]) for image in images])
    engine = KerasEngine(_adds_one_column(), Precision.FLOAT32)
    scores = np.concatenate([engine.score(batch) for batch in np.split(images, 12 // batch_size)])
    np.testing.assert_allclose(scores, expected, atol=1e-6)
