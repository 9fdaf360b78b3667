"""What `sonar` leaves, as Python has it."""

from dataclasses import dataclass
from pathlib import Path

from scoring.sonar.results import StudyRow


@dataclass(frozen=True)
class Study:
    """A whole sonar study.

    Attributes:
        path: The folder `sonar/`, absolute: metrics.json, predictions.parquet and model.keras.
        rows: One for each model under each protocol: accuracy, its interval, the published figure, every fold.
    """

    path: Path
    rows: tuple[StudyRow, ...]
