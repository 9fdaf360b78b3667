"""The truth about labelled photos, told by their names or folders: the `target` of each image."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import PurePosixPath

from scoring.errors import ImagesError
from scoring.sources.inputs import ImageEntry
from scoring.sources.listing import map_entries

# Kaggle's `cat.123.jpg`; also `cat_123.jpg` and `cat-123.jpg`, as other collections write it.
_LABELLED_NAME = re.compile(r"(?P<label>.*[^\d._-])[._-]\d+\.\w+", re.DOTALL)
_NAMED = 3  # paths shown in a message


class LabelsFrom(StrEnum):
    """Where an image's target stands; `AUTO` looks at the names first and then at the folders."""

    AUTO = "auto"
    NAMES = "names"
    FOLDERS = "folders"


def with_targets(images: Sequence[ImageEntry], labels_from: LabelsFrom) -> Sequence[ImageEntry]:
    """The same images with their targets.

    Args:
        images: As they were found.
        labels_from: `NAMES` takes `cat` from `cat.123.jpg`, `FOLDERS` takes `cats` from `train/cats/123.jpg`.

    Raises:
        ImagesError: If an image has none; the first of them are named.
    """
    if labels_from is LabelsFrom.AUTO:
        return _find_targets(images)
    target_of = _TARGETS[labels_from]

    def with_target(image: ImageEntry) -> ImageEntry:
        return replace(image, target=target_of(PurePosixPath(image.path)))

    labelled = map_entries(images, with_target)
    bare = [image.path for image in labelled if image.target is None]
    if bare:
        raise ImagesError(
            f"Expected {_EXPECTED[labels_from]}; {len(bare)} of {len(images)} images are not so: "
            f"{', '.join(map(repr, bare[:_NAMED]))}."
        )
    return labelled


def match_label(target: str, labels: Sequence[str]) -> int | None:
    """The class that a target means: the same word, or else the same but for case and plural (`Cats` for `cat`)."""
    if target in labels:
        return labels.index(target)
    words = [_singular(label) for label in labels]
    word = _singular(target)
    return words.index(word) if words.count(word) == 1 else None


def _singular(word: str) -> str:
    return word.casefold().removesuffix("s")


def _find_targets(images: Sequence[ImageEntry]) -> Sequence[ImageEntry]:
    """Targets from the names if all have one there, otherwise from the folders; at least two different ones."""
    for labels_from in (LabelsFrom.NAMES, LabelsFrom.FOLDERS):
        try:
            labelled = with_targets(images, labels_from)
        except ImagesError:
            continue
        if len({image.target for image in labelled}) > 1:
            return labelled
    raise ImagesError(
        "Expected photos of at least two labels, named like cat.123.jpg or in folders like cats/123.jpg; received "
        f"{len(images)} images such as {images[0].path!r}."
    )


def _name_target(path: PurePosixPath) -> str | None:
    named = _LABELLED_NAME.fullmatch(path.name)
    return named["label"] if named else None


def _folder_target(path: PurePosixPath) -> str | None:
    return path.parent.name or None


_TARGETS: dict[LabelsFrom, Callable[[PurePosixPath], str | None]] = {
    LabelsFrom.NAMES: _name_target,
    LabelsFrom.FOLDERS: _folder_target,
}
_EXPECTED = {
    LabelsFrom.NAMES: "every name to tell its label, like cat.123.jpg",
    LabelsFrom.FOLDERS: "every image in a folder named by its label, like cats/123.jpg",
}
