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
        is_near: Whether images are files or a zip's members on a disk, where one is read in no time.
    """

    def __init__(self, read: ImageReader, limit_s: float | None, is_near: bool) -> None:
        self._read, self._limit_s, self._is_near = read, limit_s, is_near

    def __call__(self, image: ImageEntry) -> bytes:
        """See `ImageReader`."""
        with reading_within(self._limit_s):
            return self._read(image)

    def ahead(self, images: Sequence[ImageEntry]) -> Iterator[Callable[[], bytes]]:
        """Yields what reads each, as calling this would: each to be called once, before the next is asked for.

        The next one may be read meanwhile.
        """
        if not self._is_near or any(image.position is not None for image in images):
            return (partial(self, image) for image in images)
        reads = [partial(self._read, image) for image in images]
        return (partial(_in_hand, outcome) for outcome in ahead(self._limit_s, reads))


def _in_hand(outcome: Callable[[], bytes]) -> bytes:
    try:
        return outcome()
    except ReadTimeoutError as error:
        raise ImageError(f"cannot read: {error}") from error
