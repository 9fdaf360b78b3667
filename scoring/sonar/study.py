"""The study of the sonar returns: every protocol with every model, as numbered tasks.

A task trains one model on some folds of one protocol. What a task holds is fixed by the plan and not by the
workers, and its randomness is that of its folds: the results are the same whoever computes it.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from scoring.networks.keras_files import save_keras_file
from scoring.networks.keras_import import import_keras
from scoring.sonar.baselines import score_baseline
from scoring.sonar.ensemble import score_bands, train_folds
from scoring.sonar.protocols import EvaluationProtocol, Fold, plan_folds
from scoring.sonar.recipes import RECIPES, SonarModel
from scoring.sonar.returns import SonarReturns

if TYPE_CHECKING:
    from scoring.arrays import Float32Array

_NETWORKS_PER_TASK = 260  # trained at once; more per step saves nothing
_FITS_PER_TASK = 26  # by scikit-learn, one after the other

TaskResult: TypeAlias = "list[Float32Array] | bytes"  # mine probabilities of each fold's test rows, or a .keras file


@dataclass(frozen=True)
class StudyTask:
    """One model on some folds of one protocol; without a protocol, the final model on all returns.

    Attributes:
        protocol: The protocol whose folds these are; None for the final model.
        model: What is trained.
        folds: The rows that it trains on and is tested on.
    """

    protocol: EvaluationProtocol | None
    model: SonarModel
    folds: tuple[Fold, ...]

    def __str__(self) -> str:
        """What people call it."""
        return f"{self.model}, {self.protocol}" if self.protocol else "the final model"


def plan_study(
    returns: SonarReturns, protocols: Sequence[EvaluationProtocol], models: Sequence[SonarModel], seed: int
) -> list[StudyTask]:
    """List the tasks, the final model's first, then model by model.

    Raises:
        SonarError: If a protocol does not fit the returns.
    """
    folds = {protocol: plan_folds(protocol, returns, seed) for protocol in protocols}
    tasks = [StudyTask(None, SonarModel.OURS, (_all_rows(returns, seed),))]
    for model in models:
        size = _NETWORKS_PER_TASK // RECIPES[model].num_members if model in RECIPES else _FITS_PER_TASK
        for protocol in protocols:
            chunks = (folds[protocol][start : start + size] for start in range(0, len(folds[protocol]), size))
            tasks += [StudyTask(protocol, model, tuple(chunk)) for chunk in chunks]
    return tasks


def _all_rows(returns: SonarReturns, seed: int) -> Fold:
    return Fold(0, 0, np.arange(len(returns.bands)), np.arange(0), (seed, len(EvaluationProtocol), 0, 0))


@dataclass(frozen=True)
class StudyRecipe:
    """Builds the study's worker where it is called; small enough to send to any node.

    Attributes:
        returns: What is divided, with labels.
        tasks: The plan that `plan_study` returns.
        backend: Keras' backend.
    """

    returns: SonarReturns
    tasks: tuple[StudyTask, ...]
    backend: str

    def __call__(self) -> "StudyWorker":
        """Import Keras once for all tasks of this worker."""
        return StudyWorker(self)


class StudyWorker:
    """Computes tasks by number. Call it with one at a time: a second thread would take the first one's core."""

    def __init__(self, recipe: StudyRecipe) -> None:
        import_keras(recipe.backend)  # once for all tasks
        assert recipe.returns.labels is not None
        self._bands = recipe.returns.bands
        self._is_mine = recipe.returns.labels == "M"
        self._tasks = recipe.tasks

    def __call__(self, number: int) -> TaskResult:
        """Compute task `number`."""
        task = self._tasks[number]
        if task.protocol is None:
            return self._final_model(task)
        if task.model not in RECIPES:
            return [score_baseline(task.model, self._bands, self._is_mine, fold) for fold in task.folds]
        network = train_folds(RECIPES[task.model], self._bands, self._is_mine, task.folds)
        probability = score_bands(network, self._bands)  # (num_rows, num_folds)
        return [probability[fold.test_rows, place] for place, fold in enumerate(task.folds)]

    def _final_model(self, task: StudyTask) -> bytes:
        """The file itself: the driver may be on another machine."""
        network = train_folds(RECIPES[task.model], self._bands, self._is_mine, task.folds)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.keras"
            save_keras_file(network, path)
            return path.read_bytes()
