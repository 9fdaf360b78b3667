"""What training on extracted features is asked to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scoring.models.trained_heads import HeadKind, HeadSettings
from scoring.networks.base_request import BaseRequest
from scoring.run.fence import Fence
from scoring.shards.settings import ScorerSettings
from scoring.storage.locations import Location


@dataclass(frozen=True)
class FinetuneSettings:
    """All that a worker needs to train on extracted features.

    Attributes:
        output: The model folder.
        images: Where the photos are, for the record.
        base: The network below the heads.
        flip: Whether features of mirror images were extracted, and are scored.
        heads: How each head is trained.
        ensemble: How many heads, where there are no folds.
        num_validation: Photos kept out of training; None leaves it to `train/` and `valid/`, or takes 2,000, or a fifth
            of fewer than 10,000.
        seed: Decides the split and every head's initial weights, order and dropout.
        head_only: Keep the head without its base network.
        backend: Keras' backend.
        num_folds: Into how many parts photos are divided, for one head each that is trained on the others; 0 for none.
        num_draws: How many times they are divided into folds, each time otherwise; at least 1.
        scorer: How the features were extracted, for what int8 is compared with.
        group_column: What tells groups of photos, for the record; None if nothing does.
        groups: The group of each photo by its id; photos of one are trained on or validated on together.
        fence: What keeps workers of a driver that has lost its lease from writing; None where there is no lease.
        class_numbers: The number of each class that a table names; None if its parts differ. Empty where none is named.
    """

    output: Location
    images: Location
    base: BaseRequest
    flip: bool
    heads: HeadSettings
    ensemble: int
    num_validation: int | None
    seed: int
    head_only: bool
    backend: str
    num_folds: int = 0
    num_draws: int = 1
    scorer: ScorerSettings | None = None
    fence: Fence | None = None
    class_numbers: Mapping[str, int | None] = field(default_factory=dict)
    group_column: str | None = None
    groups: Mapping[str, str] = field(default_factory=dict)

    @property
    def sees_mirrored(self) -> bool:
        """Whether the mirror image of each photo is looked at too."""
        return self.flip or self.base.sees_mirrored

    @property
    def stops_on_kept_out(self) -> bool:
        """Whether training ends by photos that are kept out, so that no fold can be of others alone."""
        return self.heads.kind is HeadKind.SOFTMAX
