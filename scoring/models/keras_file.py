"""A classifier in a `.keras` file, on this machine, in a bucket or on a hub, with labels that the user names."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scoring.errors import ModelError
from scoring.models.labels import check_label_count, class_names_file, read_class_names
from scoring.models.model_kind import NOTHING_TOLD, ModelKind, Untold
from scoring.models.output_meaning import OutputReading, read_outputs
from scoring.networks.compiled_loss import compiled_losses
from scoring.networks.engines import Network
from scoring.networks.keras_architecture import only_output
from scoring.networks.keras_files import keras_digest, load_keras_file
from scoring.networks.keras_inputs import check_own_size, size_word, with_pixels
from scoring.networks.keras_names import check_keras_name, file_here, keras_place, local_keras_file
from scoring.networks.last_activation import NONE, single_output
from scoring.networks.pixel_scales import scale_word, take_pixels
from scoring.storage.locations import Location

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class KerasFile(ModelKind):
    """A `.keras` file; see `ModelKind`.

    Attributes:
        name: Its path, its URL in a bucket, or a hub's name for it.
        weights: None; the file brings its own.
        labels: One name per class, such as `cat,dog`, or a file of them.
        told: What the user says that the file may not.
    """

    name: str
    weights: str | None
    labels: str | None
    told: Untold = NOTHING_TOLD

    def check(self) -> None:
        """Raise ModelError unless the file is there, of the size asked for, labels are named, and weights are not."""
        check_keras_name(self.name, "`model`")
        if self.weights is not None:
            raise ModelError("`weights` belongs to published networks; a .keras file brings its own. Leave it out.")
        self.class_labels()
        check_own_size(file_here(self.name), self.told.size)

    def paths(self) -> dict[str, Location]:
        """The file, and that of the labels."""
        found = {"model": keras_place(self.name), "labels": class_names_file(self.labels) if self.labels else None}
        return {field: place for field, place in found.items() if place}

    def network(self) -> Network:
        """The network in the file, with one of its outputs."""
        path = local_keras_file(self.name)
        return Network(self._digest(path), lambda: _load_classifier(path, self.told))

    def known_digest(self) -> str | None:
        """The digest of the network in a file of this machine, if it is there."""
        path = file_here(self.name)
        return self._digest(path) if path else None

    def _digest(self, path: Path) -> str:
        return keras_digest(path) + _changes(path, self.told)

    def class_labels(self) -> tuple[str, ...]:
        """The labels that the user names; raises ModelError if there are none."""
        if self.labels is None:
            raise ModelError("Expected `labels` with one name per class, such as cat,dog; received none.")
        return read_class_names(self.labels)

    def reading(self, num_outputs: int, last_activation: Callable[[], str]) -> OutputReading:
        """What the last layer and the loss tell of the outputs, or the user."""
        check_label_count(self.class_labels(), num_outputs, self.name)
        activation = last_activation()
        if activation == NONE and self.told.outputs is None:
            for loss in compiled_losses(local_keras_file(self.name), self.told.output_name):
                loss.check(num_outputs, self.name)
        return read_outputs(activation, self.told.outputs, num_outputs, self.name)


def _changes(path: Path, told: Untold) -> str:
    """Added to the file's digest where output, size or scale are not the file's: it keeps conversions apart."""
    name = told.output_name
    is_told = name is not None and name != only_output(path)
    output = f"output-{hashlib.sha256(str(name).encode()).hexdigest()[:16]}" if is_told else ""
    words = (output, size_word(path, told.size), scale_word(told.pixels))
    return "".join(f":{word}" for word in words if word)


def _load_classifier(path: Path, told: Untold) -> "keras.Model":
    model = with_pixels(single_output(load_keras_file(path), told.output_name, str(path)), told.size, path)
    return take_pixels(model, told.pixels, path)
