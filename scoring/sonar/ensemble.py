"""Many small sonar networks as one Keras model: their kernels have a fold axis and a member axis.

A training step of 200 networks with 24 hidden units takes 20 ms on one core, and of a single one 2 ms. The networks
share nothing but the step: their losses are summed, so each gets the gradient it would get alone, and Adam treats
every weight by itself. All randomness comes from NumPy, so Keras' backends differ by rounding alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from scoring.arrays import Float32Array
from scoring.sonar.neighbours import choose_reach, neighbour_weights
from scoring.sonar.protocols import Fold, Rows
from scoring.sonar.recipes import NetworkRecipe
from scoring.sonar.returns import NUM_BANDS

if TYPE_CHECKING:
    import keras

OUTPUT_LAYER = "mine_probability"  # its name tells models that were trained here, those of 0.1.0 too
_MODEL_NAME = "sonar"  # else it would be counted, and another one for each before it in a process
_FAR_AWAY = -1e9  # vote of the padding among neighbours


@dataclass(frozen=True)
class _TrainingRows:
    """What the networks learn from; folds with fewer rows than the longest are padded with masked ones.

    Attributes:
        bands: Bands as the networks see them, shape (num_rows, num_folds, 60).
        is_mine: 1 for a mine, 0 for a rock, shape (num_rows, num_folds).
        mask: 1 for a row, 0 for padding, shape (num_rows, num_folds).
        mean: The mean that was subtracted from raw bands, shape (num_folds, 60).
        deviation: The deviation that they were then divided by, shape (num_folds, 60).
    """

    bands: Float32Array
    is_mine: Float32Array
    mask: Float32Array
    mean: Float32Array
    deviation: Float32Array


def train_folds(
    recipe: NetworkRecipe, bands: Float32Array, is_mine: npt.NDArray[np.bool_], folds: Sequence[Fold]
) -> "keras.Model":
    """Train one network (of `recipe.num_members` members) for each fold, on its training rows alone.

    Args:
        recipe: What to train, and how.
        bands: Raw bands of all returns, shape (num_rows, 60).
        is_mine: Their truth, shape (num_rows,).
        folds: Which rows each network learns from, and its seed.

    Returns:
        A model of built-in layers from raw bands, shape (batch, 60), to each fold's probability of a mine, shape
        (batch, num_folds).
    """
    rows = _gather(recipe, bands, is_mine, [fold.train_rows for fold in folds])
    layers = _member_layers(recipe, folds)
    trainer = _trainer(recipe, layers, rows)
    generator = np.random.default_rng((*folds[0].seed, recipe.num_members))
    for batch in _batches(recipe, rows, generator):
        trainer.train_on_batch(*batch)
    return _scorer(recipe, layers, rows)


def score_bands(network: "keras.Model", bands: Float32Array) -> Float32Array:
    """Score raw bands, shape (num_rows, 60), with what `train_folds` returns; shape (num_rows, num_folds).

    Runs the layers as they are: `predict` would compile them first, for a second, and these are few rows.
    """
    import keras

    return np.asarray(keras.ops.convert_to_numpy(network(bands)), np.float32)


def _gather(
    recipe: NetworkRecipe, bands: Float32Array, is_mine: npt.NDArray[np.bool_], train_rows: Sequence[Rows]
) -> _TrainingRows:
    batch_size = recipe.batch_size or 1
    num_rows = -(-max(map(len, train_rows)) // batch_size) * batch_size
    shape = (num_rows, len(train_rows))
    mean, deviation = np.zeros((2, len(train_rows), NUM_BANDS), np.float32)
    deviation += 1
    padded, mask = np.zeros(shape, np.intp), np.zeros(shape, np.float32)
    for fold, rows in enumerate(train_rows):
        padded[: len(rows), fold], mask[: len(rows), fold] = rows, 1
        if recipe.is_standardised:
            mean[fold] = bands[rows].mean(axis=0)
            deviation[fold] = np.maximum(bands[rows].std(axis=0), 1e-6)
    seen = ((bands[padded] - mean) / deviation).astype(np.float32)
    return _TrainingRows(seen, is_mine[padded].astype(np.float32), mask, mean, deviation)


def _member_layers(recipe: NetworkRecipe, folds: Sequence[Fold]) -> "list[keras.layers.EinsumDense]":
    """Hidden and output layer of all networks, with their initial weights.

    In the equations b is the batch, f the fold, m the member, i the bands (or hidden units) that come in and h
    the hidden units.
    """
    import keras

    dense = keras.layers.EinsumDense
    num_folds, num_members, hidden = len(folds), recipe.num_members, recipe.hidden_units
    layers, inputs = [], NUM_BANDS
    if hidden:
        shape = (num_folds, num_members, hidden)
        hidden_layer = dense("bfmi,fmih->bfmh", shape, activation=recipe.activation, bias_axes="fmh", name="hidden")
        hidden_layer.build((None, num_folds, num_members, NUM_BANDS))
        layers, inputs = [hidden_layer], hidden
    output = dense("bfmi,fmi->bmf", (num_members, num_folds), activation="sigmoid", bias_axes="mf", name="members")
    output.build((None, num_folds, num_members, inputs))
    initial = [_initial_weights(recipe, fold.seed, member) for fold in folds for member in range(num_members)]
    for layer, parts in zip([*layers, output], zip(*initial, strict=True), strict=True):
        kernels, biases = (np.stack(part) for part in zip(*parts, strict=True))
        biases = biases.reshape(num_folds, num_members, *biases.shape[1:])
        layer.set_weights([kernels.reshape(layer.kernel.shape), biases.T[0].copy() if layer is output else biases])
    return [*layers, output]


def _initial_weights(
    recipe: NetworkRecipe, seed: tuple[int, ...], member: int
) -> list[tuple[Float32Array, Float32Array]]:
    """Kernel and bias of each layer of one network, from its own seed."""
    generator = np.random.default_rng((*seed, member))
    units = [NUM_BANDS, *([recipe.hidden_units] if recipe.hidden_units else []), 1]
    weights = []
    for num_inputs, num_outputs in pairwise(units):
        limit = recipe.initial_limit or np.sqrt(6 / (num_inputs + num_outputs))  # Glorot and Bengio (2010)
        kernel = generator.uniform(-limit, limit, (num_inputs, num_outputs)).astype(np.float32)
        bias_limit = recipe.initial_limit or 0.0
        weights.append((kernel, generator.uniform(-bias_limit, bias_limit, num_outputs).astype(np.float32)))
    return weights


def _trainer(recipe: NetworkRecipe, layers: "Sequence[keras.layers.EinsumDense]", rows: _TrainingRows) -> "keras.Model":
    """The networks as they train: each sees its own rows; one output per network, shape (batch, networks, 1)."""
    import keras

    num_rows, num_folds, _ = rows.bands.shape
    inputs = outputs = keras.Input((num_folds, recipe.num_members, NUM_BANDS))
    for layer in layers:
        outputs = layer(outputs)
    outputs = keras.layers.Reshape((-1, 1))(outputs)
    rate: float | keras.optimizers.schedules.LearningRateSchedule = recipe.learning_rate
    if recipe.learning_rate_decays:
        num_steps = recipe.epochs * (num_rows // (recipe.batch_size or num_rows))
        rate = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, num_steps)
    optimizer = getattr(keras.optimizers, recipe.optimizer)(rate)
    loss = getattr(keras.losses, recipe.loss)(reduction="sum")
    model = keras.Model(inputs, outputs)
    model.compile(optimizer=optimizer, loss=loss, jit_compile=True)
    return model


def _batches(
    recipe: NetworkRecipe, rows: _TrainingRows, generator: np.random.Generator
) -> Iterator[tuple[Float32Array, Float32Array, Float32Array]]:
    """Yield the bands, targets and weights of every step; the weights of a network's rows sum to 1."""
    num_rows = len(rows.bands)
    size, members = recipe.batch_size or num_rows, recipe.num_members
    noise = np.linspace(*recipe.noise, members, dtype=np.float32)[:, None]  # (members, 1)
    for _ in range(recipe.epochs):
        order = generator.permutation(num_rows) if recipe.batch_size else np.arange(num_rows)
        for batch in order.reshape(-1, size):
            bands = np.repeat(rows.bands[batch][:, :, None], members, axis=2)  # (size, folds, members, 60)
            if recipe.noise[1]:
                bands += noise * generator.standard_normal((size, 1, members, NUM_BANDS), np.float32)
            weights = rows.mask[batch] / np.maximum(rows.mask[batch].sum(axis=0), 1)
            yield bands, np.tile(rows.is_mine[batch], members)[..., None], np.tile(weights, members)


def _scorer(recipe: NetworkRecipe, layers: "Sequence[keras.layers.EinsumDense]", rows: _TrainingRows) -> "keras.Model":
    """The networks as they score: all see the same raw bands, and a fold's members are averaged."""
    import keras

    num_folds, members = len(rows.mean), recipe.num_members
    bands = keras.Input((NUM_BANDS,), name="bands")
    standardise = keras.layers.EinsumDense(
        "bi,fmi->bfmi", (num_folds, members, NUM_BANDS), bias_axes="fmi", name="standardise"
    )
    outputs = standardise(bands)
    per_member = [
        np.repeat(part[:, None], members, axis=1) for part in (1 / rows.deviation, -rows.mean / rows.deviation)
    ]
    standardise.set_weights(per_member)
    for layer in layers:
        outputs = layer(outputs)
    probability = keras.layers.GlobalAveragePooling1D(name="mean_of_members")(outputs)
    if recipe.has_neighbours:
        probability = keras.layers.Average(name="networks_and_neighbours")([probability, _neighbours(bands, rows)])
    rounded = keras.layers.ReLU(max_value=1.0, name=OUTPUT_LAYER)(probability)
    return keras.Model(bands, rounded, name=_MODEL_NAME)


def _neighbours(bands: "keras.KerasTensor", rows: _TrainingRows) -> "keras.KerasTensor":
    """Soft nearest neighbours of each fold's training rows, as layers; shape (batch, num_folds).

    The standardisation is folded into the first kernel.
    """
    import keras

    num_rows, num_folds, _ = rows.bands.shape
    kernels = np.zeros((num_folds, NUM_BANDS, num_rows), np.float32)
    biases = np.full((num_folds, num_rows), _FAR_AWAY, np.float32)
    for fold in range(num_folds):
        known = rows.mask[:, fold] == 1
        seen = rows.bands[known, fold]
        kernel, bias = neighbour_weights(seen, choose_reach(seen, rows.is_mine[known, fold]))
        kernels[fold][:, known] = kernel / rows.deviation[fold][:, None]
        biases[fold, known] = bias - (rows.mean[fold] / rows.deviation[fold]) @ kernel
    votes = keras.layers.EinsumDense("bi,fip->bfp", (num_folds, num_rows), bias_axes="fp", name="votes")
    share = keras.layers.Softmax(name="shares")(votes(bands))
    labels = keras.layers.EinsumDense("bfp,fp->bf", (num_folds,), name="neighbours")
    probability = labels(share)
    votes.set_weights([kernels, biases])
    labels.set_weights([(rows.is_mine * rows.mask).T])
    return probability
