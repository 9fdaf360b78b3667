"""BigTIFF whose numbers begin with their high byte, which Pillow does not open, as a TIFF of 32 bits, which it does.

No file that is let in needs more. All stays in its place: a directory of 32 bits with its values has room in one of 64.
"""

import struct

_BIG = b"MM\0+\0\x08\0\0"
_COUNT, _ENTRY, _PLACE = struct.Struct(">Q"), struct.Struct(">HHQ"), struct.Struct(">Q")
_MOST_INLINE = 8  # bytes of a value that stands in its entry
# By type: bytes of a value; TIFF 6.0, section 2, and BigTIFF's numbers of 64 bits, which become those of 32.
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_NARROWED = {16: (4, "Q", "I"), 17: (9, "q", "i"), 18: (13, "Q", "I")}


def as_usual_tiff(encoded: bytes) -> bytes:
    """A BigTIFF of such numbers as a TIFF of 32 bits, with its first two directories; other files are left as they are.

    Two tell the first picture, and whether there is another.

    Raises:
        struct.error: If it is damaged, or its numbers need more bits.
    """
    if not encoded.startswith(_BIG):
        return encoded
    (first,) = _PLACE.unpack_from(encoded, len(_BIG))
    changed = bytearray(encoded)
    struct.pack_into(">2sHI", changed, 0, b"MM", 42, first)
    second = _narrow_directory(changed, first, is_last=False)
    if second not in (0, first):
        _narrow_directory(changed, second, is_last=True)
    return bytes(changed)


def _narrow_directory(tiff: bytearray, place: int, is_last: bool) -> int:
    """Write a directory anew in its place, its short values behind it; return where the next one is, or 0."""
    (count,) = _COUNT.unpack_from(tiff, place)
    entries = place + _COUNT.size
    after = entries + (_ENTRY.size + _MOST_INLINE) * count
    (following,) = _PLACE.unpack_from(tiff, after)
    values_at = place + 2 + 12 * count + 4
    packed, values = [struct.pack(">H", count)], b""
    for entry in range(entries, after, _ENTRY.size + _MOST_INLINE):
        tag, kind, num_values, at, length = _narrow_value(tiff, entry)
        packed.append(struct.pack(">HHI", tag, kind, num_values))
        value = bytes(tiff[at : at + length])
        if length <= 4:
            packed.append(value.ljust(4, b"\0"))
        elif at == entry + _ENTRY.size:
            packed.append(struct.pack(">I", values_at + len(values)))
            values += value
        else:
            packed.append(struct.pack(">I", at))
    packed.append(struct.pack(">I", 0 if is_last else following))
    directory = b"".join([*packed, values])
    tiff[place : place + len(directory)] = directory
    return int(following)


def _narrow_value(tiff: bytearray, entry: int) -> tuple[int, int, int, int, int]:
    """Make numbers of 64 bits those of 32; return tag, type and count of an entry, and place and bytes of its value."""
    tag, kind, num_values = _ENTRY.unpack_from(tiff, entry)
    length = _SIZES.get(kind, 0) * num_values
    at = entry + _ENTRY.size
    if length > _MOST_INLINE:
        (at,) = _PLACE.unpack_from(tiff, at)
    if kind not in _NARROWED:
        return tag, kind, num_values, at, length
    kind, wide, narrow = _NARROWED[kind]
    numbers = struct.unpack_from(f">{num_values}{wide}", tiff, at)
    struct.pack_into(f">{num_values}{narrow}", tiff, at, *numbers)
    return tag, kind, num_values, at, length // 2
