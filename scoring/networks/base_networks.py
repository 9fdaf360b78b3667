"""The network below a head, cut off at one of its layers: a published one or a `.keras` model."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scoring.errors import ModelError
from scoring.networks.application_networks import application_digest, build_application
from scoring.networks.applications import APPLICATIONS, applications_like
from scoring.networks.base_request import VGG16, VGG16_CONVOLUTIONS, BaseRequest
from scoring.networks.bases_side_by_side import BaseNetwork, BasesSideBySide
from scoring.networks.keras_architecture import (
    architecture,
    has_nested_networks,
    has_no_classes,
    is_cut_channels_first,
    is_one_list,
    may_end_in_one_position,
)
from scoring.networks.keras_files import keras_digest, load_keras_file
from scoring.networks.keras_inputs import check_own_size, size_word, with_pixels
from scoring.networks.keras_names import absolute_keras_name, check_keras_name, file_here, keras_place, local_keras_file
from scoring.networks.pixel_scales import PixelScale, scale_word, take_pixels
from scoring.networks.vgg16 import build_vgg16, check_weights, vgg16_digest, weights_path
from scoring.networks.vgg16_convolutions import build_convolutions, convolutions_digest
from scoring.pixels.input_shape import IMAGE_SIZE
from scoring.storage.locations import Location, absolute_text, locate

if TYPE_CHECKING:
    import keras

# The layers of keras.applications.VGG16 that fast.ai's lesson cuts at.
LAST_DENSE = "fc2"  # 4,096 values: below them everything stays as ImageNet taught it
CONVOLUTIONS = "flatten"  # 25,088 values: the two dense layers above them are trained as well
LAST_POOL = "block5_pool"  # 512 values once averaged over positions: the end of the convolutions
LAST_CONVOLUTION = "block5_conv3"  # the last layer below it: four times the positions
_OF_ONE_POSITION = ("mobilenet", "mobilenetv3large", "mobilenetv3small")  # what stands below their classes
_BELOW_KERNELS = ("input_layer", "conv1_pad")  # of VGG16, VGG19 and the ResNets; Keras may number the first


def base_of(request: BaseRequest) -> BaseNetwork:
    """Decide which kind of base network was asked for."""
    if request.further:
        return BasesSideBySide(request, tuple(map(base_of, request.each)))
    kinds = {VGG16: Vgg16Base, VGG16_CONVOLUTIONS: ConvolutionsBase}
    others = ApplicationBase if request.model in APPLICATIONS else KerasFileBase
    return kinds.get(request.model, others)(request)


def build_base(request: BaseRequest, digest: str) -> "keras.Model":
    """Build the base network of a digest; for errors see `BaseNetwork.build`.

    Raises:
        ModelError: If its files have been replaced since.
    """
    base = base_of(request)
    network = base.build()
    if base.digest() != digest:
        raise ModelError(
            f"Expected the base network that the features are of, {request.name}; a file of it was replaced since. "
            "Bring it back, or use `overwrite` to start clean."
        )
    return network


def takes_weights(name: str) -> bool:
    """Whether a base of this name is a published network; a file brings its own weights."""
    return name in APPLICATIONS or name == VGG16_CONVOLUTIONS


def is_published(request: BaseRequest) -> bool:
    """Whether all networks of a base are published ones."""
    return all(takes_weights(each.model) for each in request.each)


@dataclass(frozen=True)
class Vgg16Base:
    """VGG16; see `BaseNetwork`."""

    request: BaseRequest

    def check(self) -> None:
        """Raise ModelError unless named weights are a file, and size and pixels are left out."""
        check_weights(self.request.weights)
        for field, is_said in (("size", self.request.size), ("pixels", self.request.pixels != PixelScale.UNCHANGED)):
            if is_said:
                raise ModelError(
                    f"`{field}` belongs to .keras files; the pixels of {self.request.model} are known. Leave it out."
                )
        self._check_views()

    @property
    def _side(self) -> int | None:
        """The only size of pictures that it takes; None takes any."""
        return IMAGE_SIZE

    def _check_views(self) -> None:
        asked = self.request.views.sizes if self.request.views else ()
        if self._side and asked not in ((), (self._side,)):
            raise ModelError(
                f"Expected `size` {self._side} with `base` {self.request.model}, which takes no other; received "
                f"{','.join(map(str, asked))}. {VGG16_CONVOLUTIONS} takes any."
            )

    def absolute(self) -> BaseRequest:
        """The request with the absolute path of its weights file."""
        path = weights_path(self.request.weights)
        return replace(self.request, weights=absolute_text(path)) if path else self.request

    def files(self) -> dict[str, Location]:
        """The weights file, where one is named."""
        path = weights_path(self.request.weights)
        return {"weights": locate(path)} if path else {}

    def choose_layer(self, unfreeze_dense: bool) -> BaseRequest:
        """The request, cut at the second dense layer, or below both dense layers if they are trained."""
        if not unfreeze_dense:
            return replace(self.request, layer=self.request.layer or LAST_DENSE)
        if self.request.layer not in (None, CONVOLUTIONS):
            raise _no_dense_layers()
        return replace(self.request, layer=CONVOLUTIONS)

    def digest(self) -> str:
        """The digest of the weights."""
        return vgg16_digest(self.request.weights) + self._order

    @property
    def _order(self) -> str:
        """A word for what is cut where earlier versions gave red first, and Caffe's scale has blue."""
        scale = APPLICATIONS.get(self.request.model, APPLICATIONS[VGG16]).pixels
        is_below = (self.request.layer or "").startswith(_BELOW_KERNELS)
        return "-bgr" if is_below and scale is PixelScale.CAFFE else ""

    def build(self) -> "keras.Model":
        """Build the network; its preprocessing is inside, the same as when it scores."""
        return self.request.see(build_vgg16(self.request.weights, self.request.cut, "base"))


@dataclass(frozen=True)
class ConvolutionsBase(Vgg16Base):
    """VGG16 without its dense layers; see `BaseNetwork`."""

    @property
    def _side(self) -> int | None:
        """None: convolutions take any size."""
        return None

    def choose_layer(self, unfreeze_dense: bool) -> BaseRequest:
        """The request, cut at the network's end, or below its last pooling where views are pooled."""
        if unfreeze_dense:
            raise _no_dense_layers()
        return replace(
            self.request, layer=self.request.layer or (LAST_CONVOLUTION if self.request.views else LAST_POOL)
        )

    def digest(self) -> str:
        """The digest of the weights."""
        return convolutions_digest(self.request.weights) + self._order

    def build(self) -> "keras.Model":
        """Build the network; its preprocessing is inside."""
        request, side = self.request, None if self.request.views else IMAGE_SIZE
        return request.see(build_convolutions(request.weights, request.cut, "base", side))


@dataclass(frozen=True)
class ApplicationBase(Vgg16Base):
    """A classifier of `keras.applications`; see `BaseNetwork`."""

    @property
    def _side(self) -> int | None:
        """The side that it was published with."""
        return APPLICATIONS[self.request.model].size

    def choose_layer(self, unfreeze_dense: bool) -> BaseRequest:
        """The request as it is: cut where the user says, or below the classes."""
        if unfreeze_dense:
            raise _no_dense_layers()
        return self.request

    def digest(self) -> str:
        """The digest of the weights, with the network's name, and words for what earlier versions gave otherwise."""
        digest = application_digest(APPLICATIONS[self.request.model], self.request.weights).replace(":", "-")
        is_one = _is_pooled_in_many_ways(self.request) and self.request.model in _OF_ONE_POSITION
        return f"{digest}{self._order}{'-once' if is_one else ''}"

    def build(self) -> "keras.Model":
        """Build the network; its preprocessing is inside, the same as when it scores."""
        request = self.request
        return request.see(build_application(APPLICATIONS[request.model], request.weights, request.cut, "base"))


@dataclass(frozen=True)
class KerasFileBase:
    """A `.keras` file; see `BaseNetwork`."""

    request: BaseRequest

    def check(self) -> None:
        """Raise ModelError unless the file is there, of the size asked for, and weights are left out."""
        like = ", ".join(applications_like(self.request.model)) or VGG16
        what = f"`base`, unless it is {VGG16_CONVOLUTIONS} or a classifier of keras.applications such as {like},"
        check_keras_name(self.request.model, what)
        if self.request.weights is not None:
            raise ModelError("`weights` belongs to published networks; a .keras file brings its own. Leave it out.")
        check_own_size(file_here(self.request.model), self.request.size)

    def absolute(self) -> BaseRequest:
        """The request with the file's absolute path, or with a hub's name and version."""
        return replace(self.request, model=absolute_keras_name(self.request.model))

    def files(self) -> dict[str, Location]:
        """The file; nothing for a hub's name."""
        place = keras_place(self.request.model)
        return {"base": place} if place else {}

    def choose_layer(self, unfreeze_dense: bool) -> BaseRequest:
        """The request as it is: cut where the user says, or below the classes, if there are any."""
        if unfreeze_dense:
            raise _no_dense_layers()
        return self.request

    def digest(self) -> str:
        """The digest of architecture and weights, with the size and scale where they are not the file's.

        Words behind it tell of networks that earlier versions cut elsewhere.
        """
        path, request = local_keras_file(self.request.model), self.request
        whole = "whole" if request.layer is None and has_no_classes(path) else ""
        within = "within" if request.layer is None and is_one_list(path) else ""
        order = "channels-last" if is_cut_channels_first(path, request.layer) else ""
        nested = "nested" if order and has_nested_networks(path) else ""
        once = "once" if _is_pooled_in_many_ways(request) and may_end_in_one_position(path) else ""
        words = (size_word(path, request.size), whole, within, order, nested, once, scale_word(request.pixels))
        return "-".join([keras_digest(path), *filter(None, words)])

    def build(self) -> "keras.Model":
        """Build the network in the file up to the layer, behind its scale."""
        path = local_keras_file(self.request.model)
        network = load_keras_file(path)
        if len(network.outputs) != 1 and self.request.layer is None:
            raise ModelError(
                f"Expected a model of one output; {path} has {len(network.outputs)}. Name a layer with `features`."
            )
        features = self.request.cut(network, "base", architecture(path))
        if views := self.request.views:
            for side in views.sizes:
                with_pixels(features, (side, side), path)
            features = features if views.sizes else with_pixels(features, None, path)
            return self.request.see(take_pixels(features, self.request.pixels, path))
        return take_pixels(with_pixels(features, self.request.size, path), self.request.pixels, path)


def _is_pooled_in_many_ways(request: BaseRequest) -> bool:
    """Whether what stands below a network's classes is, where it has positions."""
    return request.layer is None and request.views is not None and len(request.views.pooling) > 1


def _no_dense_layers() -> ModelError:
    return ModelError(f"`unfreeze` dense trains {VGG16}'s own dense layers. Leave out `base` and `features`.")
