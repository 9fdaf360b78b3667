"""The sonar half of `score`: one light task beside the images."""

import time
from collections.abc import Collection
from dataclasses import replace

from rich.console import Console

from cluster.light_task import LightTask
from cluster.nodes import Node
from cluster.shared_files import SharedFile
from jobs.score.needed_files import see_file
from jobs.score.request import SonarRequest
from jobs.score.table import print_sonar
from scoring.errors import IncompleteError
from scoring.process.same_version import SameVersion
from scoring.run.fence import Fence
from scoring.run.folder import MISSING_SONAR, RunFolder
from scoring.sonar.metrics_file import SonarMetrics
from scoring.sonar.network import SonarSettings, load_earlier, model_digest, run_sonar, try_model
from scoring.sonar.returns import check_trainable, find_sonar
from scoring.sonar.whole_results import refuse_foreign_files

# From its start: importing Keras, which is most of it, and training take half a minute on one core.
_DEADLINE_S = 1800.0
_LEAST_S = 60.0  # after the images: its process may have been lost, and begun again, a moment ago


class SonarJob:
    """Trains or scores in one light task.

    Raises:
        SonarError: At construction, if the returns cannot be used.
        StorageError: Then too, if a trained network could not be saved.

    Attributes:
        num_returns: How many there are.
        hangs: That the task did so, and was ended without results; None if it was not.
    """

    def __init__(self, request: SonarRequest, folder: RunFolder, console: Console) -> None:
        from scoring.sonar.uci_file import load_sonar  # pandas, of which images alone have no need

        request.check()
        data = find_sonar(request.source)
        returns = load_sonar(data)
        if request.model is None:
            check_trainable(returns, data)
        self.num_returns = len(returns.bands)
        self._folder = folder
        self._console = console
        self._settings = SonarSettings(
            data=data.absolute(),
            data_sha256=returns.digest,
            output=folder.sonar.absolute(),
            seed=request.seed,
            model=request.model.absolute() if request.model else None,
            backend=request.backend,
            content_sha256=returns.content_digest,
        )
        self.hangs: str | None = None
        self._task: LightTask[SonarMetrics] | None = None
        self._ends_at = 0.0
        self._metrics: SonarMetrics | None = None

    def refuse_foreign_files(self) -> None:
        """Refuse a folder where another program's files lie by the names of those that are written; see there."""
        refuse_foreign_files(self._settings.output, with_model=self._settings.model is None)

    def look_for_earlier_result(self, overwrite: bool) -> None:
        """Take up what an earlier run finished, if it is whole; with `overwrite` only see that the model can be read.

        Raises:
            RunFolderError: If that was of other returns, another seed, backend or model.
            ModelError: If the model to score with cannot be read.
        """
        self._settings = replace(self._settings, model_sha256=model_digest(self._settings))
        if not overwrite:
            self._metrics = load_earlier(self._settings)

    @property
    def outlook(self) -> str:
        """What would be done with the returns, in words, once an earlier result has been looked for."""
        if self._metrics is not None:
            return "whose earlier result is whole"
        model = self._settings.model
        return f"scored with {model}" if model else "of which a network trains on 60% and scores the others"

    def files(self) -> list[SharedFile]:
        """What the node that runs the task must see."""
        model = self._settings.model
        return [see_file("sonar", self._settings.data), *([see_file("sonar_model", model)] if model else [])]

    def try_model(self, avoid: Collection[Node]) -> None:
        """See on the open Ray session that the model to score with, if one is named, does so; nothing is written.

        Raises:
            ModelError: If it is not a sonar model, or gives no probabilities.
            IncompleteError: If the task hangs.
        """
        if not self._settings.model:
            return
        task = LightTask(SameVersion(try_model), self._settings, avoid=avoid)
        try:
            task.result(_DEADLINE_S)
        except TimeoutError as error:
            task.stop()
            raise IncompleteError(f"Nothing was removed, for the sonar model hangs: {self._hangs(error)}") from error

    def start(self, fence: Fence, avoid: Collection[Node]) -> None:
        """Start the task on the open Ray session, unless it is done, on a node that sees its files.

        Args:
            fence: Keeps the task of a driver that has lost its lease from writing.
            avoid: Nodes that do not see the files.
        """
        if self._metrics is None:
            self._task = LightTask(SameVersion(run_sonar), replace(self._settings, fence=fence), avoid=avoid)
            self._ends_at = time.monotonic() + _DEADLINE_S

    def finish(self) -> SonarMetrics | None:
        """Wait for the task, tell its result and return it; if it hangs, end it, tell that and return None."""
        if self._task is not None:
            try:
                self._metrics = self._task.result(max(_LEAST_S, self._ends_at - time.monotonic()))
            except TimeoutError as error:
                self._task.stop()
                self.hangs = self._hangs(error)
                self._console.print(f"{MISSING_SONAR} are missing: {self.hangs}", style="red")
                return None
        assert self._metrics is not None
        print_sonar(self._console, self._metrics, self._folder)
        return self._metrics

    def _hangs(self, error: TimeoutError) -> str:
        read = " and ".join(str(path) for path in (self._settings.data, self._settings.model) if path)
        return f"{error} See whether its node still works and can read {read}."
