"""Natural order: 2 before 10."""

import re

from natsort import natsort_keygen

_DIGITS = re.compile("[0-9]+")
_natural = natsort_keygen()


def natural_key(text: str) -> str:
    """A text whose plain order is the natural order of `text`, as natsort has it.

    A number becomes a zero byte, which is in no file name and comes before all others, the count of its digits in five
    places, and its digits without leading zeros.
    """
    if text.isascii():
        return _DIGITS.sub(lambda digits: _number(digits[0]), text)
    return "".join(part if isinstance(part, str) else _number(str(part)) for part in _natural(text))


def _number(digits: str) -> str:
    digits = digits.lstrip("0")
    return f"\0{len(digits):05d}{digits}"
