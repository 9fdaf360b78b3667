"""Train heads on extracted features, and then put the model together; built once per worker."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from scoring.errors import ModelError, StorageError
from scoring.finetuning.dense_heads import train_dense_head
from scoring.finetuning.ensemble import HeadIdentity, check_joined, join_heads, load_head, save_head
from scoring.finetuning.finished_model import keep_finished
from scoring.finetuning.heads import Head, train_head
from scoring.finetuning.model_writer import write_model
from scoring.finetuning.rbf_heads import RbfTrainer
from scoring.finetuning.settings import FinetuneSettings
from scoring.finetuning.training_set import load_training_set
from scoring.models.model_folder import ModelFolder
from scoring.models.trained_heads import HeadKind, HeadSettings
from scoring.networks.keras_import import import_keras
from scoring.networks.vgg16 import load_dense_layers
from scoring.run.fence import under_fence
from scoring.storage.locations import Location

if TYPE_CHECKING:
    import keras

_NUM_CHECKED = 64  # photos of which the network is compared with its heads


@dataclass(frozen=True)
class TrainHead:
    """Train one head of the ensemble, unless it is there.

    Attributes:
        number: Which, from 0.
    """

    number: int

    def __str__(self) -> str:
        """What people call it."""
        return f"head {self.number}"


@dataclass(frozen=True)
class JoinHeads:
    """Put the model together; all heads must be there."""

    def __str__(self) -> str:
        """What people call it."""
        return "the model"


HeadTask: TypeAlias = TrainHead | JoinHeads


class HeadTrainer:
    """Trains the heads of an ensemble, and then puts the model together.

    Each head is written whole when it is done, and a head that is there is not trained again. Call it with one task at
    a time: a second one would take the first one's cores and memory.
    """

    def __init__(self, settings: FinetuneSettings) -> None:
        """Load the features.

        Raises:
            IncompleteError: If a shard of features is missing or damaged.
            ImagesError: If the photos that can be read cannot be divided.
            ModelError: If heads of radial basis functions get photos of two views.
        """
        import_keras(settings.backend)
        self._settings = settings
        self._folder = ModelFolder(settings.output)
        self._photos = load_training_set(settings)
        self._rbf = RbfTrainer(self._photos, settings.seed) if settings.heads.kind is HeadKind.RBF else None

    def __call__(self, task: HeadTask) -> Location:
        """Train a head, or put the model together.

        Returns:
            Where the result is: the head's file, or the model folder.

        Raises:
            ModelError: If training diverged; nothing is written.
            StorageError: If a head that was there is not when the model is put together, or what was written is not.
            LeaseLostError: If another driver took over.
        """
        with under_fence(self._settings.fence):
            if isinstance(task, JoinHeads):
                if not self._is_finished():
                    self._join()
                return self._folder.path
            path = self._path(task.number)
            if task.number < self._num_heads and self._load(task.number) is None and not self._is_finished():
                head = self._train(task.number)
                self._check_finite(head)
                save_head(path, head, self._identity(task.number))
            return path

    def _is_finished(self) -> bool:
        return keep_finished(self._settings, self._photos)

    @property
    def _num_heads(self) -> int:
        """One for each fold of each draw, at most as many a draw as the rarest label has photos; or `ensemble`."""
        return len(self._photos.splits) if self._photos.is_folded else self._settings.ensemble

    def _join(self) -> None:
        numbers = range(self._num_heads)
        loaded = {number: self._load(number) for number in numbers}
        heads = [head for head in loaded.values() if head]
        if lost := [number for number, head in loaded.items() if head is None]:  # all of them were there before
            raise StorageError(
                f"Expected the trained head {lost[0]} in {self._path(lost[0])}; it is gone, damaged or cannot be read. "
                "Run the same finetune command again: it trains what it cannot read."
            )
        seeds = [self._seed(number) for number in numbers]
        write_model(self._settings, self._photos, heads, seeds, partial(self._joined, heads))

    def _joined(self, heads: Sequence[Head], temperature: float) -> "keras.Model":
        expansion = self._rbf.expansion if self._rbf else None
        network = join_heads(heads, temperature, expansion)
        if not heads[0].dense:
            values = self._photos.features.values[:, 0]
            some = np.unique(np.linspace(0, len(values) - 1, _NUM_CHECKED, dtype=int))
            check_joined(network, heads, temperature, expansion, values[some])
        return network

    def _train(self, number: int) -> Head:
        if self._rbf:
            return self._rbf.train(number)
        settings, seed, photos = self._settings.heads, self._seed(number), self._photos
        split = photos.split(number)
        train, validation = photos.examples(split.train), photos.examples(split.validation)
        if not settings.unfreeze_dense:
            return train_head(train, validation, len(photos.labels), settings, seed)
        dense = load_dense_layers(self._settings.base.weights)
        return train_dense_head(train, validation, len(photos.labels), dense, settings, seed)

    def _check_finite(self, head: Head) -> None:
        """Raise ModelError unless a head gives numbers."""
        heads = self._settings.heads
        if head.is_finite:
            return
        if heads.kind is HeadKind.RBF:
            raise ModelError("Expected features on which a head of radial basis functions stays finite; it did not.")
        raise ModelError(
            f"Expected training that stays finite; with `learning_rate` {heads.learning_rate:g} it diverged. Use a "
            f"smaller one, such as {HeadSettings.learning_rate:g}."
        )

    def _seed(self, number: int) -> int:
        return 1000 * self._settings.seed + number

    def _path(self, number: int) -> Location:
        return self._folder.head(number)

    def _identity(self, number: int) -> HeadIdentity:
        return HeadIdentity(
            features=self._photos.fingerprint,
            heads=self._settings.heads,
            seed=self._seed(number),
            division=self._photos.division,
            backend=self._settings.backend,
            contents=self._photos.features.contents,
            pixels=self._photos.features.pixels_digest,
        )

    def _load(self, number: int) -> Head | None:
        return load_head(self._path(number), self._identity(number))
