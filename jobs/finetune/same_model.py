"""Whether a model folder holds a finished model of another request, which this one would replace."""

from collections.abc import Iterator, Sequence

from jobs.finetune.request import Augment, FinetuneRequest, Unfreeze
from scoring.errors import RunFolderError
from scoring.finetuning.features import FeatureRequest
from scoring.models.model_folder import ModelFolder
from scoring.models.trained_heads import HeadSettings
from scoring.models.training_record import TrainingRecord, load_training_record
from scoring.networks.base_networks import base_of, is_published
from scoring.networks.base_request import BaseRequest
from scoring.networks.pooled_views import Views
from scoring.networks.precision import Precision
from scoring.networks.vgg16 import RANDOM_WEIGHTS
from scoring.run.manifest import default_shard_size, manifest_digest
from scoring.sources.entries import ImageEntry
from scoring.storage.locations import is_same_place

_OF_BASE = "of the base itself"  # a size that no option can name


def refuse_other_model(request: FinetuneRequest) -> TrainingRecord | None:
    """Refuse a folder whose model is finished and was asked for otherwise.

    Returns:
        The record of the finished model that is there; None if there is none.

    Raises:
        RunFolderError: If it is one; the first option that differs is named with both values.
        StorageError: If its records cannot be read now.
    """
    folder = ModelFolder(request.output)
    record = _finished(folder)
    for option, was, now in _options(record, request) if record else ():
        if was != now:
            do = "Ask for" if was in (None, _OF_BASE) else "Name"
            raise RunFolderError(
                f"{folder.path} holds a finished model of another request: expected `{option}` {_shown(was)}; received "
                f"{_shown(now)}. {do} the same, use another `output`, or `overwrite` to start clean."
            )
    return record


def refuse_other_photos(request: FinetuneRequest, images: Sequence[ImageEntry]) -> None:
    """Refuse a folder whose model is finished, was trained on other photos, and has no features that tell so.

    Args:
        request: What is asked for now.
        images: The photos as they are listed now, with their labels.

    Raises:
        RunFolderError: If it was, or on photos with other labels.
        StorageError: If its records cannot be read now.
    """
    folder = ModelFolder(request.output)
    if _features_tell(folder) or not (record := _finished(folder)):
        return
    digest = manifest_digest(images, request.images.shard_size or default_shard_size(len(images)))
    if digest not in (record.data.digest, record.data.listed):
        raise RunFolderError(
            f"{folder.path} holds a finished model of another request: expected the {record.data.num_images:,} photos "
            f"that it was trained on, with their labels and `shard_size`; those of {request.images.images} differ in "
            "one of these. Name the same, use another `output`, or `overwrite` to start clean."
        )


def _finished(folder: ModelFolder) -> TrainingRecord | None:
    """The record of the model in a folder; None if there is none, or none that is whole."""
    try:
        return load_training_record(folder)
    except RunFolderError:
        return None


def _features_tell(folder: ModelFolder) -> bool:
    """Whether the run of the features has a whole record, by which others are refused."""
    try:
        return folder.features.load_record() is not None
    except RunFolderError:
        return False


def _options(record: TrainingRecord, request: FinetuneRequest) -> Iterator[tuple[str, object, object]]:
    """What is asked, as it was and as it is now; of the photos and of files by their contents, the features tell."""
    yield from _networks(record, request.features)
    if not _features_tell(ModelFolder(request.output)):
        yield from _features(record, request)
    for (option, was), (_, now) in zip(_heads(record.settings), _heads(request.heads), strict=True):
        yield option, was, now
    yield "seed", record.split_seed, request.seed
    yield "head_only", record.head_only, request.head_only
    yield "group_column", record.data.group_column, request.images.group_column
    if earlier := record.asked:
        yield "ensemble", earlier.ensemble, request.ensemble
        yield "validation", earlier.num_validation, request.num_validation
        yield "folds", earlier.num_folds, request.num_folds
        yield "preset", f"with {earlier.num_draws} draws of folds", f"with {request.num_draws} draws of folds"
    elif not record.data.num_folds:  # an earlier version, which counted alone
        yield "ensemble", len(record.heads), request.ensemble
        yield "validation", record.data.num_validation, request.num_validation or record.data.num_validation
        yield "folds", 0, request.num_folds


def _heads(settings: HeadSettings) -> Iterator[tuple[str, object]]:
    """What users may choose of them."""
    yield "head", settings.kind
    yield "unfreeze", Unfreeze.DENSE if settings.unfreeze_dense else Unfreeze.NONE
    yield "dropout", settings.dropout
    yield "learning_rate", settings.learning_rate
    yield "epochs", settings.max_epochs


def _networks(record: TrainingRecord, features: FeatureRequest) -> Iterator[tuple[str, object, object]]:
    """What makes other features of any photo; networks and weights of the users' own may be the same elsewhere."""
    base, asked = record.base.request, base_of(features.base).absolute()
    if is_published(base) or is_published(asked):
        yield "base", base.name, asked.name
    for was, now in zip(base.each, asked.each, strict=False):
        if RANDOM_WEIGHTS in (was.weights, now.weights):
            yield "weights", was.weights, now.weights
        yield "features", was.layer, now.layer
        yield "pooling", _pooling(was.views), _pooling(now.views)
        yield "size", _size(was.views), _size(now.views)
        yield "pixels", was.pixels, now.pixels
    yield "augment", _augment(record.flip, base), _augment(features.flip, asked)


def _features(record: TrainingRecord, request: FinetuneRequest) -> Iterator[tuple[str, object, object]]:
    """Of a model without its features, or without their record: what they were extracted from, and how."""
    features, images = request.features, str(request.images.images.absolute())
    yield "images", record.images, record.images if is_same_place(record.images, images) else images
    yield "resize", record.resize_mode, request.images.resize_mode
    if record.engine is not None:
        yield "engine", record.engine, features.engine_name
    if features.precision is not Precision.AUTO:
        yield "precision", record.precision, features.precision
    base = base_of(features.base).absolute()
    yield "base", record.base.request.name, base.name
    for was, now in zip(record.base.request.each, base.each, strict=False):
        yield "weights", was.weights, now.weights
    yield "base", record.base.request, base


def _augment(flip: bool, base: BaseRequest) -> Augment:
    return Augment.FLIP if flip or base.sees_mirrored else Augment.NONE


def _pooling(views: Views | None) -> str | None:
    return ",".join(views.pooling) if views else None


def _size(views: Views | None) -> str:
    return ",".join(map(str, views.sizes if views else ())) or _OF_BASE


def _shown(value: object) -> str:
    return "none told" if value is None else str(value)
