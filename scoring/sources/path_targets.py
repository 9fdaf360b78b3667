"""The label that the path of a photo tells, by its name or by its folder; those of splits tell none."""

import re
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from scoring.sources.entries import ImageEntry
from scoring.sources.label_places import folder_of, inside_tar, name_of
from scoring.sources.listing import CommonFolder
from scoring.sources.splits import holds_images, names_split, split_of_name

# Kaggle's `cat.123.jpg`; also `cat_123.jpg` and `cat-123.jpg`, as other collections write it.
_LABELLED_NAME = re.compile(r"(?P<label>.*[^\d._-])[._-]\d+\.\w+", re.DOTALL)
TargetOf = Callable[[str], str | None]  # the label that a path tells


def word_before_number(path: str) -> str | None:
    """What stands before the number in a photo's name: `cat` of `cat.123.jpg`."""
    named = _LABELLED_NAME.fullmatch(path.rpartition("/")[2])
    return named["label"] if named else None


def name_target(path: str) -> str | None:
    """What stands before the number, unless that is the name of a split."""
    word = word_before_number(path)
    return None if word is None or names_split(word) else word


def folder_targets(images: Sequence[ImageEntry], is_split: Callable[[str], bool]) -> TargetOf:
    """The innermost folder's name; that of a split, as in `test/1.jpg`, or of a file that holds images is no label.

    Nor is the folder that all share, as `photos/` in a zip, where others lie within it.
    """
    shared = CommonFolder(inside_tar(image.path) for image in images)
    no_label = shared.depth if shared.is_divided else None

    def target_of(path: str) -> str | None:
        place = PurePosixPath(path)
        name = place.parent.name
        is_held = holds_images(name) or holds_images(place.name)
        is_label = not is_held and inside_tar(path).count("/") != no_label and not is_split(folder_of(path))
        return name if name and is_label else None

    return target_of


def hint_of_splits(bare: Sequence[str], images: Sequence[ImageEntry]) -> str:
    """What to do where photos without a label lie in folders of splits, and others do not, or are named by a split."""
    names = {name_of(folder_of(path)) for path in bare}
    if 0 < len(bare) < len(images) and all(map(split_of_name, names)):
        is_to_train = {name.casefold() for name in names} == {"train"}
        otherwise = "or" if is_to_train else "else move it elsewhere, or"
        return (
            f" If {' or '.join(map(repr, sorted(names)))} is a label, call that folder otherwise, {otherwise} name a "
            "`labels_file`."
        )
    first = next((image.path for image in images if names_split(word_before_number(image.path) or "")), None)
    return f" The name of {first!r} tells a split, which is no label: name a `labels_file`." if first else ""


def hint_of_above(images: Sequence[ImageEntry], folder_target: TargetOf) -> str:
    """What to do where folders above the innermost may be labels: `cat/train/1.jpg`, `cat/images/1.jpg`.

    Args:
        images: All of them, whose innermost folders tell no label, or one.
        folder_target: See `folder_targets`.
    """
    path = images[0].path
    place, places = path, {folder_of(image.path) for image in images}
    while all(places := {folder_of(each)[:-1] for each in places}):
        place = folder_of(place)[:-1]
        labels = set(map(folder_target, places))
        if len(labels) > 1 and None not in labels:
            label = folder_of(place)
            below, name = folder_of(path[len(label) :]), path[len(folder_of(path)) :]
            inner = f"{folder_of(label[:-1])}{below}{name_of(label)}/{name}"
            return (
                f" If labels stand further up, as {name_of(label)!r} in {path!r}, make their folders the innermost, as "
                f"{inner!r}, or name a `labels_file`."
            )
    return ""
