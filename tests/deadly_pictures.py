"""Pictures that are bad for who decodes them; processes that start for seconds import this and little else."""

import os
import signal

from scoring.arrays import UInt8Array
from scoring.pixels.decoding import Resize, decode
from scoring.pixels.input_shape import DEFAULT_SHAPE, InputShape

CRASHES, STARVES, IS_KILLED = b"crashes the decoder", b"takes all memory", b"is killed for its memory"


def decode_or_worse(encoded: bytes, resize: Resize, shape: InputShape = DEFAULT_SHAPE) -> UInt8Array:
    """Decode; but pictures named by their bytes kill the process, or have no memory."""
    if encoded == CRASHES:
        os.abort()
    if encoded == IS_KILLED:
        os.kill(os.getpid(), signal.SIGKILL)
    if encoded == STARVES:
        raise MemoryError
    return decode(encoded, resize, shape)
