"""What `finetune` and `embed` have in common: a network cut off at one of its layers, asked for and loaded."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from scoring.arrays import Float32Array, Float64Array, UInt8Array
from scoring.errors import ImagesError, ModelError
from scoring.networks.agreement import ImageSample
from scoring.networks.base_networks import base_of
from scoring.networks.base_request import BaseRequest
from scoring.networks.company import Company
from scoring.networks.engine_choice import check_engine
from scoring.networks.engines import Engine, Pending, RunsOnEngine
from scoring.networks.noise import pictures
from scoring.networks.pooled_views import mirrored
from scoring.networks.precision import Precision, PrecisionChoice
from scoring.pixels.decoding import Resize
from scoring.pixels.input_shape import InputShape
from scoring.run.predictions import StoreProbabilities
from scoring.storage.locations import Location

if TYPE_CHECKING:
    import keras

LARGEST_FLOAT16 = float(np.finfo(np.float16).max)
# Of a vector's length or, if that is less, of what is usual: a dark photo may rightly have next to nothing. Rounding
# takes at most 0.0005 of it.
_MOST_LOST = 0.01
_NUM_TRIED = 32
_NUM_PICTURES = 8


class CutNetworkRequest(RunsOnEngine):
    """The part of a `ShardModelRequest` that does not depend on how features are stored."""

    base: BaseRequest
    precision: Precision

    @property
    def name(self) -> str:
        """What people call it."""
        if self.base.further:
            return f"{self.base.name} side by side"
        return f"{self.base.model} {f'up to {self.base.layer}' if self.base.layer else 'without its classes'}"

    @property
    def needs_sample(self) -> bool:
        """Whether loading takes some of the images, to calibrate int8."""
        return self.precision is Precision.INT8

    @property
    def resize_mode(self) -> Resize | None:
        """None: photos are seen as is asked for."""
        return None

    def files(self) -> dict[str, Location]:
        """The files that it names, by the user's field; every worker must see them."""
        return base_of(self.base).files()

    def known_labels(self) -> tuple[str, ...]:
        """No labels: what is stored is features."""
        return ()

    def known_storing(self) -> str:
        """Nothing is stored of probabilities."""
        return StoreProbabilities.FEW

    def check(self) -> None:
        """Raise ModelError for a request that cannot be met, without importing Keras."""
        check_engine(self.engine, self.precision)
        for each in self.base.each:
            self.check_backend(each.model)
        base_of(self.base).check()


class CutNetwork(ABC):
    """The part of a `ShardModel` that does not depend on how features are stored: it has no labels."""

    engine: Engine
    precision: PrecisionChoice
    model_digest: str
    may_mix: bool
    sample: Callable[[InputShape], ImageSample] | None
    labels: tuple[str, ...] = ()
    class_numbers: tuple[int | None, ...] = ()
    clip: None = None
    agreement: None = None
    store_probabilities: str = StoreProbabilities.FEW
    is_trained_on: ClassVar[bool] = False  # what is trained on its features is scored in batches of any size

    @property
    def input_shape(self) -> InputShape:
        """Pixels of one image."""
        return self.engine.input_shape

    def score(self, images: UInt8Array) -> Float32Array:
        """Extract one batch's features; see `ShardModel.score`.

        Raises:
            ModelError: If they are too large or too small for the number format that they are stored in.
        """
        return self.begin(images)()

    def begin(self, images: UInt8Array) -> Pending:
        """Begin to extract one batch's features; see `Engine.begin`."""
        pending = self.engine.begin(images)
        return lambda: self.checked(pending())

    def copy_digest(self, pixels: UInt8Array) -> bytes | None:  # noqa: ARG002
        """None: copies matter to nobody; see `ShardModel.copy_digest`."""
        return None

    @abstractmethod
    def checked(self, features: Float32Array) -> Float32Array:
        """The same features.

        Raises:
            ModelError: See `score`.
        """

    def check_float16(self, features: Float32Array, advice: str) -> None:
        """Check that features can be stored as float16.

        Args:
            features: Shape (batch_size, num_features).
            advice: What to do otherwise.

        Raises:
            ModelError: If a feature exceeds what float16 can hold, or float16 is too coarse for what the network gives.
        """
        vectors = _finite(features)
        largest = np.abs(vectors).max(initial=0)
        if largest > LARGEST_FLOAT16:
            raise ModelError(
                f"Expected features of at most {LARGEST_FLOAT16:,.0f}, the range of float16 that they are stored in; "
                f"received {largest:,.0f}. {advice}"
            )
        if _are_lost(vectors).any() and (is_lost := _are_lost(vectors, self._usual_length)).any():
            raise ModelError(
                "Expected features large enough for float16, which they are stored in and whose steps around 0 are "
                f"6e-08; received vectors whose largest value is {np.abs(vectors[is_lost]).max():.1e}. {advice}"
            )

    @cached_property
    def _usual_length(self) -> float:
        """The median length of vectors of the user's own images, or of pictures where these cannot be had; 0s aside.

        It is 0 where float16 is too coarse for more than half of them.
        """
        vectors = _finite(self.engine.score(self._tried()))
        vectors = vectors[vectors.any(axis=1)]
        is_held = 2 * _are_lost(vectors).sum() <= len(vectors)
        return float(np.median(_lengths(vectors))) if len(vectors) and is_held else 0.0

    def _tried(self) -> UInt8Array:
        images: UInt8Array = pictures(_NUM_PICTURES, self.input_shape)[0]
        if self.sample:
            with suppress(ImagesError):
                images = self.sample(self.input_shape).to_compare
        few: UInt8Array = images[:: -(-len(images) // _NUM_TRIED)]
        return few

    def try_out(self, batch_size: int) -> None:
        """Score pictures that nobody keeps, where images of a batch may shape each other's features.

        Raises:
            ModelError: If they do.
        """
        if self.may_mix:
            precision, in_any_batch = self.precision.precision, self.is_trained_on
            Company(self.engine, batch_size, precision, "the base network", in_any_batch).check(self.model_digest)


def with_flipped(network: "keras.Model") -> "keras.Model":
    """A model whose outputs are those of the images and, beside them, those of their mirror images."""
    import keras

    pixels = keras.Input(network.inputs[0].shape[1:], dtype=network.inputs[0].dtype)
    outputs = [network(pixels), network(mirrored(pixels))]
    return keras.Model(pixels, keras.layers.Concatenate()(outputs))


def _are_lost(vectors: Float32Array, usual: float = 0.0) -> npt.NDArray[np.bool_]:
    """Whether float16 is too coarse for a vector, shape (num_vectors,).

    Features that are tiny beside others of their vector may become zeros, and so may vectors beside the usual length.
    """
    rounding = _lengths(vectors - vectors.astype(np.float16))
    lost: npt.NDArray[np.bool_] = rounding > _MOST_LOST * np.maximum(_lengths(vectors), usual)
    return lost


def _lengths(vectors: Float32Array) -> Float64Array:
    """In float64, in which squares of the smallest numbers are not 0."""
    found: Float64Array = np.linalg.norm(vectors.astype(np.float64), axis=1)
    return found


def _finite(features: Float32Array) -> Float32Array:
    """Vectors that are all of numbers; others are errors."""
    found: Float32Array = features[np.isfinite(features).all(axis=1)]
    return found
