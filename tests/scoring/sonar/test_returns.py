"""Which returns may train."""

from pathlib import Path

import numpy as np
import pytest

from scoring.errors import SonarError
from scoring.sonar.protocols import split_rows
from scoring.sonar.returns import MIN_OF_A_KIND, NUM_ROWS, SonarReturns, check_trainable


def _returns(num_mines: int) -> SonarReturns:
    labels = np.where(np.arange(NUM_ROWS) < num_mines, "M", "R")
    return SonarReturns(np.full((NUM_ROWS, 60), 0.5, np.float32), labels, "d" * 64)


@pytest.mark.parametrize("num_mines", [0, 1, MIN_OF_A_KIND - 1, NUM_ROWS - 1, NUM_ROWS])
def test_too_few_of_a_kind_are_refused_in_one_line_with_both_counts(num_mines: int) -> None:
    counts = f"{num_mines} M and {NUM_ROWS - num_mines} R"
    told = rf"^Expected exactly 208 returns, as UCI has, at least 10 of each kind; few\.csv has 208: {counts}\. Use"
    with pytest.raises(SonarError, match=told) as refused:
        check_trainable(_returns(num_mines), Path("few.csv"))
    assert "\n" not in str(refused.value)


def test_the_original_of_a_return_is_the_first_of_the_same_bands() -> None:
    bands = np.array([[0.1], [0.2], [0.1], [0.3], [0.2]], np.float32).repeat(60, axis=1)
    assert SonarReturns(bands, None, "d" * 64).originals().tolist() == [0, 1, 0, 3, 1]


def test_ten_of_a_kind_are_enough_to_divide() -> None:
    returns = _returns(MIN_OF_A_KIND)
    check_trainable(returns, Path("enough.csv"))
    assert split_rows(returns, seed=0)[:MIN_OF_A_KIND].sum() == 6
