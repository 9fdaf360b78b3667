"""Tell the kind of a file by its first bytes, and decompress a compressed tar."""

import tarfile
from functools import partial
from pathlib import Path, PurePosixPath

from scoring.errors import ImagesError, StorageError
from scoring.pixels.formats import format_of
from scoring.sources.decompression import COMPRESSED, decompressed
from scoring.sources.suffixes import PARQUET_HEAD, whole_of_part
from scoring.storage.downloads import made_once
from scoring.storage.git_lfs import ADVICE, HEAD, POINTER
from scoring.storage.reading import PinnedFile, Place, read_range
from scoring.storage.zips import holds_zip

_TAR_MAGIC_AT = 257  # POSIX.1-1988, ustar
# What files of each kind begin with, as file(1) knows them.
_HEADS = (
    ("zip", b"PK\3\4"),
    ("zip", b"PK\5\6"),
    ("gzip", b"\x1f\x8b"),
    ("bzip2", b"BZh"),
    ("xz", b"\xfd7zXZ\0"),
    ("Parquet", PARQUET_HEAD),
    ("Zstandard", b"\x28\xb5\x2f\xfd"),
    ("LZ4", b"\x04\x22\x4d\x18"),
    ("lzip", b"LZIP"),
    ("compress", b"\x1f\x9d"),
    ("7-Zip", b"7z\xbc\xaf\x27\x1c"),
    ("RAR", b"Rar!\x1a\x07"),
    ("cabinet", b"MSCF"),
    ("PDF", b"%PDF-"),
    (POINTER, HEAD),
    ("HDF5", b"\x89HDF\r\n\x1a\n"),
)


_OF_PANDAS = {".csv": "read_csv(...)", ".tsv": "read_csv(..., sep='\\t')", ".jsonl": "read_json(..., lines=True)"}
_TO_UNPACK = frozenset({"Zstandard", "LZ4", "lzip", "compress", "7-Zip", "RAR", "cabinet"})


def kind_of(place: Place) -> str | None:
    """The kind of a file by its content; None if it is none of those known here.

    Raises:
        ImagesError: If it cannot be read.
        StorageError: If its bucket cannot be reached, or has another object there since it was looked at.
    """
    try:
        return _kind_of(place)
    except StorageError:
        raise
    except OSError as error:
        raise ImagesError(f"Expected readable `images`; {place} is not: {error.strerror or error}.") from error


def _kind_of(place: Place) -> str | None:
    head = read_range(place, 0, tarfile.BLOCKSIZE)
    if head[_TAR_MAGIC_AT:].startswith(b"ustar"):  # first: a tar begins with the name of a member, any bytes
        return "tar"
    for kind, magic in _HEADS:
        if head.startswith(magic):
            return kind
    if image := format_of(head):
        return f"{image} image"
    return "zip" if holds_zip(place) else None  # behind other bytes, as of a program


def way_to_read(place: Place, kind: str | None) -> str:
    """What to do with a file of a kind that holds no images here, as the end of a message; nothing if none is known."""
    if kind == POINTER:
        return f" {ADVICE}"
    if kind in _TO_UNPACK:
        return " Unpack it first."
    if whole := whole_of_part(place.name):
        return f" It is a part of one: put all together with `cat {whole}.* > {whole}`."
    reader = _OF_PANDAS.get(PurePosixPath(place.name).suffix.lower())
    return f" Make a table of a list of photos by pandas, as {reader}.to_parquet('photos.parquet')." if reader else ""


def is_compressed(kind: str | None) -> bool:
    """Whether a kind of file is decompressed here."""
    return kind in COMPRESSED


def plain_tar(packed: PinnedFile) -> PinnedFile:
    """A tar whose members can be read where they lie: the file itself, or of a compressed one a copy in the cache.

    Raises:
        ChangedError: If it is replaced meanwhile.
        ImagesError: If it is damaged, or holds something else.
        StorageError: If there is no room to decompress it.
    """
    kind = kind_of(packed.place)
    if kind not in COMPRESSED:
        return packed
    name = PurePosixPath(packed.place.name).name
    content = packed.identity and (*packed.identity, "decompressed")
    return PinnedFile(made_once(content, name, partial(_decompress, packed, kind)))


def _decompress(packed: PinnedFile, kind: str, path: Path) -> None:
    place = packed.place
    with packed.open() as opened, path.open("wb") as file:
        chunks, head = decompressed(opened, place, kind), b""
        while len(head) < tarfile.BLOCKSIZE and (chunk := next(chunks, None)) is not None:
            file.write(chunk)
            head = _behind_zero_blocks(head + chunk)
        try:
            tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise ImagesError(f"Expected a tar in {place}, which is compressed by {kind}; it holds none.") from error
        file.writelines(chunks)


def _behind_zero_blocks(content: bytes) -> bytes:
    """What follows behind an empty archive, with which concatenated tars may begin."""
    num_zeros = len(content) - len(content.lstrip(b"\0"))
    return content[num_zeros - num_zeros % tarfile.BLOCKSIZE :]
