"""The protocols divide the returns as their sources say."""

import csv
from pathlib import Path

import numpy as np
import pytest

from scoring.errors import SonarError
from scoring.sonar.protocols import EvaluationProtocol, Fold, plan_folds, split_rows
from scoring.sonar.returns import SonarReturns
from scoring.sonar.uci_file import load_sonar


def made_returns() -> SonarReturns:
    """As many mines and rocks as UCI has, without content."""
    labels = np.array(["R"] * 97 + ["M"] * 111)
    return SonarReturns(np.zeros((208, 60), np.float32), labels, "made")


@pytest.mark.parametrize(
    ("protocol", "num_folds", "test_sizes"),
    [
        (EvaluationProtocol.ARTICLE, 30, {84}),
        (EvaluationProtocol.TEN_FOLD, 100, {20, 21}),
        (EvaluationProtocol.INDEPENDENT, 130, {16}),
    ],
)
def test_protocols_have_their_published_sizes(
    protocol: EvaluationProtocol, num_folds: int, test_sizes: set[int]
) -> None:
    folds = plan_folds(protocol, made_returns(), seed=0)
    assert len(folds) == num_folds
    assert {len(fold.test_rows) for fold in folds} == test_sizes


@pytest.mark.parametrize(
    "protocol", [EvaluationProtocol.ARTICLE, EvaluationProtocol.TEN_FOLD, EvaluationProtocol.INDEPENDENT]
)
def test_no_row_trains_and_tests_in_one_fold(protocol: EvaluationProtocol) -> None:
    for fold in plan_folds(protocol, made_returns(), seed=3):
        together = np.concatenate([fold.train_rows, fold.test_rows])
        assert sorted(together.tolist()) == list(range(208))


@pytest.mark.parametrize("protocol", [EvaluationProtocol.TEN_FOLD, EvaluationProtocol.INDEPENDENT])
def test_each_row_is_tested_once_in_every_repetition(protocol: EvaluationProtocol) -> None:
    folds = plan_folds(protocol, made_returns(), seed=0)
    for repeat in range(10):
        tested = np.concatenate([fold.test_rows for fold in folds if fold.repeat == repeat])
        assert sorted(tested.tolist()) == list(range(208))


def test_ten_folds_keep_mines_and_rocks_in_proportion() -> None:
    returns = made_returns()
    assert returns.labels is not None
    mines = [
        int((returns.labels[fold.test_rows] == "M").sum())
        for fold in plan_folds(EvaluationProtocol.TEN_FOLD, returns, 0)
    ]
    assert set(mines) <= {11, 12}


def test_all_folds_have_seeds_of_their_own() -> None:
    folds: list[Fold] = []
    for protocol in (EvaluationProtocol.ARTICLE, EvaluationProtocol.TEN_FOLD, EvaluationProtocol.INDEPENDENT):
        folds += plan_folds(protocol, made_returns(), seed=0)
    assert len({fold.seed for fold in folds}) == len(folds)


def test_the_articles_first_run_is_the_split_that_score_makes() -> None:
    returns = made_returns()
    first = plan_folds(EvaluationProtocol.ARTICLE, returns, seed=5)[0]
    np.testing.assert_array_equal(first.train_rows, np.flatnonzero(split_rows(returns, 5)))


def test_the_papers_split_is_refused_for_other_returns() -> None:
    with pytest.raises(SonarError, match="other protocols"):
        plan_folds(EvaluationProtocol.DEPENDENT, made_returns(), seed=0)


def test_the_papers_split_is_made_of_a_copy_of_ucis_file_and_refused_in_another_order(
    tmp_path: Path, data_folder: Path
) -> None:
    lines = (data_folder / "sonar" / "sonar.all-data").read_text().splitlines()
    copy, turned = tmp_path / "copy.csv", tmp_path / "turned.csv"
    copy.write_text("\r\n".join(lines), newline="")
    turned.write_text("\n".join(lines[::-1]))
    assert len(plan_folds(EvaluationProtocol.DEPENDENT, load_sonar(copy), seed=0)[0].train_rows) == 104
    with pytest.raises(SonarError, match="Expected UCI's returns in UCI's order"):
        plan_folds(EvaluationProtocol.DEPENDENT, load_sonar(turned), seed=0)


def test_the_papers_split_is_that_of_the_marks_in_ucis_files(data_folder: Path) -> None:
    folder = data_folder / "sonar"
    with open(folder / "aspect_angle_dependent_split.csv", newline="", encoding="utf-8") as file:
        marks = [row["split"] for row in csv.DictReader(file)]
    folds = plan_folds(EvaluationProtocol.DEPENDENT, load_sonar(folder / "sonar.all-data"), seed=0)
    assert len(folds) == 10
    for fold in folds:
        assert fold.train_rows.tolist() == [row for row, mark in enumerate(marks) if mark == "train"]
