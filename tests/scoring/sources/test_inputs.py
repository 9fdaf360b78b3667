import os
import zipfile
from pathlib import Path

import pytest

from scoring.errors import ImageError, ImagesError
from scoring.sources.entries import ImageEntry
from scoring.sources.inputs import find_images, open_images


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def _ids(location: Path) -> list[str]:
    return [image.image_id for image in find_images(location).images]


def test_ids_are_in_natural_order_so_2_comes_before_10(tmp_path: Path) -> None:
    _touch(tmp_path, "10.jpg", "2.jpg", "1.jpg")
    assert _ids(tmp_path) == ["1", "2", "10"]


def test_folders_are_searched_recursively_and_what_is_no_image_is_counted(tmp_path: Path) -> None:
    _touch(tmp_path, "cats/1.JPG", "dogs/deep/2.webp", "notes.txt", "cats/.hidden.jpg", "LICENSE")
    listing = find_images(tmp_path)
    assert [image.path for image in listing.images] == ["cats/1.JPG", "dogs/deep/2.webp"]
    assert listing.num_left_out == 3


def test_id_is_the_path_below_the_common_folder_without_suffix(tmp_path: Path) -> None:
    _touch(tmp_path, "test1/1.jpg", "test1/2.jpg")
    assert _ids(tmp_path) == ["1", "2"]
    _touch(tmp_path, "train/3.jpg")
    assert _ids(tmp_path) == ["test1/1", "test1/2", "train/3"]


def test_zip_of_absolute_and_relative_names_has_ids_all_the_same(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as writer:
        for name in ("/etc/1.jpg", "../2.jpg", "3.jpg"):
            writer.writestr(name, name)
    assert sorted(_ids(tmp_path / "photos.zip")) == ["../2", "/etc/1", "3"]


def test_ids_keep_their_suffix_where_two_would_be_the_same(tmp_path: Path) -> None:
    _touch(tmp_path, "1.jpg", "1.png", "2.jpg")
    assert _ids(tmp_path) == ["1.jpg", "1.png", "2.jpg"]


def test_zip_is_read_in_place_and_macos_metadata_is_left_out(tmp_path: Path) -> None:
    archive = tmp_path / "test1.zip"
    with zipfile.ZipFile(archive, "w") as writer:
        for name in ("test1/10.jpg", "test1/9.jpg", "__MACOSX/test1/._9.jpg", "test1/", "readme.txt"):
            writer.writestr(name, name)
    listing = find_images(archive)
    assert [image.image_id for image in listing.images] == ["9", "10"]
    assert listing.num_left_out == 2
    assert open_images(archive)(listing.images[0]) == b"test1/9.jpg"
    assert [path.name for path in tmp_path.iterdir()] == ["test1.zip"]


def test_folder_and_zip_of_the_same_photos_give_the_same_ids_and_sizes(tmp_path: Path) -> None:
    _touch(tmp_path / "folder", "test/1.jpg", "test/2.jpg")
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as writer:
        for name in ("test/1.jpg", "test/2.jpg"):
            writer.write(tmp_path / "folder" / name, name)
    assert find_images(tmp_path / "folder").images == find_images(tmp_path / "photos.zip").images


def test_symbolic_link_loop_ends(tmp_path: Path) -> None:
    _touch(tmp_path, "a/1.jpg")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert _ids(tmp_path) == ["1"]


def test_name_that_is_not_utf8_is_listed_and_can_be_read(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"coffee")
    _touch(tmp_path, "2.jpg")
    by_id = {image.image_id: image for image in find_images(tmp_path).images}
    image = by_id[r"caf\xe9"]
    assert open_images(tmp_path)(image) == b"coffee"


@pytest.mark.parametrize("name", ["new\nline.jpg", 'quo"te.jpg', "sp ace.jpg", "ünï.jpg", "$(x).jpg"])
def test_odd_names_are_ordinary_names(tmp_path: Path, name: str) -> None:
    _touch(tmp_path, name)
    (image,) = find_images(tmp_path).images
    assert open_images(tmp_path)(image) == name.encode()


def test_folder_without_images_is_refused(tmp_path: Path) -> None:
    _touch(tmp_path, "notes.txt")
    with pytest.raises(ImagesError, match="found none among 1 file:"):
        find_images(tmp_path)


def test_file_that_vanished_after_listing_is_an_image_error(tmp_path: Path) -> None:
    _touch(tmp_path, "1.jpg")
    with pytest.raises(ImageError, match="cannot read: No such file"):
        open_images(tmp_path)(ImageEntry("gone", "gone.jpg", 0))


def test_damaged_zip_entry_is_an_image_error(tmp_path: Path) -> None:
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("1.jpg", b"x" * 1000)
    content = bytearray(archive.read_bytes())
    content[500] ^= 0xFF
    archive.write_bytes(content)
    with pytest.raises(ImageError, match="Bad CRC"):
        open_images(archive)(ImageEntry("1", "1.jpg", 1000))
