"""Images in tar files, such as WebDataset's shards: listed from their headers, read by position, never unpacked."""

import re
import tarfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice

from scoring.errors import BucketError, ImageError, ImagesError
from scoring.sources.entries import FoundFile, ImageEntry, ImageReader, check_size, readable_name
from scoring.storage.locations import Location
from scoring.storage.reading import open_file, read_range

_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_AT_ONCE = 8  # tar files whose headers are read at the same time
_MAX_FILES = 1_000_000
_HEADER_BYTES = 16 * 1024  # fetched at a time from a bucket: of each photo its header and little more


class TarSource:
    """`x.tar`, or `x-{000..012}.tar` for several."""

    def __init__(self, pattern: Location) -> None:
        self._folder = pattern.parent
        self._names = list(_expand(pattern.name))

    @property
    def archives(self) -> list[Location]:
        """The tar files."""
        return [self._folder / name for name in self._names]

    def check(self) -> None:
        """See `ImageSource`."""
        for archive in self.archives:
            if not archive.is_file():
                raise ImagesError(f"Expected --images to be tar files; {archive} does not exist.")

    def files(self) -> Iterator[FoundFile]:
        """All members of all files, in their order."""
        return tar_members(self._folder, self._names)

    def open(self) -> ImageReader:
        """See `ImageSource`."""
        return lambda image: read_member(self._folder, image)


def tar_members(folder: Location, names: Iterable[str]) -> Iterator[FoundFile]:
    """The regular files in tar files; one tar after the other, and the headers of some ahead.

    Raises:
        ImagesError: If one is damaged.
    """
    remaining = iter(names)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        while some := list(islice(remaining, _AT_ONCE)):
            yield from chain.from_iterable(threads.map(lambda name: list(_members(folder, name)), some))


def read_member(folder: Location, image: ImageEntry) -> bytes:
    """Read one member where it lies.

    Raises:
        ImageError: If it cannot be read.
    """
    check_size(image.size_bytes)
    archive = folder / (image.path.partition(".tar/")[0] + ".tar")
    try:
        encoded = read_range(archive, image.position or 0, image.size_bytes) if image.size_bytes else b""
    except OSError as error:
        raise ImageError(f"cannot read from tar: {error.strerror or error}") from error
    if len(encoded) < image.size_bytes:
        raise ImageError(f"cannot read from tar: it ends {image.size_bytes - len(encoded)} bytes early")
    return encoded


def _members(folder: Location, name: str) -> Iterator[FoundFile]:
    archive = folder / name
    try:
        with open_file(archive, _HEADER_BYTES) as file, tarfile.open(fileobj=file, mode="r:") as opened:
            while (member := opened.next()) is not None:
                opened.members = []  # type: ignore[attr-defined]  # it would keep them all
                if member.isreg() and not member.issparse():
                    path, raw = readable_name(f"{name}/{member.name}")
                    yield FoundFile(path, member.size, raw, member.offset_data)
            file.seek(opened.offset)
            if file.read(tarfile.BLOCKSIZE).strip(b"\0"):  # tarfile takes a damaged header for the end
                raise tarfile.ReadError(f"the header at byte {opened.offset} is none")
    except BucketError:
        raise
    except (tarfile.TarError, OSError, ValueError, EOFError) as error:
        raise ImagesError(f"Expected a readable tar; {archive} is damaged: {error}.") from error


def _expand(name: str) -> Iterator[str]:
    """`x-{08..10}.tar` names x-08.tar, x-09.tar and x-10.tar, as in a shell."""
    found = _RANGE.search(name)
    if not found:
        yield name
        return
    first, last = found.groups()
    if not 0 <= int(last) - int(first) < _MAX_FILES:
        raise ImagesError(f"Expected a range such as {{000..012}} in --images; received {found[0]}.")
    for number in range(int(first), int(last) + 1):
        yield from _expand(f"{name[: found.start()]}{number:0{len(first)}d}{name[found.end() :]}")
