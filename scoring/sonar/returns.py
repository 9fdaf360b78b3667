"""The sonar returns of UCI, echoes of mines and of rocks: where they come from, and what training needs of them.

Source: Gorman and Sejnowski, "Analysis of hidden units in a layered network trained to classify sonar targets",
Neural Networks 1 (1988); https://archive.ics.uci.edu/dataset/151.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scoring.arrays import Float32Array
from scoring.errors import DownloadError, SonarError
from scoring.storage.downloads import cache_folder, fetch

NUM_BANDS = 60
NUM_ROWS = 208
MIN_OF_A_KIND = 10  # one for each of ten stratified folds; UCI has 111 mines and 97 rocks
BAND_NAMES = tuple(f"band_{number}" for number in range(1, NUM_BANDS + 1))  # in a file that names its columns
LABEL_NAME = "label"
LABEL_NAMES = {"M": "mine", "R": "rock"}
UCI = "uci"
UCI_URL = (
    "https://archive.ics.uci.edu/ml/machine-learning-databases/undocumented/connectionist-bench/sonar/sonar.all-data"
)
UCI_CHECKSUM = "sha256:e90434cdbf00fcf93ffa911fe447ae25606979658e60f1d32e155c3b5240234d"


@dataclass(frozen=True)
class SonarReturns:
    """Returns as they were read.

    Attributes:
        bands: Energy in each frequency band, 0 to 1, shape (num_rows, 60).
        labels: `M` or `R` for each row; None if the file has none.
        digest: SHA-256 of the file.
    """

    bands: Float32Array
    labels: npt.NDArray[np.str_] | None
    digest: str


def find_sonar(source: str, timeout_s: float = 10.0, field: str = "sonar") -> Path:
    """Return the path of the returns: a local file, or for `uci` the published one, downloaded once and checked.

    Args:
        source: A path, or `uci`.
        timeout_s: Seconds for which UCI may keep silent.
        field: What the user calls `source`, for messages.

    Raises:
        SonarError: If there is no such file.
        DownloadError: If UCI cannot be reached, or its file has another checksum.
    """
    if source == UCI:
        try:
            return fetch(UCI_URL, cache_folder() / "datasets" / "sonar.all-data", UCI_CHECKSUM, timeout_s)
        except DownloadError as error:
            raise DownloadError(f"{error} Fetch the file by other means and pass it as `{field}`.") from error
    path = Path(source)
    if not path.is_file():
        raise SonarError(f"Expected `{field}` to be a file in UCI's format, or {UCI}; {source} is no file.")
    return path


def check_trainable(returns: SonarReturns, path: Path) -> None:
    """Raise SonarError unless there are 208 labelled returns, as UCI has, at least ten of them of each kind."""
    if returns.labels is None:
        raise SonarError(
            f"Expected a label M or R in column {NUM_BANDS + 1} of {path}; it has {NUM_BANDS} columns. To score "
            "returns without labels, name a trained model with `sonar_model`."
        )
    counts = {name: int((returns.labels == name).sum()) for name in LABEL_NAMES}
    if len(returns.bands) != NUM_ROWS or min(counts.values()) < MIN_OF_A_KIND:
        raise SonarError(
            f"Expected UCI's {NUM_ROWS} returns of both kinds, at least {MIN_OF_A_KIND} of each; {path} has "
            f"{len(returns.bands)}: {counts}. Use UCI's own file, or score with a trained model."
        )
