"""A last line of a process that is ended before it can say one: by the kernel for its memory, or by Ray itself."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

# Its standard input ends with this process. A line on it says what to say then; an empty one, nothing.
_WITNESS = 'words=$1; while read -r line; do words=$line; done; [ -z "$words" ] || printf "%s\\n" "$words" >&2'
_WORDS = "This command was ended from outside: by Ray, or for its memory. What is finished is kept. Run it again"
_tell: ContextVar[Callable[[bytes], object]] = ContextVar("tell", default=lambda line: None)


@contextmanager
def last_words() -> Iterator[None]:
    """Let a shell say what to do if this process is ended meanwhile."""
    try:
        witness = subprocess.Popen(["sh", "-c", _WITNESS, "sh", f"{_WORDS}."], stdin=subprocess.PIPE, bufsize=0)
    except OSError:  # no shell here
        yield
        return
    assert witness.stdin
    token = _tell.set(witness.stdin.write)
    try:
        yield
    finally:
        _tell.reset(token)
        with suppress(OSError):  # a Ctrl-C ends it as well
            witness.communicate(b"\n")


def note_removal() -> None:
    """The earlier results are removed: a command that was told to overwrite them goes on only without that."""
    with suppress(OSError):
        _tell.get()(f"{_WORDS} without --overwrite.\n".encode())
