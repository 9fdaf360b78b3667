"""What `shardscore finetune` was asked for."""

import math
from dataclasses import dataclass
from enum import StrEnum

from jobs.score.request import ImagesRequest
from scoring.errors import RequestError
from scoring.finetuning.features import FeatureRequest
from scoring.models.model_folder import ModelFolder
from scoring.models.trained_heads import HeadKind, HeadSettings
from scoring.networks.keras_files import check_clock
from scoring.run.holding import refuse_to_remove
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
        overwrite: Remove an earlier fine-tune in the folder first.
        num_folds: Into how many parts photos are divided, for one head each; 0 keeps photos out instead.
        num_draws: How often photos are divided into folds, with new heads each time.
        are_folds_told: Whether this number of folds was asked for, and is not just the recipe's.
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
    num_folds: int = 0
    num_draws: int = 1
    are_folds_told: bool = False

    @property
    def features(self) -> FeatureRequest:
        """How features are extracted."""
        features = self.images.model
        assert isinstance(features, FeatureRequest)
        return features

    @property
    def num_heads(self) -> int:
        """Heads to train: one for each fold of each draw, or the ensemble."""
        return self.num_folds * self.num_draws or self.ensemble

    @property
    def folds_what_is_left(self) -> bool:
        """Whether photos are divided into folds even where others are kept out, on which softmax heads stop."""
        return self.num_folds > 0 and self.heads.kind is HeadKind.RBF

    @property
    def must_fold_all(self) -> bool:
        """Whether folds are asked for that cannot be where photos are kept out, as softmax heads stop on those."""
        return self.are_folds_told and self.num_folds > 0 and self.heads.kind is HeadKind.SOFTMAX

    def check(self) -> None:
        """Raise RequestError for what makes no sense, StorageError where no model could be saved."""
        check_clock()
        self._check_heads()
        if self.overwrite:
            refuse_to_remove(self.images.inputs, ModelFolder(self.output).all_places)
        model = self.images.model
        if self.head_only and isinstance(model, FeatureRequest) and model.base.further:
            raise RequestError(f"`head_only` keeps the head of one `base`; received {model.base.name}. Leave it out.")
        if self.ensemble < 1:
            raise RequestError(f"Expected `ensemble` of at least 1; received {self.ensemble}.")
        if not 0 <= self.heads.dropout < 1:
            raise RequestError(f"Expected `dropout` from 0 to below 1; received {self.heads.dropout:g}.")
        if self.heads.max_epochs < 1:
            raise RequestError(f"Expected `epochs` of at least 1; received {self.heads.max_epochs}.")
        if not 0 < self.heads.learning_rate < math.inf:
            raise RequestError(f"Expected a positive, finite `learning_rate`; received {self.heads.learning_rate:g}.")

    def _check_heads(self) -> None:
        is_rbf = self.heads.kind is HeadKind.RBF
        if self.num_folds == 1 or self.num_folds < 0:
            raise RequestError(f"Expected `folds` of at least 2, or 0 for none; received {self.num_folds}.")
        if is_rbf and self.heads.unfreeze_dense:
            raise RequestError("`unfreeze` dense trains below a softmax head. Leave `head` out.")
        if is_rbf and not self.num_folds:
            raise RequestError(
                "Expected `folds` of at least 2 with `head` rbf, which chooses on them; received 0. Take `head` "
                "softmax or `preset` lesson with photos that are kept out."
            )
        if self.must_fold_all and self.num_validation is not None:
            raise RequestError(
                "Expected `folds` or `validation`: softmax heads stop on photos of their fold, or on those kept out. "
                "Leave one of the two out, or take `head` rbf."
            )
        if self.num_folds and self.ensemble > 1:
            raise RequestError(
                "`ensemble` averages heads of one split, and folds are averaged anyway: name one of them."
            )
