"""The truth about labelled photos, told by their names or folders: the `target` of each image."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import lru_cache
from pathlib import PurePosixPath

from scoring.errors import ImagesError
from scoring.sources.entries import ImageEntry
from scoring.sources.label_places import (
    folder_of,
    inside_tar,
    name_of,
    refuse_beside,
    refuse_cameras,
    refuse_names_below,
    refuse_parts,
    refuse_two_levels,
    refuse_two_stories,
)
from scoring.sources.listing import CommonFolder, map_entries
from scoring.sources.masks import refuse_masks
from scoring.sources.spelling import composed, one_spelling, singular
from scoring.sources.splits import Split, SplitFolders, holds_images, names_split, split_of_name, word_of_split
from scoring.sources.unlabelled import refuse_unlabelled
from scoring.storage.redaction import brief

# Kaggle's `cat.123.jpg`; also `cat_123.jpg` and `cat-123.jpg`, as other collections write it.
_LABELLED_NAME = re.compile(r"(?P<label>.*[^\d._-])[._-]\d+\.\w+", re.DOTALL)
_KEPT = 10_000  # words whose labels are not looked up again
_NAMED = 3  # paths or labels shown in a message
_TargetOf = Callable[[str], str | None]  # the label that a path tells


class LabelsFrom(StrEnum):
    """Where an image's target stands; `AUTO` takes names or folders, unless they contradict each other."""

    AUTO = "auto"
    NAMES = "names"
    FOLDERS = "folders"


def with_targets(
    images: Sequence[ImageEntry],
    labels_from: LabelsFrom,
    found: Sequence[ImageEntry] | None = None,
    is_training: bool = False,
) -> Sequence[ImageEntry]:
    """The same images with their targets.

    Args:
        images: Those to label.
        labels_from: `NAMES` takes `cat` from `cat.123.jpg`, `FOLDERS` takes `cats` from `train/cats/123.jpg`, the
            innermost, within a tar from its own folders; `AUTO` takes what labels every image and is not contradicted
            by the other. The folder that all share is no label where others lie within it.
        found: All that were found, where some were left out since; their folders tell which of them are splits.
        is_training: Whether a wrong label would be learned: folders that only words tell to be splits, as `seg_test`
            beside `seg_train`, are none.

    Raises:
        ImagesError: If an image has none, of which the first are named; to train on, if some lie beside the folders of
            splits, but for those of the same labels where none are to test on, or are masks of others, or are called as
            those without a label; if tars of several folders have folders of other names; of `AUTO`, if it cannot tell
            which to take, names or folders, or folders on which level, or, to train on, if these are called as parts of
            a collection.
    """
    target_of: _TargetOf = word_before_number
    is_auto = labels_from is LabelsFrom.AUTO
    folders = SplitFolders(image.path for image in found or images)
    if labels_from is not LabelsFrom.NAMES:
        folder_target = _folder_targets(images, folders.is_split if is_training else folders.is_called_split)
        if is_auto:
            labels_from = _find_reading(images, folder_target)
        target_of = _name_target if labels_from is LabelsFrom.NAMES else folder_target

    def with_target(image: ImageEntry) -> ImageEntry:
        return replace(image, target=target_of(image.path))

    labelled = map_entries(images, with_target)
    bare = [image.path for image in labelled if image.target is None]
    if bare:
        raise ImagesError(
            f"Expected {_EXPECTED[labels_from]}; {len(bare)} of {len(images)} images are not so: "
            f"{', '.join(map(repr, bare[:_NAMED]))}.{_hint(bare, images)}"
        )
    if is_training:
        refuse_beside(labelled, found or images, folders)
        refuse_masks(labelled)
        refuse_unlabelled(labelled, labels_from is LabelsFrom.FOLDERS)
    if labels_from is LabelsFrom.FOLDERS:
        refuse_two_stories(labelled)
        if is_auto:
            refuse_two_levels(labelled, folders)
        if is_auto and is_training:
            refuse_parts(labelled)
    elif is_auto:
        refuse_names_below(labelled, folders)
    if is_auto:
        refuse_cameras(labelled, labels_from)
    return _in_one_spelling(labelled)


def _in_one_spelling(images: Sequence[ImageEntry]) -> Sequence[ImageEntry]:
    spelled = one_spelling(image.target for image in images if image.target)
    if not spelled:
        return images
    return map_entries(images, lambda image: replace(image, target=spelled.get(image.target or "", image.target)))


def told_otherwise(images: Sequence[ImageEntry]) -> list[ImageEntry]:
    """Those of labelled images whose names or folders are other labels, and not theirs: `cat/1.jpg` that is a dog.

    A number may be that of a fold or a patient, and tells no label.
    """
    shared = CommonFolder(image.path for image in images).depth
    label_of = lru_cache(_KEPT)(singular)
    labels = {label_of(image.target) for image in images if image.target}

    @lru_cache(_KEPT)
    def label_of_word(word: str) -> str | None:
        label = singular(word)
        return label if label in labels and not label.isdigit() and not names_split(word) else None

    def is_other(image: ImageEntry) -> bool:
        words = (*image.path.split("/")[shared:-1], word_before_number(image.path) or "")
        told = set(filter(None, map(label_of_word, words)))
        return bool(told) and label_of(image.target or "") not in told

    return [image for image in images if image.target and is_other(image)]


def _find_reading(images: Sequence[ImageEntry], folder_target: _TargetOf) -> LabelsFrom:
    """Names or folders, whichever labels every image and is not contradicted by the other.

    Raises:
        ImagesError: If neither does, or they contradict each other; it says what names and folders tell.
    """
    names, folders = _Reading(_name_target), _Reading(folder_target)
    disagreements: set[tuple[str, str]] = set()
    for image in images:
        by_name, by_folder = names.read(image.path), folders.read(image.path)
        if by_name and by_folder and singular(by_name) != singular(by_folder):
            disagreements.add((by_name, by_folder))
    told = [reading for reading in (names, folders) if reading.labels_all]
    if not told:
        raise ImagesError(
            "Expected photos of at least two labels, all named like cat.123.jpg or all in folders like cats/123.jpg; "
            f"the names tell {names}, the folders {folders}, of {len(images)} images {_lacking(names, folders, images)}"
        )
    if len(told) == 2 and disagreements and folders.calls_split_label:
        told = [names]  # a folder `train` is a split if names tell other labels
    if (len(told) == 2 and disagreements) or _contradicts(disagreements, names.words & folders.words):
        name, folder = min(disagreements)
        raise ImagesError(
            f"Expected names and folders to agree; the names tell {names}, the folders {folders}: {name!r} "
            f"lies in {folder!r}. Say which with `labels_from` names or folders.{_hint_of_test(disagreements)}"
        )
    return LabelsFrom.NAMES if told[0] is names else LabelsFrom.FOLDERS


def _lacking(names: "_Reading", folders: "_Reading", images: Sequence[ImageEntry]) -> str:
    """Which of the images lack a label by what labels most of them, and what to do about these."""
    is_by_names = names.rank < folders.rank
    reading, word = (names, "name") if is_by_names else (folders, "folder")
    bare = [image.path for image in images if reading.lacks(image.path)]
    if not 0 < len(bare) < len(images):
        return f"such as {images[0].path!r}.{_hint(bare, images)}"
    advice = "" if is_by_names else " Move these into folders of their labels or elsewhere, or name a `labels_file`."
    return f"such as {bare[0]!r}, which has no label by its {word}.{_hint(bare, images) or advice}"


def _contradicts(disagreements: Collection[tuple[str, str]], shared: Collection[str]) -> bool:
    """Whether a name says one label and its folder another, both of which are labels elsewhere: `cats/dog.1.jpg`."""
    return any(singular(word) in shared for pair in disagreements for word in pair)


class _Reading:
    """What the images' names, or their folders, would have as labels."""

    def __init__(self, target_of: _TargetOf) -> None:
        self._target_of = target_of
        self._labels: set[str] = set()
        self._num_without = 0

    def read(self, path: str) -> str | None:
        """Read one more image's label."""
        label = self._target_of(path)
        if label is None:
            self._num_without += 1
        else:
            self._labels.add(composed(label))
        return label

    def lacks(self, path: str) -> bool:
        """Whether an image has no label."""
        return self._target_of(path) is None

    @property
    def rank(self) -> tuple[bool, int]:
        """What sorts readings: first those of several labels, and of these the one that labels most images."""
        return len(self._labels) < 2, self._num_without

    @property
    def labels_all(self) -> bool:
        """Whether every image has a label, and not all of them the same."""
        return not self._num_without and len(self._labels) > 1

    @property
    def words(self) -> set[str]:
        """The labels but for case and plural."""
        return {singular(label) for label in self._labels}

    @property
    def calls_split_label(self) -> bool:
        """Whether one of the labels is the name of a split, as `train` of a vehicle."""
        return any(map(split_of_name, self._labels))

    def __str__(self) -> str:
        """The labels for people, of many the first."""
        if not self._labels:
            return "none"
        shown = ", ".join(repr(brief(label)) for label in sorted(self._labels)[:_NAMED])
        more = f" and {len(self._labels) - _NAMED} more" if len(self._labels) > _NAMED else ""
        return f"{shown}{more}" + (f" for all but {self._num_without}" if self._num_without else "")


def _name_target(path: str) -> str | None:
    """What stands before the number, unless that is the name of a split."""
    word = word_before_number(path)
    return None if word is None or names_split(word) else word


def word_before_number(path: str) -> str | None:
    """What stands before the number in a photo's name: `cat` of `cat.123.jpg`."""
    named = _LABELLED_NAME.fullmatch(path.rpartition("/")[2])
    return named["label"] if named else None


def _folder_targets(images: Sequence[ImageEntry], is_split: Callable[[str], bool]) -> _TargetOf:
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


def _hint(bare: Sequence[str], images: Sequence[ImageEntry]) -> str:
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


def _hint_of_test(disagreements: Iterable[tuple[str, str]]) -> str:
    """What to do where a folder whose photos' names tell other labels is called as one to test on."""
    told = ((folder, word_of_split(folder)) for _, folder in sorted(disagreements))
    test = next((folder for folder, word in told if word and word[0] is Split.TEST), None)
    return f" {test!r} is called as a folder to test on: if it is one, first move it elsewhere." if test else ""


_EXPECTED = {
    LabelsFrom.NAMES: "every name to tell its label, like cat.123.jpg",
    LabelsFrom.FOLDERS: (
        "every image in a folder named by its label, like cats/123.jpg, none beside these folders, inside a tar where "
        "it lies in one"
    ),
}
