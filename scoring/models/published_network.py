"""A network as Keras publishes it, with ImageNet's 1,000 classes."""

from collections.abc import Callable
from dataclasses import dataclass

from scoring.errors import ModelError
from scoring.models.labels import check_label_count, class_names_file, read_class_names
from scoring.models.model_folder import ModelFolder
from scoring.models.model_kind import ModelKind
from scoring.models.output_meaning import OutputReading, known_probabilities
from scoring.networks.application_networks import application_network
from scoring.networks.applications import Application, application_of
from scoring.networks.engines import Network
from scoring.networks.imagenet import NUM_CLASSES, load_class_names
from scoring.networks.vgg16 import VGG16_FLOPS, check_weights, weights_path
from scoring.storage.downloads import local_copy
from scoring.storage.locations import Location, locate


def is_published(model: str) -> bool:
    """Whether a published network is named; raises ModelError where a folder of `finetune` has its name, too."""
    if application_of(model) is None:
        return False
    if ModelFolder(locate(model)).training.is_file():
        raise ModelError(f"Expected one `model` {model}; it is a published network and a folder here. Write ./{model}.")
    return True


@dataclass(frozen=True)
class PublishedNetwork(ModelKind):
    """A classifier of `keras.applications` with ImageNet's classes; see `ModelKind`.

    Attributes:
        name: What the user calls it; `application_of` knows it.
        weights: A weights file, `random`, or None for ImageNet's.
        labels: The path of an `imagenet_class_index.json`; None for the published one.
    """

    name: str
    weights: str | None
    labels: str | None

    @property
    def flops_per_image(self) -> float | None:
        """The operations of VGG16; those of others are not known."""
        return VGG16_FLOPS if self._application.name == "vgg16" else None

    @property
    def has_published_weights(self) -> bool:
        """True: ImageNet's weights are downloaded unless others are named."""
        return True

    def check(self) -> None:
        """Raise ModelError unless the weights that are named are a file, and the labels one of ImageNet's classes."""
        check_weights(self.weights)
        if self.labels is None:
            return
        if class_names_file(self.labels) is None:
            raise ModelError(
                f"Expected `labels` of {self.name} to be an imagenet_class_index.json; {self.labels} is no file."
            )
        self.class_labels()
        read_class_names(self.labels)  # refuses what no table can hold, and an index that is there twice

    def paths(self) -> dict[str, Location]:
        """Weights and class names, where they are files of the user's."""
        named = {"weights": weights_path(self.weights), "labels": self.labels}
        return {field: locate(path) for field, path in named.items() if path}

    def network(self) -> Network:
        """The network; its preprocessing is inside."""
        return application_network(self._application, self.weights)

    def class_labels(self) -> tuple[str, ...]:
        """The names of ImageNet's classes."""
        return load_class_names(local_copy(locate(self.labels)) if self.labels else None)

    def known_labels(self) -> tuple[str, ...] | None:
        """The same if the user names their file; the published one may have to be downloaded."""
        return self.class_labels() if self.labels else None

    @property
    def num_labels(self) -> int:
        """That of ImageNet's classes."""
        return NUM_CLASSES

    def reading(self, num_outputs: int, last_activation: Callable[[], str]) -> OutputReading:  # noqa: ARG002
        """Outputs are a probability for each class."""
        check_label_count(self.class_labels(), num_outputs, self.name)
        return known_probabilities(num_outputs)

    @property
    def _application(self) -> Application:
        found = application_of(self.name)
        assert found is not None  # whoever built this asked before
        return found
