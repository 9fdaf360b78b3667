"""The network below a head: VGG16, its convolutions alone, or any `.keras` model, cut off at one of its layers."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from scoring.errors import ModelError
from scoring.networks.keras_files import check_keras_file, check_takes_pixels, keras_digest, load_keras_file
from scoring.networks.layer_cut import cut_at, cut_spatial
from scoring.networks.pooled_views import Pooling, Views, pool_views
from scoring.networks.vgg16 import build_vgg16, check_weights, vgg16_digest, weights_path
from scoring.networks.vgg16_convolutions import build_convolutions, convolutions_digest
from scoring.pixels.input_shape import IMAGE_SIZE, filled
from scoring.storage.downloads import local_copy
from scoring.storage.locations import Location, absolute_text, locate

if TYPE_CHECKING:
    import keras

VGG16, VGG16_CONVOLUTIONS = "vgg16", "vgg16-convolutions"
# The layers of keras.applications.VGG16 that fast.ai's lesson cuts at.
LAST_DENSE = "fc2"  # 4,096 values: below them everything stays as ImageNet taught it
CONVOLUTIONS = "flatten"  # 25,088 values: the two dense layers above them are trained as well
LAST_POOL = "block5_pool"  # 512 values once averaged over positions: the end of the convolutions
LAST_CONVOLUTION = "block5_conv3"  # the last layer below it: four times the positions


@dataclass(frozen=True)
class BaseRequest:
    """Which network, and where to cut it; `base_of` says which kind of network that is.

    Attributes:
        model: `vgg16`, `vgg16-convolutions`, or the path of a `.keras` model of (224, 224, 3) pixels.
        weights: A weights file for either VGG16, `random`, or None for ImageNet's.
        layer: The layer whose outputs are the features; None for what the last layer with weights takes.
        pooling: The ways in which positions become one vector; none takes their mean, and no roots.
        sizes: Pixels a side of each view, the largest first; none is what the network takes, or 224.
        mirror: Whether each view is averaged with its mirror image.
    """

    model: str = VGG16
    weights: str | None = None
    layer: str | None = None
    pooling: tuple[Pooling, ...] = ()
    sizes: tuple[int, ...] = ()
    mirror: bool = False

    def views(self, side: int = IMAGE_SIZE) -> Views | None:
        """The views that are pooled, by default one of `side` pixels; None where a photo is seen once, and averaged."""
        return Views(self.sizes or (side,), self.mirror, self.pooling) if self.pooling else None

    def __str__(self) -> str:
        """Where it is cut, and what is seen: with the weights' digest, all that shapes the features."""
        views = [*self.pooling, *map(str, self.sizes), *(["mirror"] if self.mirror else [])]
        return "+".join([self.layer or "penultimate", *views])


class BaseNetwork(Protocol):
    """What every kind of base network is asked."""

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
            ModelError: If dense layers are to be trained that it has not, or not above that layer.
        """
        ...

    def digest(self) -> str:
        """Identifies the whole network's weights, wherever it is cut."""
        ...

    def build(self) -> "keras.Model":
        """Build the network up to the layer; what is spatial there is pooled.

        Returns:
            From float RGB pixels, 0 to 255, shape (batch, side, side, 3), to features, shape (batch, num_features).

        Raises:
            ModelError: If weights do not fit, or there is no such layer.
            DownloadError: If weights are not here and cannot be downloaded.
        """
        ...


def base_of(request: BaseRequest) -> BaseNetwork:
    """Decide which kind of base network was asked for."""
    kinds = {VGG16: Vgg16Base, VGG16_CONVOLUTIONS: ConvolutionsBase}
    return kinds.get(request.model, KerasFileBase)(request)


@dataclass(frozen=True)
class Vgg16Base:
    """VGG16; see `BaseNetwork`."""

    request: BaseRequest

    def check(self) -> None:
        """Weights that are named must be a file, and its dense layers take pictures of one size."""
        check_weights(self.request.weights)
        self._check_sizes()

    def _check_sizes(self) -> None:
        if self.request.sizes not in ((), (IMAGE_SIZE,)):
            asked = ",".join(map(str, self.request.sizes))
            raise ModelError(
                f"Expected `size` {IMAGE_SIZE} with `base` {VGG16}, whose dense layers take no other; received "
                f"{asked}. {VGG16_CONVOLUTIONS} takes any."
            )

    def absolute(self) -> BaseRequest:
        """The path of its weights file becomes absolute."""
        path = weights_path(self.request.weights)
        return replace(self.request, weights=absolute_text(path)) if path else self.request

    def files(self) -> dict[str, Location]:
        """The weights file, where one is named."""
        path = weights_path(self.request.weights)
        return {"weights": locate(path)} if path else {}

    def choose_layer(self, unfreeze_dense: bool) -> BaseRequest:
        """It is cut at the second dense layer, or below both if they are trained."""
        if not unfreeze_dense:
            return replace(self.request, layer=self.request.layer or LAST_DENSE)
        if self.request.layer not in (None, CONVOLUTIONS):
            raise _no_dense_layers()
        return replace(self.request, layer=CONVOLUTIONS)

    def digest(self) -> str:
        """The digest of the weights."""
        return vgg16_digest(self.request.weights)

    def build(self) -> "keras.Model":
        """Its preprocessing is inside, the same as when it scores."""
        layer, views = self.request.layer, self.request.views()
        if views:
            return pool_views(build_vgg16(self.request.weights, lambda net: cut_spatial(net, layer, VGG16)), views)
        return build_vgg16(self.request.weights, lambda network: cut_at(network, layer, VGG16), "base")


@dataclass(frozen=True)
class ConvolutionsBase(Vgg16Base):
    """VGG16 without its dense layers; see `BaseNetwork`."""

    def _check_sizes(self) -> None:
        """Convolutions take any."""

    def choose_layer(self, unfreeze_dense: bool) -> BaseRequest:
        """It is cut at its end, or below its last pooling where that is done otherwise."""
        if unfreeze_dense:
            raise _no_dense_layers()
        last = LAST_CONVOLUTION if self.request.pooling else LAST_POOL
        return replace(self.request, layer=self.request.layer or last)

    def digest(self) -> str:
        """The digest of the weights."""
        return convolutions_digest(self.request.weights)

    def build(self) -> "keras.Model":
        """Its preprocessing is inside."""
        layer, name, weights = self.request.layer, self.request.model, self.request.weights
        if views := self.request.views():
            return pool_views(build_convolutions(weights, lambda net: cut_spatial(net, layer, name), side=None), views)
        return build_convolutions(weights, lambda network: cut_at(network, layer, name), "base")


@dataclass(frozen=True)
class KerasFileBase:
    """A `.keras` file; see `BaseNetwork`."""

    request: BaseRequest

    def check(self) -> None:
        """The file must be there."""
        check_keras_file(locate(self.request.model), f"`base`, unless it is {VGG16} or {VGG16_CONVOLUTIONS},")
        if self.request.weights is not None:
            raise ModelError(f"`weights` belongs to {VGG16}; a .keras file brings its own. Leave it out.")

    def absolute(self) -> BaseRequest:
        """The file's path becomes absolute."""
        return replace(self.request, model=absolute_text(self.request.model))

    def files(self) -> dict[str, Location]:
        """The file."""
        return {"base": locate(self.request.model)}

    def choose_layer(self, unfreeze_dense: bool) -> BaseRequest:
        """It is cut where the user says, if at all."""
        if unfreeze_dense:
            raise _no_dense_layers()
        return self.request

    def digest(self) -> str:
        """The digest of architecture and weights."""
        return keras_digest(local_copy(locate(self.request.model)))

    def build(self) -> "keras.Model":
        """The network in the file is taken as it is."""
        path = local_copy(locate(self.request.model))
        network = load_keras_file(path)
        views = self.request.views(filled(network.inputs[0].shape[1:]).height)
        if views is None:
            check_takes_pixels(network, path, (IMAGE_SIZE,))
            return cut_at(network, self.request.layer, self.request.model, "base")
        check_takes_pixels(network, path, views.sizes)
        return pool_views(cut_spatial(network, self.request.layer, self.request.model), views)


def _no_dense_layers() -> ModelError:
    return ModelError(f"`unfreeze` dense trains {VGG16}'s own dense layers. Leave out `base` and `features`.")
