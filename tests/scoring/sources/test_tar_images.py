import bz2
import gzip
import io
import itertools
import lzma
import os
import shutil
import tarfile
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from scoring.errors import ChangedError, ImageError, ImagesError, UnreachableError
from scoring.sources import encoded_images, tar_headers
from scoring.sources.entries import LeftOut
from scoring.sources.image_finder import Reason
from scoring.sources.inputs import find_images, open_images
from scoring.storage import stamps
from scoring.storage.locations import Location, Url, locate
from scoring.storage.walking import Fault


def _tar(*names: str) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as writer:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(os.fsencode(name)) * 50
            writer.addfile(member, io.BytesIO(os.fsencode(name) * 50))
    return content.getvalue()


def _write_shards(folder: Path) -> None:
    folder.mkdir()
    for number in (9, 10):
        names = [f"{number}-{row}.{suffix}" for row in (2, 1) for suffix in ("jpg", "cls", "json")]
        (folder / f"x-{number:03d}.tar").write_bytes(_tar(*names))


@pytest.mark.parametrize("pattern", ["", "x-{009..010}.tar"])
def test_images_of_webdataset_shards_are_listed_in_order_and_read_by_position(tmp_path: Path, pattern: str) -> None:
    _write_shards(tmp_path / "shards")
    location = locate(tmp_path / "shards" / pattern)
    listing = find_images(location)
    assert [image.path for image in listing.images] == [
        f"x-{shard:03d}.tar/{shard}-{row}.jpg" for shard in (9, 10) for row in (1, 2)
    ]
    assert listing.images[0].image_id == "x-009.tar/9-1"
    assert listing.num_left_out == 8
    read = open_images(location)
    assert [read(image) for image in listing.images] == [
        name.encode() * 50 for name in ("9-1.jpg", "9-2.jpg", "10-1.jpg", "10-2.jpg")
    ]


def test_one_tar_has_the_ids_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "photos.tar").write_bytes(_tar("photos/2.jpg", "photos/10.jpg", "photos/.hidden.jpg"))
    assert [image.image_id for image in find_images(tmp_path / "photos.tar").images] == ["2", "10"]


@pytest.mark.parametrize("first", ["PAR1S.jpg", "BZh9.jpg", "LZIP.jpg", "%PDF-1.jpg"])
def test_tar_whose_first_name_begins_as_another_kind_of_file_does_is_a_tar(tmp_path: Path, first: str) -> None:
    (tmp_path / "photos.tar").write_bytes(_tar(first, "z.jpg"))
    images, read = find_images(tmp_path / "photos.tar").images, open_images(tmp_path / "photos.tar")
    assert [read(image) for image in images] == [first.encode() * 50, b"z.jpg" * 50]


def test_tar_files_in_a_bucket_read_as_local_ones_and_each_image_with_one_request(
    bucket: Url, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write_shards(tmp_path / "shards")
    for path in (tmp_path / "shards").iterdir():
        (bucket / "shards" / path.name).upload(path)
    local = find_images(tmp_path / "shards")
    locations: list[Location] = [bucket / "shards", bucket / "shards" / "x-{009..010}.tar"]
    for location in locations:
        assert find_images(location) == local
    images = find_images(bucket / "shards").images
    read, requests = open_images(bucket / "shards"), []
    read_range = Url.read_range
    monkeypatch.setattr(Url, "read_range", lambda *span: requests.append(span) or read_range(*span))  # type: ignore[func-returns-value]
    assert read(images[3]) == b"10-2.jpg" * 50
    requests.clear()  # the first was also for what kind of file it is
    assert read(images[2]) == b"10-1.jpg" * 50
    assert len(requests) == 1


def test_folder_that_has_images_beside_a_tar_lists_the_images(tmp_path: Path) -> None:
    (tmp_path / "archive.tar").write_bytes(_tar("2.jpg"))
    (tmp_path / "1.jpg").write_bytes(b"1")
    listing = find_images(tmp_path)
    assert ([image.path for image in listing.images], listing.num_left_out) == (["1.jpg"], 1)


@pytest.mark.parametrize("cut", [700, 1500])
def test_tar_that_ends_early_is_refused(tmp_path: Path, cut: int) -> None:
    (tmp_path / "x.tar").write_bytes(_tar("1.jpg", "2.jpg")[:cut])
    with pytest.raises(ImagesError, match=r"x\.tar is damaged") as error:
        find_images(tmp_path / "x.tar")
    assert "\n" not in str(error.value)


def test_tar_with_a_damaged_header_in_the_middle_is_refused_rather_than_listed_short(tmp_path: Path) -> None:
    content = bytearray(_tar("1.jpg", "2.jpg", "3.jpg"))
    content[1024 + 148 : 1024 + 156] = b"9999999\0"  # the second member's checksum
    (tmp_path / "x.tar").write_bytes(content)
    with pytest.raises(ImagesError, match="the header at byte 1024 is none"):
        find_images(tmp_path / "x.tar")


def test_links_that_lead_out_of_a_tar_and_folders_are_left_out(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as writer:
        writer.addfile(tarfile.TarInfo("1.jpg"))
        kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE)
        for number, kind in enumerate(kinds, start=2):
            member = tarfile.TarInfo(f"{number}.jpg")
            member.type, member.linkname = kind, "/etc/passwd"
            writer.addfile(member)
    listing = find_images(tmp_path / "x.tar")
    (image,) = listing.images
    assert (image.path, open_images(tmp_path / "x.tar")(image)) == ("x.tar/1.jpg", b"")
    assert listing.left_out == (
        LeftOut("link to no file", 2, ("x.tar/2.jpg", "x.tar/3.jpg")),
        LeftOut("not a regular file", 1, ("x.tar/5.jpg",)),
    )


def _linked() -> bytes:
    """GNU tar's way with a file of two names, symbolic links, and links to links."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as writer:
        photo = tarfile.TarInfo("a/1.jpg")
        photo.size = 5
        for name, kind, target in (
            ("a/0.jpg", tarfile.SYMTYPE, "./1.jpg"),
            ("a/2.jpg", tarfile.LNKTYPE, "a/1.jpg"),
            ("b/3.jpg", tarfile.SYMTYPE, "../a/2.jpg"),
            ("b/4.jpg", tarfile.SYMTYPE, "5.jpg"),
            ("b/5.jpg", tarfile.SYMTYPE, "4.jpg"),
            ("c", tarfile.SYMTYPE, "a"),
        ):
            if name == "a/2.jpg":
                writer.addfile(photo, io.BytesIO(b"photo"))
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, target
            writer.addfile(link)
    return content.getvalue()


def _with_hard_link(kind: int, has_data: bool, target: str = "1.jpg", num_before: int = 0) -> bytes:
    """As `pax -o linkdata` and star write one, whose header has its file's size; others do so without the content."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=kind) as writer:
        for number in range(num_before):
            writer.addfile(tarfile.TarInfo(f"{number:04}.txt"))
        for name, data in (("1.jpg", b"1.jpg"), ("2.jpg", b"1.jpg"), ("3.jpg", b"3.jpg")):
            member = tarfile.TarInfo(name)
            member.size, member.pax_headers = 5 * 140, {"comment": "x"}
            if name == "2.jpg":
                member.type, member.linkname = tarfile.LNKTYPE, target
            writer.addfile(member, io.BytesIO(data * 140) if has_data or name != "2.jpg" else None)
    return content.getvalue()


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("has_data", [False, True])
@pytest.mark.parametrize("num_before", [0, 998, 999])
def test_hard_link_in_a_tar_is_read_whether_its_content_follows_or_not(
    tmp_path: Path, kind: int, has_data: bool, num_before: int
) -> None:
    (tmp_path / "x.tar").write_bytes(_with_hard_link(kind, has_data, num_before=num_before))
    images, read = find_images(tmp_path / "x.tar").images, open_images(tmp_path / "x.tar")
    assert {image.image_id: read(image)[:5] for image in images} == {"1": b"1.jpg", "2": b"1.jpg", "3": b"3.jpg"}


def test_hard_link_in_a_tar_that_brings_its_content_needs_no_target(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(_with_hard_link(tarfile.PAX_FORMAT, has_data=True, target="elsewhere/1.jpg"))
    images, read = find_images(tmp_path / "x.tar").images, open_images(tmp_path / "x.tar")
    assert [read(image) for image in images] == [name * 140 for name in (b"1.jpg", b"1.jpg", b"3.jpg")]


def test_hard_and_symbolic_links_in_a_tar_are_what_they_link_to(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(_linked())
    listing = find_images(tmp_path / "x.tar")
    read = open_images(tmp_path / "x.tar")
    assert {image.image_id: read(image) for image in listing.images} == dict.fromkeys(
        ["a/0", "a/1", "a/2", "b/3"], b"photo"
    )
    assert listing.left_out == (
        LeftOut("link to no file", 2, ("x.tar/b/4.jpg", "x.tar/b/5.jpg")),
        LeftOut(Fault.SEARCHED, 1, ("x.tar/c/",)),
    )


@pytest.mark.parametrize(
    ("members", "unpacked", "left_out"),
    [
        ([("a", "cat"), ("b", "-> a"), ("b", "dog")], {"a": "cat", "b": "dog"}, ("replaced", 1)),
        ([("a", "cat"), ("b", "= a"), ("./b", "dog")], {"a": "cat", "./b": "dog"}, ("replaced", 1)),
        ([("b", "dog"), ("a", "cat"), ("b", "-> a")], {"a": "cat", "b": "cat"}, ("replaced", 1)),
        ([("a", "cat"), ("b", "= a"), ("a", "dog")], {"a": "dog", "b": "cat"}, ("replaced", 1)),
        ([("a", "cat"), ("b", "= a"), ("a", "dog"), ("b", "= a")], {"a": "dog", "b": "dog"}, ("replaced", 2)),
        ([("a", "cat"), ("b", "-> a"), ("a", "dog")], {"a": "dog", "b": "dog"}, ("replaced", 1)),
        ([("a", "cat"), ("b", "= a"), ("a", "dog"), ("c", "-> b")], {"a": "dog", "b": "cat", "c": "cat"}, ("repl", 1)),
        ([("a", "cat"), ("b", "-> a"), ("c", "= b"), ("b", "dog")], {"a": "cat", "b": "dog", "c": "cat"}, ("repl", 1)),
        ([("b", "= a"), ("a", "cat")], {"a": "cat"}, ("link to no file", 1)),
    ],
)
def test_links_in_a_tar_that_was_appended_to_are_what_unpacking_it_leaves(
    tmp_path: Path, members: list[tuple[str, str]], unpacked: dict[str, str], left_out: tuple[str, int]
) -> None:
    for name, content in members:
        with tarfile.open(tmp_path / "x.tar", "a") as writer:
            member = tarfile.TarInfo(f"{name}.jpg")
            mark, _, target = content.partition(" ")
            if target:
                member.type = tarfile.SYMTYPE if mark == "->" else tarfile.LNKTYPE
                member.linkname = f"{target}.jpg"
            else:
                member.size = len(content)
            writer.addfile(member, io.BytesIO(content.encode()))
    listing, read = find_images(tmp_path / "x.tar"), open_images(tmp_path / "x.tar")
    assert {image.image_id: read(image).decode() for image in listing.images} == unpacked
    ((reason, count),) = [(left.reason, left.count) for left in listing.left_out]
    assert (reason.startswith(left_out[0]), count) == (True, left_out[1])


@pytest.mark.parametrize(
    ("members", "ends"),
    [
        (["d -> e", "e/1.jpg", "d/", "d/1.jpg", "x.jpg -> d/1.jpg"], {"x.jpg": "d/1.jpg"}),
        (["d -> e", "l -> d", "x.jpg -> l/1.jpg", "e/1.jpg", "d/", "d/1.jpg"], {"x.jpg": "d/1.jpg"}),
        (["d -> e", "e/", "d/1.jpg", "x.jpg -> d/1.jpg", "y.jpg -> x.jpg"], {"x.jpg": "d/1.jpg", "y.jpg": "d/1.jpg"}),
        (["d -> e", "h = d", "d/", "e/1.jpg", "x.jpg -> h/1.jpg"], {"x.jpg": "e/1.jpg"}),
        (
            ["/d/1.jpg", "/x/4.jpg -> ../../d/1.jpg", "/y.jpg -> ../x/4.jpg"],
            {"/x/4.jpg": "/d/1.jpg", "/y.jpg": "/d/1.jpg"},
        ),
        (["1.jpg", "d -> e", "d/b.jpg -> ../a.jpg", "a.jpg -> d/b.jpg"], {}),
    ],
)
def test_links_in_a_tar_lead_to_what_lies_there_once_all_is_unpacked(
    tmp_path: Path, members: list[str], ends: dict[str, str]
) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as writer:
        for text in members:
            name, mark, target = text.partition(" -> ") if " -> " in text else text.partition(" = ")
            member = tarfile.TarInfo(name)
            if mark:
                member.type, member.linkname = tarfile.SYMTYPE if mark == " -> " else tarfile.LNKTYPE, target
            elif name.endswith("/"):
                member.type = tarfile.DIRTYPE
            else:
                member.size = len(name)
            writer.addfile(member, io.BytesIO(name.encode()))
    read = open_images(tmp_path / "x.tar")
    contents = {image.path: read(image).decode() for image in find_images(tmp_path / "x.tar").images}
    files = {f"x.tar/{name}": name for name in members if name.endswith(".jpg") and " " not in name}
    assert contents == files | {f"x.tar/{name}": end for name, end in ends.items()}


@pytest.mark.parametrize("padding", [0, 20 * 512])
@pytest.mark.parametrize("at_once", [1, 2, 1000])
def test_tars_written_one_behind_the_other_are_all_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, padding: int, at_once: int
) -> None:
    monkeypatch.setattr(tar_headers, "_HEADERS_AT_ONCE", at_once)
    parts = [_tar("1.jpg", "2.jpg", "x" * 150 + ".jpg"), _tar("ünï.jpg"), _tar("4.jpg", "5.jpg")]
    (tmp_path / "x.tar").write_bytes(bytes(padding).join(parts))
    images = find_images(tmp_path / "x.tar").images
    read = open_images(tmp_path / "x.tar")
    names = ["1.jpg", "2.jpg", "4.jpg", "5.jpg", "ünï.jpg", "x" * 150 + ".jpg"]
    assert sorted(image.path.removeprefix("x.tar/") for image in images) == sorted(names)
    assert all(read(image) == image.path.removeprefix("x.tar/").encode() * 50 for image in images)


def test_tar_without_its_closing_zeros_is_listed_and_said_to_be_cut_off_perhaps(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(_tar("1.jpg", "2.jpg", "3.jpg")[: 2 * 1024])
    listing = find_images(tmp_path / "x.tar")
    assert [image.image_id for image in listing.images] == ["1", "2"]
    assert listing.left_out == (LeftOut(Reason.NO_END, 1, ("x.tar",)),)


@pytest.mark.parametrize("num_zeros", [512, 1024, 1024 + 7])
def test_tar_with_few_zeros_at_its_end_is_whole(tmp_path: Path, num_zeros: int) -> None:
    (tmp_path / "x.tar").write_bytes(_tar("1.jpg")[: 1024 + num_zeros])
    assert find_images(tmp_path / "x.tar").left_out == ()


@pytest.mark.parametrize("name", ["s-{0..2}.tar", "s-{0..2}.tar.gz", ""])
@pytest.mark.parametrize("num_zeros", [0, 1, 512, 1023])
def test_shard_without_members_and_without_an_end_is_said_to_be_cut_off_perhaps(
    tmp_path: Path, name: str, num_zeros: int
) -> None:
    """As of a copy that was broken off before its first byte."""
    suffix = ".tar.gz" if name.endswith(".gz") else ".tar"
    for number in (0, 2):
        (tmp_path / f"s-{number}{suffix}").write_bytes(_tar(f"{number}.jpg"))
    (tmp_path / f"s-1{suffix}").write_bytes(bytes(num_zeros))
    listing = find_images(tmp_path / name)
    assert len(listing.images) == 2
    assert listing.left_out == (LeftOut(Reason.NO_END, 1, (f"s-1{suffix}",)),)


@pytest.mark.parametrize("num_zeros", [1024, 10240])
def test_tar_that_was_made_without_members_is_whole(tmp_path: Path, num_zeros: int) -> None:
    (tmp_path / "s-0.tar").write_bytes(_tar("0.jpg"))
    (tmp_path / "s-1.tar").write_bytes(bytes(num_zeros))
    assert find_images(tmp_path).left_out == ()


_PHOTO = 1024  # bytes of each member of `_tar`, its header included
_TEN = _tar(*(f"{number}.jpg" for number in range(10)))[: 10 * _PHOTO]


def _ended(content: bytes, record: int) -> bytes:
    """An archive as `tar -b` ends it, by two blocks of zeros, and more up to the end of a record of so many blocks."""
    content += bytes(1024)
    return content + bytes(-len(content) % (record * 512))


@pytest.mark.parametrize(
    "content",
    [
        _ended(_TEN[: 2 * _PHOTO] + bytes(3 * _PHOTO) + _TEN[5 * _PHOTO :], 20),
        _ended(_TEN[: 3 * _PHOTO] + bytes(3 * _PHOTO) + _TEN[6 * _PHOTO :], 20),
        _TEN[: 6 * _PHOTO] + bytes(len(_ended(_TEN, 20)) - 6 * _PHOTO),
        _TEN[: 6 * _PHOTO] + bytes(5 * 2**20),
        _ended(bytes(3 * _PHOTO) + _TEN[3 * _PHOTO :], 20),
        _ended(_TEN[: 2 * _PHOTO] + bytes(3 * _PHOTO) + _TEN[5 * _PHOTO :], 1) + _ended(_TEN, 20),
    ],
    ids=["middle", "later", "end", "long end", "beginning", "middle of the first of two"],
)
def test_tar_with_zeros_where_photos_may_have_been_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.tar").write_bytes(content)
    listing = find_images(tmp_path / "x.tar")
    assert LeftOut(Reason.HOLE, 1, ("x.tar",)) in listing.left_out


@pytest.mark.parametrize("record", [1, 2, 7, 8, 20, 40, 64, 126, 2048])
@pytest.mark.parametrize("other", [1, 20, 512])
@pytest.mark.parametrize("num_photos", [1, 9])
def test_zeros_at_the_ends_of_archives_of_all_kinds_of_records_are_no_hole(
    tmp_path: Path, record: int, other: int, num_photos: int
) -> None:
    first, behind = _TEN[: num_photos * _PHOTO], _TEN[num_photos * _PHOTO :]
    usual = [] if record in (7, 40) else [_ended(first, record), _ended(first, record) + _ended(behind, other)]
    for content in (*usual, _ended(first, record) + _ended(behind, record) + _ended(_TEN, record)):
        (tmp_path / "x.tar").write_bytes(content)
        assert not [left for left in find_images(tmp_path / "x.tar").left_out if left.reason == Reason.HOLE]


def test_what_follows_the_end_of_a_tar_and_is_no_tar_is_refused(tmp_path: Path) -> None:
    content = _tar("1.jpg")
    (tmp_path / "x.tar").write_bytes(content + b"more" * 300)
    with pytest.raises(ImagesError, match=f"the header at byte {len(content)} is none"):
        find_images(tmp_path / "x.tar")


def test_member_that_was_appended_again_replaces_the_earlier_and_that_is_told(tmp_path: Path) -> None:
    writes: tuple[tuple[Literal["w", "a"], bytes], ...] = (("w", b"old"), ("a", b"newer"))
    for mode, content in writes:
        with tarfile.open(tmp_path / "x.tar", mode) as writer:
            member = tarfile.TarInfo("1.jpg")
            member.size = len(content)
            writer.addfile(member, io.BytesIO(content))
    listing = find_images(tmp_path / "x.tar")
    assert [open_images(tmp_path / "x.tar")(image) for image in listing.images] == [b"newer"]
    assert listing.left_out == (LeftOut("replaced by a later file of its name", 1, ("x.tar/1.jpg",)),)


@pytest.mark.parametrize(
    ("names", "paths"),
    [
        (["./1.jpg", "./2.jpg", "1.jpg"], ["./1.jpg", "./2.jpg"]),
        (["1.jpg", "2.jpg", "./1.jpg"], ["1.jpg", "2.jpg"]),
        ([".", "./caf\udce9.jpg", "caf\udce9.jpg"], [r"./caf\xe9.jpg"]),
    ],
)
def test_member_that_was_appended_with_or_without_its_leading_dot_replaces_the_earlier(
    tmp_path: Path, names: list[str], paths: list[str]
) -> None:
    """`tar -cf x.tar .`, and later `tar -rf x.tar 1.jpg`."""
    with tarfile.open(tmp_path / "x.tar", "w") as writer:
        for number, name in enumerate(names):
            member = tarfile.TarInfo(name)
            member.type, member.size = (tarfile.DIRTYPE, 0) if name == "." else (tarfile.REGTYPE, 1)
            writer.addfile(member, io.BytesIO(str(number).encode()))
    listing = find_images(tmp_path / "x.tar")
    assert [image.path for image in listing.images] == [f"x.tar/{path}" for path in paths]
    assert open_images(tmp_path / "x.tar")(listing.images[0]) == b"2"
    assert listing.left_out == (LeftOut("replaced by a later file of its name", 1, (f"x.tar/{paths[0]}",)),)


@pytest.mark.parametrize(
    ("names", "paths"),
    [
        (["./", "x/1.jpg", "x/2.jpg"], ["x/1.jpg", "x/2.jpg"]),
        (["./README.txt", "x/1.jpg"], ["x/1.jpg"]),
        (["x/1.jpg", "./x/2.jpg"], ["./x/2.jpg", "x/1.jpg"]),
    ],
)
def test_members_keep_the_paths_that_their_headers_have(tmp_path: Path, names: list[str], paths: list[str]) -> None:
    """An earlier run has them so."""
    with tarfile.open(tmp_path / "x.tar", "w") as writer:
        for name in names:
            member = tarfile.TarInfo(name)
            member.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            writer.addfile(member)
    assert [image.path for image in find_images(tmp_path / "x.tar").images] == [f"x.tar/{path}" for path in paths]


_COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


@pytest.mark.parametrize(
    ("name", "kind"), [("x.tar.gz", "gz"), ("x.tgz", "gz"), ("x.tar", "gz"), ("x.TAR.BZ2", "bz2"), ("x.txz", "xz")]
)
@pytest.mark.parametrize("is_folder", [False, True])
def test_compressed_tar_is_decompressed_once_and_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: str, is_folder: bool
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    (tmp_path / "wds").mkdir()
    (tmp_path / "wds" / name).write_bytes(_COMPRESSIONS[kind](_tar("2.jpg", "10.jpg", "notes.txt")))
    location = tmp_path / "wds" / ("" if is_folder else name)
    images = find_images(location).images
    assert [image.path for image in images] == [f"{name}/2.jpg", f"{name}/10.jpg"]
    read = open_images(location)
    assert [read(image) for image in images] == [b"2.jpg" * 50, b"10.jpg" * 50]
    assert len(list((tmp_path / "home").rglob(name))) == 1


def test_compressed_tar_in_a_bucket_is_read(tmp_path: Path, bucket: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    (bucket / "x.tar").write_bytes(gzip.compress(_tar("1.jpg")))
    (image,) = find_images(bucket / "x.tar").images
    assert open_images(bucket / "x.tar")(image) == b"1.jpg" * 50


@pytest.mark.parametrize("at", range(1, 6))
def test_compressed_tar_that_is_another_for_a_moment_is_not_kept_as_what_it_was_before(
    tmp_path: Path, bucket: Url, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    archive, look, num_looks = bucket / "x.tar.gz", Url.look, 0
    archive.write_bytes(gzip.compress(_tar("1.jpg", "2.jpg"), mtime=0))
    images = list(find_images(archive).images)
    shutil.rmtree(tmp_path / "home")

    def look_at_another(url: Url) -> Mapping[str, Any]:
        nonlocal num_looks
        num_looks += 1
        names = ("2.jpg", "1.jpg") if num_looks == at else ("1.jpg", "2.jpg")
        archive.write_bytes(gzip.compress(_tar(*names), mtime=0))
        return look(url)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Url, "look", look_at_another)
        try:
            assert open_images(archive)(images[0]) == b"1.jpg" * 50
        except ImageError as error:
            assert isinstance(error.__cause__, ChangedError)
    archive.write_bytes(gzip.compress(_tar("1.jpg", "2.jpg"), mtime=0))
    assert [open_images(archive)(image) for image in images] == [b"1.jpg" * 50, b"2.jpg" * 50]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (gzip.compress(_tar("1.jpg"))[:-20], "is damaged gzip"),
        (gzip.compress(b"id,label\n1,cat\n" * 100), "compressed by gzip; it holds none"),
        (bz2.compress(_tar("1.jpg"))[:-20], "is damaged bzip2"),
    ],
    ids=["damaged gzip", "text", "damaged bzip2"],
)
def test_compressed_file_that_is_damaged_or_no_tar_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, reason: str
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    (tmp_path / "x.tar.gz").write_bytes(content)
    with pytest.raises(ImagesError, match=reason):
        find_images(tmp_path / "x.tar.gz")
    assert not list((tmp_path / "home").rglob("x.tar.gz"))


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
@pytest.mark.parametrize("between", [0, 4, 1 << 20], ids=["none", "a word", "as much as is read at once"])
def test_compressed_tars_one_behind_the_other_are_all_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, between: int
) -> None:
    """By zeros between its streams a file of xz is padded; gzip's and bzip2's have them from tapes."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    pack = _COMPRESSIONS[kind]
    content = pack(_tar("1.jpg")) + bytes(between) + pack(_tar("2.jpg")) + bytes(between)
    (tmp_path / "x.tar").write_bytes(content)
    images = find_images(tmp_path / "x.tar").images
    assert [image.path for image in images] == ["x.tar/1.jpg", "x.tar/2.jpg"]
    assert open_images(tmp_path / "x.tar")(images[1]) == b"2.jpg" * 50


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
@pytest.mark.parametrize("before", [10240, 512, 3 << 20], ids=["an empty tar", "a block", "more than is read at once"])
@pytest.mark.parametrize("is_one_stream", [True, False])
def test_compressed_tar_that_begins_with_an_empty_one_is_read_as_it_is_without_compression(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, before: int, is_one_stream: bool
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    plain, pack = bytes(before) + _tar("1.jpg", "2.jpg"), _COMPRESSIONS[kind]
    (tmp_path / "plain.tar").write_bytes(plain)
    (tmp_path / "x.tar").write_bytes(pack(plain) if is_one_stream else pack(plain[:before]) + pack(plain[before:]))
    for name in ("plain.tar", "x.tar"):
        images = find_images(tmp_path / name).images
        assert [image.image_id for image in images] == ["1", "2"]
        assert open_images(tmp_path / name)(images[1]) == b"2.jpg" * 50


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
def test_compressed_tar_of_nothing_but_zeros_holds_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    (tmp_path / "x.tar").write_bytes(_COMPRESSIONS[kind](bytes(10240)))
    with pytest.raises(ImagesError, match="it holds none"):
        find_images(tmp_path / "x.tar")


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
@pytest.mark.parametrize("behind", [b"\n", b"\r\n", b"\0\0\n"])
def test_newline_behind_a_compressed_tar_is_none_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, behind: bytes
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    (tmp_path / "x.tar").write_bytes(_COMPRESSIONS[kind](_tar("1.jpg")) + behind)
    assert len(find_images(tmp_path / "x.tar").images) == 1


def test_gzip_that_unpacks_to_far_more_than_it_has_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as writer:
        member = tarfile.TarInfo("1.jpg")
        member.size = 20 << 20
        writer.addfile(member, io.BytesIO(bytes(member.size)))
    (image,) = find_images(tmp_path / "x.tar.gz").images
    assert open_images(tmp_path / "x.tar.gz")(image) == bytes(20 << 20)


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
@pytest.mark.parametrize("at", [0, 4, -8])
def test_damage_in_a_later_stream_of_a_compressed_tar_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, at: int
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    second = bytearray(_COMPRESSIONS[kind](_tar("2.jpg")))
    second[at] ^= 2 if at else 1
    (tmp_path / "x.tar").write_bytes(_COMPRESSIONS[kind](_tar("1.jpg")) + second)
    if kind == "gz" and at == 4:  # its time
        assert len(find_images(tmp_path / "x.tar").images) == 2
        return
    with pytest.raises(ImagesError, match=r"is damaged (gzip|bzip2|xz): "):
        find_images(tmp_path / "x.tar")


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
@pytest.mark.parametrize(
    ("behind", "told"),
    [
        (b"junk", "something else stands behind its streams: b'junk'"),
        (b"\0\0\0\0junk", "something else stands behind its streams: b'junk'"),
        (b"\x1a", r"something else stands behind its streams: b'\\x1a'"),
        (None, "it ends within a stream"),
    ],
    ids=["junk", "zeros and junk", "end of text", "half a stream"],
)
def test_what_stands_behind_a_compressed_tar_and_is_no_stream_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, behind: bytes | None, told: str
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    content = _COMPRESSIONS[kind](_tar("1.jpg"))
    (tmp_path / "x.tar").write_bytes(content + (content[: len(content) // 2] if behind is None else behind))
    with pytest.raises(ImagesError, match=rf"is damaged (gzip|bzip2|xz): {told}\.$"):
        find_images(tmp_path / "x.tar")


def test_tar_in_a_folder_that_is_named_as_a_tar_is_read(tmp_path: Path) -> None:
    (tmp_path / "all" / "deep.tar").mkdir(parents=True)
    (tmp_path / "all" / "deep.tar" / "x.tar").write_bytes(_tar("1.jpg"))
    (image,) = find_images(tmp_path / "all").images
    assert open_images(tmp_path / "all")(image) == b"1.jpg" * 50


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (b"PK\3\4", r"zip\. Name it by itself"),
        (b"\x28\xb5\x2f\xfd", r"Zstandard\. Unpack it first"),
        (b"7z\xbc\xaf\x27\x1c", r"7-Zip\. Unpack it first"),
    ],
)
def test_what_is_called_a_tar_in_a_folder_is_refused_by_what_it_is(tmp_path: Path, head: bytes, told: str) -> None:
    (tmp_path / "1.tar").write_bytes(_tar("1.jpg"))
    (tmp_path / "2.tar").write_bytes(head + b"x" * 600)
    with pytest.raises(ImagesError, match=rf"Expected a tar; .*2\.tar is a file of kind {told}\.$"):
        find_images(tmp_path)


def test_tar_that_changed_since_it_was_listed_is_an_image_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.tar").write_bytes(_tar("1.jpg"))
    (image,) = find_images(tmp_path / "x.tar").images
    (tmp_path / "x.tar").write_bytes(_tar("1.jpg")[:600])
    with pytest.raises(ImageError, match="cannot read from tar: it has changed since it was listed"):
        open_images(tmp_path / "x.tar")(image)
    with pytest.raises(ImageError, match="it ends 162 bytes early"):
        open_images(tmp_path / "x.tar")(replace(image, stamp=None))  # as earlier manifests have it
    (tmp_path / "x.tar").unlink()
    with pytest.raises(UnreachableError, match=r"x\.tar: out of reach since its images were listed: No such file"):
        open_images(tmp_path / "x.tar")(image)
    monkeypatch.setattr(encoded_images, "MAX_IMAGE_BYTES", 100)
    with pytest.raises(ImageError, match="larger than"):
        open_images(tmp_path / "x.tar")(image)


def test_missing_tar_of_a_range_is_named(tmp_path: Path) -> None:
    (tmp_path / "x-0.tar").write_bytes(_tar("1.jpg"))
    with pytest.raises(ImagesError, match=r"x-1\.tar does not exist"):
        find_images(tmp_path / "x-{0..2}.tar")
    with pytest.raises(ImagesError, match=r"received \{5\.\.2\}"):
        find_images(tmp_path / "x-{5..2}.tar")


def test_name_in_a_tar_that_is_not_utf8_is_listed_and_read(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    (tmp_path / "x.tar").write_bytes(_tar(name))
    (image,) = find_images(tmp_path / "x.tar").images
    assert image.path == r"x.tar/caf\xe9.jpg"
    assert open_images(tmp_path / "x.tar")(image) == b"caf\xe9.jpg" * 50


@pytest.mark.parametrize("where", ["disk", "bucket"])
def test_tar_that_is_replaced_between_two_reads_makes_errors_and_no_other_rows(
    tmp_path: Path, request: pytest.FixtureRequest, where: str
) -> None:
    place: Location = tmp_path if where == "disk" else request.getfixturevalue("bucket")
    archive = place / "x.tar"
    archive.write_bytes(_tar("1.jpg", "2.jpg"))
    (first, second), read = find_images(archive).images, open_images(archive)
    assert read(first) == b"1.jpg" * 50
    archive.write_bytes(_tar("2.jpg", "1.jpg"))
    with pytest.raises(ImageError, match="cannot read from tar: it has changed since it was listed"):
        read(second)


@pytest.mark.parametrize("lies_here", [True, False])
def test_tar_that_was_listed_where_it_lies_is_read_over_a_network_and_the_other_way_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lies_here: bool
) -> None:
    """On NFS a file's number does not count; the head that lends its disk to the workers counts it."""
    (tmp_path / "x.tar").write_bytes(_tar("1.jpg", "2.jpg"))
    monkeypatch.setattr(stamps, "_keeps_inodes", lambda device: lies_here)
    images = find_images(tmp_path / "x.tar").images
    monkeypatch.setattr(stamps, "_keeps_inodes", lambda device: not lies_here)
    read = open_images(tmp_path / "x.tar")
    assert [read(image) for image in images] == [b"1.jpg" * 50, b"2.jpg" * 50]


def test_name_of_a_tar_is_no_range_where_the_tar_is_there(tmp_path: Path) -> None:
    for name in ("x-0.tar", "x-{0..1}.tar"):
        (tmp_path / name).write_bytes(_tar(f"{name}.jpg"))
    (image,) = find_images(tmp_path / "x-{0..1}.tar").images
    assert open_images(tmp_path / "x-{0..1}.tar")(image) == b"x-{0..1}.tar.jpg" * 50


def test_sparse_member_is_left_out_by_what_it_is(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "photos.tar", "w", format=tarfile.PAX_FORMAT) as writer:
        for name in ("holes.jpg", "whole.jpg"):
            member = tarfile.TarInfo(name)
            member.size = 512
            if name == "holes.jpg":
                member.pax_headers = {"GNU.sparse.map": "0,256,1024,256", "GNU.sparse.size": "1280"}
            writer.addfile(member, io.BytesIO(bytes(512)))
    listing = find_images(tmp_path / "photos.tar")
    assert [image.image_id for image in listing.images] == ["whole"]
    [left_out] = listing.left_out
    assert left_out == LeftOut("sparse in its tar, which is not read in place", 1, ("photos.tar/holes.jpg",))


def _with_times(name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"", magic: bytes = b"ustar  \0") -> bytes:
    """A member as GNU tar writes it with `--listed-incremental`: with the times of access and change in its header."""
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, len(content)
    *before, header = _blocks(member.tobuf(tarfile.GNU_FORMAT))
    raw = bytearray(header)
    raw[257:265], raw[345:369] = magic, b"13727410000\0" + b"13727421610\0"
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw)
    return b"".join([*before, bytes(raw), content, bytes(-len(content) % 512)])


def _blocks(content: bytes) -> list[bytes]:
    return [content[start : start + 512] for start in range(0, len(content), 512)]


@pytest.mark.parametrize("magic", [b"ustar  \0", bytes(8)])
def test_times_in_headers_of_incremental_archives_are_no_folder(tmp_path: Path, magic: bytes) -> None:
    names = ["1.png", "cat/2.png", "cat/" + "x" * 120 + ".png"]
    members = [_with_times("cat/", b"D", b"Y2.png\0\0", magic), *(_with_times(name, magic=magic) for name in names)]
    (tmp_path / "x.tar").write_bytes(b"".join(members) + bytes(1024))
    listing = find_images(tmp_path / "x.tar")
    assert ([image.path for image in listing.images], listing.left_out) == ([f"x.tar/{name}" for name in names], ())


def test_photo_of_a_later_incremental_archive_replaces_the_earlier_whenever_it_was_read(tmp_path: Path) -> None:
    later = _with_times("cat/1.png", content=b"new").replace(b"13727410000", b"13727410001")
    later = later.replace(later[148:156], b"%06o\0 " % (int(later[148:154], 8) + 1))
    (tmp_path / "x.tar").write_bytes(_with_times("cat/1.png", content=b"old") + later + bytes(1024))
    listing = find_images(tmp_path / "x.tar")
    assert [(image.path, open_images(tmp_path / "x.tar")(image)) for image in listing.images] == [
        ("x.tar/cat/1.png", b"new")
    ]
    assert listing.left_out == (LeftOut(Reason.REPLACED, 1, ("x.tar/cat/1.png",)),)


def test_symbolic_link_of_an_incremental_archive_leads_to_a_folder_that_it_lists(tmp_path: Path) -> None:
    link = tarfile.TarInfo("pets")
    link.type, link.linkname = tarfile.SYMTYPE, "cat"
    members = [_with_times("cat/", b"D", b"Y1.png\0\0"), _with_times("cat/1.png", content=b"1"), link.tobuf()]
    (tmp_path / "x.tar").write_bytes(b"".join(members) + bytes(1024))
    assert find_images(tmp_path / "x.tar").left_out == (LeftOut(Fault.SEARCHED, 1, ("x.tar/pets/",)),)


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_are_whole_in_every_format(tmp_path: Path, kind: int) -> None:
    names = ["1.jpg", f"{'f' * 90}/{'x' * 60}.jpg", f"{'f' * 90}/{'l' * 60}.jpg"]
    with tarfile.open(tmp_path / "x.tar", "w", format=kind) as writer:
        for name in names:
            member = tarfile.TarInfo(name)
            if name.endswith("l.jpg"):
                member.type, member.linkname = tarfile.LNKTYPE, names[0]
            writer.addfile(member)
    assert {image.path for image in find_images(tmp_path / "x.tar").images} == {f"x.tar/{name}" for name in names}


def _extension(kind: bytes, content: bytes) -> bytes:
    """A header, and behind it what it tells of the next member."""
    header = tarfile.TarInfo("x")
    header.type, header.size = kind, len(content)
    return header.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % tarfile.BLOCKSIZE)


@pytest.mark.parametrize("kind", [b"L", b"K", b"x", b"g", b"X"])
def test_header_of_more_than_any_name_is_refused_before_it_is_held(tmp_path: Path, kind: bytes) -> None:
    most = tar_headers._LONGEST_EXTENSION
    for size, is_first in itertools.product((most, 30 * most), (True, False)):
        content = b"long.jpg".ljust(size, b"\0") if kind in b"LK" else f"{size} comment=".encode().ljust(size, b"x")
        extension = _extension(kind, content)
        (tmp_path / "x.tar").write_bytes((b"" if is_first else _tar("1.jpg")[:1024]) + extension + _tar("2.jpg"))
        if size == most:
            assert find_images(tmp_path / "x.tar").images
            continue
        tracemalloc.start()
        try:
            with pytest.raises(ImagesError, match=r"x\.tar is damaged: a header of 31457280 bytes, where 1048576 are"):
                find_images(tmp_path / "x.tar")
            assert tracemalloc.get_traced_memory()[1] < 10 * most
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("kind", [b"L", b"x", b"g"])
def test_header_of_a_header_without_end_is_refused_in_one_line(tmp_path: Path, kind: bytes) -> None:
    (tmp_path / "x.tar").write_bytes(_extension(kind, b"12 path=a.b\n") * 2000 + _tar("1.jpg"))
    with pytest.raises(ImagesError, match=r"x\.tar is damaged: ") as refused:
        find_images(tmp_path / "x.tar")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_volume_of_a_tar_in_several_is_told_as_such(tmp_path: Path, kind: int) -> None:
    """As `tar -M` writes them: the first ends within a member, and the next begins with the rest of it."""
    (tmp_path / "1.tar").write_bytes(_tar("1.jpg")[:600])
    with tarfile.open(tmp_path / "2.tar", "w", format=kind) as writer:
        rest = tarfile.TarInfo("1.jpg")
        if kind == tarfile.GNU_FORMAT:
            rest.type = b"M"
        else:
            rest.pax_headers = {"GNU.volume.filename": "1.jpg"}
        writer.addfile(rest)
    with pytest.raises(ImagesError, match=r"1\.tar is damaged: .*\. If it is the first of several volumes, unpack all"):
        find_images(tmp_path)
    with pytest.raises(ImagesError, match=r"2\.tar is one of several volumes: unpack all of them at once"):
        find_images(tmp_path / "2.tar")


@pytest.mark.parametrize("ends", ["aa ab", "001 002", "part-aa part-ab", "aaa aab"])
def test_parts_that_split_made_of_a_tar_are_told_as_such(tmp_path: Path, ends: str) -> None:
    first, second = (f"x.tar.{end}" for end in ends.split())
    content = _tar("1.jpg", "2.jpg")
    (tmp_path / first).write_bytes(content[:1500])
    (tmp_path / second).write_bytes(content[1500:])
    for part in (first, second):
        with pytest.raises(ImagesError, match=r"It is a part of one: .*`cat x\.tar\.\* > x\.tar`\.$"):
            find_images(tmp_path / part)
    with pytest.raises(ImagesError, match="part of an archive, which `cat "):
        find_images(tmp_path)


@pytest.mark.parametrize("name", ["x-*.tar", "x-{0,2}.tar"])
def test_pattern_of_tars_is_refused_with_what_to_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ImagesError, match=r"exist\. Name their folder, or a range as x-\{000\.\.012\}\.tar\.$"):
        find_images(tmp_path / name)
