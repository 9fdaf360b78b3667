"""The sonar returns of UCI, echoes of mines and of rocks: where they come from, and what training needs of them.

Source: Gorman and Sejnowski, "Analysis of hidden units in a layered network trained to classify sonar targets",
Neural Networks 1 (1988); https://archive.ics.uci.edu/dataset/151.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scoring.arrays import Float32Array
from scoring.errors import DownloadError, SonarError, StorageError
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
_UCI_CONTENT = "94d113b31b7115f608ce36a0dcfd48d306b0465288321db587f4694aca41454f"  # `content_digest` of that file
_PASS_IT = "Fetch the file by other means and pass it as `{}`."
NOT_UCI = "left out: they are of UCI's returns, and these are of another file"


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

    @property
    def content_digest(self) -> str:
        """SHA-256 of bands and labels in their order: the same, however a file spells them."""
        labels = "" if self.labels is None else "".join(self.labels)
        return hashlib.sha256(self.bands.astype("<f4").tobytes() + labels.encode()).hexdigest()

    def originals(self) -> npt.NDArray[np.intp]:
        """For each return the row of the first one of the same bands: its own, unless it is a copy."""
        first: dict[bytes, int] = {}
        return np.array([first.setdefault(bands.tobytes(), row) for row, bands in enumerate(self.bands)])

    @property
    def are_uci(self) -> bool:
        """Whether these are UCI's returns, in UCI's order."""
        return self.content_digest == _UCI_CONTENT


def are_uci(data_sha256: str, content_sha256: str | None) -> bool:
    """Whether a file is UCI's by its digest, or by that of the returns in it, which earlier versions did not tell."""
    return content_sha256 == _UCI_CONTENT or f"sha256:{data_sha256}" == UCI_CHECKSUM


def find_sonar(source: str, timeout_s: float = 10.0, field: str = "sonar") -> Path:
    """Return the path of the returns: a local file, or for `uci` the published one, downloaded once and checked.

    Args:
        source: A path, or `uci`.
        timeout_s: Seconds for which UCI may keep silent.
        field: What the user calls `source`, for messages.

    Raises:
        SonarError: If there is no such file.
        DownloadError: If UCI cannot be reached, or its file has another checksum.
        StorageError: If it cannot be kept in this machine's cache.
    """
    if source == UCI:
        try:
            return fetch(UCI_URL, cache_folder() / "datasets" / "sonar.all-data", UCI_CHECKSUM, timeout_s)
        except DownloadError as error:
            raise DownloadError(f"{error} {_PASS_IT.format(field)}") from error
        except StorageError as error:
            raise StorageError(f"{error} {_PASS_IT.format(field)}") from error
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
        found = " and ".join(f"{count} {name}" for name, count in counts.items())
        raise SonarError(
            f"Expected exactly {NUM_ROWS} returns, as UCI has, at least {MIN_OF_A_KIND} of each kind; {path} has "
            f"{len(returns.bands)}: {found}. Use UCI's own file, or score with a trained model."
        )
