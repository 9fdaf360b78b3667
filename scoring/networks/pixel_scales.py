"""The scale that a network expects its pixels in, and how pixels of 0 to 255 come into it."""

from enum import StrEnum
from typing import TYPE_CHECKING

from scoring.errors import ModelError

if TYPE_CHECKING:
    import keras


class PixelScale(StrEnum):
    """What `pixels` may say of RGB values; `caffe`, `torch` and `-1..1` are Keras' modes caffe, torch and tf."""

    UNCHANGED = "0..255"
    UNIT = "0..1"
    SIGNED = "-1..1"
    CAFFE = "caffe"  # BGR, less ImageNet's mean colour
    TORCH = "torch"  # 0 to 1, then less ImageNet's mean colour, over its standard deviation


_KERAS_MODES = {PixelScale.SIGNED: "tf", PixelScale.CAFFE: "caffe", PixelScale.TORCH: "torch"}


def rescale(pixels: "keras.KerasTensor", scale: PixelScale) -> "keras.KerasTensor":
    """Bring pixels into a network's scale, as operations that stay float32 whatever a network's layers compute in.

    Args:
        pixels: Float RGB pixels, 0 to 255, channels last.
        scale: The network's.
    """
    import keras

    if scale is PixelScale.UNCHANGED:
        return pixels
    if scale is PixelScale.UNIT:
        return pixels / 255.0
    mode = _KERAS_MODES[scale]
    scaled: keras.KerasTensor = keras.applications.imagenet_utils.preprocess_input(pixels, "channels_last", mode)
    return scaled


def take_pixels(model: "keras.Model", scale: PixelScale, source: str) -> "keras.Model":
    """The same model for float pixels of 0 to 255.

    Args:
        model: Of one input, channels last, in its own scale.
        scale: The model's.
        source: The model's name in messages.

    Raises:
        ModelError: If a model of this input can have no such scale.
    """
    import keras

    if scale is PixelScale.UNCHANGED:
        return model
    _, *shape = model.inputs[0].shape
    if shape[-1] != 3 and scale in (PixelScale.CAFFE, PixelScale.TORCH):
        raise ModelError(f"Expected a model of 3 channels for `pixels` {scale}; {source} has {shape[-1]}.")
    if "float" not in model.inputs[0].dtype:
        raise ModelError(
            f"Expected `pixels` {PixelScale.UNCHANGED} for {source}, whose input is {model.inputs[0].dtype}; "
            f"received {scale}."
        )
    pixels = keras.Input(shape, dtype="float32")
    return keras.Model(pixels, model(rescale(pixels, scale)), name=model.name)
