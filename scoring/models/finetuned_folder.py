"""A model folder that `finetune` wrote, with the labels and the clip that it brings."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from scoring.errors import ModelError, RunFolderError
from scoring.models.finetuned_network import finetuned_network
from scoring.models.labels import check_label_count
from scoring.models.model_files import has_other_labels
from scoring.models.model_folder import ModelFolder
from scoring.models.model_kind import ModelKind
from scoring.models.output_meaning import OutputReading, known_probabilities
from scoring.models.training_record import TrainingRecord, load_training_record
from scoring.networks.engines import Network
from scoring.networks.vgg16 import weights_path
from scoring.pixels.decoding import Resize
from scoring.storage.locations import Location, locate
from scoring.storage.redaction import brief


@dataclass(frozen=True)
class FinetunedFolder(ModelKind):
    """A folder written by `finetune`; see `ModelKind`.

    Attributes:
        folder: Where it is.
        weights: The base network's weights file, if the folder holds a head alone and this file has moved.
        labels: None; the folder brings its own.
    """

    folder: ModelFolder
    weights: str | None
    labels: str | None

    def check(self) -> None:
        """Raise ModelError unless training has ended, without labels, and weights only for a head alone."""
        training = self._training
        if has_other_labels(self.folder, training):
            raise ModelError(
                f"Expected the labels that {self.folder.training} describes; {self.folder.labels} has others. Run the "
                f"same finetune command again{self._renaming(training)}."
            )
        if self.labels is not None:
            raise ModelError(
                f"{self.folder.path} brings its labels, {brief(','.join(training.labels))}. Leave `labels` out."
            )
        if self.weights is not None and not training.head_only:
            raise ModelError(f"{self.folder.path} holds a whole network with its weights. Leave `weights` out.")

    def paths(self) -> dict[str, Location]:
        """The folder, and its base network's weights where they are a file."""
        path = weights_path(self.weights)
        return {"model": self.folder.path} | ({"weights": locate(path)} if path else {})

    def files(self) -> dict[str, Location]:
        """The file that is written last stands for the folder."""
        return self.paths() | {"model": self.folder.training}

    def network(self) -> Network:
        """The network: stored whole, or put together from base and head."""
        return finetuned_network(self.folder, self._training, self.weights)

    def known_digest(self) -> str | None:
        """The digest that the folder's record tells; None in folders from before it was kept."""
        training = self._training
        of_base = f"{training.base.digest}:" if training.head_only else ""
        return f"{of_base}{training.network}" if training.network else None

    def class_labels(self) -> tuple[str, ...]:
        """The labels that it was trained on."""
        return self._training.labels

    def reading(self, num_outputs: int, last_activation: Callable[[], str]) -> OutputReading:  # noqa: ARG002
        """Outputs are a probability for each label."""
        check_label_count(self.class_labels(), num_outputs, str(self.folder.path))
        return known_probabilities(num_outputs)

    def _renaming(self, training: TrainingRecord) -> str:
        """How to call classes otherwise; a head has no file that scores alone."""
        return "" if training.head_only else f", or score {self.folder.network} with `labels` of your own"

    @property
    def resize_mode(self) -> Resize:
        """How photos became squares for its features."""
        return self._training.resize_mode

    def clip(self) -> float:
        """The clip that was fitted on the validation photos."""
        return self._training.calibration.clip

    def class_numbers(self) -> tuple[int | None, ...]:
        """Those that the folder's record tells."""
        return self._training.class_numbers

    @cached_property
    def _training(self) -> TrainingRecord:
        try:
            return load_training_record(self.folder)
        except RunFolderError as error:
            raise ModelError(f"`model`: {error}") from error
