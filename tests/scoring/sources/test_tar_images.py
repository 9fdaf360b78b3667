import io
import os
import tarfile
from pathlib import Path

import pytest

from scoring.errors import ImageError, ImagesError
from scoring.sources import entries
from scoring.sources.inputs import find_images, open_images
from scoring.storage.locations import Location, Url, locate


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
    read, requests = open_images(bucket / "shards"), []
    read_range = Url.read_range
    monkeypatch.setattr(Url, "read_range", lambda *span: requests.append(span) or read_range(*span))  # type: ignore[func-returns-value]
    assert read(local.images[3]) == b"10-2.jpg" * 50
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


def test_links_and_folders_in_a_tar_are_left_out(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as writer:
        writer.addfile(tarfile.TarInfo("1.jpg"))
        for name, kind in (("2.jpg", tarfile.SYMTYPE), ("3.jpg", tarfile.LNKTYPE), ("4.jpg", tarfile.DIRTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            writer.addfile(member)
    (image,) = find_images(tmp_path / "x.tar").images
    assert (image.path, open_images(tmp_path / "x.tar")(image)) == ("x.tar/1.jpg", b"")


def test_tar_that_changed_since_it_was_listed_is_an_image_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.tar").write_bytes(_tar("1.jpg"))
    (image,) = find_images(tmp_path / "x.tar").images
    (tmp_path / "x.tar").write_bytes(_tar("1.jpg")[:600])
    with pytest.raises(ImageError, match="it ends 162 bytes early"):
        open_images(tmp_path / "x.tar")(image)
    (tmp_path / "x.tar").unlink()
    with pytest.raises(ImageError, match="cannot read from tar: No such file"):
        open_images(tmp_path / "x.tar")(image)
    monkeypatch.setattr(entries, "MAX_IMAGE_BYTES", 100)
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
