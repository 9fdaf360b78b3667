"""The scale that a network expects its pixels in, and how pixels of 0 to 255 come into it."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scoring.errors import ModelError
from scoring.networks.kept_preprocessor import KeptPreprocessor, kept_preprocessor

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras


class PixelScale(StrEnum):
    """What `pixels` may say of RGB values; `caffe`, `torch` and `-1..1` are Keras' modes caffe, torch and tf."""

    UNCHANGED = "0..255"
    UNIT = "0..1"
    SIGNED = "-1..1"
    CAFFE = "caffe"  # BGR, less ImageNet's mean colour
    TORCH = "torch"  # 0 to 1, then less ImageNet's mean colour, over its standard deviation


_IMAGENET_MEAN = (123.68, 116.779, 103.939)  # RGB; keras.applications.imagenet_utils, mode "caffe"
_KERAS_MODES = {PixelScale.SIGNED: "tf", PixelScale.CAFFE: "caffe", PixelScale.TORCH: "torch"}


def scale_word(scale: PixelScale) -> str:
    """What a scale that a file lacks adds to a digest, `pixels-torch`; nothing where there is none."""
    return "" if scale is PixelScale.UNCHANGED else f"pixels-{scale.name.lower()}"


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


def with_preprocessing(
    network: "keras.Model",
    scale: PixelScale,
    cut: "Callable[[keras.Model], keras.Model] | None" = None,
    name: str | None = None,
) -> "keras.Model":
    """A published network, or a part of it, behind its preprocessing; of one in Caffe's scale the first kernel changes.

    The mean colour is subtracted, and the first kernel is turned to RGB instead of the pixels to BGR: turning each
    batch costs 4 to 9 ms of Keras' 1,200 and 4 ms of OpenVINO's 570 in int8 (VGG16, 16 photos on 2 cores). In a part
    without that kernel the pixels are turned.

    Args:
        network: From RGB pixels in its own scale.
        scale: That scale.
        cut: Takes the part of the network that is wanted.
        name: Name of the network that is returned.

    Returns:
        From float RGB pixels, 0 to 255, to what the network or its part gives.
    """
    import keras

    pixels, part = keras.Input(network.input_shape[1:]), cut(network) if cut else network
    first = next((layer for layer in part.layers if layer.weights), None)
    if scale is PixelScale.CAFFE and first:
        kernel, *others = first.get_weights()  # (height, width, in, out)
        first.set_weights([kernel[:, :, ::-1], *others])
        inputs = pixels - np.array(_IMAGENET_MEAN, np.float32)
    else:
        inputs = rescale(pixels, scale)
    return keras.Model(pixels, part(inputs), name=name)


def take_pixels(model: "keras.Model", scale: PixelScale, path: Path) -> "keras.Model":
    """The same model for float pixels of 0 to 255.

    Args:
        model: A model of one input, channels last, in its own scale.
        scale: The model's, as the user says it.
        path: Its file, which may keep a preprocessor that scales.

    Raises:
        ModelError: If a model of this input can have no such scale, or the file tells its own.
    """
    kept = kept_preprocessor(path)
    if kept is not None:
        return _behind(kept, model, scale, path)
    if scale is PixelScale.UNCHANGED:
        return model
    _, *shape = model.inputs[0].shape
    if shape[-1] != 3 and scale in (PixelScale.CAFFE, PixelScale.TORCH):
        raise ModelError(f"Expected a model of 3 channels for `pixels` {scale}; {path} has {shape[-1]}.")
    if "float" not in model.inputs[0].dtype:
        raise ModelError(
            f"Expected `pixels` {PixelScale.UNCHANGED} for {path}, whose input is {model.inputs[0].dtype}; "
            f"received {scale}."
        )
    return _in_front(model, lambda pixels: rescale(pixels, scale))


def _behind(kept: KeptPreprocessor, model: "keras.Model", scale: PixelScale, path: Path) -> "keras.Model":
    """A model behind the scale of the preprocessor that its file keeps, which leaves nothing for a user to say."""
    if scale is not PixelScale.UNCHANGED:
        raise ModelError(
            f"Expected no `pixels` for {path}, which keeps a preprocessor of its own; received {scale}. Leave it out."
        )
    if not kept.has_colours:
        return model
    kind, channels = model.inputs[0].dtype, model.inputs[0].shape[-1]
    if "float" not in kind or kept.num_channels not in (1, channels):
        raise ModelError(
            f"Expected {path} to take floats of {kept.num_channels} channels, which its preprocessor makes; it takes "
            f"{kind} of {channels}. Save it with a preprocessor that fits."
        )
    return _in_front(model, kept.scaled)


def _in_front(model: "keras.Model", scaled: "Callable[[keras.KerasTensor], keras.KerasTensor]") -> "keras.Model":
    """A model of float pixels, which are scaled before it takes them."""
    import keras

    pixels = keras.Input(model.inputs[0].shape[1:], dtype="float32")
    return keras.Model(pixels, model(scaled(pixels)), name=model.name)
