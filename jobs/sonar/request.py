"""What `shardscore sonar` was asked for."""

from dataclasses import dataclass
from pathlib import Path

from cluster.placement import WorkerRequest
from scoring.networks.keras_files import check_clock
from scoring.sonar.protocols import EvaluationProtocol
from scoring.sonar.recipes import SonarModel


@dataclass(frozen=True)
class StudyRequest:
    """What `shardscore sonar` was asked for.

    Attributes:
        source: A file in UCI's format, or `uci`.
        output: Folder that gets `sonar/`.
        protocols: Ways to divide the returns.
        models: What to train.
        seed: Decides folds, initial weights and noise.
        backend: Keras' backend.
        address: A Ray cluster; None starts one on this machine.
        actors: Processes of one core each; None takes one per core.
        overwrite: Replace an earlier study in `output`.
    """

    source: str
    output: Path
    protocols: tuple[EvaluationProtocol, ...]
    models: tuple[SonarModel, ...]
    seed: int
    backend: str
    address: str | None = None
    actors: int | None = None
    overwrite: bool = False

    @property
    def workers(self) -> WorkerRequest:
        """The actors that train."""
        return WorkerRequest(self.actors, gpus_per_worker=0.0, cpus_per_worker=1.0)

    def check(self) -> None:
        """Refuse what would fail after the training.

        Raises:
            PlacementError: If the number of actors makes no sense.
            StorageError: If the model could not be saved.
        """
        self.workers.check()
        check_clock()
