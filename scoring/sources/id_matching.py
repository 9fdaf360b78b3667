"""Find the image that each id means: ids of a competition's template, or of a file of labels."""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt

from scoring.sources.id_readings import AS_WRITTEN, Reading, Spell, endings, readings, wholes
from scoring.sources.id_spelling import folded, slashed, without_image_suffix, without_suffix
from scoring.sources.path_ends import are_by_folders, may_be_absent
from scoring.sources.ways_into_folder import Way, WaysInto

_FILE = re.compile("file:/", re.IGNORECASE)  # of a URL, in which pathlib and browsers quote blanks and accents


@dataclass(frozen=True)
class Matches:
    """What one reading of ids found.

    Attributes:
        rows: The image's row for each id; of ids without an image -1.
        missing: Ids without an image.
        twice: In words, the first id that means two images, or the first two ids that mean one; None if there is none.
            An id that an earlier reading gave another image means two.
        are_from_above: Whether ids were read as paths that begin above the folder of the images.
        are_of_any_suffix: Whether they were so whatever their suffix is.
    """

    rows: npt.NDArray[np.int64]
    missing: Sequence[str]
    twice: str | None
    are_from_above: bool = False
    are_of_any_suffix: bool = False

    @property
    def num_found(self) -> int:
        """How many images have an id."""
        return int(np.count_nonzero(np.bincount(self.rows[self.rows >= 0])))


def match_by_every_reading(
    ids: Sequence[str],
    image_ids: Sequence[str],
    paths: Sequence[str],
    folder: str = "",
    by_ends: bool = False,
    written: Sequence[str] | None = None,
) -> Iterator[Matches]:
    """Find the image of each id, in one way to read ids after the other; each is tried when it is asked for.

    An id is an image's id, its path, this below the folder that all images share, its file's name, one of these without
    the suffix, or the number that this is; or else its path or name as another system writes it: with backslashes, in
    other case (`JPG`), or with `é` as two characters; or else with another image's suffix, as of copies in another
    format. Of an image in a table its id is read for its path. A path as `file:///my%20photos/1.jpg` is one as it
    stands, or else without `%20`.

    Args:
        ids: All different.
        image_ids: The id of each image.
        paths: The path of each image.
        folder: Path of what they lie in: ids that begin above it, `train/1.jpg` in `train`, are read too.
        by_ends: Whether ids may also be the ends of paths, each below as many folders as it has.
        written: The paths as a table's rows write them, where these are others: ids may be such texts.
    """
    earlier = np.full(len(ids), -1, np.int64)
    for matches in _matches(ids, image_ids, paths, written or paths, folder, by_ends):
        rows = matches.rows
        changed = np.flatnonzero((earlier >= 0) & (rows >= 0) & (earlier != rows))
        if len(changed) and matches.twice is None:
            first = changed[0]
            both = f"{paths[earlier[first]]}, or {paths[rows[first]]} where it is read as the others are"
            matches = replace(matches, twice=f"{ids[first]} is {both}")
        earlier = np.where(earlier < 0, rows, earlier)
        yield matches


def _matches(
    ids: Sequence[str],
    image_ids: Sequence[str],
    paths: Sequence[str],
    written: Sequence[str],
    folder: str,
    by_ends: bool,
) -> Iterator[Matches]:
    for reading in readings(paths):
        yield _match(reading, ids, image_ids, written if reading is AS_WRITTEN else paths)
    if folder:
        ways = WaysInto(folder)
        as_they_stand = {one: one for one in ids}
        unquoted = {one: unquote(one, errors="surrogateescape") if _FILE.match(one) else one for one in ids}
        bare = {one: without_image_suffix(text) or text for one, text in unquoted.items()}
        for spelled in (as_they_stand, unquoted) if unquoted != as_they_stand else (as_they_stand,):
            for fold in (slashed, folded):
                yield _match_below(ways, fold, str, spelled, image_ids, paths)
                yield _match_below(ways, fold, without_suffix, spelled, image_ids, paths)
        yield replace(_match_below(ways, folded, without_suffix, bare, image_ids, paths), are_of_any_suffix=True)
    if by_ends:
        for fold in (slashed, folded):
            yield _match_ends(fold, str, ids, image_ids, paths)
            yield _match_ends(fold, without_suffix, ids, image_ids, paths)


def _match_below(
    ways: WaysInto, fold: Spell, cut: Spell, spelled: Mapping[str, str], image_ids: Sequence[str], paths: Sequence[str]
) -> Matches:
    """Find the image of each id that is a path through the folder; one beginning of them is taken for the folder.

    If some begin with the folder itself, they alone are read; see `_taken` for others.

    Args:
        ways: Those into the folder.
        fold: Makes one spelling of ids and paths.
        cut: What paths lose before, as their suffix.
        spelled: Each id as it is read.
        image_ids: The id of each image.
        paths: The path of each image.
    """

    def key_of(path: str) -> str:
        return posixpath.normpath(fold(cut(path)))

    def rest_of(way: Way, one: str) -> str:
        return fold(f"{way.rest}{posixpath.basename(slashed(spelled[one]))}")

    def ways_of(one: str) -> Sequence[Way]:
        return ways.of(spelled[one])

    begun = [one for one in spelled if ways_of(one)]
    are_exact = any(way.is_folder for one in begun for way in ways_of(one))
    keys = set(map(key_of, paths)) if begun and not are_exact else set[str]()
    led = {one: [way for way in ways_of(one) if rest_of(way, one) in keys] for one in (begun if keys else ())}
    leading = {way.beginning: way for each in led.values() for way in each}
    both = next(((one, each[0], each[1]) for one, each in led.items() if len(each) > 1), None)
    twice = both and f"{both[0]} is {rest_of(both[1], both[0])} and {rest_of(both[2], both[0])}"
    if leading and not twice:
        leading = _taken(leading, map(ways_of, led))
    if any(map(ways.is_elsewhere, leading.values())):
        leading = {}

    def of_id(one: str) -> str | None:
        taken = (way for way in ways_of(one) if (way.is_folder if are_exact else way.beginning in leading))
        return next((rest_of(way, one) for way in taken), None)

    matches = _match(Reading(of_id, lambda image_id, path: key_of(path)), list(spelled), image_ids, paths)
    return replace(matches, twice=twice or matches.twice, are_from_above=True)


def _taken(leading: Mapping[str, Way], ways: Iterable[Sequence[Way]]) -> dict[str, Way]:
    """The one beginning that ids are read by; none if several may be meant.

    It has most folders in common with the folder, from the last one up: more than others that lead to an image, and as
    many as those of ids that none of these begins, unless it lies within one of these.

    Args:
        leading: The ways that lead to an image, by their beginnings.
        ways: Those of each id, which may lead to none.
    """
    absent = (way for each in ways if all(way.beginning not in leading for way in each) for way in each)
    num_shared = {way.beginning: way.num_shared for way in (*leading.values(), *absent)}
    most = max(num_shared.values())
    nearest = [beginning for beginning, num in num_shared.items() if num == most]
    taken = {beginning: way for beginning, way in leading.items() if len(leading) == 1 or way.num_shared == most}
    if len(taken) > 1:
        return {}
    return {
        beginning: way
        for beginning, way in taken.items()
        if way.num_shared == most or any(beginning.startswith(f"{each}/") for each in nearest)
    }


def _match_ends(fold: Spell, cut: Spell, ids: Sequence[str], image_ids: Sequence[str], paths: Sequence[str]) -> Matches:
    """Find the image whose path ends in each id: `1.jpg` of one, `b/2.jpg` of another; see `_match_below`.

    An end that may as well be the path of an absent image finds none, unless every image has one id, in one way.
    """
    ends, spelled, spelled_paths = endings(ids, fold, cut), list(map(fold, ids)), list(map(fold, paths))
    if len(ids) == len(paths):
        matches = _match_in_order([*wholes(paths, fold, cut), *ends], ids, image_ids, paths)
        is_whole = not matches.missing and matches.twice is None
        if is_whole and are_by_folders(spelled, matches.rows, spelled_paths):
            return matches
    matches = _match_in_order(ends, ids, image_ids, paths)
    absent = may_be_absent(spelled, matches.rows, spelled_paths)
    if not absent.any():
        return matches
    kept = [one for one, is_absent in zip(ids, absent, strict=True) if not is_absent]
    matches = _match_in_order(ends, kept, image_ids, paths)
    rows = np.full(len(ids), -1, np.int64)
    rows[~absent] = matches.rows
    return Matches(rows, [one for one, row in zip(ids, rows, strict=True) if row < 0], matches.twice)


def _match_in_order(
    readings: Sequence[Reading], ids: Sequence[str], image_ids: Sequence[str], paths: Sequence[str]
) -> Matches:
    """Find the image of each id by the first of some readings that tells one."""
    row_of: dict[str, int] = {}
    twice = None
    for reading in readings:
        left = [one for one in ids if one not in row_of]
        matches = _match(reading, left, image_ids, paths)
        twice = twice or matches.twice
        row_of |= {one: row for one, row in zip(left, matches.rows.tolist(), strict=True) if row >= 0}
    first: dict[int, str] = {}
    for one, row in row_of.items():
        if (other := first.setdefault(row, one)) != one:
            twice = twice or f"the ids {other} and {one} are one"
    rows = [row_of.get(one, -1) for one in ids]
    return Matches(np.array(rows, np.int64), [one for one in ids if one not in row_of], twice)


def _match(reading: Reading, ids: Sequence[str], image_ids: Sequence[str], paths: Sequence[str]) -> Matches:
    keys = list(map(reading.of_id, ids))
    wanted: dict[str, str] = {}
    twice = None
    for one, key in zip(ids, keys, strict=True):
        if key is not None and (other := wanted.setdefault(key, one)) != one:
            twice = twice or f"the ids {other} and {one} are one"
    rows: dict[str | None, int] = {}
    for row, (image_id, path) in enumerate(zip(image_ids, paths, strict=True) if wanted else ()):
        key = reading.of_image(image_id, path)
        if key in wanted and rows.setdefault(key, row) != row:
            twice = twice or f"{wanted[key]} is {paths[rows[key]]} and {path}"
    found = [rows.get(key, -1) for key in keys]
    return Matches(np.array(found, np.int64), [one for one, row in zip(ids, found, strict=True) if row < 0], twice)
