"""Mutated files of every format in every kind of source, listed, read and decoded: rows, or one line."""

import io
import random
import resource
import tarfile
import time
import zipfile
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from scoring.errors import ImagesError
from scoring.pixels.decoding import Resize, decode
from scoring.shards.row_faults import row_fault
from scoring.sources.inputs import find_images, open_images
from scoring.sources.table_columns import NO_COLUMNS, TableColumns

_MODES = {
    "jpeg": ("RGB", "L", "CMYK"),
    "png": ("RGBA", "RGB", "P", "L", "1"),
    "gif": ("P", "L"),
    "bmp": ("RGB", "P", "L"),
    "webp": ("RGB", "RGBA"),
    "tiff": ("RGB", "CMYK", "L", "1"),
}
SOURCES = ("folder", "zip", "deflated zip", "tar", "tar.gz", "table", "compressed table")
FORMATS = tuple(_MODES)
_LONGEST_S = 10.0  # that one file may take, on a machine that is busy
_EXTREMES = (
    b"\xff\xff",
    b"\x00\x00",
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\xff",
    b"\x00\x00\x00\x00",
    b"\x80\x00\x00\x00",
)


@cache
def _encoded(kind: str, mode: str) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(buffer, kind)
    return buffer.getvalue()


def _mutate(original: bytes, chance: random.Random) -> bytes:
    """Some bytes changed, some made extreme, some repeated, the end cut off or junk put behind it."""
    content = bytearray(original)
    for _ in range(chance.randint(0, 8)):
        content[chance.randrange(len(content))] = chance.randrange(256)
    if chance.random() < 0.3:
        extreme = chance.choice(_EXTREMES)
        start = chance.randrange(len(content))
        content[start : start + len(extreme)] = extreme
    if chance.random() < 0.3:
        start = chance.randrange(len(content))
        content[start:start] = content[start : start + chance.randint(1, 64)] * chance.randint(1, 4)
    if chance.random() < 0.2:
        del content[chance.randint(1, len(content)) :]
    return bytes(content) + (chance.randbytes(chance.randint(1, 16)) if chance.random() < 0.1 else b"")


def _pack(source: str, kind: str, pictures: dict[str, bytes]) -> tuple[str, bytes]:
    """An archive or a table of pictures: its name and content."""
    buffer = io.BytesIO()
    if "zip" in source:
        with zipfile.ZipFile(
            buffer, "w", zipfile.ZIP_DEFLATED if "deflated" in source else zipfile.ZIP_STORED
        ) as archive:
            for name, content in pictures.items():
                archive.writestr(f"test/{name}.{kind}", content)
        return "x.zip", buffer.getvalue()
    if "tar" in source:
        with tarfile.open(fileobj=buffer, mode="w:gz" if "gz" in source else "w:") as tar:
            for name, content in pictures.items():
                member = tarfile.TarInfo(f"test/{name}.{kind}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        return f"x.{source}", buffer.getvalue()
    table = pa.table({"id": list(pictures), "image": list(pictures.values())})
    pq.write_table(table, buffer, compression="zstd" if "compressed" in source else "none", row_group_size=2)
    return "x.parquet", buffer.getvalue()


def check_mutations(first: int, count: int, place: Path) -> Counter[str]:
    """List, read and decode so many mutated files; count what came of them.

    Args:
        first: The number of the first; it decides all that is drawn.
        count: How many.
        place: A folder for them.
    """
    outcomes: Counter[str] = Counter()
    place.mkdir()
    for number in range(first, first + count):
        started = time.monotonic()
        outcomes.update(_check_one(random.Random(number), place))
        took = time.monotonic() - started
        assert took < _LONGEST_S, f"mutation {number} took {took:.1f} s"
    outcomes["peak MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return outcomes


def _check_one(chance: random.Random, place: Path) -> Counter[str]:
    kind, source = chance.choice(FORMATS), chance.choice(SOURCES)
    pictures = {str(number): _encoded(kind, chance.choice(_MODES[kind])) for number in range(1, 4)}
    if source == "folder" or chance.random() < 0.3:
        pictures["2"] = _mutate(pictures["2"], chance)
    if source == "folder":
        images = place / kind
        images.mkdir(exist_ok=True)
        for name, content in pictures.items():
            (images / f"{name}.{kind}").write_bytes(content)
    else:
        name, content = _pack(source, kind, pictures)
        images = place / name
        images.write_bytes(_mutate(content, chance))
    return _score(images, TableColumns(content="image", image_id="id") if "table" in source else NO_COLUMNS)


def _score(images: Path, columns: TableColumns) -> Counter[str]:
    """What becomes of a collection: refused in one line, or a row of pixels or of one line for each listed image."""
    try:
        listed = find_images(images, columns).images
        read = open_images(images, columns)
    except ImagesError as error:
        assert "\n" not in str(error), images
        return Counter(refused=1)
    outcomes: Counter[str] = Counter()
    for image in listed:
        try:
            pixels = decode(read(image), Resize.SQUASH)
        except BaseException as error:  # noqa: BLE001  # as the scorer does; it raises what a row cannot hold
            assert "\n" not in row_fault(error)
            outcomes["errors"] += 1
        else:
            assert pixels.shape == (224, 224, 3)
            outcomes["pixels"] += 1
    return outcomes
