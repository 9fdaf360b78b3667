"""The truth about labelled photos, told by their names or folders: the `target` of each image."""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import PurePosixPath

from scoring.errors import ImagesError
from scoring.sources.entries import ImageEntry
from scoring.sources.listing import CommonFolder, map_entries
from scoring.sources.spelling import composed, one_spelling
from scoring.sources.splits import SplitFolders, holds_images, split_of_name

# Kaggle's `cat.123.jpg`; also `cat_123.jpg` and `cat-123.jpg`, as other collections write it.
_LABELLED_NAME = re.compile(r"(?P<label>.*[^\d._-])[._-]\d+\.\w+", re.DOTALL)
_IN_TAR = re.compile(r"\.(tar|tar\.(gz|bz2|xz)|tgz|tbz2?|txz)/", re.IGNORECASE)
_NUMBERED = re.compile(r"([a-z]{2,}[-_ .=]?)?\d+([-_.]\d+)*", re.IGNORECASE)  # `2026`, `part0`; not `n01440764`
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
        labels_from: `NAMES` takes `cat` from `cat.123.jpg`, `FOLDERS` takes `cats` from `train/cats/123.jpg`, within a
            tar from its own folders; `AUTO` takes what labels every image and is not contradicted by the other. The
            folder that all share is no label where others lie within it.
        found: All that were found, where some were left out since; their folders tell which of them are splits.
        is_training: Whether a wrong label would be learned: folders that only words tell to be splits, as `seg_test`
            beside `seg_train`, are none, nor are those of photos beside such folders.

    Raises:
        ImagesError: If an image has none, of which the first are named; to train on, if some lie beside the folders of
            splits, where others lie in folders of labels; if tars of several folders have folders of other names; of
            `AUTO`, if it cannot tell which to take.
    """
    target_of: _TargetOf = _name_target
    if labels_from is not LabelsFrom.NAMES:
        folders = SplitFolders(image.path for image in found or images)
        folder_target = _folder_targets(images, folders.is_split if is_training else folders.is_called_split)
        if labels_from is LabelsFrom.AUTO:
            labels_from = _find_reading(images, folder_target)
        if is_training and labels_from is LabelsFrom.FOLDERS:
            _refuse_beside(images, folders)
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
    if labels_from is LabelsFrom.FOLDERS:
        _refuse_two_stories(labelled)
    return _in_one_spelling(labelled)


def _in_one_spelling(images: Sequence[ImageEntry]) -> Sequence[ImageEntry]:
    spelled = one_spelling(image.target for image in images if image.target)
    if not spelled:
        return images
    return map_entries(images, lambda image: replace(image, target=spelled.get(image.target or "", image.target)))


def _refuse_two_stories(images: Sequence[ImageEntry]) -> None:
    """Refuse tars in several folders, as `cats/a.tar`, that have folders of other names: either may be the labels.

    Where the tars' folders differ by numbers alone, as `2026/a.tar`, and a tar has two labels, those inside are them.
    """
    places, other = set[tuple[str, ...]](), None
    inside = defaultdict[str, set[str]](set)  # the labels of each tar
    for image in images:
        if tar := _IN_TAR.search(image.path):
            above = image.path[: tar.start()].split("/")[:-1]
            folders = tuple(name for name in above if split_of_name(name) is None)
            places.add(folders)
            inside[image.path[: tar.end()]].add(singular(image.target or ""))
            if singular(image.target or "") not in map(singular, folders):
                other = other or image
    unnumbered = {tuple(name for name in place if not _NUMBERED.fullmatch(name)) for place in places}
    is_told_inside = len(unnumbered) == 1 and any(len(labels) > 1 for labels in inside.values())
    if other and len(places) > 1 and () not in places and not is_told_inside:
        raise ImagesError(
            f"Expected either the folders of tars or those inside them to tell the label; {other.path!r} has both, as "
            "others have. Move the tars into one folder if those inside tell, else name a `labels_file`."
        )


def match_label(target: str, labels: Sequence[str]) -> int | None:
    """The index of the class that a target means: the same word, or else but for case and plural (`Cats` for `cat`).

    None if no class is meant, or more than one is.
    """
    if target in labels:
        return labels.index(target) if labels.count(target) == 1 else None
    words, word = [singular(label) for label in labels], singular(target)
    if words.count(word) > 1:
        words, word = [composed(label) for label in labels], composed(target)
    return words.index(word) if words.count(word) == 1 else None


def singular(word: str) -> str:
    """What a word is but for case, plural and spelling: `cat` of `Cats`."""
    folded = composed(word).casefold()
    return folded.removesuffix("s") or folded  # a letter alone has no plural


def parts_of(value: str, mark: str) -> list[str]:
    """What a mark parts, without what is empty: `a,b,` is `a` and `b`. A space stands for any blanks."""
    return [part.strip() for part in value.split(None if mark == " " else mark) if part.strip()]


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
            f"the names tell {names}, the folders {folders}, of {len(images)} images such as {images[0].path!r}."
            f"{_hint([image.path for image in images if folder_target(image.path) is None], images)}"
        )
    if len(told) == 2 and disagreements and folders.calls_split_label:
        told = [names]  # a folder `train` is a split if names tell other labels
    if (len(told) == 2 and disagreements) or _contradicts(disagreements, names.words & folders.words):
        name, folder = min(disagreements)
        raise ImagesError(
            f"Expected names and folders to agree; the names tell {names}, the folders {folders}: {name!r} "
            f"lies in {folder!r}. Say which with `labels_from` names or folders."
        )
    return LabelsFrom.NAMES if told[0] is names else LabelsFrom.FOLDERS


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
        shown = ", ".join(map(repr, sorted(self._labels)[:_NAMED]))
        more = f" and {len(self._labels) - _NAMED} more" if len(self._labels) > _NAMED else ""
        return f"{shown}{more}" + (f" for all but {self._num_without}" if self._num_without else "")


def _name_target(path: str) -> str | None:
    named = _LABELLED_NAME.fullmatch(PurePosixPath(path).name)
    return named["label"] if named else None


def _folder_targets(images: Sequence[ImageEntry], is_split: Callable[[str], bool]) -> _TargetOf:
    """The innermost folder's name; that of a split, as in `test/1.jpg`, or of a file that holds images is no label.

    Nor is the folder that all share, as `photos/` in a zip, where others lie within it.
    """
    shared = CommonFolder(_inside(image.path) for image in images)
    no_label = shared.depth if shared.is_divided else None

    def target_of(path: str) -> str | None:
        place = PurePosixPath(path)
        name = place.parent.name
        is_held = holds_images(name) or holds_images(place.name)
        is_label = not is_held and _inside(path).count("/") != no_label and not is_split(_folder(path))
        return name if name and is_label else None

    return target_of


def _refuse_beside(images: Sequence[ImageEntry], folders: SplitFolders) -> None:
    """Refuse photos beside the folders to train on, where others lie in folders of labels, unless theirs is one too."""
    within = {_folder(image.path) for image in images}
    beside = set(filter(folders.lies_beside, within))
    labels = {singular(_name(folder)) for folder in within - beside}
    lost = {folder for folder in beside if singular(_name(folder)) not in labels}
    if lost:
        first = [image.path for image in images if _folder(image.path) in lost]
        raise ImagesError(
            f"Expected every image in a folder named by its label; {len(first)} of {len(images)} images lie beside the "
            f"folders to train on, where others do: {', '.join(map(repr, first[:_NAMED]))}. Take the folder to train "
            "on as `images`, or move the others elsewhere."
        )


def _hint(bare: Sequence[str], images: Sequence[ImageEntry]) -> str:
    """What to do where all photos without a label lie in a folder `train`, and others do not: it may be a label."""
    names = {_name(_folder(path)) for path in bare}
    is_train = {name.casefold() for name in names} == {"train"} and len(bare) < len(images)
    return f" If {min(names)!r} is a label, call that folder otherwise, or name a `labels_file`." if is_train else ""


def _folder(path: str) -> str:
    return path[: path.rfind("/") + 1]


def _name(folder: str) -> str:
    return PurePosixPath(folder).name


def _inside(path: str) -> str:
    """The path within a tar, or all of it."""
    return _IN_TAR.split(path)[-1]


_EXPECTED = {
    LabelsFrom.NAMES: "every name to tell its label, like cat.123.jpg",
    LabelsFrom.FOLDERS: (
        "every image in a folder named by its label, like cats/123.jpg, none beside these folders, inside a tar where "
        "it lies in one"
    ),
}
