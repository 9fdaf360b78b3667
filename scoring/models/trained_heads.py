"""How heads are trained, and what came of it: settings, learning curves, calibration."""

from dataclasses import dataclass
from enum import StrEnum


class HeadKind(StrEnum):
    """What stands on the features."""

    SOFTMAX = "softmax"  # one dense layer, trained by Adam with early stopping
    RBF = "rbf"  # a softmax regression on radial basis functions: not linear in the features, no learning rate


@dataclass(frozen=True)
class HeadSettings:
    """How heads are trained; all fields but `kind` are for softmax heads.

    Attributes:
        dropout: Share of features left out of each batch, from 0 to below 1.
        learning_rate: Adam's step for the softmax layer.
        dense_learning_rate: Adam's step once VGG16's dense layers learn too.
        batch_size: Photos per step.
        max_epochs: Most passes over the photos.
        patience: Epochs without a better validation log loss until training stops.
        unfreeze_dense: Whether VGG16's two dense layers are trained as well.
        kind: What stands on the features.
    """

    dropout: float = 0.5
    learning_rate: float = 3e-3
    dense_learning_rate: float = 1e-5
    batch_size: int = 64
    max_epochs: int = 100
    patience: int = 5
    unfreeze_dense: bool = False
    kind: HeadKind = HeadKind.SOFTMAX


@dataclass(frozen=True)
class Epoch:
    """One epoch, from 1, of a learning curve; training figures are means over its steps, with dropout."""

    epoch: int
    train_log_loss: float
    train_accuracy: float
    validation_log_loss: float
    validation_accuracy: float


@dataclass(frozen=True)
class TrainedHead:
    """One head's training.

    Attributes:
        seed: Decided what was drawn.
        best_epoch: The epoch whose weights were kept; 0 without epochs.
        curve: Its epochs; none for a head that is fitted to the end.
        strength: The regularisation that was chosen for it, where one was.
    """

    seed: int
    best_epoch: int
    curve: tuple[Epoch, ...]
    strength: float | None = None


@dataclass(frozen=True)
class Calibration:
    """What brings probabilities near the shares that come true.

    Attributes:
        temperature: Logits are divided by it: above 1 for a network that is too sure. Guo et al., arXiv:1706.04599.
        clip: Submissions of cats and dogs keep their probabilities within [clip, 1 - clip].
    """

    temperature: float
    clip: float
