"""`metrics.json` as 0.1.0 wrote it, and what is refused."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from scoring.errors import RunFolderError
from scoring.quality.intervals import Interval
from scoring.sonar.metrics_file import (
    METRICS_NAME,
    SonarMetrics,
    StudyRecord,
    StudySettings,
    load_earlier_metrics,
    load_earlier_study,
    load_metrics,
    sonar_versions,
    write_metrics,
)
from scoring.sonar.protocols import EvaluationProtocol
from scoring.sonar.recipes import Published, SonarModel
from scoring.sonar.results import FoldScore, StudyRow

_VERSIONS = {"python": "3.11.7", "keras": "3.15.1"}
_SETTINGS = StudySettings(
    "d" * 64, (EvaluationProtocol.DEPENDENT,), (SonarModel.OURS, SonarModel.SVM), 7, "tensorflow", _VERSIONS
)
_FOLDS = (FoldScore(0, 0, 104, 104, 0.9375), FoldScore(1, 0, 104, 104, 0.9519))
_INTERVAL = Interval(0.88, 0.97, "Wilson")
_ROWS = tuple(
    StudyRow(EvaluationProtocol.DEPENDENT, model, 0.9447, 0.01, _INTERVAL, 0.19, published, _FOLDS)
    for model, published in ((SonarModel.OURS, Published(0.904, 0.018, "paper, 12 units")), (SonarModel.SVM, None))
)
_STUDY = StudyRecord(_SETTINGS, 12.5, _ROWS)
_DEEP = "[" * 200_000
_METRICS = SonarMetrics(208, 84, 0.9, None, [[40, 2], [2, 40]], 0.8164, "d" * 64, 0, None, 26.3, _VERSIONS)


def _written_by_0_1_0() -> dict[str, Any]:
    row = {
        "protocol": "dependent",
        "model": "ours",
        "accuracy": 0.9447,
        "deviation": 0.01,
        "interval": {"low": 0.88, "high": 0.97, "method": "Wilson"},
        "log_loss": 0.19,
        "published": {"accuracy": 0.904, "deviation": 0.018, "what": "paper, 12 units"},
        "folds": [
            {"repeat": 0, "fold": 0, "num_train": 104, "num_test": 104, "accuracy": 0.9375},
            {"repeat": 1, "fold": 0, "num_train": 104, "num_test": 104, "accuracy": 0.9519},
        ],
    }
    settings = {
        "data_sha256": "d" * 64,
        "protocols": ["dependent"],
        "models": ["ours", "rbf-svm"],
        "seed": 7,
        "backend": "tensorflow",
        "versions": _VERSIONS,
    }
    return {"settings": settings, "wall_s": 12.5, "results": [row, {**row, "model": "rbf-svm", "published": None}]}


def test_a_study_is_written_as_0_1_0_wrote_it_and_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / METRICS_NAME
    path.write_text(json.dumps(_written_by_0_1_0()))
    assert load_metrics(path) == _STUDY
    settings = replace(_SETTINGS, content_sha256="c" * 64)
    study = replace(_STUDY, settings=settings, trained_sha256="e" * 64, predictions_sha256="f" * 64)
    write_metrics(path, study)
    written = json.loads(path.read_text())
    written.pop("sha256")
    assert written["settings"].pop("content_sha256") == "c" * 64
    assert (written.pop("trained_sha256"), written.pop("predictions_sha256")) == ("e" * 64, "f" * 64)
    assert (written.pop("min_probability"), written.pop("num_copies")) == (0.001, None)
    assert written == _written_by_0_1_0()
    assert load_metrics(path) == study
    write_metrics(path, _STUDY)
    assert load_earlier_study(path, settings) == _STUDY


def test_a_networks_metrics_come_back_as_they_were(tmp_path: Path) -> None:
    write_metrics(tmp_path / METRICS_NAME, _METRICS)
    assert load_metrics(tmp_path / METRICS_NAME) == _METRICS
    assert load_earlier_metrics(tmp_path / METRICS_NAME, {"seed": 0, "model": None}) == _METRICS


def test_nothing_is_found_where_nothing_was_written(tmp_path: Path) -> None:
    assert load_metrics(tmp_path / METRICS_NAME) is None
    assert load_earlier_study(tmp_path / METRICS_NAME, _SETTINGS) is None


def test_results_of_other_settings_are_refused_by_the_setting_that_differs(tmp_path: Path) -> None:
    path = tmp_path / METRICS_NAME
    write_metrics(path, _STUDY)
    with pytest.raises(RunFolderError, match=r"seed differs: expected 7, received 1\. Use another `output`"):
        load_earlier_study(path, replace(_SETTINGS, seed=1))
    with pytest.raises(RunFolderError, match="models differs: expected ours, rbf-svm, received ours"):
        load_earlier_study(path, replace(_SETTINGS, models=(SonarModel.OURS,)))
    write_metrics(path, _METRICS)
    with pytest.raises(RunFolderError, match=r"model differs: expected none, received other\.keras"):
        load_earlier_metrics(path, {"seed": 0, "model": "other.keras"})


@pytest.mark.parametrize("library", ["python", "keras", "jax", "numpy", "scikit-learn", "scipy"])
def test_results_of_another_library_that_makes_the_figures_are_refused_by_its_name(
    library: str, tmp_path: Path
) -> None:
    path, here = tmp_path / METRICS_NAME, sonar_versions("jax")
    write_metrics(path, replace(_STUDY, settings=replace(_SETTINGS, versions={**here, library: "0.1"})))
    with pytest.raises(RunFolderError, match=f"whose {library} differs: expected 0.1, received {here[library]}"):
        load_earlier_study(path, replace(_SETTINGS, versions=here))


def test_libraries_that_make_pixels_make_no_figures_of_sonar(tmp_path: Path) -> None:
    """Earlier versions kept those, and not all that make figures: what they do not tell is taken to be the same."""
    path, here = tmp_path / METRICS_NAME, sonar_versions("tensorflow")
    assert not {"pillow", "cykooz-resizer"} & set(here)
    kept = {"python": here["python"], "tensorflow": here["tensorflow"], "pillow": "1.0", "cykooz-resizer": "1.0"}
    study = replace(_STUDY, settings=replace(_SETTINGS, versions=kept))
    write_metrics(path, study)
    assert load_earlier_study(path, replace(_SETTINGS, versions=here)) == study


def test_results_of_the_other_command_are_refused(tmp_path: Path) -> None:
    path = tmp_path / METRICS_NAME
    write_metrics(path, _METRICS)
    with pytest.raises(RunFolderError, match="another command's sonar results"):
        load_earlier_study(path, _SETTINGS)
    write_metrics(path, _STUDY)
    with pytest.raises(RunFolderError, match="another command's sonar results"):
        load_earlier_metrics(path, {})


@pytest.mark.parametrize(
    "content", ["", "{", "{}", "null", "[]", "3", '"results"', '{"results": 1, "settings": {}}', _DEEP]
)
def test_damaged_metrics_are_refused_in_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / METRICS_NAME).write_text(content)
    with pytest.raises(RunFolderError, match="is not what score or sonar writes") as told:
        load_metrics(tmp_path / METRICS_NAME)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("metrics", [_METRICS, _STUDY])
def test_a_figure_that_is_another_than_was_written_is_refused(
    tmp_path: Path, metrics: SonarMetrics | StudyRecord
) -> None:
    path = tmp_path / METRICS_NAME
    write_metrics(path, metrics)
    text = path.read_text()
    assert text.count("0.9") > 0
    path.write_text(text.replace("0.9", "0.8", 1))
    with pytest.raises(RunFolderError, match="is not what score or sonar writes"):
        load_metrics(path)


def test_a_result_that_does_not_tell_its_models_digest_counts_as_none(tmp_path: Path) -> None:
    path = tmp_path / METRICS_NAME
    written = asdict(replace(_METRICS, model="our.keras"))
    del written["model_sha256"]  # as earlier versions wrote it
    path.write_text(json.dumps(written))
    assert load_earlier_metrics(path, {"model": "our.keras", "model_sha256": "e" * 64}) is None
    with pytest.raises(RunFolderError, match="seed differs"):
        load_earlier_metrics(path, {"seed": 1, "model": "our.keras", "model_sha256": "e" * 64})


@pytest.mark.parametrize(
    "odd", [{"test_accuracy": "ninety"}, {"seed": "0"}, {"num_test": None}, {"versions": 3}, {"learned": "all"}]
)
def test_a_networks_metrics_of_another_type_are_refused(tmp_path: Path, odd: dict[str, Any]) -> None:
    (tmp_path / METRICS_NAME).write_text(json.dumps({**asdict(_METRICS), **odd}))
    with pytest.raises(RunFolderError, match="is not what score or sonar writes"):
        load_metrics(tmp_path / METRICS_NAME)


@pytest.mark.parametrize("metrics", [_METRICS, _STUDY])
def test_a_field_that_a_later_version_adds_is_left_out(tmp_path: Path, metrics: SonarMetrics | StudyRecord) -> None:
    (tmp_path / METRICS_NAME).write_text(json.dumps({**asdict(metrics), "added": [1]}))
    assert load_metrics(tmp_path / METRICS_NAME) == metrics
