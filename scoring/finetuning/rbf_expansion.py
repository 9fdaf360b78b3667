"""Features as likenesses to some training photos, by a radial basis function: so a head need not be linear."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from scoring.arrays import Float32Array, Float64Array
from scoring.finetuning.view_rows import ViewRows
from scoring.process.native_threads import at_most_threads

if TYPE_CHECKING:
    import keras

MAX_LANDMARKS = 2_500
_WIDTH = 1.5  # exponent between two photos of median distance; 0.5 to 2 did equally well on VGG16's features
_NUM_FOR_MEDIAN = 500  # landmarks whose distances the median is taken of
_ALIKE = 1e-6  # of the largest distance: copies of one picture, which tell nothing of how far others are
_LEAST_SCALE = 0.1  # of the median standard deviation: features that hardly vary are not magnified
_BLOCK = 512  # photos at once


@dataclass(frozen=True)
class RbfExpansion:
    """Likenesses exp(-gamma |z - c|^2) of a photo's standardised features z to those of landmarks c.

    Attributes:
        mean: Mean of each feature, shape (num_features,).
        scale: Its standard deviation, likewise.
        landmarks: Standardised features, shape (num_landmarks, num_features).
        rows: Which of the photos these are, shape (num_landmarks,).
        gamma: The inverse of the squared width.
    """

    mean: Float32Array
    scale: Float32Array
    landmarks: Float32Array
    rows: npt.NDArray[np.int64]
    gamma: float

    def likenesses(self, values: npt.NDArray[np.float16], num_threads: int = 1) -> Float64Array:
        """Likenesses of photos to the landmarks, shape (num_photos, num_landmarks); they do not depend on threads."""
        likenesses = np.empty((len(values), len(self.landmarks)))
        landmarks = self.landmarks.astype(np.float64)

        def fill(start: int) -> None:
            rows = slice(start, start + _BLOCK)
            standard = _standardised(values[rows], self.mean, self.scale).astype(np.float64)
            exponents = _squared_distances(standard, landmarks, likenesses[rows])
            exponents *= -self.gamma
            np.exp(exponents, out=exponents)

        with at_most_threads(1), ThreadPoolExecutor(num_threads, thread_name_prefix="likenesses") as threads:
            list(threads.map(fill, range(0, len(values), _BLOCK)))
        return likenesses

    def layers(self, features: "keras.KerasTensor") -> "keras.KerasTensor":
        """The expansion as built-in layers, shape (batch, num_landmarks).

        -gamma |z - c|^2 = 2 gamma z.c - gamma c.c - gamma z.z: two dense layers, and an exponential of their sum.
        """
        import keras

        standard = keras.layers.Normalization(mean=self.mean, variance=np.square(self.scale), name="standardise")(
            features
        )
        products = keras.layers.Dense(len(self.landmarks), name="products")
        squares = keras.layers.Dense(1, use_bias=False, name="squares")
        squared = keras.layers.Multiply(name="squared")([standard, standard])
        summed = keras.layers.Add(name="summed")([squares(squared), products(standard)])
        lengths = np.square(self.landmarks.astype(np.float64)).sum(axis=1)
        products.set_weights([2 * self.gamma * self.landmarks.T, -self.gamma * lengths])
        squares.set_weights([np.full((len(self.mean), 1), -self.gamma)])
        return keras.layers.Activation("exponential", name="likenesses")(summed)


def fit_expansion(values: npt.NDArray[np.float16], photos: npt.NDArray[np.int64], seed: int) -> RbfExpansion:
    """Standardise features, and draw landmarks among the photos; labels are not looked at.

    Args:
        values: Features of all photos, shape (num_all, num_features).
        photos: Those that standardise and are drawn from, shape (num_photos,).
        seed: Decides which are drawn, where there are more than `MAX_LANDMARKS`.
    """
    of_photos = ViewRows(values[:, None], photos)
    mean = (of_photos.sum() / len(photos)).astype(np.float32)
    deviations = np.sqrt(of_photos.sum(lambda rows: np.square(rows - mean)) / len(photos))
    scale = np.maximum(deviations, max(_LEAST_SCALE * np.median(deviations), 1e-6)).astype(np.float32)
    rows = np.sort(np.random.default_rng(seed).permutation(len(photos))[:MAX_LANDMARKS])
    landmarks = _standardised(values[photos[rows]], mean, scale)
    some = landmarks[np.random.default_rng(seed).permutation(len(landmarks))[:_NUM_FOR_MEDIAN]].astype(np.float64)
    distances = _squared_distances(some, some)[np.triu_indices(len(some), 1)]
    apart = distances[distances > _ALIKE * distances.max(initial=0)]
    median = max(float(np.median(apart)), 1e-6) if len(apart) else 1.0
    return RbfExpansion(mean, scale, landmarks, rows, _WIDTH / median)


def _standardised(values: npt.NDArray[np.float16], mean: Float32Array, scale: Float32Array) -> Float32Array:
    """Rounded alike for photos and for landmarks: likenesses of landmarks to one another are then positive definite."""
    return ((values.astype(np.float64) - mean) / scale).astype(np.float32)


def _squared_distances(left: Float64Array, right: Float64Array, out: Float64Array | None = None) -> Float64Array:
    squared = np.matmul(left, right.T, out=out)
    squared *= -2
    squared += np.einsum("ij,ij->i", left, left)[:, None]
    squared += np.einsum("ij,ij->i", right, right)
    distances: Float64Array = np.maximum(squared, 0, out=squared)
    return distances
