"""What `overwrite` removes, and when: what an earlier command left goes when nothing can refuse the new one."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

from cluster.errors import PlacementError
from cluster.outcomes import Outcome
from jobs.cli import app
from jobs.console.exit_codes import Terminated, exit_codes
from jobs.embed.result import Embeddings
from jobs.finetune.job import run_finetune
from jobs.finetune.request import FinetuneRequest
from jobs.score import listing
from jobs.score.earlier_run import look_at_earlier_run
from jobs.score.job import run_score
from jobs.score.request import ImagesRequest, ScoreRequest, SonarRequest
from jobs.sonar.request import StudyRequest
from jobs.sonar.study import run_study
from scoring.bench.drawings import draw_sonar
from scoring.errors import ModelError, RequestError, RunFolderError
from scoring.finetuning.features import FeatureRequest
from scoring.models.model_request import ModelRequest
from scoring.models.trained_heads import HeadSettings
from scoring.networks.base_request import BaseRequest
from scoring.networks.precision import Precision
from scoring.pixels.input_shape import DEFAULT_SHAPE
from scoring.run.folder import RunFolder
from scoring.run.verification import run_status
from scoring.shards.image_sample import image_sample
from scoring.shards.report import ShardReport
from scoring.shards.retry import ShardTask
from scoring.shards.settings import ScorerSettings
from scoring.sonar.protocols import EvaluationProtocol
from scoring.sonar.recipes import SonarModel
from scoring.sources.table_columns import LabelsFile
from scoring.sources.targets import LabelsFrom
from scoring.storage.locations import Url
from tests.chaos.without_ray import HerePool, score_here, without_ray
from tests.models import save_brightness_model
from tests.runs import SUMMARY, cats_and_dogs, draw_images, write_model
from tests.sonar_results import write_sonar_results

_BASE = BaseRequest("vgg16", "random", None)
_MODEL = ModelRequest("vgg16-imagenet", "random", None, Precision.FLOAT32, "tensorflow")


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def output(photos: Path, tmp_path: Path) -> Path:
    """A complete run of the photos."""
    score_here(photos, tmp_path / "run")
    assert run_status(RunFolder(tmp_path / "run"), verify=True).is_complete
    return tmp_path / "run"


def _refuse_placement(*_: object) -> None:
    raise PlacementError("Expected at most 2 actors; received 99.")


def _refuse_model(*_: object) -> None:
    raise ModelError("Expected 2 labels; received 3.")


def _placed_too_large(monkeypatch: pytest.MonkeyPatch, photos: Path, output: Path) -> None:
    monkeypatch.setattr("tests.chaos.without_ray.Placement", _refuse_placement)
    score_here(photos, output, overwrite=True)


def _of_a_model_that_does_not_fit(_: pytest.MonkeyPatch, photos: Path, output: Path) -> None:
    class Pool(HerePool):
        first_ready = _refuse_model  # type: ignore[assignment]

    score_here(photos, output, overwrite=True, pool=Pool)


def _of_an_int8_model_that_does_not_fit(monkeypatch: pytest.MonkeyPatch, photos: Path, output: Path) -> None:
    monkeypatch.setattr(ModelRequest, "needs_sample", True)
    _of_a_model_that_does_not_fit(monkeypatch, photos, output)


def _labelled_by_names(_: pytest.MonkeyPatch, photos: Path, output: Path) -> None:
    score_here(photos, output, overwrite=True, labels_from=LabelsFrom.NAMES)


def _of_a_float(_: pytest.MonkeyPatch, photos: Path, output: Path) -> None:
    score_here(photos, output, overwrite=True, shard_size=32.0)


@pytest.mark.parametrize(
    "request_that_is_refused",
    [
        _placed_too_large,
        _of_a_model_that_does_not_fit,
        _of_an_int8_model_that_does_not_fit,
        _labelled_by_names,
        _of_a_float,
    ],
)
def test_a_request_that_is_refused_leaves_the_earlier_run_as_it_was(
    photos: Path,
    output: Path,
    monkeypatch: pytest.MonkeyPatch,
    request_that_is_refused: Callable[[pytest.MonkeyPatch, Path, Path], None],
) -> None:
    monkeypatch.setattr(listing, "_LOOK_S", 0.05)
    before = _files(output)
    with pytest.raises((PlacementError, RequestError, TypeError)):
        request_that_is_refused(monkeypatch, photos, output)
    assert _files(output) == before
    deadline = time.monotonic() + 10
    while any(thread.name == "listing" for thread in threading.enumerate()):
        assert time.monotonic() < deadline, "the listing waits for a job that has ended"
        time.sleep(0.02)


@pytest.mark.parametrize("needs_sample", [False, True])
def test_the_earlier_run_is_there_when_the_model_is_loaded_and_gone_before_images_are_scored(
    photos: Path, output: Path, monkeypatch: pytest.MonkeyPatch, needs_sample: bool
) -> None:
    """A sample of the images that the model needs is of those that are listed now."""
    monkeypatch.setattr(ModelRequest, "needs_sample", needs_sample)
    (photos / "1.png").unlink()
    folder, seen, samples = RunFolder(output), [], []

    class Pool(HerePool):
        def __init__(self, request: ImagesRequest, settings: ScorerSettings, *given: Any) -> None:
            super().__init__(request, settings, *given)
            if needs_sample:
                samples.append((settings, image_sample(settings, DEFAULT_SHAPE)))
            seen.append((folder.record.is_file(), bool(folder.shard_names())))

        def run(self, tasks: Iterable[ShardTask]) -> Iterator[Outcome[ShardTask, ShardReport]]:
            seen.append((folder.record.is_file(), bool(folder.shard_names())))
            return super().run(tasks)

    before = folder.manifest.read_bytes()
    score_here(photos, output, overwrite=True, pool=Pool, resize="crop", shard_size=5)
    assert seen == [(True, True), (True, False)]
    assert folder.manifest.read_bytes() != before
    found = run_status(folder, verify=True)
    assert (found.is_complete, found.num_shards) == (True, 3)
    for settings, sample in samples:
        assert not sample.earlier_model
        assert len(sample.to_calibrate) == 6
        of_manifest = image_sample(replace(settings, sample=()), DEFAULT_SHAPE)
        assert np.array_equal(sample.to_calibrate, of_manifest.to_calibrate)
        assert np.array_equal(sample.to_compare, of_manifest.to_compare)


@pytest.mark.parametrize(("moment", "advice"), [("first_ready", "the same command"), ("run", "it")])
def test_a_command_that_is_stopped_advises_to_leave_overwrite_out_once_the_earlier_run_is_gone(
    photos: Path, output: Path, capsys: pytest.CaptureFixture[str], moment: str, advice: str
) -> None:
    pool = type("Pool", (HerePool,), {moment: Mock(side_effect=Terminated)})
    with pytest.raises(SystemExit), exit_codes(overwrite=True):
        score_here(photos, output, Console(), overwrite=True, pool=pool)
    said = capsys.readouterr()
    is_removed = advice == "it"
    assert f"run {advice} again{' without --overwrite' if is_removed else ''} to go on" in said.err
    assert ("no earlier results are left in" in said.out) == is_removed
    assert RunFolder(output).missing_shards(3) == ([0, 1, 2] if is_removed else [])


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_earlier_result_gives_no_rows_that_were_scored_anew(photos: Path, tmp_path: Path, overwrite: bool) -> None:
    """Neither by a run of the same fingerprint in its place, nor by the same command of changed photos."""
    first = score_here(photos, tmp_path / "run")
    rows = first.predictions()
    assert score_here(photos, tmp_path / "run").predictions() == first.predictions() == rows
    Image.new("RGB", (8, 6), (255,) * 3).save(photos / "7.png")
    second = score_here(photos, tmp_path / "run", overwrite=overwrite)
    assert second.fingerprint
    assert second.fingerprint == first.fingerprint
    assert second.predictions() != rows
    with pytest.raises(RunFolderError, match=r"the rows of this result in .*/run; some or all were scored anew since"):
        first.predictions()
    with pytest.raises(RunFolderError, match="scored anew since"):
        Embeddings(first.path, SUMMARY, second.fingerprint, first.digest).table()


def test_a_sonar_model_that_cannot_be_read_leaves_the_earlier_run_as_it_was(output: Path, tmp_path: Path) -> None:
    draw_sonar(tmp_path / "sonar.csv", 1)
    before = _files(output)
    sonar = SonarRequest(str(tmp_path / "sonar.csv"), tmp_path / "gone.keras", 0, "tensorflow")
    with pytest.raises(ModelError, match=r"gone\.keras is not"):
        run_score(ScoreRequest(output, None, sonar, overwrite=True), Console(quiet=True))
    assert _files(output) == before


@pytest.mark.parametrize("name", ["metrics.json", "notes.txt"])
def test_sonar_folders_of_other_programs_are_refused_and_left_alone(output: Path, photos: Path, name: str) -> None:
    """By the dry run too."""
    (output / "sonar").mkdir()
    write_sonar_results(output / "sonar")
    (output / "sonar" / ".DS_Store").write_bytes(b"the system's")
    (output / "sonar" / name).write_text('{"accuracy": 0.9, "wall_s": 3}')
    before = _files(output)
    images = ImagesRequest(photos, _MODEL)
    looks = (
        lambda: score_here(photos, output, overwrite=True),
        lambda: look_at_earlier_run(images, RunFolder(output), [], 4, overwrite=True),
    )
    for look in looks:
        with pytest.raises(RunFolderError, match=name.replace(".", "[.]")):
            look()
    assert _files(output) == before
    score_here(photos, output)
    (output / "sonar" / name).unlink()
    score_here(photos, output, overwrite=True)
    assert not (output / "sonar").exists()


def test_a_study_refuses_to_replace_metrics_of_another_program(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.sonar.study.train_models", lambda *_: pytest.fail("a model was trained"))
    metrics = tmp_path / "sonar" / "metrics.json"
    metrics.parent.mkdir()
    metrics.write_text('{"accuracy": 0.9, "wall_s": 3}')
    request = StudyRequest(
        str(data_folder / "sonar" / "sonar.all-data"),
        tmp_path,
        (EvaluationProtocol.DEPENDENT,),
        (SonarModel.OURS,),
        seed=0,
        backend="tensorflow",
        overwrite=True,
    )
    with pytest.raises(RunFolderError, match=r"metrics\.json; another program wrote them"):
        run_study(request, Console(quiet=True))
    assert metrics.read_text() == '{"accuracy": 0.9, "wall_s": 3}'


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["model.keras", "predictions.parquet", "metrics.json"])
@pytest.mark.parametrize("command", ["sonar", "score"])
def test_sonar_results_of_another_program_are_refused_before_ray_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, name: str, overwrite: bool
) -> None:
    monkeypatch.setattr("jobs.sonar.training.open_session", lambda *_: pytest.fail("Ray was started"))
    monkeypatch.setattr("jobs.score.job.open_session", lambda *_: pytest.fail("Ray was started"))
    draw_sonar(tmp_path / "sonar.csv", 208)
    (tmp_path / "output" / "sonar").mkdir(parents=True)
    (tmp_path / "output" / "sonar" / name).write_text('{"accuracy": 0.9, "wall_s": 3}')
    before = _files(tmp_path)
    words = ["--output", str(tmp_path / "output"), *(["--overwrite"] if overwrite else [])]
    data = ["--protocol", "article", "--data"] if command == "sonar" else ["--sonar"]
    ended = CliRunner().invoke(app, [command, *data, str(tmp_path / "sonar.csv"), *words])
    assert ended.exit_code == 2
    [line] = ended.stderr.splitlines()
    assert f"sonar/{name}" in line
    assert _files(tmp_path) == before
    assert sorted(path.name for path in (tmp_path / "output").iterdir()) == ["sonar"]


class _TaskHere:
    """Stands in for a task on Ray."""

    def __init__(self, function: Callable[..., Any], *given: object, avoid: object) -> None:
        self._call = partial(function, *given)

    def result(self, timeout_s: float) -> object:
        return self._call()


@pytest.mark.keras
@pytest.mark.parametrize("with_images", [False, True])
def test_a_sonar_model_that_does_not_fit_leaves_the_earlier_run_as_it_was(
    photos: Path, output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_images: bool
) -> None:
    draw_sonar(tmp_path / "sonar.csv", 1)
    model = save_brightness_model(tmp_path / "pixels.keras")
    before = _files(output)
    monkeypatch.setattr("jobs.score.sonar_job.LightTask", _TaskHere)
    sonar = SonarRequest(str(tmp_path / "sonar.csv"), model, 0, "tensorflow")
    with pytest.raises(ModelError, match="Expected a model from 60 bands to the probability of a mine"):
        if with_images:
            score_here(photos, output, overwrite=True, sonar=sonar)
        else:
            with without_ray():
                run_score(ScoreRequest(output, None, sonar, overwrite=True), Console(quiet=True))
    assert _files(output) == before


def test_a_fine_tune_that_is_refused_leaves_the_earlier_model_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = cats_and_dogs(20)
    photos, model = draw_images(tmp_path / "photos", images), tmp_path / "model"
    write_model(model, images, photos)
    (model / "heads").mkdir(exist_ok=True)
    (model / "heads" / "head-000.npz").write_bytes(b"a head")
    before = _files(model)
    monkeypatch.setattr("jobs.finetune.job.open_session", lambda *_: nullcontext())
    monkeypatch.setattr("jobs.finetune.job.require_on_every_node", lambda needed: None)
    monkeypatch.setattr("jobs.score.images_job.place_actors", _refuse_placement)
    features = FeatureRequest(_BASE, False, Precision.FLOAT32, "tensorflow")
    request = ImagesRequest(photos, features, labels_from=LabelsFrom.NAMES)
    with pytest.raises(PlacementError):
        run_finetune(FinetuneRequest(model, request, HeadSettings(), overwrite=True), Console(quiet=True))
    assert _files(model) == before


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["model.keras", "labels.json", "training.json", "heads/notes.txt"])
def test_a_fine_tune_into_a_folder_of_another_program_is_refused_before_ray_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, overwrite: bool
) -> None:
    monkeypatch.setattr("jobs.finetune.job.open_session", lambda *_: pytest.fail("Ray was started"))
    (tmp_path / "model" / "heads").mkdir(parents=True)
    (tmp_path / "model" / name).write_text('{"labels": ["cat", "dog"], "versions": {}}')
    before = _files(tmp_path)
    features = FeatureRequest(_BASE, False, Precision.FLOAT32, "tensorflow")
    images = ImagesRequest(draw_images(tmp_path / "photos", cats_and_dogs(3)), features)
    request = FinetuneRequest(tmp_path / "model", images, HeadSettings(), overwrite=overwrite)
    with pytest.raises(RunFolderError, match=Path(name).name.replace(".", "[.]")):
        run_finetune(request, Console(quiet=True))
    assert {path: content for path, content in _files(tmp_path).items() if "photos" not in path} == before


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("images", {"images": "run/predictions/photos"}),
        ("images", {"images": "run/sonar/photos.zip/train"}),
        ("images", {"images": "run/manifest.parquet"}),
        ("images", {"images": "another/../linked/photos"}),
        ("labels_file", {"labels_file": LabelsFile(Path("run/submission.csv"))}),
        ("weights", {"model": replace(_MODEL, weights="run/sonar/vgg16.h5")}),
        ("labels", {"model": replace(_MODEL, labels="run/report.html")}),
        ("model", {"model": replace(_MODEL, model="run/sonar/model.keras", labels="cat,dog")}),
        ("sonar", {"sonar": SonarRequest("run/sonar/returns.csv", None, 0, "tensorflow")}),
        ("sonar_model", {"sonar": SonarRequest("new.csv", Path("run/sonar/model.keras"), 0, "tensorflow")}),
    ],
)
def test_what_would_be_removed_is_refused_as_an_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str, options: dict[str, Any]
) -> None:
    """A link leads into the run's predictions, and the run folder is named in another way than its inputs."""
    monkeypatch.chdir(tmp_path)
    for name in ("run/predictions/photos", "another"):
        Path(name).mkdir(parents=True)
    Path("linked").symlink_to("run/predictions")
    told: dict[str, Any] = {"images": "photos", "model": _MODEL, "sonar": None} | options
    sonar = told.pop("sonar")
    images = ImagesRequest(**told | {"images": Path(told["images"])})
    request = ScoreRequest(tmp_path / "run", images, sonar, overwrite=True)
    with pytest.raises(RunFolderError, match=f"`overwrite` would remove `{field}` .*Copy it to another folder first"):
        request.check_overwrite()
    replace(request, overwrite=False).check_overwrite()
    replace(request, output=tmp_path / "run2").check_overwrite()


def test_in_a_bucket_too_what_would_be_removed_is_refused_as_an_input() -> None:
    run, images = Url("s3", "bucket", "run"), Url("s3", "bucket", "run/predictions/photos")
    request = ScoreRequest(run, ImagesRequest(images, _MODEL), None, overwrite=True)
    with pytest.raises(RunFolderError, match="would remove `images` s3://bucket/run/predictions/photos"):
        request.check_overwrite()
    replace(request, output=Url("s3", "bucket", "ru")).check_overwrite()


@pytest.mark.parametrize("name", ["model.keras", "heads/base.keras", "features/predictions/base.keras"])
def test_a_fine_tune_of_what_it_would_remove_is_refused(tmp_path: Path, name: str) -> None:
    features = FeatureRequest(BaseRequest(str(tmp_path / "model" / name)), False, Precision.FLOAT32, "tensorflow")
    images = ImagesRequest(tmp_path / "photos", features)
    request = FinetuneRequest(tmp_path / "model", images, HeadSettings(), overwrite=True)
    with pytest.raises(RunFolderError, match=r"would remove `base` .*base\.keras|would remove `base` .*model\.keras"):
        request.check()
    replace(request, overwrite=False).check()


@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]])
def test_a_run_and_its_dry_run_refuse_to_remove_their_input_in_one_line(
    output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dry_run: list[str]
) -> None:
    monkeypatch.setattr("jobs.score.job.open_session", lambda *_: pytest.fail("Ray was started"))
    monkeypatch.setattr("jobs.score.plan.open_session", lambda address: pytest.fail("Ray was started"))
    draw_images(output / "predictions" / "photos", cats_and_dogs(3))
    before = _files(output)
    told = ["score", "--images", f"{output}/predictions/photos", "--output", str(output), "--overwrite", *dry_run]
    ended = CliRunner().invoke(app, told)
    assert (ended.exit_code, ended.stderr.count("\n")) == (2, 1), ended.stderr
    assert ended.stderr.startswith(f"error: --overwrite would remove --images {output}/predictions/photos, ")
    assert _files(output) == before
