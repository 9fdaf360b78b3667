"""What lies in the folder that Ray unpacks for a job; for what `submit` refuses, see test_submit.py."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import ray
from typer.testing import CliRunner

from jobs.api import embed, finetune, report, score, sonar, status
from jobs.cli import app
from jobs.console.places import is_in_job_folder
from scoring.errors import RequestError


@pytest.fixture
def job_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a job of Ray's runs in, with what was sent."""
    folder = tmp_path / "session_1" / "runtime_resources" / "working_dir_files" / "_ray_pkg_0f"
    (folder / "photos").mkdir(parents=True)
    (folder / "model.keras").touch()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    ("function", "given", "field", "value"),
    [
        (score, {"images": "photos", "output": "/shared/run"}, "images", "photos"),
        (score, {"images": "/shared/photos", "output": Path("runs/one")}, "output", "runs/one"),
        (score, {"images": "s3://b/photos", "output": "../run"}, "output", "../run"),
        (score, {"images": "s3://b/photos", "output": "s3://b/run", "model": "model.keras"}, "model", "model.keras"),
        (score, {"images": "s3://b/photos", "output": "s3://b/run", "labels": "sent/l.txt"}, "labels", "sent/l.txt"),
        (embed, {"images": "photos", "output": "/shared/run"}, "images", "photos"),
        (finetune, {"images": "/x", "output": "/y", "base": ["resnet50", "model.keras"]}, "base", "model.keras"),
        (sonar, {"output": "study"}, "output", "study"),
        (status, {"run": "photos"}, "run", "photos"),
        (report, {"folder": "/shared/run", "output": "page.html"}, "output", "page.html"),
    ],
)
@pytest.mark.usefixtures("job_folder")
def test_places_in_the_folder_that_ray_unpacked_for_a_job_are_refused(
    function: Callable[..., Any], given: dict[str, Any], field: str, value: str
) -> None:
    with pytest.raises(RequestError, match=f"^Expected `{field}` as every node sees it: a URL, or an abs") as refused:
        function(**given)
    assert f"Received '{value}', which lies in that folder" in str(refused.value)


def test_results_and_images_are_not_taken_there_by_their_absolute_paths_either(job_folder: Path) -> None:
    with pytest.raises(RequestError, match=r"^Expected `output` as every node sees it"):
        score(images="/shared/photos", output=job_folder / "run")
    with pytest.raises(RequestError, match=r"^Expected `images` as every node sees it"):
        score(images=str(job_folder / "photos"), output="/shared/run")
    with pytest.raises(RequestError, match=r"^Expected `images` as every node sees it"):
        score(images=(job_folder / "photos").as_uri(), output="/shared/run")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "score --images photos --output /shared/run",
            "Expected --images as every node sees it: a URL, or an absolute",
        ),
        ("demo --weights random", "Expected --output as every node sees it: a URL, or an absolute path outside"),
        ("demo --weights random", "By default it is 'shardscore-demo', which lies in that folder"),
        ("bench", "Expected --json as every node sees it"),
    ],
)
@pytest.mark.usefixtures("job_folder")
def test_commands_refuse_them_in_one_line(words: str, said: str) -> None:
    result = CliRunner().invoke(app, words.split())
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert said in result.stderr


def test_what_every_node_sees_is_taken_in_a_job(job_folder: Path, tmp_path: Path, photos: Path) -> None:
    given: dict[str, Any] = {"images": photos, "output": tmp_path / "run", "labels": "cat,dog"}
    with pytest.raises(Exception, match=r"model\.keras") as refused:  # an empty file
        score(**given, model=job_folder / "model.keras", dry_run=True)
    assert "as every node sees it" not in str(refused.value)
    with pytest.raises(RequestError, match=r"no-such-run is no folder"):
        status("~/no-such-run")


def test_an_ordinary_folder_is_taken_by_relative_paths(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos.parent)
    with pytest.raises(RequestError, match=r"has no run\.json"):
        status("photos")


def _asks() -> list[bool]:
    paths = ("", "photos", "../photos", str(Path.cwd()), str(Path.cwd() / "photos"), "/shared/photos")
    return [is_in_job_folder(path) for path in paths]


@pytest.mark.ray
@pytest.mark.usefixtures("two_nodes")
def test_a_process_with_a_working_folder_of_rays_tells_what_lies_there(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "sent.zip", "w") as sent:
        sent.writestr("photos/readme.txt", "sent with the job")
    remote: Any = ray.remote
    asks = remote(num_cpus=1, runtime_env={"working_dir": (tmp_path / "sent.zip").as_uri()})(_asks)
    assert ray.get(asks.remote(), timeout=60) == [True, True, True, True, True, False]


def test_an_ordinary_folder_is_none_of_rays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert _asks() == [False] * 6
    shutil.rmtree(tmp_path)
    assert not is_in_job_folder("photos")
