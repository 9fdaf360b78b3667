"""Give photos the labels that stand in a file of their own, or in the table that lists them."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from scoring.errors import ImagesError, RequestError
from scoring.sources.entries import NAMED, ImageEntry, LeftOut, Listing
from scoring.sources.id_matching import Matches, match_by_every_reading
from scoring.sources.labels_file import LabelsTable, read_labels, tidy_labels
from scoring.sources.listing import CommonFolder, made_id
from scoring.sources.spelling import composed
from scoring.sources.table_columns import LabelsFile, TableColumns
from scoring.sources.table_images import TableSource
from scoring.sources.targets import LabelsFrom, parts_of, told_otherwise, with_targets
from scoring.storage.locations import Location

# Of the ids, or of the photos if these are fewer, so many must match: by accident, as ids 1 to 9 may, fewer do.
_LEAST_SHARE = 0.5
_LEAST_DIFFERENT = 0.9  # of the files in a column, if each row is of its own; of nearest photos many are of several
_WHOLE = re.compile(r"[0-9]+(\.0+)?")  # as pandas writes it, too
_LEAST_WORDS = 3  # of names that are made of few; pairs such as `red dress` are more often two labels
_NOT_TRAINED = (
    "and such models are not trained here. Train one with Keras, with a sigmoid for each label, and score it with "
    "`outputs` multi-label; if it is one label, write it without."
)
_NOT_SCORED = (
    "and this model gives one label to each. A model of several, with a sigmoid for each, is scored with `outputs` "
    "multi-label; if it is one label, write it without."
)
_MARKS = {"|": "bars", ";": "semicolons", ",": "commas", " ": "spaces"}


@dataclass(frozen=True)
class Labelled:
    """Photos with their targets, and what was left over on either side.

    Attributes:
        listing: The photos; those without a label are left out.
        unused: Labels without a photo; None if every label has one.
        told: What the user may have meant otherwise, in words.
    """

    listing: Listing
    unused: LeftOut | None = None
    told: tuple[str, ...] = ()


@dataclass(frozen=True)
class LabelUse:
    """What labels are for: training takes labelled photos alone, and one label of each.

    Attributes:
        keeps_unlabelled: Whether photos without a label stay.
        takes_several: Whether a photo may have several; its target has commas between them.
    """

    keeps_unlabelled: bool = False
    takes_several: bool = False


TRAINING = LabelUse()


@dataclass(frozen=True)
class _Ids:
    """A column of a file of labels that may say which photo.

    Attributes:
        column: Its name.
        ids: Its values, each once.
        matches: The photo of each of them.
    """

    column: str
    ids: Sequence[str]
    matches: Matches

    @property
    def row_of(self) -> dict[str, int]:
        """The photo's row of every id that has one."""
        pairs = zip(self.ids, self.matches.rows.tolist(), strict=True)
        return {one: row for one, row in pairs if row >= 0}


def label_by_file(
    listing: Listing, file: LabelsFile, use: LabelUse = TRAINING, folder: str = "", has_ids_beside_paths: bool = False
) -> Labelled:
    """Give photos the labels of a file.

    Args:
        listing: The photos.
        file: Where their labels stand, and in which columns.
        use: What they are for.
        folder: Path of the folder or archive that the photos lie in: ids may be paths that begin above it.
        has_ids_beside_paths: Whether the photos' ids stand in a column of a table, which may tell another photo than
            the paths do.

    Raises:
        RequestError: If the file cannot be read, or does not tell which column, which photo or which of two labels is
            meant.
        BucketError: If its bucket cannot be reached.
    """
    table = read_labels(file)
    images = list(listing.images)
    found = _choose_ids(table, file.id_column, images, folder)
    if has_ids_beside_paths:
        _check_paths(table, found.column, images, folder)
    if found.matches.twice:
        raise RequestError(
            f"Expected one photo for every id of {table.name}, and one id for every photo; {found.matches.twice}."
        )
    column = table.label_column(file.label_column, found.column)
    label_of = _labels_by_id(table, found.column, column)
    label_of = dict(zip(label_of, _read_several(list(label_of.values()), use, column, table.name), strict=True))
    targets = {row: label_of[one] for one, row in found.row_of.items() if one in label_of}
    unused = [one for one in label_of if one not in found.row_of]
    labelled = _with_targets(listing, [targets.get(row) for row in range(len(images))], table.name, use)
    told = (table.told_of_one(column, found.column), _told_otherwise(labelled, table.name, use))
    return Labelled(
        labelled,
        LeftOut(f"labels of {table.name} without a photo", len(unused), tuple(unused[:NAMED])) if unused else None,
        tuple(filter(None, told)),
    )


def label_by_table(listing: Listing, table: Location, columns: TableColumns, use: LabelUse = TRAINING) -> Labelled:
    """Give the images of a table the labels in a column of it; see `label_by_file`.

    Raises:
        RequestError: If a value of that column is several labels, and `use` takes one.
        ImagesError: If the table is damaged.
    """
    files = (file for file in TableSource(table, columns).files() if not file.left_out)
    rows = {(file.path, file.image_id): file.target or "" for file in files}  # the last one counts, as in the listing
    label_of = zip(rows, tidy_labels(list(rows.values())), strict=True)
    labelled = {row: label for row, label in label_of if label}
    labels = _read_several(list(labelled.values()), use, str(columns.label), table.name)
    target_of = dict(zip(labelled, labels, strict=True))
    # An id is known by its row where the table has ids, else made of the path.
    targets = [
        target_of.get((image.path, image.image_id)) or target_of.get((image.path, None)) for image in listing.images
    ]
    found = _with_targets(listing, targets, table.name, use)
    told = _told_otherwise(found, table.name, use)
    return Labelled(found, told=(told,) if told else ())


def _told_otherwise(listing: Listing, name: str, use: LabelUse) -> str | None:
    """In words, that labels of a file or a table are others than those of photos' folders; None where none are."""
    others = [] if use.takes_several else told_otherwise(listing.images)
    if not others:
        return None
    first = ", ".join(f"{image.path!r} is {image.target!r}" for image in others[:NAMED])
    more = ", ..." if len(others) > NAMED else ""
    return (
        f"{len(others):,} of {len(listing.images):,} photos have a name or a folder of another label than {name} has, "
        f"which counts: {first}{more}"
    )


def _with_targets(listing: Listing, targets: Sequence[str | None], name: str, use: LabelUse) -> Listing:
    pairs = zip(listing.images, targets, strict=True)
    labelled = Listing([replace(image, target=target) for image, target in pairs], listing.left_out)
    if use.keeps_unlabelled:
        return labelled
    return labelled.keep(lambda image: image.target is not None, f"without a label in {name}")


def _choose_ids(table: LabelsTable, asked: str | None, images: Sequence[ImageEntry], folder: str) -> _Ids:
    """The column of ids whose values are those of photos.

    One of whole numbers, as running numbers are, must not tell other photos than a column of any name whose files may
    be these: not the nearest photo, or the one before.
    """
    image_ids, paths = [image.image_id for image in images], [image.path for image in images]
    candidates = [_match_column(table, column, image_ids, paths, folder) for column in table.id_columns(asked)]
    best = max(candidates, key=lambda found: found.matches.num_found)
    if not _are_enough(best, images):
        columns = ", ".join(repr(found.column) for found in candidates)
        are_ids = asked is not None or table.names_files(best.column)
        advice = "Write each as a path from there" if are_ids else "Name the column of the ids by `id_column`"
        raise RequestError(
            f"Expected {table.name} to hold ids of the photos; of {len(best.ids)} in its column {columns}, such as "
            f"{best.ids[0]!r}, {best.matches.num_found} belong to one. The first photo is {images[0].path!r}"
            f"{f' in {folder}, where paths may begin' if folder else ''}. {advice}."
        )
    if asked is None and all(map(_WHOLE.fullmatch, best.ids)):
        others = [name for name in table.columns if name not in {found.column for found in candidates}]
        files = (_match_column(table, name, image_ids, paths, folder) for name in others if table.names_files(name))
        candidates += [found for found in files if _are_enough(found, images) and _may_be_meant(table, found, best)]
    for other in candidates:
        if _disagree(table, best, other):
            raise RequestError(
                f"Expected one column of {table.name} to say which photo; {best.column!r} and {other.column!r} name "
                "different ones. Say which by `id_column`."
            )
    return best


def _are_enough(found: _Ids, images: Sequence[ImageEntry]) -> bool:
    return found.matches.num_found >= max(1, _LEAST_SHARE * min(len(found.ids), len(images)))


def _may_be_meant(table: LabelsTable, files: _Ids, numbers: _Ids) -> bool:
    """Whether files are named in more rows than numbers of photos are, or in as many and seldom one twice."""
    num_files, num_numbers = _num_rows(table, files), _num_rows(table, numbers)
    differ = files.matches.num_found >= _LEAST_DIFFERENT * num_files
    return num_files > num_numbers or (num_files == num_numbers and differ)


def _num_rows(table: LabelsTable, found: _Ids) -> int:
    """How many rows of a table tell a photo by that column."""
    row_of = found.row_of
    return sum(value in row_of for value in table.columns[found.column])


def _check_paths(table: LabelsTable, column: str, images: Sequence[ImageEntry], folder: str) -> None:
    """Refuse ids that mean other photos by the ids of the photos' table than by their paths."""
    paths, ids = [image.path for image in images], [image.image_id for image in images]
    depth = CommonFolder(paths).depth
    by_id = _match_column(table, column, ids, ids, "")
    by_path = _match_column(table, column, [made_id(path, depth) for path in paths], paths, folder)
    if by_path.matches.twice or not (_are_enough(by_id, images) and _are_enough(by_path, images)):
        return
    row_by_path = by_path.row_of
    id_by_path = {row: one for one, row in row_by_path.items()}
    for one, row in by_id.row_of.items():
        if row_by_path.get(one, row) != row or id_by_path.get(row, one) != one:
            raise RequestError(
                f"Expected `id_column` {column!r} of the photos' table and of {table.name} to say what the paths say; "
                f"{paths[row]!r} is {one!r} by that column, and not by its path. If paths are meant, name that column "
                "of the table otherwise; if not, put the labels into the table, and name them by `label_column`."
            )


def _match_column(table: LabelsTable, column: str, image_ids: Sequence[str], paths: Sequence[str], folder: str) -> _Ids:
    ids = [one for one in dict.fromkeys(table.columns[column]) if one]
    tried: list[Matches] = []
    for matches in match_by_every_reading(ids, image_ids, paths, folder):
        tried.append(matches)
        if not matches.missing:
            break
    best = max(tried, key=_fitness)
    others = [matches for matches in tried if matches.are_from_above != best.are_from_above]
    if best.twice is None and (twice := next(filter(None, (_two_of_one(ids, best, each) for each in others)), None)):
        best = replace(best, twice=twice)
    return _Ids(column, ids or [""], best)


def _two_of_one(ids: Sequence[str], one: Matches, other: Matches) -> str | None:
    """In words, the first image that two readings give to different ids; None if there is none."""
    first, second = (
        {row: number for number, row in enumerate(each.rows.tolist()) if row >= 0} for each in (one, other)
    )
    both = next((row for row in first if second.get(row, first[row]) != first[row]), None)
    return None if both is None else f"the ids {ids[first[both]]} and {ids[second[both]]} are one"


def _fitness(matches: Matches) -> tuple[int, bool, bool]:
    """How well a reading fits; ids of which as many are paths from above, and mean one photo, are to be refused."""
    return matches.num_found, matches.are_from_above and matches.twice is not None, matches.twice is None


def _disagree(table: LabelsTable, one: _Ids, other: _Ids) -> bool:
    """Whether two columns name different photos in a row of the table."""
    first, second = one.row_of, other.row_of
    pairs = zip(table.columns[one.column], table.columns[other.column], strict=True)
    return any(a in first and b in second and first[a] != second[b] for a, b in pairs)


def _labels_by_id(table: LabelsTable, id_column: str, label_column: str) -> dict[str, str]:
    """The label of each id that has one.

    Raises:
        RequestError: If one id has two.
    """
    labels: dict[str, str] = {}
    for one, label in zip(table.columns[id_column], table.labels(label_column), strict=True):
        if one and label and labels.setdefault(one, label) != label:
            raise RequestError(
                f"Expected one label for each photo in {table.name}; {one!r} has {labels[one]!r} and {label!r}."
            )
    return labels


def label_by_path(
    listing: Listing, labels_from: LabelsFrom, use: LabelUse = TRAINING, found: Listing | None = None
) -> Labelled:
    """Give photos the labels that their names or folders tell; see `with_targets`.

    Raises:
        ImagesError: If they tell none, or if `use` is to train and one is several, as the folder `cat,dog`.
    """
    images = with_targets(listing.images, labels_from, found.images if found else None, use == TRAINING)
    if use == TRAINING and (several := _several({image.target or "" for image in images}, ",")):
        first = next(image.path for image in images if image.target == several)
        raise ImagesError(
            f"Expected one label for each photo; {first!r} has {several!r}, which is several, with commas between "
            f"them, {_NOT_TRAINED}"
        )
    return Labelled(replace(listing, images=images))


def _read_several(values: Sequence[str], use: LabelUse, column: str, name: str) -> list[str]:
    """The labels as they are; if one value is several, as `haze primary`, all with commas between parts, or refused."""
    different = set(map(composed, values))
    for mark, words in _MARKS.items():
        value = _several(different, mark, may_be_names=not use.takes_several)
        if value and use.takes_several:
            return [",".join(parts_of(value, mark)) for value in values]
        if value:
            raise RequestError(
                f"Expected one label for each photo in the column {column!r} of {name}; {value!r} is several, with "
                f"{words} between them, {_NOT_TRAINED if use == TRAINING else _NOT_SCORED}"
            )
    return list(values)


def _several(values: Collection[str], mark: str, may_be_names: bool = True) -> str | None:
    """The first value that is several labels, if some are.

    They are if the parts of one are labels themselves, or if few parts make up many values. `American bulldog` and
    `French bulldog` are not, nor, if they may be names, are such of equally many words, three or more: `ace of clubs`.
    """
    parts = {value: parts_of(value, mark) for value in sorted(values)}
    torn = {value: each for value, each in parts.items() if len(each) > 1}
    made_of_labels = next((value for value, each in torn.items() if all(part in values for part in each)), None)
    if made_of_labels is not None:
        return made_of_labels
    few = {part for each in torn.values() for part in each}
    lengths = {len(each) for each in torn.values()}
    are_names = may_be_names and mark == " " and len(lengths) == 1 and min(lengths) >= _LEAST_WORDS
    return next(iter(torn)) if torn and 2 * len(few) < len(torn) and not are_names else None
