"""Photos in folders that are called as those of photos without a label."""

import re
from collections.abc import Sequence
from functools import cache

from scoring.errors import ImagesError
from scoring.sources.entries import ImageEntry
from scoring.sources.listing import CommonFolder
from scoring.sources.spelling import loose

# `no_label` of CVAT and Datumaro, `_unlabeled` of FiftyOne; not `unknown`, `none` or `unsorted`, which may be classes.
_UNLABELLED = re.compile(
    r"(un|non ?|not )(labell?ed|annotated)( (data|images?|photos?|pictures?|samples?))?|no labels?"
)
_OF_STICKER = re.compile(r".+ label(s|l?ed)?")  # `good_label`, `misaligned_label`: a class of photos of stickers
_LABELLED = re.compile(r"((with|has) )?label(s|l?ed)?|annotated")  # beside which the others are those without a sticker


def refuse_unlabelled(images: Sequence[ImageEntry], are_by_folder: bool) -> None:
    """Refuse photos to train on whose label, or a folder of which, says that they have none.

    Args:
        images: The labelled photos.
        are_by_folder: Whether their folders tell the labels; the one that all share is not looked at.
    """
    shared = CommonFolder(image.path for image in images).depth if are_by_folder else 0

    @cache
    def words_of(folder: str, label: str) -> list[str]:
        steps = folder.split("/")[shared:] if are_by_folder else []
        return [loose(word) for word in (*steps, label)]

    places = [(image.path.rpartition("/")[0], image.target or "") for image in images]
    words = {word for place in {*places} for word in words_of(*place)}
    unlabelled = set(filter(_UNLABELLED.fullmatch, words))
    if not unlabelled or all(map(_LABELLED.fullmatch, words - unlabelled)):
        return
    labels = {loose(label) for _, label in {*places}} - unlabelled
    of_sticker = [label for label in labels if _OF_STICKER.fullmatch(label) or _LABELLED.fullmatch(label)]
    if 2 * len(of_sticker) > len(labels):
        return
    found = [image.path for image, place in zip(images, places, strict=True) if unlabelled & {*words_of(*place)}]
    raise ImagesError(
        f"Expected photos with labels to train on; {len(found):,} of {len(images):,} lie where those without one do, "
        f"such as {found[0]!r}. Move them elsewhere; if that is a label, call it otherwise, or name a `labels_file`."
    )
