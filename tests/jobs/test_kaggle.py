"""From the one zip that `kaggle competitions download` writes to a submission, by README's own commands."""

import csv
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from jobs.demo import WITH_KAGGLES_PHOTOS
from tests.kaggle_bundle import BUNDLE, draw_test, draw_train, is_dog, write_bundle
from tests.models import save_quarters_model
from tests.source_tree import ROOT

_NUM_TEST = 12_500


def _readme_commands() -> list[list[str]]:
    """What README types after the download, but for sonar returns, which come from the network."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"^ +kaggle competitions download .*\n((?: {4}.*\n)+)", readme, re.MULTILINE)
    assert block
    lines = block[1].replace("\\\n", " ").replace(" --sonar uci", "").splitlines()
    return [shlex.split(line) for line in lines]


def _type(commands: Sequence[Sequence[str]], folder: Path, more: Mapping[str, Sequence[str]]) -> list[tuple[int, str]]:
    """Run commands, some with more options, and return the rows of the submission."""
    before = set(folder.iterdir())
    for _, name, *words in commands:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "jobs", name, *words, *more.get(name, ())]
        subprocess.run(command, cwd=folder, env=environment, check=True)
    assert set(folder.iterdir()) - before == {folder / "models", folder / "runs"}, "nothing was unzipped here"
    assert (folder / "runs" / "test" / "report.html").is_file()
    header, *rows = csv.reader((folder / "runs" / "test" / "submission.csv").read_text().splitlines())
    assert header == ["id", "label"]
    return [(int(number), label) for number, label in rows]


def test_the_demo_ends_with_the_commands_of_readme() -> None:
    download, *commands = map(shlex.split, WITH_KAGGLES_PHOTOS.replace("\\\n", " ").splitlines())
    assert download[:3] == ["kaggle", "competitions", "download"]
    assert commands == _readme_commands()


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.keras
def test_kaggle_bundle_becomes_a_submission_by_the_commands_of_readme(tmp_path: Path) -> None:
    write_bundle(tmp_path / BUNDLE, draw_train(60), draw_test(_NUM_TEST))
    commands = _readme_commands()
    assert [words[:2] for words in commands] == [
        ["shardscore", name] for name in ("finetune", "score", "submission", "report")
    ]
    # Weights come from the network, and few photos learn more in large steps.
    base = save_quarters_model(tmp_path / "quarters.keras")
    rows = _type(commands, tmp_path, {"finetune": ["--base", str(base), "--learning-rate", "0.02", "--epochs", "60"]})
    assert [number for number, _ in rows] == list(range(1, _NUM_TEST + 1))
    assert np.mean([(float(label) > 0.5) == is_dog(number) for number, label in rows]) > 0.95


@pytest.mark.ci
@pytest.mark.ray
@pytest.mark.keras
def test_real_photos_in_kaggles_bundle_become_a_submission_by_readmes_own_network(
    data_folder: Path, tmp_path: Path
) -> None:
    """With its default preset; the truth of Kaggle's test photos is Kaggle's, so labelled ones take their place."""
    photos = data_folder / "photos" / "more_train"
    train = {p.name: p.read_bytes() for kind in ("cat", "dog") for p in sorted(photos.glob(f"{kind}.*.jpg"))[:40]}
    asked = [p for kind in ("cat", "dog") for p in sorted(photos.glob(f"{kind}.*.jpg"))[40:55]]
    write_bundle(tmp_path / BUNDLE, train, {f"{n}.jpg": p.read_bytes() for n, p in enumerate(asked, 1)})
    weights = data_folder / "models" / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    more = {"finetune": ["--weights", str(weights)], "submission": ["--partial"]}
    rows = _type(_readme_commands(), tmp_path, more)
    assert [number for number, _ in rows] == list(range(1, len(asked) + 1))
    right = [(float(label) > 0.5) == asked[number - 1].name.startswith("dog") for number, label in rows]
    assert np.mean(right) > 0.9
