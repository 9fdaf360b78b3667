"""Decode in a process of its own, for shards that were lost with a worker.

A picture that crashes the decoder, or never ends, then costs its own row and no more.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Self

from scoring.arrays import UInt8Array
from scoring.errors import ImageError
from scoring.pixels.decoding import Decode, Resize, decode

# The largest picture that is let in, 89 megapixels, takes two seconds on a slow core.
TIME_LIMIT_S = 20.0


class GuardedDecode:
    """Decodes as `decode` does, from one thread; a context manager.

    Args:
        decode: What the process runs; importable there.
        time_limit_s: Seconds for one picture, the start of the process included.
    """

    def __init__(self, decode: Decode = decode, time_limit_s: float = TIME_LIMIT_S) -> None:
        self._decode = decode
        self._time_limit_s = time_limit_s
        self._process = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()

    def __call__(self, encoded: bytes, resize: Resize) -> UInt8Array:
        """Decode one picture; see `scoring.pixels.decoding.decode`.

        Raises:
            ImageError: Also if the decoder crashes, or takes longer than the limit.
        """
        try:
            return self._process.submit(self._decode, encoded, resize).result(timeout=self._time_limit_s)
        except BrokenProcessPool as error:
            self._restart()
            raise ImageError("it crashes the decoder") from error
        except TooLate as error:
            self._restart()
            raise ImageError(f"it takes longer than {self._time_limit_s:g} s to decode") from error

    def _start(self) -> ProcessPoolExecutor:
        # Spawned, not forked: this process has threads and a model.
        return ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn"))

    def _restart(self) -> None:
        self._end()
        self._process = self._start()

    def _end(self) -> None:
        for process in list((self._process._processes or {}).values()):
            process.kill()  # `shutdown` would wait for a decoder that hangs; from Python 3.14 on: kill_workers()
        self._process.shutdown(wait=False, cancel_futures=True)
