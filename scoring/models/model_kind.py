"""The questions that each kind of model answers, and what a user says of a file that does not tell it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from scoring.models.output_meaning import OutputMeaning, OutputReading
from scoring.networks.engines import Network
from scoring.networks.pixel_scales import PixelScale
from scoring.pixels.decoding import Resize
from scoring.storage.locations import Location


@dataclass(frozen=True)
class Untold:
    """What a `.keras` file may leave untold, as the user says it.

    Attributes:
        outputs: What the outputs mean; None leaves it to the last layer.
        output_name: Which of several outputs; None takes the only one.
        size: Height and width of the pixels; None takes the model's own, or 224 x 224.
        pixels: The scale of the pixels that the model was trained on.
    """

    outputs: OutputMeaning | None = None
    output_name: str | None = None
    size: tuple[int, int] | None = None
    pixels: PixelScale = PixelScale.UNCHANGED


NOTHING_TOLD = Untold()


class ModelKind(ABC):
    """A model that was named, and not loaded."""

    @property
    def flops_per_image(self) -> float | None:
        """Operations of one forward pass; None where they are not known."""
        return None

    @property
    def has_published_weights(self) -> bool:
        """Whether weights are downloaded unless others are named."""
        return False

    @abstractmethod
    def check(self) -> None:
        """Raise ModelError for what cannot be loaded, without importing Keras."""

    @abstractmethod
    def paths(self) -> dict[str, Location]:
        """The paths that it was named by, by field; relative to where the command started."""

    def files(self) -> dict[str, Location]:
        """The files that every worker must see, by the field that names them."""
        return self.paths()

    @abstractmethod
    def network(self) -> Network:
        """The network, not yet built.

        Raises:
            ModelError: If what was named does not fit together.
            DownloadError: If weights are not here and cannot be downloaded.
        """

    @abstractmethod
    def class_labels(self) -> tuple[str, ...]:
        """One name per class, in class order."""

    def known_labels(self) -> tuple[str, ...] | None:
        """The same; None where they are not here, and would be downloaded."""
        return self.class_labels()

    def class_numbers(self) -> tuple[int | None, ...]:
        """The numbers of the classes where they have others than their places; see `TrainingRecord`."""
        return ()

    @property
    def num_labels(self) -> int:
        """How many they are."""
        return len(self.class_labels())

    def known_digest(self) -> str | None:
        """The digest of its network; None where it takes a download, or more than a look at files of this machine."""
        return None

    @abstractmethod
    def reading(self, num_outputs: int, last_activation: Callable[[], str]) -> OutputReading:
        """What the network's outputs mean, and how the labels' probabilities come from them.

        Args:
            num_outputs: Values for each image.
            last_activation: What the network computes last; asked only of networks that we did not make.

        Raises:
            ModelError: If they are not as many as the labels need, or nothing tells what they mean.
        """

    @property
    def resize_mode(self) -> Resize | None:
        """How photos became squares when it was trained; None where nothing tells."""
        return None

    def clip(self) -> float | None:
        """How far its submissions keep from 0 and 1; None if nobody measured it."""
        return None
