"""How the sonar returns are divided into training and test rows: the article's way, ten folds, and the paper's two.

The paper is Gorman and Sejnowski (1988); its methods and figures are quoted in UCI's `sonar.names`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from scoring.errors import SonarError
from scoring.sonar.returns import NUM_ROWS, SonarReturns

Rows: TypeAlias = npt.NDArray[np.intp]

TEST_SHARE = 0.4  # the article tests on two fifths of the returns
_ARTICLE_RUNS = 30
_REPEATS = 10
_INDEPENDENT_SETS = 13  # 16 returns in each
# Bit i is set if row i of UCI's file trains. Source: the marks in UCI's sonar.mines and sonar.rocks, 104 of 208.
_DEPENDENT_TRAIN_BITS = 0x5018A85EB1D542795C10D2D328D6B553A8620E41D65B7BABF7DF


class EvaluationProtocol(StrEnum):
    """A way to divide the returns."""

    ARTICLE = "article"
    TEN_FOLD = "10-fold"
    INDEPENDENT = "independent"
    DEPENDENT = "dependent"


TITLES = {
    EvaluationProtocol.ARTICLE: f"the article's 60:40 split, {_ARTICLE_RUNS} seeds",
    EvaluationProtocol.TEN_FOLD: f"10 stratified folds, {_REPEATS} times",
    EvaluationProtocol.INDEPENDENT: f"aspect-angle independent: {_INDEPENDENT_SETS} sets of 16, {_REPEATS} times",
    EvaluationProtocol.DEPENDENT: f"aspect-angle dependent: the paper's 104:104 split, {_REPEATS} runs",
}


@dataclass(frozen=True)
class Fold:
    """One division into rows to train on and rows to test on.

    Attributes:
        repeat: Which repetition of the protocol, from 0.
        number: Which fold of that repetition, from 0.
        train_rows: Row numbers, ascending.
        test_rows: Row numbers, ascending; none of them trains.
        seed: Decides the initial weights; of folds trained at once, the first one's decides noise and batches too.
    """

    repeat: int
    number: int
    train_rows: Rows
    test_rows: Rows
    seed: tuple[int, ...]


def plan_folds(protocol: EvaluationProtocol, returns: SonarReturns, seed: int) -> list[Fold]:
    """List a protocol's folds.

    Every repetition draws its own folds. (The paper kept one division into 13 sets and drew only the initial
    weights anew; which division is not published, and an average over ten depends less on luck.)

    Raises:
        SonarError: If the paper's split is asked of other returns than UCI's.
    """
    assert returns.labels is not None
    every_row = np.arange(len(returns.labels))
    divisions: list[list[Rows]]  # for each repetition the test rows of its folds
    if protocol is EvaluationProtocol.ARTICLE:
        divisions = [[np.flatnonzero(~split_rows(returns, seed + run))] for run in range(_ARTICLE_RUNS)]
    elif protocol is EvaluationProtocol.DEPENDENT:
        divisions = [[np.flatnonzero(~_dependent_training(returns))]] * _REPEATS
    else:
        divisions = [_disjoint_sets(protocol, returns, seed + repeat) for repeat in range(_REPEATS)]
    place = list(EvaluationProtocol).index(protocol)
    return [
        Fold(repeat, number, np.setdiff1d(every_row, test_rows), test_rows, (seed, place, repeat, number))
        for repeat, sets in enumerate(divisions)
        for number, test_rows in enumerate(sets)
    ]


def split_rows(returns: SonarReturns, seed: int) -> npt.NDArray[np.bool_]:
    """Choose the article's 60% to train on, with mines and rocks in proportion.

    Returns:
        True for a training row, shape (num_rows,).
    """
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(returns.bands))
    train_rows, _ = train_test_split(rows, test_size=TEST_SHARE, stratify=returns.labels, random_state=seed)
    return np.isin(rows, train_rows)


def _disjoint_sets(protocol: EvaluationProtocol, returns: SonarReturns, seed: int) -> list[Rows]:
    """Test rows of the folds of one repetition, each row in one of them."""
    from sklearn.model_selection import KFold, StratifiedKFold

    splitter = (
        StratifiedKFold(10, shuffle=True, random_state=seed)
        if protocol is EvaluationProtocol.TEN_FOLD
        else KFold(_INDEPENDENT_SETS, shuffle=True, random_state=seed)
    )
    return [test_rows for _, test_rows in splitter.split(returns.bands, returns.labels)]


def _dependent_training(returns: SonarReturns) -> npt.NDArray[np.bool_]:
    if not returns.are_uci:
        raise SonarError(
            f"Expected UCI's returns in UCI's order for the protocol {EvaluationProtocol.DEPENDENT}, as the paper "
            f"divided these; received others in the file of SHA-256 {returns.digest}. Use `data` uci, or name other "
            "protocols with `protocol`."
        )
    return np.array([_DEPENDENT_TRAIN_BITS >> row & 1 for row in range(NUM_ROWS)], dtype=bool)
