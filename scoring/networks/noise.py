"""Pictures that show what a network computes: noise, and plain colours."""

import numpy as np

from scoring.arrays import Float64Array, UInt8Array
from scoring.pixels.input_shape import DEFAULT_SHAPE, InputShape

_SEED = 2017
_SIDES = (1, 32)  # pixels of a patch of one colour
_NUM_PLAIN = 4  # black to white
_NUM_SOFT = 8  # a side; colours that a smooth picture fades between
# Of smooth pictures, the middle of their levels, and the share of 0 to 255 that these take.
_SMOOTH = ((127.5, 1.0), (40, 0.1), (220, 0.1))
_DARK = 40
_LEAST_PICTURES = 8


def noise(count: int, shape: InputShape = DEFAULT_SHAPE) -> UInt8Array:
    """Pictures of single pixels and of large patches by turns, shape (count, height, width, channels)."""
    generator = np.random.default_rng(_SEED)
    return np.stack([_patches(generator, _SIDES[index % len(_SIDES)], shape) for index in range(count)])


def harsh_noise(count: int, shape: InputShape = DEFAULT_SHAPE) -> UInt8Array:
    """The same with each channel either 0 or 255, as far apart as photos can be."""
    return np.where(noise(count, shape) > 127, np.uint8(255), np.uint8(0))


def smooth_noise(shape: InputShape = DEFAULT_SHAPE) -> UInt8Array:
    """Three pictures without edges, as blurred photos have none: of all levels, of dark and of pale ones."""
    generator = np.random.default_rng(_SEED)
    rows, columns = _fading(shape.height), _fading(shape.width)
    made = []
    for middle, share in _SMOOTH:
        colours = middle + share * generator.uniform(-127.5, 127.5, (_NUM_SOFT, _NUM_SOFT, shape.channels))
        made.append(np.einsum("hi,ijc,wj->hwc", rows, colours, columns))
    return np.stack(made).round().astype(np.uint8)


def plain_colours(shape: InputShape = DEFAULT_SHAPE) -> UInt8Array:
    """Black, white, dark grey, and each channel alone as bright as can be, shape (num_pictures, height, ...)."""
    greys = np.repeat([[0], [255], [_DARK]], shape.channels, axis=1)
    colours = np.unique(np.concatenate([greys, 255 * np.eye(shape.channels)]), axis=0).astype(np.uint8)
    return np.broadcast_to(colours[:, None, None], shape.as_array(len(colours)))


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


def _fading(size: int) -> Float64Array:
    """How much of each colour is in each row or column, shape (size, num_colours)."""
    places = np.linspace(0, _NUM_SOFT - 1, size)
    return np.stack([np.interp(places, range(_NUM_SOFT), colour) for colour in np.eye(_NUM_SOFT)], axis=1)


def _patches(generator: np.random.Generator, side: int, shape: InputShape) -> UInt8Array:
    rows, columns = -(-shape.height // side), -(-shape.width // side)
    patches = generator.integers(0, 256, (rows, columns, shape.channels), np.uint8)
    return patches.repeat(side, 0).repeat(side, 1)[: shape.height, : shape.width]
