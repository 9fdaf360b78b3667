"""How long vectors usually are, and how far others lie from them."""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

_Number = TypeVar("_Number", np.float32, np.float64)


def usual_length(vectors: npt.NDArray[_Number]) -> float:
    """The root of the mean square of their lengths; shape (num_vectors, num_values)."""
    return float(np.sqrt(np.square(np.linalg.norm(vectors, axis=1)).mean()))


def shares_apart(exact: npt.NDArray[_Number], others: npt.NDArray[_Number], least: float) -> npt.NDArray[_Number]:
    """How far vectors lie from others, as a share of the exact ones' length or, if that is less, of the least length.

    Returns:
        Shape (num_vectors,).
    """
    lengths = np.maximum(np.linalg.norm(exact, axis=1), least)
    shares: npt.NDArray[_Number] = np.linalg.norm(exact - others, axis=1) / lengths
    return shares
