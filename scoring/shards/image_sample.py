"""Some of a run's own images, for models that need them to be loaded."""

from dataclasses import replace

import numpy as np

from scoring.errors import ImagesError, RunFolderError
from scoring.networks.agreement import ImageSample
from scoring.pixels.decoding import decode
from scoring.pixels.input_shape import InputShape
from scoring.run.folder import RunFolder
from scoring.run.manifest import Manifest
from scoring.shards.row_faults import row_fault
from scoring.shards.settings import ScorerSettings
from scoring.sources.inputs import open_images

_SAMPLE_SIZE = 200


def image_sample(settings: ScorerSettings, shape: InputShape) -> ImageSample:
    """Readable images, of that shape, from all over the manifest, every second of them to calibrate."""
    read, pixels = open_images(settings.images, settings.columns, settings.read_timeout_s), []
    folder = RunFolder(settings.output)
    earlier_model = _earlier_model(folder)
    for image in Manifest(folder.manifest).sample(_SAMPLE_SIZE):
        try:  # of an earlier run the images may have changed; then the earlier model is taken, or the run refused
            encoded = read(replace(image, stamp=None) if earlier_model else image)
            pixels.append(decode(encoded, settings.resize, shape))
        except Exception as error:  # noqa: BLE001
            row_fault(error)
    if len(pixels) < 2:
        raise ImagesError(f"Expected at least two readable images to calibrate int8 with; found {len(pixels)}.")
    return ImageSample(np.stack(pixels[::2]), np.stack(pixels[1::2]), earlier_model)


def _earlier_model(folder: RunFolder) -> str:
    try:
        record = folder.load_record()
    except RunFolderError:  # damaged; then the shards tell whether they go on
        return ""
    return record.fingerprint.model if record else ""
