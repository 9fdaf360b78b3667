"""An object as a file that is open for reading: each read is a range of it."""

import errno
import io
import os
from collections.abc import Callable
from functools import cached_property
from typing import Any


class RangedFile(io.RawIOBase):
    """Reads what it is asked for and nothing else; put a buffer around it.

    Args:
        size_bytes: Returns the object's size; called once, when the size is first needed.
        read_range: `read_range(start, length)` returns `length` bytes from `start` on.
    """

    def __init__(self, size_bytes: Callable[[], int], read_range: Callable[[int, int], bytes]) -> None:
        self._ask_size = size_bytes
        self._read_range = read_range
        self._position = 0

    @cached_property
    def _size(self) -> int:
        return self._ask_size()

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it can be read from any position."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """See `io.IOBase.seek`."""
        starts = {io.SEEK_SET: 0, io.SEEK_CUR: self._position}
        position = offset + (self._size if whence == io.SEEK_END else starts[whence])
        if position < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))  # as of a file
        self._position = position
        return position

    def readinto(self, buffer: Any) -> int:
        """See `io.RawIOBase.readinto`."""
        length = min(len(buffer), self._size - self._position)
        if length <= 0:
            return 0
        content = self._read_range(self._position, length)
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)
