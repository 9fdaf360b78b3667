"""Train VGG16's two dense layers together with the head, as the lesson's later steps do."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.arrays import Float32Array
from scoring.finetuning.fitting import Examples, as_float32, fit, predict
from scoring.finetuning.heads import Head, train_head
from scoring.models.trained_heads import Epoch, HeadSettings

if TYPE_CHECKING:
    import keras


def train_dense_head(
    train: Examples,
    validation: Examples,
    num_classes: int,
    dense: Sequence[Float32Array],
    settings: HeadSettings,
    seed: int,
) -> Head:
    """Train a softmax layer on VGG16's dense layers, and then all three together.

    Args:
        train: Pooled convolution features, shape (num_images, num_views, 25088).
        validation: Likewise.
        num_classes: Number of labels.
        dense: Kernel, bias, kernel, bias of the two dense layers as they are in the base network.
        settings: How to train.
        seed: Decides initial weights, order and dropout.

    Returns:
        The head of least validation log loss; with the base network's dense layers where training them gained nothing.
    """
    below = _dense_layers(list(dense))
    first = train_head(_through(below, train), _through(below, validation), num_classes, settings, seed)
    network = _dense_network(below, first, settings, seed)
    inputs, truth = train.by_view()
    curve, best_epoch = fit(
        network, inputs, truth, validation, as_float32, settings, settings.dense_learning_rate, seed
    )
    first_best = first.curve[first.best_epoch - 1].validation_log_loss
    whole_curve = first.curve + [_later(epoch, len(first.curve)) for epoch in curve]
    if not curve[best_epoch - 1].validation_log_loss < first_best:  # or NaN; nothing gained: keep ImageNet's layers
        return Head(first.kernel, first.bias, list(dense), first.logits, whole_curve, first.best_epoch)
    *trained, kernel, bias = (np.asarray(weight) for weight in network.get_weights())
    logits = _logits(network, validation)
    return Head(kernel, bias, trained, logits, whole_curve, len(first.curve) + best_epoch)


def _dense_layers(weights: list[Float32Array]) -> "keras.Model":
    """VGG16's fc1 and fc2 with these weights."""
    import keras

    layers = [keras.layers.Dense(len(bias), activation="relu") for bias in weights[1::2]]
    network = keras.Sequential([keras.Input((len(weights[0]),)), *layers])
    network.set_weights(weights)
    return network


def _dense_network(below: "keras.Model", first: Head, settings: HeadSettings, seed: int) -> "keras.Model":
    """The dense layers, each followed by dropout as in VGG16, and the softmax layer that was trained on them."""
    import keras

    logits = keras.layers.Dense(len(first.bias))
    layers: list[Any] = [keras.Input(below.inputs[0].shape[1:])]
    for number, layer in enumerate(below.layers):
        layers += [layer, keras.layers.Dropout(settings.dropout, seed=seed + 1 + number)]
    network = keras.Sequential([*layers, logits])
    logits.set_weights([first.kernel, first.bias])
    return network


def _through(below: "keras.Model", examples: Examples) -> Examples:
    """The same photos, seen from above the dense layers."""
    rows, _ = examples.by_view()
    outputs = predict(below, rows, as_float32).astype(np.float16)
    return Examples(outputs.reshape(len(examples.truth), examples.num_views, -1), examples.truth)


def _logits(network: "keras.Model", examples: Examples) -> Float32Array:
    rows, _ = examples.by_view()
    return predict(network, rows, as_float32).reshape(len(examples.truth), examples.num_views, -1)


def _later(epoch: Epoch, by: int) -> Epoch:
    return Epoch(epoch.epoch + by, *list(vars(epoch).values())[1:])
