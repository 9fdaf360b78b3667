"""What photos are for, to train, to validate or to test on, where the folders that they lie in say so."""

import re
from collections.abc import Callable, Sequence
from enum import StrEnum

from scoring.sources.entries import ImageEntry, Listing
from scoring.sources.listing import CommonFolder

# A file that holds images: a tar, or a part of a table with the number of its row. `train-00000-of-00002.parquet#17`.
_HOLDER = re.compile(
    r"(?P<name>.*)\.(tar|tar\.(gz|bz2|xz)|tgz|tbz2?|txz|(parquet|parq|pq)#\d+)", re.IGNORECASE | re.DOTALL
)


class Split(StrEnum):
    """What photos of a collection are for, where its folders say so, as in fast.ai's `train/cats/1.jpg`."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


_SPLITS = {
    **dict.fromkeys(("train", "training"), Split.TRAIN),
    **dict.fromkeys(("valid", "validation", "val", "dev"), Split.VALIDATION),
    **dict.fromkeys(("test", "test1", "testing"), Split.TEST),
}


def find_splits(images: Sequence[ImageEntry]) -> Callable[[ImageEntry], Split | None]:
    """Tells what each of these images is for, by the folders, tars and parts of tables that it lies in.

    Below the folder that all of them share, the outermost that says so counts: in `/home/test/pets/train/cats/1.jpg`
    not `test`, where others lie in `/home/test/pets/valid`. Of a folder the whole name counts, of a file one of its
    words: `pets-train-000.tar`. None if none says so.
    """
    depth = CommonFolder(image.path for image in images).depth

    def split_of(image: ImageEntry) -> Split | None:
        *folders, name = image.path.split("/")[depth:]
        places = [*folders, name] if holds_images(name) else folders
        return next((split for split in map(_split_of_place, places) if split), None)

    return split_of


def split_of_name(name: str) -> Split | None:
    """What a folder of this name says that photos are for."""
    return _SPLITS.get(name.casefold())


def split_of_folders(names: Sequence[str]) -> Split | None:
    """What the innermost of folders that says what photos are for says."""
    return next((split for name in reversed(names) if (split := split_of_name(name))), None)


def holds_images(name: str) -> bool:
    """Whether a name is that of a tar, or of a row in a part of a table."""
    return _HOLDER.fullmatch(name) is not None


def _split_of_place(name: str) -> Split | None:
    held = _HOLDER.fullmatch(name)
    words = re.split(r"[-_.]", held["name"]) if held else [name]
    splits = {split for word in words if (split := split_of_name(word))}
    return splits.pop() if len(splits) == 1 else None


def leave_out_test(listing: Listing) -> Listing:
    """The images to train and to validate on: all but those of a test folder that lies beside a training folder."""
    split_of = find_splits(listing.images)
    if not {Split.TRAIN, Split.TEST} <= set(map(split_of, listing.images)):
        return listing
    return listing.keep(lambda image: split_of(image) is not Split.TEST, "in a test folder beside a training folder")
