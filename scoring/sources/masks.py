"""Masks of photos, told by their names: `x_mask.png` beside `x.png`, `masks/x.png` beside `images/x.jpg`."""

import re
from collections import defaultdict
from collections.abc import Sequence
from functools import cache

from scoring.errors import ImagesError
from scoring.sources.entries import ImageEntry
from scoring.sources.id_spelling import bare_name
from scoring.sources.suffixes import TAR_SUFFIX

_MASK = "masks?|segmentations?|segs?|ground[-_ ]?truths?|trimaps?|superpixels|annotations?"
_OF_PHOTO = re.compile(rf"(?P<photo>.+)[-_. ](?:{_MASK})(?:[-_. ]?\d{{1,2}})?", re.IGNORECASE | re.DOTALL)
_FOLDER_OF_MASKS = re.compile(f"(?:{_MASK}|gts?|labels?|segmentation(?:class|object))(?:{TAR_SUFFIX})?", re.IGNORECASE)
_FOLDER_OF_PHOTOS = re.compile(f"(?:jpe?g)?(?:images?|imgs?|photos?|pictures?)(?:{TAR_SUFFIX})?", re.IGNORECASE)
# Of all: fewer are photos that happen to be called so, as of a person who wears a mask in one of them.
_LEAST_SHARE = 0.1
_Key = tuple[tuple[str, ...], str]  # what a photo and its mask have in common: folders that tell more, and a name


def refuse_masks(images: Sequence[ImageEntry]) -> None:
    """Refuse masks of others among labelled photos to train on.

    A mask is called like a photo in its folder but for a word such as `_mask`, or lies as a photo does but for folders
    such as `masks` and `images`. A folder that is a label is no such, unless all labels are.
    """
    labels = {image.target or "" for image in images}
    are_labels = not all(_FOLDER_OF_MASKS.fullmatch(label) or _FOLDER_OF_PHOTOS.fullmatch(label) for label in labels)

    @cache
    def place_of(folder: str, label: str) -> tuple[bool, tuple[str, ...]]:
        """Whether a folder is of masks, and its steps but for those that say so, or that it is of photos."""
        steps = folder.split("/")
        told = [step for step in steps if not (are_labels and step == label)]
        of_masks = {step for step in told if _FOLDER_OF_MASKS.fullmatch(step)}
        left_out = of_masks | {step for step in told if _FOLDER_OF_PHOTOS.fullmatch(step)}
        return bool(of_masks), tuple(step for step in steps if step not in left_out)

    def keys_of(image: ImageEntry) -> tuple[bool, list[_Key]]:
        """Whether an image may be a mask, and the keys of its photo, or its own."""
        is_in_masks, rest = place_of(image.path.rpartition("/")[0], image.target or "")
        name = bare_name(image.path)
        of_photo = _OF_PHOTO.fullmatch(name)
        names = [*([name] if is_in_masks or not of_photo else []), *([of_photo["photo"]] if of_photo else [])]
        return is_in_masks or of_photo is not None, [(rest, one) for one in names]

    masks_of = defaultdict[_Key, list[str]](list)
    for image in images:
        may_be_mask, keys = keys_of(image)
        for key in keys if may_be_mask else ():
            masks_of[key].append(image.path)
    masks: dict[str, str] = {}
    for image in images if masks_of else ():
        may_be_mask, keys = keys_of(image)
        if not may_be_mask:
            masks.update(dict.fromkeys(masks_of.get(keys[0], ()), image.path))
    if masks and len(masks) >= _LEAST_SHARE * len(images):
        mask, photo = next(iter(masks.items()))
        raise ImagesError(
            f"Expected photos and no masks to train on; by their names {len(masks):,} of {len(images):,} images are "
            f"masks of others, as {mask!r} of {photo!r}. Move them elsewhere, or take the folder of the photos as "
            "`images`; if they are photos, call them otherwise, or name a `labels_file`."
        )
