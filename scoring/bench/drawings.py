"""Pictures and sonar returns drawn by the program itself, so that a demo needs no download."""

import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from scoring.sonar.returns import NUM_BANDS
from scoring.storage.durable import make_folder, remove_temporaries, storage_faults, whole_file

_FUR = [(205, 133, 63), (120, 120, 125), (240, 225, 200), (60, 50, 45), (180, 90, 40)]
_SKY = [(150, 190, 220), (190, 215, 170), (225, 205, 180), (170, 170, 190)]


def draw_photos(folder: Path, num_photos: int, seed: int) -> None:
    """Draw labelled faces: `cat/1.jpg`, `dog/2.jpg`, `cat/3.jpg`, ...

    Args:
        folder: Created if need be.
        num_photos: How many; odd numbers are cats, even ones dogs.
        seed: The same seed draws the same pictures. One that is there already stays untouched.

    Raises:
        StorageError: If one cannot be written.
    """
    generator = np.random.default_rng(seed)
    for label in ("cat", "dog"):
        with storage_faults(folder / label):
            make_folder(folder / label)
            remove_temporaries(folder / label)
    for number in range(1, num_photos + 1):
        draw, label = (draw_cat, "cat") if number % 2 else (draw_dog, "dog")
        _put(folder / label / f"{number}.jpg", _encoded(draw(generator), "JPEG", quality=90))


NUM_ODD = 5


def draw_odd_photos(folder: Path, after: int, seed: int) -> None:
    """Add five odd pictures to drawn photos, of which three are broken.

    Args:
        folder: Where `draw_photos` drew.
        after: The last number there; at least 1.
        seed: The same seed draws the same pictures. One that is there already stays untouched.

    Raises:
        StorageError: If one cannot be written.
    """
    generator = np.random.default_rng(seed)
    cat, dog = folder / "cat", folder / "dog"
    _put(dog / f"{after + 1}.jpg", _encoded(draw_dog(generator).convert("CMYK"), "JPEG"))
    _put(cat / f"{after + 2}.png", _encoded(_half_transparent(draw_cat(generator)), "PNG"))
    encoded = (cat / "1.jpg").read_bytes()
    _put(cat / f"{after + 3}.jpg", encoded[: len(encoded) // 2])
    _put(dog / f"{after + 4}.jpg", b"<html><body>403 Forbidden</body></html>")
    _put(dog / f"{after + 5}.png", _huge_png())


def draw_cat(generator: np.random.Generator) -> Image.Image:
    """A face with pointed ears, slit eyes and whiskers."""
    image, pen, fur, (x, y, r) = _canvas(generator)
    for side in (-1, 1):
        pen.polygon(
            [(x + side * r, y - r * 0.2), (x + side * r * 0.85, y - r * 1.6), (x + side * r * 0.2, y - r * 0.8)], fur
        )
    pen.ellipse((x - r, y - r, x + r, y + r), fur)
    for side in (-1, 1):
        eye = x + side * r * 0.4
        pen.ellipse((eye - r * 0.2, y - r * 0.35, eye + r * 0.2, y), (170, 210, 90))
        pen.ellipse((eye - r * 0.05, y - r * 0.33, eye + r * 0.05, y - r * 0.02), "black")
        for whisker in (0.2, 0.35, 0.5):
            pen.line((x + side * r * 0.2, y + r * 0.35, x + side * r * 1.4, y + r * whisker), "white", 2)
    pen.polygon([(x - r * 0.12, y + r * 0.2), (x + r * 0.12, y + r * 0.2), (x, y + r * 0.35)], (230, 130, 140))
    return image


def draw_dog(generator: np.random.Generator) -> Image.Image:
    """A face with hanging ears, round eyes, a muzzle and a tongue."""
    image, pen, fur, (x, y, r) = _canvas(generator)
    ear = tuple(int(channel * 0.6) for channel in fur)
    pen.ellipse((x - r, y - r, x + r, y + r * 1.1), fur)
    for side in (-1, 1):
        pen.ellipse((x + side * r * 1.05 - r * 0.35, y - r * 0.8, x + side * r * 1.05 + r * 0.35, y + r * 0.9), ear)
        eye = x + side * r * 0.4
        pen.ellipse((eye - r * 0.13, y - r * 0.4, eye + r * 0.13, y - r * 0.14), "black")
    pen.ellipse((x - r * 0.35, y + r * 0.5, x + r * 0.35, y + r * 1.3), (225, 110, 120))
    pen.ellipse((x - r * 0.55, y, x + r * 0.55, y + r * 0.8), tuple(min(255, channel + 40) for channel in fur))
    pen.ellipse((x - r * 0.22, y + r * 0.05, x + r * 0.22, y + r * 0.35), "black")
    return image


def draw_sonar(path: Path, seed: int) -> None:
    """Write 208 drawn returns in UCI's format: 111 mines, whose echo peaks in higher bands, and 97 rocks.

    Raises:
        StorageError: If they cannot be written.
    """
    generator = np.random.default_rng(seed)
    lines = []
    for label, count, centre in (("R", 97, 22.0), ("M", 111, 30.0)):
        for _ in range(count):
            peak, width = centre + generator.normal(0, 5), generator.uniform(8, 14)
            echo = np.exp(-(((np.arange(NUM_BANDS) - peak) / width) ** 2)) + generator.normal(0, 0.12, NUM_BANDS)
            lines.append(",".join(f"{value:.4f}" for value in np.clip(echo, 0, 1)) + f",{label}\n")
    _put(path, "".join(lines).encode())


def _put(path: Path, content: bytes) -> None:
    """Write a file whole, unless it is there with the same bytes: others may be reading it."""
    with storage_faults(path):
        if path.is_file() and path.read_bytes() == content:
            return
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


def _encoded(image: Image.Image, kind: str, **options: int) -> bytes:
    content = BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def _canvas(
    generator: np.random.Generator,
) -> tuple[Image.Image, ImageDraw.ImageDraw, tuple[int, int, int], tuple[float, float, float]]:
    """A background of random size and colour; the fur's colour; centre and radius of the face, in pixels."""
    width, height = (int(size) for size in generator.integers(240, 500, 2))
    image = Image.new("RGB", (width, height), _SKY[generator.integers(len(_SKY))])
    radius = min(width, height) * generator.uniform(0.22, 0.32)
    x, y = width * generator.uniform(0.42, 0.58), height * generator.uniform(0.48, 0.58)
    return image, ImageDraw.Draw(image), _FUR[generator.integers(len(_FUR))], (x, y, radius)


def _half_transparent(image: Image.Image) -> Image.Image:
    image = image.convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


def _huge_png() -> bytes:
    """A valid PNG of a few kilobytes that claims 30,000 x 30,000 pixels: a decompression bomb."""
    side = 30_000

    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    header = side.to_bytes(4, "big") * 2 + bytes([1, 0, 0, 0, 0])  # one bit a pixel, grey
    blank = zlib.compress(bytes(side // 8 + 1) * 100)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", blank) + chunk(b"IEND", b"")
