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

_HEAD = 6  # bytes before a number's digits: one that comes before all, and how many digits follow
_LONGEST = 99_999  # digits that a head can count
_ZERO, _DOT, _SLASH = b"0./"
_Offsets = npt.NDArray[np.int64]


def common_folder(first: str, last: str) -> str:
    """The folder that all texts between two in plain order share, with the slash at its end; empty if there is none."""
    pairs = zip(first.split("/")[:-1], last.split("/")[:-1], strict=False)
    return "".join(f"{step}/" for step, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def bare_names(texts: pa.StringArray, folder: str = "") -> pa.StringArray:
    """The texts, all of which begin with `folder`, without it and without the suffix that `os.path.splitext` finds."""
    data, offsets = _bytes_of(texts)
    starts, ends = offsets[:-1] + len(folder.encode()), offsets[1:]
    suffix = os.path.splitext(texts[0].as_py())[1] if len(texts) else ""
    if suffix and pc.all(pc.ends_with(texts, suffix)).as_py():
        bare = ends - len(suffix.encode())
        before = data[np.maximum(bare - 1, starts)]  # if it is part of a name, the suffix is one
        if ((bare > starts) & (before != _DOT) & (before != _SLASH)).all():
            return _texts(*_cut(data, starts, bare))
    return _texts(*_cut(data, starts, _ends_of_bare(data, offsets)))


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
    return pc.utf8_slice_codeunits(texts, len(folder)) if folder else texts


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
        data, offsets, begins = _without(data, offsets, begins, firsts)
    if len(begins) and lengths.max() > _LONGEST:
        return pa.array([natural_key(text).encode() for text in texts.to_pylist()], pa.binary())
    return _texts(_with_heads(data, begins, lengths), offsets + _HEAD * heads_before).cast(pa.binary())


def _without(
    data: UInt8Array, offsets: _Offsets, begins: _Offsets, firsts: _Offsets
) -> tuple[UInt8Array, _Offsets, _Offsets]:
    """The same without the bytes from where each number begins to its first digit above 0."""
    edges = np.zeros(len(data) + 1, np.int8)
    zeros = firsts > begins
    edges[begins[zeros]] += 1
    edges[firsts[zeros]] -= 1
    is_kept = np.cumsum(edges[:-1]) == 0
    num_kept = np.concatenate([[0], np.cumsum(is_kept)])
    return data[is_kept], num_kept[offsets], num_kept[begins]


def _with_heads(data: UInt8Array, begins: _Offsets, lengths: _Offsets) -> UInt8Array:
    """The same with a head where each number begins that says how many digits it has; there may be none."""
    is_head = np.zeros(len(data) + _HEAD * len(begins), np.bool_)
    for place in range(_HEAD):
        is_head[begins + _HEAD * np.arange(len(begins)) + place] = True
    keys = np.empty(len(is_head), np.uint8)
    keys[~is_head] = data
    keys[is_head] = _heads(int(lengths.max(initial=0)))[lengths].ravel()
    return keys


@lru_cache(maxsize=1)
def _heads(longest: int) -> UInt8Array:
    """The head of every number of up to so many digits, shape (longest + 1, 6)."""
    heads = np.zeros((longest + 1, _HEAD), np.uint8)
    for place in range(1, _HEAD):
        heads[:, place] = np.arange(longest + 1) // 10 ** (_HEAD - 1 - place) % 10 + _ZERO
    return heads


def _runs(is_digit: npt.NDArray[np.bool_], offsets: _Offsets) -> tuple[_Offsets, _Offsets]:
    """Where numbers begin and end; none goes on from one text into the next."""
    edges = offsets[(offsets > 0) & (offsets < len(is_digit))]
    before = np.concatenate([[False], is_digit[:-1]])
    before[edges] = False
    after = np.concatenate([is_digit[1:], [False]])
    after[edges - 1] = False
    return np.flatnonzero(is_digit & ~before), np.flatnonzero(is_digit & ~after) + 1


def _without_zeros(data: UInt8Array, begins: _Offsets, ends: _Offsets) -> _Offsets:
    """Where each number's first digit above 0 stands; its end if it has none."""
    firsts = begins.copy()
    led = np.flatnonzero(data[begins] == _ZERO)
    if len(led):
        others = np.append(np.flatnonzero(data != _ZERO), len(data))
        firsts[led] = np.minimum(others[np.searchsorted(others, begins[led])], ends[led])
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
