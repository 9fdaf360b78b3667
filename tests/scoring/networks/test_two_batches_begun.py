import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.ci

_PROGRAM = """
import keras
import numpy as np

from scoring.networks.keras_engine import KerasEngine
from scoring.networks.precision import Precision

def build():
    keras.utils.set_random_seed(7)
    pixels = keras.Input((32, 32, 3))
    hidden = keras.layers.Conv2D(8, 3, activation="relu")(keras.layers.Rescaling(1 / 255)(pixels))
    hidden = keras.layers.Dropout(0.5)(keras.layers.BatchNormalization()(hidden))
    return keras.Model(pixels, keras.layers.Dense(5, activation="softmax")(keras.layers.GlobalMaxPooling2D()(hidden)))

for precision in (Precision.FLOAT32, Precision.BFLOAT16):
    engine = KerasEngine(build(), precision)
    batches = np.random.default_rng(0).integers(0, 256, (7, 4, 32, 32, 3), np.uint8)
    expected = [np.asarray(engine._model.predict_on_batch(batch), np.float32) for batch in batches]
    memory = np.zeros((3, 4, 32, 32, 3), np.uint8)  # used again as soon as the outputs of what lay there are fetched
    begun, outputs = [], []
    for number, batch in enumerate(batches):
        slot = memory[number % 3]
        slot[:] = batch
        begun.append(engine.begin(slot))
        if len(begun) == 2:
            outputs.append(begun.pop(0)())
    outputs += [pending() for pending in begun]
    assert all(found.dtype == np.float32 and found.shape == (4, 5) for found in outputs)
    np.testing.assert_array_equal(outputs, expected)
    np.testing.assert_array_equal([engine.score(batch) for batch in batches], expected)
    assert np.ptp(expected, axis=0).max() > 0.001  # batches differ
print(keras.config.backend())
"""


@pytest.mark.keras
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_batches_begun_before_the_last_was_fetched_are_to_the_bit_what_keras_predicts(backend: str) -> None:
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "2"}
    ended = subprocess.run([sys.executable, "-c", _PROGRAM], env=environment, capture_output=True, text=True)
    assert (ended.stdout.strip(), ended.returncode) == (backend, 0), ended.stderr
