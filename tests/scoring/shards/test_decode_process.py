import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from scoring.arrays import UInt8Array
from scoring.pixels.decoding import Resize, decode
from scoring.pixels.guarded_decode import DecoderKilledError
from scoring.pixels.input_shape import InputShape
from scoring.run.folder import RunFolder
from scoring.run.manifest import write_manifest
from scoring.shards.decode_part import PixelsOf, decode_part
from scoring.shards.decode_process import Collection, DecodeProcesses
from scoring.shards.scorer import ShardScorer
from scoring.shards.settings import ScorerSettings
from scoring.sources.entries import ImageEntry
from scoring.sources.inputs import find_images, open_images
from scoring.sources.table_columns import NO_COLUMNS
from tests.deadly_pictures import CRASHES, IS_KILLED, STARVES, decode_or_worse
from tests.fakes import FAKE_MODEL, load_fake
from tests.runs import read_predictions

_SHAPE = InputShape(9, 5, 3)


@pytest.fixture
def open_processes(photos: Path) -> Iterator[Callable[..., tuple[DecodeProcesses, UInt8Array]]]:
    opened: list[DecodeProcesses] = []

    def open_some(images: Path = photos, count: int = 1, num_rows: int = 16) -> tuple[DecodeProcesses, UInt8Array]:
        collection = Collection(images, NO_COLUMNS, None)
        processes = DecodeProcesses(count, collection, collection.open())
        opened.append(processes)
        return processes, processes.open(num_rows, PixelsOf(Resize.SQUASH, _SHAPE, decode_or_worse))

    yield open_some
    for processes in opened:
        processes.close()


def _expected(photos: Path, images: list[ImageEntry]) -> UInt8Array:
    rows = np.full(_SHAPE.as_array(len(images)), 77, np.uint8)
    decode_part(rows, images, open_images(photos).ahead(images), PixelsOf(Resize.SQUASH, _SHAPE, decode))
    return rows


def test_a_process_writes_the_pixels_that_a_thread_writes(
    photos: Path, open_processes: Callable[..., tuple[DecodeProcesses, UInt8Array]]
) -> None:
    (photos / "3.png").write_bytes(b"no picture")
    images = list(find_images(photos).images)
    (photos / "5.png").unlink()
    processes, rows = open_processes()
    part = processes(range(2, 2 + len(images)), images)
    assert [error for error in part.errors if error] == [
        "not an image in any known format",
        "temporary: cannot read: No such file or directory",
    ]
    assert part.read_s > 0 < part.decode_s
    np.testing.assert_array_equal(rows[2 : 2 + len(images)], _expected(photos, images))
    assert not rows[[0, 1, 4, 6, 15]].any()


def test_a_picture_that_kills_the_process_costs_its_own_row_and_the_process_is_replaced(
    photos: Path, open_processes: Callable[..., tuple[DecodeProcesses, UInt8Array]]
) -> None:
    (photos / "3.png").write_bytes(CRASHES)
    images = list(find_images(photos).images)
    processes, rows = open_processes()
    part = processes(range(len(images)), images)
    assert [error for error in part.errors if error] == ["it crashes the decoder"]
    assert part.errors[2] is not None
    (photos / "3.png").write_bytes((photos / "4.png").read_bytes())
    images = [replace(image, stamp=None) for image in images]
    assert not any(processes(range(len(images)), images).errors)
    np.testing.assert_array_equal(rows[: len(images)], _expected(photos, images))


def test_what_no_image_could_outlive_is_raised_in_the_worker(
    photos: Path, open_processes: Callable[..., tuple[DecodeProcesses, UInt8Array]]
) -> None:
    (photos / "3.png").write_bytes(STARVES)
    processes, _ = open_processes()
    with pytest.raises(MemoryError):
        processes(range(12), list(find_images(photos).images))


def test_a_picture_whose_process_is_always_killed_costs_the_shard_and_is_named(
    photos: Path, open_processes: Callable[..., tuple[DecodeProcesses, UInt8Array]]
) -> None:
    """It cannot be told from a machine without memory; whoever has enough may take the picture out."""
    (photos / "3.png").write_bytes(IS_KILLED)
    processes, _ = open_processes()
    with pytest.raises(DecoderKilledError, match=r"run again\. It was decoding '3\.png'\.$"):
        processes(range(12), list(find_images(photos).images))


def test_a_process_that_dies_of_something_else_costs_nothing(
    photos: Path, open_processes: Callable[..., tuple[DecodeProcesses, UInt8Array]]
) -> None:
    images = list(find_images(photos).images)
    processes, rows = open_processes()
    processes(range(2), images[:2])
    (process,) = processes._processes
    os.kill(process._process.pid, signal.SIGTERM)  # meant for the worker: it goes on
    assert not any(processes(range(2, 4), images[2:4]).errors)
    os.kill(process._process.pid, signal.SIGKILL)
    assert not any(processes(range(4, len(images)), images[4:]).errors)
    np.testing.assert_array_equal(rows[: len(images)], _expected(photos, images))


def test_an_answer_that_nobody_took_is_not_taken_for_the_next(
    photos: Path,
    open_processes: Callable[..., tuple[DecodeProcesses, UInt8Array]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = list(find_images(photos).images)
    processes, rows = open_processes()
    processes(range(1), images[:1])
    (photos / "1.png").write_bytes(b"no picture")
    with monkeypatch.context() as patched, pytest.raises(MemoryError):
        patched.setattr("scoring.shards.decode_process.pickle.load", Mock(side_effect=MemoryError))
        processes(range(1), [replace(images[0], stamp=None)])
    assert processes(range(1, 3), images[1:3]).errors == (None, None)
    np.testing.assert_array_equal(rows[1:3], _expected(photos, images[1:3]))


def test_a_process_that_cannot_start_is_no_fault_of_the_images(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scoring.shards.decode_process._CHILD", "scoring.no_such_module")
    collection = Collection(photos, NO_COLUMNS, None)
    processes = DecodeProcesses(1, collection, collection.open())
    processes.open(4, PixelsOf(Resize.SQUASH, _SHAPE, decode))
    with pytest.raises(RuntimeError, match="a decode process to start; it ended with code 1"):
        processes(range(4), list(find_images(photos).images)[:4])
    processes.close()


def test_members_of_an_archive_are_read_by_the_worker(
    photos: Path, tmp_path: Path, open_processes: Callable[..., tuple[DecodeProcesses, UInt8Array]]
) -> None:
    import zipfile

    (photos / "3.png").write_bytes(b"no picture")
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for path in sorted(photos.iterdir()):
            archive.write(path, path.name)
    images = list(find_images(tmp_path / "photos.zip").images)
    images[1] = replace(images[1], path="gone.png", stamp=None)  # else its zip would be another
    processes, rows = open_processes(tmp_path / "photos.zip")
    part = processes(range(len(images)), images)
    expected = decode_part(
        np.zeros(_SHAPE.as_array(len(images)), np.uint8),
        images,
        open_images(tmp_path / "photos.zip").ahead(images),
        PixelsOf(Resize.SQUASH, _SHAPE, decode),
    )
    assert part.errors == expected.errors
    assert sum(error is not None for error in part.errors) == 2
    assert part.read_s > 0
    assert rows[0].any()


def test_shards_are_to_the_byte_those_of_threads(photos: Path, tmp_path: Path) -> None:
    (photos / "3.png").write_bytes(CRASHES)
    (photos / "7.png").write_bytes(b"")
    contents: dict[str, list[bytes]] = {}
    for kind, processes in (("threads", 0), ("processes", 2)):
        folder = RunFolder(tmp_path / kind)
        folder.predictions.mkdir(parents=True)
        num_shards = write_manifest(folder.manifest, find_images(photos).images, 5, 0).num_shards
        settings = ScorerSettings(
            photos, folder.path, FAKE_MODEL, Resize.SQUASH, 3, decode_threads=2, decode_processes=processes
        )
        scorer = ShardScorer(settings, load_fake, decode_or_worse)
        with ThreadPoolExecutor(scorer.tasks_at_once) as actor:
            list(actor.map(scorer if processes else scorer.again, range(num_shards)))
        scorer.close()
        contents[kind] = [folder.shard(shard, num_shards).read_bytes() for shard in range(num_shards)]
        assert read_predictions(folder.predictions)["status"].to_pylist().count("error") == 2
    assert contents["processes"] == contents["threads"]


_WORKER = """
import os, sys, time
from pathlib import Path
from scoring.pixels.decoding import Resize, decode
from scoring.pixels.guarded_decode import DecoderKilledError
from scoring.pixels.input_shape import InputShape
from scoring.shards.decode_part import PixelsOf
from scoring.shards.decode_process import Collection, DecodeProcesses
from scoring.sources.inputs import find_images
from scoring.sources.table_columns import NO_COLUMNS

photos = Path(sys.argv[1])
collection = Collection(photos, NO_COLUMNS, None)
processes = DecodeProcesses(2, collection, collection.open())
processes.open(16, PixelsOf(Resize.SQUASH, InputShape(9, 5, 3), decode))
for _ in range(2):
    processes(range(12), list(find_images(photos).images))
print(*(process._process.pid for process in processes._processes), flush=True)
time.sleep(60)
"""


def test_processes_end_with_a_worker_that_is_killed(photos: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _WORKER, str(photos)], stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        children = [Path("/proc") / pid for pid in worker.stdout.readline().split()]
        assert len(children) == 2
        assert all(child.exists() for child in children)
        worker.kill()
    for _ in range(100):
        if not any(map(_is_alive, children)):
            break
        time.sleep(0.1)
    assert not any(map(_is_alive, children))


def _is_alive(process: Path) -> bool:
    try:
        return process.joinpath("stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
