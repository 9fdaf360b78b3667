"""Read the images of a collection, each within a time: of a disk or a server that hangs, an image costs its own row."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from scoring.errors import ImageError
from scoring.sources.entries import ImageEntry, ImageReader
from scoring.storage.read_deadline import ReadTimeoutError, ahead, reading_within


class TimedReader:
    """Reads encoded images; safe to call from several threads.

    Args:
        read: Reads one.
        limit_s: Seconds that this may take; None for any time. To unpack an archive that it lies in may take longer.
        is_local: Whether the collection lies on a disk.
    """

    def __init__(self, read: ImageReader, limit_s: float | None, is_local: bool) -> None:
        self._read, self._limit_s, self._is_local = read, limit_s, is_local

    def __call__(self, image: ImageEntry) -> bytes:
        """See `ImageReader`."""
        with reading_within(self._limit_s):
            return self._read(image)

    def ahead(self, images: Sequence[ImageEntry]) -> Iterator[Callable[[], bytes]]:
        """Yields what reads each, as calling this would: each to be called once, before the next is asked for.

        Where they are files or a zip's members on a disk, one is read while its caller has the last in hand.
        """
        if not self._is_local or not all(map(_is_by_itself, images)):
            return (partial(self, image) for image in images)
        reads = [partial(self._read, image) for image in images]
        return (partial(_in_hand, outcome) for outcome in ahead(self._limit_s, reads))


def _is_by_itself(image: ImageEntry) -> bool:
    """Whether a local image is a file or a zip's member, and no row that may name a URL."""
    return image.position is None and ":" not in image.written


def _in_hand(outcome: Callable[[], bytes]) -> bytes:
    try:
        return outcome()
    except ReadTimeoutError as error:
        raise ImageError(f"cannot read: {error}") from error
