"""A table of Hugging Face whose numbers of classes have names, by the commands that its user types."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.models import save_quarters_model
from tests.source_tree import ROOT

pytestmark = [pytest.mark.ray, pytest.mark.keras, pytest.mark.slow]

_NAMES = ["T-shirt", "Trouser", "Pullover", "Dress", "Coat"]  # as fashion_mnist has them: by no alphabet
_COLOURS = [(230, 20, 20), (20, 230, 20), (20, 20, 230), (230, 230, 20), (20, 230, 230)]
_TRAIN, _TEST = [row % 5 for row in range(60)], [row * 3 % 5 for row in range(20)]


def _photo(number: int, generator: np.random.Generator) -> bytes:
    content = io.BytesIO()
    pixels = np.array(_COLOURS[number]) + generator.integers(-20, 20, (12, 12, 3))
    Image.fromarray(pixels.astype(np.uint8)).save(content, "png")
    return content.getvalue()


def _write(table: Path, numbers: Sequence[int]) -> None:
    generator = np.random.default_rng(len(numbers))
    rows = {
        "image": [{"bytes": _photo(number, generator), "path": None} for number in numbers],
        "id": list(map(str, range(len(numbers)))),
        "label": numbers,
    }
    said = json.dumps({"info": {"features": {"label": {"names": _NAMES, "_type": "ClassLabel"}}}})
    pq.write_table(pa.table(rows).replace_schema_metadata({"huggingface": said}), table)


@pytest.fixture
def numbered(tmp_path: Path) -> Path:
    """Tables to train and to test on, a template of numbers, and a base network."""
    _write(tmp_path / "train.parquet", _TRAIN)
    _write(tmp_path / "test.parquet", _TEST)
    lines = ["id,label", *(f"{row},{row % 5}" for row in range(len(_TEST)))]
    (tmp_path / "sample_submission.csv").write_text("\n".join(lines))
    save_quarters_model(tmp_path / "quarters.keras")
    return tmp_path


def _type(folder: Path, line: str) -> "subprocess.CompletedProcess[str]":
    """Type a command, `shardscore` left out."""
    command = [sys.executable, "-m", "jobs", *line.split()]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def _score(folder: Path) -> None:
    """Train by one table, and score the other with its labels."""
    columns = "--bytes-column image.bytes --id-column id --label-column label"
    learning = "--base quarters.keras --learning-rate 0.02 --epochs 60"
    trained = _type(folder, f"finetune --images train.parquet {columns} {learning} --output model")
    assert trained.returncode == 0, trained.stderr
    scored = _type(folder, f"score --images test.parquet {columns} --model model --output run")
    assert scored.returncode == 0, scored.stderr


def test_a_template_of_numbers_is_filled_with_those_of_the_table(numbered: Path) -> None:
    _score(numbered)
    assert json.loads((numbered / "model" / "labels.json").read_text()) == _NAMES
    summary = json.loads((numbered / "run" / "run.json").read_text())["summary"]
    assert (summary["num_labelled"], summary["num_right"]) == (len(_TEST), len(_TEST))
    filled = _type(numbered, "submission run --template sample_submission.csv")
    assert filled.returncode == 0, filled.stderr
    _, *rows = csv.reader((numbered / "run" / "submission.csv").read_text().splitlines())
    assert [int(number) for _, number in rows] == _TEST
