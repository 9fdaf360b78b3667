"""The program of a decode process; see `scoring.shards.decode_process`, which starts it."""

import pickle
import signal
import socket
import sys
from dataclasses import dataclass, replace
from functools import partial
from io import BufferedRWPair
from typing import TYPE_CHECKING, Any

from scoring.arrays import UInt8Array
from scoring.errors import ImageError
from scoring.pixels.decoding import Decode, Resize
from scoring.pixels.guarded_decode import TIME_LIMIT_S
from scoring.pixels.input_shape import DEFAULT_SHAPE, InputShape
from scoring.process.pyarrow_without_pandas import keep_pandas_from_pyarrow
from scoring.shards.decode_part import DecodedPart, decode_part, of_range
from scoring.shards.decode_process import Opening, Order, map_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def main() -> None:
    """Take the opening and then one order after the other, until nobody is there to send more.

    Signals that a terminal or a supervisor sends to all processes are the worker's business: it ends, and so does this.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    keep_pandas_from_pyarrow()
    connection, file = (int(argument) for argument in sys.argv[1:])
    with socket.socket(fileno=connection) as worker, worker.makefile("rwb") as stream:
        try:
            _serve(stream, file)
        except (EOFError, ConnectionError):  # the worker is gone
            return


def _serve(stream: BufferedRWPair, file: int) -> None:
    opening: Opening = pickle.load(stream)
    decoder = _Decoder(opening, file)
    _send(stream, None)
    while True:
        order: Order = pickle.load(stream)
        _send(stream, _answer(decoder, order))


def _answer(decoder: "_Decoder", order: Order) -> DecodedPart | BaseException:
    try:
        return decoder(order)
    except BaseException as error:  # raised again in the worker  # noqa: BLE001
        return error


def _send(stream: BufferedRWPair, message: Any) -> None:
    try:
        content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        if isinstance(message, BaseException):
            pickle.loads(content)
    except Exception:  # an error whose class cannot be made anew from its arguments  # noqa: BLE001
        content = pickle.dumps(RuntimeError(f"{type(message).__name__}: {message}"), pickle.HIGHEST_PROTOCOL)
    stream.write(content)
    stream.flush()


class _Decoder:
    """Follows orders."""

    def __init__(self, opening: Opening, file: int) -> None:
        self._pixels = replace(opening.pixels, decode=_InTime(opening.pixels.decode))
        self._rows = map_rows(file, opening.num_rows, opening.pixels.shape)
        self._read = opening.collection.open() if opening.collection.has_files else None

    def __call__(self, order: Order) -> DecodedPart:
        rows = of_range(self._rows, order.rows)
        if order.contents is not None:
            reads: Iterable[Callable[[], bytes]] = (partial(_given, content) for content in order.contents)
        else:
            assert self._read is not None
            reads = self._read.ahead(order.images)
        return decode_part(rows, order.images, reads, self._pixels)


@dataclass(frozen=True)
class _InTime:
    """Decodes, and ends this process if that takes too long: nothing else ends a decoder that hangs."""

    decode: Decode

    def __call__(self, encoded: bytes, resize: Resize, shape: InputShape = DEFAULT_SHAPE) -> UInt8Array:
        signal.setitimer(signal.ITIMER_REAL, TIME_LIMIT_S)
        try:
            return self.decode(encoded, resize, shape)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


def _given(content: bytes | str) -> bytes:
    """What the worker has read, or why it cannot."""
    if isinstance(content, str):
        raise ImageError(content)
    return content


if __name__ == "__main__":
    main()
