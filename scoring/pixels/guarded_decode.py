"""Decode in a process of its own, for shards that were lost with a worker.

A picture that crashes the decoder, or never ends, then costs its own row and no more.
"""

import multiprocessing
import signal
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from scoring.arrays import UInt8Array
from scoring.errors import BusyError, ImageError
from scoring.pixels.decoding import Decode, Resize, decode
from scoring.pixels.input_shape import DEFAULT_SHAPE, InputShape
from scoring.process.child_process import FROM_OUTSIDE

# The largest picture that is let in, 89 megapixels, takes two seconds on a slow core.
TIME_LIMIT_S = 20.0
_BUSY = 2  # times the limit pass until a process that has not used it up is taken to wait for a busy machine
_START_LIMIT_S = 120.0
_END_LIMIT_S = 10.0  # for a process that has let its end of the pipe go


class DecoderStartError(RuntimeError):
    """The process cannot start: that is no fault of a picture."""


class DecoderKilledError(RuntimeError):
    """The process was killed from outside: that is no fault of a picture."""


class GuardedDecode:
    """Decodes as `decode` does, from one thread; a context manager.

    Args:
        decode: What the process runs; it must be importable by its name.
        time_limit_s: Seconds of a processor for one picture; the process has two minutes of its own to start.
    """

    def __init__(self, decode: Decode = decode, time_limit_s: float = TIME_LIMIT_S) -> None:
        self._decode = decode
        self._time_limit_s = time_limit_s
        self._is_ready = False
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()

    def __call__(self, encoded: bytes, resize: Resize, shape: InputShape = DEFAULT_SHAPE) -> UInt8Array:
        """Decode one picture; see `scoring.pixels.decoding.decode`.

        Raises:
            ImageError: Also if the decoder crashes, or takes longer than the limit.
            BusyError: If it is not ready after twice the limit, though it had less of a processor.
            DecoderStartError: If its process cannot start.
            DecoderKilledError: If it is killed from outside, and a new one is too.
        """
        try:
            return self._decoded(encoded, resize, shape)
        except DecoderKilledError:
            return self._decoded(encoded, resize, shape)

    def _decoded(self, encoded: bytes, resize: Resize, shape: InputShape) -> UInt8Array:
        self._await_start()
        try:
            self._connection.send((encoded, resize, shape))
            answer = self._receive(_BUSY * self._time_limit_s)
        except TimeoutError as error:
            self._restart()
            raise BusyError(f"it was not decoded within {_BUSY * self._time_limit_s:g} s") from error
        except (EOFError, OSError) as error:  # the other end is gone
            code = self._exit_code()
            self._restart()
            if code == -signal.SIGPROF:
                raise ImageError(f"it takes longer than {self._time_limit_s:g} s to decode") from error
            if code in FROM_OUTSIDE:
                raise DecoderKilledError(
                    f"Expected a decode process to live; it was killed with code {code}, as where memory is short. Use "
                    "fewer actors or a machine with more memory, and run again."
                ) from error
            raise ImageError("it crashes the decoder") from error
        if isinstance(answer, Exception):
            raise answer
        pixels: UInt8Array = answer
        return pixels

    def _start(self) -> None:
        # Spawned, not forked: this process has threads and a model.
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._is_ready = False
        self._process = context.Process(target=_serve, args=(self._decode, theirs, self._time_limit_s), daemon=True)
        self._process.start()
        theirs.close()  # so that its end is heard when the process is gone

    def _await_start(self) -> None:
        if self._is_ready:
            return
        try:
            self._receive(_START_LIMIT_S)
        except TimeoutError as error:
            raise DecoderStartError(
                f"Expected a decode process to start; it has not within {_START_LIMIT_S:g} s."
            ) from error
        except (EOFError, OSError) as error:  # the other end is gone
            raise DecoderStartError(
                f"Expected a decode process to start; it ended with code {self._exit_code()}."
            ) from error
        self._is_ready = True

    def _exit_code(self) -> int | None:
        """That of a process which has let its end of the pipe go; None if it lives on."""
        self._process.join(_END_LIMIT_S)
        return self._process.exitcode

    def _receive(self, limit_s: float) -> Any:
        if not self._connection.poll(limit_s):
            raise TimeoutError
        return self._connection.recv()

    def _restart(self) -> None:
        self._end()
        self._start()

    def _end(self) -> None:
        self._process.kill()  # it may hang
        self._process.join()
        self._process.close()
        self._connection.close()


def _serve(decode: Decode, connection: Connection, time_limit_s: float) -> None:
    """Say that the process is ready, and decode what arrives until nobody is there to send more.

    A picture that takes too long ends the process, by a signal that counts its own time and not that of others.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; it is the worker's business
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    connection.send(None)
    while True:
        try:
            encoded, resize, shape = connection.recv()
        except EOFError:
            return
        signal.setitimer(signal.ITIMER_PROF, time_limit_s)
        try:
            answer: UInt8Array | Exception = decode(encoded, resize, shape)
        except Exception as error:  # raised again where it was asked for  # noqa: BLE001
            answer = error
        signal.setitimer(signal.ITIMER_PROF, 0)
        connection.send(answer)
