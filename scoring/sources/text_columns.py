"""Names of a whole column at once: their natural keys, and what they are without suffix, as for one name elsewhere."""

import os
from functools import lru_cache
from itertools import takewhile
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from scoring.arrays import UInt8Array
from scoring.sources.natural_order import natural_key

_SIX = "V6"  # six bytes as NumPy calls them
_HEAD = 6  # bytes before a number's digits: one that comes before all, and how many digits follow
_LONGEST_TEXT = 2**31 - 1  # bytes that a text of Arrow can have
_LONGEST = 99_999  # digits that a head can count
_ZERO, _DOT, _SLASH = b"0./"
_LAST_ASCII = 127
_Offsets = npt.NDArray[np.int64]


def common_folder(first: str, last: str) -> str:
    """The folder that all texts between two in plain order share, with the slash at its end; empty if there is none."""
    pairs = zip(first.split("/")[:-1], last.split("/")[:-1], strict=False)
    return "".join(f"{step}/" for step, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def shared_folder(texts: pa.StringArray) -> str:
    """The folder that all texts share, of which there is at least one; see `common_folder`."""
    folder = common_folder(texts[0].as_py(), texts[-1].as_py())
    if _all(pc.starts_with(texts, folder)):
        return folder
    bounds = pc.min_max(texts).as_py()
    return common_folder(bounds["min"], bounds["max"])


def bare_names(texts: pa.StringArray, folder: str = "") -> pa.StringArray:
    """The texts, all of which begin with `folder`, without it and without the suffix that `os.path.splitext` finds."""
    data, offsets = _bytes_of(texts)
    start, ends = len(folder.encode()), offsets[1:]
    suffix = os.path.splitext(texts[0].as_py())[1] if len(texts) else ""
    if suffix and pc.all(pc.ends_with(texts, suffix)).as_py():
        bare = ends - len(suffix.encode())
        before = data[bare - 1]  # if it is part of a name, the suffix is one
        if ((bare > offsets[:-1] + start) & (before != _DOT) & (before != _SLASH)).all():
            return pc.binary_slice(texts.view(pa.binary()), start, -len(suffix.encode())).view(pa.string())
    return _texts(*_cut(data, offsets[:-1] + start, _ends_of_bare(data, offsets)))


def _ends_of_bare(data: UInt8Array, offsets: _Offsets) -> _Offsets:
    """Where each text ends without its suffix."""
    ends = offsets[1:]
    dot, slash = (_last(data == mark, ends) for mark in (_DOT, _SLASH))
    name = np.maximum(slash + 1, offsets[:-1])
    begins_with_dot = name < ends
    begins_with_dot[begins_with_dot] = data[name[begins_with_dot]] == _DOT
    bare: _Offsets = np.where((dot > name) & ~begins_with_dot, dot, ends)
    for row in np.flatnonzero(begins_with_dot):  # `..a.jpg` has one, `..jpg` has none
        bare[row] = offsets[row] + len(os.path.splitext(data[offsets[row] : offsets[row + 1]].tobytes())[0])
    return bare


def below(texts: pa.StringArray, folder: str) -> pa.StringArray:
    """The texts, all of which begin with `folder`, without it."""
    # Arrow (26) fails without a stop.
    rest = pc.binary_slice(texts.view(pa.binary()), len(folder.encode()), _LONGEST_TEXT) if folder else texts
    return rest.view(pa.string())


def any_step_begins(texts: pa.StringArray, firsts: bytes) -> bool:
    """Whether a text, or what stands behind a slash in one, begins with one of these bytes."""
    data, offsets = _bytes_of(texts)
    begins = np.concatenate([offsets[:-1], np.flatnonzero(data == _SLASH) + 1])
    is_one = np.zeros(256, np.bool_)
    is_one[list(firsts)] = True
    return bool(is_one[data[begins[begins < len(data)]]].any())


def is_rising(texts: pa.StringArray) -> bool:
    """Whether the `natural_key` of each text comes after that of the one before it.

    Of two texts with digits in the same places plain order tells, several times as fast as keys.
    """
    data, offsets = _bytes_of(texts)
    if not len(data) or data.max() > _LAST_ASCII or np.diff(offsets).max() > _LONGEST:
        return _all_less(natural_keys(texts))
    shapes = _texts(((data - np.uint8(_ZERO)) < 10).view(np.uint8), offsets)
    others = np.flatnonzero(pc.not_equal(shapes[:-1], shapes[1:]).to_numpy(zero_copy_only=False))
    if 2 * len(others) > len(texts):
        return _all_less(natural_keys(texts))
    firsts, seconds = (natural_keys(texts.take(pa.array(others + step))) for step in (0, 1))
    if not _all(pc.less(firsts, seconds)):
        return False
    is_less = pc.less(texts[:-1], texts[1:])
    return _all(pc.or_(is_less, pc.not_equal(shapes[:-1], shapes[1:])))


def _all_less(keys: pa.BinaryArray) -> bool:
    return _all(pc.less(keys[:-1], keys[1:]))


def _all(values: pa.BooleanArray) -> bool:
    return pc.all(values).as_py() is not False


def natural_keys(texts: pa.StringArray) -> pa.BinaryArray:
    """The `natural_key` of each text, as bytes."""
    is_ascii = pc.string_is_ascii(texts).to_numpy(zero_copy_only=False)
    if is_ascii.all():
        return _ascii_keys(texts)
    others = np.flatnonzero(~is_ascii)
    keys = pa.array([natural_key(text).encode() for text in texts.take(pa.array(others)).to_pylist()], pa.binary())
    rows = np.concatenate([np.flatnonzero(is_ascii), others])
    joined = pa.concat_arrays([_ascii_keys(texts.filter(pa.array(is_ascii))), keys])
    return joined.take(pa.array(np.argsort(rows, kind="stable")))


def _ascii_keys(texts: pa.StringArray) -> pa.BinaryArray:
    """See `natural_key`: a head before each number, and no leading zeros."""
    data, offsets = _bytes_of(texts)
    if not len(data):
        return texts.cast(pa.binary())
    begins, ends = _runs((data - np.uint8(_ZERO)) < 10, offsets)
    firsts = _without_zeros(data, begins, ends)
    lengths, heads_before = ends - firsts, np.searchsorted(begins, offsets)
    if (firsts > begins).any():
        gone = np.concatenate([[0], np.cumsum(firsts - begins)])  # zeros before each number
        is_kept = np.ones(len(data), np.bool_)
        is_kept[np.arange(gone[-1]) + np.repeat(begins - gone[:-1], firsts - begins)] = False
        data, offsets, begins = data[is_kept], offsets - gone[heads_before], begins - gone[:-1]
    if len(begins) and lengths.max() > _LONGEST:
        return pa.array([natural_key(text).encode() for text in texts.to_pylist()], pa.binary())
    return _texts(_with_heads(data, begins, lengths), offsets + _HEAD * heads_before).cast(pa.binary())


def _with_heads(data: UInt8Array, begins: _Offsets, lengths: _Offsets) -> UInt8Array:
    """The same with a head of six bytes before each number, which says how many digits it has."""
    if not len(begins):
        return data
    keys, is_data = (
        np.empty(len(data) + _HEAD * len(begins), np.uint8),
        np.ones(len(data) + _HEAD * len(begins), np.bool_),
    )
    places = begins + _HEAD * np.arange(len(begins))
    _every_six(is_data)[places] = np.zeros(1, _SIX)
    keys[is_data] = data
    _every_six(keys)[places] = _heads(int(lengths.max())).view(_SIX)[lengths, 0]
    return keys


def _every_six(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The six bytes from each byte on as one value, so that a head is written at once; a view."""
    return np.ndarray(len(values) - _HEAD + 1, _SIX, buffer=values, strides=(1,))


@lru_cache(maxsize=1)
def _heads(longest: int) -> UInt8Array:
    """The head of every number of up to so many digits, shape (longest + 1, 6)."""
    heads = np.zeros((longest + 1, _HEAD), np.uint8)
    for place in range(1, _HEAD):
        heads[:, place] = np.arange(longest + 1) // 10 ** (_HEAD - 1 - place) % 10 + _ZERO
    return heads


def _runs(is_digit: npt.NDArray[np.bool_], offsets: _Offsets) -> tuple[_Offsets, _Offsets]:
    """Where each number begins, and behind its last digit; none goes on from one text into the next."""
    edges = offsets[(offsets > 0) & (offsets < len(is_digit))]
    begins, ends = is_digit.copy(), is_digit.copy()
    begins[1:] &= ~is_digit[:-1]
    begins[edges] = is_digit[edges]
    ends[:-1] &= ~is_digit[1:]
    ends[edges - 1] = is_digit[edges - 1]
    return np.flatnonzero(begins), np.flatnonzero(ends) + 1


def _without_zeros(data: UInt8Array, begins: _Offsets, ends: _Offsets) -> _Offsets:
    """Where each number's first digit above 0 stands; its end if it has none."""
    firsts = begins.copy()
    led = np.flatnonzero(data[begins] == _ZERO)
    while len(led):
        firsts[led] += 1
        led = led[firsts[led] < ends[led]]
        led = led[data[firsts[led]] == _ZERO]
    return firsts


def _last(is_mark: npt.NDArray[np.bool_], ends: _Offsets) -> _Offsets:
    """Where the last mark before each end stands; -1 where there is none."""
    marks = np.concatenate([[-1], np.flatnonzero(is_mark)])
    found: _Offsets = marks[np.searchsorted(marks, ends) - 1]
    return found


def _cut(data: UInt8Array, starts: _Offsets, ends: _Offsets) -> tuple[UInt8Array, _Offsets]:
    """The bytes from each start to its end, and where each begins now."""
    lengths = ends - starts
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return data[np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)], offsets


def _bytes_of(texts: pa.StringArray) -> tuple[UInt8Array, _Offsets]:
    """The texts' bytes, and where each begins; one more says where the last ends."""
    if not len(texts):
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    _, places, content = texts.buffers()
    offsets = np.frombuffer(places, np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    data: Any = np.frombuffer(content, np.uint8) if content else np.zeros(0, np.uint8)
    return data[offsets[0] : offsets[-1]], offsets - offsets[0]


def _texts(data: UInt8Array, offsets: _Offsets) -> pa.StringArray:
    buffers = pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(np.ascontiguousarray(data))
    return pa.StringArray.from_buffers(len(offsets) - 1, *buffers)
