"""Fit a network of logits to examples: seeded order, early stopping on validation log loss, the best epoch kept."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from scoring.arrays import Float32Array
from scoring.finetuning.view_rows import ViewRows
from scoring.models.trained_heads import Epoch, HeadSettings

if TYPE_CHECKING:
    import keras

Inputs: TypeAlias = npt.NDArray[Any] | ViewRows
Prepare: TypeAlias = Callable[[npt.NDArray[Any]], Float32Array]

_PREDICT_BATCH_SIZE = 256


@dataclass(frozen=True)
class Examples:
    """Photos to train or to validate on.

    Attributes:
        values: Features of all photos that there are, shape (num_photos, num_views, num_features).
        truth: Class indices of those meant, shape (num_images,).
        photos: Which of all photos are meant, shape (num_images,); None for all.
    """

    values: npt.NDArray[np.float16]
    truth: npt.NDArray[np.int64]
    photos: npt.NDArray[np.int64] | None = None

    @property
    def num_views(self) -> int:
        """Views of each photo."""
        return int(self.values.shape[1])

    def by_view(self) -> tuple[ViewRows, npt.NDArray[np.int64]]:
        """Every view as an example of its own: num_images * num_views rows, and their classes."""
        return ViewRows(self.values, self.photos), np.repeat(self.truth, self.num_views)


def fit(
    network: "keras.Model",
    inputs: Inputs,
    truth: npt.NDArray[np.int64],
    validation: Examples,
    prepare: Prepare,
    settings: HeadSettings,
    learning_rate: float,
    seed: int,
) -> tuple[list[Epoch], int]:
    """Fit a network of logits in place, with early stopping; its weights end as those of the best epoch.

    Args:
        network: A network from what `prepare` returns to logits, shape (batch, num_classes).
        inputs: Training examples, shape (num_examples, ...).
        truth: Class indices, shape (num_examples,).
        validation: Photos whose log loss decides when to stop.
        prepare: Turns rows of inputs into what the network takes.
        settings: Batch size, most epochs, patience in epochs.
        learning_rate: Adam's step.
        seed: Decides the order.

    Returns:
        The learning curve, and the number of its best epoch, from 1.
    """
    import keras

    network.compile(
        keras.optimizers.Adam(learning_rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    stopping = keras.callbacks.EarlyStopping("val_loss", patience=settings.patience, restore_best_weights=True)
    history = network.fit(
        _batches(inputs, truth, prepare, settings.batch_size, seed),
        validation_data=_batches(*validation.by_view(), prepare, _PREDICT_BATCH_SIZE, None),
        epochs=settings.max_epochs,
        callbacks=[stopping],
        shuffle=False,  # the batches come shuffled
        verbose=0,
    ).history
    names = ("loss", "accuracy", "val_loss", "val_accuracy")
    curve = [
        Epoch(index + 1, *(float(history[name][index]) for name in names)) for index in range(len(history["loss"]))
    ]
    return curve, int(stopping.best_epoch) + 1


def _batches(
    inputs: Inputs,
    truth: npt.NDArray[np.int64],
    prepare: Prepare,
    batch_size: int,
    seed: int | None,
) -> "keras.utils.PyDataset":
    """Batches in an order of their own in every epoch; without a seed in the order given."""
    import keras

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(workers=1)
            self._epoch = 0
            self._shuffle()

        def __len__(self) -> int:
            return -(-len(truth) // batch_size)

        def __getitem__(self, index: int) -> tuple[Float32Array, npt.NDArray[np.int64]]:
            rows = self._order[index * batch_size : (index + 1) * batch_size]
            return prepare(inputs[rows]), truth[rows]

        def on_epoch_end(self) -> None:
            self._epoch += 1
            self._shuffle()

        def _shuffle(self) -> None:
            everything = np.arange(len(truth))
            self._order = (
                everything if seed is None else np.random.default_rng([seed, self._epoch]).permutation(everything)
            )

    return Batches()


def predict(network: "keras.Model", rows: ViewRows, prepare: Prepare) -> Float32Array:
    """A network's outputs for many rows, shape (num_rows, num_outputs)."""
    blocks = np.array_split(np.arange(len(rows)), -(-len(rows) // _PREDICT_BATCH_SIZE))
    return np.concatenate([np.asarray(network.predict_on_batch(prepare(rows[block])), np.float32) for block in blocks])


def as_float32(rows: npt.NDArray[Any]) -> Float32Array:
    """Features as they are."""
    return rows.astype(np.float32)
