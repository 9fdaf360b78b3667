"""What `score` says at its end of the sonar returns."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from jobs.score.table import print_sonar
from scoring.run.folder import RunFolder
from scoring.sonar.metrics_file import Learned, SonarMetrics
from scoring.sonar.returns import UCI_CHECKSUM

_UCI = UCI_CHECKSUM.removeprefix("sha256:")
_TRAINED = SonarMetrics(208, 84, 0.869, 1.0, None, 0.8164, _UCI, 0, None, 2.0, {}, None, 0.947, Learned.SPLIT)
_SCORED = replace(_TRAINED, num_test=0, test_accuracy=None, model="theirs/model.keras")


def _printed(metrics: SonarMetrics, folder: Path) -> str:
    console = Console(file=StringIO(), width=200)
    print_sonar(console, metrics, RunFolder(folder))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        (_TRAINED, "86.90% on 84 returns kept out of training"),
        (replace(_TRAINED, model="theirs/model.keras"), "86.90% on 84 returns kept out of training"),
        (_SCORED, "94.70% on 208 returns, all of which the model was trained on"),
        (replace(_SCORED, learned=Learned.OTHER_FILE), "94.70% on 208 returns of another file, which may hold"),
        (replace(_SCORED, learned=Learned.UNKNOWN), "94.70% on 208 returns, and nothing tells whether the model was"),
    ],
)
def test_the_returns_that_an_accuracy_is_of_are_told(tmp_path: Path, metrics: SonarMetrics, said: str) -> None:
    text = _printed(metrics, tmp_path)
    assert said in text
    assert ("the article's" in text) is metrics.is_tested


def test_test_returns_that_are_copies_of_others_trained_on_are_told(tmp_path: Path) -> None:
    said = "50 test returns have the bands of one trained on: what is measured is too good\n"
    assert said in _printed(replace(_TRAINED, num_copies=50), tmp_path)
    assert "1 test return has the bands of one" in _printed(replace(_TRAINED, num_copies=1), tmp_path)
    assert "the bands" not in _printed(replace(_TRAINED, num_copies=0), tmp_path)


def test_returns_that_are_not_ucis_are_not_compared_with_the_articles(tmp_path: Path) -> None:
    text = _printed(replace(_TRAINED, data_sha256="d" * 64), tmp_path)
    assert "86.90%" in text
    assert "81.64%" not in text
    assert "published figures  left out: they are of UCI's returns, and these are of another file" in text
