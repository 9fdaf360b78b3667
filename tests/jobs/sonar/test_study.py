"""The command as users run it, on Ray."""

import json
import shutil
from pathlib import Path
from unittest.mock import Mock

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from cluster.errors import PlacementError
from jobs.sonar.request import StudyRequest
from jobs.sonar.study import run_study
from scoring.errors import LeaseLostError, RunFolderError
from scoring.run.folder import RunFolder
from scoring.run.lease import hold_lease
from scoring.sonar.network import SonarSettings, run_sonar
from scoring.sonar.protocols import EvaluationProtocol
from scoring.sonar.recipes import SonarModel
from scoring.sonar.study import TaskResult
from scoring.sonar.uci_file import load_sonar

pytestmark = [pytest.mark.ci, pytest.mark.ray, pytest.mark.keras, pytest.mark.usefixtures("two_nodes")]


def request(data_folder: Path, output: Path, **options: object) -> StudyRequest:
    settings: dict[str, object] = {
        "source": str(data_folder / "sonar" / "sonar.all-data"),
        "output": output,
        "protocols": (EvaluationProtocol.DEPENDENT,),
        "models": (SonarModel.OURS, SonarModel.NEAREST_NEIGHBOUR),
        "seed": 0,
        "backend": "tensorflow",
    }
    return StudyRequest(**settings | options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def one_worker(data_folder: Path, two_nodes: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("one")
    assert run_study(request(data_folder, output, actors=1), Console(quiet=True))
    return output / "sonar"


@pytest.mark.slow
def test_results_are_the_same_for_any_number_of_workers(data_folder: Path, one_worker: Path, tmp_path: Path) -> None:
    assert run_study(request(data_folder, tmp_path, actors=2), Console(quiet=True))
    one, two = (json.loads((folder / "metrics.json").read_text()) for folder in (one_worker, tmp_path / "sonar"))
    assert one["results"] == two["results"]
    assert pq.read_table(one_worker / "predictions.parquet") == pq.read_table(
        tmp_path / "sonar" / "predictions.parquet"
    )


def test_metrics_hold_every_fold_with_interval_and_published_figure(one_worker: Path) -> None:
    rows = {row["model"]: row for row in json.loads((one_worker / "metrics.json").read_text())["results"]}
    assert list(rows) == ["ours", "1-nn"]
    assert len(rows["ours"]["folds"]) == 10
    assert rows["ours"]["published"]["accuracy"] == 0.904
    assert rows["ours"]["interval"]["low"] < rows["ours"]["accuracy"] < rows["ours"]["interval"]["high"]
    assert rows["ours"]["accuracy"] > 0.904  # the paper's best; 93.7% here


def test_the_same_command_again_computes_nothing(data_folder: Path, one_worker: Path) -> None:
    before = (one_worker / "metrics.json").stat().st_mtime_ns
    assert run_study(request(data_folder, one_worker.parent), Console(quiet=True))
    assert (one_worker / "metrics.json").stat().st_mtime_ns == before


def test_a_study_whose_predictions_are_gone_is_made_anew(
    data_folder: Path, one_worker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(one_worker, tmp_path / "sonar")
    (tmp_path / "sonar" / "predictions.parquet").unlink()
    monkeypatch.setattr("jobs.sonar.study.train_models", train := Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run_study(request(data_folder, tmp_path), Console(quiet=True))
    train.assert_called_once()


@pytest.mark.parametrize("seed", [0, 1])
def test_an_earlier_study_that_is_overwritten_stays_until_the_new_one_is_trained(
    data_folder: Path, one_worker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    shutil.copytree(one_worker, tmp_path / "sonar")
    before = {path.name: path.read_bytes() for path in one_worker.iterdir()}
    monkeypatch.setattr("jobs.sonar.study.train_models", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run_study(request(data_folder, tmp_path, overwrite=True, seed=seed), Console(quiet=True))
    assert {path.name: path.read_bytes() for path in (tmp_path / "sonar").iterdir()} == before


def test_another_seed_is_refused_in_the_same_folder(data_folder: Path, one_worker: Path) -> None:
    with pytest.raises(RunFolderError, match="seed differs"):
        run_study(request(data_folder, one_worker.parent, seed=1), Console(quiet=True))


def test_a_second_driver_of_a_folder_is_refused_and_trains_nothing(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = Mock()
    monkeypatch.setattr("jobs.sonar.study.train_models", train)
    with hold_lease(RunFolder(tmp_path).lease), pytest.raises(RunFolderError, match="is being written by"):
        run_study(request(data_folder, tmp_path, seed=1), Console(quiet=True))
    train.assert_not_called()


def test_a_driver_that_another_took_over_from_writes_nothing(
    data_folder: Path, one_worker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(one_worker, tmp_path / "sonar")
    before = {path.name: path.read_bytes() for path in one_worker.iterdir()}

    def freeze(*_: object) -> tuple[dict[int, TaskResult], list[object]]:
        RunFolder(tmp_path).lease.unlink()  # the other one has ended since
        return {}, []

    monkeypatch.setattr("jobs.sonar.study.train_models", freeze)
    with pytest.raises(LeaseLostError):
        run_study(request(data_folder, tmp_path, overwrite=True), Console(quiet=True))
    assert {path.name: path.read_bytes() for path in (tmp_path / "sonar").iterdir()} == before


def test_metrics_of_one_study_and_predictions_of_another_are_no_study(
    data_folder: Path, one_worker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(one_worker, tmp_path / "sonar")
    predictions = pq.read_table(one_worker / "predictions.parquet")
    pq.write_table(predictions.slice(1), tmp_path / "sonar" / "predictions.parquet")
    monkeypatch.setattr("jobs.sonar.study.train_models", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run_study(request(data_folder, tmp_path), Console(quiet=True))


@pytest.mark.parametrize("actors", [0, -1])
def test_a_number_of_actors_that_makes_no_sense_leaves_the_earlier_study(
    data_folder: Path, tmp_path: Path, actors: int
) -> None:
    metrics = tmp_path / "sonar" / "metrics.json"
    metrics.parent.mkdir()
    metrics.write_text("{}")
    with pytest.raises(PlacementError, match=f"Expected `actors` of at least 1; received {actors}"):
        run_study(request(data_folder, tmp_path, actors=actors, overwrite=True), Console(quiet=True))
    assert metrics.exists()


def test_the_final_model_scores_new_returns(data_folder: Path, one_worker: Path, tmp_path: Path) -> None:
    data = data_folder / "sonar" / "sonar.all-data"
    unlabelled = tmp_path / "new.csv"
    rows = [line.rsplit(",", 1)[0] for line in data.read_text().splitlines()]
    unlabelled.write_text("\n".join(rows * 10) + "\n")
    settings = SonarSettings(
        data=unlabelled,
        data_sha256=load_sonar(unlabelled).digest,
        output=tmp_path / "scored",
        seed=0,
        model=one_worker / "model.keras",
        backend="tensorflow",
    )
    assert run_sonar(settings).num_rows == 2080
    table = pq.read_table(tmp_path / "scored" / "predictions.parquet").to_pandas()
    truth = load_sonar(data).labels
    assert truth is not None
    assert ((table.label[:208] == "mine") == (truth == "M")).mean() > 0.95  # it has seen them
