"""The network below a head: VGG16 or any `.keras` model, cut off at one of its layers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scoring.errors import ModelError
from scoring.networks.keras_files import check_keras_file, check_takes_pixels, keras_digest, load_keras_file
from scoring.networks.vgg16 import RANDOM_WEIGHTS, check_weights, load_vgg16, preprocess, vgg16_digest
from scoring.pixels.decoding import IMAGE_SIZE
from scoring.storage.downloads import local_copy
from scoring.storage.locations import absolute_text, locate

if TYPE_CHECKING:
    import keras

VGG16 = "vgg16"
# The layers of keras.applications.VGG16 that fast.ai's lesson cuts at.
LAST_DENSE = "fc2"  # 4,096 values: below them everything stays as ImageNet taught it
CONVOLUTIONS = "flatten"  # 25,088 values: the two dense layers above them are trained as well
DENSE_LAYERS = ("fc1", "fc2")


@dataclass(frozen=True)
class BaseRequest:
    """Which network, and where to cut it.

    Attributes:
        model: `vgg16`, or the path of a `.keras` model of (224, 224, 3) pixels.
        weights: A weights file for VGG16, `random`, or None for ImageNet's.
        layer: Whose outputs are the features; None takes what the last layer with weights takes.
    """

    model: str = VGG16
    weights: str | None = None
    layer: str | None = None

    def check(self) -> None:
        """Raise ModelError for a request that cannot be met, without importing Keras."""
        if self.model == VGG16:
            check_weights(self.weights)
            return
        check_keras_file(locate(self.model), f"--base, unless it is {VGG16},")
        if self.weights is not None:
            raise ModelError(f"--weights belongs to {VGG16}; a .keras file brings its own. Leave it out.")

    def absolute(self) -> "BaseRequest":
        """The same with absolute paths, for workers that started elsewhere."""
        model = self.model if self.model == VGG16 else absolute_text(self.model)
        weights = self.weights
        if weights not in (None, RANDOM_WEIGHTS):
            weights = absolute_text(weights)
        return BaseRequest(model, weights, self.layer)


def base_digest(request: BaseRequest) -> str:
    """Identifies the whole network's weights, wherever it is cut."""
    if request.model == VGG16:
        return vgg16_digest(request.weights)
    return keras_digest(local_copy(locate(request.model)))


def build_base(request: BaseRequest) -> "keras.Model":
    """Build a network up to one layer; what is spatial there is averaged over positions.

    Returns:
        From float RGB pixels, 0 to 255, shape (batch, 224, 224, 3), to features, shape (batch, num_features).

    Raises:
        ModelError: If weights do not fit, or there is no such layer.
        DownloadError: If weights are not here and cannot be downloaded.
    """
    import keras

    if request.model != VGG16:
        path = local_copy(locate(request.model))
        model = load_keras_file(path)
        check_takes_pixels(model, path)
        return _cut(model, request, name="base")
    network = load_vgg16(request.weights)
    pixels = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3))
    return keras.Model(pixels, _cut(network, request)(preprocess(pixels)), name="base")


def _cut(network: "keras.Model", request: BaseRequest, name: str | None = None) -> "keras.Model":
    import keras

    features = _outputs_of(network, request)
    if len(features.shape) == 4:
        features = keras.layers.GlobalAveragePooling2D(name="average_over_positions")(features)
    if len(features.shape) != 2 or features.shape[1] is None:
        raise ModelError(f"Expected a layer with one vector for each image; {request.layer} has {features.shape}.")
    return keras.Model(network.inputs, features, name=name)


def _outputs_of(network: "keras.Model", request: BaseRequest) -> "keras.KerasTensor":
    if request.layer is None:
        with_weights = [layer for layer in network.layers if layer.weights]
        if not with_weights:
            raise ModelError(f"Expected a trained network; {request.model} has no weights.")
        return with_weights[-1].input
    names = [layer.name for layer in network.layers]
    if request.layer not in names:
        raise ModelError(
            f"Expected --features to be a layer of {request.model}; received {request.layer}. "
            f"Its last ones are {', '.join(names[-6:])}."
        )
    return network.get_layer(request.layer).output
