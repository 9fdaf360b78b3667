"""Files of a run folder flipped, cut, lost, swapped, and others among them: seen, and made good by the same command."""

import json
import random
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from scoring.errors import RunFolderError, ScoringError
from scoring.run.folder import RunFolder
from scoring.run.reader import RunReader
from scoring.run.verification import run_status
from scoring.submissions.submission import Competition, SubmissionRequest, write_submission
from tests.chaos.oracle import TABLE, Row, Tally
from tests.chaos.plan import seeds
from tests.chaos.without_ray import score_here
from tests.runs import read_predictions

NUM_IMAGES, NUM_SHARDS = 24, 6
_FAULTS_PER_SEED = 10


@dataclass
class Finished:
    """A finished run that nothing has happened to, and what stands in it."""

    photos: Path
    folder: Path
    rows: list[Row]
    submission: bytes


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run of 24 photos, two of them broken, in six shards."""
    place = tmp_path_factory.mktemp("files")
    photos = place / "photos"
    photos.mkdir()
    for number in range(1, NUM_IMAGES + 1):
        Image.new("RGB", (5, 4), (number * 11 - 11,) * 3).save(photos / f"{number}.png")
    for number in (7, 17):
        (photos / f"{number}.png").write_bytes(b"<html>")
    score_here(photos, place / "run")
    submission = _submit(RunFolder(place / "run"))
    (place / "run" / "submission.csv").unlink()
    return Finished(photos, place / "run", read_predictions(place / "run" / "predictions").to_pylist(), submission)


def _submit(folder: RunFolder) -> bytes:
    return Path(
        str(write_submission(folder, SubmissionRequest(Competition.REDUX, None, 0.5, True), folder.submission).path)
    ).read_bytes()


class Victim:
    """A copy of the finished run, to be disturbed and looked at."""

    def __init__(self, finished: Finished, place: Path, chance: random.Random, tally: Tally) -> None:
        self.finished, self.chance, self.tally = finished, chance, tally
        self.path = place / "victim"
        self.folder = RunFolder(self.path)

    def renew(self) -> None:
        """Begin with a sound copy."""
        shutil.rmtree(self.path, ignore_errors=True)
        shutil.copytree(self.finished.folder, self.path)
        self.tally.runs += 1

    def files(self, pattern: str = "*") -> list[Path]:
        """Its files, in order."""
        return sorted(path for path in self.path.rglob(pattern) if path.is_file())

    def file(self, pattern: str = "*") -> Path:
        """One of them, by chance."""
        return self.chance.choice(self.files(pattern))

    def flip(self, path: Path, num_bits: int = 1) -> None:
        """Flip bits of a file."""
        content = bytearray(path.read_bytes())
        for bit in self.chance.sample(range(8 * len(content)), num_bits):
            content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        self.tally.faults += num_bits

    def look(self) -> None:
        """What every reader says is the truth, or one line."""
        _or_one_line(lambda: run_status(self.folder, verify=False))
        _or_one_line(self._status)
        _or_one_line(lambda: self.tally.check(RunReader(self.folder).read().to_pylist(), self.finished.rows))
        _or_one_line(self._submission)

    def _status(self) -> None:
        if run_status(self.folder, verify=True).is_complete:
            self.tally.check(read_predictions(self.folder.predictions).to_pylist(), self.finished.rows)

    def _submission(self) -> None:
        written = _submit(self.folder)
        self.folder.submission.unlink()
        if written != self.finished.submission:
            self.tally.wrong += 1
        assert written == self.finished.submission

    def make_good(self, heal: Callable[[], object] | None = None) -> None:
        """The same command makes it whole, perhaps after its user did what it said."""
        try:
            score_here(self.finished.photos, self.path)
        except RunFolderError as error:
            assert "\n" not in str(error)
            assert heal, error
            heal()
            score_here(self.finished.photos, self.path)
        self.check_whole()

    def start_clean(self) -> None:
        """What a folder of another run's results is told to do."""
        score_here(self.finished.photos, self.path, overwrite=True)

    def check_whole(self) -> None:
        """The oracle: complete, every row as it was, nothing left behind."""
        status = run_status(self.folder, verify=True)
        assert status.is_complete, status
        self.tally.check(read_predictions(self.folder.predictions).to_pylist(), self.finished.rows)
        self._submission()
        left = {path.relative_to(self.path) for path in self.path.rglob("*") if path.name.endswith(".tmp")}
        assert not left
        assert not self.folder.lease.exists()


def _or_one_line(look: Callable[[], object]) -> None:
    try:
        look()
    except ScoringError as error:
        assert "\n" not in str(error)


@pytest.fixture
def victim(finished: Finished, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Victim]:
    """A folder for copies of the finished run; chance is seeded by the test's name and its `seed`."""
    kind = request.node.originalname.removeprefix("test_")
    started, tally = time.monotonic(), TABLE.of(kind)
    yield Victim(finished, tmp_path, random.Random(f"{kind}-{request.node.callspec.params['seed']}"), tally)
    tally.seconds += time.monotonic() - started


@seeds(16)
def test_bits_of_shards_are_flipped(victim: Victim, seed: int) -> None:
    victim.renew()
    for _ in range(_FAULTS_PER_SEED):
        victim.flip(victim.file("shard-*"))
        victim.look()
        assert not run_status(victim.folder, verify=True).is_complete, "a flipped bit of a shard went unseen"
    victim.make_good()


@seeds(16)
def test_bits_of_the_record_are_flipped(victim: Victim, seed: int) -> None:
    for _ in range(_FAULTS_PER_SEED // 2):
        victim.renew()
        victim.flip(victim.path / "run.json")
        victim.look()
        victim.make_good(victim.start_clean)


@seeds(10)
def test_values_of_the_record_are_others(victim: Victim, seed: int) -> None:
    """One leaf of `run.json`, in valid JSON and of its type: what a bit of it makes of a digit or a letter."""
    for _ in range(_FAULTS_PER_SEED // 2):
        victim.renew()
        path = victim.path / "run.json"
        record = json.loads(path.read_text())
        holder, key = victim.chance.choice(list(_leaves(record)))
        holder[key] = _other(holder[key], victim.chance)
        path.write_text(json.dumps(record, indent=2))
        victim.tally.faults += 1
        victim.look()
        victim.make_good(victim.start_clean)


def _leaves(node: Any) -> Iterator[tuple[Any, Any]]:
    """Where the numbers and words of a document stand."""
    for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
        if isinstance(value, dict | list):
            yield from _leaves(value)
        elif value is not None:
            yield node, key


def _other(value: Any, chance: random.Random) -> Any:
    text = str(value)
    spots = [index for index, letter in enumerate(text) if letter.isalnum()] or [0]
    spot = chance.choice(spots)
    changed = text[:spot] + chr(ord(text[spot]) ^ 1) + text[spot + 1 :]
    return changed if isinstance(value, str) else type(value)(changed)


@seeds(8)
def test_bits_of_the_manifest_are_flipped(victim: Victim, seed: int) -> None:
    for _ in range(_FAULTS_PER_SEED // 2):
        victim.renew()
        victim.flip(victim.path / "manifest.parquet", victim.chance.choice((1, 1, 2, 8)))
        victim.look()
        victim.make_good()


@seeds(10)
def test_files_are_lost(victim: Victim, seed: int) -> None:
    victim.renew()
    for _ in range(victim.chance.randint(1, 6)):
        victim.file().unlink()
        victim.tally.faults += 1
    victim.look()
    victim.make_good()


@seeds(10)
def test_files_are_cut_off(victim: Victim, seed: int) -> None:
    victim.renew()
    for path in victim.chance.sample(victim.files(), victim.chance.randint(1, 6)):
        content = path.read_bytes()
        path.write_bytes(content[: victim.chance.randrange(len(content))])
        victim.tally.faults += 1
    victim.look()
    victim.make_good()


@seeds(10)
def test_shards_are_swapped_and_copied(victim: Victim, seed: int) -> None:
    victim.renew()
    for _ in range(4):
        one, other = victim.chance.sample(victim.files("shard-*"), 2)
        content = one.read_bytes()
        if victim.chance.random() < 0.5:
            one.write_bytes(other.read_bytes())
        other.write_bytes(content)
        victim.tally.faults += 1
    victim.look()
    victim.make_good()


@pytest.fixture(scope="module")
def others(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Finished runs of the same photos cropped, of other photos of the same names, and in other shards."""
    place = tmp_path_factory.mktemp("others")
    shutil.copytree(finished.photos, place / "photos")
    for number in range(1, 7):
        Image.new("RGB", (7, 7), (number, number, number)).save(place / "photos" / f"{number}.png")
    score_here(finished.photos, place / "cropped", resize="crop")
    score_here(place / "photos", place / "other-photos")
    score_here(finished.photos, place / "other-shards", shard_size=5)
    return [place / "cropped", place / "other-photos", place / "other-shards"]


@seeds(10)
def test_files_of_another_run_come_into_their_places(victim: Victim, others: list[Path], seed: int) -> None:
    victim.renew()
    other = victim.chance.choice(others)
    there = [path for path in victim.files() if (other / path.relative_to(victim.path)).exists()]
    for path in victim.chance.sample(there, victim.chance.randint(1, min(4, len(there)))):
        shutil.copy(other / path.relative_to(victim.path), path)
        victim.tally.faults += 1
    victim.look()
    victim.make_good(victim.start_clean)


_STRANGERS = (
    "notes.txt",
    "shard-00000-of-00007.parquet",
    "shard-0.parquet",
    "a.parquet",
    "shard-00006-of-00006.parquet",
)


@seeds(10)
def test_strangers_lie_among_the_shards(victim: Victim, seed: int) -> None:
    victim.renew()
    strangers = [victim.path / "predictions" / name for name in victim.chance.sample(_STRANGERS, 3)]
    for path in strangers:
        shutil.copy(victim.file("shard-*"), path)
        victim.tally.faults += 1
    if victim.chance.random() < 0.5:
        victim.chance.choice([path for path in victim.files("shard-*") if path not in strangers]).unlink()
    victim.look()
    assert not run_status(victim.folder, verify=False).is_complete
    victim.make_good(lambda: _move_away(strangers))


def _move_away(paths: list[Path]) -> None:
    for path in paths:
        path.unlink()


@seeds(6)
def test_what_killed_writers_leave_lies_about(victim: Victim, seed: int) -> None:
    victim.renew()
    for _ in range(5):
        path = victim.file()
        hidden = path.with_name(f".{path.name}.{victim.chance.randbytes(4).hex()}.tmp")
        hidden.mkdir()
        (hidden / path.name).write_bytes(path.read_bytes()[:40])
        if victim.chance.random() < 0.3:
            path.unlink()
        victim.tally.faults += 1
    victim.look()
    victim.make_good()
