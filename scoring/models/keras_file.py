"""A classifier in a `.keras` file, with labels that the user names."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scoring.errors import ModelError
from scoring.models.outputs import ToProbabilities, one_for_each_label
from scoring.networks.engines import Network
from scoring.networks.keras_files import check_keras_file, check_takes_pixels, keras_digest, load_keras_file
from scoring.storage.downloads import local_copy
from scoring.storage.locations import Location

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class KerasFile:
    """A `.keras` file; see `ModelKind`.

    Attributes:
        path: Where it is.
        weights: None; the file brings its own.
        labels: One name per class, such as `cat,dog`.
    """

    path: Location
    weights: str | None
    labels: str | None

    @property
    def flops_per_image(self) -> None:
        """They are not known."""
        return

    @property
    def has_published_weights(self) -> bool:
        """The file brings its own."""
        return False

    def check(self) -> None:
        """The file must be there, with labels and without other weights."""
        check_keras_file(self.path, "`model`")
        if self.weights is not None:
            raise ModelError("`weights` belongs to VGG16; a .keras file brings its own. Leave it out.")
        self.class_labels()

    def paths(self) -> dict[str, Location]:
        """The file."""
        return {"model": self.path}

    def files(self) -> dict[str, Location]:
        """The file."""
        return self.paths()

    def network(self) -> Network:
        """The network in the file is taken as it is."""
        path = local_copy(self.path)
        return Network(keras_digest(path), lambda: _load_classifier(path))

    def class_labels(self) -> tuple[str, ...]:
        """The user names them."""
        if self.labels is None:
            raise ModelError("Expected `labels` with one name per class, such as cat,dog; received none.")
        names = tuple(name.strip() for name in self.labels.split(","))
        if "" in names or len(set(names)) != len(names):
            raise ModelError(f"Expected `labels` to be different names, such as cat,dog; received {self.labels!r}.")
        return names

    def to_probabilities(self, num_outputs: int) -> ToProbabilities:
        """Outputs are a probability for each label, or one for the second of two."""
        return one_for_each_label(num_outputs, self.class_labels(), str(self.path))

    def clip(self) -> None:
        """Nobody measured it."""


def _load_classifier(path: Path) -> "keras.Model":
    model = load_keras_file(path)
    check_takes_pixels(model, path)
    shape = tuple(model.outputs[0].shape)
    if len(shape) != 2:
        raise ModelError(f"Expected a classifier with outputs of shape (None, num_classes); {path} has {shape}.")
    return model
