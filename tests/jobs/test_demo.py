import csv
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler
from io import StringIO
from pathlib import Path
from unittest.mock import Mock

import pandas as pd
import pytest
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

from jobs import demo as demo_command
from jobs.cli import app
from jobs.demo import choose_weights
from scoring.networks.published_files import PublishedFile
from scoring.networks.vgg16 import check_weights
from scoring.sonar.returns import check_trainable
from scoring.sonar.uci_file import load_sonar
from tests import readme_picture
from tests.browser import CHROMIUM
from tests.documents import blocks, read
from tests.local_server import serving
from tests.source_tree import ROOT

_TRUE_WEIGHTS = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"


def _shape(line: str) -> str:
    """A line of the demo without its figures."""
    return re.sub(r"[\d.]+", "0", line).strip()


def _lines_of_readme() -> list[str]:
    [block] = [block for block in blocks(read(ROOT / "README.md")) if "shardscore-demo/run/submission.csv" in block]
    return block.splitlines()


def test_readme_shows_ten_lines_of_the_demo_and_a_picture_of_today_s_report() -> None:
    assert len(_lines_of_readme()) == 10
    picture = Image.open(readme_picture.PICTURE)
    assert picture.info["design"] == readme_picture.design_digest(), readme_picture.__doc__
    assert readme_picture.PICTURE.stat().st_size < readme_picture.MAX_BYTES


def _console() -> tuple[Console, StringIO]:
    said = StringIO()
    return Console(file=said, width=1_000), said


def test_demo_takes_imagenets_weights_where_they_can_be_had_and_says_so(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = data_folder / "models"
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    digest = hashlib.md5((models / _TRUE_WEIGHTS).read_bytes()).hexdigest()
    with serving(partial(SimpleHTTPRequestHandler, directory=str(models))) as server:
        published = PublishedFile(f"{server}/{_TRUE_WEIGHTS}", f"md5:{digest}", _TRUE_WEIGHTS)
        monkeypatch.setattr(demo_command, "CONVOLUTIONS_WEIGHTS", published)
        console, said = _console()
        chosen = choose_weights("auto", console)
    assert Path(chosen).read_bytes() == (models / _TRUE_WEIGHTS).read_bytes()
    assert f"convolutions with ImageNet's weights: {chosen}" in said.getvalue()


def test_demo_goes_on_untrained_where_weights_cannot_be_had_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    nowhere = PublishedFile("http://127.0.0.1:9/weights.h5", "md5:" + "0" * 32, "weights.h5")
    monkeypatch.setattr(demo_command, "CONVOLUTIONS_WEIGHTS", nowhere)
    console, said = _console()
    assert choose_weights("auto", console) == "random"
    assert "untrained, as ImageNet's weights cannot be downloaded" in said.getvalue()


def test_demo_goes_on_where_nothing_can_be_kept_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", "/dev/null/.keras")
    console, said = _console()
    assert choose_weights("auto", console) == "random"
    drawn = demo_command.choose_sonar(tmp_path, console)
    check_trainable(load_sonar(drawn), drawn)
    weights, sonar = said.getvalue().splitlines()
    assert "untrained, as ImageNet's weights cannot be kept: Cannot write /dev/null/.keras/models/" in weights
    assert weights.endswith("Name another folder for the cache by KERAS_HOME.")
    assert sonar.startswith(f"UCI's returns cannot be kept in this machine's cache: drew sonar returns into {drawn}; ")


def test_demo_takes_the_weights_that_were_asked_for() -> None:
    console, said = _console()
    assert choose_weights("mine.h5", console) == "mine.h5"
    assert "as asked for: mine.h5" in said.getvalue()


def test_weights_that_the_help_shows_are_taken() -> None:
    shown = CliRunner().invoke(app, ["demo", "--help"]).stdout
    [weights] = re.findall(r"demo --weights (\S+)", shown)
    check_weights(weights)


def test_demo_overwrites_no_folder_but_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_command, "_draw", Mock(side_effect=KeyboardInterrupt))
    mine = tmp_path / "mine" / "train" / "cat" / "1.jpg"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"a photo")
    refused = CliRunner().invoke(app, ["demo", "--output", str(tmp_path / "mine")])
    assert refused.exit_code == 2, refused.output
    assert "holds files without it, which the demo would overwrite" in " ".join(refused.stderr.split())
    assert [path for path in (tmp_path / "mine").rglob("*") if path.is_file()] == [mine]
    (tmp_path / "volume" / "lost+found").mkdir(parents=True)
    for name in ("demo", "demo", "volume"):
        with pytest.raises(KeyboardInterrupt):
            demo_command.demo(output=tmp_path / name, verbose=_console()[0])


@pytest.mark.ray
@pytest.mark.keras
def test_the_command_that_shows_predictions_does_so_wherever_they_are(tmp_path: Path) -> None:
    run = tmp_path / 'mine\'s\n\x1b[31m"run" of `images`'
    (run / "predictions").mkdir(parents=True)
    pd.DataFrame({"label": ["heron"]}).to_parquet(run / "predictions" / "shard.parquet")
    output = StringIO()
    demo_command._print_next_steps("weights.h5", run, Console(file=output, width=1000, markup=False))
    [line] = [line for line in output.getvalue().splitlines() if line.startswith("  python -c ")]
    command = line.replace("python", shlex.quote(sys.executable), 1)
    assert "heron" in subprocess.check_output(["bash", "-c", command], text=True)


@pytest.mark.ci
@pytest.mark.parametrize("weights", [pytest.param("random", marks=pytest.mark.slow), _TRUE_WEIGHTS])
def test_demo_makes_everything_offline_with_the_real_architecture(
    request: pytest.FixtureRequest, tmp_path: Path, weights: str
) -> None:
    given = weights if weights == "random" else request.getfixturevalue("data_folder") / "models" / weights
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "jobs", "demo", "--weights", given]
    demo = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert demo.returncode == 0, demo.stderr
    shapes = {_shape(line) for line in demo.stdout.splitlines()}
    assert {_shape(line) for line in _lines_of_readme()} <= shapes, "README shows lines that the demo does not print"
    run = tmp_path / "shardscore-demo" / "run"
    rows = pd.read_parquet(run / "predictions")
    assert len(rows) == 40
    assert (rows["status"] == "error").sum() == 3
    summary = json.loads((run / "run.json").read_text())["summary"]
    assert (summary["num_errors"], summary["num_labelled"]) == (3, 37)
    assert summary["num_right"] >= 34, "cats and dogs that the model has not seen"
    assert f"{summary['num_right']} of 37 labelled images" in demo.stdout
    assert json.loads((run / "sonar" / "metrics.json").read_text())["num_test"] == 84
    for report in (run / "report.html", tmp_path / "shardscore-demo" / "model" / "report.html"):
        assert "<h1" in report.read_text()
    with (run / "submission.csv").open() as file:
        assert [int(row["id"]) for row in csv.DictReader(file)] == list(range(1, 41))
    _check_picture(run / "report.html", tmp_path / "report.png")


def _check_picture(page: Path, drawn: Path) -> None:
    """README's picture has the headings of the demo's report, and can be made again.

    It has returns of UCI's, beside which published figures stand; without a network the demo draws some.
    """
    shown = json.loads(Image.open(readme_picture.PICTURE).info["headings"])
    assert "Accuracy beside published figures" in shown
    here = [heading.removesuffix(" beside published figures") for heading in shown]
    assert here == readme_picture.headings(page), readme_picture.__doc__
    if CHROMIUM is not None:
        readme_picture.draw(page, drawn)
        assert Image.open(drawn).size == Image.open(readme_picture.PICTURE).size
        assert drawn.stat().st_size < readme_picture.MAX_BYTES
