"""The sonar half of a run beside the images: what becomes of these if it hangs."""

import json
import re
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from jobs.report import app as report
from jobs.score.job import run_score
from jobs.score.request import ScoreRequest, SonarRequest
from jobs.status import app as status
from scoring.bench.drawings import draw_sonar
from scoring.errors import IncompleteError
from scoring.run.folder import RunFolder
from scoring.run.verification import run_status
from tests.chaos.without_ray import HerePool, score_here, without_ray
from tests.runs import record_of

_LATE = "The task beside the actors has not ended within 1800 s."


class _Hangs:
    """Stands in for a task on Ray that never ends.

    Attributes:
        waited_s: How long each was waited for.
        num_stopped: How many were ended.
    """

    waited_s: list[float]
    num_stopped: int

    def __init__(self, function: Callable[..., object], *given: object, avoid: object) -> None:
        pass

    def result(self, timeout_s: float | None = None) -> None:
        assert timeout_s is not None, "it would be waited for without end"
        self.waited_s.append(timeout_s)
        raise TimeoutError(_LATE)

    def stop(self) -> None:
        type(self).num_stopped += 1


@pytest.fixture
def hangs(monkeypatch: pytest.MonkeyPatch) -> type[_Hangs]:
    _Hangs.waited_s, _Hangs.num_stopped = [], 0
    monkeypatch.setattr("jobs.score.sonar_job.LightTask", _Hangs)
    return _Hangs


@pytest.fixture
def returns(tmp_path: Path) -> Path:
    draw_sonar(tmp_path / "sonar.csv", 1)
    return tmp_path / "sonar.csv"


def test_a_sonar_task_that_hangs_is_missing_and_the_images_are_whole(
    photos: Path, returns: Path, tmp_path: Path, hangs: type[_Hangs]
) -> None:
    console = Console(file=StringIO(), width=500)
    sonar = SonarRequest(str(returns), None, 0, "tensorflow")
    with pytest.raises(IncompleteError, match=r"^Missing: sonar results\. Why: The task .* Run the same again: "):
        score_here(photos, tmp_path / "run", console, sonar=sonar)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    assert f"sonar results are missing: {_LATE} See whether its node still works and can read {returns}." in text
    assert (hangs.num_stopped, len(hangs.waited_s)) == (1, 1)
    assert 1700 < hangs.waited_s[0] <= 1800
    folder = RunFolder(tmp_path / "run")
    found = run_status(folder, verify=True)
    assert (found.has_all_rows, found.lacks_sonar, found.is_complete) == (True, True, False)
    record = folder.load_record()
    assert record is not None
    assert record.summary is not None
    assert not folder.lease.exists()


def test_a_run_whose_driver_was_killed_before_the_sonar_task_ended_is_not_complete(
    photos: Path, returns: Path, tmp_path: Path, hangs: type[_Hangs], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Hangs, "result", lambda *_: sys.exit(1))
    with pytest.raises(SystemExit):
        score_here(photos, tmp_path / "run", sonar=SonarRequest(str(returns), None, 0, "tensorflow"))
    run = [str(tmp_path / "run")]
    told, machine = CliRunner().invoke(status, run), CliRunner().invoke(status, [*run, "--verify", "--json"])
    assert (told.exit_code, machine.exit_code) == (1, 1)
    assert "sonar results are missing: the same command again, without --overwrite, makes them" in told.stdout
    assert (json.loads(machine.stdout)["complete"], json.loads(machine.stdout)["missing"]) == (False, [])
    page = CliRunner().invoke(report, run)
    assert (page.exit_code, "not in it, because they are missing: sonar results" in page.stdout) == (1, True)
    assert "Sonar results are missing." in (tmp_path / "run" / "report.html").read_text()
    RunFolder(tmp_path / "run").sonar.mkdir()
    RunFolder(tmp_path / "run").sonar_metrics.write_bytes(b"{}")
    assert CliRunner().invoke(status, run).exit_code == 0


def test_a_run_that_was_asked_for_images_alone_afterwards_lacks_no_sonar_results(
    photos: Path, returns: Path, tmp_path: Path, hangs: type[_Hangs]
) -> None:
    with pytest.raises(IncompleteError):
        score_here(photos, tmp_path / "run", sonar=SonarRequest(str(returns), None, 0, "tensorflow"))
    assert record_of(tmp_path / "run").request.sonar == str(returns)
    score_here(photos, tmp_path / "run")
    assert run_status(RunFolder(tmp_path / "run"), verify=True).is_complete


def test_a_folder_of_sonar_results_alone_is_told_as_that(returns: Path, tmp_path: Path, hangs: type[_Hangs]) -> None:
    with without_ray(), pytest.raises(IncompleteError, match=r"^Missing: sonar results\."):
        run_score(
            ScoreRequest(tmp_path / "run", None, SonarRequest(str(returns), None, 0, "tensorflow")), Console(quiet=True)
        )
    (tmp_path / "run" / "sonar").mkdir()
    (tmp_path / "run" / "sonar" / "metrics.json").write_bytes(b"{}")  # what the task leaves last
    ended = CliRunner().invoke(status, [str(tmp_path / "run")])
    assert (ended.exit_code, "holds sonar results alone, of which" in ended.stderr) == (2, True)


def test_shards_and_sonar_results_are_missing_together(
    photos: Path, returns: Path, tmp_path: Path, hangs: type[_Hangs], monkeypatch: pytest.MonkeyPatch
) -> None:
    score = HerePool.run
    monkeypatch.setattr(HerePool, "run", lambda self, tasks: score(self, list(tasks)[1:]))
    with pytest.raises(IncompleteError, match=r"^Missing: shard 0, sonar results\. .* Run the same again"):
        score_here(photos, tmp_path / "run", sonar=SonarRequest(str(returns), None, 0, "tensorflow"))


def test_a_sonar_model_that_hangs_when_it_is_tried_leaves_the_earlier_run(
    photos: Path, returns: Path, tmp_path: Path, hangs: type[_Hangs]
) -> None:
    score_here(photos, tmp_path / "run")
    (tmp_path / "theirs.keras").write_bytes(b"a model")
    sonar = SonarRequest(str(returns), tmp_path / "theirs.keras", 0, "tensorflow")
    told = rf"^Nothing was removed, for the sonar model hangs: {re.escape(_LATE)} See .* read .*csv and .*keras\.$"
    with without_ray(), pytest.raises(IncompleteError, match=told):
        run_score(ScoreRequest(tmp_path / "run", None, sonar, overwrite=True), Console(quiet=True))
    assert hangs.num_stopped == 1
    assert run_status(RunFolder(tmp_path / "run"), verify=True).is_complete
