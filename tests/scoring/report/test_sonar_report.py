import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.report import report
from jobs.sonar.result import Study
from scoring.arrays import Float32Array
from scoring.errors import RequestError, RunFolderError
from scoring.report.page import write_report
from scoring.sonar.metrics_file import (
    METRICS_NAME,
    Learned,
    SonarMetrics,
    StudyRecord,
    StudySettings,
    load_metrics,
    write_metrics,
)
from scoring.sonar.network import SONAR_SCHEMA
from scoring.sonar.protocols import EvaluationProtocol, plan_folds
from scoring.sonar.recipes import SonarModel, published_figure
from scoring.sonar.results import summarise, write_predictions
from scoring.sonar.returns import UCI_CHECKSUM, SonarReturns
from scoring.storage.downloads import file_digest
from scoring.storage.locations import Url
from tests.browser import CHROMIUM, browse
from tests.places import on_disk
from tests.runs import Page, cats_and_dogs, write_run

_VERSIONS = {"keras": "3.15.1"}
_UCI = UCI_CHECKSUM.removeprefix("sha256:")


def _write_network(
    folder: Path,
    labelled: bool = True,
    of_mines: float = 0.8,
    learned: Learned | None = None,
    data_sha256: str = _UCI,
) -> None:
    """Results of one network: 42 of 84 test returns are called mines, and all labels are right but four."""
    folder.mkdir(parents=True)
    is_mine = np.arange(208) % 2 == 0
    mine = np.where(is_mine ^ (np.arange(208) >= 204), of_mines, 0.3).astype(np.float32)
    names = np.where(is_mine, "mine", "rock")
    is_split = labelled and learned is None
    split = np.where(np.arange(208) < 124, "train", "test") if is_split else np.full(208, learned or "unknown")
    columns = {
        "row": np.arange(208),
        "target": pa.array(names if labelled else [None] * 208),
        "label": np.where(mine >= 0.5, "mine", "rock"),
        "probability": np.maximum(mine, 1 - mine),
        "mine_probability": mine,
        "split": split,
    }
    pq.write_table(pa.table(columns, schema=SONAR_SCHEMA), folder / "predictions.parquet")
    test, train = (80 / 84, 1.0) if is_split else (None, None)
    matrix = [[40, 2], [2, 40]] if is_split else None
    model = None if is_split else "theirs/model.keras"
    metrics = SonarMetrics(208, 84 * is_split, test, train, matrix, 0.8164, data_sha256, 0, model, 26.3, _VERSIONS)
    metrics = replace(metrics, accuracy=204 / 208 if labelled else None, learned=learned)
    write_metrics(folder / METRICS_NAME, metrics)


def _write_study(
    folder: Path,
    of_mines: float | None = None,
    data_sha256: str = _UCI,
    models: Sequence[SonarModel] = (SonarModel.OURS, SonarModel.NEAREST_NEIGHBOUR),
) -> None:
    """A study of two models under two protocols, of drawn probabilities, or of one of mines and 0.25 of rocks."""
    folder.mkdir(parents=True)
    draw = np.random.default_rng(0)
    labels = np.where(np.arange(208) < 111, "M", "R")
    returns = SonarReturns(draw.random((208, 60), np.float32), labels, "d" * 64)

    def probabilities(rows: npt.NDArray[np.intp]) -> Float32Array:
        if of_mines is not None:
            return np.array([of_mines if label == "M" else 0.25 for label in labels[rows]], np.float32)
        return np.array(np.clip((labels[rows] == "M") * 0.5 + draw.random(len(rows)) * 0.6, 0, 1), np.float32)

    scored = {
        (protocol, model): [(fold, probabilities(fold.test_rows)) for fold in plan_folds(protocol, returns, 0)[:20]]
        for protocol in (EvaluationProtocol.TEN_FOLD, EvaluationProtocol.INDEPENDENT)
        for model in models
    }
    rows = tuple(
        replace(summarise(*key, folds, returns), published=published_figure(*key)) for key, folds in scored.items()
    )
    write_predictions(folder / "predictions.parquet", returns, scored)
    protocols = tuple(dict.fromkeys(protocol for protocol, _ in scored))
    settings = StudySettings(data_sha256, protocols, tuple(models), 0, "tensorflow", _VERSIONS)
    write_metrics(folder / METRICS_NAME, StudyRecord(settings, 12.0, rows))


def test_a_studys_own_folder_stands_for_the_one_around_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write_study(tmp_path / "run" / "sonar")
    page = report(tmp_path / "run")
    content = on_disk(page.path).read_bytes()
    monkeypatch.chdir(tmp_path / "run" / "sonar")
    for place in (tmp_path / "run" / "sonar", Path(), Study(tmp_path / "run" / "sonar", ())):
        assert report(place) == page  # type: ignore[arg-type]
        assert on_disk(page.path).read_bytes() == content
    assert not (tmp_path / "run" / "sonar" / "report.html").exists()
    with pytest.raises(RequestError, match="run holds sonar results alone"):
        report(tmp_path / "run", images=tmp_path)
    (tmp_path / "run" / "sonar" / "metrics.json").unlink()
    with pytest.raises(RequestError, match="sonar holds nothing of theirs"):
        report(tmp_path / "run" / "sonar")


def _text(folder: Path) -> str:
    return " ".join(Page(on_disk(write_report(folder, None, None).path)).text.split())


def test_sonar_results_in_a_bucket_are_told_as_local_ones(tmp_path: Path, bucket: Url) -> None:
    _write_network(tmp_path / "run" / "sonar")
    for path in (tmp_path / "run" / "sonar").iterdir():
        (bucket / "run" / "sonar" / path.name).upload(path)
    local = write_report(tmp_path / "run", None, None).path.read_text()
    assert write_report(bucket / "run", None, None).path.read_text() == local


def test_sonar_stands_beside_the_article_and_the_paper(tmp_path: Path) -> None:
    _write_network(tmp_path / "run" / "sonar")
    text = _text(tmp_path / "run")
    for part in ("Sonar accuracy 95.2% the article's: 81.64%", "88.4% to 98.1%", "84.7% ± 5.7", "90.4% ± 1.8"):
        assert part in text
    assert "lies outside the 95% interval" in text
    assert "is rock 40 95.2% 2 4.8% is mine 2 4.8% 40 95.2%" in text
    assert "Reliability: probability of mine" in text
    assert "observed share returns" in text


def test_a_probability_of_exactly_a_half_is_what_the_predictions_call_it(tmp_path: Path) -> None:
    _write_network(tmp_path / "run" / "sonar", of_mines=0.5)
    text = _text(tmp_path / "run")
    assert "Sonar accuracy 95.2% the article's: 81.64%" in text
    assert "is rock 40 95.2% 2 4.8% is mine 2 4.8% 40 95.2%" in text


def test_a_study_calls_a_half_what_its_predictions_call_it(tmp_path: Path) -> None:
    _write_study(tmp_path / "study" / "sonar", of_mines=0.5)
    text = _text(tmp_path / "study")
    assert "Sonar, 10-fold 100.0%" in text
    assert "is rock 194 100.0% 0 0.0% is mine 0 0.0% 222 100.0%" in text


@pytest.mark.usefixtures("drawn")
def test_sonar_of_a_run_comes_after_its_images(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", cats_and_dogs(16))
    _write_network(on_disk(run.sonar))
    text = _text(on_disk(run.path))
    assert text.index("Most uncertain") < text.index("Accuracy beside published figures")
    assert "Sonar accuracy 95.2%" in text


@pytest.mark.parametrize(
    ("learned", "said"),
    [
        (Learned.SPLIT, "208 returns, all of which the model was trained on"),
        (Learned.OTHER_FILE, "208 returns of another file, which may hold some that the model was trained on"),
        (Learned.UNKNOWN, "208 returns, and nothing tells whether the model was trained on them"),
    ],
)
def test_returns_that_a_model_may_have_learned_from_are_not_called_new(
    tmp_path: Path, learned: Learned, said: str
) -> None:
    _write_network(tmp_path / "run" / "sonar", learned=learned)
    text = _text(tmp_path / "run")
    assert f"Sonar accuracy 98.1% on {said}" in text
    assert f"this network {said} 98.1%" in text
    assert "kept out of training; this one is not known to be" in text
    assert " new" not in text


@pytest.mark.parametrize("learned", [None, Learned.OTHER_FILE, Learned.UNKNOWN])
def test_returns_that_are_not_ucis_stand_beside_no_published_figure(tmp_path: Path, learned: Learned | None) -> None:
    _write_network(tmp_path / "run" / "sonar", learned=learned, data_sha256="d" * 64)
    text = _text(tmp_path / "run")
    assert "Published figures are left out: they are of UCI's returns" in text
    assert "this network" in text
    assert ("returns kept out of training, which are not UCI's" in text) == (learned is None)
    for part in ("81.64%", "article", "Gorman", "84.7%"):
        assert part not in text


def test_a_study_of_returns_that_are_not_ucis_stands_beside_no_published_figure(tmp_path: Path) -> None:
    """As an earlier version wrote it, which gave published figures to all."""
    _write_study(tmp_path / "study" / "sonar", data_sha256="d" * 64)
    text = _text(tmp_path / "study")
    assert "Published figures are left out: they are of UCI's returns" in text
    for part in ("82.7%", "84.7% ±", "published"):
        assert part not in text


def test_what_an_earlier_version_called_new_is_not(tmp_path: Path) -> None:
    _write_network(tmp_path / "run" / "sonar", learned=Learned.UNKNOWN)
    path = tmp_path / "run" / "sonar" / METRICS_NAME
    metrics = load_metrics(path)
    assert isinstance(metrics, SonarMetrics)
    write_metrics(path, replace(metrics, num_test=208, test_accuracy=204 / 208, accuracy=None, learned=None))
    assert "98.1% on 208 returns, and nothing tells whether" in _text(tmp_path / "run")


def test_returns_without_labels_are_told_by_their_probabilities(tmp_path: Path) -> None:
    _write_network(tmp_path / "run" / "sonar", labelled=False)
    text = _text(tmp_path / "run")
    assert "Returns by probability of a mine" in text
    assert "called rock" not in text


def test_a_study_has_every_protocol_and_model_with_intervals_and_published_figures(tmp_path: Path) -> None:
    _write_study(tmp_path / "study" / "sonar")
    text = _text(tmp_path / "study")
    for part in ("10 stratified folds", "13 sets of 16", "84.7% ± 5.7, paper, 12 units", "82.7%, paper, 1-nn"):
        assert part in text
    for part in ("Nadeau and Bengio", "independent: probability of mine, predicted and observed", "Sonar, 10-fold"):
        assert part in text
    for part in ("log loss of probabilities kept 0.001 from certainty", "observed share returns"):
        assert part in text


def test_a_study_without_our_model_begins_with_the_best_of_each_protocol(tmp_path: Path) -> None:
    _write_study(tmp_path / "study" / "sonar", models=(SonarModel.NEAREST_NEIGHBOUR, SonarModel.SVM))
    study = load_metrics(tmp_path / "study" / "sonar" / METRICS_NAME)
    assert isinstance(study, StudyRecord)
    text = _text(tmp_path / "study")
    for protocol in study.settings.protocols:
        best = max((row for row in study.rows if row.protocol is protocol), key=lambda row: row.accuracy)
        assert f"Sonar, {protocol} {best.accuracy:.1%} {best.model}, the best of 2 models" in text
        assert f"The highest accuracy, {best.accuracy:.1%}, is that of {best.model}." in text
        assert f"{best.model}, {protocol}: returns of all folds" in text
    _write_study(tmp_path / "ours" / "sonar")
    assert "the best of" not in _text(tmp_path / "ours")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: install it as `chromium`")
@pytest.mark.parametrize("width", [1000, 1300])
@pytest.mark.usefixtures("drawn")
def test_a_studys_tables_are_wholly_seen_on_a_screen_of_usual_width(tmp_path: Path, width: int) -> None:
    _write_study(tmp_path / "study" / "sonar")
    page = on_disk(write_report(tmp_path / "study", None, None).path)
    hidden = "[...document.querySelectorAll('.pairs .scroll')].map(one => one.scrollWidth - one.clientWidth)"
    source = page.read_text().replace('http-equiv="Content-Security-Policy"', "")
    page.write_text(source.replace("</main>", f"</main><script>document.title = 'hidden ' + {hidden}</script>"))
    shown = browse(page, tmp_path, f"--window-size={width},900", "--dump-dom").stdout
    assert "<title>hidden 0,0</title>" in shown


@pytest.mark.parametrize(
    "content", ["{", "{}", "null", "[]", '{"results": [{}], "settings": {}, "wall_s": 1}', "[" * 200_000]
)
def test_damaged_sonar_results_are_refused_in_one_line(tmp_path: Path, content: str) -> None:
    _write_network(tmp_path / "run" / "sonar")
    (tmp_path / "run" / "sonar" / METRICS_NAME).write_text(content)
    with pytest.raises(RunFolderError, match="is not what score or sonar writes"):
        write_report(tmp_path / "run", None, None)


def test_predictions_that_the_metrics_do_not_tell_of_are_refused(tmp_path: Path) -> None:
    _write_network(tmp_path / "sonar")
    metrics = load_metrics(tmp_path / "sonar" / METRICS_NAME)
    assert isinstance(metrics, SonarMetrics)
    digest = file_digest(tmp_path / "sonar" / "predictions.parquet")
    write_metrics(tmp_path / "sonar" / METRICS_NAME, replace(metrics, predictions_sha256=digest))
    write_report(tmp_path, None, None)
    _write_network(tmp_path / "other", of_mines=0.7)
    (tmp_path / "other" / "predictions.parquet").rename(tmp_path / "sonar" / "predictions.parquet")
    with pytest.raises(RunFolderError, match=r"predictions\.parquet that .*metrics\.json describes; .* is another"):
        write_report(tmp_path, None, None)


@pytest.mark.parametrize("write", [_write_network, _write_study])
def test_returns_that_are_copies_of_others_trained_on_are_told(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path / "run" / "sonar")
    path = tmp_path / "run" / "sonar" / METRICS_NAME
    metrics = load_metrics(path)
    assert metrics is not None
    assert "what is measured is too good" not in _text(tmp_path / "run")
    write_metrics(path, replace(metrics, num_copies=50))
    assert re.search(
        r"50 (test )?returns have the bands of .*: what is measured is too good\.", _text(tmp_path / "run")
    )
