"""What `model` names, loaded: an engine with labels on its outputs."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from scoring.arrays import Float32Array, UInt8Array
from scoring.models.outputs import ToProbabilities
from scoring.networks.agreement import Agreement
from scoring.networks.engines import Engine
from scoring.networks.precision import PrecisionChoice
from scoring.run.predictions import ScoredImage, predictions_table


@dataclass(frozen=True)
class Classifier:
    """A model ready to score: pixels in, probabilities of its labels out.

    Attributes:
        engine: Runs the network.
        labels: One name per class, in class order.
        model_digest: Identifies the network and its weights.
        precision: The number format in use, and why.
        to_probabilities: Turns the network's outputs into class probabilities.
        clip: How far its submissions keep from 0 and 1; None if nobody measured it.
        agreement: How far int8 is from float32; None in other precisions.
    """

    engine: Engine
    labels: tuple[str, ...]
    model_digest: str
    precision: PrecisionChoice
    to_probabilities: ToProbabilities
    clip: float | None = None
    agreement: Agreement | None = None

    def score(self, images: UInt8Array) -> Float32Array:
        """Score one batch.

        Args:
            images: RGB pixels, 0 to 255, shape (batch_size, 224, 224, 3). Left unchanged.

        Returns:
            Class probabilities, shape (batch_size, num_classes).
        """
        return self.to_probabilities(self.engine.score(images))

    def to_table(self, rows: Sequence[ScoredImage], metadata: dict[str, str]) -> pa.Table:
        """A shard's predictions as they are stored."""
        return predictions_table(rows, self.labels, metadata)
