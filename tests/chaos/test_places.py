"""Run folders renamed, swapped and copied while they are written, on disks that are full or read-only.

And zips that are replaced while they are scored. Each ends in right rows, or in one line and right rows by the same
command.
"""

import io
import random
import shutil
import subprocess
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from PIL import Image

from scoring.errors import RunFolderError
from scoring.run.folder import RunFolder
from scoring.run.verification import run_status
from tests.chaos.drivers import Driver, hearts_beat_fast
from tests.chaos.oracle import TABLE, Tally
from tests.chaos.plan import seeds
from tests.chaos.without_ray import score_here
from tests.gate.control import Gate, wait_until
from tests.runs import read_predictions

NUM_IMAGES, NUM_SHARDS = 32, 8
_GREYS = {f"{number}.bmp": number * 7 for number in range(1, NUM_IMAGES + 1)}
_OTHERS = {name: 255 - grey for name, grey in _GREYS.items()}


def write_zip(path: Path, greys: Mapping[str, int]) -> Path:
    """Pictures of one grey each: all zips have the same names and sizes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, grey in greys.items():
            buffer = io.BytesIO()
            Image.new("RGB", (4, 4), (grey,) * 3).save(buffer, "BMP")
            archive.writestr(zipfile.ZipInfo(name), buffer.getvalue())
    return path


@dataclass
class Scene:
    """Photos, a run folder, a driver that waits in the middle of it; the fake network says how bright photos are."""

    place: Path
    chance: random.Random
    tally: Tally
    greys: Mapping[str, int] = field(default_factory=lambda: _GREYS)
    drivers: list[Driver] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.place.mkdir(exist_ok=True)
        self.photos = write_zip(self.place / "photos.zip", self.greys)
        self.output = self.place / "run"
        self.gate = Gate(self.place / "gate")

    def start(self, output: Path | None = None) -> Driver:
        """Start a driver; it waits at the gate if that is closed."""
        log = self.place / f"said-{len(self.drivers)}"
        self.drivers.append(Driver(self.photos, output or self.output, log, self.gate.folder))
        return self.drivers[-1]

    def start_and_reach_the_middle(self) -> Driver:
        """Start one, and return when it waits behind some shards, by chance none."""
        reached = self.chance.randint(0, NUM_SHARDS - 1)
        self.gate.close("shard-*.parquet", reached)
        driver = self.start()
        waiting = self.gate.folder / "waiting" / str(driver.pid)
        wait_until(lambda: waiting.exists() or not driver.is_running, "a driver in the middle")
        assert driver.is_running, driver.said
        return driver

    def finish(self, output: Path | None = None) -> None:
        """The same command once more, by which all must be well."""
        self.gate.open()
        driver = self.start(output)
        assert driver.end() == 0, driver.said
        self.check(output or self.output, self.greys)

    def check(self, output: Path, greys: Mapping[str, int]) -> None:
        """The oracle: complete, every photo once, with its own grey; nothing left behind."""
        folder = RunFolder(output)
        assert run_status(folder, verify=True).is_complete
        rows: list[dict[str, Any]] = read_predictions(folder.predictions).to_pylist()
        found = [{"image_id": row["image_id"], "grey": _grey(row)} for row in rows]
        self.tally.check(found, [{"image_id": name[:-4], "grey": grey} for name, grey in greys.items()])
        assert not folder.lease.exists()
        assert not [path for path in output.rglob("*") if path.name.endswith(".tmp")]

    def fault(self) -> None:
        self.tally.faults += 1


def _grey(row: Mapping[str, Any]) -> object:
    return row["error_message"] or round(255 * row["probabilities"][1])


@pytest.fixture
def scene(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """A scene; chance is seeded by the test's name and its `seed`."""
    kind = request.node.originalname.removeprefix("test_")
    started, tally = time.monotonic(), TABLE.of(kind)
    tally.runs += 1
    scene = Scene(tmp_path / "scene", random.Random(f"{kind}-{request.node.callspec.params['seed']}"), tally)
    yield scene
    for driver in scene.drivers:
        driver.kill()
    tally.seconds += time.monotonic() - started


def _files(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@seeds(6)
def test_a_run_folder_is_renamed_while_it_is_written(scene: Scene, seed: int) -> None:
    """By chance another run takes its place: its driver writes nothing there, now or later, and goes on elsewhere."""
    driver, moved = scene.start_and_reach_the_middle(), scene.place / "moved"
    scene.output.rename(moved)
    scene.fault()
    there: dict[Path, bytes] = {}
    if scene.chance.random() < 0.5:
        score_here(write_zip(scene.place / "others.zip", _OTHERS), scene.output)
        there = _files(scene.output)
    scene.gate.open()
    assert driver.end() == 1, driver.said
    assert f"another driver took over {scene.output}, " in driver.said
    assert there == (_files(scene.output) if there else {})
    scene.finish(moved)
    if not there:
        scene.finish()
        return
    refused = scene.start()  # photos of the same names, but others
    assert refused.end() == 2, refused.said
    assert "are others" in refused.said
    assert there == _files(scene.output)


@seeds(4, short=0)
def test_two_run_folders_change_places_while_they_are_written(scene: Scene, seed: int) -> None:
    other = Scene(scene.place / "other", scene.chance, scene.tally, _OTHERS)
    try:
        drivers = [scene.start_and_reach_the_middle(), other.start_and_reach_the_middle()]
        scene.output.rename(scene.place / "aside")
        other.output.rename(scene.output)
        (scene.place / "aside").rename(other.output)
        scene.fault()
        scene.gate.open()
        other.gate.open()
        assert [driver.end() for driver in drivers] == [1, 1], [driver.said for driver in drivers]
        assert all("another driver took over" in driver.said for driver in drivers)
        scene.finish(other.output)
        other.finish(scene.output)
    finally:
        for driver in other.drivers:
            driver.kill()


def _copy_what_is_there(source: str, copy: str) -> None:
    """As ``rsync`` does: a beat of the driver's heart may rename its lease's temporary file before it is read."""
    with suppress(FileNotFoundError):
        shutil.copy2(source, copy)


@seeds(4)
def test_a_run_folder_is_copied_while_it_is_written_and_goes_on_in_both_places(scene: Scene, seed: int) -> None:
    driver, copy = scene.start_and_reach_the_middle(), scene.place / "copy"
    shutil.copytree(scene.output, copy, copy_function=_copy_what_is_there)
    scene.fault()
    gate, scene.gate = scene.gate, Gate(scene.place / "another gate")
    scene.finish(copy)  # the copied lease is of a driver that lives, but whose heart beats elsewhere
    gate.open()
    assert driver.end() == 0, driver.said
    scene.check(scene.output, _GREYS)
    scene.check(copy, _GREYS)


@seeds(8)
def test_a_zip_is_replaced_while_it_is_scored(scene: Scene, seed: int) -> None:
    """By one of the same names and sizes, moved or written over it: no photo of it is taken for one of the first."""
    driver = scene.start_and_reach_the_middle()
    replacement = write_zip(scene.place / "others.zip", _OTHERS)
    if scene.chance.random() < 0.5:
        replacement.replace(scene.photos)
    else:
        scene.photos.write_bytes(replacement.read_bytes())
    scene.fault()
    scene.gate.open()
    code, missing = driver.end(), run_status(RunFolder(scene.output), verify=True).missing
    assert code == bool(missing), driver.said
    files = list(RunFolder(scene.output).predictions.glob("*.parquet"))
    rows = read_predictions(RunFolder(scene.output).predictions).to_pylist() if files else []
    read = {f"{row['image_id']}.bmp": _grey(row) for row in rows if row["status"] == "ok"}
    assert read.items() <= _GREYS.items()
    scene.greys = _OTHERS
    scene.finish()


@seeds(4)
def test_a_clock_that_is_days_ahead_or_behind_evicts_nobody(
    scene: Scene, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    hearts_beat_fast(monkeypatch.setattr)
    driver, real = scene.start_and_reach_the_middle(), time.time
    for days in scene.chance.sample(range(-400, 400), 3):
        scene.fault()
        seconds = days * 86_400.0
        with (
            patch("time.time", lambda seconds=seconds: real() + seconds),
            pytest.raises(RunFolderError, match=f"is being written by process {driver.pid} on"),
        ):
            score_here(scene.photos, scene.output)
    scene.gate.open()
    assert driver.end() == 0, driver.said
    scene.check(scene.output, _GREYS)


@pytest.fixture
def disk(scene: Scene) -> Iterator[Path]:
    """A small file system of its own for the output."""
    disk = scene.place / "disk"
    disk.mkdir()
    if _mount("-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)):
        pytest.skip("mounting a small disk needs root")
    scene.output = disk / "run"
    yield disk
    for driver in scene.drivers:
        driver.kill()
    subprocess.run(["umount", "-l", disk], check=True)


def _mount(*arguments: str) -> int:
    return subprocess.run(["mount", *arguments], capture_output=True).returncode


@seeds(8)
def test_a_disk_has_room_for_some_files(scene: Scene, disk: Path, seed: int) -> None:
    """For the lease alone, or the manifest, or the record, or some of the shards, or all."""
    assert not _mount("-o", f"remount,size={4 * scene.chance.randint(1, 24)}k", str(disk))
    scene.fault()
    driver = scene.start()
    if driver.end():
        assert driver.process.exitcode == 1, driver.said
        assert "No space left on device" in driver.said
    assert not _mount("-o", "remount,size=4m", str(disk))
    scene.finish()


@seeds(4)
def test_a_disk_becomes_read_only_at_any_shard(scene: Scene, disk: Path, seed: int) -> None:
    driver = scene.start_and_reach_the_middle()
    wait_until(lambda: not _mount("-o", "remount,ro", str(disk)), "a moment at which nothing is written")
    scene.fault()
    scene.gate.open()
    assert driver.end() == 1, driver.said
    refused = scene.start()
    assert refused.end() == 1, refused.said
    assert all("Read-only file system" in one.said for one in (driver, refused))
    assert not _mount("-o", "remount,rw", str(disk))
    scene.finish()
