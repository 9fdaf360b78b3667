"""Fine-tune a network on labelled photos: every photo passes through it once, whatever the number of epochs.

    shardscore finetune --images train/ --output models/dogs-vs-cats

Reads a folder or zip of labelled photos. Leaves a model folder: model.keras, labels.json, training.json,
validation.parquet, and beside them what the same command continues from: features/ (a run folder) and heads/.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

from rich.console import Console

from cluster.ledger import TaskFailed
from cluster.nodes import cluster_nodes
from cluster.placement import Placement, place_workers
from cluster.pool import WorkerPool
from cluster.session import open_session
from cluster.shared_files import find_missing_by_node
from cluster.work import function_recipe
from jobs.console.tables import print_failures, print_training
from jobs.score.images_job import ImagesJob
from jobs.score.images_request import ImagesRequest
from jobs.score.needed_files import check_seen, see_output
from scoring.errors import ModelError, RequestError, ScoringError
from scoring.finetuning.features import FeatureRequest
from scoring.finetuning.fitting import HeadSettings
from scoring.finetuning.head_trainer import FinetuneSettings, HeadTask, HeadTrainer, JoinHeads, TrainHead, check_split
from scoring.models.model_folder import ModelFolder
from scoring.networks.base_networks import CONVOLUTIONS, LAST_DENSE, VGG16, BaseRequest
from scoring.run.milestones import Milestones
from scoring.storage.locations import Location


class Unfreeze(StrEnum):
    """What is trained beside the head."""

    NONE = "none"
    DENSE = "dense"


class Augment(StrEnum):
    """Which further views of each photo are used."""

    NONE = "none"
    FLIP = "flip"


_HEAD_DEADLINE_S = 24 * 3600.0  # two dense layers on a few cores take their time


@dataclass(frozen=True)
class FinetuneRequest:
    """What `shardscore finetune` was asked for.

    Attributes:
        output: The model folder.
        images: The photos, their labels, and how to extract features; its model is a `FeatureRequest`.
        heads: How each head is trained.
        ensemble: How many heads.
        num_validation: Photos kept out of training; None takes 2,000, or a fifth of fewer than 10,000.
        seed: Decides the split and every head's initial weights, order and dropout.
        head_only: Keep the head without its base network.
        address: A Ray cluster; None starts one on this machine.
        overwrite: Start clean.
    """

    output: Location
    images: ImagesRequest
    heads: HeadSettings
    ensemble: int = 1
    num_validation: int | None = None
    seed: int = 0
    head_only: bool = False
    address: str | None = None
    overwrite: bool = False

    def check(self) -> None:
        """Raise RequestError for what makes no sense."""
        if self.ensemble < 1:
            raise RequestError(f"Expected --ensemble of at least 1; received {self.ensemble}.")
        if not 0 <= self.heads.dropout < 1:
            raise RequestError(f"Expected --dropout from 0 to below 1; received {self.heads.dropout:g}.")
        if self.heads.max_epochs < 1 or self.heads.learning_rate <= 0:
            raise RequestError("Expected --epochs of at least 1 and a positive --learning-rate.")


def base_of(model: str, weights: str | None, layer: str | None, unfreeze: Unfreeze) -> BaseRequest:
    """Which network to cut, and where.

    Raises:
        ModelError: If dense layers are to be trained that the network has not.
    """
    if unfreeze is Unfreeze.DENSE and (model != VGG16 or layer not in (None, CONVOLUTIONS)):
        raise ModelError(f"--unfreeze dense trains {VGG16}'s own dense layers. Leave out --base and --features.")
    if model == VGG16:
        layer = CONVOLUTIONS if unfreeze is Unfreeze.DENSE else layer or LAST_DENSE
    return BaseRequest(model, weights, layer)


def finetune(request: FinetuneRequest, console: Console) -> bool:
    """Extract features, train heads on them, calibrate, and leave a model folder.

    Returns:
        Whether the model is there.

    Raises:
        RequestError: If the request makes no sense; where possible before Ray starts.
        IncompleteError: If something it needs cannot be had.
        ClusterError: If Ray or its workers cannot start.
    """
    milestones = Milestones(time.time())
    request.check()
    folder = ModelFolder(request.output)
    images = ImagesJob(request.images, folder.features, console, partial(_check_split, request))
    with folder.features.hold(request.overwrite):
        folder.prepare(request.overwrite)
        images.start_listing()
        with open_session(request.address):
            needed = [*see_output(folder.features), *images.files()]
            check_seen(find_missing_by_node(needed), needed)
            if not images.run(milestones, needed):
                return False
            features_s = milestones.since_command_s()
            trained = _train(request, folder, console)
    if trained:
        print_training(console, folder, features_s, milestones.since_command_s())
    return trained


def _train(request: FinetuneRequest, folder: ModelFolder, console: Console) -> bool:
    """Train the missing heads, then join them."""
    heads = [TrainHead(number) for number in range(request.ensemble)]
    stages: tuple[Sequence[HeadTask], ...] = (heads, [JoinHeads()])
    recipe = function_recipe(partial(HeadTrainer, _settings(request)))
    with WorkerPool(recipe, _place(request), _HEAD_DEADLINE_S, faults=(ScoringError,)) as pool:
        for tasks in stages:
            failures = [outcome for outcome in pool.run(tasks) if isinstance(outcome, TaskFailed)]
            if failures:
                print_failures(console, failures, pool.start_failures)
                return False
    return True


def _settings(request: FinetuneRequest) -> FinetuneSettings:
    features = request.images.model
    assert isinstance(features, FeatureRequest)
    return FinetuneSettings(
        output=request.output.absolute(),
        images=request.images.images.absolute(),
        base=features.base.absolute(),
        flip=features.flip,
        heads=request.heads,
        ensemble=request.ensemble,
        num_validation=request.num_validation,
        seed=request.seed,
        head_only=request.head_only,
        backend=features.backend,
    )


def _place(request: FinetuneRequest) -> Placement:
    """One worker for all small heads, which take seconds each; for dense layers one per GPU."""
    nodes = cluster_nodes()
    num_gpus = int(sum(node.num_gpus for node in nodes))
    num_workers = max(1, min(request.ensemble, num_gpus)) if request.heads.unfreeze_dense else 1
    wanted = replace(request.images.workers, num_workers=num_workers, gpus_per_worker=None, cpus_per_worker=None)
    return replace(place_workers(nodes, wanted), elastic=False)


def _check_split(request: FinetuneRequest, targets: list[str | None]) -> None:
    check_split(targets, request.num_validation)
