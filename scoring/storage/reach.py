"""Tell a file that is not there from a place of many that is out of reach: unmounted, moved away or closed to us."""

import errno
import os
import time

from scoring.errors import ChangedError, UnreachableError
from scoring.storage.locations import Location, machine_path
from scoring.storage.read_deadline import ReadTimeoutError, read_limit_s, within

# What opening a file says that is not there or closed to this user, or whose device or server has left.
_ABSENT = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.ENODEV, errno.ENXIO, errno.ESHUTDOWN, errno.ENOLINK}
    | {number for number, name in errno.errorcode.items() if name.startswith("EKEY") or name == "ENOKEY"}  # of Linux
)
# No file is the cause: no room, no further files in this process, a mount or a network that is gone. EIO is not among
# them: a disk has it for one file.
OF_THE_MACHINE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOTCONN, errno.ESTALE}
    | {errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH}
)
# What speaks of a file's own name, kind or content: it is so at any time.
_OF_THE_FILE = frozenset(
    {errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL, errno.EFBIG, errno.EBADMSG, errno.EILSEQ}
)
_GONE_OR_CLOSED = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM})
_LOOK_S = 20.0  # at a folder of this machine, for who sets no limit: a read that is waited for 60 s may look at one
_ASK_AGAIN_S = 10.0  # a bucket that has answered: each image of many that is not there would ask for a list
_held: dict[Location, float] = {}  # prefixes that held objects, and when


def is_absent(error: BaseException | None) -> bool:
    """Whether an error says that a file is not to be had now; it may be at another time."""
    return isinstance(error, OSError) and error.errno in _ABSENT


def may_be_readable_later(error: BaseException | None) -> bool:
    """Whether an error in reading a listed file speaks of its storage or its network, so that it may pass.

    That is whatever number the system gives, of many file systems and devices, but for those of the file itself.
    """
    if isinstance(error, ReadTimeoutError):
        return True
    return isinstance(error, OSError) and error.errno is not None and error.errno not in _OF_THE_FILE


def may_pass(error: BaseException) -> bool:
    """Whether an error in listing says of a file neither what it is nor that it is gone or closed."""
    return getattr(error, "errno", None) not in _GONE_OR_CLOSED and may_be_readable_later(error)


def refuse_fault_of_machine(place: object, error: BaseException) -> None:
    """Raise what kept a file from being read while it was listed, if it keeps others from it too, or it is another."""
    if isinstance(error, UnreachableError | ChangedError):
        raise error
    if isinstance(error, OSError) and error.errno in OF_THE_MACHINE:
        raise _not_listed(place, error) from error


def refuse_passing_fault(place: object, error: OSError) -> None:
    """Raise what kept a folder from being listed, if it may pass: nobody knows what lies there."""
    refuse_fault_of_machine(place, error)
    if may_pass(error):
        raise _not_listed(place, error) from error


def _not_listed(place: object, error: OSError) -> UnreachableError:
    text = f"cannot be read while images are listed: {error.strerror}. Run again once it can"
    return UnreachableError(errno.EREMOTEIO, text, str(error.filename or place))


def refuse_absent(place: object, error: BaseException) -> None:
    """Raise UnreachableError if `error`, or its cause, says that a file of many images is not to be had now."""
    fault = error if isinstance(error, OSError) else error.__cause__
    if isinstance(fault, OSError) and is_absent(fault) and not isinstance(fault, UnreachableError | ChangedError):
        raise _unreachable(fault.filename or place, str(fault.strerror)) from error


def refuse_absent_folder(folder: Location, error: BaseException | None, is_listed: bool = True) -> None:
    """Raise UnreachableError if that is said of an image in a folder or prefix which is itself gone, closed or empty.

    Args:
        folder: Where the image lies.
        error: What was raised when it was read.
        is_listed: Whether the images were listed there, which a bucket then did not refuse.
    """
    if not is_absent(error):
        return
    try:
        is_empty = within(read_limit_s() or (_LOOK_S if machine_path(folder) else None), _is_empty, folder)
    except OSError as fault:
        if not is_listed and machine_path(folder) is None and not isinstance(fault, UnreachableError):
            return
        raise _unreachable(folder, fault.strerror or str(fault)) from error
    if is_empty:
        raise _unreachable(folder, "it is empty") from error


def _is_empty(folder: Location) -> bool:
    """Whether it is known to be empty: to have its files read, a folder need not be open to listing.

    Raises:
        OSError: If it is not there, or may not be searched, or a bucket gives no list.
    """
    if machine_path(folder) is None:
        return _is_empty_prefix(folder)
    within = f"{folder}/."  # takes the right to search it
    try:
        with os.scandir(within) as entries:
            return next(entries, None) is None
    except PermissionError:
        os.stat(within)  # noqa: PTH116 - pathlib drops the dot
        return False


def _is_empty_prefix(prefix: Location) -> bool:
    if time.monotonic() - _held.get(prefix, -_ASK_AGAIN_S) < _ASK_AGAIN_S:
        return False
    if not prefix.is_dir():
        return True
    _held[prefix] = time.monotonic()
    return False


def _unreachable(place: object, reason: str) -> UnreachableError:
    text = f"out of reach since its images were listed: {reason}. Bring it back, and run again"
    return UnreachableError(errno.EREMOTEIO, text, str(place))
