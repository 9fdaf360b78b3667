"""A classifier of cats and dogs without training: a published network whose ImageNet classes are summed."""

from collections.abc import Callable
from dataclasses import dataclass

from scoring.arrays import Float32Array
from scoring.errors import ModelError
from scoring.models.labels import check_label_count
from scoring.models.output_meaning import OutputMeaning, OutputReading, known_probabilities
from scoring.models.published_network import PublishedNetwork
from scoring.networks.imagenet import CAT_DOG_LABELS, NUM_CLASSES, cats_and_dogs
from scoring.networks.vgg16 import check_weights, weights_path
from scoring.storage.locations import Location, locate


class SummedClasses(OutputReading):
    """Probabilities of ImageNet's classes, read as those of cat and dog."""

    def to_probabilities(self, outputs: Float32Array) -> Float32Array:
        """Sum the cat classes and the dog classes, shape (batch, 2); see `OutputReading.to_probabilities`."""
        return cats_and_dogs(super().to_probabilities(outputs))


@dataclass(frozen=True)
class CatsAndDogs(PublishedNetwork):
    """A classifier of `keras.applications` as one of cats and dogs; see `ModelKind`.

    Attributes:
        name: What the user calls it.
        weights: A weights file of ImageNet's classes (of VGG16 also of cat and dog alone), `random`, or None for
            ImageNet's.
        labels: `cat,dog`, or None.
    """

    def check(self) -> None:
        """Raise ModelError unless weights are a file, `random` or None, and labels `cat,dog` or None."""
        check_weights(self.weights)
        if self.labels not in (None, ",".join(CAT_DOG_LABELS)):
            raise ModelError(f"{self.name} has the labels cat,dog; received {self.labels}. Leave `labels` out.")

    def paths(self) -> dict[str, Location]:
        """The weights file, where the user names one."""
        path = weights_path(self.weights)
        return {"weights": locate(path)} if path else {}

    def class_labels(self) -> tuple[str, ...]:
        """The labels cat and dog."""
        return CAT_DOG_LABELS

    def known_labels(self) -> tuple[str, ...]:
        """The same."""
        return CAT_DOG_LABELS

    @property
    def num_labels(self) -> int:
        """Two."""
        return len(CAT_DOG_LABELS)

    def reading(self, num_outputs: int, last_activation: Callable[[], str]) -> OutputReading:  # noqa: ARG002
        """ImageNet's classes are summed; weights of cat and dog alone, as the course saved them, need no sum."""
        if num_outputs == NUM_CLASSES:
            return SummedClasses(OutputMeaning.PROBABILITIES, from_logits=False, is_known=True)
        check_label_count(CAT_DOG_LABELS, num_outputs, self.name)
        return known_probabilities(num_outputs)
