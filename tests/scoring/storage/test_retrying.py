import errno
import random
from pathlib import Path
from typing import Any

import pytest

from scoring.errors import ImageError, StorageError
from scoring.run.predictions import predictions_table, write_table
from scoring.run.publishing import publish_shard
from scoring.sources.entries import ImageEntry
from scoring.sources.inputs import find_images, open_images
from scoring.storage import reading, retrying
from tests.runs import read_predictions


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "_FIRST_WAIT_S", 0.0001)


def test_reads_that_fail_one_time_in_five_lose_no_image(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chance, failures = random.Random(1), 0

    def flaky(path: Path, mode: str, **options: Any) -> Any:
        nonlocal failures
        if chance.random() < 0.2:
            failures += 1
            raise OSError(errno.EIO, "Input/output error")
        return open(path, mode, **options)

    monkeypatch.setattr(reading, "open", flaky, raising=False)
    read = open_images(photos)
    for _ in range(20):
        for image in find_images(photos).images:
            assert read(image).startswith(b"\x89PNG")
    assert failures > 20


def test_read_that_keeps_failing_is_an_image_error(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = []

    def broken(path: Path, mode: str, **options: Any) -> Any:
        attempts.append(path)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(reading, "open", broken, raising=False)
    with pytest.raises(ImageError, match="cannot read: Input/output error"):
        open_images(photos)(ImageEntry("1", "1.png", 0))
    assert len(attempts) == 6


def test_missing_file_is_not_waited_for(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = []

    def gone(path: Path, mode: str, **options: Any) -> Any:
        attempts.append(path)
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    monkeypatch.setattr(reading, "open", gone, raising=False)
    with pytest.raises(ImageError):
        open_images(photos)(ImageEntry("1", "1.png", 0))
    assert len(attempts) == 1


@pytest.mark.parametrize("publishes", [False, True])
@pytest.mark.parametrize(("code", "attempts_expected"), [(errno.EIO, 3), (errno.ENOSPC, 1)])
def test_writes_are_tried_again_unless_it_is_hopeless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, attempts_expected: int, publishes: bool
) -> None:
    attempts = []
    write_bytes = Path.write_bytes

    def flaky(path: Path, content: bytes) -> int:
        attempts.append(1)
        if len(attempts) < 3:
            raise OSError(code, "it blinked")
        return write_bytes(path, content)

    def write(path: Path) -> None:
        table = predictions_table([], ("cat", "dog"), {})
        publish_shard(path, table, None) if publishes else write_table(path, table)

    monkeypatch.setattr(Path, "write_bytes", flaky)
    path = tmp_path / "shard-00000-of-00001.parquet"
    if code == errno.EIO:
        write(path)
        assert read_predictions(tmp_path).num_rows == 0
    else:
        with pytest.raises(StorageError, match="it blinked"):
            write(path)
        assert list(tmp_path.iterdir()) == []
    assert len(attempts) == attempts_expected
