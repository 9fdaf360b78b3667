import io
import struct
import zipfile
from pathlib import Path

import pytest

from scoring.errors import ImageError
from scoring.sources import entries
from scoring.sources.inputs import find_images, open_images

_CONTENT = b"cat" * 100


def _zip(path: Path, compression: int = zipfile.ZIP_DEFLATED, extra: bytes = b"") -> Path:
    with zipfile.ZipFile(path, "w", compression) as writer:
        for name in ("1.jpg", "2.jpg"):
            info = zipfile.ZipInfo(name)
            info.compress_type, info.extra = compression, extra
            writer.writestr(info, _CONTENT + name.encode())
    return path


def _read_all(path: Path) -> list[bytes]:
    read = open_images(path)
    return [read(image) for image in find_images(path).images]


_BOTH = [_CONTENT + b"1.jpg", _CONTENT + b"2.jpg"]


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_of_every_compression_are_read(tmp_path: Path, compression: int) -> None:
    assert _read_all(_zip(tmp_path / "photos.zip", compression)) == _BOTH


def test_zip_behind_other_bytes_is_read_as_zipfile_reads_it(tmp_path: Path) -> None:
    path = _zip(tmp_path / "photos.zip")
    path.write_bytes(b"#!/bin/sh\n" * 50 + path.read_bytes())
    assert _read_all(path) == _BOTH


def test_member_whose_own_header_is_far_longer_than_the_directory_says_is_read(tmp_path: Path) -> None:
    path = _zip(tmp_path / "photos.zip", extra=struct.pack("<HH", 0xCAFE, 5000) + bytes(5000))
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        start = archive.infolist()[0].header_offset, archive.infolist()[1].header_offset
    directory = content.index(b"PK\x01\x02")
    shorter = content[directory:].replace(struct.pack("<HH", 0xCAFE, 5000) + bytes(5000), b"")
    shorter = shorter.replace(struct.pack("<HH", 5, 5004), struct.pack("<HH", 5, 0))
    end = shorter.index(b"PK\x05\x06")
    shorter = shorter[: end + 12] + struct.pack("<L", end) + shorter[end + 16 :]
    path.write_bytes(content[:directory] + shorter)
    assert start[1] > 5000
    assert _read_all(path) == _BOTH


def test_member_streamed_without_its_size_in_its_header_is_read(tmp_path: Path) -> None:
    class Stream(io.RawIOBase):
        def __init__(self) -> None:
            self.content = b""

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.content += bytes(data)
            return len(data)

    stream = Stream()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as writer:  # type: ignore[arg-type]
        writer.writestr("1.jpg", _CONTENT)
    (tmp_path / "photos.zip").write_bytes(stream.content)
    assert _read_all(tmp_path / "photos.zip") == [_CONTENT]


def test_member_that_unpacks_beyond_the_limit_is_an_image_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _zip(tmp_path / "photos.zip")
    monkeypatch.setattr(entries, "MAX_IMAGE_BYTES", 100)
    with pytest.raises(ImageError, match="larger than"):
        _read_all(path)


def test_encrypted_member_is_an_image_error_that_says_so(tmp_path: Path) -> None:
    path = _zip(tmp_path / "photos.zip")
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    content[6] |= 1
    path.write_bytes(content)
    with pytest.raises(ImageError, match="encrypted"):
        _read_all(path)


def test_directory_that_points_at_no_member_is_an_image_error(tmp_path: Path) -> None:
    path = _zip(tmp_path / "photos.zip")
    path.write_bytes(b"XX" + path.read_bytes()[2:])
    with pytest.raises(ImageError, match="no member begins where the directory says"):
        _read_all(path)
