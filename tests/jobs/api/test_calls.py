"""The Python face on a cluster: the functions that compute."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from jobs import api as shardscore
from tests.models import save_brightness_model
from tests.places import on_disk
from tests.runs import record_of

pytestmark = [pytest.mark.ci, pytest.mark.ray, pytest.mark.keras, pytest.mark.usefixtures("two_nodes")]

_NUM_PHOTOS = 24


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_brightness_model(tmp_path_factory.mktemp("model") / "brightness.keras")


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Dark photos of cats and bright ones of dogs."""
    folder = tmp_path / "labelled"
    folder.mkdir()
    for number in range(_NUM_PHOTOS):
        label, light = ("cat", 20) if number % 2 else ("dog", 200)
        Image.new("RGB", (8, 6), (light + number,) * 3).save(folder / f"{label}.{number}.png")
    return folder


def test_score_returns_the_run_prints_nothing_and_the_same_call_again_scores_nothing(
    photos: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "7.png").write_text("<html>")

    numbers: dict[str, Any] = {"shard_size": np.int64(4), "actors": np.int64(1), "gpus_per_actor": np.float32(0)}

    def score() -> shardscore.Run:
        return shardscore.score(
            images=photos,
            output=str(tmp_path / "run"),
            model=model,
            labels=["cat", "dog"],
            batch_size=4,
            **numbers,
        )

    run = score()
    assert capsys.readouterr() == ("", "")
    assert run.path == tmp_path / "run"
    assert run.sonar is None
    assert run.summary is not None
    assert (run.summary.num_images, run.summary.num_errors, run.summary.num_scored) == (12, 1, 12)
    rows = run.predictions()
    assert rows["image_id"].to_pylist() == [str(number) for number in range(1, 13)]
    assert shardscore.status(run.path, verify=True).is_complete
    with pytest.raises(shardscore.IncompleteError, match="`fallback`"):
        shardscore.submission(run.path, partial=True)
    assert shardscore.submission(run.path, partial=True, fallback=0.5).num_fallbacks == 1
    again = score()
    assert again.summary is not None
    assert again.summary.num_scored == 0
    assert record_of(run.path).work == run.summary
    assert again.predictions() == rows


def test_a_result_is_of_its_own_run_wherever_the_process_goes_and_whatever_is_overwritten(
    photos: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def score(labels: str) -> shardscore.Run:
        return shardscore.score(images=photos, output="run", model=model, labels=labels, actors=1, overwrite=True)

    monkeypatch.chdir(tmp_path)
    first = score("cat,dog")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert first.path == tmp_path / "run"
    assert len(first.predictions()) == 12
    monkeypatch.chdir(tmp_path)
    second = score("dog,cat")
    assert len(second.predictions()) == 12
    with pytest.raises(shardscore.RunFolderError, match="another has taken its place, whose labels differ"):
        first.predictions()


def test_finetune_returns_a_model_that_score_takes(labelled: Path, model: Path, tmp_path: Path) -> None:
    trained = shardscore.finetune(
        images=labelled,
        output=tmp_path / "model",
        base=model,
        validation=8,
        learning_rate=0.05,
        precision="float32",
        actors=1,
    )
    assert trained.path == tmp_path / "model"
    assert trained.labels == ("cat", "dog")
    assert trained.metrics.num_images == 8
    assert trained.metrics.accuracy == 1.0
    assert 0 < trained.calibration.clip < 0.5
    run = shardscore.score(
        images=labelled, output=tmp_path / "run", model=on_disk(trained.path), labels_from="names", actors=1
    )
    assert run.summary is not None
    assert (run.summary.num_labelled, run.summary.num_right) == (_NUM_PHOTOS, _NUM_PHOTOS)


def test_sonar_returns_a_row_for_each_model_of_each_protocol(data_folder: Path, tmp_path: Path) -> None:
    data = data_folder / "sonar" / "sonar.all-data"
    study = shardscore.sonar(output=tmp_path, data=data, protocol=["dependent"], model=["1-nn"], actors=1)
    assert study.path == tmp_path / "sonar"
    [row] = study.rows
    assert (row.protocol, row.model) == ("dependent", "1-nn")
    assert row.accuracy > 0.8
