"""How many images a worker scores at once: on a processor by their size, on a GPU by trial among those that fit it."""

import time
from collections import deque
from collections.abc import Sequence

import numpy as np

from scoring.models.shard_model import ShardModel
from scoring.networks.engines import EngineName
from scoring.pixels.input_shape import InputShape

BATCH_SIZES = (64, 128, 256, 512, 1024)
# As many as Keras' `predict` takes. With AMX VGG16 is faster by 2 to 25% than in batches of 16.
CPU_BATCH_SIZE = 32
# Of large pictures, whose batches fill memory; where less is padded by it; and on MNN, whose last digits go by the
# size: for 4% of its rate they stay what they always were.
SMALL_CPU_BATCH_SIZE = 16
_LARGE_PIXELS = 299 * 299  # more than any network takes that is much used for photos
_SECONDS = 0.5  # of each size, after two batches that compile
_NOTICEABLE = 1.02  # less is no gain: a larger batch takes more memory, and pads more of the last one
_SEED = 2017


def cpu_batch_size(shape: InputShape, runtime: str) -> int:
    """Images per forward pass on a processor, by what the network takes and what computes."""
    is_small = shape.height * shape.width > _LARGE_PIXELS or runtime == EngineName.MNN
    return SMALL_CPU_BATCH_SIZE if is_small else CPU_BATCH_SIZE


def fastest_batch_size(model: ShardModel, sizes: Sequence[int], seconds: float = _SECONDS) -> int:
    """Score random pictures in batches of each size, until one does not fit.

    Args:
        model: A loaded model.
        sizes: Images per batch to be tried, the smallest first.
        seconds: How long each is measured.

    Returns:
        The smallest size that scores at most 2% slower than the fastest.

    Raises:
        Exception: Whatever the model raises at the smallest size.
    """
    rates: dict[int, float] = {}
    for size in sizes:
        try:
            rates[size] = _rate(model, size, seconds)
        except Exception:  # each library has its own for a GPU that is full
            if not rates:
                raise
            break
    return next(size for size, rate in rates.items() if rate * _NOTICEABLE >= max(rates.values()))


def _rate(model: ShardModel, size: int, seconds: float) -> float:
    """Images per second, the next batch handed over while the model works."""
    batch = np.random.default_rng(_SEED).integers(0, 256, model.input_shape.as_array(size), np.uint8)
    for _ in range(2):
        model.score(batch)
    num_batches, started = 0, time.perf_counter()
    begun = deque([model.begin(batch)])
    while not num_batches or time.perf_counter() - started < seconds:
        begun.append(model.begin(batch))
        begun.popleft()()
        num_batches += 1
    begun.popleft()()
    return (num_batches + 1) * size / (time.perf_counter() - started)
