"""Files that are whole or absent: written out of sight, synced to disk, then renamed; into a bucket with one PUT."""

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TypeVar

from scoring.errors import BucketError, ChangedError, ScoringError, StorageError
from scoring.storage.locations import Location, Url

_OF_ARROW = re.compile(r"^.* Detail: \[errno \d+\] ", re.DOTALL)
_TEMPORARIES = ".*.tmp"  # as `hidden_name` names them
_T = TypeVar("_T")
_check: ContextVar[Callable[[], None]] = ContextVar("check", default=lambda: None)
_STAYS = frozenset({errno.EXDEV, errno.EBUSY})  # what the system says of a folder that cannot be moved
# What file systems say whose folders cannot be synced: vboxsf, 9p, AFS and others over a network.
_NO_SYNC = frozenset({errno.EINVAL, errno.EBADF, errno.ENOSYS, errno.ENOTSUP})
_SLOWER = 40  # times, than usual, is looked again at an object that a store may show late, by seconds


@contextmanager
def publishing_after(check: Callable[[], None]) -> Iterator[None]:
    """Call `check` just before a whole file that this thread writes in the block takes its place, or one is removed.

    If it raises, the file is neither replaced nor removed.
    """
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)


@contextmanager
def whole_file(path: Location) -> Iterator[Path]:
    """Yield a temporary path to write to; publish it as `path` if the block ends without an exception.

    The temporary file keeps its final name (Keras goes by the suffix) inside a hidden folder of its own beside
    `path`: readers of `*.parquet` never see it, two writers never share it, and the rename stays on one file
    system, so it is atomic. File and folder are synced: once this returns, a power cut keeps the file. For a bucket the
    temporary file lies among this machine's, and one PUT publishes it, after which a look finds it there.

    Raises:
        StorageError: If the file cannot be written, or a device, pipe or the like stands in its place; `__cause__` is
            the system's error.
    """
    if isinstance(path, Url):
        with storage_faults(path), tempfile.TemporaryDirectory(prefix="shardscore-") as scratch:
            temporary = Path(scratch) / path.name
            yield temporary
            _check.get()()
            tag = path.upload(temporary)
            _refuse_unstored(path, temporary, tag)
        return
    with storage_faults(path):
        refuse_special(path)
    with storage_faults(path), scratch_beside(path) as temporary:
        yield temporary
        sync(temporary)
        _check.get()()
        temporary.replace(path)
        sync(path.parent)


def _refuse_unstored(url: Url, file: Path, tag: str | None) -> None:
    """Raise OSError if a store that has taken a file does not have it, as where a proxy answered in its place.

    Args:
        url: Where it was written to.
        file: What was written.
        tag: What the store called it then; where it calls what is there something else, that is read.
    """
    from scoring.storage.retrying import patiently  # local runs write to no bucket

    size_bytes = file.stat().st_size

    def look() -> None:
        try:
            other = _other_content(url, file, size_bytes, tag)
        except BucketError:  # not to be looked at, as where a key may write alone
            return
        if other:
            text = f"it was said to be stored, {size_bytes} bytes, but the bucket {other}"
            raise OSError(errno.EREMOTEIO, text, str(url))  # may pass, unlike a BucketError

    patiently(_SLOWER)(look)


def _other_content(url: Url, file: Path, size_bytes: int, tag: str | None) -> str | None:
    from scoring.storage.stamps import bare_tag  # likewise

    try:
        seen = url.look()
        if seen["size"] != size_bytes:
            return f"has one of {seen['size']} bytes"
        is_told = tag and seen["e_tag"] and bare_tag(tag) == bare_tag(seen["e_tag"])
        return None if is_told or url.read_bytes() == file.read_bytes() else "has another of that size"
    except FileNotFoundError:
        return "has no such object"


@contextmanager
def scratch_beside(path: Path, folder: Path | None = None) -> Iterator[Path]:
    """Yield where to write a file that is then renamed to `path`; whatever is left there goes with the block.

    It is in a hidden folder within `folder`, or within that of `path`, and absolute, as that of `readable` is.
    """
    from scoring.storage.leftovers import hidden_name  # who only reads writes none

    path, folder = path.absolute(), (folder or path.parent).absolute()
    hidden = folder / hidden_name(path.name)
    temporary = hidden / path.name
    try:
        hidden.mkdir()
        yield temporary
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


@contextmanager
def storage_faults(path: Location) -> Iterator[None]:
    """Turn the system's errors in the block into a StorageError of one line about `path`, but for ChangedError."""
    try:
        yield
    except ChangedError:  # tells of what is read
        raise
    except BucketError as error:
        reason = error.strerror if error.filename == str(path) else error  # of what was to be copied there
        raise cannot_write(path, reason) from error
    except OSError as error:
        raise cannot_write(path, _reason(error)) from error


def cannot_write(path: Location, reason: object) -> StorageError:
    """The error of a file that cannot be written."""
    return _of_place(StorageError(f"Cannot write {path}: {reason}."), path)


def _of_place(error: StorageError, path: object) -> StorageError:
    error.place = str(path)
    return error


def _reason(error: OSError) -> str:
    """What the system says, without what Arrow says around it; where a file is closed, Arrow keeps it to itself."""
    text = _OF_ARROW.sub("", error.strerror or str(error))
    return f"{text}, as where a disk or a quota is full" if text == "error closing file" else text


@contextmanager
def read_faults(path: Location) -> Iterator[None]:
    """Turn what keeps a file from being read in the block, and may pass, into a StorageError of one line about `path`.

    What is of the file itself goes on as it is: that there is none, or what its kind or its content is.
    """
    try:
        yield
    except (ScoringError, FileNotFoundError, NotADirectoryError):  # a bucket's errors have their line
        raise
    except MemoryError as error:
        raise _cannot_read(path, "no memory is left") from error
    except OSError as error:
        from scoring.storage.reach import may_be_readable_later  # what is read without a fault needs none of it

        if error.errno is None or not may_be_readable_later(error):
            raise
        raise _cannot_read(error.filename or path, os.strerror(error.errno)) from error


def _cannot_read(path: object, reason: str) -> StorageError:
    return _of_place(StorageError(f"Cannot read {path}: {reason}. Run again once it can be read."), path)


def read_patiently(path: Location, read: Callable[[], _T]) -> _T:
    """Return what `read` does of `path`; what may pass by itself is tried again, as `patiently` does.

    Raises:
        StorageError: If it cannot be read now, which says nothing of what it holds; see `read_faults`.
    """

    def read_once() -> _T:
        with read_faults(path):
            return read()

    try:
        return read_once()
    except StorageError as fault:
        from scoring.storage.retrying import is_transient, patiently  # nor these

        if not is_transient(fault):
            raise
        return patiently()(read_once)


def refuse_special(path: Location) -> None:
    """Refuse what is no regular file: a device would be replaced, and a pipe waited for without end.

    Raises:
        OSError: If `path` is one, a socket or the like.
    """
    if isinstance(path, Path) and path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(errno.EINVAL, "it is no regular file")


def write_text(path: Location, text: str) -> None:
    """Write UTF-8 text so that `path` is never seen half-written; raises as `whole_file` does.

    What killed processes left of the same file is removed.
    """
    from scoring.storage.leftovers import remove_leftovers  # who only reads leaves none

    if isinstance(path, Path):
        remove_leftovers(path)
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_output(path: Location, text: str) -> None:
    """Write a file that a user named as `write_text` does, with the folders above it."""
    with storage_faults(path):
        make_folder(path.parent)
    write_text(path, text)


def make_folder(folder: Location) -> None:
    """Make a folder, and those above it, unless it is there.

    Raises:
        OSError: If it cannot be made; where it, or one above, is a link to nothing, it is named.
        NotADirectoryError: If a file stands in its place.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        link = Path(os.fsdecode(error.filename))
        if link.exists():  # the system says "File exists", as if of what was to be written
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(link)) from error
        raise OSError(errno.EEXIST, f"{link} is a link to nothing; make the folder that it leads to") from error


def remove_file(path: Location) -> None:
    """Remove a file, if there is one; see `publishing_after`."""
    _check.get()()
    path.unlink(missing_ok=True)


def remove_empty_folder(folder: Location) -> None:
    """Remove a folder on a disk if nothing lies in it, and it can be removed."""
    if isinstance(folder, Path):
        with suppress(OSError):
            folder.rmdir()


def remove_temporaries(folder: Location) -> None:
    """Remove what killed writers left behind in `folder`; into a bucket they leave nothing."""
    if isinstance(folder, Url):
        return
    for leftover in folder.glob(_TEMPORARIES):
        shutil.rmtree(leftover, ignore_errors=True)


def remove_tree(folder: Location) -> None:
    """Remove a folder, or all objects below a prefix, if there are any; see `publishing_after`.

    A folder goes at once, by a rename: who stands still meanwhile removes nothing that another has put in its place.
    One that cannot be moved, as it is mounted or lies in a lower layer of an overlay, goes file by file.

    Raises:
        OSError: If it cannot be removed, or is a link, as somebody may have made to another disk.
    """
    refuse_link(folder)
    _check.get()()
    if isinstance(folder, Url):
        folder.remove_below(_check.get())
    elif folder.is_dir():
        with scratch_beside(folder) as aside:
            try:
                folder.rename(aside)
            except OSError as error:
                if error.errno not in _STAYS:
                    raise
                _empty(folder)
            else:
                shutil.rmtree(aside)


def _empty(folder: Path) -> None:
    """Remove a folder that cannot be moved, file by file; one that is mounted stays, with nothing in it."""
    for place in sorted(folder.iterdir()):
        remove_tree(place) if place.is_dir() and not place.is_symlink() else remove_file(place)
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno not in _STAYS:
            raise


def refuse_link(folder: Location) -> None:
    """Refuse a folder that is a link, as somebody may have made to another disk.

    Raises:
        OSError: If it is one.
    """
    if isinstance(folder, Path) and folder.is_symlink() and folder.is_dir():
        raise OSError(errno.EINVAL, "it is a link; remove what it points to, or the link, yourself")


def sync(path: Path) -> None:
    """Write a file, or the names in a folder if its file system does that, from the system's memory to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC or not path.is_dir():
            raise
    finally:
        os.close(descriptor)
