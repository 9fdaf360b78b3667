"""Ids in a file of labels that spell a photo's id otherwise: where they have another label, one of the two is wrong."""

import posixpath
from collections.abc import Iterator, Mapping, Sequence

from scoring.errors import RequestError
from scoring.sources.entries import NAMED, ImageEntry
from scoring.sources.id_spelling import folded, number_of_id, without_image_suffix
from scoring.sources.listing import CommonFolder
from scoring.sources.spelling import composed


def refuse_second_ids(
    second: Sequence[str],
    row_of: Mapping[str, int],
    label_of: Mapping[str, str],
    images: Sequence[ImageEntry],
    name: str,
) -> str | None:
    """Refuse ids that are paths of photos with another label, `./1.jpg` beside `1.jpg`, or these without suffix.

    Args:
        second: The ids that no photo has as the others are read.
        row_of: The photo's row of each of the others.
        label_of: The label of each id.
        images: The photos.
        name: What to call the file, for messages.

    Returns:
        In words, which may be such paths, or those of photos that are not here: `1.JPG`, `001`; None if none may.

    Raises:
        RequestError: If there are such ids.
    """
    first_of = {row: one for one, row in row_of.items()} if second else {}

    def first_beside(one: str, rows: Sequence[int]) -> str | None:
        """The id of a photo, where an id has another label than all of these."""
        first = [first_of[row] for row in rows if row in first_of]
        differ = len(first) == len(rows) and all(label_of[each] != label_of[one] for each in first)
        return first[0] if first and differ else None

    told = []
    for one, photos in _nearly(second, images):
        same = [row for row, names in photos.items() if _plainly(one) in map(_plainly, names)]
        if first := first_beside(one, same):
            raise RequestError(
                f"Expected one label for each photo in {name}; {first!r} has {label_of[first]!r}, and {one!r}, which "
                f"may be the same photo, {label_of[one]!r}. Leave one of them out."
            )
        if not same and (first := first_beside(one, list(photos))):
            told.append(f"{one!r} is {label_of[one]!r} and {first!r} {label_of[first]!r}")
    if not told:
        return None
    shown = ", ".join(told[:NAMED]) + (", ..." if len(told) > NAMED else "")
    are = "label of {} without a photo is another" if len(told) == 1 else "labels of {} without a photo are others"
    return (
        f"{len(told):,} {are.format(name)} than that of a photo whose id is nearly the same, "
        f"which counts: {shown}; if one photo is meant, leave the wrong id out"
    )


def _nearly(ids: Sequence[str], images: Sequence[ImageEntry]) -> Iterator[tuple[str, dict[int, set[str]]]]:
    """The ids that are loosely those of photos, with the rows of these and what names each: id and paths."""
    key_of = {one: _loosely(one) for one in ids}
    wanted, found = set(key_of.values()), dict[str, dict[int, set[str]]]()
    starts = set(map(_start, ids))
    near = {
        row: image
        for row, image in enumerate(images if ids else ())
        if not starts.isdisjoint(map(_start, {image.image_id, image.path, image.written}))
    }
    depth = CommonFolder(image.path for image in images).depth if near else 0
    for row, image in near.items():
        paths = {image.path, image.written, "/".join(image.path.split("/")[depth:])}
        names = {image.image_id, *paths, *filter(None, map(without_image_suffix, paths))}
        for key in wanted.intersection(map(_loosely, names)):
            found.setdefault(key, {})[row] = names
    return ((one, found[key]) for one, key in key_of.items() if key in found)


def _plainly(path: str) -> str:
    """One spelling of what can be no other path."""
    return composed(posixpath.normpath(path.replace("\\", "/")))


def _loosely(path: str) -> str:
    """One spelling for paths that differ by case or by how a number is written: `1.jpg` of `001.JPG`, `1` of `1.0`."""
    folder, slash, name = folded(_plainly(path)).rpartition("/")
    stem = without_image_suffix(name) or name
    return f"{folder}{slash}{number_of_id(stem) or stem}{name[len(stem) :]}"


def _start(path: str) -> str:
    """What all paths have in common that are loosely the same, and is told faster: how their name begins."""
    return _plainly(path).rpartition("/")[2].partition(".")[0].casefold().lstrip("0")
