"""What `model` names, loaded: an engine with labels on its outputs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from scoring.arrays import Float32Array, UInt8Array
from scoring.models.output_meaning import OutputReading
from scoring.networks.agreement import Agreement
from scoring.networks.company import Company
from scoring.networks.engines import Engine, Pending
from scoring.networks.noise import pictures
from scoring.networks.precision import PrecisionChoice
from scoring.pixels.input_shape import InputShape
from scoring.run.predictions import ScoredImage, StoreProbabilities, predictions_table, storing


@dataclass(frozen=True)
class Classifier:
    """A model ready to score: pixels in, probabilities of its labels out.

    Attributes:
        name: What the user calls it.
        engine: Runs the network.
        labels: One name per class, in class order.
        model_digest: Identifies the network and its weights.
        precision: The number format in use, and why.
        reading: What the network's outputs mean.
        clip: How far its submissions keep from 0 and 1; None if nobody measured it.
        agreement: How far int8 is from float32; None in other precisions.
        store: For how many classes all probabilities are stored.
        may_mix: Whether images of a batch may shape each other's outputs.
        class_numbers: See `TrainingRecord`.
    """

    name: str
    engine: Engine
    labels: tuple[str, ...]
    model_digest: str
    precision: PrecisionChoice
    reading: OutputReading
    clip: float | None = None
    agreement: Agreement | None = None
    store: StoreProbabilities = StoreProbabilities.FEW
    may_mix: bool = False
    class_numbers: tuple[int | None, ...] = ()

    @property
    def input_shape(self) -> InputShape:
        """Pixels of one image."""
        return self.engine.input_shape

    @property
    def store_probabilities(self) -> str:
        """`all` where more than 32 labels are stored whole: asked for, or several may be true; else `few`."""
        asks = self.store is StoreProbabilities.ALL or self.reading.is_multi_label
        return storing(len(self.labels), asks)

    def score(self, images: UInt8Array) -> Float32Array:
        """Score one batch.

        Args:
            images: Pixels, 0 to 255, shape (batch_size, height, width, channels). Left unchanged.

        Returns:
            Class probabilities, shape (batch_size, num_classes).

        Raises:
            ModelError: If the network returned values that are no probabilities.
        """
        return self.begin(images)()

    def begin(self, images: UInt8Array) -> Pending:
        """Begin to score one batch; see `Engine.begin`. Its outputs are fetched as `score` returns them."""
        pending = self.engine.begin(images)
        return lambda: self._read(pending())

    def _read(self, outputs: Float32Array) -> Float32Array:
        self.reading.check_batch(outputs, self.name)
        return self.reading.to_probabilities(outputs)

    def try_out(self, batch_size: int) -> None:
        """Score pictures that nobody keeps, unless we made the network ourselves.

        Raises:
            ModelError: If its outputs are not what they are said to be, or change with the others of a batch.
        """
        if self.may_mix:
            Company(self.engine, batch_size, self.precision.precision, self.name).check(self.model_digest)
        if self.reading.is_known:
            return
        batches = pictures(batch_size, self.input_shape)
        self.reading.check(np.concatenate([self.engine.score(batch) for batch in batches]), self.name)

    def copy_digest(self, pixels: UInt8Array) -> bytes | None:  # noqa: ARG002
        """None: copies matter to nobody; see `ShardModel.copy_digest`."""
        return None

    def to_table(self, rows: Sequence[ScoredImage], metadata: dict[str, str]) -> pa.Table:
        """A shard's predictions as they are stored."""
        return predictions_table(rows, self.labels, metadata, self.store_probabilities)
