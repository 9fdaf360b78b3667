import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from tests import readme_picture
from tests.browser import CHROMIUM
from tests.documents import blocks, read
from tests.source_tree import ROOT


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


@pytest.mark.ray
@pytest.mark.keras
@pytest.mark.slow
def test_demo_makes_everything_offline_with_the_real_architecture(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "jobs", "demo"]
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
    """README's picture has the headings of the demo's report, and can be made again."""
    shown = json.loads(Image.open(readme_picture.PICTURE).info["headings"])
    assert shown == readme_picture.headings(page), readme_picture.__doc__
    if CHROMIUM is not None:
        readme_picture.draw(page, drawn)
        assert Image.open(drawn).size == Image.open(readme_picture.PICTURE).size
        assert drawn.stat().st_size < readme_picture.MAX_BYTES
