"""Rows that are drawn at random to stand for all."""

import numpy as np
import numpy.typing as npt


def draw_rows(num_rows: int, share: float, draw: np.random.Generator) -> npt.NDArray[np.int64]:
    """Draw a share of some rows, in order.

    Args:
        num_rows: How many there are.
        share: At most 1; on average over several draws: of few rows, none may be drawn.
        draw: Decides which.
    """
    number = min(num_rows, int(share * num_rows + draw.random()))
    return np.sort(draw.choice(num_rows, number, replace=False))
