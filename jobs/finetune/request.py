"""What `shardscore finetune` was asked for, and which network that cuts where."""

from dataclasses import dataclass
from enum import StrEnum

from jobs.score.request import ImagesRequest
from scoring.errors import ModelError, RequestError
from scoring.finetuning.fitting import HeadSettings
from scoring.networks.base_networks import CONVOLUTIONS, LAST_DENSE, VGG16, BaseRequest
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


def base_of(model: str, weights: str | None, layer: str | None, unfreeze: Unfreeze) -> BaseRequest:
    """Which network to cut, and where.

    Raises:
        ModelError: If dense layers are to be trained that the network has not.
    """
    if unfreeze is Unfreeze.DENSE and (model != VGG16 or layer not in (None, CONVOLUTIONS)):
        raise ModelError(f"`unfreeze` dense trains {VGG16}'s own dense layers. Leave out `base` and `features`.")
    if model == VGG16:
        layer = CONVOLUTIONS if unfreeze is Unfreeze.DENSE else layer or LAST_DENSE
    return BaseRequest(model, weights, layer)
