"""Photos to measure with: copies of the first readable ones of a collection, or drawn ones."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from scoring.bench.drawings import draw_photos
from scoring.errors import ImageError, ImagesError, StorageError
from scoring.pixels.decoding import Resize, decode
from scoring.sources.image_finder import is_image
from scoring.sources.inputs import find_images, open_images
from scoring.storage.durable import storage_faults
from scoring.storage.locations import Location

_SEED = 2017


@contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """Yield a new folder among this machine's temporary files; it goes with the block.

    Raises:
        StorageError: If there can be none.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix=prefix)
    except OSError as error:  # where there is a folder for them, it is named
        place = error.filename or "temporary files"
        raise StorageError(f"Cannot write {place}: {error.strerror}. Name another folder in TMPDIR.") from error
    with folder as path:
        yield Path(path)


def gather_photos(images: Location | None, folder: Path, count: int, least: int) -> Path:
    """Fill `folder` with photos: on this machine's own disk, whatever the storage they come from.

    Args:
        images: A collection; None draws the photos.
        folder: Created.
        count: How many at most; fewer if the collection has no more.
        least: How many there must be.

    Returns:
        The folder.

    Raises:
        ImagesError: If the collection has too few readable photos.
        StorageError: If one cannot be written.
    """
    if images is None:
        draw_photos(folder, count, _SEED)
        return folder
    with storage_faults(folder):
        folder.mkdir(parents=True)
    found = _copy_readable(images, folder, count)
    if found < least:
        raise ImagesError(f"Expected at least {least} readable photos to measure with; {images} has {found}.")
    return folder


def _copy_readable(images: Location, folder: Path, count: int) -> int:
    read, found = open_images(images), 0
    for entry in find_images(images).images:
        if found == count:
            break
        try:
            encoded = read(entry)
            decode(encoded, Resize.SQUASH)
        except ImageError:
            continue
        suffix = PurePosixPath(entry.path).suffix if is_image(entry.path) else ".jpg"  # of a row in a table
        with storage_faults(folder):
            (folder / f"{found + 1}{suffix}").write_bytes(encoded)
        found += 1
    return found
