import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from cluster.errors import PlacementError
from cluster.placement import WorkerRequest
from jobs.score.job import run_score
from jobs.score.request import ImagesRequest, ScoreRequest
from scoring.errors import ModelError, RunFolderError
from scoring.models.model_request import ModelRequest
from scoring.models.output_meaning import OutputMeaning
from scoring.networks.precision import Precision
from scoring.pixels.decoding import Resize
from scoring.run.folder import RunFolder
from scoring.sources.targets import LabelsFrom
from tests.gate.control import Gate
from tests.models import save_brightness_model
from tests.places import on_disk
from tests.runs import read_predictions, record_of, summary_of

pytestmark = [pytest.mark.ray, pytest.mark.keras]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_brightness_model(tmp_path_factory.mktemp("model") / "brightness.keras")


def _request(photos: Path, model: Path, output: Path, **options: object) -> ScoreRequest:
    settings = {"batch_size": 2, "shard_size": 2, "resize": Resize.SQUASH, "workers": WorkerRequest(2)} | options
    named = ModelRequest(str(model), None, "cat,dog", Precision.FLOAT32, "tensorflow")
    return ScoreRequest(output, ImagesRequest(photos, named, **settings), None)  # type: ignore[arg-type]


def _rows(output: Path) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = read_predictions(RunFolder(output).predictions).to_pylist()
    return rows


def _shards(output: Path) -> dict[str, int]:
    """Shard files, and when each was written."""
    return {path.name: path.stat().st_mtime_ns for path in on_disk(RunFolder(output).predictions).iterdir()}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, model: Path, two_nodes: None) -> tuple[Path, Path]:
    """Photos with one broken among them, and their finished run on two actors of two nodes."""
    from PIL import Image

    photos = tmp_path_factory.mktemp("photos")
    for number in range(1, 13):
        Image.new("RGB", (8, 6), (number * 20,) * 3).save(photos / f"{number}.png")
    (photos / "7.png").write_text("<html>")
    output = tmp_path_factory.mktemp("runs") / "run"
    assert run_score(_request(photos, model, output), Console(quiet=True))
    return photos, output


def test_every_image_has_one_row_in_natural_order(run: tuple[Path, Path]) -> None:
    rows = _rows(run[1])
    assert [row["image_id"] for row in rows] == [str(number) for number in range(1, 13)]
    assert [row["image_id"] for row in rows if row["status"] == "error"] == ["7"]


def test_record_says_what_ran_where(run: tuple[Path, Path]) -> None:
    record = record_of(run[1])
    assert record.num_images == 12
    assert record.fingerprint.precision == "float32"
    assert summary_of(run[1]).num_errors == 1
    assert set(record.versions) >= {"keras", "tensorflow", "pillow", "shardscore"}
    devices = {(device.node_id, device.gpu_ids) for device in record.devices}
    assert len(devices) == len(record.devices)
    assert all(len(gpu_ids) == 1 for _, gpu_ids in devices)


@pytest.mark.ci
def test_secrets_of_the_environment_are_in_no_file(run: tuple[Path, Path]) -> None:
    token = os.environ["RAY_AUTH_TOKEN"].encode()
    files = [path for path in run[1].rglob("*") if path.is_file()]
    assert len(files) > 6
    assert not [path for path in files if token in path.read_bytes()]


def test_second_run_rewrites_nothing_but_what_is_missing(run: tuple[Path, Path], model: Path) -> None:
    photos, output = run
    before, rows = _shards(output), _rows(output)
    lost = RunFolder(output).shard(3, 6)
    lost.unlink()
    assert run_score(_request(photos, model, output, workers=WorkerRequest(1)), Console(quiet=True))
    after = _shards(output)
    assert {name for name in before if after[name] != before[name]} == {lost.name}
    assert _rows(output) == rows
    assert summary_of(output).num_scored == 2


@pytest.mark.ci
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"resize": Resize.CROP}, "whose resize differs"),
        ({"shard_size": 3}, "with other options: expected `shard_size` 2; received `shard_size` 3"),
        ({}, "whose model differs"),
    ],
)
def test_other_results_in_the_same_folder_are_refused_by_what_differs(
    run: tuple[Path, Path], model: Path, tmp_path: Path, options: dict[str, object], said: str
) -> None:
    photos, output = run
    before = _shards(output)
    other = model if options else save_brightness_model(tmp_path / "other.keras", seed=2)
    with pytest.raises(RunFolderError, match=said):
        run_score(_request(photos, other, output, **options), Console(quiet=True))
    assert _shards(output) == before


@pytest.mark.ci
def test_zip_scores_as_the_folder_does(run: tuple[Path, Path], model: Path, tmp_path: Path) -> None:
    photos, output = run
    with zipfile.ZipFile(tmp_path / "test1.zip", "w") as archive:
        for photo in photos.iterdir():
            archive.write(photo, f"test1/{photo.name}")
    request = _request(tmp_path / "test1.zip", model, tmp_path / "run", workers=WorkerRequest(1), batch_size=5)
    assert run_score(request, Console(quiet=True))
    for ours, theirs in zip(_rows(tmp_path / "run"), _rows(output), strict=True):
        assert ours["image_id"] == theirs["image_id"]
        assert ours["probability"] == pytest.approx(theirs["probability"], abs=1e-6)


@pytest.mark.ci
def test_labelled_photos_get_their_target_and_an_accuracy(
    run: tuple[Path, Path], model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, _ = run
    labelled = tmp_path / "labelled"
    for label in ("cats", "dogs"):
        shutil.copytree(photos, labelled / label)
    output = tmp_path / "out"
    request = _request(labelled, model, output, labels_from=LabelsFrom.FOLDERS, workers=WorkerRequest(1))
    assert run_score(request, Console())
    rows = _rows(output)
    assert [row["target"] for row in rows] == ["cats"] * 12 + ["dogs"] * 12
    summary = summary_of(output)
    assert (summary.num_labelled, summary.num_right) == (22, 11)  # the same photos under both labels
    assert "50.00%: 11 of 22 labelled images" in capsys.readouterr().out


def test_more_gpus_than_the_cluster_has_are_refused(run: tuple[Path, Path], model: Path, tmp_path: Path) -> None:
    with pytest.raises(PlacementError, match="the cluster has 3 GPUs and 4 CPUs on 2 nodes"):
        run_score(_request(run[0], model, tmp_path / "run", workers=WorkerRequest(4, 1)), Console(quiet=True))


@pytest.mark.ci
def test_labels_that_do_not_fit_stop_the_job_with_their_cause(
    run: tuple[Path, Path], model: Path, tmp_path: Path
) -> None:
    request = ModelRequest(str(model), None, "a,b,c", Precision.FLOAT32, "tensorflow")
    images = ImagesRequest(run[0], request, workers=WorkerRequest(1))
    with pytest.raises(ModelError, match=r"Expected 2 `labels`, one per output of .*; received 3"):
        run_score(ScoreRequest(tmp_path / "run", images, None), Console(quiet=True))


@pytest.mark.ci
def test_outputs_that_contradict_what_they_are_said_to_be_stop_the_job_before_a_row_is_written(
    run: tuple[Path, Path], tmp_path: Path
) -> None:
    import keras

    keras.utils.set_random_seed(1)
    layers = [keras.Input((224, 224, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
    keras.Sequential(layers).save(tmp_path / "logits.keras")
    request = ModelRequest(
        str(tmp_path / "logits.keras"),
        None,
        "cat,dog",
        Precision.FLOAT32,
        "tensorflow",
        outputs=OutputMeaning.PROBABILITIES,
    )
    images = ImagesRequest(run[0], request, workers=WorkerRequest(1))
    with pytest.raises(ModelError, match=r"received values from .* If they are logits, name `outputs` logits"):
        run_score(ScoreRequest(tmp_path / "run", images, None), Console(quiet=True))
    assert not list((tmp_path / "run").rglob("shard-*"))
    assert not (tmp_path / "run" / "run.json").exists()


def _command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "jobs", *(str(argument) for argument in arguments)]


def _some_photos(source: Path, folder: Path, step: int) -> Path:
    """A folder of links to every `step`-th photo."""
    folder.mkdir()
    for photo in sorted(source.iterdir())[::step]:
        (folder / photo.name).symlink_to(photo)
    return folder


@pytest.mark.slow  # tests/chaos does this in CI, with a fast network
def test_killed_run_goes_on_where_it_was_and_ends_with_identical_rows(data_folder: Path, tmp_path: Path) -> None:
    """The driver is killed with SIGKILL, and with it Ray; the same command then scores only what is missing.

    Its workers are held when five shards of twenty-five are there.
    """
    photos = _some_photos(data_folder / "photos" / "test", tmp_path / "photos", step=3)
    options = ("--model", data_folder / "models" / "cat_dog_squeezenet.keras", "--labels", "cat,dog")
    sizes = ("--shard-size", 4, "--batch-size", 4, "--precision", "float32")
    killed, undisturbed = (
        _command("score", "--images", photos, *options, *sizes, "--output", tmp_path / name)
        for name in ("killed", "undisturbed")
    )
    subprocess.run(undisturbed, check=True, capture_output=True)
    shards = tmp_path / "killed" / "predictions"
    gate = Gate(tmp_path / "gate")
    gate.close("shard-*.parquet", 5)
    heeding = {**os.environ, **gate.environment}
    with subprocess.Popen(killed, stdout=subprocess.DEVNULL, start_new_session=True, env=heeding) as process:
        gate.wait_until_held(process)
        process.send_signal(signal.SIGKILL)
    gate.wait_until_the_held_are_dead()
    before = _shards(tmp_path / "killed")
    done = [name for name in before if name.endswith(".parquet")]
    assert 5 <= len(done) < 25
    subprocess.run(killed, check=True, capture_output=True)
    after = _shards(tmp_path / "killed")
    assert {name: after[name] for name in done} == {name: before[name] for name in done}
    assert _rows(tmp_path / "killed") == _rows(tmp_path / "undisturbed")
    assert sorted(after) == sorted(_shards(tmp_path / "undisturbed"))
    summary = json.loads((tmp_path / "killed" / "run.json").read_text())["summary"]
    assert summary["num_scored"] == 100 - sum(len(pd.read_parquet(shards / name)) for name in done)


@pytest.mark.slow
def test_both_examples_run_on_the_jax_backend(data_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("jax", reason="the jax backend needs jax")
    photos = _some_photos(data_folder / "photos" / "train", tmp_path / "photos", step=40)
    options = ("--model", data_folder / "models" / "cat_dog_squeezenet.keras", "--labels", "cat,dog")
    sonar = ("--sonar", data_folder / "sonar" / "sonar.all-data")
    command = _command("score", "--images", photos, *options, *sonar, "--output", tmp_path / "run")
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    rows = _rows(tmp_path / "run")
    assert len(rows) == 15
    assert sum(str(row["image_id"]).startswith(str(row["label"])) for row in rows) >= 14
    assert record_of(tmp_path / "run").fingerprint.engine == "keras-jax"
    metrics = json.loads((tmp_path / "run" / "sonar" / "metrics.json").read_text())
    assert metrics["test_accuracy"] > 0.7
    assert "jax" in metrics["versions"]
