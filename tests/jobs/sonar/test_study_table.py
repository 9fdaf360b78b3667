"""What `sonar` says at its end."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

from rich.console import Console

from jobs.sonar.table import print_study
from scoring.quality.intervals import Interval
from scoring.sonar.metrics_file import StudyRecord, StudySettings
from scoring.sonar.protocols import EvaluationProtocol
from scoring.sonar.recipes import Published, SonarModel
from scoring.sonar.results import StudyRow
from scoring.sonar.returns import UCI_CHECKSUM


def _printed(study: StudyRecord) -> str:
    console = Console(file=StringIO(), width=200)
    print_study(console, study, Path("study"), 1.0)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_published_figures_stand_beside_ucis_returns_alone() -> None:
    """The second study is as an earlier version wrote it, which gave them to all."""
    protocol, model = EvaluationProtocol.ARTICLE, SonarModel.SVM
    row = StudyRow(
        protocol, model, 0.85, 0.05, Interval(0.8, 0.9, "Wilson"), 0.4, Published(0.8164, None, "article"), ()
    )
    settings = StudySettings(UCI_CHECKSUM.removeprefix("sha256:"), (protocol,), (model,), 0, "tensorflow", {})
    study = StudyRecord(settings, 1.0, (row,))
    assert "81.6 article" in _printed(study)
    assert "left out" not in _printed(study)
    assert "log loss: of probabilities kept 0.001 from certainty\n" in _printed(study)
    assert "the bands of" not in _printed(replace(study, num_copies=0))
    assert "104 returns have the bands of an earlier row, and folds test" in _printed(replace(study, num_copies=104))
    others = _printed(replace(study, settings=replace(settings, data_sha256="d" * 64)))
    assert "81.6" not in others
    assert "published figures are left out: they are of UCI's returns, and these are of another file" in others
