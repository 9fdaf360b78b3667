"""Several networks below one head, their features side by side: each sees a photo at its own size and scale."""

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from scoring.errors import ModelError
from scoring.networks.base_request import BaseRequest
from scoring.networks.pooled_views import resized
from scoring.pixels.input_shape import InputShape, filled
from scoring.storage.locations import Location

if TYPE_CHECKING:
    import keras


class BaseNetwork(Protocol):
    """What every kind of base network answers."""

    def check(self) -> None:
        """Raise ModelError for a request that cannot be met, without importing Keras."""
        ...

    def absolute(self) -> BaseRequest:
        """The request with absolute paths, for workers that started elsewhere."""
        ...

    def files(self) -> dict[str, Location]:
        """The files that it names, by the user's field; every worker must see them."""
        ...

    def choose_layer(self, unfreeze_dense: bool) -> BaseRequest:
        """The request with the layer to cut at.

        Args:
            unfreeze_dense: Whether the network's dense layers are to be trained with the head.

        Raises:
            ModelError: If dense layers are to be trained that it has not, or that are not above the layer.
        """
        ...

    def digest(self) -> str:
        """Identifies the whole network's weights, wherever it is cut."""
        ...

    def build(self) -> "keras.Model":
        """Build the network up to the layer; what is spatial there is pooled over positions.

        Returns:
            From float pixels, 0 to 255, shape (batch, height, width, channels), to features, shape
            (batch, num_features).

        Raises:
            ModelError: If weights do not fit, or there is no such layer.
            DownloadError: If weights are not here and cannot be downloaded.
        """
        ...


@dataclass(frozen=True)
class BasesSideBySide:
    """Several base networks; see `BaseNetwork`.

    Attributes:
        request: The first, with the further ones.
        bases: Each of them.
    """

    request: BaseRequest
    bases: tuple[BaseNetwork, ...]

    def check(self) -> None:
        """Raise ModelError unless each can be met and none is named twice."""
        for base in self.bases:
            base.check()
        if len(set(self.request.each)) < len(self.bases):
            raise ModelError(f"Expected each `base` once; received {self.request.name}.")

    def absolute(self) -> BaseRequest:
        """The request with the absolute paths of all."""
        return _joined([base.absolute() for base in self.bases])

    def files(self) -> dict[str, Location]:
        """The files of each; those of the second are told from the first's by a number."""
        first, *others = (base.files() for base in self.bases)
        return first | {
            f"{field} {number}": file for number, files in enumerate(others, start=2) for field, file in files.items()
        }

    def choose_layer(self, unfreeze_dense: bool) -> BaseRequest:
        """The request, each network cut where it is cut alone; nothing below the head is trained."""
        if unfreeze_dense:
            raise ModelError(
                f"`unfreeze` dense trains the dense layers of one `base`; received {self.request.name}. Leave it out."
            )
        return _joined([base.choose_layer(unfreeze_dense=False) for base in self.bases])

    def digest(self) -> str:
        """One digest over that of each, where each is cut, and what it sees."""
        parts = zip(self.bases, self.request.each, strict=True)
        text = "\n".join(f"{base.digest()}:{request}:{request.pooling}" for base, request in parts)
        return hashlib.sha256(text.encode()).hexdigest()

    def build(self) -> "keras.Model":
        """Build all of them on the pixels of the largest, which are made smaller for the others.

        Raises:
            ModelError: If they take different numbers of channels; see `BaseNetwork.build` for the others.
        """
        import keras

        networks = [base.build() for base in self.bases]
        shapes = [filled(network.inputs[0].shape[1:]) for network in networks]
        pixels = keras.Input(self._largest(shapes).as_array())
        parts = []
        for number, (network, shape) in enumerate(zip(networks, shapes, strict=True)):
            named = keras.Model(network.inputs, network.output, name=f"base_{number}")
            parts.append(named(resized(pixels, shape.size)))
        return keras.Model(pixels, keras.layers.Concatenate()(parts), name="base")

    def _largest(self, shapes: list[InputShape]) -> InputShape:
        channels = [shape.channels for shape in shapes]
        if len(set(channels)) > 1:
            raise ModelError(
                f"Expected bases of as many channels; {self.request.name} have {', '.join(map(str, channels))}."
            )
        return InputShape(max(shape.height for shape in shapes), max(shape.width for shape in shapes), channels[0])


def _joined(requests: list[BaseRequest]) -> BaseRequest:
    first, *others = requests
    return replace(first, further=tuple(others))
