"""The part of a PNG that its pixels need."""

import struct
import zlib

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_AROUND = 12  # bytes of a chunk beside its content: length, kind, checksum; ISO/IEC 15948, section 5.3
_ANCILLARY = 0x20  # this bit of a kind's first letter; section 5.4
# Transparency, orientation, and the frames of an animation.
_NEEDED = frozenset({b"tRNS", b"eXIf", b"acTL", b"fcTL", b"fdAT"})

_DEPTH = 24  # IHDR, always the first chunk; section 11.2.2


def bit_depth(encoded: bytes) -> int:
    """Bits of a PNG's samples, or of its palette's indices."""
    return encoded[_DEPTH]


def without_metadata(encoded: bytes) -> bytes | None:
    """A PNG without texts, profiles and other chunks that its pixels do not need; None if it has none, or is no PNG."""
    if not encoded.startswith(_SIGNATURE):
        return None
    kept, position, is_less = [_SIGNATURE], len(_SIGNATURE), False
    while position + _AROUND <= len(encoded):
        length, kind = struct.unpack_from(">I4s", encoded, position)
        end = position + _AROUND + length
        if kind[0] & _ANCILLARY and (kind not in _NEEDED or _is_damaged_exif(kind, encoded[position:end])):
            is_less = True
        else:
            kept.append(encoded[position:end])
        position = end
    return b"".join(kept) if is_less else None


def _is_damaged_exif(kind: bytes, chunk: bytes) -> bool:
    return kind == b"eXIf" and zlib.crc32(chunk[4:-4]).to_bytes(4, "big") != chunk[-4:]
