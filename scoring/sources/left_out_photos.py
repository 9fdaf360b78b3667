"""Photos to test on that are left out of training: what tells labels may be of these."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scoring.errors import RequestError
from scoring.sources.entries import ImageEntry, Listing
from scoring.sources.splits import Split, find_splits, word_of_split


@dataclass(frozen=True)
class LeftOutPhotos:
    """The photos that were left out, by those ids of a file or a table of labels that are theirs.

    Attributes:
        found: All photos that were found.
        of_id: Those left out.
        name: What to call the file.
    """

    found: Sequence[ImageEntry]
    of_id: Mapping[Any, ImageEntry]
    name: str

    def refuse_their_ids(self, photos: Mapping[Any, ImageEntry]) -> None:
        """Refuse ids that mean a photo to learn from and one left out, as `1` is `valid/1.png` and `test/1.png`.

        Those to train on are meant where the file is not called as of others, and has no more of those left out: in
        CIFAR-10's `trainLabels.csv` also `1` of `test/1.png`.

        Args:
            photos: Those that are not left out, by their ids.

        Raises:
            RequestError: If it is not told that the former are meant.
        """
        both = [one for one in photos if one in self.of_id]
        if not both:
            return
        split_of = find_splits(self.found)
        told = word_of_split(self.name)
        named = Split.TRAIN if told is None and len(self.of_id) <= len(photos) else told and told[0]
        first = next((one for one in both if split_of(photos[one]) is not named), None)
        if first is not None:
            raise RequestError(
                f"Expected one photo for every id of {self.name}; {first!r} may be {photos[first].path!r}, or "
                f"{self.of_id[first].path!r}, which is to test on. Take the folder that is meant as `images`, or write "
                "the ids as paths."
            )

    def are_of_a_label(self, labels: Mapping[Any, str], photos: Mapping[Any, ImageEntry]) -> bool:
        """Whether the folders are those of labels, `test` of bank notes beside `valid`, without any to train on.

        Args:
            labels: The label of each id.
            photos: Those that are not left out, by their ids.

        Raises:
            RequestError: If they are not, and have a label that no other photo has.
        """
        if not self.of_id or Split.TRAIN in map(find_splits(self.found), photos.values()):
            return False
        told = {one: labels[one] for one in self.of_id}
        if all(label in self.of_id[one].path.split("/")[:-1] for one, label in told.items()):
            return True
        learned = {labels[one] for one in photos}
        alone = next((one for one, label in told.items() if label not in learned), None)
        if alone is not None:
            raise RequestError(
                f"Expected photos of every label of {self.name} to learn from; those of {told[alone]!r}, such as "
                f"{self.of_id[alone].path!r}, lie in a folder to test on. Leave their rows out, or call that folder "
                "otherwise if they are to be trained on."
            )
        return False


def left_out_photos(
    listing: Listing,
    found: Listing | None,
    by_id: Callable[[Sequence[ImageEntry]], Mapping[Any, ImageEntry]],
    name: str,
) -> LeftOutPhotos:
    """The photos that were left out of a listing; `by_id` gives those of some that have an id."""
    if found is None or len(found.images) == len(listing.images):
        return LeftOutPhotos((), {}, name)
    kept = {image.path for image in listing.images}
    return LeftOutPhotos(found.images, by_id([image for image in found.images if image.path not in kept]), name)
