"""What an error of a reader or a decoder costs: its own row, or the shard."""

import errno

from scoring.errors import BucketError, ImageError, LeaseLostError, StorageError
from scoring.pixels.guarded_decode import DecoderStartError
from scoring.storage.redaction import redact

_LONGEST = 300  # characters of a message
_OUT_OF_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.ENOMEM)
_RUST_PANIC = "PanicException"  # what libraries written in Rust raise; pyo3 derives it from BaseException


def row_fault(error: BaseException) -> str:
    """One line for the row of the image that raised `error`.

    Raises:
        BaseException: `error` itself, if it is no fault of this image alone: no memory, no room on a disk, a stop,
            a decoder that cannot start.
    """
    if _stops_all(error):
        raise error
    text = redact(" ".join(str(error).split()))
    if not isinstance(error, ImageError):
        text = f"cannot read or decode: {type(error).__name__}: {text or 'no reason given'}"
    return text[:_LONGEST]


def _stops_all(error: BaseException) -> bool:
    if not isinstance(error, Exception):
        return type(error).__name__ != _RUST_PANIC
    if isinstance(error, MemoryError | LeaseLostError | DecoderStartError):
        return True
    if isinstance(error, StorageError) and not isinstance(error, BucketError):
        return True
    return any(isinstance(cause, OSError) and cause.errno in _OUT_OF_ROOM for cause in (error, error.__cause__))
