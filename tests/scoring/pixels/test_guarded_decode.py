import io
import os
import signal
import time

import numpy as np
import pytest
from PIL import Image

from scoring.arrays import UInt8Array
from scoring.errors import ImageError
from scoring.pixels.decoding import Resize, decode
from scoring.pixels.guarded_decode import GuardedDecode


def _decode_or_worse(encoded: bytes, resize: Resize) -> UInt8Array:
    """Pictures named by their bytes kill the process or hang; importable in the process that runs it."""
    if encoded == b"crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if encoded == b"hang":
        time.sleep(3600)
    return decode(encoded, resize)


def test_a_picture_that_crashes_or_hangs_the_decoder_costs_itself_alone() -> None:
    png = io.BytesIO()
    Image.new("RGB", (5, 4), (200, 100, 0)).save(png, "png")
    good = png.getvalue()
    with GuardedDecode(_decode_or_worse, time_limit_s=15) as guarded:
        np.testing.assert_array_equal(guarded(good, Resize.SQUASH), decode(good, Resize.SQUASH))
        with pytest.raises(ImageError, match="it crashes the decoder"):
            guarded(b"crash", Resize.SQUASH)
        np.testing.assert_array_equal(guarded(good, Resize.SQUASH), decode(good, Resize.SQUASH))
        with pytest.raises(ImageError, match="not an image"):
            guarded(b"<html>", Resize.SQUASH)
    with (
        GuardedDecode(_decode_or_worse, time_limit_s=3) as guarded,
        pytest.raises(ImageError, match="takes longer than 3 s"),
    ):
        guarded(b"hang", Resize.SQUASH)
