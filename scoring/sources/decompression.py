"""What gzip, bzip2 or xz has compressed, in one stream or in several, some megabytes in memory at a time."""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any

from scoring.errors import BucketError, ChangedError, ImagesError
from scoring.storage.reading import Place

_AT_ONCE_BYTES = 1024**2
_SHOWN_BYTES = 16
_BLANKS = b"\0 \t\r\n"


class _GzipDecompressor:
    """Decompresses one stream, as `bz2.BZ2Decompressor` does."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)

    def decompress(self, packed: bytes, max_length: int) -> bytes:
        return self._stream.decompress(self._stream.unconsumed_tail + packed, max_length)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        return not self._stream.eof and not self._stream.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data


# What decompresses one stream, and what that begins with.
_STREAMS: dict[str, tuple[Callable[[], Any], bytes]] = {
    "gzip": (_GzipDecompressor, b"\x1f\x8b"),
    "bzip2": (bz2.BZ2Decompressor, b"BZh"),
    "xz": (lzma.LZMADecompressor, b"\xfd7zXZ\0"),
}
COMPRESSED = frozenset(_STREAMS)


def decompressed(packed: IO[bytes], place: Place, kind: str) -> Iterator[bytes]:
    """Yield the content of an open file.

    Args:
        packed: The file.
        place: What errors call it.
        kind: One of `COMPRESSED`.

    Raises:
        ImagesError: If it is damaged, or something else stands behind its streams.
        BucketError: If its bucket cannot be reached.
        ChangedError: If it is replaced meanwhile.
    """
    try:
        yield from _streams(packed, *_STREAMS[kind])
    except (BucketError, ChangedError):
        raise
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise ImagesError(f"Expected a readable tar; {place} is damaged {kind}: {error}.") from error


def _streams(file: IO[bytes], new_stream: Callable[[], Any], head: bytes) -> Iterator[bytes]:
    """What streams hold that stand one behind the other, with zeros between them, or a newline behind the last.

    The library's open files end at zeros or refuse a newline, or end at a later stream whose first bytes are damaged.
    Source: tukaani.org/xz/xz-file-format.txt, 2.2.
    """
    packed = b""
    while packed := _behind_blanks(packed, file):
        if not head.startswith(packed[: len(head)]):
            raise OSError(f"something else stands behind its streams: {packed[:_SHOWN_BYTES]!r}")
        stream = new_stream()
        while not stream.eof:
            yield stream.decompress(packed, _AT_ONCE_BYTES)
            packed = file.read(_AT_ONCE_BYTES) if stream.needs_input else b""
            if stream.needs_input and not packed:
                raise EOFError("it ends within a stream")
        packed = stream.unused_data


def _behind_blanks(packed: bytes, file: IO[bytes]) -> bytes:
    """What follows behind zeros and blanks, read on if need be; nothing at the end."""
    while not (rest := packed.lstrip(_BLANKS)):
        if not (packed := file.read(_AT_ONCE_BYTES)):
            break
    return rest
