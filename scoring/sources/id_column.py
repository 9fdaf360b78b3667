"""Which column of a file of labels says which photo, and the photo of each of its ids."""

import operator
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from scoring.errors import RequestError
from scoring.sources.base_names import match_base_names, name_photos, names_in
from scoring.sources.entries import ImageEntry
from scoring.sources.id_matching import Matches, match_by_every_reading
from scoring.sources.id_spelling import slashed, without_suffix
from scoring.sources.ids_from_elsewhere import told_of_folders
from scoring.sources.labels_file import LabelsTable, is_called_label
from scoring.sources.listing import CommonFolder, made_id
from scoring.sources.table_columns import LabelsFile
from scoring.storage.redaction import brief

# Of the ids, or of the photos if these are fewer, so many must match: by accident, as ids 1 to 9 may, fewer do.
_LEAST_SHARE = 0.5
_LEAST_DIFFERENT = 0.9  # of the files in a column, if each row is of its own; of nearest photos many are of several
_WHOLE = re.compile(r"[0-9]+(\.0+)?")  # as pandas writes it, too
# `image_number`, `photo_no`; not `image_rank`
_OF_PHOTOS = re.compile(
    r"(?:.*[^a-z])?(?:image|img|photo|picture|file)[-_ ]?(?:number|num|no|nr|id|idx|index)?", re.IGNORECASE
)


@dataclass(frozen=True)
class PhotoIds:
    """A column of a file of labels that may say which photo.

    Attributes:
        column: Its name.
        values: Those of its rows: with blanks around them where this is another photo's id, else without.
        ids: The same, each once, without empty ones.
        matches: The photo of each of them.
        told: In words, that another column may have been meant; None if none may.
    """

    column: str
    values: Sequence[str]
    ids: Sequence[str]
    matches: Matches
    told: str | None = None

    @cached_property
    def row_of(self) -> dict[str, int]:
        """The photo's row of every id that has one."""
        pairs = zip(self.ids, self.matches.rows.tolist(), strict=True)
        return {one: row for one, row in pairs if row >= 0}


@dataclass(frozen=True)
class _Photos:
    """What names photos: their ids, their paths, and these as a table's rows write them."""

    ids: Sequence[str]
    paths: Sequence[str]
    written: Sequence[str]

    @staticmethod
    def of(images: Sequence[ImageEntry]) -> "_Photos":
        """What names some images."""
        ids, paths = [image.image_id for image in images], [image.path for image in images]
        return _Photos(ids, paths, [image.written for image in images])

    @property
    def names(self) -> set[str]:
        """The names that an id has one of, if it means a photo."""
        return set(names_in([*self.ids, *self.paths, *self.written, *map(without_suffix, self.paths)]))


def choose_ids(table: LabelsTable, file: LabelsFile, images: Sequence[ImageEntry], folder: str) -> PhotoIds:
    """The column of ids whose values are those of photos.

    One of whole numbers, as running numbers are, must not tell other photos than a column of any name whose files may
    be these: not the nearest photo, or the one before. Nor than one such as `image_number` with a photo for each row.
    """
    asked, photos = file.id_column, _Photos.of(images)
    candidates = [_match_column(table, column, photos, folder) for column in table.id_columns(asked)]
    if not candidates:
        raise table.without_ids(_may_be_ids(table, file.label_column, images, folder))
    best = max(candidates, key=lambda found: found.matches.num_found)
    if not _are_enough(best, images):
        columns = ", ".join(repr(found.column) for found in candidates)
        are_ids = asked is not None or table.names_files(best.column)
        advice = "Write each as a path from there" if are_ids else "Name the column of the ids by `id_column`"
        advice = _told_of_folders(best, photos, images, folder) or advice
        raise RequestError(
            f"Expected {table.name} to hold ids of the photos; of {len(best.ids)} in its column {columns}, such as "
            f"{best.ids[0]!r}, {best.matches.num_found} belong to one. The first photo is {images[0].path!r}"
            f"{f' in {folder}, where paths may begin' if folder else ''}. {advice}."
        )
    if asked is None and all(map(_WHOLE.fullmatch, best.ids)):
        absent = [found for found in candidates if not _are_enough(found, images) and name_photos(found.ids)]
        others = [name for name in table.columns if name not in {found.column for found in candidates}]
        files = (_match_column(table, name, photos, folder) for name in others if table.names_files(name))
        files = (found if _are_enough(found, images) else _by_base_name(found, photos) for found in files)
        numbers = (_match_column(table, name, photos, folder) for name in others if _is_numbers(table, name))
        by_name = [_by_base_name(found, photos) for found in absent]
        best = replace(best, told=_told_of_absent(best, by_name, images, table.name))
        candidates += [found for found in by_name if _are_enough(found, images)]
        candidates += [found for found in files if _are_enough(found, images) and _may_be_meant(found, best)]
        candidates += [found for found in numbers if found.matches.num_found == len(found.values)]
    for other in candidates:
        if _disagree(best, other):
            raise RequestError(
                f"Expected one column of {table.name} to say which photo; {best.column!r} and {other.column!r} name "
                "different ones. Say which by `id_column`."
            )
    return best


def _told_of_folders(found: PhotoIds, photos: _Photos, images: Sequence[ImageEntry], folder: str) -> str:
    """What to do where ids would be photos' without the folders that they begin with; empty if they would not."""
    if not _are_named(found.ids, photos.names, len(images)):  # before each reading is tried, which takes longer
        return ""

    def find(ids: Sequence[str]) -> Matches | None:
        bare = _match_values(found.column, ids, photos, folder)
        return bare.matches if _are_enough(bare, images) else None

    return told_of_folders(found.ids, photos.paths, find)


def _may_be_ids(table: LabelsTable, label: str | None, images: Sequence[ImageEntry], folder: str) -> list[str]:
    """The columns of any name, but those of labels, by which ids would be found: each value means one photo.

    Not one of many equal values, as of ages, nor one that is called as a photo is, as without a line of names.
    """
    photos = _Photos.of(images)
    names = photos.names

    def may_be(column: str) -> bool:
        try:
            values = table.columns[column]
        except RequestError:  # of a Parquet table, one that cannot be text
            return False
        ids = {*values} - {""}
        if 2 * len(ids) <= len(values) or not _are_named(ids, names, len(images)):
            return False
        found = _match_column(table, column, photos, folder)
        return _are_enough(found, images) and found.matches.twice is None

    others = [name for name in table.columns if name and name != label and not is_called_label(name)]
    return [name for name in others if names.isdisjoint(names_in([name])) and may_be(name)]


def _are_named(ids: Collection[str], names: Collection[str], num_images: int) -> bool:
    """Whether as many ids as must match have the names of photos."""
    return sum(name in names for name in names_in(ids)) >= _LEAST_SHARE * min(len(ids), num_images)


def _by_base_name(found: PhotoIds, photos: _Photos) -> PhotoIds:
    """A column with the photos that its files are called as, wherever these lie."""
    return replace(found, matches=match_base_names(found.ids, photos.ids, photos.paths))


def _told_of_absent(best: PhotoIds, others: Sequence[PhotoIds], images: Sequence[ImageEntry], name: str) -> str | None:
    """In words, that a column called as one of photos' ids names files that are not here; None if none does."""
    other = next((found for found in others if not _are_enough(found, images)), None)
    if other is None:
        return None
    return (
        f"the ids of {name} are those of {best.column!r}; {other.column!r} names other files, such as "
        f"{brief(other.matches.missing[0])!r} (if it says which photo, write there what the photos are called)"
    )


def _is_numbers(table: LabelsTable, column: str) -> bool:
    """Whether a column is of whole numbers and called as of photos."""
    try:
        return _OF_PHOTOS.fullmatch(column) is not None and all(map(_WHOLE.fullmatch, table.columns[column]))
    except RequestError:  # of a Parquet table, one that cannot be text
        return False


def _are_enough(found: PhotoIds, images: Sequence[ImageEntry]) -> bool:
    return found.matches.num_found >= max(1, _LEAST_SHARE * min(len(found.ids), len(images)))


def _may_be_meant(files: PhotoIds, numbers: PhotoIds) -> bool:
    """Whether files are named in more rows than numbers of photos are, or in as many and seldom one twice."""
    num_files, num_numbers = _num_rows(files), _num_rows(numbers)
    differ = files.matches.num_found >= _LEAST_DIFFERENT * num_files
    return num_files > num_numbers or (num_files == num_numbers and differ)


def _num_rows(found: PhotoIds) -> int:
    """How many rows of a table tell a photo by that column."""
    row_of = found.row_of
    return sum(value in row_of for value in found.values)


def check_paths(name: str, found: PhotoIds, images: Sequence[ImageEntry], folder: str) -> None:
    """Refuse ids that mean other photos by the ids of the photos' table than by their paths."""
    paths, ids = [image.path for image in images], [image.image_id for image in images]
    depth = CommonFolder(paths).depth
    by_id = replace(found, matches=_match(found.ids, _Photos(ids, ids, ids), ""))
    made = [made_id(path, depth) for path in paths]
    photos = _Photos(made, paths, [image.written for image in images])
    by_path = replace(found, matches=_match(found.ids, photos, folder))
    if by_path.matches.twice or not (_are_enough(by_id, images) and _are_enough(by_path, images)):
        return
    row_by_path = by_path.row_of
    id_by_path = {row: one for one, row in row_by_path.items()}
    for one, row in by_id.row_of.items():
        if row_by_path.get(one, row) != row or id_by_path.get(row, one) != one:
            raise RequestError(
                f"Expected `id_column` {found.column!r} of the photos' table and of {name} to say what the paths say; "
                f"{paths[row]!r} is {one!r} by that column, and not by its path. If paths are meant, name that column "
                "of the table otherwise; if not, put the labels into the table, and name them by `label_column`."
            )


def photos_of_ids(ids: Sequence[str], images: Sequence[ImageEntry], folder: str) -> dict[str, ImageEntry]:
    """The photo of each of some ids that has one, by the reading that finds most of them."""
    matches = _match(ids, _Photos.of(images), folder)
    return {one: images[row] for one, row in zip(ids, matches.rows.tolist(), strict=True) if row >= 0}


def _match_column(table: LabelsTable, column: str, photos: _Photos, folder: str) -> PhotoIds:
    values, spelled = table.columns[column], table.spelled[column]
    found = _match_values(column, values, photos, folder)
    if all(map(operator.eq, values, spelled)):
        return found
    row_of, spelled_row_of = found.row_of, _match_values(column, spelled, photos, folder).row_of
    kept = {one for one, row in spelled_row_of.items() if one != one.strip() and row_of.get(one.strip()) != row}
    values = [one if one in kept else bare for one, bare in zip(spelled, values, strict=True)]
    return _match_values(column, values, photos, folder) if kept else found


def _match_values(column: str, values: Sequence[str], photos: _Photos, folder: str) -> PhotoIds:
    ids = [one for one in dict.fromkeys(values) if one]
    return PhotoIds(column, values, ids or [""], _match(ids, photos, folder))


def _match(ids: Sequence[str], photos: _Photos, folder: str) -> Matches:
    """The images of some ids, by the reading that finds most of them."""
    tried: list[Matches] = []
    for matches in match_by_every_reading(ids, photos.ids, photos.paths, folder, True, photos.written):
        tried.append(matches)
        if not matches.missing:
            break
    best = max(tried, key=_fitness)
    others = [matches for matches in tried if matches.are_from_above != best.are_from_above]
    for says in (_two_of_one, _two_beginnings):
        if best.twice is None:
            best = replace(best, twice=next(filter(None, (says(ids, best, each) for each in others)), None))
    return best


def _two_of_one(ids: Sequence[str], one: Matches, other: Matches) -> str | None:
    """In words, the first image that two readings give to different ids; None if there is none."""
    first, second = (
        {row: number for number, row in enumerate(each.rows.tolist()) if row >= 0} for each in (one, other)
    )
    both = next((row for row in first if second.get(row, first[row]) != first[row]), None)
    return None if both is None else f"the ids {ids[first[both]]} and {ids[second[both]]} are one"


def _two_beginnings(ids: Sequence[str], best: Matches, other: Matches) -> str | None:
    """In words, that ids which are paths from above find photos that the others do not; None if there are none.

    Where these are fewer, the others may be of photos above that are called as some here; not if their first folder is
    one of the others'.
    """
    above = np.flatnonzero((best.rows < 0) & (other.rows >= 0)).tolist()
    here = np.flatnonzero((best.rows >= 0) & (other.rows < 0)).tolist()
    if best.are_from_above or not (above and here):
        return None
    begun = {slashed(ids[number]).partition("/")[:2] for number in np.flatnonzero(best.rows >= 0).tolist()}
    first = next((ids[number] for number in above if slashed(ids[number]).partition("/")[:2] not in begun), None)
    return first and f"{ids[here[0]]} begins in the folder of the photos, and {first} above it: let all begin in one"


def _fitness(matches: Matches) -> tuple[int, bool, bool]:
    """How well a reading fits; ids of which as many are paths from above, and mean one photo, are to be refused."""
    mean_one = matches.twice is not None and matches.are_from_above and not matches.are_of_any_suffix
    return matches.num_found, mean_one, matches.twice is None


def _disagree(one: PhotoIds, other: PhotoIds) -> bool:
    """Whether two columns name different photos in a row of the table."""
    first, second = one.row_of, other.row_of
    pairs = zip(one.values, other.values, strict=True)
    return any(a in first and b in second and first[a] != second[b] for a, b in pairs)
