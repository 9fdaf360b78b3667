"""The second half of `finetune`: heads trained on the features, on Ray."""

import os
from collections.abc import Sequence
from functools import partial

from rich.console import Console

from cluster.outcomes import TaskFailed
from cluster.pool import WorkerPool
from cluster.shared_files import SharedFile, require_files
from cluster.work import function_recipe
from jobs.console.failures import check_nothing_missing, given_up, print_failures
from jobs.finetune.head_placement import place_heads
from jobs.finetune.request import FinetuneRequest
from jobs.finetune.settings import finetune_settings
from jobs.score.listing import Listed
from scoring.errors import ScoringError
from scoring.finetuning.head_trainer import HeadTask, HeadTrainer, JoinHeads, TrainHead
from scoring.finetuning.settings import FinetuneSettings
from scoring.process.same_version import SameVersion
from scoring.run.fence import Fence
from scoring.run.folder import RunFolder

_HEAD_DEADLINE_S = 24 * 3600.0  # for each: two dense layers, or hundreds of labels, take their time on a few cores


def train_heads(
    request: FinetuneRequest,
    folder: RunFolder,
    fence: Fence,
    needed: Sequence[SharedFile],
    listed: Listed,
    console: Console,
) -> None:
    """Train the missing heads, then put the model together.

    Args:
        request: What was asked for.
        folder: Where the features are.
        fence: Keeps workers of a driver that has lost its lease from writing.
        needed: What a worker must see to be built; what this process does not see any more is not looked for.
        listed: The photos, with what is told of them.
        console: Where to print.

    Raises:
        IncompleteError: If heads are missing; they are named.
        LeaseLostError: If another driver took over.
    """
    heads = [TrainHead(number) for number in range(request.num_heads)]
    stages: tuple[Sequence[HeadTask], ...] = (heads, [JoinHeads()])
    build = function_recipe(SameVersion(partial(_head_trainer, finetune_settings(request, folder, fence, listed))))
    needed = [file for file in needed if file.is_here()]
    recipe = require_files(build, needed)
    deadline_s = request.num_heads * _HEAD_DEADLINE_S  # the first head may bring all others with it
    with WorkerPool(recipe, place_heads(request, needed), deadline_s, faults=(ScoringError,)) as pool:
        for tasks in stages:
            failures = [outcome for outcome in pool.run(tasks) if isinstance(outcome, TaskFailed)]
            if failures:
                fence.check()
            print_failures(console, failures, pool.start_failures)
            check_nothing_missing(given_up(failures), overwrite=request.overwrite)


def _head_trainer(settings: FinetuneSettings) -> HeadTrainer:
    """Runs in the worker: TensorFlow reads this once for its process, and the same seed gives the same weights."""
    os.environ["TF_DETERMINISTIC_OPS"] = "1"
    return HeadTrainer(settings)
