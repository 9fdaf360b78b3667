"""Photos whose ids in a file of labels have the suffix of another format than they have, among others of the same."""

from collections.abc import Mapping, Sequence
from posixpath import splitext

from scoring.pixels.formats import told_format
from scoring.sources.entries import NAMED, ImageEntry
from scoring.sources.id_spelling import path_or_id, without_image_suffix

_ONE = "has another suffix than its id", "is taken for a copy"
_SEVERAL = "have another suffix than their ids", "are taken for copies"


def told_of_suffixes(row_of: Mapping[str, int], images: Sequence[ImageEntry], name: str) -> str | None:
    """In words, which photos have the suffix of another format than their ids, though most have the same; None if none.

    Such a photo is a copy in another format, or another one beside one that is missing.

    Args:
        row_of: The photo's row of each id.
        images: The photos.
        name: What to call the file, for messages.
    """
    own_of = {one: path_or_id(images[row].image_id, images[row].path) for one, row in row_of.items()}
    others = [one for one, own in own_of.items() if one != own and _are_alike(one, own) is False]
    if not others or len(others) > sum(_are_alike(one, own) is True for one, own in own_of.items()):
        return None
    have, are = _ONE if len(others) == 1 else _SEVERAL
    return (
        f"{len(others):,} of {len(row_of):,} photos {have} in {name}, and {are} in another format: "
        f"{', '.join(f'{one!r} is {own_of[one]!r}' for one in others[:NAMED])}{', ...' if len(others) > NAMED else ''}"
    )


def _are_alike(one: str, own: str) -> bool | None:
    """Whether both have the suffix of one format; None unless both have an image's."""
    if not (without_image_suffix(one) and without_image_suffix(own)):
        return None
    suffix, own_suffix = splitext(one)[1], splitext(own)[1]
    return suffix == own_suffix or told_format(suffix) == told_format(own_suffix)
