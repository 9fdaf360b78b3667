"""How heads are trained, and what came of it: settings, learning curves, calibration."""

from dataclasses import dataclass


@dataclass(frozen=True)
class HeadSettings:
    """How heads are trained.

    Attributes:
        dropout: Share of features left out of each batch.
        learning_rate: Adam's step for the softmax layer.
        dense_learning_rate: Adam's step once VGG16's dense layers learn too.
        batch_size: Photos per step.
        max_epochs: Most passes over the photos.
        patience: Epochs without a better validation log loss until training stops.
        unfreeze_dense: Whether VGG16's two dense layers are trained as well.
    """

    dropout: float = 0.5
    learning_rate: float = 3e-3
    dense_learning_rate: float = 1e-5
    batch_size: int = 64
    max_epochs: int = 100
    patience: int = 5
    unfreeze_dense: bool = False


@dataclass(frozen=True)
class Epoch:
    """One epoch of a learning curve; training figures are means over its steps, with dropout."""

    epoch: int
    train_log_loss: float
    train_accuracy: float
    validation_log_loss: float
    validation_accuracy: float


@dataclass(frozen=True)
class TrainedHead:
    """One head's training; `best_epoch` is the one whose weights were kept."""

    seed: int
    best_epoch: int
    curve: tuple[Epoch, ...]


@dataclass(frozen=True)
class Calibration:
    """What makes probabilities mean what they say.

    Attributes:
        temperature: Logits are divided by it: above 1 for a network that is too sure. Guo et al., arXiv:1706.04599.
        clip: Submissions keep their probabilities within [clip, 1 - clip].
    """

    temperature: float
    clip: float
