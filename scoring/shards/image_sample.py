"""Some of a run's own images, for models that need them to be loaded."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import numpy as np

from scoring.arrays import UInt8Array
from scoring.errors import ChangedError, ImagesError, RunFolderError
from scoring.networks.agreement import ImageSample
from scoring.pixels.decoding import decode
from scoring.pixels.input_shape import InputShape
from scoring.run.folder import RunFolder
from scoring.run.manifest import Manifest
from scoring.shards.row_faults import row_fault
from scoring.shards.settings import ScorerSettings
from scoring.sources.entries import ImageEntry
from scoring.sources.inputs import open_images

SAMPLE_SIZE = 200


def image_sample(settings: ScorerSettings, shape: InputShape) -> ImageSample:
    """Readable images of that shape from all over the manifest: of every two, one calibrates, and the other compares.

    Raises:
        ImagesError: If fewer than two are readable.
    """
    earlier_model = "" if settings.sample else _earlier_model(RunFolder(settings.output))
    # of an earlier run the images may have changed; then the earlier model is taken, or the run refused
    reasons = list[str]()
    pixels = [pixels for _, pixels in _readable(settings, shape, reasons, as_listed=not earlier_model)]
    if len(pixels) < 2:
        why = f", and one that says: {reasons[0]}" if reasons else ""
        raise ImagesError(f"Expected at least two readable images to calibrate int8 with; found {len(pixels)}{why}.")
    to_calibrate, to_compare = _halves(len(pixels))
    return ImageSample(
        np.stack([pixels[row] for row in to_calibrate]), np.stack([pixels[row] for row in to_compare]), earlier_model
    )


def images_to_compare(settings: ScorerSettings, shape: InputShape) -> dict[str, UInt8Array]:
    """The pixels of the images that do not calibrate, by image id; each of shape (height, width, channels)."""
    readable = list(_readable(settings, shape, []))
    compared = [readable[row] for row in _halves(len(readable))[1]]
    return {image.image_id: pixels for image, pixels in compared}


def some_images(settings: ScorerSettings, shape: InputShape, count: int) -> dict[str, UInt8Array]:
    """The pixels of a few images, as far as they are readable, by image id; each of shape (height, width, channels)."""
    sample = Manifest(RunFolder(settings.output).manifest).sample(count)
    return {image.image_id: pixels for image, pixels in _readable(replace(settings, sample=tuple(sample)), shape, [])}


def _halves(num_images: int) -> tuple[list[int], list[int]]:
    """Which images calibrate, and which compare: drawn by chance, for every second one may be the right view of a pair.

    The same ones every time; what is left of an odd number calibrates.
    """
    chance = Random(num_images)
    firsts = [row + (chance.random() < 0.5) for row in range(0, num_images - 1, 2)]
    to_compare = [row ^ 1 for row in firsts]
    return sorted(set(range(num_images)) - set(to_compare)), to_compare


def _readable(
    settings: ScorerSettings, shape: InputShape, reasons: list[str], as_listed: bool = True
) -> Iterator[tuple[ImageEntry, UInt8Array]]:
    """Those that are readable; why others are not goes into `reasons`."""
    read = open_images(settings.images, settings.columns, settings.read_timeout_s)
    for image in settings.sample or Manifest(RunFolder(settings.output).manifest).sample(SAMPLE_SIZE):
        try:
            pixels = decode(read(image if as_listed else replace(image, stamp=None)), settings.resize, shape)
        except Exception as error:  # noqa: BLE001
            reasons.append(_reason(error))
        else:
            yield image, pixels


def _reason(error: Exception) -> str:
    try:
        return row_fault(error, in_reading=True)
    except ChangedError as changed:  # which costs shards, and a sample its image
        return str(changed)


def _earlier_model(folder: RunFolder) -> str:
    try:
        record = folder.load_record()
    except RunFolderError:  # damaged; then the shards tell whether they go on
        return ""
    return record.fingerprint.model if record else ""
