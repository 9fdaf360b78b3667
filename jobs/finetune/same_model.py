"""Whether a model folder holds a finished model of another request, which this one would replace."""

from collections.abc import Iterator

from jobs.finetune.request import FinetuneRequest, Unfreeze
from scoring.errors import RunFolderError
from scoring.finetuning.features import FeatureRequest
from scoring.models.model_folder import ModelFolder
from scoring.models.trained_heads import HeadSettings
from scoring.models.training_record import TrainingRecord, load_training_record
from scoring.networks.base_networks import base_of
from scoring.storage.locations import is_same_place


def refuse_other_model(request: FinetuneRequest) -> None:
    """Refuse a folder whose model is finished and was asked for otherwise.

    Raises:
        RunFolderError: If it is one; the first option that differs is named with both values.
        BucketError: If its bucket cannot be reached.
    """
    folder = ModelFolder(request.output)
    try:
        record = load_training_record(folder)
    except RunFolderError:  # none, or none that is whole: what is there is no finished model
        return
    for option, was, now in _options(record, request):
        if was != now:
            raise RunFolderError(
                f"{folder.path} holds a finished model of another request: expected `{option}` {_shown(was)}; received "
                f"{_shown(now)}. Name the same, use another `output`, or `overwrite` to start clean."
            )


def _options(record: TrainingRecord, request: FinetuneRequest) -> Iterator[tuple[str, object, object]]:
    """What is asked of heads and split, as it was and as it is now; what shapes the features is told by these."""
    if not ModelFolder(request.output).features.record.is_file():
        yield from _features(record, request)
    for (option, was), (_, now) in zip(_heads(record.settings), _heads(request.heads), strict=True):
        yield option, was, now
    yield "seed", record.split_seed, request.seed
    yield "head_only", record.head_only, request.head_only
    if earlier := record.asked:
        yield "ensemble", earlier.ensemble, request.ensemble
        yield "validation", earlier.num_validation, request.num_validation
        yield "folds", earlier.num_folds, request.num_folds
        yield "preset", f"with {earlier.num_draws} draws of folds", f"with {request.num_draws} draws of folds"


def _heads(settings: HeadSettings) -> Iterator[tuple[str, object]]:
    """What users may choose of them."""
    yield "head", settings.kind
    yield "unfreeze", Unfreeze.DENSE if settings.unfreeze_dense else Unfreeze.NONE
    yield "dropout", settings.dropout
    yield "learning_rate", settings.learning_rate
    yield "epochs", settings.max_epochs


def _features(record: TrainingRecord, request: FinetuneRequest) -> Iterator[tuple[str, object, object]]:
    """Of a model that was copied without its features: what they were extracted from."""
    features, images = request.images.model, str(request.images.images.absolute())
    assert isinstance(features, FeatureRequest)
    yield "images", record.images, record.images if is_same_place(record.images, images) else images
    base = base_of(features.base).absolute()
    yield "base", record.base.request.name, base.name
    yield "base", record.base.request, base


def _shown(value: object) -> str:
    return "none" if value is None else str(value)
