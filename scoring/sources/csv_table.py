"""Read a CSV file as Kaggle sends it: by itself, in a zip, in a zip within a zip, or in gzip."""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from scoring.errors import BucketError, ImageError, RequestError
from scoring.sources import encoded_images
from scoring.sources.suffixes import is_zip
from scoring.sources.zip_directory import ZipDirectory
from scoring.sources.zip_names import plain_path
from scoring.storage.git_lfs import ADVICE, POINTER, is_pointer
from scoring.storage.locations import Location, file_above
from scoring.storage.reading import Place, read_range, read_whole
from scoring.storage.redaction import brief
from scoring.storage.walking import is_hidden

SAVE_AS_UTF8 = "If it is text, save it as UTF-8."  # as Excel's "CSV UTF-8" does, and its "CSV" does not
_SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".ods")
_GZIP = b"\x1f\x8b"  # RFC 1952, section 2.3.1
_DEEPEST = 3  # zips within zips
_NAMED = 3  # files in a message
_MARKS = ",;\t"
_LOOKED_AT_BYTES = 4096
# Text whose first line has several fields, and no page: a template may have other marks than ours, and `<id>`.
_TABLE = re.compile(r"(?!\s*<(?:[!?]|html))[^\0-\x08\x0e-\x1f\n]*[,;\t|:][^\0-\x08\x0e-\x1f]*", re.IGNORECASE)
_Line: TypeAlias = tuple[int, tuple[str, ...]]  # its number, and its fields
_JSON = re.compile(r'\s*(\{|\[\s*[\[{"])')  # not a column called `[id]`
_SAID = re.compile(r'"?sep=([^\r\n"])"?(?:\r\n?|\n)', re.IGNORECASE)  # a line before the header, for Excel


@dataclass(frozen=True)
class CsvTable:
    """What a CSV file holds; all rows are as long as the header.

    Attributes:
        header: Names of the columns, as they are spelled; empty for an empty file.
        rows: The values, as they are spelled.
        delimiter: What stands between them.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    delimiter: str


def read_csv(source: Location, field: str, what: str) -> CsvTable:
    """Read a CSV file, or one in a zip, such as `bundle.zip/train.csv` or `bundle.zip/train.csv.zip`.

    It is in UTF-8, or in UTF-16 as spreadsheets write it, and commas, semicolons or tabs stand between its fields. Rows
    without any value, which spreadsheets leave behind, do not count.

    Args:
        source: Where it lies.
        field: What the request calls it, for messages.
        what: What it is expected to be, for messages.

    Raises:
        RequestError: If there is no such file, or it is no CSV file in UTF-8 or UTF-16 with rows as long as its header.
        BucketError: If a bucket cannot be reached.
    """
    if source.name.lower().endswith(_SPREADSHEETS):
        raise RequestError(f"Expected `{field}` to be {what}; {source} is a spreadsheet. Save it there as CSV.")
    try:
        content = _content(source, field, what)
        if is_pointer(content):
            raise RequestError(f"Expected `{field}` to be {what}; {source} is a {POINTER}. {ADVICE}")
        text = _decoded(content)
        if _JSON.match(text):
            raise RequestError(
                f"Expected `{field}` to be {what}; {source} is JSON. Write it as CSV, with a column of file names or "
                "ids and one of labels."
            )
        csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # masks as text beside labels are megabytes
        delimiter, lines = _lines(text)
    except (UnicodeError, csv.Error) as error:
        told = f"{error}. {SAVE_AS_UTF8}" if isinstance(error, UnicodeError) else f"{error}."
        raise RequestError(f"Expected `{field}` to be a CSV file in UTF-8; {source} is not: {told}") from error
    header = lines[0][1] if lines else ()
    for number, row in lines[1:]:
        if len(row) != len(header):
            raise RequestError(
                f"Expected {len(header)} fields in line {number} of {source}; it has {len(row)}, with {delimiter!r} "
                "between fields."
            )
    return CsvTable(header, tuple(row for _, row in lines[1:]), delimiter)


def may_be_csv(file: Location) -> bool:
    """Whether a file begins as a table of several columns, in UTF-8 or UTF-16; raises OSError if it cannot be read."""
    head = read_range(file, 0, _LOOKED_AT_BYTES)
    try:
        text = codecs.getincrementaldecoder(_encoding(head))().decode(head)  # which may end within a character
    except UnicodeError:
        return False
    return bool(_TABLE.fullmatch(text) and not _JSON.match(text))


def _decoded(content: bytes) -> str:
    """The text of the file.

    Raises:
        UnicodeError: If it is not text in UTF-8 or UTF-16.
    """
    text = content.decode(_encoding(content))
    if "\0" in text:
        raise UnicodeError(f"a zero byte stands at character {text.index(chr(0))}")
    return text


def _encoding(content: bytes) -> str:
    return "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"


def _lines(text: str) -> tuple[str, list[_Line]]:
    """What stands between fields, and the rows with any value: the first mark that makes all rows equally long.

    Raises:
        csv.Error: If the text cannot be read by any.
    """
    if said := _SAID.match(text):
        below = _split(text[said.end() :], said[1])
        return said[1], [(number + 1, row) for number, row in below]
    header = re.split(r"[\r\n]", text.lstrip("\r\n"), maxsplit=1)[0]
    marks = sorted(filter(header.__contains__, _MARKS), key=header.index)
    for mark in marks:
        try:
            lines = _split(text, mark)
        except csv.Error:
            continue
        if len({len(row) for _, row in lines}) == 1 < len(lines[0][1]):
            return mark, lines
    first = next(iter(marks), _MARKS[0])
    return first, _split(text, first)


def without_blanks_at_quotes(text: str, mark: str) -> str:
    """A text of CSV without the blanks around a field's quotes, as in `1, "cat" `, which no CSV reader takes away.

    Where some stand before quotes, those before fields without quotes are none of them either. Quotes behind a blank
    that do not hold the whole field are characters like others.
    """
    begin, blank, quoted = _field(mark)
    if not re.search(rf'{blank}"|"{blank}', text):
        return text
    # Whole fields are gone through: in a field's quotes, a mark and a blank are characters.
    is_spaced = any(found["blanks"] for found in re.finditer(rf"{begin}(?P<blanks>{blank}*+){quoted}", text))
    return re.sub(rf"{begin}(?:{blank}*+{quoted}" + (rf'|{blank}++(?!"))' if is_spaced else ")"), r"\1\2", text)


def _field(mark: str) -> tuple[str, str, str]:
    """Expressions for where a field begins, a blank in it, and a whole one that has quotes around it."""
    parts = rf"\r\n{re.escape(mark)}"
    blank = rf"[^\S{parts}]"
    return rf"(\A|[{parts}])", blank, rf'("[^"]*+(?:""[^"]*+)*+"){blank}*+(?=[{parts}]|\Z)'


def _split(text: str, mark: str) -> list[_Line]:
    """The rows with any value."""
    lines = io.StringIO(without_blanks_at_quotes(text, mark), newline="")
    reader = csv.reader(lines, delimiter=mark, strict=True)
    rows = [(reader.line_num, tuple(row)) for row in reader if any(map(str.strip, row))]
    if rows:
        _refuse_rows_in_quotes(text, mark, len(rows[0][1]))
    return rows


def _refuse_rows_in_quotes(text: str, mark: str, num_fields: int) -> None:
    """Refuse quotes behind a blank that close in another line, where each line may be a row: the quotes may be odd.

    Raises:
        csv.Error: If there are such.
    """
    begin, blank, quoted = _field(mark)
    if not re.search(rf'{blank}"[^"\r\n]*+(?:""[^"\r\n]*+)*+[\r\n]', text):
        return
    text = re.sub(r"\r\n?", "\n", text)
    for found in re.finditer(rf"{begin}{blank}*+{quoted}", text):
        if found.end(1) == found.start(2) or "\n" not in found[2]:
            continue
        end = text.find("\n", found.end(2))
        held = text[text.rfind("\n", 0, found.start(2)) + 1 : end if end >= 0 else None]
        lines = [line for line in held.split("\n") if line.strip()]
        if all(len(next(csv.reader([line], delimiter=mark))) == num_fields for line in lines):
            raise csv.Error(
                f"the quote behind a blank in {brief(lines[0])!r} closes in another line, and each of these may be a "
                "row. Leave the blank out if they are one value, and else the quote"
            )


def _member(place: Place, inside: str, name: str, depth: int = 0) -> bytes:
    """One file in a zip, or in a zip within it; the only one, as in `train.csv.zip`, need not be named.

    Args:
        place: The zip.
        inside: Where in it the file is; empty for the only one.
        name: What the zip is called, for messages.
        depth: How many zips it lies in.
    """
    directory = ZipDirectory(place)
    if inside and not is_zip(inside) and directory.holds(inside):  # in one with many photos, listing takes a second
        return directory.read(inside)
    members = [member.path for member in directory.files()]
    if not (inside and members):
        inside = _only([member for member in members if not is_hidden(member)], name)
    zipped = next((one for one in members if is_zip(one) and f"{inside}/".startswith(f"{one}/")), None)
    if zipped is None or depth == _DEEPEST:  # there are zips that hold themselves
        if plain_path(inside) not in map(plain_path, members):
            raise RequestError(f"Expected a file {inside} in {name}; it has none. Name one: {_some(members, name)}.")
        return directory.read(inside)
    return _member(directory.place_of(zipped), inside[len(zipped) + 1 :], f"{name}/{zipped}", depth + 1)


def _only(members: Sequence[str], name: str) -> str:
    if not members:
        raise RequestError(f"Expected a CSV file in {name}; it holds no file.")
    if len(members) != 1:
        raise RequestError(f"Expected one file in {name}; it holds {len(members)}. Name one: {_some(members, name)}.")
    return members[0]


def _some(members: Sequence[str], name: str) -> str:
    """A few files of a zip, by their paths: CSV files if it has any."""
    tables = [member for member in members if member.lower().endswith((".csv", ".tsv", ".csv.zip", ".csv.gz"))]
    return ", ".join(f"{name}/{member}" for member in (tables or members)[:_NAMED])


def _unpacked(content: bytes) -> bytes:
    """A file's content without gzip, if it has that around it, as `train.csv.gz` does.

    Raises:
        ImageError: If it is larger than members of a zip may be.
        OSError: If it is damaged.
    """
    if not content.startswith(_GZIP):
        return content
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
            unpacked = packed.read(encoded_images.MAX_IMAGE_BYTES + 1)
    except (EOFError, zlib.error) as error:
        raise OSError(f"its gzip is damaged: {error}") from error
    encoded_images.check_size(len(unpacked))
    return unpacked


def _content(source: Location, field: str, what: str) -> bytes:
    above = file_above(source)
    if above is None:
        received = f"{source} is a folder. Name the file in it" if source.is_dir() else f"there is no {source}"
        raise RequestError(f"Expected `{field}` to be {what}; {received}.")
    file, inside = above
    try:
        is_zipped = inside or is_zip(file.name)
        return _unpacked(_member(file, inside, str(file)) if is_zipped else read_whole(file))
    except BucketError:
        raise
    except OSError as error:
        raise RequestError(f"Expected a readable `{field}`; {file} is not: {error.strerror or error}.") from error
    except ImageError as error:
        place = f"{inside} in {file}" if inside else str(file)
        raise RequestError(f"Expected a readable `{field}`; {place} is not: {error}.") from error
