"""Fine-tune a network on labelled photos: every photo passes through it once, whatever the number of epochs.

    shardscore finetune --images train/ --output models/dogs-vs-cats

Reads a folder or zip of labelled photos. Leaves a model folder: model.keras, labels.json, training.json,
validation.parquet, and beside them what the same command continues from: features/ (a run folder) and heads/.
"""

import time

from rich.console import Console

from jobs.console.failures import check_nothing_missing
from jobs.console.session import check_not_forked, open_session, tell_removed
from jobs.finetune.heads import train_heads
from jobs.finetune.photos_job import photos_job
from jobs.finetune.request import FinetuneRequest
from jobs.finetune.result import Model
from jobs.finetune.same_model import refuse_other_model
from jobs.finetune.table import print_kept, print_replaced, print_stale_report, print_training
from jobs.score.needed_files import require_on_every_node, see_output
from scoring.models.foreign_model import refuse_foreign_model
from scoring.models.model_folder import ModelFolder
from scoring.models.training_record import load_training_record
from scoring.run.milestones import Milestones


def run_finetune(request: FinetuneRequest, console: Console) -> Model:
    """Extract features, train heads on them, calibrate, and leave a model folder.

    Raises:
        RequestError: If the request makes no sense; where possible before Ray starts.
        IncompleteError: If something it needs cannot be had, or features or heads are missing; they are named.
        ClusterError: If Ray or its actors cannot start.
    """
    check_not_forked()
    milestones = Milestones(time.time())
    request.check()
    folder = ModelFolder(request.output)
    images = photos_job(request, console)
    refuse_foreign_model(folder)
    with folder.hold() as lease:
        earlier = None if request.overwrite else refuse_other_model(request)
        images.start_listing(lease, request.overwrite)
        with open_session(request.address):
            needed = [*see_output(folder.features), *images.files()]
            require_on_every_node([*needed, *images.photos()])
            milestones.ray_at = milestones.now()

            def begin() -> None:
                if request.overwrite:
                    folder.remove_earlier(lease.fence)
                    tell_removed(console, folder.path)

            missing = images.run(milestones, needed, begin)
            check_nothing_missing(missing, request.overwrite)
            features_s = milestones.since_command_s()
            train_heads(request, folder.features, lease.fence, needed, images.listed(), console)
        record = load_training_record(folder)  # while no other driver can write another
    print_training(console, folder, record, features_s, milestones.since_command_s())
    print_kept(console, record, earlier)
    print_replaced(console, folder, record, earlier)
    print_stale_report(console, folder, record)
    metrics, seen = record.metrics.after_calibration, record.data.num_seen
    return Model(folder.path.absolute(), record.labels, metrics, record.calibration, record.digest, seen)
