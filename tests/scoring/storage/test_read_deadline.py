"""Reads that hang: of a file system that answers nothing, of what blocks in a reader's hands, of a bucket."""

import contextlib
import ctypes
import errno
import math
import os
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring.errors import BucketError, ImageError, UnreachableError
from scoring.sources.entries import ImageEntry
from scoring.sources.inputs import find_images, open_images
from scoring.sources.table_columns import NO_COLUMNS, TableColumns
from scoring.sources.timed_reader import TimedReader
from scoring.storage import reach, reading
from scoring.storage.read_deadline import ReadTimeoutError, ahead, read_limit_s, reading_within, within, within_limit
from tests.gate.control import wait_until
from tests.local_server import serving

_LIMIT_S = 0.3
_MNT_FORCE_DETACH = 1 | 2


def test_a_read_that_hangs_is_given_up_and_the_next_one_is_not(tmp_path: Path) -> None:
    ended = threading.Event()
    with pytest.raises(ReadTimeoutError, match=r"^reading took longer than 0\.3 s$"):
        within(_LIMIT_S, ended.wait)
    assert within(_LIMIT_S, lambda: "read") == "read"
    ended.set()


def test_a_read_that_gives_itself_up_before_its_caller_wakes_took_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    exception = Future.exception
    given_up = BucketError("the server does not answer in time")

    def wake_late(task: Future[object], timeout: float | None = None) -> BaseException | None:
        with contextlib.suppress(BucketError):
            task.result()
        return exception(task, timeout)

    def give_up() -> None:
        time.sleep(_LIMIT_S)
        raise given_up

    monkeypatch.setattr(Future, "exception", wake_late)
    with pytest.raises(ReadTimeoutError, match=r"^reading took longer than 0\.3 s$") as raised:
        within(_LIMIT_S, give_up)
    assert raised.value.__cause__ is given_up


def test_limit_holds_for_its_own_thread_and_block_alone() -> None:
    assert read_limit_s() is None
    with reading_within(7.0):
        assert read_limit_s() == 7.0
        assert within(5.0, read_limit_s) is None
        assert within_limit(threading.get_ident) != threading.get_ident()
    assert within_limit(threading.get_ident) == threading.get_ident()


@pytest.mark.parametrize("error", [TimeoutError("the disk says so"), OSError(5, "I/O"), KeyboardInterrupt()])
def test_what_a_read_raises_is_raised(error: BaseException) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        within(5.0, fail)
    assert raised.value is error


@pytest.mark.parametrize(("num_bytes", "num_ahead"), [(300, 40), (300_000, 4), (2_000_000, 1)])
def test_the_next_of_a_series_are_read_while_the_last_is_in_hand_and_no_more_than_a_mib(
    num_bytes: int, num_ahead: int
) -> None:
    begun = list[int]()

    def read(number: int) -> bytes:
        begun.append(number)
        return bytes([number]) * num_bytes

    for number, take in enumerate(ahead(5.0, [partial(read, number) for number in range(40)])):
        assert take() == bytes([number]) * num_bytes
        most = min(number + 1 + num_ahead, 40)
        wait_until(lambda: len(begun) >= most, "the next reads")  # noqa: B023
        assert len(begun) == most


def test_of_a_series_each_read_that_hangs_or_fails_costs_itself() -> None:
    ended, read = threading.Event(), list[str]()

    def wait() -> bytes:
        ended.wait(20)
        return b"late"

    def fail() -> bytes:
        raise OSError(errno.EIO, "I/O")

    reads = [lambda: b"1", wait, fail, wait, wait, lambda: b"6", wait]
    for take in ahead(_LIMIT_S, reads):
        try:
            read.append(take().decode())
        except OSError as error:
            read.append(str(error))
    slow = "reading took longer than 0.3 s"
    assert read == ["1", slow, "[Errno 5] I/O", slow, slow, "6", slow]
    ended.set()


@pytest.mark.parametrize("num_taken", [0, 1, 3])
def test_a_series_that_is_left_reads_no_more(num_taken: int) -> None:
    begun = list[int]()

    def read(number: int) -> bytes:
        begun.append(number)
        return bytes(2_000_000)

    takes = ahead(None, [partial(read, number) for number in range(10)])
    for _, take in zip(range(num_taken), takes, strict=False):
        take()
    del takes
    assert within(5.0, lambda: "by the same helpers") == "by the same helpers"
    assert len(begun) <= num_taken + 1


def test_many_reads_of_many_threads_share_few_helpers() -> None:
    before = threading.active_count()

    def read_often() -> None:
        for number in range(200):
            assert within(5.0, abs, -number) == number

    readers = [threading.Thread(target=read_often) for _ in range(4)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert threading.active_count() <= before + 4


def test_a_process_ends_while_reads_of_it_hang() -> None:
    code = "import threading\nfrom scoring.storage.read_deadline import within\n"
    code += "try:\n    within(0.1, threading.Event().wait)\nexcept OSError as error:\n    print(error)\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout == "reading took longer than 0.1 s\n"


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[Path]:
    """A mounted file system that answers nothing: FUSE, and nobody at its other end."""
    (tmp_path / "hanging").mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        device = os.open("/dev/fuse", os.O_RDWR)
    except OSError as error:
        pytest.skip(f"no file system can be mounted here: {error}")
    options = f"fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}".encode()
    if libc.mount(b"hanging", os.fsencode(tmp_path / "hanging"), b"fuse", 0, options):
        os.close(device)
        pytest.skip(f"no file system can be mounted here: {os.strerror(ctypes.get_errno())}")
    yield tmp_path / "hanging"
    os.close(device)  # with it, every read that hangs
    libc.umount2(os.fsencode(tmp_path / "hanging"), _MNT_FORCE_DETACH)


def _read_ahead(read: TimedReader, image: ImageEntry) -> bytes:
    [content] = [take() for take in read.ahead([image])]
    return content


def test_a_file_system_that_hangs_costs_its_own_images(hanging: Path, photos: Path, tmp_path: Path) -> None:
    paths = [str(photos / "1.png"), str(hanging / "2.png"), str(photos / "3.png")]
    pq.write_table(pa.table({"path": paths}), tmp_path / "t.parquet")
    images = {image.path: image for image in find_images(tmp_path / "t.parquet").images}
    read = open_images(tmp_path / "t.parquet", read_timeout_s=_LIMIT_S)
    for once in (partial(read, images[paths[1]]), partial(_read_ahead, read, images[paths[1]])):
        with pytest.raises(ImageError, match=r"^cannot read: reading took longer than 0\.3 s$"):
            once()
    assert read(images[paths[0]]) == (photos / "1.png").read_bytes()


def test_a_folder_that_hangs_when_it_is_looked_at_is_out_of_reach(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A photo is not to be had, and its folder does not say whether it is still there: no other photo is waited for."""
    image, ended = find_images(photos).images[0], threading.Event()
    (photos / image.path).unlink()
    monkeypatch.setattr(reach, "_is_empty", lambda folder: ended.wait(20))
    monkeypatch.setattr(reach, "_LOOK_S", 0.1)
    read = open_images(photos, read_timeout_s=1.5)
    for once in (partial(read, image), partial(_read_ahead, read, image)):
        with pytest.raises(UnreachableError, match=r"out of reach since its images were listed: reading took longer"):
            once()
    ended.set()


def test_a_limit_that_no_thread_can_wait_for_calls_no_photo_too_large(photos: Path) -> None:
    image = find_images(photos).images[0]
    assert open_images(photos, read_timeout_s=1e9)(image)
    with pytest.raises(OverflowError):
        open_images(photos, read_timeout_s=math.inf)(image)


def _zip(photos: Path, tmp_path: Path, compression: int) -> Path:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w", compression) as archive:
        for photo in photos.iterdir():
            archive.write(photo, photo.name)
    return tmp_path / "photos.zip"


def _tar(photos: Path, tmp_path: Path) -> Path:
    with tarfile.open(tmp_path / "photos.tar", "w") as archive:
        archive.add(photos, "photos")
    return tmp_path / "photos.tar"


def _table(photos: Path, tmp_path: Path) -> Path:
    table = pa.table({"image": [photo.read_bytes() for photo in photos.iterdir()]})
    pq.write_table(table, tmp_path / "photos.parquet", row_group_size=4)
    return tmp_path / "photos.parquet"


_COLLECTIONS: dict[str, Callable[[Path, Path], Path]] = {
    "folder": lambda photos, tmp_path: photos,
    "zip": lambda photos, tmp_path: _zip(photos, tmp_path, zipfile.ZIP_DEFLATED),
    "zip of lzma": lambda photos, tmp_path: _zip(photos, tmp_path, zipfile.ZIP_LZMA),
    "tar": _tar,
    "table": _table,
}


@pytest.mark.parametrize("kind", _COLLECTIONS)
def test_an_image_whose_read_blocks_is_an_image_error_in_every_kind_of_collection(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    collection = _COLLECTIONS[kind](photos, tmp_path)
    columns = TableColumns(content="image") if kind == "table" else NO_COLUMNS
    first, *_, last = find_images(collection, columns).images
    read, ended = open_images(collection, columns, read_timeout_s=_LIMIT_S), threading.Event()
    expected = read(first)
    with monkeypatch.context() as patch:
        for owner, name in ((reading, "_read_part"), (zipfile.ZipFile, "open"), (pq.ParquetFile, "read_row_group")):
            patch.setattr(owner, name, lambda *_, **__: ended.wait(20))
        for once in (partial(read, last), partial(_read_ahead, read, last)):
            started = time.monotonic()
            with pytest.raises(ImageError, match=r"reading took longer than 0\.3 s$") as raised:
                once()
            assert isinstance(raised.value.__cause__, ReadTimeoutError)
            assert time.monotonic() - started < 5
    assert read(first) == expected
    assert [again() for again in read.ahead([first, first])] == [expected] * 2
    ended.set()


def test_a_bucket_that_never_answers_costs_its_own_image(
    monkeypatch: pytest.MonkeyPatch, photos: Path, tmp_path: Path
) -> None:
    ended = threading.Event()

    class Silent(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            ended.wait(20)

    for name, value in (("ACCESS_KEY_ID", "key"), ("SECRET_ACCESS_KEY", "secret"), ("REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    pq.write_table(pa.table({"path": [str(photos / "1.png"), "s3://photos/2.png"]}), tmp_path / "t.parquet")
    images = {image.path: image for image in find_images(tmp_path / "t.parquet").images}
    with serving(Silent) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        read = open_images(tmp_path / "t.parquet", read_timeout_s=_LIMIT_S)
        with pytest.raises(ImageError, match=r"^cannot read: reading took longer than 0\.3 s$"):
            read(images["s3://photos/2.png"])
        assert read(images[str(photos / "1.png")]) == (photos / "1.png").read_bytes()
        ended.set()
