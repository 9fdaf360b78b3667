"""Download a file once per machine: one process fetches, the others wait, and only a checked file gets its name."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial, wraps
from pathlib import Path

import pooch
import requests

from scoring.errors import ChangedError, DownloadError, StorageError
from scoring.storage.durable import scratch_beside, storage_faults, whole_file
from scoring.storage.leftovers import remove_leftovers
from scoring.storage.locations import Location, Url
from scoring.storage.machine_lock import locked
from scoring.storage.redaction import redact

_CONNECT_TIMEOUT_S = 10.0

pooch.get_logger().setLevel("WARNING")


def cache_folder() -> Path:
    """Keras' own cache (`KERAS_HOME`, by default `~/.keras`), so that what Keras has downloaded is found.

    Raises:
        StorageError: If `KERAS_HOME` is not set, and the user has no home.
    """
    named = os.environ.get("KERAS_HOME")
    if named is not None:
        return Path(named)
    try:
        return Path.home() / ".keras"
    except RuntimeError as error:
        raise StorageError(
            "Expected a home folder to keep downloads in; this user has none. Name another folder by KERAS_HOME."
        ) from error


def fetch(url: str, path: Path, checksum: str, timeout_s: float = _CONNECT_TIMEOUT_S) -> Path:
    """Return `path`, downloaded from `url` unless it is there already with the right checksum.

    Safe from any number of processes on one machine. The bytes go to a hidden place first. What is there and right
    need not be writable, nor lie in a folder that is.

    Args:
        url: Where the file is published.
        path: Where it is kept.
        checksum: `md5:...` or `sha256:...` as its publisher states it.
        timeout_s: Seconds to wait for the server's answer; the download itself may take longer.

    Raises:
        DownloadError: If the server cannot be reached, or what it sends has another checksum.
        StorageError: If the folder of `path` cannot be made, or nothing can be written there.
    """
    if _has_checksum(path, checksum):
        return path
    with storage_faults(path), one_at_a_time(path):
        if not _has_checksum(path, checksum):
            with whole_file(path) as temporary:
                _download(url, temporary, checksum, timeout_s)
    return path


def _has_checksum(path: Path, checksum: str) -> bool:
    algorithm, _, digest = checksum.partition(":")
    try:
        return path.exists() and pooch.file_hash(str(path), algorithm) == digest
    except OSError:  # it cannot be read
        return False


def _download(url: str, path: Path, checksum: str, timeout_s: float) -> None:
    downloader = pooch.HTTPDownloader(timeout=timeout_s)
    path.touch()
    usual_mode = path.stat().st_mode
    path.unlink()
    try:
        pooch.retrieve(url, known_hash=checksum, fname=path.name, path=path.parent, downloader=downloader)
        path.chmod(usual_mode)  # pooch leaves a file that no other user of a shared cache can read
    except (requests.RequestException, OSError) as error:
        raise DownloadError(f"Cannot download {redact(url)}: {_reason(error)}.") from error
    except ValueError as error:  # pooch's word for a checksum that differs
        raise DownloadError(
            f"Downloaded {redact(url)}, but its checksum is not {checksum}; nothing was kept."
        ) from error


def local_copy(location: Location, check: Callable[[Path], None] = lambda _: None) -> Path:
    """The file itself, or a copy of an object in this machine's cache, one for each version of the object.

    Safe from any number of processes on one machine: one downloads, the others wait.

    Args:
        location: The file or the object.
        check: Raises what is wrong with a copy that was downloaded, which is not kept then.

    Raises:
        DownloadError: If there is no such object.
        BucketError: If the bucket cannot be reached.
        StorageError: If the copy cannot be written, or the bucket fails during the download.
        ChangedError: If the object is replaced again and again.
    """
    if not isinstance(location, Url):
        return location
    try:
        return _copy(location, check)
    except ChangedError:  # replaced since it was looked at
        return _copy(location, check)


def _copy(location: Url, check: Callable[[Path], None]) -> Path:
    try:
        seen = location.look()
    except FileNotFoundError as error:
        raise DownloadError(f"Cannot download {location}: there is no such object.") from error

    def make(path: Path) -> None:
        location.download(path, seen)
        check(path)

    return made_once(location.identity(seen), location.name, make)


def made_once(identity: object, name: str, make: Callable[[Path], None]) -> Path:
    """A file in this machine's cache, made by the first process that asks for it.

    Args:
        identity: What its content depends on, as a tuple of texts and numbers; None where nothing tells, and it is made
            anew.
        name: What the file is called.
        make: Writes the file to the path that it is given.

    Raises:
        StorageError: If it cannot be written, or `make` raises an OSError; a ChangedError stays one.
    """
    if identity is None:
        return _made_anew(name, make)
    digest = hashlib.sha256(repr(identity).encode()).hexdigest()
    path = cache_folder() / "shardscore" / digest[:16] / name
    if is_kept(path):  # whole, and so it need not be writable
        return path
    with storage_faults(path), one_at_a_time(path):
        if not path.exists():
            with whole_file(path) as temporary:
                make(temporary)
    return path


def _made_anew(name: str, make: Callable[[Path], None]) -> Path:
    """The same, made each time; what comes out alike lies there once."""
    path = cache_folder() / "shardscore" / name
    with storage_faults(path), one_at_a_time(path), scratch_beside(path) as made:
        make(made)
        return made_once(("content", file_digest(made)), name, partial(_move, made))


def _move(made: Path, path: Path) -> None:
    shutil.move(made, path)


def is_kept(path: Path) -> bool:
    """Whether a file is in the cache; raises StorageError where its folder is closed, as another user's may be."""
    with _cache_faults(path):
        return path.exists()


@contextmanager
def _cache_faults(path: Path) -> Iterator[None]:
    """Turn the system's errors in the block into a StorageError that says where else the cache may be."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"Cannot write {path}: {error.strerror or error}. Name another folder for the cache by KERAS_HOME."
        ) from error


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Held by the process of this machine that makes a file or a folder; the folder that it lies in is made.

    What processes that were killed left of it is removed.

    Raises:
        StorageError: If that folder cannot be made, or nothing in it can be locked.
    """
    with ExitStack() as held:
        with _cache_faults(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(locked(path.with_name(f".{path.name}.lock")))
        remove_leftovers(path)
        yield


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def once_per_content(digest: Callable[[Path], str]) -> Callable[[Path], str]:
    """The same function, which remembers its answer in this process until the file is written to or replaced."""
    remembered: dict[tuple[object, ...], str] = {}

    @wraps(digest)
    def once(path: Path) -> str:
        try:
            about = path.stat()
        except OSError:
            return digest(path)  # which says what is wrong
        key = path, about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns
        if key not in remembered:
            remembered[key] = digest(path)
        return remembered[key]

    return once


weights_digest = once_per_content(file_digest)


def _reason(error: Exception) -> str:
    return "no connection" if isinstance(error, requests.ConnectionError) else redact(str(error))
