"""The photos of `finetune`: what extracts their features, when it is seen that they can be divided as asked."""

from collections.abc import Iterator, Sequence
from functools import partial
from math import isfinite

from rich.console import Console

from jobs.finetune.request import FinetuneRequest
from jobs.finetune.same_model import refuse_other_photos
from jobs.score.images_job import ImagesJob
from scoring.errors import ImagesError
from scoring.finetuning.photo_split import beside_folders, check_folds, check_split, has_folders
from scoring.models.model_folder import ModelFolder
from scoring.sources.entries import ImageEntry
from scoring.sources.marked_photos import called_as_held_out, marked_as_test
from scoring.sources.splits import leave_out_test
from scoring.storage.redaction import brief


def photos_job(request: FinetuneRequest, console: Console) -> ImagesJob:
    """What extracts the features of the photos, but for those of test folders, when `check_photos` has looked at them.

    Raises:
        RequestError: If the request makes no sense.
    """
    check = partial(check_photos, request, console)
    return ImagesJob(request.images, ModelFolder(request.output).features, console, leave_out_test, check)


def check_photos(request: FinetuneRequest, console: Console, images: Sequence[ImageEntry]) -> None:
    """Look at photos before anything is done with them; say what is done with them that may not be meant.

    Raises:
        ImagesError: If they cannot be divided.
        RunFolderError: If the folder holds a finished model of others.
        StorageError: If that model's records cannot be read now.
    """
    if not request.overwrite:
        refuse_other_photos(request, images)
    if number := _measured(images):
        console.print(
            f"labels are numbers such as {brief(number)!r}: each is learned as a class by itself, not as a quantity",
            style="yellow",
        )
    if request.must_fold_all and has_folders(images):
        raise ImagesError(
            "Expected photos to divide into `folds`; received folders to train and to validate on, and softmax heads "
            "stop on the latter. Leave `folds` out, or take `head` rbf."
        )
    if request.folds_what_is_left:
        check_folds(images, request.num_validation, request.seed)
    else:
        check_split(images, request.num_validation)
    if request.num_validation is not None:
        for told in _drawn_anyway(images, request.num_validation):
            console.print(told, style="yellow")
    if label := called_as_held_out(images):
        console.print(
            f"{brief(label)!r} counts as a label, though photos that are kept out of training are called so; if its "
            "photos are such, move them elsewhere",
            style="yellow",
        )


def _measured(images: Sequence[ImageEntry]) -> str | None:
    """A label with a fraction, as of a score or an age, if all are numbers."""
    labels = sorted({image.target for image in images if image.target})
    try:
        numbers = [float(label) for label in labels]
    except ValueError:
        return None
    return next((label for label, number in zip(labels, numbers, strict=True) if isfinite(number) and number % 1), None)


def _drawn_anyway(images: Sequence[ImageEntry], num_validation: int) -> Iterator[str]:
    """In words, what folders and names say that does not count where photos to validate on are drawn from all."""
    if has_folders(images):
        yield (
            f"folders to train and to validate on are not looked at: {num_validation:,} photos to validate on are "
            "drawn from both"
        )
    marked = marked_as_test(images)
    if marked:
        yield (
            f"{len(marked):,} of {len(images):,} photos are called as to test on and are drawn with the others, "
            f"such as {marked[0].path!r}"
        )
    told = {image.path for image in marked}
    if beside := [image.path for image in beside_folders(images) if image.path not in told]:
        yield (
            f"folders that say what photos are for are not looked at: {len(beside):,} of {len(images):,} photos lie "
            f"beside these and are drawn with the others, such as {beside[0]!r}"
        )
