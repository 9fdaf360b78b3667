"""The network in a model folder, loaded: whole, or put together from a head and the base that it was trained on."""

from dataclasses import replace
from typing import TYPE_CHECKING

from scoring.errors import ModelError
from scoring.models.model_folder import ModelFolder
from scoring.models.training_record import TrainingRecord
from scoring.networks.base_networks import base_of
from scoring.networks.engines import Network
from scoring.networks.keras_files import check_keras_file, keras_digest, load_keras_file
from scoring.pixels.input_shape import filled
from scoring.storage.downloads import local_copy

if TYPE_CHECKING:
    import keras


def finetuned_network(folder: ModelFolder, training: TrainingRecord, weights: str | None) -> Network:
    """A folder's network, from uint8 pixels to probabilities.

    Args:
        folder: Where it is.
        training: The folder's record.
        weights: The base network's weights file, if the folder holds a head alone and they are not where they were.

    Raises:
        ModelError: If a file is missing, or the base network is not the one that the head was trained on.
    """
    if training.head_only:
        return _network_of_head(folder, training, weights)
    check_keras_file(folder.network, "`model`")
    path = local_copy(folder.network)
    return Network(keras_digest(path), lambda: load_keras_file(path))


def _network_of_head(folder: ModelFolder, training: TrainingRecord, weights: str | None) -> Network:
    check_keras_file(folder.head_network, "`model`")
    base = base_of(replace(training.base.request, weights=weights or training.base.request.weights))
    try:
        base.check()
    except ModelError as error:
        raise ModelError(f"{folder.path} holds a head alone, and the base below it cannot be had: {error}") from error
    found = base.digest()
    if found != training.base.digest:
        raise ModelError(
            f"Expected the base network that the head in {folder.path} was trained on, {training.base.digest[:12]}; "
            f"received {found[:12]}. Name its file with `weights`."
        )
    head = local_copy(folder.head_network)

    def build() -> "keras.Model":
        return put_together(base.build(), load_keras_file(head), training.flip)

    return Network(f"{found}:{keras_digest(head)}", build)


def put_together(base: "keras.Model", head: "keras.Model", flip: bool) -> "keras.Model":
    """One network of base and head.

    Args:
        base: The network from float pixels to features.
        head: The network from features to probabilities.
        flip: Score the mirror image too, and average.

    Returns:
        From uint8 RGB pixels, of the size that the base takes, to probabilities, shape (batch, num_classes).
    """
    import keras

    pixels = keras.Input(filled(base.inputs[0].shape[1:]).as_array(), dtype="uint8")
    images = keras.ops.cast(pixels, "float32")
    if not flip:
        return keras.Model(pixels, head(base(images)))
    views = [head(base(view)) for view in (images, keras.ops.flip(images, axis=2))]
    return keras.Model(pixels, keras.layers.Average()(views))
