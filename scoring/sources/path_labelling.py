"""Give photos the labels that their names or folders tell."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from scoring.errors import ImagesError
from scoring.sources.entries import Listing
from scoring.sources.label_use import TRAINING, LabelUse
from scoring.sources.labelling import Labelled
from scoring.sources.labels_file import is_called_label
from scoring.sources.several_labels import MARKS, NOT_TRAINED, several_of, told_of_several
from scoring.sources.targets import LabelsFrom, with_targets

_MARKS_OF_PATHS = "|;,"  # between labels; the words of a folder's name have blanks between them


def label_by_path(
    listing: Listing,
    labels_from: LabelsFrom,
    use: LabelUse = TRAINING,
    found: Listing | None = None,
    columns_of_images: Callable[[], Sequence[str]] = tuple,
) -> Labelled:
    """Give photos the labels that their names or folders tell; see `with_targets`.

    Args:
        listing: The photos.
        labels_from: Which of the two.
        use: What labels are for.
        found: See `with_targets`.
        columns_of_images: The further columns of the table that lists them, one of which may be of labels.

    Raises:
        ImagesError: If they tell none, or if `use` is to train and one is several, as the folder `cat,dog`.
    """
    try:
        images = with_targets(listing.images, labels_from, found.images if found else None, use == TRAINING)
    except ImagesError as error:
        if not (columns := columns_of_images()):
            raise
        called = ", ".join(map(repr, filter(is_called_label, columns))) or "if there are any"
        raise ImagesError(f"{error} Labels in a column of the table, {called}, are taken by `label_column`.") from error
    labels = {image.target or "" for image in images} if use == TRAINING else set()
    for mark in _MARKS_OF_PATHS:
        if several := several_of(labels, mark):
            first = next(image.path for image in images if image.target == several)
            raise ImagesError(
                f"Expected one label for each photo; {first!r} has {several!r}, which is several, with {MARKS[mark]} "
                f"between them, {NOT_TRAINED}"
            )
    told = told_of_several(labels, ",")
    return Labelled(replace(listing, images=images), told=(told,) if told else ())
