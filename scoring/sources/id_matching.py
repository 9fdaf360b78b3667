"""Find the image that each id means: ids of a competition's template, or of a file of labels."""

import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from scoring.sources.spelling import composed
from scoring.sources.splits import split_of_folders
from scoring.storage.locations import names_of

_WHOLE = re.compile(r"[0-9]+")
_WHOLE_AS_FLOAT = re.compile(r"([0-9]+)\.0")  # what pandas makes of whole numbers beside an empty cell
_ROOT = re.compile(r"(?:[a-z]:)?/|[a-z0-9+.-]+://(?=(?P<host>[^/]*))")  # of an absolute path, or of a URL
_HERE = re.compile(r"(?:\./)+")
# Names of folders that a collection of any photos may have: the folder above tells which.
_OF_ANY = {"data", "files", "images", "img", "imgs", "jpeg", "jpg", "photos", "pictures"}


@dataclass(frozen=True)
class _Reading:
    """One way to read ids: the key of an id, and of an image by its id and path; an id means the image of the same key.

    A key is None for what cannot be read in this way.
    """

    of_id: Callable[[str], str | None]
    of_image: Callable[[str, str], str | None]


@dataclass(frozen=True)
class _Place:
    """A path by its steps.

    Attributes:
        root: `/`, `c:/`, `s3://`; None of a relative path.
        host: Of a URL, with its root: `s3://pets`.
        steps: All that follow the root.
    """

    root: str | None
    host: str
    steps: Sequence[str]


@dataclass(frozen=True)
class Matches:
    """What one reading of ids found.

    Attributes:
        rows: The image's row for each id; of ids without an image -1.
        missing: Ids without an image.
        twice: In words, the first id that means two images, or the first two ids that mean one; None if there is none.
            An id that an earlier reading gave another image means two.
    """

    rows: npt.NDArray[np.int64]
    missing: Sequence[str]
    twice: str | None

    @property
    def num_found(self) -> int:
        """How many ids have an image."""
        return len(self.rows) - len(self.missing)


def match_by_every_reading(
    ids: Sequence[str], image_ids: Sequence[str], paths: Sequence[str], folder: str = "", by_ends: bool = False
) -> Iterator[Matches]:
    """Find the image of each id, in one way to read ids after the other; each is tried when it is asked for.

    An id is an image's id, its path, its file's name, that without the suffix, or the number that this is; or else its
    path or name as another system writes it: with backslashes, in other case (`JPG`), or with `é` as two characters.

    Args:
        ids: All different.
        image_ids: The id of each image.
        paths: The path of each image.
        folder: Path of what they lie in: ids that begin above it, `train/1.jpg` in `train`, are read too.
        by_ends: Whether ids may also be the ends of paths, each below as many folders as it has.
    """
    earlier = np.full(len(ids), -1, np.int64)
    for matches in _matches(ids, image_ids, paths, folder, by_ends):
        rows = matches.rows
        changed = np.flatnonzero((earlier >= 0) & (rows >= 0) & (earlier != rows))
        if len(changed) and matches.twice is None:
            first = changed[0]
            both = f"{paths[earlier[first]]}, or {paths[rows[first]]} where it is read as the others are"
            matches = replace(matches, twice=f"{ids[first]} is {both}")
        earlier = np.where(earlier < 0, rows, earlier)
        yield matches


def _matches(
    ids: Sequence[str], image_ids: Sequence[str], paths: Sequence[str], folder: str, by_ends: bool
) -> Iterator[Matches]:
    for reading in _READINGS:
        yield _match(reading, ids, image_ids, paths)
    if folder:
        places = [_parted(_folded(name)) for name in names_of(folder)]
        below = _Reading(partial(_below, places), lambda image_id, path: posixpath.normpath(_folded(path)))
        yield _match(below, ids, image_ids, paths)
    if by_ends:
        yield _match_ends(ids, image_ids, paths)


def _match_ends(ids: Sequence[str], image_ids: Sequence[str], paths: Sequence[str]) -> Matches:
    """Find the image whose path ends in each id: `1.jpg` of one, `b/2.jpg` of another."""
    depths = sorted({_folded(one).count("/") for one in ids})
    found = [_match(_ending(depth), ids, image_ids, paths) for depth in depths]
    rows = np.max([matches.rows for matches in found], axis=0)
    twice = next((matches.twice for matches in found if matches.twice), None)
    first: dict[int, str] = {}
    for one, row in zip(ids, rows.tolist(), strict=True):
        if row >= 0 and (other := first.setdefault(row, one)) != one:
            twice = twice or f"the ids {other} and {one} are one"
    return Matches(rows, [one for one, row in zip(ids, rows, strict=True) if row < 0], twice)


def _ending(depth: int) -> _Reading:
    """Reads ids below so many folders as the end of a path."""

    def end_of(path: str) -> str | None:
        steps = _folded(path).split("/")
        return "/".join(steps[-1 - depth :]) if len(steps) > depth else None

    return _Reading(
        lambda one: end_of(one) if _folded(one).count("/") == depth else None, lambda image_id, path: end_of(path)
    )


def _match(reading: _Reading, ids: Sequence[str], image_ids: Sequence[str], paths: Sequence[str]) -> Matches:
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
    return Matches(np.array(found, np.int64), [one for one, row in zip(ids, found, strict=True) if row < 0], twice)


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _bare(path: str) -> str:
    """A file's name without its suffix; the place of a table's row, `0001.parquet#7`, is the name of none."""
    name = _name(path)
    stem, suffix = posixpath.splitext(name)
    return name if "#" in suffix else stem


def _number_of_id(one: str) -> str | None:
    as_float = _WHOLE_AS_FLOAT.fullmatch(one)
    return _number(as_float[1] if as_float else one)


def _folded(path: str) -> str:
    """One spelling for a path, whatever system wrote it."""
    slashed = path.replace("\\", "/")
    bare = _HERE.sub("", slashed, count=1) if slashed.startswith("./") else slashed
    return bare.lower() if bare.isascii() else composed(bare).casefold()


def _below(places: Sequence[_Place], one: str) -> str | None:
    """The rest of a path behind a folder, which has one or more names; None if the path leads elsewhere.

    A path that begins with a name of the folder leads there. Another one does behind the innermost folder of its own
    name, unless what stands before tells otherwise. A relative path begins above the folder: all its steps must be
    those of it. An absolute one may be of another machine: the host and the split must not differ, nor, where the own
    name is one as `images`, the folder above.
    """
    path = _parted(_folded(one))
    for place in places:
        depth = len(place.steps)
        if (path.root, path.host, path.steps[:depth]) == (place.root, place.host, place.steps):
            return "/".join(path.steps[depth:])
    ends = ((_end_of_own_name(path, place), place) for place in places)
    return next(("/".join(path.steps[end:]) for end, place in ends if end and _may_be(path, end, place)), None)


def _end_of_own_name(path: _Place, place: _Place) -> int:
    last = {place.steps[-1], _bare(place.steps[-1])}  # of an archive without its suffix too
    return next((end for end in range(len(path.steps) - 1, 0, -1) if path.steps[end - 1] in last), 0)


def _may_be(path: _Place, end: int, place: _Place) -> bool:
    """Whether a path may lead through a folder, the name of which ends there."""
    above, above_place = path.steps[: end - 1], place.steps[:-1]
    are_same = [a in (b, _bare(b)) for a, b in zip(above[::-1], above_place[::-1], strict=False)]
    if path.root is None:
        return all(are_same)
    own = _bare(place.steps[-1])
    hosts = {path.host, place.host} - {""}
    splits = {split_of_folders([*above, own]), split_of_folders([*above_place, own])}
    if len(hosts) > 1 or len(splits - {None}) > 1:
        return False
    if own not in _OF_ANY or not are_same or are_same[0]:
        return True
    # A folder directly below `/` is a machine's, as that of `/content/data`, and tells no collection.
    are_of_machine = [(path.root, len(above)) == ("/", 1), (place.root, len(above_place)) == ("/", 1)]
    return len(splits) == 1 and any(are_of_machine) and not all(are_of_machine)


def _parted(path: str) -> _Place:
    """A path as its root and its steps, without `.` and `..`; the first step of a URL is its host."""
    root = _ROOT.match(path)
    rest = path[root.end() if root else 0 :].lstrip("/")
    host = f"{root[0]}{root['host']}" if root and root["host"] else ""
    return _Place(root[0] if root else None, host, posixpath.normpath(rest).split("/"))


def _number(text: str) -> str | None:
    return (text.lstrip("0") or "0") if _WHOLE.fullmatch(text) else None


_READINGS = (
    _Reading(str, lambda image_id, path: image_id),
    _Reading(str, lambda image_id, path: path),
    _Reading(str, lambda image_id, path: _name(path)),
    _Reading(str, lambda image_id, path: _bare(path)),
    _Reading(_number_of_id, lambda image_id, path: _number(_bare(path))),
    _Reading(_folded, lambda image_id, path: _folded(path)),
    _Reading(_folded, lambda image_id, path: _folded(_name(path))),
    _Reading(_folded, lambda image_id, path: _folded(_bare(path))),
)
