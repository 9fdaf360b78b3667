"""Which image is meant by each id of a template."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from scoring.errors import RequestError
from scoring.run.reader import some

_WHOLE = re.compile(r"[0-9]+")


@dataclass(frozen=True)
class _Reading:
    """One way to read ids: what stands for an id of the template, and for an image; None for what it cannot read."""

    of_id: Callable[[str], str | None]
    of_image: Callable[[str, str], str | None]


@dataclass(frozen=True)
class _Matches:
    """What a reading found.

    Attributes:
        rows: The image's row for each id; of ids without an image -1.
        missing: Ids without an image.
        twice: What stands for two images or two ids, with both; None if nothing does.
    """

    rows: npt.NDArray[np.int64]
    missing: Sequence[str]
    twice: str | None


def match_ids(ids: Sequence[str], image_ids: Sequence[str], paths: Sequence[str]) -> npt.NDArray[np.int64]:
    """Find the image of each id of a template.

    An id is an image's id, its path, its file's name, that without the suffix, or the number that this is: the first
    of these readings counts that gives every id an image of its own.

    Args:
        ids: The template's, all different.
        image_ids: Of each image of the run.
        paths: Of each image of the run.

    Returns:
        The image's row for each id, shape (len(ids),); no row twice.

    Raises:
        RequestError: If no reading does; the first id without an image, or with two, is named.
    """
    tried = []
    for reading in _READINGS:
        matches = _match(reading, ids, image_ids, paths)
        if not matches.missing and matches.twice is None:
            return matches.rows
        tried.append(matches)
    nearest = min(tried, key=lambda matches: len(matches.missing))
    if nearest.missing:
        raise RequestError(
            f"Expected an image for every id of `template`; {len(nearest.missing)} of {len(ids)} have none: "
            f"{some(nearest.missing)}. The run's images are {some(image_ids)}."
        )
    raise RequestError(f"Expected one image for every id of `template`, and one id for every image; {nearest.twice}.")


def _match(reading: _Reading, ids: Sequence[str], image_ids: Sequence[str], paths: Sequence[str]) -> _Matches:
    wanted: dict[str, str] = {}
    twice = None
    for one in ids:
        key = reading.of_id(one)
        if key is not None and (other := wanted.setdefault(key, one)) != one:
            twice = twice or f"the ids {other} and {one} are one"
    rows: dict[str, int] = {}
    for row, (image_id, path) in enumerate(zip(image_ids, paths, strict=True)):
        key = reading.of_image(image_id, path)
        if key in wanted and rows.setdefault(key, row) != row:
            twice = twice or f"{wanted[key]} is {paths[rows[key]]} and {path}"
    found = [rows.get(key, -1) if (key := reading.of_id(one)) is not None else -1 for one in ids]
    return _Matches(np.array(found, np.int64), [one for one, row in zip(ids, found, strict=True) if row < 0], twice)


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _bare(path: str) -> str:
    return PurePosixPath(_name(path)).stem


def _number(text: str) -> str | None:
    return (text.lstrip("0") or "0") if _WHOLE.fullmatch(text) else None


_READINGS = (
    _Reading(str, lambda image_id, path: image_id),
    _Reading(str, lambda image_id, path: path),
    _Reading(str, lambda image_id, path: _name(path)),
    _Reading(str, lambda image_id, path: _bare(path)),
    _Reading(_number, lambda image_id, path: _number(_bare(path))),
)
