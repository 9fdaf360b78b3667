"""The network in a model folder, loaded: whole, or put together from a head and the base that it was trained on."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from scoring.errors import ModelError
from scoring.models.model_folder import ModelFolder
from scoring.models.training_record import TrainingRecord
from scoring.networks.base_networks import base_of, is_published
from scoring.networks.engines import Network
from scoring.networks.keras_files import check_keras_file, checked_copy, keras_digest, load_keras_file, save_keras_file
from scoring.networks.pooled_views import mirrored
from scoring.storage.durable import whole_file
from scoring.storage.locations import Location

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras


def finetuned_network(folder: ModelFolder, training: TrainingRecord, weights: str | None) -> Network:
    """A folder's network, from uint8 pixels to probabilities.

    Args:
        folder: Where it is.
        training: The folder's record.
        weights: The base network's weights file, if the folder holds a head alone and this file has moved.

    Raises:
        ModelError: If a file is missing, or the base network is not the one that the head was trained on.
    """
    if training.head_only:
        return _network_of_head(folder, training, weights)
    check_keras_file(folder.network, "`model`")
    path = checked_copy(folder.network)
    digest = _digest(folder.network, path, training)
    return _network(digest, lambda: load_keras_file(path), training)


def _network(digest: str, build: "Callable[[], keras.Model]", training: TrainingRecord) -> Network:
    base = training.base.request
    return Network(digest, build, is_published(base), base.has_own_weights)


def _digest(network: Location, path: Path, training: TrainingRecord) -> str:
    """The digest of the network, or head, in a folder, which must be the one that its record tells of."""
    digest = keras_digest(path)
    if training.network not in (None, digest):
        raise ModelError(
            f"Expected the network that {network.parent / 'training.json'} describes; {network} is another. Run the "
            "same finetune command again."
        )
    return digest


def _network_of_head(folder: ModelFolder, training: TrainingRecord, weights: str | None) -> Network:
    check_keras_file(folder.head_network, "`model`")
    base = base_of(replace(training.base.request, weights=weights or training.base.request.weights))
    try:
        base.check()
    except ModelError as error:
        raise ModelError(f"{folder.path} holds only a head, and its base network cannot be loaded: {error}") from error
    found = base.digest()
    if found != training.base.digest:
        raise ModelError(
            f"Expected the base network that the head in {folder.path} was trained on, {training.base.digest[:12]}; "
            f"received {found[:12]}. Name its file with `weights`."
        )
    head = checked_copy(folder.head_network)
    digest = _digest(folder.head_network, head, training)

    def build() -> "keras.Model":
        return put_together(base.build(), load_keras_file(head), training.flip)

    return _network(f"{found}:{digest}", build, training)


def save_network(network: "keras.Model", path: Location) -> str:
    """Write a network, or a head, whole; return its digest."""
    with whole_file(path) as temporary:
        save_keras_file(network, temporary)
        return keras_digest(temporary)


def put_together(base: "keras.Model", head: "keras.Model", flip: bool) -> "keras.Model":
    """One network of base and head.

    Args:
        base: The network from float pixels to features.
        head: The network from features to probabilities.
        flip: Score the mirror image too, and average both probabilities.

    Returns:
        From uint8 pixels, shape (batch, height, width, channels), to probabilities, shape (batch, num_classes).
    """
    import keras

    pixels = keras.Input(base.inputs[0].shape[1:], dtype="uint8", name="pixels")
    images = keras.ops.cast(pixels, "float32")
    if not flip:
        return keras.Model(pixels, head(base(images)))
    views = [head(base(view)) for view in (images, mirrored(images))]
    return keras.Model(pixels, keras.layers.Average(name="of_both")(views))
