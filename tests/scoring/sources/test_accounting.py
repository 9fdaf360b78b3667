"""Every file of a collection is an image or is left out for a reason, and none is lost between the two."""

import errno
import importlib.util
import io
import os
import re
import socket
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from scoring.errors import BucketError, ImagesError, RequestError, UnreachableError
from scoring.pixels import formats
from scoring.sources.entries import FoundFile, LeftOut
from scoring.sources.folder_images import FolderSource
from scoring.sources.inputs import find_images, open_images
from scoring.sources.table_columns import NO_COLUMNS, TableColumns
from scoring.storage import reading
from scoring.storage.locations import Location, Url
from scoring.storage.read_deadline import ReadTimeoutError
from tests.buckets import put_object


def _encoded(kind: str) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (3, 2)).save(content, kind)
    return content.getvalue()


_HEIC = b"\0\0\0\x1cftypheic\0\0\0\0mif1heic" + bytes(40)
_JXL = b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40)


@pytest.fixture(autouse=True)
def no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither plugin of Pillow is installed, whatever this machine has."""
    monkeypatch.setattr(formats, "find_spec", lambda name: None)


def _fill(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


_MIXED = {
    "IMG_0000.JPG.crdownload": _encoded("jpeg"),
    "IMG_0001.HEIC": _HEIC,
    "IMG_0002.JPG": _encoded("jpeg"),
    "IMG_0003.jpg_large": _encoded("jpeg"),
    "IMG_0004": _encoded("png"),
    "IMG_0005.aspx": _encoded("webp"),
    "IMG_0006": _HEIC,
    "5.jxl": b"\xff\x0a",
    "6.dat": _JXL,
    "7.CR2": b"II*\0",
    "8.svg": b"<svg/>",
    "notes.txt": b"words",
    "LICENSE": b"words",
    "empty": b"",
    "movie.mp4": b"ftyp",
    "train.zip": b"PK",
}
_EXPECTED = {
    "HEIC, which needs pip install 'shardscore[formats]'": {"IMG_0001.HEIC", "IMG_0006"},
    "JPEG XL, which needs pip install 'shardscore[formats]'": {"5.jxl", "6.dat"},
    "camera raw, which is not decoded": {"7.CR2"},
    "SVG, which is not decoded": {"8.svg"},
    "not an image": {"notes.txt", "LICENSE", "empty", "movie.mp4", "IMG_0000.JPG.crdownload"},
    "archive, not looked into": {"train.zip"},
}


def _as_zip(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as writer:
        for name in sorted(os.listdir(folder)):
            writer.write(folder / name, name)
    return path


def _as_tar(folder: Path, path: Path) -> Path:
    with tarfile.open(path, "w") as writer:
        writer.add(folder, ".")
    return path


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "bucket"])
def test_content_tells_where_a_name_tells_nothing_and_what_is_not_decoded_is_named(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    folder, prefix = _fill(tmp_path / "mixed", _MIXED), ""
    location: Location | None = None
    if kind == "zip":
        location = _as_zip(folder, tmp_path / "mixed.zip")
    elif kind == "tar":
        location, prefix = _as_tar(folder, tmp_path / "mixed.tar"), "mixed.tar/./"
    elif kind == "bucket":
        bucket: Url = request.getfixturevalue("bucket")
        for name in _MIXED:
            (bucket / "mixed" / name).upload(folder / name)
        location = bucket / "mixed"
    listing = find_images(location or folder)
    names = ["IMG_0002.JPG", "IMG_0003.jpg_large", "IMG_0004", "IMG_0005.aspx"]
    assert [image.path for image in listing.images] == [prefix + name for name in names]
    assert {left.reason: {path.removeprefix(prefix) for path in left.first} for left in listing.left_out} == _EXPECTED
    assert listing.num_left_out + len(listing.images) == len(_MIXED)
    read = open_images(location or folder)
    assert [read(image) for image in listing.images] == [_MIXED[name] for name in names]


_PHOTO = _encoded("gif")
# Name, content and why it is left out, None for a photo: told by name or content.
_KINDS: list[tuple[str, bytes, str | None]] = [
    *((f"{{}}{suffix}", _PHOTO, None) for suffix in (".jpg", ".JPG", ".jpeg", ".png", ".gif", ".webp", ".tif", ".bmp")),
    *((f"{{}}{suffix}", _PHOTO, None) for suffix in ("", ".jpg_large", ".aspx", ".1")),
    *((f"folder/IMG_{{}}{suffix}", _PHOTO, None) for suffix in (".jpg", ".png", "")),
    ("{}.heic", _HEIC, "HEIC, which needs pip install 'shardscore[formats]'"),
    ("{}.odd", _HEIC, "HEIC, which needs pip install 'shardscore[formats]'"),
    ("{}.jxl", _JXL, "JPEG XL, which needs pip install 'shardscore[formats]'"),
    *((f"{{}}{suffix}", b"", "camera raw, which is not decoded") for suffix in (".nef", ".CR2", ".dng")),
    ("{}.svg", b"", "SVG, which is not decoded"),
    *(
        (f"{{}}{suffix}", b"", "not an image")
        for suffix in (".mp4", ".mov", ".txt", ".csv", ".json", ".pdf", "", ".dat")
    ),
    *((f"{{}}{suffix}", b"", "archive, not looked into") for suffix in (".zip", ".tar.gz")),
    ("{}.csv.gz", b"", "compressed, and neither a zip nor a tar"),
    *((f"{name}", _PHOTO, "hidden") for name in (".{}.jpg", "Thumbs/.{}.png")),
    ("unreadable{}", _PHOTO, "unreadable"),
]
_SPECIAL = 4  # kinds that are no plain files: links, links to nowhere, sockets, pipes


def test_ten_thousand_files_of_forty_kinds_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(_KINDS) + _SPECIAL == 40
    expected: Counter[str | None] = Counter()
    for folder in ("folder", "Thumbs"):
        (tmp_path / folder).mkdir()
    for number in range(9_960):
        name, content, reason = _KINDS[number % len(_KINDS)]
        (tmp_path / name.format(number)).write_bytes(content)
        expected[reason] += 1
    monkeypatch.chdir(tmp_path)
    for number in range(10):
        Path(f"link{number}.jpg").symlink_to("0.jpg")
        Path(f"gone{number}.jpg").symlink_to("nowhere" if number % 2 else f"gone{number}.jpg")
        os.mkfifo(f"pipe{number}.jpg")
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(f"socket{number}.jpg")
    expected += Counter({None: 10, "link to no file": 10, "not a regular file": 20})
    peek = FolderSource.peek

    def refuse(source: FolderSource, file: FoundFile, length: int) -> bytes:
        if file.path.startswith("unreadable"):
            raise PermissionError(13, "Permission denied")
        return peek(source, file, length)

    monkeypatch.setattr(FolderSource, "peek", refuse)
    listing = find_images(tmp_path)
    counts: dict[str | None, int] = {left.reason: left.count for left in listing.left_out}
    assert counts | {None: len(listing.images)} == expected
    assert len(listing.images) + listing.num_left_out == 10_000
    assert all(len(left.first) == 5 for left in listing.left_out)


_NOT_FOR_PEOPLE = (
    *(".git", ".ipynb_checkpoints", ".Trash-1000", "@eaDir", "#recycle", "__MACOSX", "$RECYCLE.BIN", "lost+found"),
    *("Network Trash Folder", "System Volume Information", "_temporary", "_delta_log"),
)


def test_hidden_folders_and_thumbnails_of_network_disks_are_not_searched(tmp_path: Path) -> None:
    hidden = [*_NOT_FOR_PEOPLE, "cats/.thumbnails", "cats/@eaDir"]
    _fill(tmp_path, {"cats/1.jpg": b"1", **{f"{folder}/1.jpg": b"thumbnail" for folder in hidden}})
    listing = find_images(tmp_path)
    assert [image.path for image in listing.images] == ["cats/1.jpg"]
    assert [(left.reason, left.count) for left in listing.left_out] == [("hidden", len(hidden))]
    assert set(listing.left_out[0].first) < {f"{folder}/" for folder in hidden}
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as writer:
        for folder in ("cats", *hidden):
            writer.writestr(f"{folder}/1.jpg", b"1")
    assert [image.path for image in find_images(archive).images] == ["cats/1.jpg"]


def test_folders_of_waste_to_be_recycled_are_classes(tmp_path: Path) -> None:
    """Windows XP calls its bins so."""
    names = ["COMPOST/1.jpg", "RECYCLED/2.jpg", "RECYCLER/3.jpg"]
    _fill(tmp_path / "photos", dict.fromkeys(names, b"1"))
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for name in names:
            archive.writestr(name, b"1")
    for listing in (find_images(tmp_path / "photos"), find_images(tmp_path / "photos.zip")):
        assert [image.path for image in listing.images] == names
        assert not listing.left_out


def test_hidden_folder_that_is_named_itself_is_searched(tmp_path: Path) -> None:
    _fill(tmp_path, {".photos/1.jpg": b"1"})
    assert [image.path for image in find_images(tmp_path / ".photos").images] == ["1.jpg"]


def test_hidden_tar_or_folder_of_a_zip_that_is_named_itself_is_read(tmp_path: Path) -> None:
    names = ("1.jpg", ".2.jpg", "@eaDir/3.jpg")
    for tar in (".x.tar", os.fsdecode(b".caf\xe9.tar")):
        with tarfile.open(tmp_path / tar, "w") as writer:
            for name in (*names, "photo"):
                member = tarfile.TarInfo(name)
                member.size = len(_PHOTO)
                writer.addfile(member, io.BytesIO(_PHOTO))
        listing = find_images(tmp_path / tar)
        assert [image.image_id for image in listing.images] == ["1", "photo"]
        assert [(left.reason, left.count) for left in listing.left_out] == [("hidden", 2)]
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in names:
            archive.writestr(f".photos/{name}", _PHOTO)
    listing = find_images(tmp_path / "x.zip" / ".photos")
    assert [image.path for image in listing.images] == [".photos/1.jpg"]
    assert listing.left_out == (LeftOut("hidden", 2, (".photos/.2.jpg", ".photos/@eaDir/3.jpg")),)


def test_folder_that_cannot_be_read_is_counted_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fill(tmp_path, {"1.jpg": b"1", "secret/2.jpg": b"2", "lost+found/3.jpg": b"3"})
    scandir = os.scandir

    def refuse(path: str) -> Any:
        if path.endswith(("secret", "lost+found")):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    listing = find_images(tmp_path)
    assert [image.path for image in listing.images] == ["1.jpg"]
    assert listing.left_out == (LeftOut("hidden", 1, ("lost+found/",)), LeftOut("unreadable", 1, ("secret/",)))


def _fill_with_parts(folder: Path, names: Sequence[str]) -> Path:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"path": [f"{number}.jpg"], "photo": [b"1"]}), folder / name)
    return folder


@pytest.mark.parametrize("columns", [NO_COLUMNS, TableColumns(path="path")])
def test_part_of_a_table_that_cannot_be_reached_is_named(tmp_path: Path, columns: TableColumns) -> None:
    """As in a cache of Hugging Face that was not filled to the end."""
    _fill_with_parts(tmp_path, ["part-0.parquet"])
    (tmp_path / "part-7.parquet").symlink_to("nowhere")
    with pytest.raises(ImagesError, match=r"Expected .*part-7\.parquet cannot \(link to no file\)\.") as refused:
        find_images(tmp_path, columns)
    assert "\n" not in str(refused.value)


def test_folder_of_parts_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fill_with_parts(tmp_path, ["2025/part-0.parquet", "2026/part-0.parquet"])
    scandir = os.scandir

    def refuse(path: str) -> Any:
        if path.endswith("2026"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ImagesError, match=r"Expected a table .*2026 cannot \(unreadable\)\."):
        find_images(tmp_path)


@pytest.mark.parametrize("columns", [NO_COLUMNS, TableColumns(path="path")])
def test_folders_of_the_system_beside_parts_are_not_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: TableColumns
) -> None:
    """Root alone may read `lost+found`, which every disk of ext4 has."""
    parts = ["part-0.parquet", "_year=2026/part-1.parquet"]
    others = [folder for folder in _NOT_FOR_PEOPLE if folder != "_delta_log"]  # which is refused: not all parts count
    _fill_with_parts(tmp_path, [*parts, *(f"{folder}/part-9.parquet" for folder in others)])
    scandir = os.scandir

    def refuse(path: str) -> Any:
        if Path(path).name in _NOT_FOR_PEOPLE:
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    listing = find_images(tmp_path, columns)
    assert sorted(image.path for image in listing.images) == ["0.jpg", "1.jpg"]
    assert [(left.reason, left.count) for left in listing.left_out] == [("hidden", len(others))]


@pytest.mark.parametrize("content", [True, False])
def test_what_lies_beside_the_parts_of_a_table_is_counted(tmp_path: Path, content: bool) -> None:
    parts = ["part-0.parquet", "part-2.PARQUET"]
    _fill_with_parts(tmp_path, [*parts, "_tmp/part-9.parquet", "part-1.parquet.incomplete"])
    _fill(tmp_path, {"_SUCCESS": b"", ".part-0.parquet.crc": b"1", ".cache/1": b"1", "0.jpg": _encoded("jpeg")})
    (tmp_path / "notes.txt").symlink_to("nowhere")
    listing = find_images(tmp_path, TableColumns(content="photo") if content else TableColumns(path="path"))
    assert len(listing.images) == len(parts)
    beside = {"beside a table that holds its images itself": {"0.jpg"}} if content else {}
    assert {left.reason: set(left.first) for left in listing.left_out} == beside | {
        "not an image": {"_SUCCESS", "part-1.parquet.incomplete"},
        "Parquet table, not looked into": {"_tmp/part-9.parquet"},
        "hidden": {".part-0.parquet.crc", ".cache/"},
        "link to no file": {"notes.txt"},
    }


def test_file_that_must_be_looked_into_and_cannot_be_read_is_counted_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(tmp_path, {"1.jpg": b"1", "secret": b"2"})
    monkeypatch.setattr(
        "scoring.sources.folder_images.read_range", lambda *span: (_ for _ in ()).throw(PermissionError())
    )
    assert find_images(tmp_path).left_out == (LeftOut("unreadable", 1, ("secret",)),)


def _refuse_to_read(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    """Let it be raised where content is looked at."""

    def refuse(*span: object) -> bytes:
        raise fault from ValueError("of the client")

    for module in ("folder_images", "table_images"):
        monkeypatch.setattr(f"scoring.sources.{module}.read_range", refuse)


@pytest.mark.parametrize(
    ("fault", "names"),
    [
        (OSError(errno.EIO, "Input/output error"), ["1.jpg", "photo"]),
        (OSError(errno.EKEYEXPIRED, "Key has expired"), ["1.jpg", "photo"]),
        (OSError(errno.ECOMM, "Communication error on send"), ["1.jpg", "photo"]),
        (ReadTimeoutError("reading took longer than 60 s"), ["1.jpg", "photo"]),
        (BucketError(errno.EREMOTEIO, "503", "s3://bucket/photo"), ["1.jpg", "photo"]),
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), ["1.jpg"]),
        (BucketError(errno.EACCES, "access denied: AccessDenied", "s3://bucket/photo"), ["1.jpg"]),
        (OSError(errno.EINVAL, "not a regular file"), ["1.jpg"]),
    ],
    ids=repr,
)
def test_file_that_must_be_looked_into_and_may_be_readable_later_has_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception, names: list[str]
) -> None:
    _fill(tmp_path, {"1.jpg": b"1", "photo": b"2"})
    _refuse_to_read(monkeypatch, fault)
    listing = find_images(tmp_path)
    assert [image.path for image in listing.images] == names
    assert sum(left.count for left in listing.left_out) == 2 - len(names)


def test_member_of_a_zip_that_must_be_looked_into_and_may_be_readable_later_has_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("1.jpg", _PHOTO)
        archive.writestr("photo", _PHOTO)
    refuse = lambda *member: (_ for _ in ()).throw(OSError(errno.EIO, "Input/output error"))  # noqa: E731
    monkeypatch.setattr(zipfile.ZipFile, "open", refuse)
    assert [image.path for image in find_images(tmp_path / "x.zip").images] == ["1.jpg", "photo"]


@pytest.mark.parametrize(
    "fault",
    [
        OSError(errno.ENOTCONN, "Transport endpoint is not connected"),
        OSError(errno.EMFILE, "Too many open files"),
        UnreachableError(errno.EREMOTEIO, "no connection", "s3://bucket/photo"),
    ],
    ids=repr,
)
def test_place_that_is_lost_while_files_are_looked_into_lets_none_be_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: OSError
) -> None:
    _fill(tmp_path, {"1.jpg": b"1", "photo": b"2"})
    _refuse_to_read(monkeypatch, fault)
    with pytest.raises(UnreachableError, match=f"^[^\n]*photo: .*{fault.strerror}"):
        find_images(tmp_path)


@pytest.mark.parametrize("number", [errno.ENOTCONN, errno.ESTALE, errno.EMFILE], ids=errno.errorcode.get)
def test_disk_that_is_lost_below_a_folder_lets_none_of_it_be_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    _fill(tmp_path, {"1.jpg": b"1", "mount/2.jpg": b"2"})
    scandir = os.scandir

    def lost(place: str) -> Any:
        if Path(place).name == "mount":
            raise OSError(number, os.strerror(number), place)
        return scandir(place)

    monkeypatch.setattr("os.scandir", lost)
    with pytest.raises(UnreachableError, match=rf"^[^\n]*/mount: cannot be read .*: {os.strerror(number)}\. Run again"):
        find_images(tmp_path)


def test_inventory_of_a_bucket_that_no_client_can_be_opened_for_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pq.write_table(pa.table({"bucket": ["pets"] * 2, "key": ["1.jpg", "photo"]}), tmp_path / "t.parquet")
    _refuse_to_read(monkeypatch, RequestError("Cannot use the AWS profile"))
    with pytest.raises(RequestError, match="Cannot use the AWS profile"):
        find_images(tmp_path / "t.parquet")


@pytest.mark.parametrize("order", [1, -1])
def test_folder_is_known_by_its_own_name_rather_than_by_that_of_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: int
) -> None:
    _fill(tmp_path / "photos", {"cats/1.jpg": b"1", "a/2.jpg": b"2"})
    (tmp_path / "photos" / "a" / "b_link").symlink_to(tmp_path / "photos" / "cats")
    (tmp_path / "photos" / "z_link").symlink_to(tmp_path / "photos" / "cats")
    _fill(tmp_path / "elsewhere", {"3.jpg": b"3"})
    for name in ("y_link", "x_link"):
        (tmp_path / "photos" / name).symlink_to(tmp_path / "elsewhere")
    scandir = os.scandir

    class InOrder:
        def __init__(self, path: str) -> None:
            with scandir(path) as found:
                self._entries = sorted(found, key=lambda entry: entry.name)[::order]

        def __enter__(self) -> list[Any]:
            return self._entries

        def __exit__(self, *error: object) -> None:
            pass

    monkeypatch.setattr(os, "scandir", InOrder)
    listing = find_images(tmp_path / "photos")
    assert [image.path for image in listing.images] == ["a/2.jpg", "cats/1.jpg", "x_link/3.jpg"]
    reason = "folder that counts under another name, which links lead to"
    assert listing.left_out == (LeftOut(reason, 3, ("a/b_link/", "y_link/", "z_link/")),)


def _as_zip_with_links(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as writer:
        for file in sorted(folder.rglob("*")):
            member = zipfile.ZipInfo(str(file.relative_to(folder)))
            if file.is_symlink():
                member.create_system, member.external_attr = 3, 0o120777 << 16
                writer.writestr(member, str(file.readlink()))
            elif file.is_file():
                writer.writestr(member, file.read_bytes())
    return path


@pytest.mark.parametrize("pack", [_as_tar, _as_zip_with_links])
def test_links_in_an_archive_lead_where_they_lead_in_its_folder(
    tmp_path: Path, pack: Callable[[Path, Path], Path]
) -> None:
    folder = _fill(tmp_path / "photos", {"pool/x/1.jpg": b"1", "1.jpg": b"2", "a/1.jpg": b"3"})
    links = {"cats": "pool/x", "2.jpg": "cats/1.jpg", "3.jpg": "./cats/../../1.jpg", "a/4.jpg": "../cats/1.jpg"}
    links |= {"a/5.jpg": "1.jpg", "a/6.jpg": "../../1.jpg", "b": "a/../cats", "7.jpg": "b/1.jpg", "8.jpg": "b/9.jpg"}
    links |= {"c": "d", "d": "c", "9.jpg": "c/1.jpg", "none": "nothing"}
    for name, target in links.items():
        (folder / name).symlink_to(target)
    expected, read = find_images(folder), open_images(folder)
    archive = pack(folder, tmp_path / "archive")
    found, read_packed = find_images(archive), open_images(archive)
    contents = {image.image_id: read_packed(image) for image in found.images}
    assert contents == {image.image_id: read(image) for image in expected.images}
    assert contents["3"] == b"2"
    told, expected_told = ([(left.reason, left.count) for left in one.left_out] for one in (found, expected))
    assert told == expected_told


def test_link_to_a_folder_of_parts_that_are_read_already_is_counted(tmp_path: Path) -> None:
    _fill_with_parts(tmp_path, ["2025/part-0.parquet"])
    (tmp_path / "2026").symlink_to("2025")
    listing = find_images(tmp_path)
    assert [image.path for image in listing.images] == ["0.jpg"]
    assert [(left.count, left.first) for left in listing.left_out] == [(1, ("2026/",))]


@pytest.mark.parametrize("content", [b"", b"\n"])
def test_marks_of_folders_in_a_bucket_are_no_files(bucket: Url, content: bytes) -> None:
    for name in ("photos/", "photos/cats/"):
        put_object(bucket, name, content)
    (bucket / "photos" / "cats" / "1.jpg").write_bytes(b"12")
    (bucket / "photos" / "empty").write_bytes(b"")
    listing = find_images(bucket / "photos")
    assert [image.path for image in listing.images] == ["cats/1.jpg"]
    assert listing.left_out == (LeftOut("not an image", 1, ("empty",)),)


def test_collection_without_an_image_is_refused_with_what_there_is_instead(tmp_path: Path) -> None:
    _fill(tmp_path, {"1.heic": _HEIC, "notes.txt": b"", "train.zip": b"PK"})
    with pytest.raises(ImagesError, match=r"none among 3 files: HEIC, which needs .*: 1 \(1\.heic\); .*train\.zip\.$"):
        find_images(tmp_path)


def test_a_plugin_that_is_installed_between_two_listings_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a notebook, which goes on in the same process."""
    _fill(tmp_path, {"1.heic": _HEIC, "2.png": _encoded("PNG"), "3": _HEIC})
    assert [image.path for image in find_images(tmp_path).images] == ["2.png"]
    monkeypatch.setattr(formats, "find_spec", importlib.util.find_spec)
    pytest.importorskip("pillow_heif")
    assert [image.path for image in find_images(tmp_path).images] == ["1.heic", "2.png", "3"]


def test_files_whose_name_tells_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fill(tmp_path, {"1.jpg": b"1", "2.txt": b"2", "3.json": b"3", "4.mp4": b"4"})
    monkeypatch.setattr(reading, "open", lambda *arguments: pytest.fail(f"opened {arguments}"), raising=False)
    assert len(find_images(tmp_path).images) == 1


_ABSENT = "missing, though others say by their names that it belongs to them"


@pytest.mark.parametrize("columns", [NO_COLUMNS, TableColumns(path="path"), TableColumns(content="photo")])
def test_part_that_is_missing_by_the_names_of_the_others_is_told(tmp_path: Path, columns: TableColumns) -> None:
    _fill_with_parts(tmp_path, ["train-00000-of-00003.parquet", "train-00002-of-00003.parquet"])
    listing = find_images(tmp_path, columns)
    assert len(listing.images) == 2
    assert listing.left_out == (LeftOut(_ABSENT, 1, ("train-00001-of-00003.parquet",)),)
    assert find_images(tmp_path / "train-00000-of-00003.parquet", columns).left_out == ()


def test_tar_that_is_missing_by_the_names_of_the_others_is_told(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x-00000-of-00002.tar", "w") as writer:
        writer.addfile(tarfile.TarInfo("1.jpg"))
    assert find_images(tmp_path).left_out == (LeftOut(_ABSENT, 1, ("x-00001-of-00002.tar",)),)


@pytest.mark.parametrize("name", ["000000_0", "photos-000000000001", "b.parquet.gzip"])
def test_parquet_that_is_not_called_so_is_told(tmp_path: Path, name: str) -> None:
    _fill_with_parts(tmp_path, [name])
    said = rf"{re.escape(name)} is one by its content: call such files \.parquet\."
    with pytest.raises(ImagesError, match=said):
        find_images(tmp_path, TableColumns(content="photo"))
    with pytest.raises(ImagesError, match=r"Parquet, though it is not called \.parquet: 1"):
        find_images(tmp_path)
    _fill_with_parts(tmp_path, ["part-0.parquet"])
    left_out = find_images(tmp_path, TableColumns(content="photo")).left_out
    assert left_out == (LeftOut("Parquet, though it is not called .parquet", 1, (name,)),)


def test_link_to_a_part_beside_it_counts_once(tmp_path: Path) -> None:
    _fill_with_parts(tmp_path, ["table/part-0.parquet", "blobs/1.parquet"])
    (tmp_path / "table" / "latest.parquet").symlink_to("part-0.parquet")
    (tmp_path / "table" / "part-1.parquet").symlink_to(Path("..", "blobs", "1.parquet"))
    for table in (tmp_path / "table", tmp_path / "table" / "*.parquet"):
        listing = find_images(table, columns := TableColumns(content="photo"))
        assert [image.path for image in listing.images] == ["part-0.parquet#0", "part-1.parquet#0"]
        assert [(left.count, left.first) for left in listing.left_out] == [(1, ("latest.parquet",))]
        assert [open_images(table, columns)(image) for image in listing.images] == [b"1", b"1"]
