"""Find images in a folder or a Kaggle zip, and read their bytes where they lie."""

import os
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Protocol

from natsort import natsort_keygen

from scoring.errors import ImageError, ImagesError
from scoring.retrying import patiently

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".avif"}
    | {".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".ico", ".psd", ".tga"}
)
# Far above any photograph (89 megapixels are 268 MB as raw RGB), far below what a zip bomb unpacks to.
MAX_IMAGE_BYTES = 256 * 1024**2


@dataclass(frozen=True)
class ImageEntry:
    r"""One image as it was found.

    Attributes:
        image_id: Path below the common folder without its suffix: `123` for `test1/123.jpg`.
        path: Path inside the folder or zip, always valid UTF-8; other bytes appear as `\xNN`.
        size_bytes: Size of the encoded file when it was listed.
        raw_path: The path's true bytes where `path` cannot say them (a name that is not UTF-8), else None.
        target: The true label, where the collection is labelled.
    """

    image_id: str
    path: str
    size_bytes: int
    raw_path: bytes | None = None
    target: str | None = None


@dataclass(frozen=True)
class Listing:
    """All images of one collection in natural order of id, and how many files were left out."""

    images: list[ImageEntry]
    num_left_out: int


class ImageReader(Protocol):
    """Reads encoded images by path; safe to call from several threads."""

    def __call__(self, path: str, raw_path: bytes | None = None) -> bytes:
        """Return the file's bytes.

        Raises:
            ImageError: If the file cannot be read.
        """
        ...


def check_images(location: Path) -> None:
    """Raise ImagesError unless `location` is a folder or a zip file; looks at no image."""
    if location.is_dir():
        return
    if not location.exists():
        raise ImagesError(f"Expected --images to be a folder or a .zip; {location} does not exist.")
    if not zipfile.is_zipfile(location):
        raise ImagesError(f"Expected --images to be a folder or a .zip; {location} is a file that is not a zip.")


def find_images(location: Path) -> Listing:
    """List the images below a folder or inside a zip.

    Raises:
        ImagesError: If `location` is neither, or holds no image.
    """
    check_images(location)
    files = list(_folder_files(location) if location.is_dir() else _zip_files(location))
    found = [(path, size, raw) for path, size, raw in files if _is_image(path)]
    if not found:
        suffixes = " ".join(sorted(IMAGE_SUFFIXES))
        raise ImagesError(
            f"Expected at least one image in {location}; found none among {len(files)} files. Looked for: {suffixes}."
        )
    image_ids = _image_ids([path for path, _, _ in found])
    images = [
        ImageEntry(image_id, path, size, raw) for image_id, (path, size, raw) in zip(image_ids, found, strict=True)
    ]
    natural = natsort_keygen()
    images.sort(key=lambda image: (natural(image.image_id), image.path))
    return Listing(images, num_left_out=len(files) - len(images))


def open_images(location: Path) -> ImageReader:
    """Return a reader for the paths that `find_images` listed at `location`."""
    return _FolderReader(location) if location.is_dir() else _ZipReader(location)


def _is_image(path: str) -> bool:
    name = PurePosixPath(path)
    hidden = name.name.startswith(".") or "__MACOSX" in name.parts  # macOS puts its metadata beside each file
    return not hidden and name.suffix.lower() in IMAGE_SUFFIXES


def _image_ids(paths: list[str]) -> list[str]:
    """Paths below their common folder, without suffixes unless two would then be the same."""
    steps = [path.split("/") for path in paths]
    folders = [path[:-1] for path in steps]
    depth = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(min(folders), max(folders), strict=False))))
    below = ["/".join(path[depth:]) for path in steps]
    bare = [os.path.splitext(path)[0] for path in below]
    return bare if len(set(bare)) == len(bare) else below


def _readable(name: str) -> tuple[str, bytes | None]:
    """Split a file-system name into a UTF-8 text and, where that loses something, its raw bytes."""
    raw = os.fsencode(name)
    try:
        return raw.decode("utf-8"), None
    except UnicodeDecodeError:
        return raw.decode("utf-8", "backslashreplace"), raw


def _folder_files(folder: Path) -> Iterator[tuple[str, int, bytes | None]]:
    """Walk a folder, following symbolic links, each real folder once."""
    root, seen = str(folder), set()
    pending = [root]
    while pending:
        current = pending.pop()
        status = Path(current).stat()
        if (status.st_dev, status.st_ino) in seen:  # a symbolic link back to where we were
            continue
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(current) as entries:
            for entry in entries:
                if entry.is_dir():
                    pending.append(entry.path)
                else:
                    path, raw = _readable(os.path.relpath(entry.path, root))
                    yield path, _size_bytes(entry), raw


def _size_bytes(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except OSError:  # a link to nowhere: still a row, with its reason when it is read
        return 0


def _zip_files(archive: Path) -> Iterator[tuple[str, int, bytes | None]]:
    """The files in a zip; of two with one name the later counts, as when it is unpacked."""
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = {info.filename: info for info in opened.infolist() if not info.is_dir()}
    except Exception as error:  # BadZipFile, but of hostile bytes NotImplementedError or struct.error as well
        raise ImagesError(f"Expected a readable zip; {archive} is damaged: {error}.") from error
    for name, info in entries.items():
        yield name, info.file_size, None


class _FolderReader:
    def __init__(self, folder: Path) -> None:
        self._folder = os.fsencode(folder)

    def __call__(self, path: str, raw_path: bytes | None = None) -> bytes:
        try:
            return patiently()(_read_file, os.path.join(self._folder, raw_path or os.fsencode(path)))
        except OSError as error:
            raise ImageError(f"cannot read: {error.strerror or error}") from error


class _ZipReader:
    def __init__(self, archive: Path) -> None:
        self._archive = zipfile.ZipFile(archive)

    def __call__(self, path: str, raw_path: bytes | None = None) -> bytes:
        try:
            return patiently()(self._read_entry, path)
        except (
            OSError,
            EOFError,
            KeyError,
            RuntimeError,
            NotImplementedError,
            zipfile.BadZipFile,
            zlib.error,
        ) as error:
            # RuntimeError: encrypted; NotImplementedError: a compression that Python lacks.
            raise ImageError(f"cannot read from zip: {error}") from error

    def _read_entry(self, path: str) -> bytes:
        with self._archive.open(path) as file:
            return _limited(file.read(MAX_IMAGE_BYTES + 1))


def _read_file(path: bytes) -> bytes:
    with open(path, "rb") as file:
        return _limited(file.read(MAX_IMAGE_BYTES + 1))


def _limited(encoded: bytes) -> bytes:
    if len(encoded) > MAX_IMAGE_BYTES:
        raise ImageError(f"larger than {MAX_IMAGE_BYTES // 1024**2} MiB")
    return encoded
