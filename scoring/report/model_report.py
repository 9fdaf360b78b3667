"""What a report says of a model folder: how the head was trained, and how good it is on the validation photos."""

from dataclasses import replace

import pyarrow.parquet as pq

from scoring.errors import RunFolderError
from scoring.models.learned_photos import are_features_of_model
from scoring.models.model_folder import ModelFolder
from scoring.models.training_record import TrainingRecord, check_validation, load_training_record
from scoring.report.facts import unreadable_blocks
from scoring.report.labels_to_check import label_blocks
from scoring.report.learning_curves import learning_curves
from scoring.report.looks import Album, look_blocks
from scoring.report.model_quality import key_figures, model_quality_blocks
from scoring.report.parts import Report, Section
from scoring.report.rows import read_rows, read_unreadable
from scoring.report.text import folder_title, of_model, short_labels
from scoring.report.training_facts import training_blocks
from scoring.run.predictions import shard_files
from scoring.storage.locations import Location, locate, readable


def model_report(folder: ModelFolder, images: Location | None) -> Report:
    """Tell of a fine-tuned model.

    Args:
        folder: Written by `finetune`.
        images: Where its photos lie now; None for where they lay.

    Raises:
        RunFolderError: If the folder is damaged.
    """
    training = load_training_record(folder)
    check_validation(folder, training)
    has_vectors = "probabilities" in pq.read_schema(readable(folder.validation)).names
    rows = read_rows([folder.validation], training.labels, has_vectors)
    if not rows.is_labelled:
        raise RunFolderError(f"Expected photos with known labels in {folder.validation}; it has none.")
    training = replace(training, labels=tuple(short_labels(training.labels)))
    manifest = folder.features.manifest
    features = folder.features.load_record()
    album = Album(
        images or locate(training.images),
        training.resize_mode,
        manifest if manifest.is_file() else None,
        is_moved=images is not None,
        problem=_find_newer_photos(folder, training) if manifest.is_file() else None,
    )
    if features:
        album = replace(album, columns=features.request.columns, input_shape=features.fingerprint.input_shape)
    shards = shard_files(folder.features.predictions)
    sections = [
        Section("Training", training_blocks(training, features), layout="columns"),
        Section("Learning curve", learning_curves(training)),
        Section("Quality", model_quality_blocks(training, rows)),
        Section("Labels to check", label_blocks(rows, training.labels, album)),
        Section("Looks", look_blocks(rows, training.labels, album)),
        Section("Unreadable files", unreadable_blocks(read_unreadable(shards, album.columns.are_known_by_id))),
    ]
    return Report(
        title=folder_title(folder.path),
        subtitle=of_model(training.created_at),
        key_figures=key_figures(training),
        sections=[section for section in sections if section.blocks],
        notices=training.warnings,
    )


def _find_newer_photos(folder: ModelFolder, training: TrainingRecord) -> str | None:
    """Say so if a later fine-tune, which has not ended, has listed other contents of the photos; else None."""
    if not training.data.contents or are_features_of_model(folder, training):
        return None
    return (
        f"Expected the features that this model was trained on in {folder.features.path}; it holds others. Run the "
        "same finetune command again."
    )
