import errno
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring.arrays import UInt8Array
from scoring.errors import BucketError, ImageError, LeaseLostError, StorageError, UnreachableError
from scoring.pixels.decoding import Resize, decode
from scoring.pixels.input_shape import DEFAULT_SHAPE, InputShape
from scoring.shards.batch_decoders import BatchDecoders
from scoring.shards.row_faults import may_pass, row_fault
from scoring.shards.settings import ScorerSettings
from scoring.sources.inputs import ImageEntry, find_images, open_images
from scoring.storage.read_deadline import ReadTimeoutError
from scoring.storage.stamps import has_changed
from tests.fakes import FAKE_MODEL

_PanicException = type("PanicException", (BaseException,), {})


def _errors(decoders: BatchDecoders, images: list[ImageEntry]) -> dict[str, str | None]:
    """By path why there are no pixels; those of an image without are black."""
    errors: dict[str, str | None] = {}
    decoders.open(DEFAULT_SHAPE, 4, 1)
    with decoders.ahead(images) as batches:
        for batch in batches:
            errors |= {image.path: error for image, error in zip(batch.images, batch.errors, strict=True)}
            is_black = np.logical_not(batch.pixels.any(axis=(1, 2, 3)))
            assert list(is_black[: len(batch.errors)]) == [error is not None for error in batch.errors]
            assert is_black[len(batch.errors) :].all()
            batches.give_back(batch)
    decoders.close()
    return errors


def _decoded(photos: Path, fault: BaseException, in_decoder: bool) -> dict[str, str | None]:
    """All photos' errors; the third raises `fault` when it is read or decoded."""
    images = list(find_images(photos).images)
    sound, third = open_images(photos), (photos / "3.png").read_bytes()

    def read(image: ImageEntry) -> bytes:
        if image.path == "3.png" and not in_decoder:
            raise fault
        return sound(image)

    def decode_or_raise(encoded: bytes, resize: Resize, shape: InputShape = DEFAULT_SHAPE) -> UInt8Array:
        if encoded == third:
            raise fault
        return decode(encoded, resize, shape)

    decoders = BatchDecoders(ScorerSettings(photos, photos, FAKE_MODEL, Resize.SQUASH, 4, 2), decode_or_raise)
    decoders.read = read
    return _errors(decoders, images)


@pytest.mark.parametrize("in_decoder", [False, True])
@pytest.mark.parametrize(
    "fault",
    [
        ValueError("embedded null byte\nand a second line"),
        RecursionError(),
        KeyError("x"),
        OSError(errno.EIO, "Input/output error"),
        BucketError(errno.EREMOTEIO, "500 Internal Server Error", "s3://bucket/3.png"),
        BucketError(errno.EACCES, "access denied: AccessDenied", "s3://bucket/3.png"),
        RuntimeError("a decoder's own"),
        _PanicException("called `Option::unwrap()`"),
    ],
    ids=repr,
)
def test_whatever_one_image_raises_costs_its_own_row(photos: Path, fault: BaseException, in_decoder: bool) -> None:
    errors = _decoded(photos, fault, in_decoder)
    assert len(errors) == 12
    ((path, message),) = [(path, error) for path, error in errors.items() if error is not None]
    assert path == "3.png"
    says_temporary = "" if in_decoder or not _passes(fault) else "temporary: "
    assert message.startswith(f"{says_temporary}cannot read or decode: {type(fault).__name__}: ")
    assert may_pass(message) == bool(says_temporary)
    assert "\n" not in message


def _passes(fault: BaseException) -> bool:
    return isinstance(fault, OSError) and fault.errno in (errno.EIO, errno.EACCES, errno.EREMOTEIO)


def _image_error_of(cause: Exception) -> ImageError:
    error = ImageError("cannot read")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("cause", "passes"),
    [
        (OSError(errno.EIO, "Input/output error"), True),
        (ReadTimeoutError("reading took longer than 60 s"), True),
        (BucketError(errno.EACCES, "access denied: AccessDenied", "s3://bucket/3.png"), True),
        (PermissionError(errno.EACCES, "Permission denied"), False),
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), False),
        (BucketError(None, "the server answers HTTP 403", "https://host/3.png"), False),
        (has_changed(), False),
    ],
    ids=repr,
)
def test_a_row_says_whether_its_image_may_be_readable_at_another_time(cause: Exception, passes: bool) -> None:
    assert may_pass(row_fault(_image_error_of(cause), in_reading=True)) == passes


@pytest.mark.parametrize("in_decoder", [False, True])
@pytest.mark.parametrize(
    "fault",
    [
        MemoryError(),
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EMFILE, "Too many open files"),
        OSError(errno.ENOTCONN, "Transport endpoint is not connected"),
        OSError(errno.ESTALE, "Stale file handle"),
        RuntimeError("can't start new thread"),
        UnreachableError(errno.EACCES, "access denied: ExpiredToken", "s3://bucket/3.png"),
        _image_error_of(UnreachableError(None, "no connection", "s3://bucket/3.png")),
        _image_error_of(_image_error_of(OSError(errno.ENOTCONN, "Transport endpoint is not connected"))),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        _image_error_of(OSError(errno.ENOSPC, "No space left on device")),
        LeaseLostError("Stopped: another driver took over"),
        StorageError("Cannot write x"),
        KeyboardInterrupt(),
    ],
    ids=repr,
)
def test_what_no_image_could_outlive_is_no_row(photos: Path, fault: BaseException, in_decoder: bool) -> None:
    with pytest.raises(type(fault)):
        _decoded(photos, fault, in_decoder)


def test_a_table_whose_path_holds_a_nul_has_an_error_row_for_it(photos: Path, tmp_path: Path) -> None:
    paths = [str(photos / "1.png"), f"{photos}/2\0.png", "4\0.png"]
    pq.write_table(pa.table({"path": paths}), tmp_path / "table.parquet")
    images = list(find_images(tmp_path / "table.parquet").images)
    settings = ScorerSettings(tmp_path / "table.parquet", tmp_path, FAKE_MODEL, Resize.SQUASH, 8, 2)
    rows = _errors(BatchDecoders(settings, decode), images)
    assert set(rows) == set(paths)
    assert rows.pop(paths[0]) is None
    assert all(message and "\n" not in message for message in rows.values()), rows
