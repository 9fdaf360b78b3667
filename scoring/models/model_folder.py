"""The folder that `finetune` leaves: what lies where, what it says of itself, and its network, loaded."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scoring.errors import ModelError
from scoring.finetuning.calibration import Calibration
from scoring.networks.base_networks import BaseRequest, base_of
from scoring.networks.engines import Network
from scoring.networks.keras_files import check_keras_file, keras_digest, load_keras_file
from scoring.pixels.decoding import IMAGE_SIZE
from scoring.run.folder import RunFolder
from scoring.storage.downloads import local_copy
from scoring.storage.durable import remove_temporaries, remove_tree, storage_faults
from scoring.storage.locations import Location

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Training:
    """What `training.json` says that scoring needs.

    Attributes:
        labels: One name per class, in class order.
        base: The network below the head.
        base_digest: Identifies its weights.
        flip: Whether the mirror image is scored too, and averaged in.
        head_only: Whether the folder holds the head alone.
        calibration: Already inside the network: the temperature; for submissions: the clip.
    """

    labels: tuple[str, ...]
    base: BaseRequest
    base_digest: str
    flip: bool
    head_only: bool
    calibration: Calibration


@dataclass(frozen=True)
class ModelFolder:
    """Paths inside a model folder, local or in a bucket. Building one touches neither."""

    path: Location

    @property
    def features(self) -> RunFolder:
        """`features/`: a run folder whose shards hold features instead of predictions."""
        return RunFolder(self.path / "features")

    @property
    def heads(self) -> Location:
        """`heads/`: one file for each trained head of the ensemble."""
        return self.path / "heads"

    @property
    def network(self) -> Location:
        """`model.keras`: uint8 pixels in, probabilities out."""
        return self.path / "model.keras"

    @property
    def head_network(self) -> Location:
        """`head.keras`: features in, probabilities out; in place of `model.keras` if asked for."""
        return self.path / "head.keras"

    @property
    def labels(self) -> Location:
        """`labels.json`: one name per class, in class order."""
        return self.path / "labels.json"

    @property
    def training(self) -> Location:
        """`training.json`: data, base, curves and metrics; written last, so where it is, all is."""
        return self.path / "training.json"

    @property
    def validation(self) -> Location:
        """`validation.parquet`: the predictions of the photos kept out of training."""
        return self.path / "validation.parquet"

    @property
    def results(self) -> list[Location]:
        """All that training writes but the heads."""
        return [self.training, self.network, self.head_network, self.labels, self.validation]

    def prepare(self, overwrite: bool) -> None:
        """Remove what killed writers left behind, and with `overwrite` all earlier results."""
        with storage_faults(self.heads):
            if overwrite:
                remove_tree(self.heads)
                for path in self.results:
                    path.unlink(missing_ok=True)
            self.heads.mkdir(exist_ok=True)
        for folder in (self.path, self.heads):
            remove_temporaries(folder)

    def load_record(self) -> dict[str, Any]:
        """Read `training.json`; empty if there is none, or if it is damaged."""
        try:
            record: dict[str, Any] = json.loads(self.training.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return record

    def load_training(self) -> Training:
        """Read what scoring needs.

        Raises:
            ModelError: If no finished training is there.
        """
        record = self.load_record()
        try:
            return Training(
                labels=tuple(record["labels"]),
                base=BaseRequest(**record["base"]["request"]),
                base_digest=record["base"]["digest"],
                flip=record["flip"],
                head_only=record["head_only"],
                calibration=Calibration(**record["calibration"]),
            )
        except (KeyError, TypeError) as error:
            raise ModelError(
                f"Expected --model to be a folder that `shardscore finetune` has finished; {self.path} has no whole "
                "training.json. Run the same finetune command again."
            ) from error


def finetuned_network(folder: ModelFolder, weights: str | None) -> Network:
    """A folder's network, from uint8 pixels to probabilities.

    Args:
        folder: Where it is.
        weights: For a head alone, the base network's weights file if it is not where it was in training.

    Raises:
        ModelError: If a file is missing, or the base network is not the one that the head was trained on.
    """
    training = folder.load_training()
    if not training.head_only:
        check_keras_file(folder.network, "--model")
        path = local_copy(folder.network)
        return Network(keras_digest(path), lambda: load_keras_file(path))
    check_keras_file(folder.head_network, "--model")
    base = base_of(BaseRequest(training.base.model, weights or training.base.weights, training.base.layer))
    found = base.digest()
    if found != training.base_digest:
        raise ModelError(
            f"Expected the base network that the head in {folder.path} was trained on, {training.base_digest[:12]}; "
            f"received {found[:12]}. Name its file with --weights."
        )

    head = local_copy(folder.head_network)

    def build() -> "keras.Model":
        return put_together(base.build(), load_keras_file(head), training.flip)

    return Network(f"{found}:{keras_digest(head)}", build)


def put_together(base: "keras.Model", head: "keras.Model", flip: bool) -> "keras.Model":
    """One network of base and head.

    Args:
        base: From float pixels to features.
        head: From features to probabilities.
        flip: Score the mirror image too, and average.

    Returns:
        From uint8 RGB pixels, shape (batch, 224, 224, 3), to probabilities, shape (batch, num_classes).
    """
    import keras

    pixels = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3), dtype="uint8")
    images = keras.ops.cast(pixels, "float32")
    if not flip:
        return keras.Model(pixels, head(base(images)))
    views = [head(base(view)) for view in (images, keras.ops.flip(images, axis=2))]
    return keras.Model(pixels, keras.layers.Average()(views))
