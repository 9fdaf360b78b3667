"""Decode in processes of their own, straight into batches that they share with the worker.

Python runs one thread at a time: with decode threads, one process makes two thousand images a second ready, whatever
its cores (tests/benchmarks/feed_rate.py), and a GPU asks for ten thousand. The shared memory has no name: nothing of it
is left when the last process that has it is gone, however it ended. A decode process ends with its worker.
"""

import mmap
import os
import pickle
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from queue import SimpleQueue
from typing import Any

import numpy as np

from scoring.arrays import UInt8Array
from scoring.pixels.guarded_decode import GuardedDecode
from scoring.pixels.input_shape import InputShape
from scoring.process.child_process import child_command, child_environment
from scoring.shards.decode_part import DecodedPart, PixelsOf, decode_part, of_range
from scoring.shards.row_faults import row_fault
from scoring.sources.entries import ImageEntry
from scoring.sources.inputs import open_images, refuse_absent_images
from scoring.sources.table_columns import TableColumns
from scoring.sources.timed_reader import TimedReader
from scoring.storage.locations import Location

_START_LIMIT_S = 120.0
_CHILD = "scoring.shards.decode_child"


@dataclass(frozen=True)
class Collection:
    """Where a decode process reads images.

    Attributes:
        images: The collection.
        columns: Which columns of a table say what.
        read_timeout_s: Seconds that reading one may take; None for any time.
        as_on_driver: Whether paths mean the same files here as where they were listed.
    """

    images: Location
    columns: TableColumns
    read_timeout_s: float | None
    as_on_driver: bool = True

    @cached_property
    def has_files(self) -> bool:
        """Whether images can be files of their own, which cost nothing to open in another process."""
        return self.images.is_dir()

    def open(self) -> TimedReader:
        """A reader of its images."""
        return open_images(self.images, self.columns, self.read_timeout_s, self.as_on_driver)

    def refuse_absent(self, common: str) -> None:
        """Raise UnreachableError if images are files of their own, and this folder of all of them is gone or empty."""
        refuse_absent_images(self.images, self.columns, common)


@dataclass(frozen=True)
class Opening:
    """The first message to a decode process.

    Attributes:
        collection: Where to read images.
        pixels: What to make of them.
        num_rows: Rows of the shared memory, each for one image.
    """

    collection: Collection
    pixels: PixelsOf
    num_rows: int


@dataclass(frozen=True)
class Order:
    """One task of a decode process.

    Attributes:
        rows: Numbers of the rows to decode to.
        images: What to decode.
        contents: Their bytes, or why they cannot be read; None if the process is to read them.
    """

    rows: range
    images: Sequence[ImageEntry]
    contents: Sequence[bytes | str] | None


class DecodeProcesses:
    """Decode processes and the memory that they decode into; they start in about a second, while the worker goes on.

    Each call occupies one process; call it from as many threads as there are processes. If a process dies, what it had
    is decoded again, each image by itself, and only an image that kills a process again, or takes too long, fails.

    Args:
        count: How many.
        collection: Where images are read.
        read: The same in this process, for images that are no files of their own: no process needs an archive's
            directory for itself.
    """

    def __init__(self, count: int, collection: Collection, read: TimedReader) -> None:
        self._collection, self._read = collection, read
        self._file = os.memfd_create("shardscore-batches")
        self._processes = [_Process(self._file) for _ in range(count)]
        self._idle: SimpleQueue[_Process] = SimpleQueue()
        for process in self._processes:
            self._idle.put(process)

    def open(self, num_rows: int, pixels: PixelsOf) -> UInt8Array:
        """Say what to decode to; must come before the first call.

        Returns:
            Black rows, shape (num_rows, height, width, channels).
        """
        self._opening = Opening(self._collection, pixels, num_rows)
        self._rows = map_rows(self._file, num_rows, pixels.shape, grow=True)
        return self._rows

    def __call__(self, rows: range, images: Sequence[ImageEntry]) -> DecodedPart:
        """Decode images into these rows; see `decode_part`.

        Raises:
            RuntimeError: If a process cannot start.
        """
        started = time.perf_counter()
        order, read_s = Order(rows, images, None), 0.0
        if not self._collection.has_files or any(image.position is not None for image in images):
            order = replace(order, contents=list(map(_content, images, self._read.ahead(images))))
            read_s = time.perf_counter() - started
        process = self._idle.get()
        try:
            part = process.do(order, self._opening)
        except _DiedError:
            return self._each_by_itself(rows, images)
        finally:
            self._idle.put(process)
        return replace(part, read_s=part.read_s + read_s)

    def close(self) -> None:
        """End the processes; nothing may be called any more."""
        for process in self._processes:
            process.end()
        os.close(self._file)

    def _each_by_itself(self, rows: range, images: Sequence[ImageEntry]) -> DecodedPart:
        with GuardedDecode(self._opening.pixels.decode) as guarded:
            pixels = replace(self._opening.pixels, decode=guarded)
            return decode_part(of_range(self._rows, rows), images, self._read.ahead(images), pixels)


def _content(image: ImageEntry, read: Callable[[], bytes]) -> bytes | str:
    try:
        return read()
    except BaseException as error:  # raised again if it is no fault of this image  # noqa: BLE001
        return row_fault(error, in_reading=True, path=image.path)


class _DiedError(Exception):
    """A decode process died of an order."""


class _Process:
    """One decode process, started anew when it has died."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._is_running = self._is_open = False
        self._start()

    def do(self, order: Order, opening: Opening) -> DecodedPart:
        if not self._is_running:
            self._start()
        if not self._is_open:
            self._open(opening)
        try:
            self._send(order)
            answer = pickle.load(self._stream)
        except (EOFError, OSError, pickle.UnpicklingError) as error:  # the other end is gone
            self.end()
            raise _DiedError from error
        except BaseException:  # its answer may still come, and would be taken for that to the next order
            self.end()
            raise
        if isinstance(answer, BaseException):
            raise answer
        part: DecodedPart = answer
        return part

    def end(self) -> None:
        if not self._is_running:
            return
        self._is_running = False
        self._process.kill()  # it may hang
        self._process.wait()
        with suppress(OSError):  # what could not be sent any more
            self._stream.close()
        self._socket.close()

    def _start(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            files = (theirs.fileno(), self._file)
            self._process = subprocess.Popen(
                child_command(_CHILD, *files),
                env=child_environment(OMP_NUM_THREADS="1", CUDA_VISIBLE_DEVICES=""),
                pass_fds=files,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        self._stream = self._socket.makefile("rwb")
        self._is_running, self._is_open = True, False

    def _open(self, opening: Opening) -> None:
        """Wait until it has started, and say what to do.

        Raises:
            RuntimeError: If it cannot start: that is no fault of an image.
        """
        self._socket.settimeout(_START_LIMIT_S)
        try:
            self._send(opening)
            problem = pickle.load(self._stream)
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            self.end()
            code = self._process.returncode
            raise RuntimeError(f"Expected a decode process to start; it ended with code {code}: {error}") from error
        if problem is not None:
            raise problem
        self._socket.settimeout(None)
        self._is_open = True

    def _send(self, message: Any) -> None:
        pickle.dump(message, self._stream, pickle.HIGHEST_PROTOCOL)
        self._stream.flush()


def map_rows(file: int, num_rows: int, shape: InputShape, grow: bool = False) -> UInt8Array:
    """Rows of pixels in shared memory, shape (num_rows, height, width, channels)."""
    shape_of_all = shape.as_array(num_rows)
    size_bytes = int(np.prod(shape_of_all))
    if grow:
        os.ftruncate(file, size_bytes)
    flags = mmap.MAP_SHARED | mmap.MAP_POPULATE  # now, not page by page and process by process while images wait
    return np.frombuffer(mmap.mmap(file, size_bytes, flags), np.uint8).reshape(shape_of_all)
