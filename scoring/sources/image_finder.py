"""Tell the images among a collection's files: by their names, and where those say nothing, by their first bytes."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from functools import cache
from itertools import islice

from scoring.errors import ImageError
from scoring.pixels import formats
from scoring.pixels.formats import HEAD_BYTES
from scoring.sources.entries import NAMED, FoundFile, LeftOut
from scoring.sources.numbered_parts import absent_parts
from scoring.sources.suffixes import PARQUET_HEAD, PARQUET_SUFFIXES, is_foreign_tar, is_tar, is_zip, whole_of_part
from scoring.storage.reach import may_pass, refuse_fault_of_machine
from scoring.storage.walking import Fault, is_hidden

_LOOKS = 32  # files that are looked into at the same time
_LOOKED_AT_ONCE = 256
_ARCHIVES = frozenset({".zip", ".tar", ".tgz", ".tbz", ".tbz2", ".txz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar"})
_ALONE_IN_ZIPS = frozenset({".csv", ".tsv", ".json", ".txt"})  # `train.csv.zip`, as Kaggle zips each of its files
# Files that are not looked into: their name says that they are no image.
_OTHERS = frozenset(
    {".txt", ".md", ".rst", ".log", ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".xml", ".html", ".htm", ".yaml"}
    | {".yml", ".toml", ".ini", ".cfg", ".conf", ".pdf", ".rtf", ".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx"}
    | {".odt", ".ods", ".tex", ".bib", ".srt", ".vtt", ".arrow", ".feather", ".orc", ".avro", ".db"}
    | {".sqlite", ".sqlite3", ".npy", ".npz", ".mat", ".h5", ".hdf5", ".keras", ".pt", ".pth", ".onnx", ".pb"}
    | {".safetensors", ".ckpt", ".tflite", ".pkl", ".pickle", ".joblib", ".tfrecord", ".record", ".idx", ".index"}
    | {".cls", ".caption", ".labels", ".names", ".py", ".pyc", ".ipynb", ".js"}
    | {".css", ".sh", ".bat", ".ps1", ".c", ".h", ".cpp", ".hpp", ".java", ".go", ".rs", ".r", ".rdata", ".m"}
    | {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".wmv", ".flv", ".mpg", ".mpeg", ".3gp", ".mts", ".m2ts"}
    | {".mp3", ".m4a", ".wav", ".flac", ".ogg", ".opus", ".aac", ".wma", ".aiff", ".mid", ".aae", ".xmp"}
    | {".lz4", ".iso", ".dmg", ".exe", ".dll", ".so", ".sha256", ".md5", ".crc"}
    | {".lock", ".url", ".lnk", ".torrent", ".incomplete", ".crdownload"}
    | {".ttf", ".otf", ".woff", ".woff2", ".ply", ".obj", ".stl", ".glb"}
)


class Reason(StrEnum):
    """Why a file is left out that can be read; for others see `Fault`. Of an `UNCLEAR` one the content has to tell."""

    UNCLEAR = "unclear"
    NOT_AN_IMAGE = "not an image"
    ARCHIVE = "archive, not looked into"
    PART = "part of an archive, which `cat test.zip.* > test.zip` puts together"
    PACKED = "compressed, and neither a zip nor a tar"
    PACKED_TAR = "tar, compressed by what is not unpacked here"
    TABLE = "Parquet table, not looked into"
    OLD_VERSION = "old version of an object, or deleted"
    REPLACED = "replaced by a later file of its name"
    BESIDE = "beside a table that holds its images itself"
    UNNAMED_TABLE = "Parquet, though it is not called .parquet"
    ABSENT = "missing, though others say by their names that it belongs to them"
    LINK = "link to a part of the table, which counts once"
    NO_END = "tar that may be cut off, as no zeros mark its end"
    HOLE = "tar that may have lost files, as it has more zeros than mark an end"
    SPARSE = "sparse in its tar, which is not read in place"


class Account:
    """What was left out of a collection."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._first: dict[str, list[str]] = {}

    def leave_out(self, reason: str, path: str) -> None:
        """Count one file, and keep the path of the first few of each reason."""
        self._counts[reason] = self._counts.get(reason, 0) + 1
        first = self._first.setdefault(reason, [])
        if len(first) < NAMED:
            first.append(path)

    def count_absent(self, names: Iterable[str]) -> None:
        """Count the files that belong to these by their names, and are not among them."""
        for absent in absent_parts(names):
            first = list(islice(absent.names, NAMED))
            for name in first:
                self.leave_out(Reason.ABSENT, name)
            self._counts[Reason.ABSENT] += absent.num_parts - len(first)

    def left_out(self) -> tuple[LeftOut, ...]:
        """Everything that was left out, the largest part first."""
        ordered = sorted(self._counts, key=lambda reason: (-self._counts[reason], reason))
        return tuple(LeftOut(str(reason), self._counts[reason], tuple(self._first[reason])) for reason in ordered)


class ImageFinder:
    """Finds images, and counts what is left out.

    A file whose content has to tell and that cannot be read for a moment counts as an image.

    Args:
        peek: `peek(file, length)` returns the first bytes of a file, at most `length`.
        account: Counts what is left out.
    """

    def __init__(self, peek: Callable[[FoundFile, int], bytes], account: Account) -> None:
        self._peek = peek
        self._account = account
        _judge_suffix.cache_clear()  # a notebook may have installed a plugin since the last listing

    def images(self, files: Iterable[FoundFile]) -> Iterator[FoundFile]:
        """The images among files; those whose content has to tell come later than the others, some together.

        Raises:
            OSError: If one of these cannot be read, for a reason that holds for others too.
        """
        unclear: list[FoundFile] = []
        for file in files:
            reason = judge(file)
            if reason is None:
                yield file
            elif reason is Reason.UNCLEAR:
                unclear.append(file)
                if len(unclear) == _LOOKED_AT_ONCE:
                    yield from self._by_content(unclear)
                    unclear = []
            else:
                self._account.leave_out(reason, file.path)
        yield from self._by_content(unclear)

    def _by_content(self, files: list[FoundFile]) -> Iterator[FoundFile]:
        with ThreadPoolExecutor(_LOOKS) as threads:
            for file, reason in zip(files, threads.map(self._judge_content, files), strict=True):
                if reason is None:
                    yield file
                else:
                    self._account.leave_out(reason, file.path)

    def _judge_content(self, file: FoundFile) -> str | None:
        try:
            head = self._peek(file, HEAD_BYTES) if file.head is None else file.head
        except (OSError, ValueError, ImageError) as error:
            refuse_fault_of_machine(file.path, error)
            return None if may_pass(error) else Fault.UNREADABLE  # a row of its own is tried again
        name = formats.format_of(head)
        if name is None:
            return Reason.UNNAMED_TABLE if head.startswith(PARQUET_HEAD) else Reason.NOT_AN_IMAGE
        return None if formats.is_decoded(name) else formats.why_not(name)


def judge(file: FoundFile) -> str | None:
    """Why a file is left out, where that is known or its name tells; see `judge_name`."""
    return file.left_out or judge_name(file.path[file.num_named :])


def judge_name(path: str) -> str | None:
    """Why a file of this name is left out; None for an image, `UNCLEAR` where only its content tells."""
    if is_hidden(path):
        return Fault.HIDDEN
    if is_foreign_tar(path):
        return Reason.PACKED_TAR
    bare, suffix = os.path.splitext(path)
    reason = _judge_suffix(suffix.lower())
    if is_zip(path) and os.path.splitext(bare)[1].lower() in _ALONE_IN_ZIPS:
        return Reason.NOT_AN_IMAGE
    if reason is Reason.UNCLEAR and whole_of_part(path):
        return Reason.PART
    return Reason.PACKED if reason is Reason.ARCHIVE and not (is_zip(path) or is_tar(path)) else reason


def is_image(path: str) -> bool:
    """Whether a name is that of an image that is decoded, and not hidden."""
    return judge_name(path) is None


@cache
def _judge_suffix(suffix: str) -> str | None:
    if suffix in formats.IMAGE_SUFFIXES:
        return None
    if name := formats.format_of_suffix(suffix):
        return None if formats.is_decoded(name) else formats.why_not(name)
    if suffix in _ARCHIVES:
        return Reason.ARCHIVE
    if suffix in PARQUET_SUFFIXES:
        return Reason.TABLE
    return Reason.NOT_AN_IMAGE if suffix in _OTHERS else Reason.UNCLEAR
