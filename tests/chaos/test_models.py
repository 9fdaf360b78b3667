"""Bits of a model folder's files flipped: whoever reads it gets what was written, or one line."""

import random
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.errors import ScoringError
from scoring.finetuning.ensemble import HeadIdentity, load_head, save_head
from scoring.finetuning.features import load_features
from scoring.finetuning.heads import Head
from scoring.models.finetuned_folder import FinetunedFolder
from scoring.models.model_folder import ModelFolder
from scoring.models.trained_heads import Epoch, HeadSettings
from scoring.models.training_record import TrainingRecord, load_training_record
from scoring.networks.keras_files import keras_digest
from scoring.report.page import write_report
from scoring.run.fingerprint import Fingerprint
from tests.chaos.oracle import TABLE, Tally
from tests.chaos.plan import seeds
from tests.runs import cats_and_dogs, write_model

_IDENTITY = HeadIdentity(Fingerprint("i", "m", "l", "r", "e", "p", 2), HeadSettings(), 0, "24 of 60", "tensorflow")
_FAULTS_PER_SEED = 8


def _head() -> Head:
    chance = np.random.default_rng(0)
    kernel, logits = (chance.normal(size=shape).astype(np.float32) for shape in ((8, 2), (24, 1, 2)))
    return Head(kernel, kernel[0], [], logits, [Epoch(1, 0.4, 0.8, 0.5, 0.75)], 0)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with a head, features and validation photos; its network comes where Keras is."""
    path = tmp_path_factory.mktemp("models") / "model"
    write_model(path, cats_and_dogs(24))
    (path / "heads").mkdir()
    save_head(path / "heads" / "0.npz", _head(), _IDENTITY)
    (path / "labels.json").write_text('["cat", "dog"]\n')
    return path


class Victim:
    """Copies of a finished model folder, whose bits are flipped."""

    def __init__(self, finished: Path, place: Path, chance: random.Random, tally: Tally) -> None:
        self._finished, self.path, self.chance, self.tally = finished, place / "model", chance, tally
        self.folder = ModelFolder(self.path)

    def flip(self, pattern: str) -> Path:
        """Flip a bit of one file in a new copy."""
        shutil.rmtree(self.path, ignore_errors=True)
        shutil.copytree(self._finished, self.path)
        path = self.chance.choice(sorted(path for path in self.path.rglob(pattern) if path.is_file()))
        content = bytearray(path.read_bytes())
        content[self.chance.randrange(len(content))] ^= 1 << self.chance.randrange(8)
        path.write_bytes(content)
        self.tally.runs += 1
        self.tally.faults += 1
        return path

    def is_truth_or_one_line(self, read: Callable[[], Any], truth: Any) -> None:
        """Count, and fail on, anything that is read as something else."""
        try:
            found = read()
        except ScoringError as error:
            assert "\n" not in str(error)
            return
        self.tally.wrong += found != truth
        assert found == truth


@pytest.fixture
def victim(finished: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Victim]:
    kind = request.node.originalname.removeprefix("test_")
    started, tally = time.monotonic(), TABLE.of(kind)
    yield Victim(finished, tmp_path, random.Random(f"{kind}-{request.node.callspec.params['seed']}"), tally)
    tally.seconds += time.monotonic() - started


def _read_features(path: Path) -> tuple[object, ...]:
    features = load_features(ModelFolder(path).features)
    return features.images, features.targets, features.values.tobytes()


def _read_head(path: Path) -> object:
    head = load_head(path / "heads" / "0.npz", _IDENTITY)
    if head is None:
        return None
    return head.kernel.tobytes(), head.bias.tobytes(), head.logits.tobytes(), [asdict(epoch) for epoch in head.curve]


def _report(folder: Path) -> str:
    write_report(folder, folder / "report.html", None)
    return (folder / "report.html").read_text().replace(str(folder), "")


@seeds(8)
def test_bits_of_model_folders_are_flipped(victim: Victim, finished: Path, seed: int) -> None:
    page = _report(finished)
    (finished / "report.html").unlink()
    for _ in range(_FAULTS_PER_SEED):
        victim.flip("*")
        victim.is_truth_or_one_line(lambda: load_training_record(victim.folder), _record(finished))
        victim.is_truth_or_one_line(lambda: _read_features(victim.path), _read_features(finished))
        victim.is_truth_or_one_line(lambda: _report(victim.path), page)
        assert _read_head(victim.path) in (None, _read_head(finished))


def _record(path: Path) -> TrainingRecord:
    return load_training_record(ModelFolder(path))


@pytest.fixture(scope="module")
def with_network(finished: Path) -> Path:
    import keras

    network = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
    network.save(finished / "model.keras")
    return finished


@pytest.mark.keras
@seeds(8, short=0)
def test_bits_of_networks_are_flipped(victim: Victim, with_network: Path, seed: int) -> None:
    truth = (keras_digest(with_network / "model.keras"), _weights(with_network))
    for _ in range(_FAULTS_PER_SEED):
        victim.flip("model.keras")
        victim.is_truth_or_one_line(lambda: _load(victim.path), truth)


def _weights(path: Path) -> list[bytes]:
    network: Any = FinetunedFolder(ModelFolder(path), None, None).network().build()
    return [np.asarray(weight).tobytes() for weight in network.get_weights()]


def _load(path: Path) -> tuple[str, list[bytes]]:
    network = FinetunedFolder(ModelFolder(path), None, None).network()
    built: Any = network.build()
    return network.digest, [np.asarray(weight).tobytes() for weight in built.get_weights()]
