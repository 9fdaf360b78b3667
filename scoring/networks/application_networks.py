"""Build the classifiers of `keras.applications` with their weights and their preprocessing inside."""

from typing import TYPE_CHECKING

import numpy as np

from scoring.networks.applications import Application
from scoring.networks.engines import Network
from scoring.networks.pixel_scales import with_preprocessing
from scoring.networks.published_files import load_weights, weights_file
from scoring.networks.vgg16 import RANDOM_SEED, RANDOM_WEIGHTS, load_vgg16, vgg16_digest
from scoring.storage.downloads import weights_digest

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras

_IMAGENET_DEVIATION = (0.229, 0.224, 0.225)  # RGB; keras.applications.efficientnet


def application_network(application: Application, weights: str | None) -> Network:
    """A classifier from float RGB pixels, 0 to 255, to class probabilities.

    Args:
        application: Which classifier.
        weights: What `load_application` takes; they are downloaded here, and loaded when the network is built.

    Raises:
        DownloadError: If they are not here and cannot be downloaded.
    """
    digest = application_digest(application, weights)
    is_own = weights not in (None, RANDOM_WEIGHTS)
    return Network(digest, lambda: build_application(application, weights), is_published=True, has_own_weights=is_own)


def build_application(
    application: Application,
    weights: str | None,
    cut: "Callable[[keras.Model], keras.Model] | None" = None,
    name: str | None = None,
) -> "keras.Model":
    """A classifier, or a part of it, from float RGB pixels, 0 to 255.

    Args:
        application: Which classifier.
        weights: What `load_application` takes.
        cut: Takes the part of the network that is wanted. Its layers have the names that they have in a fresh process.
        name: Name of the network that is returned.
    """
    if cut:
        import keras

        # Keras numbers names on from all that this process has made: `add_10` would be another layer the next time.
        keras.utils.clear_session(free_memory=False)
    return with_preprocessing(load_application(application, weights), application.pixels, cut, name)


def load_application(application: Application, weights: str | None) -> "keras.Model":
    """Build a network and load its weights.

    Args:
        application: Which classifier.
        weights: A `.h5` or `.weights.h5` file in Keras' layout (of VGG16 also in that of fast.ai's course); None for
            ImageNet's, downloaded once per machine; `random` for an untrained network, the same in every process.

    Returns:
        From pixels in the network's own scale to class probabilities.

    Raises:
        ModelError: If the weights cannot be read or belong to another network.
        DownloadError: If they are not here and cannot be downloaded.
    """
    import keras

    if application.name == "vgg16":
        return load_vgg16(weights)
    build = getattr(keras.applications, application.class_name)
    shape = (application.size, application.size, 3)
    if weights == RANDOM_WEIGHTS:
        keras.utils.set_random_seed(RANDOM_SEED)
        return build(weights=None, input_shape=shape)
    path = weights_file(weights, application.weights)
    # Zeros are there at once; drawing the numbers of large networks takes seconds.
    with keras.utils.custom_object_scope({"glorot_uniform": keras.initializers.Zeros}):
        network = build(weights=None, input_shape=shape)
    load_weights(network, path, application.class_name)
    if application.class_name.startswith("EfficientNetB"):
        _scale_as_trained(network, is_published=weights is None)
    return network


def application_digest(application: Application, weights: str | None) -> str:
    """Identifies a network and its weights; for arguments and errors see `load_application`."""
    if application.name == "vgg16":
        return vgg16_digest(weights)
    if weights == RANDOM_WEIGHTS:
        return f"{application.name}-{RANDOM_WEIGHTS}-{RANDOM_SEED}"
    return f"{weights_digest(weights_file(weights, application.weights))}:{application.name}"


def _scale_as_trained(network: "keras.Model", is_published: bool) -> None:
    """Divide pixels by ImageNet's standard deviation, not by its root, as Keras does with the weights it publishes.

    Their normalisation holds the standard deviation where it should hold the variance. `weights="imagenet"` adds a
    layer that divides by the root once more; `weights=FILE` of the same file does not, and sees half of the contrast.
    Weights with the same statistics were trained behind that layer. See tensorflow/tensorflow#49930.
    """
    import keras

    layer = next(layer for layer in network.layers if isinstance(layer, keras.layers.Normalization))
    mean, variance, *others = layer.get_weights()
    deviation = np.array(_IMAGENET_DEVIATION, np.float32)
    if is_published or np.allclose(variance, deviation, rtol=1e-3):
        layer.set_weights([mean, variance * deviation, *others])
        layer.finalize_state()
