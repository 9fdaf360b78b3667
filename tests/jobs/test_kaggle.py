"""From the one zip that `kaggle competitions download` writes to a submission, by README's own commands."""

import csv
import io
import os
import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.source_tree import ROOT

_BUNDLE = "dogs-vs-cats-redux-kernels-edition.zip"
_NUM_TEST = 12_500
_NUM_TRAIN = 60  # of each kind


def _photo(is_dog: bool, generator: np.random.Generator) -> bytes:
    """A cat is lit from the left, a dog from above."""
    ramp = np.linspace(0, 200, 12)
    light = np.tile(ramp[:, None], 12) if is_dog else np.tile(ramp, (12, 1))
    content = io.BytesIO()
    noisy = light[..., None] + generator.uniform(0, 55, (12, 12, 3))
    Image.fromarray(noisy.astype(np.uint8)).save(content, "jpeg")
    return content.getvalue()


def _is_dog(number: int) -> bool:
    return number % 3 == 0


def _zip_of(folder: str, photos: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{folder}/", b"")
        for name, photo in photos.items():
            archive.writestr(f"{folder}/{name}", photo)
    return content.getvalue()


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Kaggle's download as Kaggle lays it out: zips of a folder each, and a template, in one zip."""
    generator = np.random.default_rng(0)
    kinds = {"cat": False, "dog": True}
    train = {f"{kind}.{n}.jpg": _photo(dog, generator) for kind, dog in kinds.items() for n in range(_NUM_TRAIN)}
    some = {dog: [_photo(dog, generator) for _ in range(20)] for dog in (False, True)}
    test = {f"{n}.jpg": some[_is_dog(n)][n % 20] for n in range(1, _NUM_TEST + 1)}
    with zipfile.ZipFile(tmp_path / _BUNDLE, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("sample_submission.csv", "id,label\n" + "".join(f"{n},0.5\n" for n in range(1, _NUM_TEST + 1)))
        archive.writestr("test.zip", _zip_of("test", test))
        archive.writestr("train.zip", _zip_of("train", train))
    return tmp_path / _BUNDLE


def _readme_commands() -> list[list[str]]:
    """What README types after the download."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"^ +kaggle competitions download .*\n((?: {4}.*\n)+)", readme, re.MULTILINE)
    assert block
    return [shlex.split(line) for line in block[1].replace("\\\n", " ").splitlines()]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A network whose features are the colours of four quarters, in the place of VGG16."""
    import keras

    layers = [
        keras.Input((224, 224, 3)),
        keras.layers.Rescaling(1 / 255),
        keras.layers.AveragePooling2D(112),
        keras.layers.Flatten(),
        keras.layers.Dense(7, activation="softmax"),
    ]
    keras.Sequential(layers).save(tmp_path / "quarters.keras")
    return tmp_path / "quarters.keras"


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.keras
def test_kaggle_bundle_becomes_a_submission_by_the_commands_of_readme(bundle: Path, base: Path, tmp_path: Path) -> None:
    commands = _readme_commands()
    assert [words[:2] for words in commands] == [
        ["shardscore", name] for name in ("finetune", "score", "submission", "report")
    ]
    before = set(tmp_path.iterdir())
    for _, name, *words in commands:
        words = [word for word in words if word not in ("--sonar", "uci")]  # which come from the network
        if name == "finetune":  # weights come from the network, and few photos learn more in large steps
            words += ["--base", str(base), "--learning-rate", "0.02", "--epochs", "60"]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-m", "jobs", name, *words], cwd=tmp_path, env=environment, check=True)
    assert set(tmp_path.iterdir()) - before == {tmp_path / "models", tmp_path / "runs"}, "nothing was unzipped here"
    header, *rows = csv.reader((tmp_path / "runs" / "test" / "submission.csv").read_text().splitlines())
    assert header == ["id", "label"]
    assert [int(number) for number, _ in rows] == list(range(1, _NUM_TEST + 1))
    right = [(float(label) > 0.5) == _is_dog(int(number)) for number, label in rows]
    assert np.mean(right) > 0.95
    assert (tmp_path / "runs" / "test" / "report.html").is_file()
