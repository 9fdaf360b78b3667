"""The truth about labelled photos, told by their names or folders: the `target` of each image."""

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

from scoring.errors import ImagesError
from scoring.sources.entries import ImageEntry
from scoring.sources.label_places import (
    refuse_beside,
    refuse_cameras,
    refuse_names_below,
    refuse_parts,
    refuse_two_levels,
    refuse_two_stories,
)
from scoring.sources.listing import map_entries
from scoring.sources.masks import refuse_masks
from scoring.sources.names_or_folders import names_tell
from scoring.sources.path_targets import (
    TargetOf,
    folder_targets,
    hint_of_above,
    hint_of_splits,
    name_target,
    word_before_number,
)
from scoring.sources.spelling import one_spelling
from scoring.sources.splits import SplitFolders
from scoring.sources.unlabelled import refuse_unlabelled

_NAMED = 3  # paths shown in a message


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
    target_of: TargetOf = word_before_number
    is_auto = labels_from is LabelsFrom.AUTO
    folders = SplitFolders(image.path for image in found or images)
    if labels_from is not LabelsFrom.NAMES:
        folder_target = folder_targets(images, folders.is_split if is_training else folders.is_called_split)
        if is_auto:
            labels_from = LabelsFrom.NAMES if names_tell(images, folder_target) else LabelsFrom.FOLDERS
        target_of = name_target if labels_from is LabelsFrom.NAMES else folder_target

    def with_target(image: ImageEntry) -> ImageEntry:
        return replace(image, target=target_of(image.path))

    labelled = map_entries(images, with_target)
    bare = [image.path for image in labelled if image.target is None]
    if bare:
        is_by_folders = labels_from is LabelsFrom.FOLDERS and len(bare) == len(images)
        above = hint_of_above(images, target_of) if is_by_folders else ""
        raise ImagesError(
            f"Expected {_EXPECTED[labels_from]}; {len(bare)} of {len(images)} images are not so: "
            f"{', '.join(map(repr, bare[:_NAMED]))}.{above or hint_of_splits(bare, images)}"
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


_EXPECTED = {
    LabelsFrom.NAMES: "every name to tell its label, like cat.123.jpg",
    LabelsFrom.FOLDERS: (
        "every image in a folder named by its label, like cats/123.jpg, none beside these folders, inside a tar where "
        "it lies in one"
    ),
}
