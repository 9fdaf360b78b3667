"""JPEG XL of 8 x 8 pixels, as libjxl wrote them, of kinds that the plugin does not write."""

from importlib.util import find_spec

import numpy as np
import pytest

from scoring.errors import ImageError
from scoring.pixels.decoding import Resize, decode
from scoring.pixels.input_shape import InputShape

pytestmark = pytest.mark.skipif(find_spec("pillow_jxl") is None, reason="needs the extra `formats`")

_SHAPE = InputShape(8, 8, 3)
# (200, 100, 10), then blue, then black.
_ANIMATED = bytes.fromhex(
    "ff0a41044d0020260804010068004b188b1500d417ef2ec678770010e80500c0639883667c010406080401003c004b188b15805dd4ff002203"
    "abaa893f080405001c004b188b15820300"
)
_FIRST_ALONE = bytes.fromhex("ff0a4140240804010068004b188b1500d417ef2ec678770010e80500c0639883667c010406")
# Grey from black at the left to white at the right; the lower half is transparent.
_DEEP = {
    "10 bits": (
        "ff0a41d02080a24508101000fc004b18938e838319e0e40cd58bbab34ed07d8103000c00122448982041f2da9020618204c9b5ad6a478c18"
        "5162c4c81077982499210000c09f6392e40f000000"
    ),
    "16 bits": (
        "0000000c4a584c200d0a870a00000014667479706a786c20000000006a786c20000000096a786c6c0a000000666a786c63ff0a41f023f801"
        "285a040810100038014b18938e838319e02405aa177567fd008c2f700080014092204990244c12240992e4b56d481224099304498224b9b6"
        "6d553b9218498c244a1223899164883b4c92cc100000e0cf3149f207000000"
    ),
    "floats": (
        "0000000c4a584c200d0a870a00000014667479706a786c20000000006a786c20000000096a786c6c0a000000546a786c63ff0a41c80939"
        "80a24508101000f4004b386898c283f71514044076630c26948c31c6d8f1a948007864509224e1010000489224f87bdcb6ad2449224992"
        "48b54992240000003f88ffffffbf0f"
    ),
}


def _boxed(codestream: bytes, kind: bytes) -> bytes:
    """In a container, after a box of another kind; a partial codestream begins with its number."""
    content = codestream if kind == b"jxlc" else b"\x80\0\0\0" + codestream
    boxes = ((b"JXL ", b"\r\n\x87\n"), (b"ftyp", b"jxl \0\0\0\0jxl "), (b"xml ", b"<?x?>"), (kind, content))
    return b"".join((8 + len(inside)).to_bytes(4, "big") + name + inside for name, inside in boxes)


@pytest.mark.parametrize("kind", [b"", b"jxlc", b"jxlp"])
def test_animation_is_an_image_error_and_not_its_last_frame(kind: bytes) -> None:
    alone, animated = (_boxed(file, kind) if kind else file for file in (_FIRST_ALONE, _ANIMATED))
    assert decode(alone, Resize.SQUASH, _SHAPE)[0, 0].tolist() == [200, 100, 10]
    with pytest.raises(ImageError, match="an animated JPEG XL, whose first frame is not decoded; save"):
        decode(animated, Resize.SQUASH, _SHAPE)


@pytest.mark.parametrize("kind", _DEEP)
def test_grey_with_alpha_of_more_than_8_bits_is_the_picture(kind: str) -> None:
    pixels = decode(bytes.fromhex(_DEEP[kind]), Resize.SQUASH, _SHAPE)
    expected = np.full((8, 8, 3), 255)
    expected[:4] = np.rint(np.linspace(0, 255, 8))[:, None]
    assert np.abs(pixels - expected).max() <= 1
