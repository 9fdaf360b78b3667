import io
import struct
import tarfile
import unicodedata
import warnings
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import pytest

from scoring.errors import ChangedError, ImageError, ImagesError, UnreachableError
from scoring.sources import encoded_images
from scoring.sources.collection_files import collection_files
from scoring.sources.entries import ImageEntry, LeftOut
from scoring.sources.inputs import find_images, open_images
from scoring.sources.zip_images import ZipSource
from scoring.storage.locations import Location, Url, locate

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
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as writer:
        writer.writestr("1.jpg", _CONTENT)
    (tmp_path / "photos.zip").write_bytes(stream.content)
    assert _read_all(tmp_path / "photos.zip") == [_CONTENT]


def test_member_that_unpacks_beyond_the_limit_is_an_image_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _zip(tmp_path / "photos.zip")
    monkeypatch.setattr(encoded_images, "MAX_IMAGE_BYTES", 100)
    with pytest.raises(ImageError, match="larger than"):
        _read_all(path)


def test_encrypted_member_is_an_image_error_that_says_so(tmp_path: Path) -> None:
    path = _zip(tmp_path / "photos.zip")
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    content[6] |= 1
    path.write_bytes(content)
    with pytest.raises(ImageError, match="it is encrypted, and passwords are not taken"):
        _read_all(path)
    _write(tmp_path / "bundle.zip", {"photos.zip": bytes(30)}, zipfile.ZIP_DEFLATED)
    content = bytearray((tmp_path / "bundle.zip").read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "bundle.zip").write_bytes(content)
    with pytest.raises(ImagesError, match=r"a readable photos.zip in .*bundle.zip; it is encrypted"):
        find_images(tmp_path / "bundle.zip")


def test_last_part_of_a_split_zip_is_refused_by_what_it_is(tmp_path: Path) -> None:
    """Its directory tells of members in other files; of some of them it would have read what lies here."""
    path = _zip(tmp_path / "photos.zip")
    content = bytearray(path.read_bytes())
    content[content.rindex(b"PK\x05\x06") + 4] = 2
    path.write_bytes(content)
    with pytest.raises(ImagesError, match=r"is the last of 3 parts\. Join them: zip -s 0 photos\.zip --out"):
        find_images(path)


@pytest.mark.parametrize(
    ("comment", "between"),
    [(b"", b""), (b"cats of 2020" * 1000, b""), (b"", bytes(400))],
    ids=["next", "comment", "zeros"],
)
@pytest.mark.parametrize("is_in_bundle", [False, True])
def test_zips_one_behind_the_other_are_refused_rather_than_read_short(
    tmp_path: Path, comment: bytes, between: bytes, is_in_bundle: bool
) -> None:
    """As `cat a.zip b.zip` makes; the last end record is that of `b.zip`."""
    with zipfile.ZipFile(_zip(tmp_path / "a.zip"), "a") as first:
        first.comment = comment
    content = (tmp_path / "a.zip").read_bytes() + between + _packed({"3.jpg": b"3"})
    (tmp_path / "both.zip").write_bytes(_packed({"both.zip": content}) if is_in_bundle else content)
    with pytest.raises(ImagesError, match=r"holds several, .* Join them: zip -FF both\.zip --out whole\.zip\.$"):
        find_images(tmp_path / "both.zip")


def _in_zip64(zip_: bytes) -> bytes:
    """The same zip, as a writer ends it that does not know its numbers before: its end says that they stand before."""
    at = zip_.rindex(b"PK\x05\x06")
    num_files, directory_bytes, directory_at = struct.unpack_from("<HII", zip_, at + 10)
    directory = struct.pack("<QQQQ", num_files, num_files, directory_bytes, directory_at)
    record = b"PK\x06\x06" + struct.pack("<QHHII", 44, 45, 45, 0, 0) + directory
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, at, 1)
    return zip_[:at] + record + locator + b"PK\x05\x06" + b"\xff" * 16 + zip_[at + 20 :]


def _in_both(zip_: bytes) -> bytes:
    """The same, by a writer that repeats the numbers in its end, where they fit."""
    return _in_zip64(zip_)[:-22] + zip_[-22:]


_PROGRAM = b"MZ\x90" * 30_000


@pytest.mark.parametrize("ended", [bytes, _in_zip64, _in_both], ids=["plain", "zip64", "zip64 and end"])
@pytest.mark.parametrize(
    ("before", "between"),
    [(b"", b""), (b"", b"\n"), (b"", b"\r\n\0"), (b"", _PROGRAM), (_PROGRAM, b""), (_PROGRAM, b"\n")],
    ids=["next", "newline", "blanks", "program between", "program first", "program first, newline"],
)
def test_zips_of_any_end_and_with_anything_between_them_are_refused(
    tmp_path: Path, ended: Callable[[bytes], bytes], before: bytes, between: bytes
) -> None:
    """The numbers of zips with more than 65,535 files or 4 GB stand in another record, those of streamed ones too."""
    first, second = (ended(_packed({name: b"?"})) for name in ("1.jpg", "2.jpg"))
    path = tmp_path / "both.zip"
    path.write_bytes(before + first + between + second)
    with pytest.raises(ImagesError, match="holds several"):
        find_images(path)
    path.write_bytes(before + second)
    assert [image.path for image in find_images(path).images] == ["2.jpg"]


def _marked(zip_: bytes, mark: bytes) -> bytes:
    """The same zip, as `zip -s` writes one that fits into its first part: behind a mark, which all numbers count."""
    content = bytearray(mark + zip_)
    end, directory = content.rindex(b"PK\x05\x06"), content.index(b"PK\x01\x02")
    struct.pack_into("<I", content, end + 16, directory)
    struct.pack_into("<I", content, directory + 42, len(mark))
    return bytes(content)


@pytest.mark.parametrize("mark", [b"PK\x07\x08", b"PK00"])
@pytest.mark.parametrize("between", [b"", b"\n", b"#!/bin/sh\nunzip $0\n"], ids=["next", "newline", "program"])
@pytest.mark.parametrize("are_marked", [(True, True), (True, False), (False, True)])
def test_zips_that_begin_as_parts_of_split_ones_are_refused_one_behind_the_other(
    tmp_path: Path, mark: bytes, between: bytes, are_marked: tuple[bool, bool]
) -> None:
    """Source: APPNOTE 8.5.3 and 8.5.4."""
    zips = [_packed({name: b"?"}) for name in ("1.jpg", "2.jpg")]
    first, second = (_marked(one, mark) if is_marked else one for one, is_marked in zip(zips, are_marked, strict=True))
    path = tmp_path / "both.zip"
    path.write_bytes(first + between + second)
    with pytest.raises(ImagesError, match="holds several"):
        find_images(path)
    path.write_bytes(second)
    assert [image.path for image in find_images(path).images] == ["2.jpg"]


@pytest.mark.parametrize("zeros", range((1 << 20) - 24, (1 << 20) + 3, 3))
def test_zip_behind_another_and_more_zeros_than_are_read_at_once_is_refused(tmp_path: Path, zeros: int) -> None:
    path = tmp_path / "both.zip"
    path.write_bytes(_packed({"1.jpg": b"?"}) + bytes(zeros + (1 << 20)) + _packed({"2.jpg": b"?"}))
    with pytest.raises(ImagesError, match="holds several"):
        find_images(path)


@pytest.mark.parametrize("last", [{}, {"1.jpg": b"1"}], ids=["empty", "same name"])
def test_a_zip_before_one_that_tells_nothing_of_it_is_not_lost_in_silence(
    tmp_path: Path, last: dict[str, bytes]
) -> None:
    path = tmp_path / "both.zip"
    path.write_bytes(_zip(tmp_path / "a.zip").read_bytes() + _packed(last))
    with pytest.raises(ImagesError, match="holds several"):
        find_images(path)


@pytest.mark.parametrize(
    "before",
    [
        b"MZ\x90" * 30_000,
        b"MZ" + b"PK\x05\x06" * 50,
        b"MZ" + b"PK\x03\x04PK\x01\x02PK\x05\x06",
        b"PK\x05\x06" + bytes(18),
    ],
    ids=["program", "signatures", "unzips", "no files"],
)
def test_zip_behind_what_is_no_zip_with_files_is_read(tmp_path: Path, before: bytes) -> None:
    path = tmp_path / "photos.zip"
    path.write_bytes(before + _zip(path).read_bytes())
    assert _read_all(path) == _BOTH


def test_three_zips_one_behind_the_other_are_refused(tmp_path: Path) -> None:
    parts = (_packed({f"{number}.jpg": b"?"}) for number in range(3))
    (tmp_path / "all.zip").write_bytes(b"".join(parts))
    with pytest.raises(ImagesError, match="holds several"):
        find_images(tmp_path / "all.zip")


def test_zip_of_which_a_zip_was_removed_is_read(tmp_path: Path) -> None:
    """As tools do that write the directory alone anew: the removed file's bytes stay."""
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("inner.zip", _packed({"1.jpg": b"1"}))
        archive.writestr("2.jpg", b"2")
    with zipfile.ZipFile(path, "a") as archive:
        archive.filelist.remove(archive.getinfo("inner.zip"))
        archive.comment = b"written anew"
    assert [image.path for image in find_images(path).images] == ["2.jpg"]


@pytest.mark.parametrize(
    "around", [(b"", b""), (b"%PDF-1.7", b"%%EOF"), (_PROGRAM, b"")], ids=["zip", "PDF", "program"]
)
@pytest.mark.parametrize("times", [1, 40])
def test_zip_of_which_files_with_zips_in_them_were_removed_is_read(
    tmp_path: Path, around: tuple[bytes, bytes], times: int
) -> None:
    path = tmp_path / "photos.zip"
    names = [f"{number}.bin" for number in range(times)]
    content = around[0] + _packed({"inner.zip": _packed({"1.jpg": b"1"})}) + around[1]
    path.write_bytes(_packed({**dict.fromkeys(names, content), "2.jpg": b"2"}))
    with zipfile.ZipFile(path, "a") as archive:
        archive.filelist = [archive.getinfo("2.jpg")]
        archive.comment = b"written anew"
    assert [image.path for image in find_images(path).images] == ["2.jpg"]


def test_zip_behind_a_program_that_holds_a_zip_is_read(tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    path.write_bytes(_PROGRAM + _packed({"messages.txt": b"?"}) + _PROGRAM + _zip(path).read_bytes())
    assert _read_all(path) == _BOTH


def test_directory_in_zip64_with_fewer_files_than_its_end_says_is_refused(tmp_path: Path) -> None:
    path = _zip(tmp_path / "photos.zip")
    content = bytearray(_in_zip64(path.read_bytes()))
    struct.pack_into("<QQ", content, content.index(b"PK\x06\x06") + 24, 7, 7)
    path.write_bytes(content)
    with pytest.raises(ImagesError, match=r"its directory has 2 of 7 files\.$"):
        find_images(path)


@pytest.mark.parametrize(("field", "has"), [(12, 1), (10, 2)], ids=["shorter than it is", "of more files"])
def test_directory_with_fewer_files_than_its_end_says_is_refused(tmp_path: Path, field: int, has: int) -> None:
    path = _zip(tmp_path / "photos.zip")
    content = bytearray(path.read_bytes())
    end, directory = content.rindex(b"PK\x05\x06"), content.index(b"PK\x01\x02")
    number = content.index(b"PK\x01\x02", directory + 1) - directory if field == 12 else 7
    struct.pack_into("<H", content, end + field, number)
    path.write_bytes(content)
    with pytest.raises(ImagesError, match=rf"its directory has {has} of \d files\.$"):
        find_images(path)


def test_directory_with_more_files_than_its_end_says_is_read(tmp_path: Path) -> None:
    """As of more than 65,535 files by writers that count no further."""
    path = _zip(tmp_path / "photos.zip")
    content = bytearray(path.read_bytes())
    struct.pack_into("<HH", content, content.rindex(b"PK\x05\x06") + 8, 1, 1)
    path.write_bytes(content)
    assert _read_all(path) == _BOTH


def test_directory_that_points_at_no_member_is_an_image_error(tmp_path: Path) -> None:
    path = _zip(tmp_path / "photos.zip")
    path.write_bytes(b"XX" + path.read_bytes()[2:])
    with pytest.raises(ImageError, match="no member begins where the directory says"):
        _read_all(path)


@pytest.mark.parametrize("cut", [range(20), range(60, 200)], ids=["front", "middle"])
def test_zip_whose_front_or_middle_is_missing_has_what_its_directory_still_finds(tmp_path: Path, cut: range) -> None:
    path = _zip(tmp_path / "photos.zip", zipfile.ZIP_STORED)
    content = path.read_bytes()
    path.write_bytes(content[: cut.start] + content[cut.stop :])
    (first, second), read = find_images(path).images, open_images(path)
    with pytest.raises(ImageError, match="cannot read from zip: no member begins where the directory says"):
        read(first)
    assert read(second) == _BOTH[1]


@pytest.mark.parametrize(("number", "name"), [(9, "deflate64"), (98, "PPMd"), (77, "method 77")])
def test_compression_that_is_not_read_is_named(tmp_path: Path, number: int, name: str) -> None:
    path = _zip(tmp_path / "photos.zip", zipfile.ZIP_BZIP2)
    content = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        start = content.index(mark) + at
        content[start : start + 2] = struct.pack("<H", number)
    path.write_bytes(content)
    (first, second), read = find_images(path).images, open_images(path)
    with pytest.raises(ImageError, match=f"its compression, {name}, is not read: pack it anew with deflate"):
        read(first)
    assert read(second) == _BOTH[1]


def _write(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as writer:
        for name, content in members.items():
            writer.writestr(name, content)
    return path


def _packed(members: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as writer:
        for name, member in members.items():
            writer.writestr(name, member)
    return content.getvalue()


def _tar(members: dict[str, bytes], mode: Literal["w", "w:gz"] = "w") -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as writer:
        for name, photo in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(photo)
            writer.addfile(member, io.BytesIO(photo))
    return content.getvalue()


def _bundle(path: Path, compression: int) -> Path:
    """As `kaggle competitions download` writes it."""
    train = _packed(
        {f"train/{kind}.{number}.jpg": f"{kind} {number}".encode() for kind in ("cat", "dog") for number in (0, 10, 9)}
    )
    test = _packed({f"test/{number}.jpg": b"test" for number in (10, 9)})
    return _write(path, {"train.zip": train, "test.zip": test, "sample_submission.csv": b"id,label"}, compression)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_archive_within_a_zip_is_picked_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: int
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    bundle = _bundle(tmp_path / "bundle.zip", compression)
    images = find_images(bundle / "train.zip").images
    assert [image.image_id for image in images] == ["cat.0", "cat.9", "cat.10", "dog.0", "dog.9", "dog.10"]
    read = open_images(bundle / "train.zip")
    assert [read(image) for image in images] == [image.image_id.replace(".", " ").encode() for image in images]
    assert [image.image_id for image in find_images(bundle / "test.zip").images] == ["9", "10"]
    assert (tmp_path / "home").exists() == (compression != zipfile.ZIP_STORED)  # what is stored is read in place
    assert collection_files(bundle / "test.zip") == [bundle]


def test_archive_within_a_zip_in_a_bucket_is_read_there_and_each_image_with_one_request(
    tmp_path: Path, bucket: Url, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = _bundle(tmp_path / "bundle.zip", zipfile.ZIP_STORED)
    (bucket / "bundle.zip").upload(local)
    assert find_images(bucket / "bundle.zip" / "train.zip") == find_images(local / "train.zip")
    read = open_images(bucket / "bundle.zip" / "train.zip")
    images = find_images(local / "train.zip").images
    read(images[0])
    requests, read_range = [], Url.read_range
    monkeypatch.setattr(Url, "read_range", lambda *span: requests.append(span) or read_range(*span))  # type: ignore[func-returns-value]
    assert read(images[1]) == b"cat 9"
    assert len(requests) == 1


def test_zip_that_was_replaced_before_a_worker_opens_it_makes_errors_and_no_other_images(tmp_path: Path) -> None:
    path = _zip(tmp_path / "photos.zip")
    first, second = find_images(path).images
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("1.jpg", b"dog" * 101)
        archive.writestr("2.jpg", _BOTH[1])
    read = open_images(path)
    with pytest.raises(ImageError, match=r"cannot read from zip: .* is not the file that was listed"):
        read(first)
    assert read(second) == _BOTH[1]


def test_zip_with_several_archives_and_no_image_names_them(tmp_path: Path) -> None:
    bundle = _bundle(tmp_path / "bundle.zip", zipfile.ZIP_STORED)
    with pytest.raises(
        ImagesError,
        match=r"archive, not looked into: 2 \(train\.zip, test\.zip\).* Name an archive, as .*bundle\.zip/train\.zip\.",
    ):
        find_images(bundle)
    with pytest.raises(ImagesError, match=r"called valid\.zip in .*bundle\.zip, which holds train\.zip, test\.zip"):
        find_images(bundle / "valid.zip")
    with pytest.raises(ImagesError, match="which holds neither folders nor archives"):
        find_images(_write(tmp_path / "photos.zip", {"1.jpg": b"1"}) / "test.zip")


_ONE = {"1.jpg": b"1"}
_TWO_ZIPS = {"a.zip": _packed(_ONE), "b.zip": _packed(_ONE)}


@pytest.mark.parametrize(
    ("members", "named"),
    [
        (_TWO_ZIPS, ""),
        ({f"data/deep/{name}": content for name, content in _TWO_ZIPS.items()}, ""),
        ({f"data/deep/{name}": content for name, content in _TWO_ZIPS.items()}, "data/deep"),
        ({f"./data/{name}": content for name, content in _TWO_ZIPS.items()}, "data"),
        ({"data/outer.zip": _packed(_TWO_ZIPS)}, ""),
        ({"data/outer.zip": _packed({f"deep/{name}": content for name, content in _TWO_ZIPS.items()})}, "data"),
        ({"outer.zip": _packed({f"deep/{name}": content for name, content in _TWO_ZIPS.items()})}, "outer.zip/deep"),
        ({"a.tar": _tar(_ONE), "b.tar": _tar(_ONE)}, ""),
    ],
)
@pytest.mark.parametrize("place", ["zip", "folder", "bucket"])
def test_archive_that_a_message_advises_to_name_can_be_named(
    tmp_path: Path, bucket: Url, members: dict[str, bytes], named: str, place: str
) -> None:
    bundle = _write(tmp_path / "bundle.zip", members)
    location: Location = bundle / named if named else bundle
    if place == "bucket":
        (bucket / "bundle.zip").upload(bundle)
        location = bucket / "bundle.zip" / named if named else bucket / "bundle.zip"
    elif place == "folder":
        location = tmp_path
    with pytest.raises(ImagesError, match=r"Name an archive, as \S+\.$") as refused:
        find_images(location)
    advised = str(refused.value).rpartition(" ")[2].removesuffix(".")
    if place == "folder":
        assert advised == str(bundle)
    else:
        assert [image.image_id for image in find_images(locate(advised)).images] == ["1"]


@pytest.mark.parametrize("inner", [_packed(_ONE), _tar(_ONE)], ids=["zip", "tar"])
@pytest.mark.parametrize("place", ["x.tar", "folder", "bundle.zip"])
def test_archive_within_a_tar_is_not_advised_to_be_named(tmp_path: Path, inner: bytes, place: str) -> None:
    content = _tar({f"in.{'zip' if inner.startswith(b'PK') else 'tar'}": inner})
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "x.tar", tmp_path / "folder" / "x.tar"):
        path.write_bytes(content)
    _write(tmp_path / "bundle.zip", {"x.tar": content})
    with pytest.raises(ImagesError, match=r"\)\. Archives within a tar are not read: unpack the tar\.$"):
        find_images(tmp_path / place)


def test_parts_of_a_zip_are_told_as_such(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    content = _packed({"1.jpg": b"1" * 500})
    for number, start in enumerate(range(0, len(content), 300), start=1):
        (folder / f"test.zip.00{number}").write_bytes(content[start : start + 300])
    with pytest.raises(ImagesError, match=r"part of an archive, which `cat .*`.*: 3 \(test\.zip\.00"):
        find_images(folder)
    with pytest.raises(ImagesError, match=r"It is a part of one: .*`cat test\.zip\.\* > test\.zip`\.$"):
        find_images(folder / "test.zip.001")


def test_a_table_that_is_zipped_alone_is_no_archive_of_images(tmp_path: Path) -> None:
    tables = {f"{name}.zip": _packed({name: b"id"}) for name in ("a.csv", "b.CSV", "c.json", "d.txt")}
    photos = _packed({"1.jpg": b"1"})
    bundle = _write(tmp_path / "bundle.zip", {**tables, "test.zip": photos})
    assert [image.path for image in find_images(bundle).images] == ["1.jpg"]
    bundle = _write(tmp_path / "both.zip", {**tables, "test.zip": photos, "train.zip": photos})
    with pytest.raises(ImagesError, match=r"Name an archive, as .*both\.zip/test\.zip\.$"):
        find_images(bundle)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.csv.zip").write_bytes(tables["a.csv.zip"])
    with pytest.raises(ImagesError, match=r"not an image: 1 \(a\.csv\.zip\)\.$"):
        find_images(tmp_path / "folder")


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ("train.7z", r"train\.7z there is compressed, and neither a zip nor a tar\. Unpack it, and name its folder\."),
        ("train.7z/train", r"train\.7z there is compressed"),
        ("data/test.csv", r"data/test\.csv there is a file that holds none\."),
        ("README", "README there is a file that holds none"),
        ("data/1.jpg", r"data/1\.jpg there is an image\. Name its folder\."),
    ],
)
def test_a_file_in_a_zip_that_holds_no_images_is_said_to_be_there(tmp_path: Path, inside: str, said: str) -> None:
    members = {"./train.7z": b"7z", "data/test.csv": b"id", "README": b"", "data/1.jpg": b"1"}
    bundle = _write(tmp_path / "bundle.zip", members)
    with pytest.raises(ImagesError, match=f"called {inside} in .*bundle\\.zip; (./)?{said}"):
        find_images(bundle / inside)


def test_a_folder_within_a_zip_is_picked_by_its_path_as_newer_competitions_have_it(tmp_path: Path) -> None:
    members = {"train/b/2.jpg": b"2", "train/a/1.jpg": b"1", "train/LICENSE": b"MIT", "train_more/9.jpg": b"9"}
    bundle = _write(tmp_path / "bundle.zip", {**members, "test/7.jpg": b"7", "train.csv": b"id,label"})
    listing = find_images(bundle / "train")
    assert [(image.image_id, image.path) for image in listing.images] == [
        ("a/1", "train/a/1.jpg"),
        ("b/2", "train/b/2.jpg"),
    ]
    assert listing.left_out == (LeftOut("not an image", 1, ("train/LICENSE",)),)
    assert open_images(bundle / "train")(listing.images[1]) == b"2"
    assert [image.image_id for image in find_images(bundle / "train" / "a").images] == ["1"]
    assert [image.image_id for image in find_images(bundle / "test").images] == ["7"]
    with pytest.raises(ImagesError, match=r"called tes in .*bundle\.zip, which holds train/, train_more/, test/\."):
        find_images(bundle / "tes")
    outer = _write(tmp_path / "outer.zip", {"data/bundle.zip": bundle.read_bytes()})
    assert [image.image_id for image in find_images(outer / "data" / "bundle.zip" / "train").images] == ["a/1", "b/2"]


def test_only_archive_in_a_zip_without_images_is_taken_and_what_lies_beside_it_is_counted(tmp_path: Path) -> None:
    inner = _packed({"1.jpg": b"1", "2.jpg": b"2", "notes.txt": b""})
    path = _write(tmp_path / "bundle.zip", {"labels.csv": b"", "deep/photos.zip": inner, "LICENSE": b"MIT"})
    listing = find_images(path)
    assert [image.path for image in listing.images] == ["1.jpg", "2.jpg"]
    assert open_images(path)(listing.images[1]) == b"2"
    (left_out,) = listing.left_out
    assert (left_out.count, set(left_out.first)) == (3, {"labels.csv", "LICENSE", "notes.txt"})
    beside = _write(tmp_path / "beside.zip", {"photos.zip": inner, "3.jpg": b"3"})
    assert [image.path for image in find_images(beside).images] == ["3.jpg"]
    assert find_images(beside).left_out == (LeftOut("archive, not looked into", 1, ("photos.zip",)),)


def test_zips_within_zips_and_tars_within_zips_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    photos = _tar({"photos/1.jpg": b"one"}, "w:gz")
    path = _write(tmp_path / "a.zip", {"b.zip": _packed({"photos.tar.gz": photos})})
    (image,) = find_images(path).images
    assert (image.image_id, open_images(path)(image)) == ("1", b"one")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("name", ["train.zip", "train.tar", "deep/train.tar.gz"])
@pytest.mark.parametrize("kind", ["zip", "tar", "gzip"])
def test_archive_within_a_zip_is_read_by_what_it_is_whatever_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: str, compression: int
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    members = {"cats/1.jpg": b"cat", "dogs/2.jpg": b"dog"}
    train = _packed(members) if kind == "zip" else _tar(members, "w:gz" if kind == "gzip" else "w")
    bundle = _write(tmp_path / "bundle.zip", {name: train, "train.csv": b"id"}, compression)
    for location in (bundle, bundle / name):
        images, read = find_images(location).images, open_images(location)
        assert [(image.image_id, read(image)) for image in images] == [("cats/1", b"cat"), ("dogs/2", b"dog")]


def test_archive_within_a_zip_that_is_of_another_kind_is_refused_by_that(tmp_path: Path) -> None:
    bundle = _write(tmp_path / "bundle.zip", {"train.zip": b"7z\xbc\xaf\x27\x1c" + bytes(600)})
    with pytest.raises(ImagesError, match=r"train\.zip in .*bundle\.zip is a file of kind 7-Zip\.$"):
        find_images(bundle)
    _write(tmp_path / "bundle.zip", {"train.zip": _tar({"cats/1.jpg": b"cat"})})
    with pytest.raises(ImagesError, match=r"train\.zip in .*bundle\.zip is a tar\. Name all of it\.$"):
        find_images(bundle / "train.zip" / "cats")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("name", ["train.tar", "data/train.tar", "data/deep/train.tar.gz"])
def test_tar_within_a_zip_is_read_in_any_folder_alone_or_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, compression: int
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    train = _tar({"cats/1.jpg": b"cat", "dogs/2.jpg": b"dog"}, "w:gz" if name.endswith("gz") else "w")
    only = _write(tmp_path / "only.zip", {name: train, "readme.txt": b""}, compression)
    several = _write(tmp_path / "several.zip", {"data/test.tar": _tar({"3.jpg": b"?"}), name: train}, compression)
    outer = _write(tmp_path / "outer.zip", {"in/several.zip": several.read_bytes()}, compression)
    for place in (only, only / name, several / name, outer / "in" / "several.zip" / name):
        images = find_images(place).images
        assert [(image.image_id, image.path) for image in images] == [
            ("cats/1", f"{name}/cats/1.jpg"),
            ("dogs/2", f"{name}/dogs/2.jpg"),
        ]
        assert _read_all(place) == [b"cat", b"dog"]
    with pytest.raises(ImagesError, match=r"called data/valid\.tar in .*several\.zip, which holds data/"):
        find_images(several / "data" / "valid.tar")


def test_zip_that_holds_another_tar_than_when_it_was_listed_is_another(tmp_path: Path) -> None:
    archive = _write(tmp_path / "a.zip", {"data/train.tar": _tar({"1.jpg": b"1"})})
    (image,) = find_images(archive).images
    _write(archive, {"data/test.tar": _tar({"1.jpg": b"1"})})
    with pytest.raises(ImageError, match="cannot read from tar: it has changed since it was listed"):
        open_images(archive)(image)


@pytest.mark.parametrize("creator", [0, 3])
def test_backslashes_of_windows_part_folders_in_a_zip(tmp_path: Path, creator: int) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as writer:
        for name in ("train\\", "train\\cats\\cat.1.jpg", "train\\dogs\\dog.2.jpg"):
            info = zipfile.ZipInfo(name)
            info.create_system = creator
            writer.writestr(info, name.encode())
    images = find_images(tmp_path / "photos.zip").images
    assert [image.path for image in images] == ["train/cats/cat.1.jpg", "train/dogs/dog.2.jpg"]
    assert [image.image_id for image in images] == ["cats/cat.1", "dogs/dog.2"]
    assert open_images(tmp_path / "photos.zip")(images[0]) == b"train\\cats\\cat.1.jpg"


def _without_utf_8_flag(path: Path, extra: bytes, names: dict[bytes, bytes], creator: int = 3) -> None:
    """Write a zip as Macs and Unix do: of members with these names as bytes, and an extra field, none has the flag."""
    with zipfile.ZipFile(path, "w") as writer:
        for number, content in enumerate(names.values()):
            info = zipfile.ZipInfo(f"{number}" * len(list(names)[number]))
            info.create_system, info.extra = creator, extra
            writer.writestr(info, content)
    written = path.read_bytes()
    for number, name in enumerate(names):
        written = written.replace(f"{number}".encode() * len(name), name)
    path.write_bytes(written)


@pytest.mark.parametrize("name", [unicodedata.normalize("NFC", "Kätzchen"), unicodedata.normalize("NFD", "Kätzchen")])
def test_names_in_utf_8_without_its_flag_are_read_as_macs_and_unix_mean_them(tmp_path: Path, name: str) -> None:
    path = tmp_path / "photos.zip"
    members = {f"{name}/ö/猫.jpg".encode(): b"first", "Hünde/☃.jpg".encode(): b"second"}
    _without_utf_8_flag(path, b"", members)
    images = find_images(path).images
    assert {image.path: open_images(path)(image) for image in images} == {
        raw.decode(): content for raw, content in members.items()
    }
    assert [image.path for image in find_images(Path(f"{path}/{name}")).images] == [f"{name}/ö/猫.jpg"]
    earlier = ImageEntry("", f"{name}/ö/猫.jpg".encode().decode("cp437"), 5)
    assert open_images(path)(earlier) == b"first"  # of a manifest with the names as Python reads them


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("cp932", ["写真/表.jpg", "写真/機能.jpg", "写真/猫.jpg", "ソ/十.jpg"]),
        ("cp932", ["表.jpg", "犬.jpg", "ソニー1.jpg"]),
        ("big5", ["photos/許1.jpg", "photos/成功.jpg", "photos/狗.jpg"]),
        ("gbk", ["誠/1.jpg", "狗/2.jpg"]),
    ],
)
@pytest.mark.parametrize("creator", [0, 3])
def test_letters_whose_second_byte_is_a_backslash_part_no_folders(
    tmp_path: Path, encoding: str, names: Sequence[str], creator: int
) -> None:
    path = tmp_path / "photos.zip"
    members = {name.encode(encoding): name.encode() for name in names}
    _without_utf_8_flag(path, b"", members, creator)
    listing, read = find_images(path), open_images(path)
    assert {image.path.encode("cp437"): read(image) for image in listing.images} == members
    assert listing.num_left_out == 0


def test_backslashes_behind_letters_part_folders_where_others_do(tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    names = [name.encode("cp866") for name in ("train\\кошки\\1.jpg", "мопс\\2.jpg")]
    _without_utf_8_flag(path, b"", dict.fromkeys(names, b"photo"), 0)
    assert [image.path.split("/")[-1] for image in find_images(path).images] == ["1.jpg", "2.jpg"]
    _without_utf_8_flag(path, b"", {"é\\1.jpg".encode(): b"1"}, 0)
    assert [image.path for image in find_images(path).images] == ["é/1.jpg"]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_folder_or_archive_in_a_zip_is_found_in_the_other_spelling_of_its_accents(
    tmp_path: Path, form: Literal["NFC", "NFD"]
) -> None:
    held, asked = (unicodedata.normalize(one, "Kätzchen") for one in (form, "NFD" if form == "NFC" else "NFC"))
    inner = _packed({f"{held}/1.jpg": b"1", "Hunde/2.jpg": b"2"})
    path = _write(tmp_path / "bundle.zip", {f"{held}/1.jpg": b"1", f"a/{held}.zip": inner, f"{held}.zip": inner})
    for within in (asked, f"a/{asked}.zip/{asked}", f"{asked}.zip/{asked}"):
        (image,) = find_images(path / within).images
        assert (image.path, open_images(path / within)(image)) == (f"{held}/1.jpg", b"1")
    _write(path, {f"{held}/1.jpg": b"1", f"{asked}/2.jpg": b"2"})  # both: the one that is asked for
    assert [image.path for image in find_images(path / asked).images] == [f"{asked}/2.jpg"]


def test_folder_in_a_zip_whose_names_begin_with_a_dot_is_found(tmp_path: Path) -> None:
    path = _write(tmp_path / "bundle.zip", {"./cats/1.jpg": b"1", "./dogs/2.jpg": b"2", "./old.zip": _packed({})})
    assert [image.path for image in find_images(path / "cats").images] == ["./cats/1.jpg"]
    with pytest.raises(ImagesError, match=r"called birds in .*bundle\.zip, which holds cats/, dogs/"):
        find_images(path / "birds")


def test_names_in_code_page_437_are_read_as_such_unless_the_extra_field_tells_others(tmp_path: Path) -> None:
    path, raw = tmp_path / "photos.zip", "Kätzchen/é.jpg".encode("cp437")
    meant = "猫/1.jpg".encode()
    for crc, name in ((zlib.crc32(raw), "猫/1.jpg"), (1, "Kätzchen/é.jpg")):
        content = struct.pack("<BL", 1, crc) + meant
        times = struct.pack("<HHBL", 0x5455, 5, 1, 0)
        _without_utf_8_flag(path, times + struct.pack("<HH", 0x7075, len(content)) + content, {raw: b"cat"})
        (image,) = find_images(path).images
        assert (image.path, open_images(path)(image)) == (name, b"cat")


def test_backslash_in_a_name_among_slashes_is_part_of_the_name(tmp_path: Path) -> None:
    path = _write(tmp_path / "photos.zip", {"a/b\\1.jpg": b"1", "a/2.jpg": b"2"})
    assert [image.path for image in find_images(path).images] == ["a/2.jpg", "a/b\\1.jpg"]


def test_symbolic_links_in_a_zip_are_what_they_link_to(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as writer:
        writer.writestr("real/1.jpg", b"photo")
        for name, target in (
            ("links/2.jpg", "../real/1.jpg"),
            ("3.jpg", "links/2.jpg"),
            ("4.jpg", "/etc/passwd"),
            ("5.jpg", "5.jpg"),
        ):
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, 0o120777 << 16
            writer.writestr(info, target)
    listing = find_images(tmp_path / "photos.zip")
    read = open_images(tmp_path / "photos.zip")
    assert {image.path: read(image) for image in listing.images} == dict.fromkeys(
        ["3.jpg", "links/2.jpg", "real/1.jpg"], b"photo"
    )
    assert {image.size_bytes for image in listing.images} == {5}
    assert listing.left_out == (LeftOut("link to no file", 2, ("4.jpg", "5.jpg")),)


def test_what_lies_below_a_linked_folder_in_a_zip_is_found_by_that_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as writer:
        for name, content in {"d": "e", "e/1.jpg": "1", "d/2.jpg": "2", "3.jpg": "d/2.jpg", "4.jpg": "d/1.jpg"}.items():
            info = zipfile.ZipInfo(name)
            if "/" not in name:
                info.create_system, info.external_attr = 3, 0o120777 << 16
            writer.writestr(info, content)
    assert _read_all(tmp_path / "photos.zip") == [b"2", b"1", b"2", b"1"]
    assert [image.path for image in find_images(tmp_path / "photos.zip" / "d").images] == ["d/2.jpg"]


@pytest.mark.parametrize("named", ["train", "train/cats"])
def test_linked_folder_in_a_zip_that_is_named_is_refused_with_where_it_leads(tmp_path: Path, named: str) -> None:
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as writer:
        writer.writestr("data/cats/1.jpg", b"1")
        link = zipfile.ZipInfo("train")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        writer.writestr(link, "data")
    with pytest.raises(ImagesError, match=rf"called {named} in .*b\.zip; train there is a link to data\. Name that"):
        find_images(tmp_path / "b.zip" / named)
    assert [image.path for image in find_images(tmp_path / "b.zip" / "data").images] == ["data/cats/1.jpg"]


def test_of_two_members_of_one_name_the_later_counts_and_the_other_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as writer:
        writer.writestr("1.jpg", b"old")
        with pytest.warns(UserWarning, match="Duplicate name"):
            writer.writestr("1.jpg", b"newer")
    listing = find_images(tmp_path / "photos.zip")
    assert [open_images(tmp_path / "photos.zip")(image) for image in listing.images] == [b"newer"]
    assert listing.left_out == (LeftOut("replaced by a later file of its name", 1, ("1.jpg",)),)


def test_members_keep_the_leading_dot_that_they_have(tmp_path: Path) -> None:
    """An earlier run has them so."""
    path = _write(tmp_path / "photos.zip", {"./README.md": b"", "a/1.jpg": b"1", "./a/2.jpg": b"2"})
    images, read = find_images(path).images, open_images(path)
    assert {image.path: read(image) for image in images} == {"a/1.jpg": b"1", "./a/2.jpg": b"2"}


@pytest.mark.parametrize(
    "names",
    [
        ("a/1.jpg", "a\\1.jpg"),
        ("a\\1.jpg", "a/1.jpg"),
        ("a\\1.jpg", "a/1.jpg", "a\\1.jpg"),
        ("a/1.jpg", "./a/1.jpg"),
        ("a/1.jpg", ".\\a\\1.jpg", "./a/1.jpg"),
    ],
)
def test_of_two_spellings_of_one_path_the_later_counts(tmp_path: Path, names: Sequence[str]) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as writer:
        for number, name in enumerate(names):
            info = zipfile.ZipInfo(name)
            info.create_system = 0
            with warnings.catch_warnings(action="ignore"):
                writer.writestr(info, str(number))
    listing = find_images(tmp_path / "photos.zip")
    read = open_images(tmp_path / "photos.zip")
    assert [(image.path, read(image)) for image in listing.images] == [("a/1.jpg", str(len(names) - 1).encode())]
    num_replaced = len(names) - 1
    assert listing.left_out == (
        LeftOut("replaced by a later file of its name", num_replaced, ("a/1.jpg",) * num_replaced),
    )


def test_file_that_replaces_a_link_is_read_itself(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as writer:
        writer.writestr("1.jpg", b"one")
        link = zipfile.ZipInfo("2.jpg")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        writer.writestr(link, "1.jpg")
        with pytest.warns(UserWarning, match="Duplicate name"):
            writer.writestr("2.jpg", b"two")
    assert _read_all(tmp_path / "photos.zip") == [b"one", b"two"]


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
        (b"Rar!\x1a\x07\x01", "RAR"),
        (b"\x28\xb5\x2f\xfd", "Zstandard"),
        (b"\xff\xd8\xff\xe0", "JPEG image"),
        (b"%PDF-1.7", "PDF"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_true_name(tmp_path: Path, head: bytes, kind: str) -> None:
    for name in ("photos.zip", "photos.tar", "photos.tar.gz"):
        (tmp_path / name).write_bytes(head + bytes(100))
        with pytest.raises(ImagesError, match=f"is a file of kind {kind}"):
            find_images(tmp_path / name)


def test_zips_within_zips_without_end_are_refused(tmp_path: Path) -> None:
    content = _packed({"1.jpg": b"1"})
    for number in range(5):
        content = _packed({f"{number}.zip": content})
    (tmp_path / "photos.zip").write_bytes(content)
    with pytest.raises(ImagesError, match="at most 3 deep"):
        find_images(tmp_path / "photos.zip")


def test_a_zip_within_a_zip_that_was_cut_off_is_refused_as_damaged(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("1.jpg", b"x" * 100)
    bundle = tmp_path / "bundle.zip"
    with zipfile.ZipFile(bundle, "w") as archive:
        archive.writestr("test.zip", inner.getvalue())
    content = bundle.read_bytes()
    longer = len(inner.getvalue()) + 4000  # than what is left of the file: the inner zip's own end is read short
    bundle.write_bytes(content.replace(len(inner.getvalue()).to_bytes(4, "little"), longer.to_bytes(4, "little")))
    with pytest.raises(ImagesError, match="damaged"):
        find_images(bundle)


def test_a_zip_that_is_written_over_while_it_is_read_is_no_fault_of_its_images(tmp_path: Path) -> None:
    archive = _zip(tmp_path / "a.zip")
    images, read = find_images(archive).images, open_images(archive)
    assert read(images[0]) == _BOTH[0]
    archive.write_bytes(b"\0" * archive.stat().st_size)
    with pytest.raises(ChangedError, match=r"a\.zip is not the file that was listed"):
        read(images[1])


def test_a_zip_without_a_member_that_was_listed_is_another(tmp_path: Path) -> None:
    archive = _zip(tmp_path / "a.zip")
    images = find_images(archive).images
    with zipfile.ZipFile(archive, "w") as other:
        other.writestr("3.jpg", _CONTENT)
    with pytest.raises(ChangedError, match=r"a\.zip is not the file that was listed"):
        open_images(archive)(images[0])


@pytest.mark.parametrize("is_remote", [False, True])
def test_a_zip_that_goes_while_it_is_looked_at_is_out_of_reach_and_no_other_kind_of_file(
    tmp_path: Path, bucket: Url, is_remote: bool
) -> None:
    place = (bucket if is_remote else tmp_path) / "x.zip"
    source = ZipSource(place)
    for look in (source.check, lambda: list(source.files())):
        with pytest.raises(UnreachableError, match=r"x\.zip: out of reach since its images were listed: (N|n)o such"):
            look()


def test_a_zip_that_cannot_be_read_is_no_other_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "x.zip").mkdir()
    with pytest.raises(ImagesError, match=r"^Cannot read .*x\.zip: Is a directory\.$"):
        ZipSource(tmp_path / "x.zip").check()
