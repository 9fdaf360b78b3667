"""What `shardscore finetune` was asked for."""

from dataclasses import dataclass
from enum import StrEnum

from jobs.score.request import ImagesRequest
from scoring.errors import RequestError
from scoring.models.trained_heads import HeadSettings
from scoring.storage.locations import Location


class Unfreeze(StrEnum):
    """What is trained beside the head."""

    NONE = "none"
    DENSE = "dense"


class Augment(StrEnum):
    """Which further views of each photo are used."""

    NONE = "none"
    FLIP = "flip"


@dataclass(frozen=True)
class FinetuneRequest:
    """What `shardscore finetune` was asked for.

    Attributes:
        output: The model folder.
        images: The photos, their labels, and how to extract features; its model is a `FeatureRequest`.
        heads: How each head is trained.
        ensemble: How many heads.
        num_validation: Photos kept out of training; None takes 2,000, or a fifth of fewer than 10,000.
        seed: Decides the split and every head's initial weights, order and dropout.
        head_only: Keep the head without its base network.
        address: A Ray cluster; None starts one on this machine.
        overwrite: Start clean.
    """

    output: Location
    images: ImagesRequest
    heads: HeadSettings
    ensemble: int = 1
    num_validation: int | None = None
    seed: int = 0
    head_only: bool = False
    address: str | None = None
    overwrite: bool = False

    def check(self) -> None:
        """Raise RequestError for what makes no sense."""
        if self.ensemble < 1:
            raise RequestError(f"Expected `ensemble` of at least 1; received {self.ensemble}.")
        if not 0 <= self.heads.dropout < 1:
            raise RequestError(f"Expected `dropout` from 0 to below 1; received {self.heads.dropout:g}.")
        if self.heads.max_epochs < 1 or self.heads.learning_rate <= 0:
            raise RequestError("Expected `epochs` of at least 1 and a positive `learning_rate`.")
