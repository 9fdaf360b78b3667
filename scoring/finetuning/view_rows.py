"""Features that lie in a file, looked at some rows at a time: no more of them is in memory than is worked on."""

import os
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from scoring.arrays import Float64Array

_ROWS_AT_ONCE = 4096
_VALUES_AT_ONCE = 4096 * 4096  # 64 MB as float32
_VALUES_SUMMED = 1024 * 1024  # 8 MB as float64


class ViewRows:
    """Every view of some photos as a row of its own, copied when it is asked for.

    Args:
        values: Features of all photos, shape (num_photos, num_views, num_features).
        photos: Which of them, in which order; None for all.

    Attributes:
        num_features: Columns of a row.
    """

    def __init__(self, values: npt.NDArray[Any], photos: npt.NDArray[np.int64] | None = None) -> None:
        self._flat = values.reshape(-1, values.shape[2])
        self.num_features = int(values.shape[2])
        self._num_views = int(values.shape[1])
        self._photos = np.arange(len(values)) if photos is None else photos

    def __len__(self) -> int:
        return len(self._photos) * self._num_views

    def __getitem__(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Some rows by their numbers, shape (len(rows), num_features)."""
        photos, views = np.divmod(rows, self._num_views)
        taken: npt.NDArray[Any] = self._flat[self._photos[photos] * self._num_views + views]
        return taken

    def blocks(self) -> Iterator[npt.NDArray[Any]]:
        """All rows in order, some thousand at a time, fewer where rows have many columns."""
        at_once = min(_ROWS_AT_ONCE, max(1, _VALUES_AT_ONCE // self.num_features))
        return (self[rows] for rows in np.array_split(np.arange(len(self)), max(1, len(self) // at_once)))

    def sum(self, of: Callable[[Float64Array], Float64Array] = lambda rows: rows) -> Float64Array:
        """The sum over all rows of what is made of each, to the last digit as of all rows at once."""
        total, step = np.zeros(self.num_features), max(1, _VALUES_SUMMED // self.num_features)
        for start in range(0, len(self), step):
            rows = self[np.arange(start, min(start + step, len(self)))].astype(np.float64)
            total = np.add.reduce(np.concatenate([total[None], of(rows)]), axis=0)
        return total


def mapped(shape: tuple[int, ...]) -> npt.NDArray[np.float16]:
    """Room for features in a file without a name; in memory where no file can be had."""
    size_bytes = int(np.prod(shape)) * np.dtype(np.float16).itemsize
    try:
        with tempfile.TemporaryFile() as file:
            os.posix_fallocate(file.fileno(), 0, size_bytes)  # or a full disk would end the process later
            return np.asarray(np.memmap(file, np.float16, "r+", shape=shape))
    except (AttributeError, OSError, ValueError):  # no Linux, no room, nothing to map
        return np.zeros(shape, np.float16)
