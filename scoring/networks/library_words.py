"""What Keras, TensorFlow or another library says of an error, as a part of one of our lines."""

import re
from textwrap import shorten

_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # what makes text bold in a terminal
_ARGUMENTS = "Arguments received by"  # behind which Keras lists what a layer was called with
_SHOWN = 300  # characters


def words_of(error: Exception | str) -> str:
    """An error's own words in one line, and no more than their beginning."""
    return shorten(_ESCAPES.sub("", str(error)).partition(_ARGUMENTS)[0], _SHOWN, placeholder=" ...")
