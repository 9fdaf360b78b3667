"""Fine-tune on features that lie in a model folder: train each head, and put the model together."""

import os
import time

from scoring.finetuning.assembly import assemble_model
from scoring.finetuning.dense_heads import train_dense_head
from scoring.finetuning.ensemble import HeadIdentity, load_head, save_head
from scoring.finetuning.heads import Head, train_head
from scoring.finetuning.settings import FinetuneSettings
from scoring.finetuning.training_set import load_training_set
from scoring.models.model_folder import ModelFolder
from scoring.networks.keras_import import import_keras
from scoring.networks.vgg16 import load_dense_layers
from scoring.storage.locations import Location


class HeadTrainer:
    """Trains the heads of an ensemble as numbered tasks; the task after the last one puts the model together.

    Each head is written whole when it is done, and a head that is there is not trained again.
    """

    def __init__(self, settings: FinetuneSettings) -> None:
        """Load the features."""
        os.environ["TF_DETERMINISTIC_OPS"] = "1"  # the same seed gives the same weights
        import_keras(settings.backend)
        self._settings = settings
        self._folder = ModelFolder(settings.output)
        self._photos = load_training_set(self._folder.features, settings.num_validation, settings.seed)

    def __call__(self, task: int) -> float:
        """Train head number `task`, or put the model together; return the seconds it took."""
        started = time.monotonic()
        if task < self._settings.ensemble:
            if self._load(task) is None:
                save_head(self._path(task), self._train(task), self._identity(task))
        else:
            self._assemble()
        return time.monotonic() - started

    def _train(self, number: int) -> Head:
        photos, settings, seed = self._photos, self._settings.heads, self._settings.seed_of(number)
        train, validation = (photos.examples(rows) for rows in (photos.split.train, photos.split.validation))
        if not settings.unfreeze_dense:
            return train_head(train, validation, len(photos.labels), settings, seed)
        dense = load_dense_layers(self._settings.base.weights)
        return train_dense_head(train, validation, len(photos.labels), dense, settings, seed)

    def _assemble(self) -> None:
        heads = [head for number in range(self._settings.ensemble) if (head := self._load(number))]
        assert len(heads) == self._settings.ensemble  # this task is handed out once all of them are there
        assemble_model(self._settings, self._photos, heads)

    def _load(self, number: int) -> Head | None:
        return load_head(self._path(number), self._identity(number))

    def _path(self, number: int) -> Location:
        return self._folder.heads / f"head-{number:03d}.npz"

    def _identity(self, number: int) -> HeadIdentity:
        return HeadIdentity(
            features=self._photos.fingerprint,
            heads=self._settings.heads,
            seed=self._settings.seed_of(number),
            num_validation=len(self._photos.split.validation),
            split_seed=self._settings.seed,
            backend=self._settings.backend,
        )
