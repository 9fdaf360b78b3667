"""What files that hold images are called: tars, zips and Parquet tables, and the places of rows in these."""

import re

TAR_SUFFIX = r"\.(?:tar|tar\.(?:gz|bz2|xz)|tgz|tbz2?|txz)"  # in any case, as all of these
PARQUET_HEAD = b"PAR1"  # what it begins with, however it is called
PARQUET_SUFFIXES = (".parquet", ".parq", ".pq")
ROW_SUFFIX = r"\.(?:parquet|parq|pq)#[0-9]+"  # of an image in a table, `0001.parquet#7`
_FOREIGN_TAR = re.compile(r"\.(?:tar\.(?:zstd?|lz4|lz|lzma|lzo|z|br)|tzst|tlz|tlz4)$", re.IGNORECASE)
_TAR = re.compile(f"{TAR_SUFFIX}$", re.IGNORECASE)
# Numbers, or the letters of `split`, whose first parts end in `aa`, `ab` or `aaa`.
_PART = re.compile(
    rf"(?P<whole>.+(?:\.(?:zip|7z)|{TAR_SUFFIX}))[._-](?:part[._-]?)?(?:[0-9]{{2,4}}|a{{1,3}}[a-z])",
    re.IGNORECASE | re.DOTALL,
)
_ROW = re.compile(rf"{ROW_SUFFIX}\Z", re.IGNORECASE)


def is_tar(path: str) -> bool:
    """Whether a name is that of a tar, compressed or not."""
    return _TAR.search(path) is not None


def is_foreign_tar(path: str) -> bool:
    """Whether a name is that of a tar that is compressed by what is not unpacked here."""
    return _FOREIGN_TAR.search(path) is not None


def is_zip(path: str) -> bool:
    """Whether a name is that of a zip."""
    return path.lower().endswith(".zip")


def whole_of_part(path: str) -> str | None:
    """The archive that a file is a part of by its name, `test.zip` of `test.zip.001`; None if it is none."""
    match = _PART.fullmatch(path)
    return match and match["whole"]


def is_parquet(name: str) -> bool:
    """Whether a name is that of a Parquet file."""
    return name.lower().endswith(PARQUET_SUFFIXES)


def is_row(path: str) -> bool:
    """Whether a path is the place of an image in a table, `0001.parquet#7`."""
    return _ROW.search(path) is not None
