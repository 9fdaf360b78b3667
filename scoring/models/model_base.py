"""The network below a classifier's classes, as a base to take features from: what `embed` makes of `model`."""

from dataclasses import replace

from scoring.errors import ModelError, RunFolderError
from scoring.models.model_folder import ModelFolder
from scoring.models.published_network import is_published
from scoring.models.training_record import TrainingRecord, load_training_record
from scoring.networks.applications import application_of
from scoring.networks.base_networks import base_of
from scoring.networks.base_request import BaseRequest
from scoring.networks.keras_folders import refuse_keras_folder
from scoring.networks.keras_names import check_keras_name, keras_place
from scoring.networks.layer_cut import Pooling
from scoring.networks.pixel_scales import PixelScale


def record_of_model(model: str) -> TrainingRecord | None:
    """What a model folder says of its training; None for models of other kinds.

    Raises:
        ModelError: If `model` is a folder in which `finetune` has not finished, or that holds a model of Keras, or a
            published network and a folder.
    """
    place = None if is_published(model) else keras_place(model)
    if place is None or not place.is_dir():
        return None
    folder = ModelFolder(place)
    if not folder.is_ours:
        refuse_keras_folder(place, "`model`")
    try:
        return load_training_record(folder)
    except RunFolderError as error:
        raise ModelError(f"`model`: {error}") from error


def base_of_model(request: BaseRequest) -> BaseRequest:
    """The base that a model has.

    Args:
        request: Its `model` is what `score` takes: a published network, a `.keras` file or a folder of `finetune`.

    Returns:
        The same with the base's name or file; of a folder the base that its head was trained on, cut where it was.

    Raises:
        ModelError: If it is none of these.
    """
    application = application_of(request.model) if is_published(request.model) else None
    if application:
        return base_of(replace(request, model=application.name)).choose_layer(unfreeze_dense=False)
    record = record_of_model(request.model)
    if record is None:
        check_keras_name(request.model, "`model`, unless it is a classifier of keras.applications or a model folder,")
        return request
    base = record.base.request
    if request.size is not None or request.pixels is not PixelScale.UNCHANGED:
        raise ModelError(
            f"Expected no `size` and no `pixels` with {request.model}, which knows its own. Leave them out."
        )
    if base.views and request.pooling is not Pooling.MEAN:
        raise ModelError(
            f"Expected no `pooling` with {request.model}, whose head knows features pooled as {base.views}."
        )
    if base.further:
        if request.weights or request.layer or request.pooling is not Pooling.MEAN:
            raise ModelError(
                f"Expected no `weights`, `features` and `pooling` with {request.model}, whose head knows the features "
                f"of {base.name}. Leave them out."
            )
        return base
    weights, layer = request.weights or base.weights, request.layer or base.layer
    return replace(base, weights=weights, layer=layer, pooling=request.pooling)
