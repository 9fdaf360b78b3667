"""Photos whose ids in a file of labels have another suffix than they have, among others that have the same."""

from collections.abc import Mapping, Sequence
from posixpath import splitext

from scoring.sources.entries import NAMED, ImageEntry
from scoring.sources.id_spelling import path_or_id, without_image_suffix


def told_of_suffixes(row_of: Mapping[str, int], images: Sequence[ImageEntry], name: str) -> str | None:
    """In words, which photos have another suffix than their ids, though most have the same; None if there are none.

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
            if splitext(one)[1].lower() == splitext(own)[1].lower():
                num_same += 1
            else:
                others.append(f"{one!r} is {own!r}")
    if not 0 < len(others) <= num_same:
        return None
    return (
        f"{len(others):,} of {len(row_of):,} photos have another suffix than their ids in {name}, and are taken for "
        f"copies in another format: {', '.join(others[:NAMED])}{', ...' if len(others) > NAMED else ''}"
    )
