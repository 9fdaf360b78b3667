"""What a network sees in several views of a photo, as one vector: sizes, mirror images, and ways to pool positions."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from scoring.networks.layer_cut import has_positions
from scoring.pixels.input_shape import filled

if TYPE_CHECKING:
    import keras


_MANY = 64  # values whose direction tells more than their length


class ViewPooling(StrEnum):
    """How the positions of a spatial layer become one vector."""

    MEAN = "mean"
    MAX = "max"
    CENTRE = "centre"  # the mean over the middle half of rows and columns, where photographers put what they show


@dataclass(frozen=True)
class Views:
    """The views of a photo, and how each is pooled.

    Attributes:
        sizes: Pixels a side of each view, the largest first, which photos are decoded to; none is what the network
            takes, or 224.
        mirror: Whether each view is averaged with its mirror image.
        pooling: The ways, side by side. A layer that is not spatial, or of one position, is taken as it is.
    """

    sizes: tuple[int, ...]
    mirror: bool
    pooling: tuple[ViewPooling, ...]

    def __str__(self) -> str:
        """All settings as one text, for digests."""
        return "+".join([*self.pooling, *map(str, self.sizes), *(["mirror"] if self.mirror else [])])


def pool_views(network: "keras.Model", views: Views) -> "keras.Model":
    """A network from pixels to one vector: for each size and each way of pooling a part of length one.

    Values become their signed square roots, which steadies the variance of sums of activations; a view and its mirror
    image are averaged, and each part is scaled to length one: the two normalisations of Perronnin, Sánchez and Mensink,
    ECCV 2010, sections 3.1 and 3.2. Parts of fewer than 64 values keep their length, which tells
    as much as their direction.

    Args:
        network: From float pixels, 0 to 255, shape (batch, height, width, channels) of each size, to a layer's outputs.
        views: The sizes, and how each is pooled.

    Returns:
        From pixels of the largest size to features, shape (batch, num_features).
    """
    import keras

    own = filled(network.inputs[0].shape[1:])
    sizes = [(side, side) for side in views.sizes] or [own.size]
    pixels = keras.Input((*sizes[0], own.channels))
    parts = [part for size in sizes for part in _parts(network, resized(pixels, size), views.mirror, views.pooling)]
    features = keras.layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
    return keras.Model(pixels, features, name="base")


def _parts(
    network: "keras.Model", pixels: "keras.KerasTensor", mirror: bool, pooling: Sequence[ViewPooling]
) -> list["keras.KerasTensor"]:
    import keras

    outputs = [network(view) for view in ([pixels, mirrored(pixels)] if mirror else [pixels])]
    ways = pooling if has_positions(outputs[0].shape) else pooling[:1]
    pooled = [[_root(_pool(seen, how)) for seen in outputs] for how in ways]
    parts = [keras.layers.Average()(of_views) if mirror else of_views[0] for of_views in pooled]
    return [keras.layers.UnitNormalization()(part) if part.shape[-1] >= _MANY else part for part in parts]


def mirrored(pixels: "keras.KerasTensor") -> "keras.KerasTensor":
    """The mirror images of the same pixels, to the bit.

    Args:
        pixels: Shape (batch, height, width, channels); of known width.
    """
    import keras

    columns = list(range(pixels.shape[2]))
    return keras.ops.take(pixels, columns[::-1], axis=2)  # MNN converts no `flip`, and a reversed slice crashes it


def resized(pixels: "keras.KerasTensor", size: tuple[int, int]) -> "keras.KerasTensor":
    """A smaller view of the same pixels; where it fits a whole number of times, by averaging blocks of pixels.

    Args:
        pixels: Shape (batch, height, width, channels).
        size: Height and width of the view.
    """
    import keras

    _, height, width, _ = pixels.shape
    if size == (height, width):
        return pixels
    if height % size[0] == 0 and width % size[1] == 0:
        return keras.layers.AveragePooling2D((height // size[0], width // size[1]))(pixels)
    # Keras lets image layers train by default: a stored network would, and all behind this with it, when it is called.
    return keras.layers.Resizing(*size)(pixels, training=False)


def _pool(outputs: "keras.KerasTensor", pooling: ViewPooling) -> "keras.KerasTensor":
    import keras

    if len(outputs.shape) == 2:
        return outputs
    if pooling is ViewPooling.MAX:
        return keras.layers.GlobalMaxPooling2D()(outputs)
    if pooling is ViewPooling.CENTRE:
        margins = tuple(side // 4 for side in outputs.shape[1:3])
        outputs = keras.layers.Cropping2D(margins)(outputs)
    return keras.layers.GlobalAveragePooling2D()(outputs)


def _root(values: "keras.KerasTensor") -> "keras.KerasTensor":
    import keras

    # To the bit sign(values) sqrt(|values|), of operations that MNN converts.
    return keras.ops.sqrt(keras.ops.relu(values)) - keras.ops.sqrt(keras.ops.relu(-values))
