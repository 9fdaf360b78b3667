"""`embed` from images to vectors, on a real Ray: shards as `score` writes them, continued to the same bytes."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from jobs.embed.command import embed
from jobs.embed.options import Pooling, VectorPrecision, embedding_request
from jobs.report import report
from jobs.submission import submission
from scoring.errors import ModelError, RequestError, RunFolderError
from scoring.models.embedding import Embedder, EmbeddingRequest, EmbeddingType
from scoring.models.model_folder import ModelFolder
from scoring.models.training_record import TrainedBase, load_training_record, save_training_record
from scoring.networks.base_networks import base_of
from scoring.networks.base_request import BaseRequest
from scoring.networks.pixel_scales import PixelScale
from scoring.networks.precision import Precision
from scoring.run.folder import RunFolder
from scoring.run.holding import hold_folder
from scoring.run.lease import Lease
from scoring.run.verification import run_status
from tests.gate.control import Gate
from tests.models import save_brightness_model
from tests.places import on_disk
from tests.runs import cats_and_dogs, write_model

_OPTIONS: dict[str, Any] = {"shard_size": 4, "batch_size": 4, "precision": "float32", "actors": 1}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier below whose classes are the mean colours."""
    import keras

    path = tmp_path_factory.mktemp("model") / "colours.keras"
    pixels = keras.Input((24, 32, 3))
    means = keras.layers.GlobalAveragePooling2D(name="means")(keras.layers.Rescaling(1 / 255, name="rescaling")(pixels))
    keras.Model(pixels, keras.layers.Dense(2, activation="softmax")(means)).save(path)
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures, each of one grey, the fifth to the eighth, a whole shard, broken."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(1, 13):
        Image.new("RGB", (8, 6), (number * 20,) * 3).save(folder / f"{number:02d}.png")
    for number in range(5, 9):
        (folder / f"{number:02d}.png").write_text("<html>")
    return folder


def _bytes(output: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in on_disk(RunFolder(output).predictions).glob("*.parquet")}


@pytest.mark.ci
@pytest.mark.ray
@pytest.mark.keras
def test_every_image_has_its_vector_and_a_second_run_gives_the_same_bytes(
    photos: Path, model: Path, tmp_path: Path, two_nodes: None, capsys: pytest.CaptureFixture[str]
) -> None:
    made = embed(images=photos, output=tmp_path / "run", model=model, dtype="float32", verbose=True, **_OPTIONS)
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith(f"embedding {photos} with {model} without its ")
    assert "12 of 12 (12 embedded now)" in said
    table = made.table(["image_id", "embedding"])
    assert (made.summary.num_images, made.summary.num_errors, made.summary.one_answer) == (12, 4, None)
    expected = [None if 5 <= number <= 8 else [number * 20 / 255] * 3 for number in range(1, 13)]
    assert [one and pytest.approx(one, rel=1e-4) for one in expected] == table["embedding"].to_pylist()
    before = _bytes(tmp_path / "run")
    for name in list(before)[:2]:
        (tmp_path / "run" / "predictions" / name).unlink()
    again = embed(images=photos, output=tmp_path / "run", model=model, dtype="float32", **_OPTIONS)
    assert again.summary.num_scored == 8
    assert _bytes(tmp_path / "run") == before
    with pytest.raises(RunFolderError, match="whose `features` differs"):
        embed(images=photos, output=tmp_path / "run", model=model, pooling="max", features="rescaling", **_OPTIONS)
    with pytest.raises(RunFolderError, match="holds features, of which there is no report"):
        report(tmp_path / "run")
    with pytest.raises(RequestError, match=r"Expected a run with labels; .*/run holds features"):
        submission(tmp_path / "run")


@pytest.mark.ci
@pytest.mark.ray
@pytest.mark.keras
def test_vectors_that_float16_cannot_hold_are_refused_as_the_request(
    photos: Path, tmp_path: Path, two_nodes: None
) -> None:
    import keras

    pixels = keras.Input((24, 32, 3))
    tiny = keras.layers.GlobalAveragePooling2D(name="tiny")(keras.layers.Rescaling(1e-15)(pixels))
    keras.Model(pixels, keras.layers.Dense(2, activation="softmax")(tiny)).save(tmp_path / "tiny.keras")
    with pytest.raises(ModelError, match=r"^Expected features large enough for float16, .* `dtype` float32 or another"):
        embed(images=photos, output=tmp_path / "run", model=tmp_path / "tiny.keras", **_OPTIONS)


@pytest.mark.ci
@pytest.mark.ray
@pytest.mark.keras
def test_another_driver_that_takes_the_folder_at_once_takes_nothing_from_the_result(
    photos: Path, model: Path, tmp_path: Path, two_nodes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def hold(folder: RunFolder) -> Iterator[Lease]:
        with hold_folder(folder) as lease:
            yield lease
        on_disk(folder.record).unlink()  # what its overwrite removes first

    monkeypatch.setattr("jobs.score.job.hold_folder", hold)
    made = embed(images=photos, output=tmp_path / "run", model=model, **_OPTIONS)
    assert (made.summary.num_images, made.summary.num_errors) == (12, 4)
    with pytest.raises(RunFolderError, match=r"has no run\.json"):
        made.table()


def test_one_of_model_and_base_is_wanted(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="Expected `model` or `base`; received neither"):
        embed(images=photos, output=tmp_path / "run")
    with pytest.raises(RequestError, match="received both"):
        embed(images=photos, output=tmp_path / "run", model="resnet50", base="vgg16")


def _asked(pooling: str | list[str] = "mean", precision: str = "float32") -> EmbeddingRequest:
    options: dict[str, Any] = dict.fromkeys(("base", "weights", "features", "size"))
    return embedding_request(
        model="resnet50",
        pooling=pooling,
        dtype="float32",
        pixels="0..255",
        engine="keras",
        precision=precision,
        **options,
    )


def test_every_precision_that_is_offered_can_be_asked_for() -> None:
    for precision in VectorPrecision:
        _asked(precision=precision).check()
    assert set(Precision) - set(map(Precision, VectorPrecision)) == {Precision.INT8}


def test_ways_of_pooling_may_stand_as_in_finetune() -> None:
    assert [_asked(one).base.pooling for one in Pooling] == list(Pooling)
    for pooling in ("mean,max", "mean, max", ["mean", "max"]):
        assert _asked(pooling) == _asked("mean+max")
    for pooling in ("mean,centre", "max,mean", ["max", "max"]):
        with pytest.raises(
            RequestError, match=r"Expected `pooling` to be one of mean, max, mean\+max; received "
        ) as odd:
            _asked(pooling)
        assert str(pooling) in str(odd.value).replace("\\", "")


@pytest.mark.keras
def test_base_that_is_not_the_one_below_a_folders_head_gives_no_vectors(model: Path, tmp_path: Path) -> None:
    """Neither what has taken the place of its file, nor other weights."""
    base = BaseRequest(str(tmp_path / "base.keras"))
    shutil.copy(model, base.model)
    trained = TrainedBase(base, base_of(base).digest())
    path = tmp_path / "model"
    folder = ModelFolder(path)
    write_model(path, cats_and_dogs(8))
    record = load_training_record(folder)
    save_training_record(folder, replace(record, base=trained))
    assert _loaded(path).engine.num_outputs == 3
    save_brightness_model(Path(base.model))
    with pytest.raises(ModelError, match=rf"was trained on, {trained.digest[:12]}; .*base\.keras is another"):
        _loaded(path)
    save_training_record(folder, record)
    with pytest.raises(ModelError, match=r"was trained on, aaaaaaaaaaaa; vgg16 is another, "):
        _loaded(path, "random")


def _loaded(model: Path, weights: str | None = None) -> Embedder:
    """What `embed` would load of a model folder, if nothing else is said."""
    request = embedding_request(
        model=model,
        base=None,
        weights=weights,
        features=None,
        pooling="mean",
        dtype="float32",
        size=None,
        pixels=PixelScale.UNCHANGED,
        engine="keras",
        precision="float32",
    )
    return request.load()


@pytest.mark.slow
def test_killed_twice_and_continued_it_ends_with_the_bytes_of_an_undisturbed_run(
    data_folder: Path, tmp_path: Path
) -> None:
    """A thousand photos, in fifty shards."""
    options = ("--model", data_folder / "models" / "cat_dog_squeezenet.keras", "--shard-size", 20)
    gate, photos = Gate(tmp_path / "gate"), tmp_path / "photos"
    photos.mkdir()
    for photo in sorted((data_folder / "photos" / "more_train").rglob("*.jpg"))[::3]:
        (photos / photo.name).symlink_to(photo)

    def start(name: str) -> subprocess.Popen[bytes]:
        words = ("-m", "jobs", "embed", "--images", photos, *options, "--output")
        command = [sys.executable, *map(str, words), str(tmp_path / name)]
        return subprocess.Popen(command, start_new_session=True, env={**os.environ, **gate.environment})

    assert start("undisturbed").wait() == 0
    for limit in (10, 30):
        gate.close("shard-*.parquet", limit)
        driver = start("killed")
        gate.wait_until_held(driver)
        os.killpg(driver.pid, signal.SIGKILL)
        driver.wait()
        gate.wait_until_the_held_are_dead()
        gate.open()
        assert limit <= len(_bytes(tmp_path / "killed")) < 50
    assert start("killed").wait() == 0
    assert _bytes(tmp_path / "killed") == _bytes(tmp_path / "undisturbed")
    assert run_status(RunFolder(tmp_path / "killed"), verify=True).is_complete


def _write(folder: Path) -> Path:
    """Vectors of 200 images, as `embed` stores them; of number 7, nearest are 8 and 6."""
    from scoring.networks.precision import Precision, PrecisionChoice
    from scoring.run.predictions import ScoredImage, write_table
    from scoring.sources.entries import ImageEntry
    from tests.fakes import FakeEngine

    angles = np.arange(200) * 0.01 + np.arange(200) ** 2 * 1e-6
    rows = [
        ScoredImage(ImageEntry(str(number), f"{number}.jpg", 1), np.array([np.cos(angle), np.sin(angle)], np.float32))
        for number, angle in enumerate(angles)
    ]
    rows.append(ScoredImage(ImageEntry("broken", "broken.jpg", 1), None, "the file is empty"))
    embedder = Embedder(FakeEngine(), "d", PrecisionChoice(Precision.FLOAT32, ""), EmbeddingType.FLOAT32)
    (folder / "predictions").mkdir(parents=True)
    write_table(folder / "predictions" / "shard-00000-of-00001.parquet", embedder.to_table(rows, {}))
    return folder


def _lines_of_manual(library: str) -> str:
    """The block of the manual that names a library, as its reader would type it."""
    text = (Path(__file__).parents[3] / "scoring" / "README.md").read_text(encoding="utf-8")
    [block] = [block for block in text.split("\n\n") if block.startswith("    ") and f"import {library}" in block]
    return "\n".join(line.removeprefix("    ") for line in block.splitlines())


@pytest.mark.parametrize("library", ["faiss", "duckdb"])
def test_nearest_photos_are_found_as_the_manual_says(
    library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(library)
    _write(tmp_path / "runs" / "features")
    monkeypatch.chdir(tmp_path)
    known: dict[str, Any] = {"photo": "7"}
    exec(_lines_of_manual(library).replace("FLOAT[2048]", "FLOAT[2]"), known)  # our own lines
    assert known["nearest"][:3] == ["7", "6", "8"] or known["nearest"][:3] == ["7", "8", "6"]
