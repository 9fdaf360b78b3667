"""Workers of another version of shardscore than the command's do none of its work."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cluster.placement import Placement
from jobs.bench.one_worker import run_alone, score_alone
from jobs.finetune.heads import train_heads
from jobs.score.actors import start_actors
from jobs.score.listing import Listed
from jobs.score.request import ImagesRequest, SonarRequest
from jobs.score.sonar_job import SonarJob
from jobs.sonar.training import train_models
from scoring.bench.drawings import draw_sonar
from scoring.errors import RequestError
from scoring.pixels.decoding import Resize
from scoring.process import same_version
from scoring.run.folder import RunFolder
from scoring.run.manifest import ManifestInfo
from scoring.shards.settings import ScorerSettings
from tests.fakes import FAKE_MODEL

_QUIET = Console(quiet=True)
_ANY: Any = None  # what is not looked at before the versions are


def _score(folder: Path) -> None:
    settings = ScorerSettings(folder, folder, FAKE_MODEL, Resize.SQUASH, 1, 1)
    start_actors(ImagesRequest(folder, FAKE_MODEL), settings, Placement(1, 0, 1), [])


def _score_sonar(folder: Path) -> None:
    draw_sonar(folder / "sonar.csv", 1)
    SonarJob(SonarRequest(str(folder / "sonar.csv"), None, 0, "tensorflow"), RunFolder(folder), _QUIET).start(_ANY, ())


def _finetune(folder: Path) -> None:
    class Request:
        num_heads = 1

    request: Any = Request()
    train_heads(request, RunFolder(folder), _ANY, (), Listed(_ANY, ()), _QUIET)


def _study_sonar(folder: Path) -> None:
    class Request:
        address = workers = None

    request: Any = Request()
    train_models(request, _ANY, _QUIET)


def _bench(folder: Path) -> None:
    run_alone(lambda: lambda task: task, [1], _ANY)


def _bench_job(folder: Path) -> None:
    settings = ScorerSettings(folder, folder, FAKE_MODEL, Resize.SQUASH, 1, 1)
    score_alone(settings, ManifestInfo(1, 1, 0, ""), _ANY)


def _here(build: Callable[..., object], *arguments: object, **options: object) -> None:
    """In place of a pool or a light task: build a worker here."""
    build()


@pytest.mark.parametrize("command", [_score, _score_sonar, _finetune, _study_sonar, _bench, _bench_job])
def test_workers_of_another_version_refuse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[[Path], None]
) -> None:
    monkeypatch.setattr("jobs.bench.one_worker.WorkerPool", _here)
    monkeypatch.setattr("jobs.score.actors.WorkerPool", _here)
    monkeypatch.setattr("jobs.score.sonar_job.LightTask", _here)
    monkeypatch.setattr("jobs.finetune.heads.WorkerPool", _here)
    monkeypatch.setattr("jobs.finetune.heads.finetune_settings", lambda *_: None)
    monkeypatch.setattr("jobs.finetune.heads.place_heads", lambda *_: None)
    monkeypatch.setattr("jobs.sonar.training.WorkerPool", _here)
    monkeypatch.setattr("jobs.sonar.training.open_session", lambda *_: nullcontext())
    monkeypatch.setattr("jobs.sonar.training.cluster_nodes", list)
    monkeypatch.setattr("jobs.sonar.training.place_workers", lambda *_: None)
    monkeypatch.setattr(same_version, "__version__", "0.1.9")
    with pytest.raises(RequestError, match=r"on all machines; one has 0\.1\.9"):
        command(tmp_path)
