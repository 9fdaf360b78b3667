"""Labels of photos that their own names or folders contradict: these are other labels."""

from collections.abc import Sequence
from functools import lru_cache

from scoring.sources.entries import NAMED, ImageEntry
from scoring.sources.label_use import LabelUse
from scoring.sources.listing import CommonFolder
from scoring.sources.path_targets import word_before_number
from scoring.sources.spelling import singular
from scoring.sources.splits import names_split

_KEPT = 10_000  # words whose labels are not looked up again


def told_of_contradicted(images: Sequence[ImageEntry], name: str, use: LabelUse) -> str | None:
    """In words, that labels of a file or a table are others than those of photos' folders; None where none are."""
    others = [] if use.takes_several else _contradicted(images)
    if not others:
        return None
    first = ", ".join(f"{image.path!r} is {image.target!r}" for image in others[:NAMED])
    more = ", ..." if len(others) > NAMED else ""
    have = "has" if len(others) == 1 else "have"
    return (
        f"{len(others):,} of {len(images):,} photos {have} a name or a folder of another label than {name} "
        f"has, which counts: {first}{more}"
    )


def _contradicted(images: Sequence[ImageEntry]) -> list[ImageEntry]:
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
