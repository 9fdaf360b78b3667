"""The preprocessor that a task of KerasHub keeps in its `.keras` file: `predict` runs it, and a call does not.

Of images it is a converter, which resizes them, multiplies pixels by a scale and adds an offset. Both come in front of
the network as operations, and the size is the network's; how photos get it is left to `resize`, as with all networks.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.errors import ModelError
from scoring.networks.keras_architecture import ARCHITECTURE_FILE
from scoring.networks.keras_versions import entry_in
from scoring.networks.library_words import words_of
from scoring.networks.noise import noise
from scoring.pixels.input_shape import filled

if TYPE_CHECKING:
    import keras

_CONVERTER = "image_converter"
_OF_LAYERS = ("name", "trainable", "dtype")
_OF_PREPROCESSORS = (*_OF_LAYERS, "config_file", _CONVERTER)
_RESIZING = ("interpolation", "antialias", "crop_to_aspect_ratio", "pad_to_aspect_ratio", "bounding_box_format")
_OF_CONVERTERS = (*_OF_LAYERS, *_RESIZING, "image_size", "scale", "offset")
_SIDE = 32  # of the pictures that it is tried on, where it makes none of a size
_TOLERANCE = 1e-5  # of the largest value: float32 in another order


@dataclass(frozen=True)
class KeptPreprocessor:
    """What it does to pixels.

    Attributes:
        size: Height and width that it makes of any; None leaves them.
        scale: What pixels of 0 to 255 are multiplied by, one number or one for each channel; None is 1.
        offset: What is added then, alike; None is 0.
    """

    size: tuple[int, int] | None = None
    scale: float | list[float] | None = None
    offset: float | list[float] | None = None

    @property
    def has_colours(self) -> bool:
        """Whether it changes colours."""
        return self.scale is not None or self.offset is not None

    @property
    def num_channels(self) -> int:
        """How many channels it makes of one."""
        return max(np.size(number) for number in (self.scale, self.offset) if number is not None)

    def scaled(self, pixels: Any) -> Any:
        """Scale float pixels of 0 to 255, channels last: an array, or a tensor of a graph."""
        if self.scale is not None:
            pixels = pixels * np.array(self.scale, np.float32)
        return pixels if self.offset is None else pixels + np.array(self.offset, np.float32)


def has_preprocessor(archive: zipfile.ZipFile) -> bool:
    """Whether an open `.keras` file keeps one, whatever it does."""
    return _kept_in(archive) is not None


def kept_preprocessor(path: Path) -> KeptPreprocessor | None:
    """What the preprocessor does that a `.keras` file keeps; None where it keeps none, or cannot be read.

    Raises:
        ModelError: If it does more than to resize and scale images, or by something else than numbers.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            kept = _kept_in(archive)
    except (OSError, zipfile.BadZipFile):
        return None
    if kept is None:
        return None
    match _options(kept, _OF_PREPROCESSORS, path):
        case {"image_converter": converter}:
            told = _options(converter, _OF_CONVERTERS, path)
        case _:
            told = {}
    scale, offset = (_number(told, key, path) for key in ("scale", "offset"))
    match told.get("image_size"):
        case None:
            return KeptPreprocessor(None, scale, offset)
        case [int(height), int(width)] if height > 0 and width > 0:
            return KeptPreprocessor((height, width), scale, offset)
    raise _refusal(path, "whose image_size is not a height and a width")


def check_preprocessor(model: "keras.Model", path: Path) -> None:
    """Try what a loaded model keeps as its preprocessor on a picture, beside what is computed in its place.

    Raises:
        ModelError: If it gives something else.
    """
    kept = kept_preprocessor(path)
    if kept is None:
        return
    channels = model.inputs[0].shape[-1]
    pictures = noise(1, filled((*(kept.size or (_SIDE, _SIDE)), channels))).astype(np.float32)
    try:
        expected = kept.scaled(pictures)
        given = np.asarray(_as_array(model.preprocessor(pictures)))
        is_same = np.allclose(given, expected, rtol=0, atol=_TOLERANCE * np.abs(expected).max())
    except Exception as error:  # it is code of others
        raise _refusal(path, f"which fails on a picture of {pictures.shape}: {words_of(error)}") from error
    if not is_same:
        raise _refusal(path, "which gives other pixels than its scale and offset tell")


def _kept_in(archive: zipfile.ZipFile) -> Any:
    """What stands for the preprocessor of the model that is loaded; that of a network within it, Keras does not run."""
    match entry_in(archive, ARCHITECTURE_FILE):
        case {"config": {"preprocessor": kept}}:
            return kept
    return None


def _options(entry: Any, known: tuple[str, ...], path: Path) -> dict[str, Any]:
    """The options of a layer that are set; raises ModelError if there are others than those that are known."""
    match entry:
        case {"class_name": str(name), "config": dict(config)}:
            told = {key: value for key, value in config.items() if value is not None}
        case _:
            raise _refusal(path, "which is none of images")
    if others := [key for key in told if key not in known]:
        raise _refusal(path, f"whose {name} has {', '.join(others)}, which are not computed here")
    return told


def _number(told: dict[str, Any], key: str, path: Path) -> float | list[float] | None:
    """A number, or one for each channel; None where none is told."""
    number = told.get(key)
    while isinstance(number, list) and len(number) == 1 and isinstance(number[0], list):
        [number] = number  # axes that stand for those in front of channels
    match number:
        case None | int() | float() as one:
            return one
        case [*each] if each and all(isinstance(one, int | float) for one in each):
            return each
    raise _refusal(path, f"whose {key} is neither a number nor one for each channel")


def _as_array(given: Any) -> Any:
    import keras

    return keras.ops.convert_to_numpy(given)


def _refusal(path: Path, why: str) -> ModelError:
    return ModelError(
        f"Expected a model that takes pixels as they are, or resized and scaled by an image converter; {path} keeps a "
        f"preprocessor, {why}. Set its `preprocessor` to None, put layers that do the same in front, as in "
        "keras.Sequential([keras.layers.Rescaling(1 / 255), model]), and save that."
    )
