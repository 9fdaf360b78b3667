import base64
import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scoring.errors import ImagesError
from scoring.pixels.decoding import Resize
from scoring.pixels.input_shape import InputShape
from scoring.report import thumbnails
from scoring.report.thumbnails import THUMBNAIL_SIZE, draw_thumbnails
from scoring.sources.entries import ImageEntry


def _entry(path: str, raw_path: bytes | None = None) -> ImageEntry:
    return ImageEntry(path.rsplit(".", 1)[0], path, 0, raw_path)


def _open(uri: str) -> Image.Image:
    head, data = uri.split(",")
    assert head == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_a_thumbnail_is_the_picture_made_small(photos: Path) -> None:
    drawn = draw_thumbnails(photos, [_entry("3.png")], Resize.SQUASH).uris
    picture = _open(drawn[_entry("3.png")])
    assert picture.size == (THUMBNAIL_SIZE, THUMBNAIL_SIZE)
    assert picture.convert("L").getpixel((70, 70)) == pytest.approx(60, abs=3)


def test_a_thumbnail_has_the_proportions_and_channels_that_the_network_took(tmp_path: Path) -> None:
    """Of a picture that is red on the left and blue on the right: all of it squashed, or its middle."""
    photo = Image.new("RGB", (400, 100), "red")
    photo.paste("blue", (200, 0, 400, 100))
    photo.paste("white", (0, 0, 50, 100))
    photo.save(tmp_path / "wide.png")
    drawn = {
        (resize, shape): _open(
            draw_thumbnails(tmp_path, [_entry("wide.png")], resize, shape=shape).uris[_entry("wide.png")]
        )
        for resize in Resize
        for shape in (InputShape(96, 128), InputShape(128, 96), InputShape(96, 128, 1))
    }
    assert {shape.size: picture.size for (_, shape), picture in drawn.items()} == {
        (96, 128): (144, 108),
        (128, 96): (108, 144),
    }
    squashed, cut = (drawn[resize, InputShape(96, 128)].convert("RGB") for resize in Resize)
    assert squashed.getpixel((5, 50)) == pytest.approx((255, 255, 255), abs=20)
    assert cut.getpixel((5, 50)) == pytest.approx((255, 0, 0), abs=20)
    grey = drawn[Resize.SQUASH, InputShape(96, 128, 1)].convert("HSV")
    assert np.asarray(grey.getchannel("S")).max() <= 10


def test_what_cannot_be_shown_is_left_out_and_the_rest_is_drawn(photos: Path) -> None:
    (photos / "broken.png").write_bytes(b"no picture")
    Image.new("1", (10_000, 10_000)).save(photos / "bomb.png")
    wanted = [_entry(name) for name in ("broken.png", "gone.png", "bomb.png", "1.png")]
    drawn = draw_thumbnails(photos, wanted, Resize.CROP)
    assert (drawn.num_changed, drawn.num_lost) == (0, 3)
    assert list(drawn.uris) == [_entry("1.png")]


def test_whatever_reading_one_picture_raises_costs_that_picture(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(image: ImageEntry) -> bytes:
        if image.path == "2.png":
            raise RecursionError
        return (photos / image.path).read_bytes()

    monkeypatch.setattr(thumbnails, "open_as_listed", lambda *_: read)
    drawn = draw_thumbnails(photos, [_entry("2.png"), _entry("1.png")], Resize.SQUASH)
    assert list(drawn.uris) == [_entry("1.png")]


def test_pictures_come_from_a_zip_as_well(photos: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.write(photos / "1.png", "test/1.png")
    assert draw_thumbnails(tmp_path / "photos.zip", [_entry("test/1.png")], Resize.SQUASH).uris


def test_a_name_that_is_not_utf8_is_found_by_its_bytes(photos: Path) -> None:
    raw = b"odd\xff.png"
    (photos / "1.png").rename(photos / os.fsdecode(raw))
    assert draw_thumbnails(photos, [_entry("odd\\xff.png", raw)], Resize.SQUASH).uris


@pytest.mark.parametrize("name", ["nowhere", "fake.zip"])
def test_a_collection_that_is_gone_is_said_to_be(tmp_path: Path, name: str) -> None:
    (tmp_path / "fake.zip").write_bytes(b"PK no zip")
    with pytest.raises(ImagesError):
        draw_thumbnails(tmp_path / name, [_entry("1.png")], Resize.SQUASH)
