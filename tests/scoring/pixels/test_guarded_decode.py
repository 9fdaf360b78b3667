import io
import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scoring.arrays import UInt8Array
from scoring.errors import BusyError, ImageError
from scoring.pixels import guarded_decode
from scoring.pixels.decoding import Decode, Resize, decode
from scoring.pixels.guarded_decode import DecoderKilledError, DecoderStartError, GuardedDecode
from scoring.pixels.input_shape import DEFAULT_SHAPE, InputShape
from scoring.shards.row_faults import may_pass, row_fault

_GOOD = b"P6 5 4 255 " + bytes(range(60))


def _decode_or_worse(encoded: bytes, resize: Resize, shape: InputShape = DEFAULT_SHAPE) -> UInt8Array:
    """Pictures named by their bytes kill the process, hang or wait; importable in the process that runs it."""
    if encoded == b"crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    while encoded == b"hang":
        pass
    if encoded == b"wait":
        time.sleep(3600)
    return decode(encoded, resize, shape)


def test_a_picture_that_crashes_or_hangs_the_decoder_costs_itself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
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
    monkeypatch.setattr(guarded_decode, "_BUSY", 100)  # as this machine may be
    with GuardedDecode(_decode_or_worse, time_limit_s=1) as guarded:
        with pytest.raises(ImageError, match="takes longer than 1 s") as raised:
            guarded(b"hang", Resize.SQUASH)
        assert row_fault(raised.value) == "it takes longer than 1 s to decode"
        np.testing.assert_array_equal(guarded(good, Resize.SQUASH), decode(good, Resize.SQUASH))


@pytest.mark.ci
def test_a_picture_that_waits_for_a_busy_machine_may_be_decoded_at_another_time() -> None:
    """As where other work has the processors: its own time is not used up when it is given up."""
    with GuardedDecode(_decode_or_worse, time_limit_s=1) as guarded:
        with pytest.raises(BusyError) as raised:
            guarded(b"wait", Resize.SQUASH)
        assert row_fault(raised.value) == "temporary: it was not decoded within 2 s"
        assert may_pass(row_fault(raised.value))
        np.testing.assert_array_equal(guarded(_GOOD, Resize.SQUASH), decode(_GOOD, Resize.SQUASH))


def _decode_or_be_killed(encoded: bytes, resize: Resize, shape: InputShape = DEFAULT_SHAPE) -> UInt8Array:
    """`kill` and a number send the process that signal; behind it, a file that this leaves says that it did."""
    if encoded.startswith(b"kill"):
        _, number, name = encoded.split(maxsplit=2)
        if not Path(name.decode()).exists():
            Path(name.decode()).touch()
            os.kill(os.getpid(), int(number))
        encoded = _GOOD
    if encoded == b"always":
        os.kill(os.getpid(), signal.SIGKILL)
    return decode(encoded, resize, shape)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_picture_whose_process_is_killed_once_is_decoded(tmp_path: Path, number: int) -> None:
    """As by a kernel that is out of memory for a moment, or by Ctrl-C, which a terminal sends to all processes."""
    with GuardedDecode(_decode_or_be_killed, time_limit_s=15) as guarded:
        pixels = guarded(b"kill %d %b" % (number, os.fsencode(tmp_path / "killed")), Resize.SQUASH)
    assert (tmp_path / "killed").exists()
    np.testing.assert_array_equal(pixels, decode(_GOOD, Resize.SQUASH))


def test_process_that_is_killed_again_and_again_is_no_fault_of_a_picture() -> None:
    with GuardedDecode(_decode_or_be_killed, time_limit_s=15) as guarded:
        with pytest.raises(DecoderKilledError, match="it was killed with code -9, as where memory is short") as raised:
            guarded(b"always", Resize.SQUASH)
        with pytest.raises(DecoderKilledError):
            row_fault(raised.value)
        np.testing.assert_array_equal(guarded(_GOOD, Resize.SQUASH), decode(_GOOD, Resize.SQUASH))


class _SlowToLoad:
    """Decodes; the process that it is sent to takes four seconds to start."""

    def __reduce__(self) -> tuple[object, ...]:
        return _load_slowly, ()

    __call__ = staticmethod(decode)


class _EndsItsProcess(_SlowToLoad):
    """Ends the process that it is sent to before that has started."""

    def __reduce__(self) -> tuple[object, ...]:
        return os._exit, (3,)


def _load_slowly() -> Decode:
    time.sleep(4)
    return decode


@pytest.mark.ci
def test_start_of_the_process_is_not_charged_to_the_picture() -> None:
    png = io.BytesIO()
    Image.new("RGB", (5, 4), (200, 100, 0)).save(png, "png")
    with GuardedDecode(_SlowToLoad(), time_limit_s=3) as guarded:
        np.testing.assert_array_equal(guarded(png.getvalue(), Resize.SQUASH), decode(png.getvalue(), Resize.SQUASH))


def test_process_that_cannot_start_is_no_fault_of_a_picture() -> None:
    with GuardedDecode(_EndsItsProcess()) as guarded:
        for _ in range(2):
            with pytest.raises(DecoderStartError, match="it ended with code 3") as raised:
                guarded(b"<html>", Resize.SQUASH)
            with pytest.raises(DecoderStartError):
                row_fault(raised.value)


def test_large_picture_reaches_a_process_that_has_just_started_and_its_pixels_come_back() -> None:
    content = io.BytesIO()
    Image.effect_noise((1500, 1500), 80).save(content, "png")
    assert len(content.getvalue()) > 1024**2  # more than a pipe holds
    with GuardedDecode(time_limit_s=15) as guarded:
        np.testing.assert_array_equal(
            guarded(content.getvalue(), Resize.SQUASH), decode(content.getvalue(), Resize.SQUASH)
        )


@pytest.mark.ci
def test_process_ends_with_the_block_though_it_hangs() -> None:
    with GuardedDecode(_decode_or_worse, time_limit_s=1) as guarded:
        (process,) = multiprocessing.active_children()
        assert process.is_alive()
        with pytest.raises(BusyError):
            guarded(b"wait", Resize.SQUASH)
    assert multiprocessing.active_children() == []
