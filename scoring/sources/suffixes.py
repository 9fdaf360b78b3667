"""What files that hold images are called: tars, zips and Parquet tables, and the places of rows in these."""

import re

TAR_SUFFIX = r"\.(?:tar|tar\.(?:gz|bz2|xz)|tgz|tbz2?|txz)"  # in any case, as all of these
PARQUET_SUFFIXES = (".parquet", ".parq", ".pq")
ROW_SUFFIX = r"\.(?:parquet|parq|pq)#[0-9]+"  # of an image in a table, `0001.parquet#7`
_TAR = re.compile(f"{TAR_SUFFIX}$", re.IGNORECASE)
_ROW = re.compile(rf"{ROW_SUFFIX}\Z", re.IGNORECASE)


def is_tar(path: str) -> bool:
    """Whether a name is that of a tar, compressed or not."""
    return _TAR.search(path) is not None


def is_zip(path: str) -> bool:
    """Whether a name is that of a zip."""
    return path.lower().endswith(".zip")


def is_parquet(name: str) -> bool:
    """Whether a name is that of a Parquet file."""
    return name.lower().endswith(PARQUET_SUFFIXES)


def is_row(path: str) -> bool:
    """Whether a path is the place of an image in a table, `0001.parquet#7`."""
    return _ROW.search(path) is not None
