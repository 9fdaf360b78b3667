"""The `score` command as users start it: whole, cold, in a process of its own."""

import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from jobs.score.model_options import model_words
from scoring.errors import IncompleteError
from scoring.models.model_request import ModelRequest
from scoring.run.folder import RunFolder
from scoring.run.milestones import phases

_ROOT = Path(__file__).parents[2]
_STOP_PATIENCE_S = 10.0  # in which a command that is stopped ends its Ray


@dataclass(frozen=True)
class ColdJob:
    """Time and memory of one cold command.

    Attributes:
        wall_s: Seconds from the start of its process to its end.
        steady_images_per_s: The rate in its own summary; None if there was one batch only.
        worker_bytes: Peak memory of its largest worker.
        driver_bytes: Peak memory of its driver.
        phases_s: Seconds of each phase from its start to its end, by name.
    """

    wall_s: float
    steady_images_per_s: float | None
    worker_bytes: int
    driver_bytes: int
    phases_s: dict[str, float]


def score_cold(images: Path, output: Path, model: ModelRequest) -> ColdJob:
    """Run `score` over a folder of photos, from the start.

    Raises:
        IncompleteError: If the command fails.
    """
    model = model.absolute()
    command = [sys.executable, "-m", "jobs", "score", "--overwrite"]
    command += ["--images", str(images.absolute()), "--output", str(output.absolute()), *model_words(model)]
    command += ["--engine", str(model.engine), "--precision", str(model.precision)]
    started_at, started = time.time(), time.perf_counter()
    ended = _run(command)
    wall_s = time.perf_counter() - started
    if ended.returncode:
        said = (ended.stderr or ended.stdout).strip().splitlines() or ["nothing"]
        raise IncompleteError(f"A command that was to be measured failed, saying: {said[-1]}")
    record = RunFolder(output).load_record()
    assert record is not None and record.summary is not None and record.milestones is not None  # it ended well
    return ColdJob(
        wall_s=wall_s,
        steady_images_per_s=record.summary.steady_images_per_s,
        worker_bytes=record.summary.worker_memory_bytes,
        driver_bytes=record.summary.driver_memory_bytes,
        phases_s=phases(record.milestones, started_at, started_at + wall_s),
    )


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; if this one is stopped, so is that, which then takes its Ray with it."""
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            output, errors = process.communicate()
        except BaseException:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=_STOP_PATIENCE_S)
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, output, errors)
