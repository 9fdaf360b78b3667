"""Give photos the labels that stand in a file of their own, or in the table that lists them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from scoring.errors import RequestError
from scoring.sources.contradicted_labels import told_of_contradicted
from scoring.sources.entries import NAMED, ImageEntry, LeftOut, Listing
from scoring.sources.group_columns import Beside, read_beside
from scoring.sources.id_column import check_paths, choose_ids, photos_of_ids
from scoring.sources.label_use import TRAINING, LabelUse
from scoring.sources.labels_file import LabelsTable, read_as_empty, read_labels, tidy_labels
from scoring.sources.left_out_photos import left_out_photos
from scoring.sources.other_columns import columns_of_file, columns_of_table
from scoring.sources.other_suffixes import told_of_suffixes
from scoring.sources.second_ids import refuse_second_ids
from scoring.sources.several_labels import read_several, told_of_several
from scoring.sources.table_columns import LabelsFile, TableColumns
from scoring.sources.table_images import TableSource
from scoring.storage.locations import Location

_UNTOLD = None, None  # label and group of a photo of which the file says nothing


@dataclass(frozen=True)
class Labelled:
    """Photos with their targets, and what was left over on either side.

    Attributes:
        listing: The photos; those without a label are left out.
        unused: Labels without a photo; None if every label has one.
        told: What the user may have meant otherwise, in words.
        class_numbers: The number of each class that a table names; None if its parts differ. Empty where none is named.
    """

    listing: Listing
    unused: LeftOut | None = None
    told: tuple[str, ...] = ()
    class_numbers: Mapping[str, int | None] = field(default_factory=dict)


def label_by_file(
    listing: Listing,
    file: LabelsFile,
    use: LabelUse = TRAINING,
    folder: str = "",
    has_ids_beside_paths: bool = False,
    found: Listing | None = None,
) -> Labelled:
    """Give photos the labels of a file.

    Args:
        listing: The photos.
        file: Where their labels stand, and in which columns.
        use: What they are for.
        folder: Path of the folder or archive that the photos lie in: ids may be paths that begin above it.
        has_ids_beside_paths: Whether the photos' ids stand in a column of a table, which may tell another photo than
            the paths do.
        found: All that were found, where some were left out since: their labels are not without a photo, and their ids
            must not be those of others.

    Raises:
        RequestError: If the file cannot be read, or does not tell which column, which photo or which of two labels is
            meant; if, to train on, another column says that some are to test on.
        BucketError: If its bucket cannot be reached.
    """
    table = read_labels(file)
    images = list(listing.images)
    ids = choose_ids(table, file, images, folder)
    if has_ids_beside_paths:
        check_paths(table.name, ids, images, folder)
    if ids.matches.twice:
        raise RequestError(
            f"Expected one photo for every id of {table.name}, and one id for every photo; {ids.matches.twice}."
        )
    column = table.label_column(file.label_column, ids.column, use)
    label_of, numbers = _labels_by_id(table, ids.values, column, use), table.class_numbers(column)
    row_of = {one: row for one, row in ids.row_of.items() if one in label_of}
    photos = {one: images[row] for one, row in row_of.items()}
    left_out = left_out_photos(listing, found, lambda aside: photos_of_ids(list(label_of), aside, folder), table.name)
    left_out.refuse_their_ids(photos)
    if found and left_out.are_of_a_label(label_of, photos):
        return label_by_file(found, file, use, folder, has_ids_beside_paths)
    beside = Beside()
    if use == TRAINING:
        others, group = columns_of_file(table, ids.column, column, ids.values), table.group_column(file.group_column)
        beside = read_beside(others, label_of, photos, table.name, group)
    of_row = {row: (label_of[one], beside.groups.get(one)) for one, row in row_of.items()}
    unused = [one for one in label_of if one not in row_of and one not in left_out.of_id]
    where = table.with_empty(column)
    labelled = _with_targets(listing, map(of_row.get, range(len(images))), where, use)
    told = (
        _told_of_empty(where, table.name, use),
        table.told_of_one(column, ids.column),
        *beside.told,
        ids.told,
        refuse_second_ids(() if has_ids_beside_paths else unused, row_of, label_of, images, table.name),
        told_of_suffixes(row_of, images, table.name),
        told_of_several(label_of.values(), names=numbers) if use == TRAINING else None,
        told_of_contradicted(labelled.images, table.name, use),
    )
    without_photo = LeftOut(f"labels of {table.name} without a photo", len(unused), tuple(unused[:NAMED]))
    return Labelled(labelled, without_photo if unused else None, tuple(filter(None, told)), numbers)


def label_by_table(
    listing: Listing,
    table: Location,
    columns: TableColumns,
    use: LabelUse = TRAINING,
    found: Listing | None = None,
) -> Labelled:
    """Give the images of a table the labels in a column of it; see `label_by_file`.

    Raises:
        RequestError: If a value of that column is several labels, and `use` takes one; if, to train on, another column
            says that some are to test on.
        ImagesError: If the table is damaged.
    """
    source = TableSource(table, columns)
    files = (file for file in source.files() if not file.left_out)
    # The last one counts, as in the listing.
    rows = {(file.written, file.image_id): file.target or "" for file in files}
    numbers = source.class_numbers
    label_of = zip(rows, tidy_labels(list(rows.values()), numbers), strict=True)
    told = {row: label for row, label in label_of if label}
    labels = read_several(list(told.values()), use, str(columns.label), table.name, numbers)
    target_of = dict(zip(told, labels, strict=True))

    def row_of(image: ImageEntry) -> tuple[str, str | None]:
        """An id is known by its row where the table has ids, else made of the path."""
        row = (image.written, image.image_id)
        return row if row in target_of else (image.written, None)

    def by_row(images: Sequence[ImageEntry]) -> dict[tuple[str, str | None], ImageEntry]:
        return {row: image for image in images if (row := row_of(image)) in target_of}

    photos = by_row(listing.images)
    if found and left_out_photos(listing, found, by_row, table.name).are_of_a_label(target_of, photos):
        return label_by_table(found, table, columns, use)
    beside = Beside()
    if use == TRAINING:
        beside = read_beside(columns_of_table(source, columns), target_of, photos, table.name, columns.group)
    of_rows = ((target_of.get(row), beside.groups.get(row)) for row in map(row_of, listing.images))
    where = f"{table.name}{read_as_empty(rows.values(), numbers)}"
    labelled = _with_targets(listing, of_rows, where, use)
    hints = (
        _told_of_empty(where, table.name, use),
        *beside.told,
        told_of_several(labels, names=numbers) if use == TRAINING else None,
        told_of_contradicted(labelled.images, table.name, use),
    )
    return Labelled(labelled, told=tuple(filter(None, hints)), class_numbers=numbers)


def _told_of_empty(where: str, name: str, use: LabelUse) -> str | None:
    """In words, which labels count as none, where photos without one stay: of those left out, the reason says it."""
    return f"some photos have no label in {where}" if use.keeps_unlabelled and where != name else None


def _with_targets(
    listing: Listing, told: Iterable[tuple[str | None, str | None] | None], where: str, use: LabelUse
) -> Listing:
    """The photos with the label and the group that are told of each."""
    pairs = ((image, *(each or _UNTOLD)) for image, each in zip(listing.images, told, strict=True))
    images = [replace(image, target=target, group=group) for image, target, group in pairs]
    labelled = Listing(images, listing.left_out)
    if use.keeps_unlabelled:
        return labelled
    return labelled.keep(lambda image: image.target is not None, f"without a label in {where}")


def _labels_by_id(table: LabelsTable, ids: Sequence[str], label_column: str, use: LabelUse) -> dict[str, str]:
    """The label of each id that has one.

    Raises:
        RequestError: If one id has two, or one is several labels, and `use` takes one.
    """
    labels: dict[str, str] = {}
    for one, label in zip(ids, table.labels(label_column), strict=True):
        if one and label and labels.setdefault(one, label) != label:
            raise RequestError(
                f"Expected one label for each photo in {table.name}; {one!r} has {labels[one]!r} and {label!r}."
            )
    names = table.class_numbers(label_column)
    read = read_several(list(labels.values()), use, label_column, table.name, names)
    return dict(zip(labels, read, strict=True))
