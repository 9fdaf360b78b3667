"""One image of a collection, and its reader: the types that all kinds of input share."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, overload

NAMED = 5  # paths that are kept for each reason of leaving files out
_READ_AT_ONCE = 4096  # entries that are made together


@dataclass(frozen=True)
class ImageEntry:
    r"""One image as it was found.

    Attributes:
        image_id: Path below the common folder, `123` for `test1/123.jpg`: without its suffix, unless two images would
            then have the same; or the id, or the row's place or number, of a table.
        path: Path inside the folder, bucket or archive, always valid UTF-8; other bytes appear as `\xNN`.
        size_bytes: Size of the encoded file when it was listed; 0 where the listing does not say.
        raw_path: The path's true bytes where `path` cannot say them (a name that is not UTF-8), or the text of a
            table's row that says it otherwise (see `row_paths`), else None.
        target: The true label, where the collection is labelled.
        position: Where it begins in a tar file, in bytes, or its row in a table; None for a file of its own.
        stamp: A number that tells its content from another under the same name; see `scoring.storage.stamps`. None
            where listing does not say. It does not count when entries are compared.
        group: What it has in common with others that it is never parted from, such as a patient; None if nothing is
            told. No manifest holds it, and it does not count either.
    """

    image_id: str
    path: str
    size_bytes: int
    raw_path: bytes | None = None
    target: str | None = None
    position: int | None = None
    stamp: int | None = field(default=None, compare=False)
    group: str | None = field(default=None, compare=False)

    @property
    def written(self) -> str:
        """The path as a table's row writes it; of any other image its path."""
        return written_path(self.path, self.raw_path)

    @property
    def has_odd_name(self) -> bool:
        """Whether its name is not UTF-8."""
        return self.raw_path is not None and self.written == self.path

    def written_folder(self, folder: str) -> str:
        """A folder above it by its path, as a table's row writes that."""
        steps, depth = self.written.split("/"), folder.count("/") + 1
        return "/".join(steps[:depth]) if len(steps) > depth else folder


class LongListing(Sequence[ImageEntry]):
    """Entries that are made when they are looked at, so that any number of them takes no memory. Slices go forward."""

    def __init__(self, length: int, read: Callable[[int, int], list[ImageEntry]]) -> None:
        """`read(start, stop)` returns the entries of the numbers `start` to before `stop`."""
        self._length = length
        self._read = read

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[ImageEntry]:
        for start in range(0, self._length, _READ_AT_ONCE):
            yield from self._read(start, min(start + _READ_AT_ONCE, self._length))

    @overload
    def __getitem__(self, index: int) -> ImageEntry: ...

    @overload
    def __getitem__(self, index: slice) -> list[ImageEntry]: ...

    def __getitem__(self, index: int | slice) -> ImageEntry | list[ImageEntry]:
        if isinstance(index, slice):
            start, stop, step = index.indices(self._length)
            return self._read(start, max(start, stop))[::step]
        number = range(self._length)[index]
        return self._read(number, number + 1)[0]


class EntriesByColumn(LongListing):
    """A `LongListing` whose entries are columns until they are looked at one by one.

    Args:
        length: How many there are.
        rows: `rows(start, stop)` makes a `pyarrow.Table` of the entries `start` to before `stop`, with all fields but
            `target` and, where no image has one, `raw_path`.

    Attributes:
        rows: As given.
    """

    def __init__(self, length: int, rows: Callable[[int, int], Any]) -> None:
        super().__init__(length, lambda start, stop: [ImageEntry(**row) for row in rows(start, stop).to_pylist()])
        self.rows = rows


def without_stamps(images: Sequence[ImageEntry]) -> LongListing:
    """The same images, with nothing that tells their contents but sizes and positions."""
    return LongListing(len(images), lambda start, stop: [replace(image, stamp=None) for image in images[start:stop]])


@dataclass(frozen=True)
class FoundFile:
    """One file of a collection before it has an id; for the fields not named here see `ImageEntry`.

    Attributes:
        image_id: The id, where the collection brings one.
        left_out: Why it is left out, where that is known; None where its name and content have to tell.
        head: The first bytes, where they are known.
        target: The true label, where the collection brings one.
        num_named: How many characters of the path were not found but named, as of a tar or a folder: they hide nothing.
    """

    path: str
    size_bytes: int
    raw_path: bytes | None = None
    position: int | None = None
    image_id: str | None = None
    left_out: str | None = None
    head: bytes | None = None
    stamp: int | None = field(default=None, compare=False)
    target: str | None = None
    num_named: int = 0

    @property
    def written(self) -> str:
        """See `ImageEntry`."""
        return written_path(self.path, self.raw_path)


@dataclass(frozen=True)
class LeftOut:
    """The files of a collection that were left out for one reason.

    Attributes:
        reason: In words.
        count: How many files.
        first: The paths of the first of them, at most `NAMED`.
    """

    reason: str
    count: int
    first: tuple[str, ...]

    @property
    def names(self) -> str:
        """The first of them, for people."""
        return ", ".join(map(repr, self.first)) + (", ..." if self.count > len(self.first) else "")


@dataclass(frozen=True)
class Listing:
    """All images of one collection, and what was left out, the largest part first.

    Images are in natural order of id; those that a table holds itself are in the table's order.
    """

    images: Sequence[ImageEntry]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def num_left_out(self) -> int:
        """How many files were left out."""
        return sum(left_out.count for left_out in self.left_out)

    def keep(self, is_kept: Callable[[ImageEntry], bool], reason: str) -> "Listing":
        """Leave out the images for which `is_kept` is false; `reason` says why."""
        kept: list[ImageEntry] = []
        gone: list[str] = []
        for image in self.images:
            if is_kept(image):
                kept.append(image)
            else:
                gone.append(image.path)
        if not gone:
            return self
        left_out = (*self.left_out, LeftOut(reason, len(gone), tuple(gone[:NAMED])))
        return Listing(kept, tuple(sorted(left_out, key=lambda left: (-left.count, left.reason))))


class ImageReader(Protocol):
    """Reads encoded images; safe to call from several threads."""

    def __call__(self, image: ImageEntry) -> bytes:
        """Return the file's bytes.

        Raises:
            ImageError: If the file cannot be read.
        """
        ...


class ImageSource(Protocol):
    """One kind of collection. Building one reads nothing."""

    @property
    def holds_only_images(self) -> bool:
        """Whether every file in it is meant as an image, whatever its name."""
        ...

    @property
    def keeps_order(self) -> bool:
        """Whether its images stay in its own order; they bring their ids."""
        ...

    def check(self) -> None:
        """Raise ImagesError unless it is there and of this kind; looks at no image."""
        ...

    def files(self) -> Iterator[FoundFile]:
        """Every file in it, in any order.

        Raises:
            ImagesError: If it is damaged.
            BucketError: If its bucket cannot be reached.
        """
        ...

    def peek(self, file: FoundFile, length: int) -> bytes:
        """The first bytes of a file that was found.

        Raises:
            OSError: If it cannot be read.
        """
        ...

    def open(self) -> ImageReader:
        """A reader for the images that were found."""
        ...

    def changes_since(self, since: float) -> Callable[[ImageEntry], bool]:
        """Tells whether the file that an image is, or lies in, has been written since, or put there.

        Args:
            since: Seconds since 1970.

        Raises:
            StorageError: If that cannot be told now; what is returned raises it, too.
        """
        ...


def written_path(path: str, raw_path: bytes | None) -> str:
    """See `ImageEntry.written`."""
    if raw_path is None:
        return path
    text, odd = readable_bytes(raw_path)
    return path if odd else text


def readable_name(name: str) -> tuple[str, bytes | None]:
    """Split a file-system name into a UTF-8 text and, where that loses something, its raw bytes."""
    return readable_bytes(os.fsencode(name))


def readable_bytes(raw: bytes) -> tuple[str, bytes | None]:
    """The same for a name as bytes; see `readable_name`."""
    try:
        return raw.decode("utf-8"), None
    except UnicodeDecodeError:
        return raw.decode("utf-8", "backslashreplace"), raw
