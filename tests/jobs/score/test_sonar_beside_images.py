"""The sonar half of a run beside the images: what becomes of these if it hangs."""

import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from jobs.score.job import run_score
from jobs.score.request import ScoreRequest, SonarRequest
from scoring.bench.drawings import draw_sonar
from scoring.errors import IncompleteError
from scoring.run.folder import RunFolder
from scoring.run.verification import run_status
from tests.chaos.without_ray import HerePool, score_here, without_ray

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
    assert run_status(folder, verify=True).is_complete
    record = folder.load_record()
    assert record is not None
    assert record.summary is not None
    assert not folder.lease.exists()


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
