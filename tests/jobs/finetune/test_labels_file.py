"""A competition whose labels stand in a file of their own, by the commands that its user types; nothing is unzipped."""

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.models import save_quarters_model
from tests.pictures import lit_photo
from tests.source_tree import ROOT

pytestmark = [pytest.mark.ci, pytest.mark.ray, pytest.mark.keras]

_CAT, _DOG = "Siamese cat", "golden_retriever"
_NUM_TRAIN, _NUM_TEST = 90, 30


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()


@pytest.fixture
def is_dog() -> dict[str, bool]:
    """What each photo shows, by its id, a hash as Kaggle's dog breeds have it."""
    numbers = range(_NUM_TRAIN + _NUM_TEST)
    return {hashlib.md5(str(number).encode()).hexdigest(): number % 3 == 0 for number in numbers}


@pytest.fixture
def competition(tmp_path: Path, is_dog: dict[str, bool]) -> Path:
    """Kaggle's download: folders of photos, labels and a template in one zip, and a base network beside it."""
    generator, ids = np.random.default_rng(0), list(is_dog)
    train, test = ids[:_NUM_TRAIN], ids[_NUM_TRAIN:]
    with zipfile.ZipFile(tmp_path / "breeds.zip", "w") as archive:
        for folder, names in (("train", train), ("test", test)):
            for name in names:
                archive.writestr(f"{folder}/{name}.jpg", lit_photo(is_dog[name], generator))
        rows = [(name, _DOG if is_dog[name] else _CAT) for name in sorted(train)]
        archive.writestr("labels.csv", _csv([("id", "breed"), *rows]))
        archive.writestr(
            "with_suffix.csv", _csv([("image", "breed"), *((f"{name}.jpg", breed) for name, breed in rows)])
        )
        archive.writestr("several.csv", _csv([("id", "labels"), *rows[:-1], (rows[-1][0], f"{_DOG} {_DOG}")]))
        template = [("id", _DOG, _CAT), *((name, "0.5", "0.5") for name in reversed(test))]
        archive.writestr("sample_submission.csv", _csv(template))
    with zipfile.ZipFile(tmp_path / "breeds.zip") as archive:
        content = [archive.read(f"train/{name}.jpg") for name, _ in rows]
    table = pa.table({"image": content, "name": [name for name, _ in rows], "breed": [breed for _, breed in rows]})
    pq.write_table(table, tmp_path / "train.parquet")
    save_quarters_model(tmp_path / "quarters.keras")
    return tmp_path


def _type(folder: Path, line: str) -> "subprocess.CompletedProcess[str]":
    """Type a command, `shardscore` left out."""
    command = [sys.executable, "-m", "jobs", *line.split()]
    return subprocess.run(
        command, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )


def _finetune(folder: Path, images: str) -> dict[str, str]:
    """Fine-tune, and return the label of each photo that the model was validated on."""
    options = "--base quarters.keras --learning-rate 0.02 --epochs 60"  # few photos learn more in large steps
    ended = _type(folder, f"finetune --images {images} {options} --output model --overwrite --json")
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert (told["command"], told["path"], told["labels"]) == ("finetune", str(folder / "model"), [_CAT, _DOG])
    assert told["metrics"]["accuracy"] > 0.9
    assert json.loads((folder / "model" / "labels.json").read_text()) == [_CAT, _DOG]
    rows = pq.read_table(folder / "model" / "validation.parquet", columns=["image_id", "target"])
    return dict(zip(*(rows[name].to_pylist() for name in rows.column_names), strict=True))


def test_photos_and_labels_in_one_zip_become_the_competitions_submission(
    competition: Path, is_dog: dict[str, bool]
) -> None:
    for file in ("with_suffix.csv", "labels.csv"):
        targets = _finetune(competition, f"breeds.zip/train --labels-file breeds.zip/{file}")
        assert {name: target == _DOG for name, target in targets.items()}.items() <= is_dog.items()
    scored = _type(competition, "score --images breeds.zip/test --model model --output run --json")
    assert scored.returncode == 0, scored.stderr
    told = json.loads(scored.stdout)
    assert (told["command"], told["path"]) == ("score", str(competition / "run"))
    assert told["summary"]["num_scored"] == _NUM_TEST
    assert (told["sonar"], told["plan"]) == (None, None)
    filled = _type(competition, "submission run --template breeds.zip/sample_submission.csv")
    assert filled.returncode == 0, filled.stderr
    header, *rows = csv.reader((competition / "run" / "submission.csv").read_text().splitlines())
    assert header == ["id", _DOG, _CAT]
    assert [name for name, *_ in rows] == list(is_dog)[: _NUM_TRAIN - 1 : -1], "in the template's order"
    assert np.mean([(float(dog) > float(cat)) == is_dog[name] for name, dog, cat in rows]) > 0.9


def test_the_labels_of_a_table_of_images_stand_in_one_of_its_columns(
    competition: Path, is_dog: dict[str, bool]
) -> None:
    targets = _finetune(competition, "train.parquet --bytes-column image --id-column name --label-column breed")
    assert {name: target == _DOG for name, target in targets.items()}.items() <= is_dog.items()


def test_several_labels_of_one_photo_are_one_line(competition: Path) -> None:
    command = "finetune --images breeds.zip/train --labels-file breeds.zip/several.csv --base quarters.keras --output m"
    refused = _type(competition, command)
    assert refused.returncode == 2
    [line] = refused.stderr.splitlines()
    assert "'golden_retriever golden_retriever' is several, with spaces" in line


def test_photos_of_one_patient_are_on_one_side_and_labels_by_chance_are_told_by_chance(tmp_path: Path) -> None:
    generator, rows = np.random.default_rng(1), [("image_id", "patient_id", "diagnosis")]
    (tmp_path / "photos").mkdir()
    for patient in range(8):
        pixels = generator.integers(0, 256, (2, 2, 3)).repeat(8, axis=0).repeat(8, axis=1)
        for number in range(6):
            name = f"{patient}_{number}"
            noisy = np.clip(pixels + generator.integers(-9, 10, pixels.shape), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(tmp_path / "photos" / f"{name}.png")
            rows.append((name, f"IP_{patient}", "benign" if patient % 2 else "malignant"))
    (tmp_path / "train.csv").write_text(_csv(rows))
    save_quarters_model(tmp_path / "quarters.keras")
    line = "finetune --images photos --base quarters.keras --output model"
    refused = _type(tmp_path, f"{line} --group-column patient_id")
    [told] = refused.stderr.splitlines()
    assert (refused.returncode, "--labels-file" in told, "--group-column" in told) == (2, True, True)
    line = f"{line} --labels-file train.csv"
    ended = _type(tmp_path, f"{line} --group-column patient_id --json")
    assert ended.returncode == 0, ended.stderr
    metrics = json.loads(ended.stdout)["metrics"]
    assert metrics["accuracy"] < 0.8
    assert metrics["accuracy_interval"]["high"] - metrics["accuracy_interval"]["low"] > 0.4, "of 8 patients"
    assert "may be trained on and validated on" not in ended.stderr
    said = " ".join(ended.stderr.split())
    assert "of 48 photos, 8 of different patient_id, by heads that had not seen them or others of their pat" in said
    assert "4 folds instead of 5: the rarest label is of no more patient_id to train on" in said
    refused = _type(tmp_path, line)
    assert "expected --group-column patient_id; received none told" in refused.stderr
