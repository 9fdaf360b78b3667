"""Train a softmax layer on features of a frozen base network.

It gives what training the layer on top of the network gives (fast.ai's layer replacement), without passing every photo
through the network in every epoch.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from scoring.arrays import Float32Array
from scoring.finetuning.fitting import Examples, fit
from scoring.finetuning.view_rows import ViewRows
from scoring.models.trained_heads import Epoch, HeadSettings

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Head:
    """A trained head.

    Attributes:
        kernel: Weights of the softmax layer, shape (n, num_classes), where n is num_features, 4,096 above dense layers,
            or num_landmarks.
        bias: Bias of the softmax layer, shape (num_classes,).
        dense: Kernel, bias, kernel, bias of the two dense layers below it, or empty.
        logits: Logits of the validation photos, shape (num_images, num_views, num_classes).
        curve: Every epoch of its training.
        best_epoch: The epoch whose weights were kept.
        strength: The regularisation that was chosen; None for a head that early stopping regularises.
    """

    kernel: Float32Array
    bias: Float32Array
    dense: list[Float32Array]
    logits: Float32Array
    curve: list[Epoch]
    best_epoch: int
    strength: float | None = None

    @property
    def is_finite(self) -> bool:
        """Whether weights, logits and the log loss of the epoch that was kept are numbers: not so where it diverged."""
        arrays = (self.kernel, self.bias, *self.dense, self.logits)
        loss = self.curve[self.best_epoch - 1].validation_log_loss if self.curve else 0.0
        return bool(np.isfinite(loss)) and all(bool(np.isfinite(array).all()) for array in arrays)


def train_head(train: Examples, validation: Examples, num_classes: int, settings: HeadSettings, seed: int) -> Head:
    """Train a softmax layer on features, until the validation log loss no longer falls.

    Features are centred, and scaled by one number, so that one learning rate suits every network; the kernel and bias
    returned are for features as they are.
    """
    inputs, truth = train.by_view()
    mean, scale = centre(inputs)
    network = softmax_network(inputs.num_features, num_classes, settings, seed)

    def prepare(rows: npt.NDArray[np.float16]) -> Float32Array:
        return (rows.astype(np.float32) - mean) / scale

    curve, best_epoch = fit(network, inputs, truth, validation, prepare, settings, settings.learning_rate, seed)
    kernel, bias = (np.asarray(weight) for weight in network.get_weights())
    kernel = (kernel / scale).astype(np.float32)
    bias = (bias - mean @ kernel).astype(np.float32)
    rows, _ = validation.by_view()
    logits = np.concatenate([block.astype(np.float32)[:, None] @ kernel + bias for block in rows.blocks()])
    logits = logits.reshape(len(validation.truth), validation.num_views, num_classes)
    return Head(kernel, bias, [], logits, curve, best_epoch)


def centre(inputs: ViewRows) -> tuple[Float32Array, np.float32]:
    """Mean of each feature, and one standard deviation over all of them."""
    mean = (inputs.sum() / len(inputs)).astype(np.float32)
    variance = sum(float(np.square(block.astype(np.float32) - mean).sum(dtype=np.float64)) for block in inputs.blocks())
    return mean, np.float32(max(np.sqrt(variance / (len(inputs) * inputs.num_features)), 1e-6))


def softmax_network(num_features: int, num_classes: int, settings: HeadSettings, seed: int) -> "keras.Model":
    """Dropout and one dense layer, from features to logits."""
    import keras

    return keras.Sequential(
        [
            keras.Input((num_features,)),
            keras.layers.Dropout(settings.dropout, seed=seed),
            keras.layers.Dense(num_classes, kernel_initializer=keras.initializers.GlorotUniform(seed)),
        ]
    )
