"""Stand-ins for a Keras model, fast and exact; each has a real twin in the tests marked `keras`."""

import numpy as np
from numpy.typing import ArrayLike

from scoring.arrays import Float32Array, UInt8Array
from scoring.models.classifier import Classifier
from scoring.models.model_request import ModelRequest
from scoring.models.output_meaning import known_probabilities
from scoring.networks.engines import AtOnce
from scoring.networks.precision import Precision, PrecisionChoice
from scoring.pixels.input_shape import DEFAULT_SHAPE, InputShape

FAKE_MODEL = ModelRequest("fake", None, "cat,dog", Precision.FLOAT32, "tensorflow")


class FakeEngine(AtOnce):
    """Says `dog` in proportion to an image's mean brightness; remembers the shapes it was given."""

    library = "fake"

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    @property
    def num_outputs(self) -> int:
        return 2

    @property
    def input_shape(self) -> InputShape:
        return DEFAULT_SHAPE

    def score(self, images: UInt8Array) -> Float32Array:
        self.shapes.append(images.shape)
        dog = images.mean(axis=(1, 2, 3), dtype=np.float64).astype(np.float32) / 255
        return np.stack([1 - dog, dog], axis=1)


class FakeFeatures(FakeEngine):
    """Gives the same outputs for whatever it is given."""

    def __init__(self, outputs: ArrayLike) -> None:
        super().__init__()
        self._outputs = np.asarray(outputs, np.float32)

    def score(self, images: UInt8Array) -> Float32Array:
        return self._outputs[: len(images)]


def load_fake(request: ModelRequest) -> Classifier:
    """A `load` for ShardScorer."""
    precision = PrecisionChoice(request.precision, "asked for")
    return Classifier("fake", FakeEngine(), ("cat", "dog"), "fake-digest", precision, known_probabilities(2))
