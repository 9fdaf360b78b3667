"""The study on UCI's returns: what labels teach, what their absence does, and what is written."""

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from scoring.sonar.protocols import EvaluationProtocol, plan_folds
from scoring.sonar.recipes import RECIPES, SonarModel, published_figure
from scoring.sonar.results import StudyRow, gather_folds, summarise, write_predictions
from scoring.sonar.returns import SonarReturns
from scoring.sonar.study import StudyRecipe, plan_study
from scoring.sonar.uci_file import load_sonar

BASELINES = (SonarModel.NEAREST_NEIGHBOUR, SonarModel.SVM)


@pytest.fixture(scope="module")
def returns(data_folder: Path) -> SonarReturns:
    return load_sonar(data_folder / "sonar" / "sonar.all-data")


def study(returns: SonarReturns, protocol: EvaluationProtocol, model: SonarModel, num_folds: int) -> StudyRow:
    """Run the first folds of a protocol here, without Ray."""
    assert returns.labels is not None
    task = next(task for task in plan_study(returns, [protocol], [model], seed=0) if task.protocol)
    task = dataclasses.replace(task, folds=task.folds[:num_folds])
    worker = StudyRecipe(returns, (task,), "tensorflow")()
    result = worker(0)
    assert isinstance(result, list)
    return summarise(protocol, model, list(zip(task.folds, result, strict=True)), returns)


def test_runs_that_are_equally_right_deviate_by_nothing(returns: SonarReturns) -> None:
    row = study(returns, EvaluationProtocol.DEPENDENT, SonarModel.NEAREST_NEIGHBOUR, num_folds=10)
    assert len({fold.accuracy for fold in row.folds}) == 1
    assert row.deviation == 0


@pytest.mark.ci
@pytest.mark.keras
def test_ours_learns_mines_from_rocks(returns: SonarReturns) -> None:
    assert study(returns, EvaluationProtocol.TEN_FOLD, SonarModel.OURS, num_folds=10).accuracy > 0.84


@pytest.mark.ci
@pytest.mark.keras
@pytest.mark.parametrize("model", [SonarModel.OURS, *BASELINES])
def test_shuffled_labels_leave_chance(returns: SonarReturns, model: SonarModel) -> None:
    assert returns.labels is not None
    shuffled = np.random.default_rng(0).permutation(returns.labels)
    row = study(dataclasses.replace(returns, labels=shuffled), EvaluationProtocol.TEN_FOLD, model, num_folds=10)
    assert 0.38 < row.accuracy < 0.62  # 208 tosses of a coin: 0.5 and 3.5 standard deviations of 0.035


def test_every_fold_is_in_one_task_and_no_task_is_larger_than_its_networks(returns: SonarReturns) -> None:
    tasks = plan_study(returns, list(EvaluationProtocol), list(SonarModel), seed=0)
    assert [task.model for task in tasks if task.protocol is None] == [SonarModel.OURS]
    for model in SonarModel:
        folds = [fold.seed for task in tasks if task.protocol and task.model is model for fold in task.folds]
        assert len(folds) == len(set(folds)) == 30 + 100 + 130 + 10
    assert max(len(task.folds) * RECIPES[task.model].num_members for task in tasks if task.model in RECIPES) <= 260


@pytest.mark.keras
def test_predictions_hold_every_row_of_every_fold(returns: SonarReturns, tmp_path: Path) -> None:
    assert returns.labels is not None
    tasks = plan_study(returns, [EvaluationProtocol.TEN_FOLD], [SonarModel.NEAREST_NEIGHBOUR], seed=0)
    worker = StudyRecipe(returns, tuple(tasks), "tensorflow")()
    results = {number: worker(number) for number in range(1, len(tasks))}
    scored = gather_folds(tasks, results)  # type: ignore[arg-type]
    write_predictions(tmp_path / "predictions.parquet", returns, scored)
    table = pq.read_table(tmp_path / "predictions.parquet").to_pandas()
    assert len(table) == 10 * 208
    rows = [summarise(*key, folds, returns) for key, folds in scored.items()]
    right = (table.target == table.label).groupby([table.repeat, table.fold]).mean()
    assert [fold.accuracy for fold in rows[0].folds] == pytest.approx(right.tolist())
    assert [(fold.num_train, fold.num_test) for fold in rows[0].folds[:2]] == [(187, 21), (187, 21)]


def test_published_figures_stand_beside_their_own_network() -> None:
    twelve = published_figure(EvaluationProtocol.DEPENDENT, SonarModel.PAPER_12)
    none = published_figure(EvaluationProtocol.INDEPENDENT, SonarModel.PAPER_0)
    ours = published_figure(EvaluationProtocol.INDEPENDENT, SonarModel.OURS)
    found = [figure.accuracy for figure in (twelve, none, ours) if figure]
    assert found == [0.904, 0.771, 0.847]
    assert published_figure(EvaluationProtocol.TEN_FOLD, SonarModel.OURS) is None


def test_no_published_figure_stands_beside_one_of_returns_that_are_not_ucis(returns: SonarReturns) -> None:
    folds = plan_folds(EvaluationProtocol.ARTICLE, returns, seed=0)
    scored = [(fold, np.full(len(fold.test_rows), 0.6, np.float32)) for fold in folds]
    drawn = dataclasses.replace(returns, bands=returns.bands[::-1])
    rows = [summarise(EvaluationProtocol.ARTICLE, SonarModel.SVM, scored, them) for them in (returns, drawn)]
    assert [row.published and row.published.what for row in rows] == ["article", None]


def test_a_model_that_is_right_on_all_returns_may_still_be_wrong_on_others(returns: SonarReturns) -> None:
    assert returns.labels is not None
    told = (returns.labels == "M").astype(np.float32)
    folds = plan_folds(EvaluationProtocol.TEN_FOLD, returns, seed=0)
    scored = [(fold, told[fold.test_rows]) for fold in folds]
    row = summarise(EvaluationProtocol.TEN_FOLD, SonarModel.NEAREST_NEIGHBOUR, scored, returns)
    assert (row.accuracy, row.deviation, row.interval.high) == (1, 0, 1)
    assert row.interval.low == pytest.approx(208 / (208 + 1.959964**2), abs=1e-6)
