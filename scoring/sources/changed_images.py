"""Images that are read otherwise than they were listed: scored as they are, and told of."""

from dataclasses import replace

from scoring.sources.entries import ImageEntry
from scoring.storage.doubtful_bytes import DoubtfulBytes
from scoring.storage.locations import Location, bucket_of
from scoring.storage.read_deadline import ReadTimeoutError
from scoring.storage.reading import is_stamped_alike
from scoring.storage.stamps import Seen


class ChangedBytes(DoubtfulBytes):
    """An encoded image that is surely not the one that was listed.

    Attributes:
        image: Its entry, with the size and the stamp that it had when it was read.
    """

    doubt = "changed since it was listed"
    image: ImageEntry


class Comparison:
    """Holds what is read of files of their own against their entries.

    Args:
        by_stamp: Whether stamps tell, too. Those of a disk do where paths mean the same files as where they were
            listed: a machine may have equal copies of its own, written at another time.
    """

    def __init__(self, by_stamp: bool) -> None:
        self._by_stamp = by_stamp
        self._are_alike: bool | None = None  # a bucket's lists and answers; asked for at the first difference

    def marked(self, encoded: bytes, image: ImageEntry, seen: Seen, place: Location) -> bytes:
        """The same bytes; as `ChangedBytes` if they are surely not what was listed."""
        is_of_size = image.size_bytes in (0, seen.size_bytes)  # 0: listing did not say
        if is_of_size and not self._has_other_stamp(image, seen, place):
            return encoded
        changed = ChangedBytes(encoded)
        changed.image = replace(image, size_bytes=seen.size_bytes, stamp=seen.stamp)
        return changed

    def _has_other_stamp(self, image: ImageEntry, seen: Seen, place: Location) -> bool:
        if not self._by_stamp or image.stamp in (None, seen.stamp):
            return False
        stamps = seen.stamps()
        if not stamps or image.stamp in stamps:
            return False
        if self._are_alike is None:
            try:
                self._are_alike = not bucket_of(place) or is_stamped_alike(place)
            except ReadTimeoutError:  # as of Azure, which lists from the beginning on: that is not waited for again
                self._are_alike = False
            except OSError:  # asked again at the next one
                return False
        return self._are_alike
