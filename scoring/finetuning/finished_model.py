"""A finished model of the same request and photos stays as it is, whatever a later version would make of them."""

from dataclasses import replace
from typing import Any

from scoring.errors import RunFolderError
from scoring.finetuning.earlier_heads import is_of_same_features
from scoring.finetuning.settings import FinetuneSettings
from scoring.finetuning.training_set import TrainingSet
from scoring.models.model_files import is_whole
from scoring.models.model_folder import ModelFolder
from scoring.models.training_record import (
    AskedHeads,
    TrainedBase,
    TrainingRecord,
    load_training_record,
    save_training_record,
)


def keep_finished(settings: FinetuneSettings, photos: TrainingSet) -> bool:
    """Whether a folder holds one whole; if photos or base were moved, its record says so now.

    Heads, calibration and figures are not compared. Another version of ours or of a library may come to others, and
    runs that go by the model could not be continued with those. A model of an earlier version, which noted no contents
    of its photos, is kept where none is known to be another one and its heads say of features written anew what they
    said of those of then.

    Args:
        settings: What is asked for.
        photos: What heads would be trained on.

    Raises:
        StorageError: If something cannot be read now.
    """
    folder = ModelFolder(settings.output)
    try:
        found = load_training_record(folder)
    except RunFolderError:
        return False
    now = _as_asked(found, settings, photos)
    as_there = replace(now, images=found.images, base=replace(now.base, request=found.base.request))
    if as_there != found or not _may_be_asked(found, settings) or not is_whole(folder, found):
        return False
    if now != found:
        save_training_record(folder, now)
    return True


def _as_asked(found: TrainingRecord, settings: FinetuneSettings, photos: TrainingSet) -> TrainingRecord:
    """A record as it would be of what is asked for now, as far as an earlier version told it."""
    features = photos.features
    may_be_same = not found.data.contents and features.contents and not photos.has_others
    is_untold = may_be_same and is_of_same_features(found, settings, photos)
    data = replace(
        found.data,
        digest=photos.fingerprint.images,
        num_images=len(features.images) + features.num_errors,
        num_errors=features.num_errors,
        contents="" if is_untold else features.contents,
        pixels=found.data.pixels and features.pixels_digest,
        group_column=photos.group_column,
        groups=photos.groups,
    )
    now = replace(found, data=data, **asked_fields(settings, photos))
    return replace(now, asked=found.asked and now.asked, engine=found.engine and now.engine)


def asked_fields(settings: FinetuneSettings, photos: TrainingSet) -> dict[str, Any]:
    """The fields of a `TrainingRecord` that tell what is asked for, and of which photos."""
    fingerprint = photos.fingerprint
    return {
        "images": str(settings.images),
        "labels": photos.labels,
        "class_numbers": photos.class_numbers,
        "base": TrainedBase(settings.base, photos.base_digest),
        "resize": fingerprint.resize,
        "precision": fingerprint.precision,
        "flip": settings.flip,
        "head_only": settings.head_only,
        "split_seed": settings.seed,
        "settings": settings.heads,
        "asked": AskedHeads(settings.ensemble, settings.num_validation, settings.num_folds, settings.num_draws),
        "engine": fingerprint.engine,
    }


def _may_be_asked(found: TrainingRecord, settings: FinetuneSettings) -> bool:
    """Whether the heads may be those that are asked for; of an earlier version, which did not tell, by their number."""
    if found.asked:
        return True
    counted = (len(found.heads), found.data.num_validation, found.data.num_folds)
    return counted == (settings.ensemble, settings.num_validation or found.data.num_validation, settings.num_folds)
