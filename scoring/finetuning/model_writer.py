"""Put a model together from trained heads: calibrate, join, measure, and write the folder; the record comes last."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from scoring.arrays import Float32Array
from scoring.finetuning.base_check import check_base
from scoring.finetuning.calibration import calibrate, ensemble_probabilities
from scoring.finetuning.heads import Head
from scoring.finetuning.int8_agreement import int8_agreement
from scoring.finetuning.model_record import describe_model
from scoring.finetuning.settings import FinetuneSettings
from scoring.finetuning.training_set import TrainingSet
from scoring.models.finetuned_network import put_together, save_network
from scoring.models.model_files import finish_model
from scoring.models.model_folder import ModelFolder
from scoring.networks.base_networks import build_base
from scoring.run.predictions import ScoredImage, StoreProbabilities, predictions_table, write_table
from scoring.storage.durable import remove_file, storage_faults, write_text

if TYPE_CHECKING:
    import keras


def write_model(
    settings: FinetuneSettings,
    photos: TrainingSet,
    heads: Sequence[Head],
    seeds: Sequence[int],
    join: Callable[[float], "keras.Model"],
) -> None:
    """Write all results of a model folder.

    Args:
        settings: What was asked for.
        photos: What the heads were trained on.
        heads: All of the ensemble, in order.
        seeds: The seed of each head.
        join: Makes one network of them, its logits divided by a temperature.

    Raises:
        ModelError: If they cannot be put together; an earlier model stays.
        StorageError: If a file cannot be written, or is not there when it has been.
    """
    folder = ModelFolder(settings.output)
    logits = photos.measured_logits(heads)
    measured = photos.measured
    calibrated = calibrate(logits, photos.truth[measured], settings.seed, photos.related_of(measured))
    record = describe_model(settings, photos, heads, seeds, logits, calibrated)
    temperature = calibrated.calibration.temperature
    network, head = _networks(settings, photos, lambda: join(temperature))
    with storage_faults(folder.path):
        for path in folder.results:
            remove_file(path)
    digest = save_network(network, folder.head_network if settings.head_only else folder.network)
    validation = _write_validation(folder, photos, ensemble_probabilities(logits, temperature))
    write_text(folder.labels, json.dumps(photos.labels) + "\n")
    agreement = int8_agreement(settings, photos, head)
    finish_model(folder, replace(record, network=digest, validation=validation, agreement=agreement))


def _networks(
    settings: FinetuneSettings, photos: TrainingSet, join: Callable[[], "keras.Model"]
) -> tuple["keras.Model", "keras.Model"]:
    """The network that is kept, and its head, which it is made of or is.

    The base comes first: what was made before it in this process may change what Keras calls its layers. They are
    counted from one, so that a model has one digest, whether its heads were trained here or found.
    """
    import keras

    if settings.head_only:
        head = join()
        return head, head
    keras.utils.clear_session(free_memory=False)
    base = build_base(settings.base, photos.base_digest)
    check_base(settings, photos, base)
    head = join()
    return put_together(base, head, settings.flip), head


def _write_validation(folder: ModelFolder, photos: TrainingSet, probabilities: Float32Array) -> str:
    """Write what the photos were judged by, all of it however many labels there are; return its digest."""
    images = [photos.features.images[row] for row in photos.measured]
    rows = [ScoredImage(image, row) for image, row in zip(images, probabilities, strict=True)]
    return write_table(folder.validation, predictions_table(rows, photos.labels, {}, StoreProbabilities.ALL))
