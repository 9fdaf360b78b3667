"""A last line of a process that is ended before it can say one: by the kernel for its memory, or by Ray itself."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# Its standard input ends with this process; a line on it means that nothing is to be said.
_WITNESS = 'read -r _ || printf "%s\\n" "$1" >&2'
_WORDS = "This command was ended from outside: by Ray, or for its memory. What is finished is kept. Run it again"


@contextmanager
def last_words(overwrite: bool = False) -> Iterator[None]:
    """Let a shell say what to do if this process is ended meanwhile.

    Args:
        overwrite: Whether the command was told to begin from nothing.
    """
    words = f"{_WORDS} without overwrite." if overwrite else f"{_WORDS}."
    try:
        witness = subprocess.Popen(["sh", "-c", _WITNESS, "sh", words], stdin=subprocess.PIPE)
    except OSError:  # no shell here
        yield
        return
    try:
        yield
    finally:
        with suppress(OSError):  # a Ctrl-C ends it as well
            witness.communicate(b"\n")
