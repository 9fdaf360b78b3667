"""Pictures that show what a network computes: noise, and plain colours."""

import numpy as np

from scoring.arrays import UInt8Array
from scoring.pixels.decoding import IMAGE_SIZE

_SEED = 2017
_SIDES = (1, 32)  # pixels of a patch of one colour
_NUM_PLAIN = 4  # black to white
_LEAST_PICTURES = 8


def noise(count: int) -> UInt8Array:
    """Pictures of single pixels and of large patches by turns, shape (count, 224, 224, 3)."""
    generator = np.random.default_rng(_SEED)
    return np.stack([_patches(generator, _SIDES[index % len(_SIDES)]) for index in range(count)])


def pictures(batch_size: int) -> UInt8Array:
    """Black, white and grey, and noise, in as many batches as eight pictures take.

    Returns:
        Shape (num_batches, batch_size, 224, 224, 3).
    """
    num_batches = -(-_LEAST_PICTURES // batch_size)
    levels = np.linspace(0, 255, _NUM_PLAIN).astype(np.uint8)[:, None, None, None]
    plain = np.broadcast_to(levels, (_NUM_PLAIN, IMAGE_SIZE, IMAGE_SIZE, 3))
    both = np.concatenate([plain, noise(_LEAST_PICTURES - _NUM_PLAIN)])
    shape = (num_batches, batch_size, IMAGE_SIZE, IMAGE_SIZE, 3)
    return np.resize(both, shape)  # repeats them


def _patches(generator: np.random.Generator, side: int) -> UInt8Array:
    patches = generator.integers(0, 256, (IMAGE_SIZE // side, IMAGE_SIZE // side, 3), np.uint8)
    return patches.repeat(side, 0).repeat(side, 1)
