"""Twelve pictures in every kind of collection, all of the same size in bytes whatever they show."""

import gzip
import io
import os
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from scoring.storage.locations import Location, Url, locate

SHADES = tuple(number * 20 for number in range(1, 13))
Build = Callable[[Location, Sequence[int]], Location]


def picture(shade: int) -> bytes:
    """A grey picture; uncompressed, so that any other one is as large."""
    content = io.BytesIO()
    Image.new("RGB", (8, 6), (shade,) * 3).save(content, "BMP")
    return content.getvalue()


def _pictures(shades: Sequence[int]) -> dict[str, bytes]:
    return {f"{number}.bmp": picture(shade) for number, shade in enumerate(shades, 1)}


def folder(place: Location, shades: Sequence[int]) -> Location:
    """A file for each; only those that change are written."""
    photos = place / "photos"
    photos.mkdir(parents=True, exist_ok=True)
    for name, content in _pictures(shades).items():
        if not (photos / name).is_file() or (photos / name).read_bytes() != content:
            (photos / name).write_bytes(content)
    return photos


def folder_with_old_times(place: Path, shades: Sequence[int]) -> Location:
    """A file for each; one that changes is another file of the same time."""
    photos = place / "photos"
    photos.mkdir(exist_ok=True)
    for name, content in _pictures(shades).items():
        if not (photos / name).is_file() or (photos / name).read_bytes() != content:
            (place / name).write_bytes(content)
            os.utime(place / name, ns=(10**18, 10**18))
            (place / name).replace(photos / name)
    return photos


def folder_of_links(place: Path, shades: Sequence[int]) -> Location:
    """A linked folder of links to files; one that changes is a link to another file."""
    (place / "links").mkdir(exist_ok=True)
    for number, shade in enumerate(shades, 1):
        shown = place / "shades" / f"{shade}.bmp"
        shown.parent.mkdir(exist_ok=True)
        if not shown.is_file():
            shown.write_bytes(picture(shade))
        link = place / "links" / f"{number}.bmp"
        link.unlink(missing_ok=True)
        link.symlink_to(shown)
    if not (place / "photos").is_symlink():
        (place / "photos").symlink_to(place / "links")
    return place / "photos"


def _zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for name, member in members.items():
            archive.writestr(zipfile.ZipInfo(name), member, compression)
    return content.getvalue()


def _tar(members: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name, member in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(member)
            archive.addfile(header, io.BytesIO(member))
    return content.getvalue()


def _written(path: Location, content: bytes) -> Location:
    path.write_bytes(content)
    return path


def zip_file(place: Location, shades: Sequence[int]) -> Location:
    """A zip."""
    return _written(place / "photos.zip", _zipped(_pictures(shades)))


def zip_in_zip(place: Location, shades: Sequence[int]) -> Location:
    """A zip within a zip, compressed there, so that it is unpacked into the cache."""
    inner = {"photos.zip": _zipped(_pictures(shades)), "readme.txt": b"photos"}
    return _written(place / "bundle.zip", _zipped(inner, zipfile.ZIP_DEFLATED)) / "photos.zip"


def tar_file(place: Location, shades: Sequence[int]) -> Location:
    """A tar."""
    return _written(place / "photos.tar", _tar(_pictures(shades)))


def compressed_tar(place: Location, shades: Sequence[int]) -> Location:
    """A compressed tar."""
    return _written(place / "photos.tar.gz", gzip.compress(_tar(_pictures(shades)), mtime=0))


def tar_in_zip(place: Location, shades: Sequence[int]) -> Location:
    """A tar stored in a zip."""
    return _written(place / "bundle.zip", _zipped({"photos.tar": _tar(_pictures(shades))}))


def compressed_tar_in_zip(place: Location, shades: Sequence[int]) -> Location:
    """A tar compressed in a zip, so that it is unpacked into the cache."""
    return _written(place / "bundle.zip", _zipped({"photos.tar": _tar(_pictures(shades))}, zipfile.ZIP_DEFLATED))


def folder_of_tars(place: Location, shades: Sequence[int]) -> Location:
    """Two tars in a folder; only the one that changes is written."""
    photos = place / "tars"
    photos.mkdir(parents=True, exist_ok=True)
    members = list(_pictures(shades).items())
    for name, part in (("a.tar", members[:5]), ("b.tar", members[5:])):
        content = _tar(dict(part))
        if not (photos / name).is_file() or (photos / name).read_bytes() != content:
            (photos / name).write_bytes(content)
    return photos


def table_of_bytes(place: Location, shades: Sequence[int]) -> Location:
    """A table that holds them in its column `image`."""
    rows = pa.table({"image": list(_pictures(shades).values())})
    content = io.BytesIO()
    pq.write_table(rows, content, row_group_size=4)
    return _written(place / "photos.parquet", content.getvalue())


def inventory(place: Location, shades: Sequence[int]) -> Location:
    """A table of S3 Inventory of a folder in a bucket."""
    photos = folder(place, shades)
    assert isinstance(photos, Url)
    names = list(_pictures(shades))
    tags = [photos.__truediv__(name).size_and_version()[1]["e_tag"].strip('"') for name in names]
    keys = [f"{photos.key}/{name}" for name in names]
    rows = pa.table({"bucket": [photos.bucket] * len(names), "key": keys, "e_tag": tags})
    content = io.BytesIO()
    pq.write_table(rows, content)
    return _written(locate(f"{place}/inventory.parquet"), content.getvalue())
