"""What the digest of a manifest is taken of: a line for each image, as Python writes a tuple of its fields."""

import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_FIELDS = ("image_id", "path", "size_bytes", "raw_path", "target")
# Texts in which Python escapes something, puts other quotes, or might; most have none of these.
_NOT_PLAIN = r"[^ -&(-\[\]-~]"
_PLAIN = bytes(byte for byte in range(128) if not re.match(_NOT_PLAIN, chr(byte)))


def digest_lines(rows: pa.Table) -> memoryview:
    r"""Of each image `('1', '1.jpg', 1000, None, None)` and a line break; its position comes last where it has one.

    Args:
        rows: Of a manifest.
    """
    if not rows.num_rows:
        return memoryview(b"")
    columns = {name: rows[name].combine_chunks() for name in (*_FIELDS, "position")}
    is_odd = pc.or_(pc.is_valid(columns["raw_path"]), pc.is_valid(columns["target"]))
    for name in ("image_id", "path"):
        if bytes(_content(columns[name])).translate(None, _PLAIN):  # looking at each takes three times as long
            is_odd = pc.or_(is_odd, pc.match_substring_regex(columns[name], _NOT_PLAIN))
    lines = _plain_lines(columns)
    if pc.any(is_odd).as_py():
        lines = pc.replace_with_mask(lines, is_odd, pa.array(_odd_lines(rows.filter(is_odd)), pa.string()))
    return _content(lines)


def _plain_lines(columns: dict[str, Any]) -> pa.StringArray:
    position = pc.binary_join_element_wise(", ", columns["position"].cast(pa.string()), "")
    return pc.binary_join_element_wise(
        "('",
        columns["image_id"],
        "', '",
        columns["path"],
        "', ",
        columns["size_bytes"].cast(pa.string()),
        ", None, None",
        pc.fill_null(position, ""),
        ")\n",
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
