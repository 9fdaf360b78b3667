"""Find the image that each id means: ids of a competition's template, or of a file of labels."""

import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import takewhile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scoring.pixels.formats import IMAGE_SUFFIXES
from scoring.sources.spelling import composed
from scoring.sources.splits import split_of_folders
from scoring.sources.suffixes import is_row
from scoring.storage.locations import names_of

_WHOLE = re.compile(r"[0-9]+")
_WHOLE_AS_FLOAT = re.compile(r"([0-9]+)\.0")  # what pandas makes of whole numbers beside an empty cell
_ROOT = re.compile(
    r"(?:[a-z]:)?/|[a-z0-9+.-]+://(?=(?P<host>[^/]*))", re.IGNORECASE
)  # of an absolute path, or of a URL
_HERE = re.compile(r"(?:\./)+")
# Names of folders that a collection of any photos may have: the folder above tells which.
_OF_ANY = {"data", "files", "images", "img", "imgs", "jpeg", "jpg", "photos", "pictures"}
# Folders in which each machine has its own: of a user, or of a disk.
_OF_MACHINES = {"home", "kaggle", "media", "mnt", "users", "volumes"}
_KNOWN_FOLDERS = 100_000
_Spell = Callable[[str], str]


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
        root: `/`, also of `file://`, `c:/`, `s3://`; None of a relative path.
        host: Of a URL, with its root: `s3://pets`.
        steps: All that follow the root.
        ups: `../` as often as a relative path begins with it.
    """

    root: str | None
    host: str
    steps: Sequence[str]
    ups: str = ""


@dataclass(frozen=True)
class Matches:
    """What one reading of ids found.

    Attributes:
        rows: The image's row for each id; of ids without an image -1.
        missing: Ids without an image.
        twice: In words, the first id that means two images, or the first two ids that mean one; None if there is none.
            An id that an earlier reading gave another image means two.
        are_from_above: Whether ids were read as paths that begin above the folder of the images.
    """

    rows: npt.NDArray[np.int64]
    missing: Sequence[str]
    twice: str | None
    are_from_above: bool = False

    @property
    def num_found(self) -> int:
        """How many images have an id."""
        return int(np.count_nonzero(np.bincount(self.rows[self.rows >= 0])))


def match_by_every_reading(
    ids: Sequence[str], image_ids: Sequence[str], paths: Sequence[str], folder: str = "", by_ends: bool = False
) -> Iterator[Matches]:
    """Find the image of each id, in one way to read ids after the other; each is tried when it is asked for.

    An id is an image's id, its path, its file's name, one of these without the suffix, or the number that this is; or
    else its path or name as another system writes it: with backslashes, in other case (`JPG`), or with `é` as two
    characters. Of an image in a table its id is read for its path.

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
        ways = _WaysInto(folder)
        for fold in (_slashed, _folded):
            yield _match_below(ways, fold, str, ids, image_ids, paths)
            yield _match_below(ways, fold, _stem, ids, image_ids, paths)
    if by_ends:
        yield _match_ends(ids, image_ids, paths)


def _match_below(
    ways: "_WaysInto", fold: _Spell, cut: _Spell, ids: Sequence[str], image_ids: Sequence[str], paths: Sequence[str]
) -> Matches:
    """Find the image of each id that is a path through the folder; one beginning of them is taken for the folder.

    If some begin with the folder itself, they alone are read. Of several beginnings that lead to an image that one is
    taken which has most folders in common with the folder, from the last one up; if that leaves several, none is.
    """

    def key_of(path: str) -> str:
        return posixpath.normpath(fold(cut(path)))

    def rest_of(way: _Way, one: str) -> str:
        return fold(f"{way.rest}{_name(_slashed(one))}")

    begun = [one for one in ids if ways.of(one)]
    are_exact = any(way.is_folder for one in begun for way in ways.of(one))
    keys = set(map(key_of, paths)) if begun and not are_exact else set[str]()
    leading: dict[str, _Way] = {}
    twice, nearest = None, 0
    for one in begun if keys else ():
        led = [way for way in ways.of(one) if rest_of(way, one) in keys]
        leading.update((way.beginning, way) for way in led)
        nearest = max(nearest, *(way.num_shared for way in ways.of(one)))
        if len(led) > 1:
            twice = twice or f"{one} is {rest_of(led[0], one)} and {rest_of(led[1], one)}"
    if len(leading) > 1 and not twice:
        leading = {beginning: way for beginning, way in leading.items() if way.num_shared == nearest}
    if (len(leading) > 1 and not twice) or any(map(ways.is_elsewhere, leading.values())):
        leading = {}

    def of_id(one: str) -> str | None:
        taken = (way for way in ways.of(one) if (way.is_folder if are_exact else way.beginning in leading))
        return next((rest_of(way, one) for way in taken), None)

    matches = _match(_Reading(of_id, lambda image_id, path: key_of(path)), ids, image_ids, paths)
    return replace(matches, twice=twice or matches.twice, are_from_above=True)


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


def _stem(path: str) -> str:
    """A path without its suffix."""
    return path[: len(path) - len(_name(path))] + _bare(path)


def _named(image_id: str, path: str) -> str:
    """What names an image: its path, or the id of one whose path is a place in a table."""
    return image_id if is_row(path) else path


def _without_image_suffix(one: str) -> str | None:
    stem, suffix = posixpath.splitext(one)
    return stem if suffix.lower() in IMAGE_SUFFIXES else None


def _number_of_id(one: str) -> str | None:
    as_float = _WHOLE_AS_FLOAT.fullmatch(one)
    return _number(as_float[1] if as_float else one)


def _slashed(path: str) -> str:
    """A path with slashes, and without `./` before it or `x/../` within."""
    slashed = path.replace("\\", "/")
    if "/../" in slashed and not _ROOT.match(slashed):
        return posixpath.normpath(slashed)
    return _HERE.sub("", slashed, count=1) if slashed.startswith("./") else slashed


def _folded(path: str) -> str:
    """One spelling for a path, whatever system wrote it."""
    bare = _slashed(path)
    return bare.lower() if bare.isascii() else composed(bare).casefold()


@dataclass(frozen=True)
class _Way:
    """One way to read the folders of an id: through those of the images.

    Attributes:
        beginning: What may be the folder of the images, in one spelling for all ids.
        spelled: The same as it stands.
        rest: The folders behind it, each with a slash.
        num_shared: How many last folders of the beginning are the folder's own.
        is_folder: Whether it is the folder itself, by its whole path.
    """

    beginning: str
    spelled: str
    rest: str
    num_shared: int
    is_folder: bool


class _WaysInto:
    """What ids may have before the path of an image in a folder, which has one or more names.

    A path that begins with a name of the folder leads there. Another one may, behind each folder of its own name,
    unless what stands before tells otherwise; see `_may_be`.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._places = [_parted(_folded(name)) for name in names_of(folder)]
        self._of_folders = lru_cache(_KNOWN_FOLDERS)(self._find)

    def of(self, one: str) -> Sequence[_Way]:
        """The ways to read an id; none if its folders lead elsewhere."""
        above = _slashed(one).rpartition("/")[0]
        return self._of_folders(above) if above else ()

    def is_elsewhere(self, way: _Way) -> bool:
        """Whether this machine has the folder of the images, and another one of that path."""
        if not way.spelled.startswith(("/", "../")) or way.is_folder:
            return False
        there, here = Path(way.spelled), Path(self._folder)
        return there.is_dir() and here.is_dir() and not there.samefile(here)

    def _find(self, above: str) -> Sequence[_Way]:
        spelled = _parted(above)
        path = replace(spelled, steps=[_folded(step) for step in spelled.steps])
        ways = []
        for end in range(1, len(path.steps) + 1):
            begun = replace(path, steps=path.steps[:end])
            is_folder = path.root is not None and begun in self._places
            if is_folder or any(_may_be(begun, place) for place in self._places):
                root = path.root or path.ups
                shared = max(_num_shared(begun, place) for place in self._places)
                rest = "".join(f"{step}/" for step in spelled.steps[end:])
                beginning, as_spelled = (f"{root}{'/'.join(steps[:end])}" for steps in (path.steps, spelled.steps))
                ways.append(_Way(beginning, as_spelled, rest, shared, is_folder))
        return ways


def _num_shared(path: _Place, place: _Place) -> int:
    pairs = zip(path.steps[::-1], place.steps[::-1], strict=False)
    return sum(1 for _ in takewhile(lambda pair: _is_called(*pair), pairs))


def _is_called(step: str, own: str) -> bool:
    return step in (own, _bare(own))  # an archive without its suffix too


def _parts_from(path: _Place, place: _Place) -> bool:
    """Whether an absolute path begins as a folder does, in its bucket or on its machine, and then leads elsewhere."""
    if path.root != place.root or _num_shared(path, place) == len(place.steps) == len(path.steps):
        return False
    pairs = zip(path.steps, place.steps, strict=False)
    num_common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return num_common > (not path.host and path.steps[0] in _OF_MACHINES)


def _may_be(path: _Place, place: _Place) -> bool:
    """Whether a path may be that of a folder, of which it has the name.

    A relative path begins above the folder, after any `../`: all its steps must be those of it. An absolute one may be
    of another machine: the host and the split must not differ, nor, where the own name is one as `images`, the folder
    above.
    """
    if not _is_called(path.steps[-1], place.steps[-1]):
        return False
    above, above_place = path.steps[:-1], place.steps[:-1]
    if path.root is None:
        return _num_shared(path, place) == len(path.steps)
    if _parts_from(path, place):
        return False
    are_same = [_is_called(*pair) for pair in zip(above[::-1], above_place[::-1], strict=False)]
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
    """A path as its root and its steps, without `.`, and without `..` behind a step; a URL's first step is its host."""
    root = _ROOT.match(path)
    rest = path[root.end() if root else 0 :].lstrip("/")
    host = f"{root[0]}{root['host']}".lower() if root and root["host"] else ""
    scheme = root[0].lower().replace("file://", "/") if root else None
    steps = posixpath.normpath(rest).split("/")
    num_ups = len(list(takewhile(lambda step: step == "..", steps)))
    return _Place(scheme, host, steps[num_ups:], "../" * num_ups)


def _number(text: str) -> str | None:
    return (text.lstrip("0") or "0") if _WHOLE.fullmatch(text) else None


_READINGS = (
    _Reading(str, lambda image_id, path: image_id),
    _Reading(str, lambda image_id, path: path),
    _Reading(str, lambda image_id, path: _name(_named(image_id, path))),
    _Reading(str, lambda image_id, path: _bare(_named(image_id, path))),
    _Reading(_number_of_id, lambda image_id, path: _number(_bare(_named(image_id, path)))),
    _Reading(str, lambda image_id, path: _stem(_named(image_id, path))),
    _Reading(_without_image_suffix, lambda image_id, path: image_id if is_row(path) else None),
    _Reading(_slashed, lambda image_id, path: _named(image_id, path)),
    _Reading(_folded, lambda image_id, path: _folded(_named(image_id, path))),
    _Reading(_folded, lambda image_id, path: _folded(_name(_named(image_id, path)))),
    _Reading(_folded, lambda image_id, path: _folded(_bare(_named(image_id, path)))),
    _Reading(_folded, lambda image_id, path: _folded(_stem(_named(image_id, path)))),
)
