"""What Keras, TensorFlow or another library says of an error, as a part of one of our lines."""

import re
from textwrap import shorten

_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # what makes text bold in a terminal
# TensorFlow's way to what it says of functions that it traces, in lines of files and their sources.
_WAY = re.compile(r"in user code:.*\n\s*\n\s*[\w.]+(Error|Exception): ", re.DOTALL)
_ARGUMENTS = "Arguments received by"  # behind which Keras lists what a layer was called with
_SHOWN = 300  # characters
_MORE = " ..."


def words_of(error: Exception | str) -> str:
    """An error's own words in one line, without the way to the code that failed, and no more than their beginning."""
    words = _ESCAPES.sub("", str(error)).partition(_ARGUMENTS)[0]
    return shorten(_WAY.sub("", words, count=1), _SHOWN, placeholder=_MORE)


def sentence_of(error: Exception | str) -> str:
    """The same as the end of a sentence: with one period, or what tells that there is more."""
    words = words_of(error)
    return words if words.endswith(_MORE) else f"{words.rstrip('. ')}."
