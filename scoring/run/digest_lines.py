"""What the digest of a manifest is taken of: a line for each image, as Python writes a tuple of its fields."""

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_FIELDS = ("image_id", "path", "size_bytes", "raw_path", "target")
# Texts in which Python escapes something, puts other quotes, or might; most have none of these.
_NOT_PLAIN = r"[^ -&(-\[\]-~]"
_PLAIN = bytes(byte for byte in range(128) if not re.match(_NOT_PLAIN, chr(byte)))
_ODD_AMONG_THEM = [bytes([byte]) for byte in range(_PLAIN[0], _PLAIN[-1]) if byte not in _PLAIN]


def digest_lines(rows: pa.Table) -> memoryview:
    r"""For each image a line such as `('1', '1.jpg', 1000, None, None)`; its position comes last where it has one.

    Args:
        rows: A manifest's.

    Returns:
        The lines in UTF-8, each with a line break at its end.
    """
    if not rows.num_rows:
        return memoryview(b"")
    columns = {name: rows[name].combine_chunks() for name in (*_FIELDS, "position")}
    is_odd = pc.or_(pc.is_valid(columns["raw_path"]), pc.is_valid(columns["target"]))
    for name in ("image_id", "path"):
        if not _is_plain(bytes(_content(columns[name]))):  # to look at each text takes many times as long
            is_odd = pc.or_(is_odd, pc.match_substring_regex(columns[name], _NOT_PLAIN))
    lines = _plain_lines(columns)
    if pc.any(is_odd).as_py():
        lines = pc.replace_with_mask(lines, is_odd, pa.array(_odd_lines(rows.filter(is_odd)), pa.string()))
    return _content(lines)


def _is_plain(content: bytes) -> bool:
    if not content:
        return True
    data = np.frombuffer(content, np.uint8)
    is_between = data.min() >= _PLAIN[0] and data.max() <= _PLAIN[-1]
    return bool(is_between) and not any(byte in content for byte in _ODD_AMONG_THEM)


def _plain_lines(columns: dict[str, Any]) -> pa.StringArray:
    position = columns["position"]
    ends: list[Any] = [", None, None)\n"]
    if position.null_count < len(position):
        ends = [
            ", None, None",
            pc.fill_null(pc.binary_join_element_wise(", ", position.cast(pa.string()), ""), ""),
            ")\n",
        ]
    return pc.binary_join_element_wise(
        "('",
        columns["image_id"],
        "', '",
        columns["path"],
        "', ",
        columns["size_bytes"].cast(pa.string()),
        *ends,
        "",
    )


def _odd_lines(rows: pa.Table) -> list[str]:
    fields = [rows[name].to_pylist() for name in _FIELDS]
    positions = rows["position"].to_pylist()
    return [
        f"{row if position is None else (*row, position)!r}\n"
        for row, position in zip(zip(*fields, strict=True), positions, strict=True)
    ]


def _content(lines: pa.StringArray) -> memoryview:
    """All texts, one behind the other."""
    whole = lines.combine_chunks() if isinstance(lines, pa.ChunkedArray) else lines
    _, places, content = whole.buffers()
    if content is None:  # all of them are empty
        return memoryview(b"")
    offsets = memoryview(places).cast("i")
    return memoryview(content)[offsets[whole.offset] : offsets[whole.offset + len(whole)]]
