"""Which network stands below a head, where it is cut, and what of a photo it sees."""

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from scoring.errors import ModelError
from scoring.networks.layer_cut import Pooling, cut_at, cut_spatial, has_positions
from scoring.networks.pixel_scales import PixelScale
from scoring.networks.pooled_views import Views, pool_views
from scoring.networks.vgg16 import RANDOM_WEIGHTS

if TYPE_CHECKING:
    import keras

VGG16, VGG16_CONVOLUTIONS = "vgg16", "vgg16-convolutions"
_PENULTIMATE = "penultimate"  # what stands below the classes, or all of a network without any


@dataclass(frozen=True)
class BaseRequest:
    """Which network, and where to cut it; `base_networks.base_of` says which kind of network that is.

    Attributes:
        model: `vgg16`, `vgg16-convolutions`, a classifier of `keras.applications`, or a `.keras` model: its
            path, its URL in a bucket, or a hub's name.
        weights: A weights file for a published network, `random`, or None for ImageNet's.
        layer: The layer whose outputs are the features; None for what is below the classes, or the own outputs.
        pooling: How what is spatial there becomes one vector.
        size: Height and width of the pixels of a `.keras` model; None takes its own, or 224 x 224.
        pixels: The scale of the pixels that a `.keras` model was trained on.
        views: What is seen of each photo, in the place of `pooling`; None sees it once.
        further: Other networks, whose features stand beside those of this one.
    """

    model: str = VGG16
    weights: str | None = None
    layer: str | None = None
    pooling: Pooling = Pooling.MEAN
    size: tuple[int, int] | None = None
    pixels: PixelScale = PixelScale.UNCHANGED
    views: Views | None = None
    further: "tuple[BaseRequest, ...]" = ()

    def __str__(self) -> str:
        """Where it is cut, and what is seen: with the digest of the network, all that shapes its features."""
        if self.further:
            return f"{len(self.each)}-bases"  # whose digest holds it of each
        return "+".join([_cut_text(self.layer), *([str(self.views)] if self.views else [])])

    @property
    def each(self) -> "tuple[BaseRequest, ...]":
        """A request for each network, in the order of their features."""
        return replace(self, further=()), *self.further

    @property
    def name(self) -> str:
        """What people call the network, or all of them."""
        return " and ".join(request.model for request in self.each)

    @property
    def has_own_weights(self) -> bool:
        """Whether any of the networks has numbers of a file that the user names."""
        return any(request.weights not in (None, RANDOM_WEIGHTS) for request in self.each)

    @property
    def sees_mirrored(self) -> bool:
        """Whether views of a photo are averaged with their mirror images, by any of the networks."""
        return any(request.views is not None and request.views.mirror for request in self.each)

    def stored_fields(self) -> dict[str, Any]:
        """What records hold of it: model, weights and layer, and other fields where they are not the default."""
        formerly = BaseRequest(self.model, self.weights, self.layer)
        return {
            name: value
            for name, value in asdict(self).items()
            if name in ("model", "weights", "layer") or value != getattr(formerly, name)
        }

    def cut(
        self, network: "keras.Model", name: str | None = None, written: dict[str, Any] | None = None
    ) -> "keras.Model":
        """The network up to the layer; for arguments see `cut_at`.

        Raises:
            ModelError: If there is no such layer, or nothing to pool there in the way that is asked for.
        """
        if self.views:
            return cut_spatial(network, self.layer, self.model, written)
        if self.pooling is not Pooling.MEAN and not has_positions(
            cut_spatial(network, self.layer, self.model, written).output_shape
        ):
            raise ModelError(
                f"Expected maps for `pooling` {self.pooling}; {self.model} has one vector of each image "
                f"{f'at {self.layer}' if self.layer else 'below its last layer with weights'}. Leave `pooling` out, or "
                "name a layer of maps with `features`."
            )
        return cut_at(network, self.layer, self.model, name, self.pooling, written)

    def see(self, network: "keras.Model") -> "keras.Model":
        """A network that was cut, from the pixels of all views to one vector."""
        return pool_views(network, self.views) if self.views else network


def _cut_text(layer: str | None) -> str:
    """What stands for a layer, and for none; `+` and `%` within a name are written as in URLs."""
    if layer is None:
        return _PENULTIMATE
    text = layer.replace("%", "%25").replace("+", "%2B")
    return f"%{text}" if text == _PENULTIMATE else text  # no other name begins so
