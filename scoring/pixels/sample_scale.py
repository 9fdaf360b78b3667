"""Which value is white in scientific pictures: in floats, wide and signed integers, whose type does not say it.

1. A TIFF that states a largest sample (tags 281 and 341) of 1 or of a number of bits, 2^n - 1, means it, unless more
   than one sample in a thousand is larger. Other values are what some program found to be the largest sample, but
   infinity is an error.
2. Unsigned 16-bit samples have the range of their type, as in every viewer: 65,535 is white. Of packed samples of fewer
   bits the largest is, 4,095 of 12 bits.
3. Floats and 32-bit integers are from 0 to 1, 0 to 255 or 0 to 65,535 (signed 16-bit: 32,767), signed 8-bit ones from 0
   to 1 or 0 to 127. The least is taken that fits: 99% of the samples are at most white, and unless white is 1, one in a
   hundred is at least a sixteenth of it; at most one in a thousand is beyond 16 times white (of integers: beyond white,
   if that is 1); at most one in a hundred is below zero. So neither one sample nor a border turns a picture black. A
   picture that fits no range is an error.

NaN and minus infinity are black, infinity is white, and none of them counts. A TIFF may say that zero is white.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from scoring.errors import ImageError

_COUNTED = 1_000_000  # samples that tell the range, evenly spaced
_NEARLY = 1 / 255  # of white: so far beyond it, or below zero, rounding may put a sample
_FAR = 16  # the nearest two ranges are 255 apart: a picture is of one of them within this factor
_UNSIGNED_16, _SIGNED_16, _SIGNED_8 = 65_535.0, 32_767.0, 127.0
# TIFF 6.0, sections 8 and 19.
_BITS, _FORMAT, _LARGEST, _LARGEST_OF_TYPE = 258, 339, 281, 341
_IS_SIGNED = 2
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0

Samples = npt.NDArray[Any]


def is_wide(image: Image.Image) -> bool:
    """Whether a picture has one channel of more than 8 bits, or of 8 with a sign."""
    return image.mode == "F" or image.mode.startswith("I") or (image.mode == "L" and _is_signed(image, 8))


def to_eight_bits(image: Image.Image) -> Image.Image:
    """Scale a wide picture to 8 bits, 255 for white, where Pillow would clip it. What is transparent is white.

    Returns:
        A picture of mode `L`, of the same size.

    Raises:
        ImageError: If its range is not known.
    """
    samples = np.asarray(image)
    if image.mode == "L":
        samples = samples.view(np.int8)
    white = _white(image, samples)
    light = white - samples.astype(np.float32) if _is_negative(image) else samples.astype(np.float32)
    known = np.nan_to_num(light, nan=0.0, posinf=white, neginf=0.0)
    scaled = np.clip(np.rint(known * (255.0 / white)), 0, 255).astype(np.uint8)
    transparent = image.info.get("transparency")  # of a PNG, one level of grey
    if isinstance(transparent, int):
        scaled[samples == transparent] = 255
    return Image.fromarray(scaled)


def _is_negative(image: Image.Image) -> bool:
    """Whether a TIFF says that zero is white; Pillow inverts only those of 8 bits."""
    return bool(_first(_tags(image).get(_PHOTOMETRIC)) == _WHITE_IS_ZERO)


def _white(image: Image.Image, samples: Samples) -> float:
    counted = samples.reshape(-1)[:: max(1, samples.size // _COUNTED)]
    counted = np.sort(counted[np.isfinite(counted)]).astype(np.float64)
    if not counted.size:
        raise ImageError("none of its samples is a number")
    stated = _stated(image)
    if stated and _at(counted, 0.999) <= stated * (1 + _NEARLY):
        return stated
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):  # a wide PGM, scaled by Pillow
        return _largest_unsigned(image)
    ranges = _ranges(image)
    for white in ranges:
        if _fits(counted, white, may_exceed=image.mode == "F" or white > 1):
            return white
    raise ImageError(
        f"its samples, most of them from {_at(counted, 0.01):g} to {_at(counted, 0.99):g}, are not known to be "
        f"{', '.join(f'0 to {white:,.0f}' for white in ranges[:-1])} or 0 to {ranges[-1]:,.0f}; "
        "save it with 8 or 16 bits without a sign"
    )


def _fits(counted: Samples, white: float, may_exceed: bool) -> bool:
    """Whether sorted samples are a picture of this range."""
    high = _at(counted, 0.99)
    is_bright = white == 1 or high >= white / _FAR
    is_within = high <= white * (1 + _NEARLY) and _at(counted, 0.999) <= (_FAR if may_exceed else 1) * white
    return is_bright and is_within and _at(counted, 0.01) >= -_NEARLY * white


def _at(counted: Samples, share: float) -> float:
    """The sample below which this share of the sorted ones lies.

    Of several it is never the largest, and for a share below 0.5 never the smallest.
    """
    rank = share * (len(counted) - 1)
    return float(counted[int(np.ceil(rank) if share < 0.5 else np.floor(rank))])


def _tags(image: Image.Image) -> dict[int, Any]:
    tiff: Any = image
    return dict(tiff.tag_v2) if image.format == "TIFF" else {}


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) else value


def _stated(image: Image.Image) -> float | None:
    """The largest sample that a TIFF's tags state, if it is 1 or that of a number of bits."""
    tags = _tags(image)
    value = _first(tags.get(_LARGEST_OF_TYPE, tags.get(_LARGEST)))
    try:
        largest = float(value)
        if np.isposinf(largest):
            raise ImageError("its tags state an infinite largest sample, where a number was expected; save it anew")
        bits = np.log2(largest + 1)
    except (TypeError, ValueError):
        return None
    return largest if largest == 1 or (bits >= 8 and bits == int(bits)) else None


def _largest_unsigned(image: Image.Image) -> float:
    """The largest sample of a type; Pillow does not scale a TIFF's packed samples, and scales all others to 16 bits."""
    bits = _first(_tags(image).get(_BITS))
    return float(2**bits - 1) if isinstance(bits, int) and bits < 16 else _UNSIGNED_16


def _ranges(image: Image.Image) -> tuple[float, ...]:
    """What may be white in samples whose type does not say it."""
    if image.mode == "L":
        return 1.0, _SIGNED_8
    return 1.0, 255.0, _SIGNED_16 if _is_signed(image, 16) else _UNSIGNED_16


def _is_signed(image: Image.Image, bits: int) -> bool:
    tags = _tags(image)
    return (_first(tags.get(_BITS)), _first(tags.get(_FORMAT))) == (bits, _IS_SIGNED)
