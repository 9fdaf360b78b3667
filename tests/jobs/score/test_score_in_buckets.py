"""`score` from a bucket into a bucket, on a real Ray, with the driver taken away in the middle."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.status import status
from scoring.run.folder import RunFolder
from scoring.storage.locations import Url
from tests.gate.control import Gate
from tests.places import in_bucket
from tests.runs import read_predictions, summary_of

pytestmark = [pytest.mark.ray, pytest.mark.keras]


def _jobs(command: str, options: dict[str, object]) -> list[str]:
    words = [str(word) for option in options.items() for word in option]
    return [sys.executable, "-m", "jobs", command, *words]


def _command(bucket: Url, output: object, sonar: Path) -> list[str]:
    options = {
        "--sonar": sonar,
        "--images": bucket / "photos",
        "--output": output,
        "--model": bucket / "models" / "squeezenet.keras",
        "--labels": "cat,dog",
        "--shard-size": 8,
        "--batch-size": 8,
        "--precision": "float32",
    }
    return _jobs("score", options)


@pytest.mark.slow
def test_run_from_bucket_to_bucket_whose_driver_was_killed_ends_as_a_local_one(
    data_folder: Path, bucket: Url, tmp_path: Path
) -> None:
    """900 photos and sonar; the driver is killed with SIGKILL; the same command then scores only what is missing.

    Its workers are held when five shards of 113 are there.
    """
    (bucket / "models" / "squeezenet.keras").upload(data_folder / "models" / "cat_dog_squeezenet.keras")
    for photo in (data_folder / "photos").rglob("*.jpg"):
        (bucket / "photos" / photo.parent.name / photo.name).upload(photo)
    sonar = data_folder / "sonar" / "sonar.all-data"
    subprocess.run(_command(bucket, tmp_path / "local", sonar), check=True, capture_output=True)
    command = _command(bucket, bucket / "run", sonar)
    folder = RunFolder(bucket / "run")
    gate = Gate(tmp_path / "gate")
    gate.close("shard-*.parquet", 5)
    heeding = {**os.environ, **gate.environment}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True, env=heeding) as process:
        gate.wait_until_held(process)
        process.send_signal(signal.SIGKILL)
    gate.wait_until_the_held_are_dead()
    done = {url: url.read_version() for url in in_bucket(folder.predictions).glob("*.parquet")}
    assert 5 <= len(done) < 70
    subprocess.run(command, check=True, capture_output=True)
    assert {url: url.read_version() for url in done} == done
    local = read_predictions(RunFolder(tmp_path / "local").predictions)
    assert read_predictions(folder.predictions).equals(local)
    found = status(folder.path, verify=True)
    assert found.is_complete
    record = json.loads(folder.record.read_text())
    assert record["summary"]["num_scored"] == found.num_rows - 8 * len(done)
    assert record["request"]["images"] == str(bucket / "photos")
    assert json.loads((folder.sonar / "metrics.json").read_text())["test_accuracy"] > 0.7
    assert not folder.lease.exists()


@pytest.mark.slow
def test_model_is_trained_into_a_bucket_and_scores_from_there(data_folder: Path, bucket: Url) -> None:
    (bucket / "models" / "squeezenet.keras").upload(data_folder / "models" / "cat_dog_squeezenet.keras")
    for photo in sorted((data_folder / "photos" / "train").glob("*.jpg"))[::10]:
        (bucket / "train" / photo.name).upload(photo)
    base, model = bucket / "models" / "squeezenet.keras", bucket / "models" / "cats-and-dogs"
    finetune = {"--images": bucket / "train", "--base": base, "--output": model, "--epochs": 20}
    subprocess.run(_jobs("finetune", finetune), check=True, capture_output=True)
    assert {url.name for url in model.iterdir()} >= {"model.keras", "training.json", "heads", "features"}
    score = {"--images": bucket / "train", "--model": model, "--output": bucket / "run", "--labels-from": "names"}
    subprocess.run(_jobs("score", score), check=True, capture_output=True)
    summary = summary_of(bucket / "run")
    assert summary.num_labelled == summary.num_images
    assert summary.num_right > 0.9 * summary.num_images
