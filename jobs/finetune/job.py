"""Fine-tune a network on labelled photos: every photo passes through it once, whatever the number of epochs.

    shardscore finetune --images train/ --output models/dogs-vs-cats

Reads a folder or zip of labelled photos. Leaves a model folder: model.keras, labels.json, training.json,
validation.parquet, and beside them what the same command continues from: features/ (a run folder) and heads/.
"""

import time
from collections.abc import Sequence
from functools import partial

from rich.console import Console

from jobs.console.failures import check_nothing_missing
from jobs.console.session import open_session, tell_removed
from jobs.finetune.heads import train_heads
from jobs.finetune.request import FinetuneRequest
from jobs.finetune.result import Model
from jobs.finetune.table import print_training
from jobs.score.images_job import ImagesJob
from jobs.score.needed_files import require_on_every_node, see_output
from scoring.errors import ImagesError
from scoring.finetuning.photo_split import check_folds, check_split, has_folders
from scoring.models.model_folder import ModelFolder
from scoring.models.training_record import load_training_record, refuse_foreign_model
from scoring.run.holding import hold_folder
from scoring.run.milestones import Milestones
from scoring.sources.entries import ImageEntry
from scoring.sources.splits import leave_out_test


def run_finetune(request: FinetuneRequest, console: Console) -> Model:
    """Extract features, train heads on them, calibrate, and leave a model folder.

    Raises:
        RequestError: If the request makes no sense; where possible before Ray starts.
        IncompleteError: If something it needs cannot be had, or features or heads are missing; they are named.
        ClusterError: If Ray or its actors cannot start.
    """
    milestones = Milestones(time.time())
    request.check()
    folder = ModelFolder(request.output)
    images = ImagesJob(request.images, folder.features, console, leave_out_test, partial(_check_split, request))
    refuse_foreign_model(folder)
    with hold_folder(folder.features) as lease:
        folder.prepare()
        images.start_listing(lease, request.overwrite)
        with open_session(request.address):
            needed = [*see_output(folder.features), *images.files()]
            require_on_every_node(needed)
            milestones.ray_at = time.time()

            def begin() -> None:
                if request.overwrite:
                    folder.remove_earlier(lease.fence)
                    tell_removed(console, folder.path)

            missing = images.run(milestones, needed, begin)
            check_nothing_missing(missing, "shard {}".format, request.overwrite)
            features_s = milestones.since_command_s()
            train_heads(request, folder.features, lease.fence, console)
        record = load_training_record(folder)  # while no other driver can write another
    print_training(console, folder, record, features_s, milestones.since_command_s())
    return Model(folder.path.absolute(), record.labels, record.metrics.after_calibration, record.calibration)


def _check_split(request: FinetuneRequest, images: Sequence[ImageEntry]) -> None:
    if request.must_fold_all and has_folders(images):
        raise ImagesError(
            "Expected photos to divide into `folds`; received folders to train and to validate on, and softmax heads "
            "stop on the latter. Leave `folds` out, or take `head` rbf."
        )
    if request.folds_what_is_left:
        check_folds(images, request.num_validation, request.seed)
    else:
        check_split(images, request.num_validation)
