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
    num_same, others = 0, list[str]()
    for one, row in row_of.items():
        own = path_or_id(images[row].image_id, images[row].path)
        if without_image_suffix(one) and without_image_suffix(own):
            suffix, own_suffix = splitext(one)[1], splitext(own)[1]
            if suffix == own_suffix or told_format(suffix) == told_format(own_suffix):
                num_same += 1
            else:
                others.append(f"{one!r} is {own!r}")
    if not 0 < len(others) <= num_same:
        return None
    have, are = _ONE if len(others) == 1 else _SEVERAL
    return (
        f"{len(others):,} of {len(row_of):,} photos {have} in {name}, and {are} in another format: "
        f"{', '.join(others[:NAMED])}{', ...' if len(others) > NAMED else ''}"
    )
