import errno
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring.arrays import UInt8Array
from scoring.errors import BucketError, ImageError, LeaseLostError, StorageError
from scoring.pixels.decoding import Resize, decode
from scoring.pixels.input_shape import DEFAULT_SHAPE, InputShape
from scoring.shards.decode_ahead import DecodeAhead, DecodedImage
from scoring.sources.inputs import ImageEntry, find_images, open_images

_PanicException = type("PanicException", (BaseException,), {})


def _decoded(photos: Path, fault: BaseException, in_decoder: bool) -> list[DecodedImage]:
    """All photos, of which the third raises `fault` when it is read or decoded."""
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

    with ThreadPoolExecutor(2) as threads:
        return [row for batch in DecodeAhead(threads, read, images, Resize.SQUASH, 4, decode_or_raise) for row in batch]


@pytest.mark.parametrize("in_decoder", [False, True])
@pytest.mark.parametrize(
    "fault",
    [
        ValueError("embedded null byte\nand a second line"),
        RecursionError(),
        KeyError("x"),
        OSError(errno.EIO, "Input/output error"),
        BucketError(None, "no answer", "s3://bucket/3.png"),
        _PanicException("called `Option::unwrap()`"),
    ],
    ids=repr,
)
def test_whatever_one_image_raises_costs_its_own_row(photos: Path, fault: BaseException, in_decoder: bool) -> None:
    rows = _decoded(photos, fault, in_decoder)
    (row,) = [row for row in rows if row.pixels is None]
    assert (len(rows), row.image.path) == (12, "3.png")
    assert row.error_message is not None
    assert row.error_message.startswith(f"cannot read or decode: {type(fault).__name__}: ")
    assert "\n" not in row.error_message


def _image_error_of(cause: Exception) -> ImageError:
    error = ImageError("cannot read")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("in_decoder", [False, True])
@pytest.mark.parametrize(
    "fault",
    [
        MemoryError(),
        OSError(errno.ENOSPC, "No space left on device"),
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
    with ThreadPoolExecutor(2) as threads:
        batches = DecodeAhead(threads, open_images(tmp_path / "table.parquet"), images, Resize.SQUASH, 8)
        rows = {row.image.path: row.error_message for batch in batches for row in batch}
    assert set(rows) == set(paths)
    assert rows.pop(paths[0]) is None
    assert all(message and "\n" not in message for message in rows.values()), rows
