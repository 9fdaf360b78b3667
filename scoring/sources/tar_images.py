"""Images in tar files, such as WebDataset's shards: listed from their headers, read by position, never unpacked.

A compressed tar cannot be read by position: it is decompressed into this machine's cache, once.
"""

import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import accumulate, chain, islice
from typing import Self

from scoring.errors import ImageError, ImagesError
from scoring.sources.encoded_images import check_size
from scoring.sources.entries import FoundFile, ImageEntry, ImageReader, readable_bytes
from scoring.sources.packing import plain_tar
from scoring.sources.patterns import expand_range, is_called_pattern
from scoring.sources.suffixes import TAR_SUFFIX
from scoring.sources.tar_members import list_members
from scoring.storage.locations import Location, file_below
from scoring.storage.reach import refuse_absent
from scoring.storage.reading import PinnedFile, Place, is_there, stamp_at, stamps_at
from scoring.storage.stamps import has_changed
from scoring.storage.write_times import is_written_since

_TAR_ABOVE = re.compile(f"{TAR_SUFFIX}(?=/)".encode(), re.IGNORECASE)
_AT_ONCE = 8  # tar files whose headers are read at the same time


class TarSource:
    """Tar files, by the names that the paths of their members begin with."""

    holds_only_images = False
    keeps_order = False

    def __init__(self, archives: Mapping[bytes, Place], origin: Place | None = None) -> None:
        """`origin` is the file that they all lie in; None if each is one of its own."""
        self._archives = archives
        self._origin = origin

    @classmethod
    def at(cls, pattern: Location) -> Self:
        """`x.tar`, or `x-{000..012}.tar` for several.

        Raises:
            ImagesError: If the range is empty or names a million files or more.
        """
        return cls({os.fsencode(archive.name): archive for archive in expand_range(pattern)})

    def check(self) -> None:
        """See `ImageSource`."""
        for archive in self._archives.values():
            if not is_there(archive):
                is_pattern = is_called_pattern(archive.name)
                advice = " Name their folder, or a range as x-{000..012}.tar." if is_pattern else ""
                raise ImagesError(f"Expected `images` to be tar files; {archive} does not exist.{advice}")

    def files(self) -> Iterator[FoundFile]:
        """All members of all files, in their order."""
        return list_tars(self._archives.__getitem__, self._archives, self._origin)

    def peek(self, file: FoundFile, length: int) -> bytes:
        """See `ImageSource`; what must be peeked at was read with the headers."""
        return (file.head or b"")[:length]

    def open(self) -> ImageReader:
        """See `ImageSource`."""
        return TarReader(self._archive_of, self._origin)

    def changes_since(self, since: float) -> Callable[[ImageEntry], bool]:
        """See `ImageSource`."""
        is_written = cache(partial(is_written_since, since=since))
        return lambda image: is_written(self._origin or self._archive_of(image.raw_path or image.path.encode()))

    def _archive_of(self, path: bytes) -> Place:
        """The tar whose name a member's path begins with; in a zip the name has folders."""
        for above in accumulate(path.split(b"/"), lambda folder, step: folder + b"/" + step):
            if above in self._archives:
                return self._archives[above]
        raise has_changed(self._origin)  # a zip that holds another tar now


class TarReader:
    """Reads members where they lie.

    Args:
        archive_of: Returns the tar that a member with this path is in.
        origin: The file that the tars lie in; None if each is one of its own.
    """

    def __init__(self, archive_of: Callable[[bytes], Place], origin: Place | None = None) -> None:
        self._archive_of = archive_of
        self._origin = origin
        self._opened: dict[Place, _OpenedTar] = {}
        self._turn = threading.Lock()

    def __call__(self, image: ImageEntry) -> bytes:
        """Read one member.

        Raises:
            ImageError: If it cannot be read, is larger than an image may be, or its tar has changed since it was
                listed.
            StorageError: If there is no room to decompress its tar.
            UnreachableError: If its tar is gone.
        """
        check_size(image.size_bytes)
        if not image.size_bytes:
            return b""
        try:
            archive = self._archive_of(image.raw_path or image.path.encode())
            opened = self._open(archive)
            if image.stamp is not None and image.stamp not in opened.stamps:
                raise has_changed(self._origin or archive)
            encoded = opened.content.read_range(image.position or 0, image.size_bytes)
        except (OSError, ImagesError) as error:
            refuse_absent(self._origin or image.path, error)
            reason = error.strerror if isinstance(error, OSError) else None
            raise ImageError(f"cannot read from tar: {reason or error}") from error
        if len(encoded) < image.size_bytes:
            raise ImageError(f"cannot read from tar: it ends {image.size_bytes - len(encoded)} bytes early")
        return encoded

    def _open(self, archive: Place) -> "_OpenedTar":
        with self._turn:
            if archive not in self._opened:
                packed = PinnedFile(archive)
                stamps = stamps_at(self._origin) if self._origin else packed.stamps
                self._opened[archive] = _OpenedTar(stamps, plain_tar(packed))
            return self._opened[archive]


@dataclass(frozen=True)
class _OpenedTar:
    """A tar that members are read from.

    Attributes:
        stamps: All stamps that its content may have, or that of the file that it lies in.
        content: Itself, or of a compressed one its copy in the cache.
    """

    stamps: frozenset[int]
    content: PinnedFile


def tar_in_folder(folder: Location, path: bytes) -> Location:
    """The tar that a path below a folder leads into: the first on the way that is a file."""
    archives = [path[: found.end()] for found in _TAR_ABOVE.finditer(path)]
    named = [file_below(folder, name.decode(errors="replace"), name) for name in archives]
    return next((archive for archive in named[:-1] if archive.is_file()), named[-1])


def list_tars(
    archive_of: Callable[[bytes], Place], names: Iterable[bytes], origin: Place | None = None
) -> Iterator[FoundFile]:
    """The files in tar files, one tar after the other; the headers of 8 tars are read at the same time.

    Args:
        archive_of: Returns the tar of a name.
        names: What the paths of each tar's members begin with.
        origin: See `TarReader`.

    Raises:
        ImagesError: If one is damaged.
        StorageError: If there is no room to decompress one, or its bucket cannot be reached.
    """

    def members(name: bytes) -> Iterator[FoundFile]:
        archive = archive_of(name)
        packed = PinnedFile(archive)  # first: a tar that is replaced meanwhile is refused when it is read
        stamp, plain = stamp_at(origin) if origin else packed.stamp, plain_tar(packed).place
        num_named = len(readable_bytes(name)[0])
        return (replace(file, stamp=stamp, num_named=num_named) for file in list_members(plain, name))

    remaining = iter(names)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        while some := list(islice(remaining, _AT_ONCE)):
            if len(some) == 1:  # it may be a large one: none of its members are kept
                yield from members(some[0])
            else:
                listed = threads.map(lambda name: list(members(name)), some)
                yield from chain.from_iterable(listed)
