"""What `score` leaves, as Python has it."""

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from jobs.score.plan import Plan
from scoring.errors import RequestError, RunFolderError
from scoring.run.fingerprint import Fingerprint
from scoring.run.folder import RunFolder
from scoring.run.reader import RunReader, check_not_replaced
from scoring.run.summary import Summary
from scoring.sonar.metrics_file import METRICS_NAME, SonarMetrics, load_metrics
from scoring.storage.locations import Location


@dataclass(frozen=True)
class Run:
    """A complete run.

    Attributes:
        path: The run folder, absolute.
        summary: What this call did: how many images, how fast, what bound it; None if it was asked for sonar alone.
        sonar: How well the returns were told apart; None if it was asked for images alone.
        plan: What a dry run found; None for any other.
        fingerprint: What its predictions go by, as in `run.json`; None without images.
        digest: SHA-256 over its predictions; None without images.
    """

    path: Location
    summary: Summary | None
    sonar: SonarMetrics | None
    plan: Plan | None = None
    fingerprint: Fingerprint | None = None
    digest: str | None = None

    def predictions(self, columns: Iterable[str] | None = None) -> pa.Table:
        """Load one row for each image, in natural order of the ids; `.to_pandas()` makes it a data frame.

        Args:
            columns: Only these, or the one of this name, of `image_id`, `path`, `status`, `error_message`, `target`,
                `label`, `class_index`, `probability` (0 to 1), `top_labels`, `top_probabilities` and, for models of few
                classes, `probabilities`.

        Raises:
            RequestError: If the run has no images, holds what is not of it, or has no such column.
            RunFolderError: If its folder holds another run now, or rows were scored anew since.
            IncompleteError: If a shard has gone missing since, or is damaged.
        """
        if self.summary is None:
            reason = "was asked for as a dry run" if self.plan else "was given none"
            raise RequestError(f"Expected a run of images; {self.path} {reason}.")
        return RunReader(RunFolder(self.path), expected=self.fingerprint, digest=self.digest).read(columns)

    def check_not_replaced(self) -> None:
        """Refuse to go on where its results are no longer in its folder; what takes a result in a path's place asks.

        Raises:
            RunFolderError: If the folder holds another run now, or rows were scored anew since.
        """
        folder = RunFolder(self.path)
        if self.fingerprint is not None:
            check_not_replaced(folder, folder.load_record(), self.fingerprint, self.digest)
        elif self.sonar is not None:
            found = load_metrics(folder.sonar / METRICS_NAME)
            if found and found.predictions_sha256 != self.sonar.predictions_sha256:
                raise RunFolderError(
                    f"Expected the sonar results of this result in {folder.sonar}; others have taken their place. Take "
                    "the later result, or use another `output`."
                )
