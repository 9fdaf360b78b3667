"""Photos that are known by their paths alone, and the labels that these tell."""

from collections.abc import Sequence

from scoring.errors import ImagesError
from scoring.sources.entries import ImageEntry, Listing
from scoring.sources.targets import LabelsFrom, with_targets


def images_at(*paths: str) -> list[ImageEntry]:
    """Photos whose ids are their paths."""
    return [ImageEntry(path, path, 1) for path in paths]


def targets_of(images: Sequence[ImageEntry]) -> list[str | None]:
    """Their labels, in order."""
    return [image.target for image in images]


def auto_targets(*paths: str) -> list[str | None]:
    """The labels that names or folders tell where nobody says which of the two; None alone if it is refused."""
    try:
        return targets_of(list(with_targets(images_at(*paths), LabelsFrom.AUTO)))
    except ImagesError:
        return [None]


def listing_of(paths: Sequence[str]) -> Listing:
    """Photos of a folder: their ids are the paths below it, without suffixes."""
    return Listing([ImageEntry(path.partition("/")[2].rpartition(".")[0], path, 1) for path in paths])


def targets_by_path(listing: Listing) -> dict[str, str | None]:
    """The label of each photo."""
    return {image.path: image.target for image in listing.images}
