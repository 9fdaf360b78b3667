"""`score` as it is, but for Ray: one worker, within the driver's own process; a run takes a tenth of a second.

For faults of files, leases, clocks and buckets, which Ray has no part in: hundreds of them in the time of one cluster.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Self
from unittest.mock import Mock, patch

from rich.console import Console

from cluster.devices import Devices
from cluster.outcomes import Outcome, TaskDone, TaskFailed
from cluster.placement import Placement
from cluster.worker import WorkerInfo, one_line
from jobs.score.job import run_score
from jobs.score.request import ImagesRequest, ScoreRequest, SonarRequest
from jobs.score.result import Run
from scoring.models.classifier import Classifier
from scoring.models.model_request import ModelRequest
from scoring.models.output_meaning import OutputMeaning
from scoring.networks.precision import Precision
from scoring.pixels.decoding import Resize
from scoring.shards.report import ShardReport
from scoring.shards.retry import ShardTask, shard_of
from scoring.shards.scorer import ShardScorer
from scoring.shards.settings import ScorerDescription, ScorerSettings
from scoring.storage.locations import Location
from tests.fakes import load_fake
from tests.gate.turnstile import pass_gate

GATE = "SHARDSCORE_TEST_GATE"
_HERE = Devices(host="here", gpu_ids=(), node_id="here", pid=0, num_cpus=1)


def _load(request: ModelRequest) -> Classifier:
    """Like a fine-tuned model, it says how far its submissions keep from 0 and 1."""
    return replace(load_fake(request), clip=0.0312)


class OwnPool:
    """Stands in for a pool of workers: this process is the only one. What it does with tasks is left open.

    Args:
        score: Scores a shard.
        description: What it says of itself.
    """

    num_lost_workers = num_repeats = 0
    start_failures: tuple[str, ...] = ()

    def __init__(self, score: Callable[[ShardTask], ShardReport], description: ScorerDescription) -> None:
        self._score = score
        self.ready_workers = [WorkerInfo(0, _HERE, description, 1)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def wait_ready(self, until: Callable[[], bool]) -> None:
        """Nobody is waited for."""

    def first_ready(self) -> WorkerInfo[ScorerDescription]:
        """This process."""
        return self.ready_workers[0]


class HerePool(OwnPool):
    """What a shard raises costs that shard, as it does in a worker; what is not an `Exception` ends the driver."""

    def __init__(self, request: ImagesRequest, settings: ScorerSettings, *_: object) -> None:
        scorer = ShardScorer(settings, _load)
        super().__init__(scorer, scorer.description)
        self._folder = settings.output / "predictions"

    def run(self, tasks: Iterable[ShardTask]) -> Iterator[Outcome[ShardTask, ShardReport]]:
        for task in tasks:
            if os.environ.get(GATE):
                pass_gate(Path(os.environ[GATE]), self._folder / f"shard-{shard_of(task):05d}.parquet")
            try:
                report = self._score(task)
            except Exception as error:  # noqa: BLE001  # as a worker's does
                yield TaskFailed(task, 1, one_line(error), error)
            else:
                yield TaskDone(task, report, 0)


@contextmanager
def without_ray(pool: Callable[..., Any] = HerePool) -> Iterator[None]:
    """Let `run_score` do without Ray in the block, with this in the place of its pool."""
    stand_ins: dict[str, Any] = {
        "jobs.score.job.open_session": lambda *_: nullcontext(),
        "jobs.score.job.find_missing_by_node": lambda files: {},
        "jobs.score.images_job.place_actors": lambda request, console: Placement(1, 0, 1),
        "jobs.score.images_job.start_actors": pool,
        "jobs.score.shard_loop.ScoringMetrics": Mock(),
    }
    with ExitStack() as stack:
        for name, stand_in in stand_ins.items():
            stack.enter_context(patch(name, stand_in))
        yield


def score_here(
    images: Location,
    output: Location,
    console: Console | None = None,
    overwrite: bool = False,
    pool: Callable[..., Any] = HerePool,
    sonar: SonarRequest | None = None,
    outputs: OutputMeaning | None = None,
    **options: Any,
) -> Run:
    """Score images into a run folder, in shards of four."""
    model = Path(__file__).with_name("model.keras")
    request = ModelRequest(str(model), None, "cat,dog", Precision.FLOAT32, "tensorflow", outputs=outputs)
    settings: dict[str, Any] = {"batch_size": 4, "shard_size": 4} | options
    settings["resize"] = Resize(options.get("resize", "squash"))
    with without_ray(pool), patch.object(ModelRequest, "check", lambda request: None):
        images_request = ImagesRequest(images, request, **settings)
        return run_score(
            ScoreRequest(output, images_request, sonar, overwrite=overwrite), console or Console(quiet=True)
        )
