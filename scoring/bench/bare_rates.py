"""The parts of a job alone: a model's forward pass without its input, and decoding without a model."""

import time
from functools import partial
from itertools import islice

import numpy as np

from scoring.arrays import UInt8Array
from scoring.pixels.decoding import decode
from scoring.pixels.input_shape import InputShape
from scoring.shards.batch_size import cpu_batch_size
from scoring.shards.image_sample import image_sample
from scoring.shards.settings import ScorerSettings
from scoring.sources.inputs import find_images, open_images


class BareForward:
    """Scores one decoded batch over and over, and does nothing else."""

    def __init__(self, settings: ScorerSettings) -> None:
        """Load the model, decode a batch, and score it once, which compiles."""
        self._model = settings.model.load(partial(image_sample, settings))
        self._batch = _first_batch(settings, self._model.input_shape)
        self._model.score(self._batch)

    def __call__(self, num_batches: int) -> float:
        """Score this many batches.

        Returns:
            Images per second.
        """
        started = time.perf_counter()
        for _ in range(num_batches):
            self._model.score(self._batch)
        return num_batches * len(self._batch) / (time.perf_counter() - started)


class DecodeRate:
    """Decodes images on one thread, that is on one core."""

    def __init__(self, settings: ScorerSettings) -> None:
        self._resize = settings.resize
        self._read = open_images(settings.images, settings.columns)
        self._entries = find_images(settings.images, settings.columns).images

    def __call__(self, num_images: int) -> float:
        """Decode the first `num_images`, and resize them to 224 x 224; reading them is not counted.

        Returns:
            Images per second and core.
        """
        encoded = [self._read(entry) for entry in self._entries[:num_images]]
        decode(encoded[0], self._resize)  # the first one loads Pillow's formats
        started = time.perf_counter()
        for image in encoded:
            decode(image, self._resize)
        return len(encoded) / (time.perf_counter() - started)


def _first_batch(settings: ScorerSettings, shape: InputShape) -> UInt8Array:
    read = open_images(settings.images, settings.columns)
    batch_size = settings.batch_size or cpu_batch_size(shape, settings.model.runtime)
    entries = islice(find_images(settings.images, settings.columns).images, batch_size)
    return np.stack([decode(read(entry), settings.resize, shape) for entry in entries])
