"""What a `ShardScorer` works with: a loaded model that scores batches and writes what came out."""

from collections.abc import Callable, Sequence
from typing import Protocol, Self

import pyarrow as pa

from scoring.arrays import Float32Array, UInt8Array
from scoring.networks.agreement import Agreement, ImageSample
from scoring.networks.engines import Pending
from scoring.networks.precision import Precision, PrecisionChoice
from scoring.pixels.decoding import Resize
from scoring.pixels.input_shape import InputShape
from scoring.run.predictions import ScoredImage
from scoring.storage.locations import Location


class ShardModel(Protocol):
    """A classifier, or a feature extractor."""

    @property
    def model_digest(self) -> str:
        """Identifies the network, its weights and what is taken from it."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """One name per class in class order; none for features."""
        ...

    @property
    def class_numbers(self) -> tuple[int | None, ...]:
        """The numbers of the classes where they have others than their places; see `TrainingRecord`."""
        ...

    @property
    def precision(self) -> PrecisionChoice:
        """The number format in use, and why."""
        ...

    @property
    def agreement(self) -> Agreement | None:
        """How far int8 is from float32; None in other precisions."""
        ...

    @property
    def clip(self) -> float | None:
        """How far its submissions keep from 0 and 1; None if it does not say."""
        ...

    @property
    def input_shape(self) -> InputShape:
        """Pixels of one image."""
        ...

    @property
    def store_probabilities(self) -> str:
        """For how many classes all probabilities are stored, `few` or `all`, as fingerprints have it."""
        ...

    def score(self, images: UInt8Array) -> Float32Array:
        """Score one batch.

        Args:
            images: Pixels, 0 to 255, shape (batch_size, height, width, channels). Left unchanged.

        Returns:
            Probabilities, shape (batch_size, num_classes), or features, shape (batch_size, num_features).

        Raises:
            ModelError: If they are no probabilities, or no features that can be stored.
        """
        ...

    def begin(self, images: UInt8Array) -> Pending:
        """Begin to score one batch; see `Engine.begin`."""
        ...

    def copy_digest(self, pixels: UInt8Array) -> bytes | None:
        """The digest that is stored with one image's row, by which copies are told; None where none is stored.

        Args:
            pixels: Shape (height, width, channels).
        """
        ...

    def try_out(self, batch_size: int) -> None:
        """Score pictures that nobody keeps, in batches of this size.

        Raises:
            ModelError: If what comes out cannot be what it is said to be.
        """
        ...

    def to_table(self, rows: Sequence[ScoredImage], metadata: dict[str, str]) -> pa.Table:
        """A shard's rows as they are stored, with `metadata` in the schema."""
        ...


class ShardModelRequest(Protocol):
    """Says which model to load; travels to the workers."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def precision(self) -> Precision:
        """The number format that was asked for."""
        ...

    @property
    def runtime(self) -> str:
        """What computes: Keras' backend, or another library."""
        ...

    @property
    def engine_name(self) -> str:
        """What runs the network, as fingerprints have it: results of two engines differ in the last digits."""
        ...

    @property
    def needs_sample(self) -> bool:
        """Whether loading takes some of the images."""
        ...

    @property
    def resize_mode(self) -> Resize | None:
        """How photos became squares when it was trained; None where nothing tells."""
        ...

    def files(self) -> dict[str, Location]:
        """The files that it names, by the user's field; every worker must see them."""
        ...

    def known_labels(self) -> tuple[str, ...] | None:
        """One name per class, none for features; None where that is not told before the model is loaded."""
        ...

    def known_storing(self) -> str:
        """For how many classes all probabilities are stored, `few` or `all`, as fingerprints have it."""
        ...

    def absolute(self) -> Self:
        """The same with absolute paths, for workers that started elsewhere."""
        ...

    def check(self) -> None:
        """Raise ModelError for a request that cannot be met, without importing Keras."""
        ...

    def load(self, sample: Callable[[InputShape], ImageSample]) -> ShardModel:
        """Load the network; `sample` gives some of the images, in its shape, to those that need them."""
        ...
