"""Pictures that show what a network computes: noise, and plain colours."""

import numpy as np

from scoring.arrays import UInt8Array
from scoring.pixels.input_shape import DEFAULT_SHAPE, InputShape

_SEED = 2017
_SIDES = (1, 32)  # pixels of a patch of one colour
_NUM_PLAIN = 4  # black to white
_LEAST_PICTURES = 8


def noise(count: int, shape: InputShape = DEFAULT_SHAPE) -> UInt8Array:
    """Pictures of single pixels and of large patches by turns, shape (count, height, width, channels)."""
    generator = np.random.default_rng(_SEED)
    return np.stack([_patches(generator, _SIDES[index % len(_SIDES)], shape) for index in range(count)])


def harsh_noise(count: int, shape: InputShape = DEFAULT_SHAPE) -> UInt8Array:
    """The same with each channel either 0 or 255, as far apart as photos can be."""
    return np.where(noise(count, shape) > 127, np.uint8(255), np.uint8(0))


def pictures(batch_size: int, shape: InputShape = DEFAULT_SHAPE) -> UInt8Array:
    """Black, white and grey, and noise, in as many batches as eight pictures take.

    Returns:
        Shape (num_batches, batch_size, height, width, channels).
    """
    num_batches = -(-_LEAST_PICTURES // batch_size)
    levels = np.linspace(0, 255, _NUM_PLAIN).astype(np.uint8)[:, None, None, None]
    plain = np.broadcast_to(levels, shape.as_array(_NUM_PLAIN))
    both = np.concatenate([plain, noise(_LEAST_PICTURES - _NUM_PLAIN, shape)])
    return np.resize(both, shape.as_array(num_batches, batch_size))  # repeats them


def _patches(generator: np.random.Generator, side: int, shape: InputShape) -> UInt8Array:
    rows, columns = -(-shape.height // side), -(-shape.width // side)
    patches = generator.integers(0, 256, (rows, columns, shape.channels), np.uint8)
    return patches.repeat(side, 0).repeat(side, 1)[: shape.height, : shape.width]
