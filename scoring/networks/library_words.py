"""What Keras, TensorFlow or another library says of an error, as a part of one of our lines."""

import re
from textwrap import shorten

_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # what makes text bold in a terminal
# TensorFlow's way to what it says of functions that it traces, in lines of files and their sources.
_WAY = re.compile(r"in user code:.*\n\s*\n\s*[\w.]+(Error|Exception): ", re.DOTALL)
_ARGUMENTS = "Arguments received by"  # behind which Keras lists what a layer was called with
_SHOWN = 300  # characters
_MORE = " ..."
_ENDS = ("?", "!", "\u2026")  # of sentences, beside periods


def words_of(error: Exception | str) -> str:
    """An error's own words in one line, without the way to the code that failed, and no more than their beginning.

    Of one without words it is the name of its class.
    """
    words = _ESCAPES.sub("", str(error)).partition(_ARGUMENTS)[0]
    line = " ".join(_WAY.sub("", words, count=1).split())
    if not line and isinstance(error, Exception):
        return type(error).__name__
    short = shorten(line, _SHOWN, placeholder=_MORE)
    return line[: _SHOWN - len(_MORE)] + _MORE if short == _MORE.strip() else short


def sentence_of(error: Exception | str) -> str:
    """The same as the end of a sentence: with one mark at its end, or what tells that there is more."""
    words = words_of(error)
    return words if words.endswith((_MORE, *_ENDS)) else f"{words.rstrip('.: ')}."
