"""What an error of a reader or a decoder costs: its own row, or the shard."""

import errno
from collections.abc import Iterator, Sequence

from scoring.errors import (
    BucketError,
    BusyError,
    ChangedError,
    ImageError,
    LeaseLostError,
    OutOfReachError,
    PluginError,
    StorageError,
    UnreachableError,
)
from scoring.pixels.guarded_decode import DecoderKilledError, DecoderStartError
from scoring.run.predictions import ScoredImage
from scoring.storage.locations import bucket_of
from scoring.storage.reach import OF_THE_MACHINE, may_be_readable_later
from scoring.storage.redaction import redact

_LONGEST = 300  # characters of a message
_TEMPORARY = "temporary: "
_OUT_OF_REACH = f"{_TEMPORARY}out of reach: "
_NO_THREAD = "can't start new thread"  # Python has no class for it
_RUST_PANIC = "PanicException"  # what libraries written in Rust raise; pyo3 derives it from BaseException


def row_fault(error: BaseException, in_reading: bool = False, doubt: str | None = None, path: str | None = None) -> str:
    """One line for the row of the image that raised `error`; see also `may_pass`.

    Args:
        error: What was raised.
        in_reading: Whether the image's bytes were being read, not decoded.
        doubt: Why they may not be the image's, as where a proxy answers in a server's place; None if nothing says so.
        path: The image's, for what is raised of a machine and says nothing of the image; None leaves that as it is.

    Raises:
        BaseException: `error` itself, if it is no fault of this image alone: no memory, no room on a disk, a stop,
            a decoder that cannot start or is killed, a mount that is gone. A ChangedError if its archive or table is
            another.
        UnreachableError: If the bucket, folder or archive of all images is out of reach. For the bucket of a table's
            row, see `check_reach`.
    """
    if isinstance(error, OutOfReachError):
        return f"{_OUT_OF_REACH}{redact(' '.join(str(error).split()))}"[:_LONGEST]
    if _stops_all(error):
        fault = next((cause for cause in _causes(error) if isinstance(cause, UnreachableError | ChangedError)), error)
        if path is not None and isinstance(fault, ImageError):
            raise ImageError(f"{path!r}: {fault}") from fault
        raise fault
    text = redact(" ".join(str(error).split()))
    if not isinstance(error, ImageError):
        text = f"cannot read or decode: {type(error).__name__}: {text or 'no reason given'}"
    if doubt:
        text = f"{_TEMPORARY}{doubt}: {text}"
    elif isinstance(error, PluginError | BusyError) or (in_reading and any(map(may_be_readable_later, _causes(error)))):
        text = f"{_TEMPORARY}{text}"
    return text[:_LONGEST]


def may_pass(message: str | None) -> bool:
    """Whether the line in an image's row says that it may be readable at another time."""
    return message is not None and message.startswith(_TEMPORARY)


def check_reach(rows: Sequence[ScoredImage]) -> None:
    """Tell buckets that are out of reach for a shard of a table from a place where nothing is within reach.

    A bucket that is out of reach costs its own rows where images of others were scored, and of it none.

    Raises:
        UnreachableError: If one is out of reach otherwise: all of them, or one that had just been within reach.
    """
    unreached = [row for row in rows if row.error_message and row.error_message.startswith(_OUT_OF_REACH)]
    if not unreached:
        return
    scored = {bucket_of(row.image.path) for row in rows if row.outputs is not None}
    for row in unreached:
        if not scored or bucket_of(row.image.path) in scored:
            message = str(row.error_message).removeprefix(_TEMPORARY)
            raise UnreachableError(errno.EREMOTEIO, message, row.image.path)


def _stops_all(error: BaseException) -> bool:
    if not isinstance(error, Exception):
        return type(error).__name__ != _RUST_PANIC
    if isinstance(error, StorageError) and not isinstance(error, BucketError):
        return True
    return any(_is_of_the_machine(cause) for cause in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and what it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__


def _is_of_the_machine(cause: BaseException) -> bool:
    if isinstance(cause, MemoryError | LeaseLostError | DecoderStartError | DecoderKilledError):
        return True
    if isinstance(cause, UnreachableError | ChangedError):
        return True
    if isinstance(cause, RuntimeError):
        return str(cause) == _NO_THREAD
    return isinstance(cause, OSError) and cause.errno in OF_THE_MACHINE
