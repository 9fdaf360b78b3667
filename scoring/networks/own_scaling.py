"""Whether a network scales pixels by itself before its first weights, as far as its file tells; read without Keras."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from scoring.errors import ModelError
from scoring.networks.architecture_walk import ArchitectureWalk, Config, named_outputs
from scoring.networks.kept_preprocessor import kept_preprocessor
from scoring.networks.keras_architecture import architecture

_KERNEL = re.compile(r"(Separable|Depthwise)?Conv\dD(Transpose)?|(Einsum)?Dense")
# What leaves pixels in their scale.
_SPATIAL = re.compile(
    r"InputLayer|Random\w+|\w*Dropout\w*|GaussianNoise|\w*Pooling\dD|UpSampling\dD|Resizing|CenterCrop|Cropping\dD|"
    r"ZeroPadding\dD|Pad|Reshape|Flatten|Permute|Cast|Concatenate|Stack|GetItem|Flip|Transpose|Swapaxes|Moveaxis|"
    r"ExpandDims|Squeeze|Identity"
)
_LEAST_DIVISOR = 100.0  # 255 mostly, or 127.5; pixels of 0 to 1 are multiplied
_PIXELS = ""


def unscaled_kernel(path: Path) -> str | None:
    """The name of the first layer of a `.keras` file that has weights for pixels, if nothing before it scales them.

    The pixels of its training were scaled outside then, or not at all: the file does not tell. None where a layer or
    an operation that may scale them stands before, where the file keeps a preprocessor, or does not tell its layers.
    """
    return _first_met(path, _KERNELS)


def dividing_layer(path: Path) -> str | None:
    """The name of the layer of a `.keras` file that divides pixels as they come by 100 or more: it takes 0 to 255.

    None where nothing is known to: also where an operation does, or a layer of the user's own.
    """
    return _first_met(path, _DIVIDERS)


def _first_met(path: Path, walk: ArchitectureWalk[str | None]) -> str | None:
    try:
        if kept_preprocessor(path) is not None:
            return None
        model = architecture(path)
        outputs = named_outputs(model["config"].get("output_layers")) or [None]
        return next(filter(None, (walk.of_output(model, output) for output in outputs)), None)
    except (LookupError, ModelError, OSError, RecursionError, TypeError, ValueError):
        return None


def _is_kernel(layer: Config) -> bool:
    return bool(_KERNEL.fullmatch(layer["class_name"]))


def _divides(layer: Config) -> bool:
    return bool(layer["class_name"] == "Rescaling" and np.max(np.abs(layer["config"]["scale"])) <= 1 / _LEAST_DIVISOR)


def _told(is_sought: Callable[[Config], bool], layer: Config, taken: Iterator[str | None]) -> str | None:
    """What a layer gives: pixels in their scale, the name of what is sought that they met so, or None for all else."""
    inputs = list(taken)
    if met := next(filter(None, inputs), None):
        return met
    if _PIXELS not in inputs or ">" in (layer.get("registered_name") or ""):  # as of a user's own class
        return None
    if is_sought(layer):
        return str(layer["config"]["name"])
    return _PIXELS if _SPATIAL.fullmatch(layer["class_name"]) else None


def _walk(is_sought: Callable[[Config], bool]) -> ArchitectureWalk[str | None]:
    return ArchitectureWalk(stated=lambda model, output: None, told=partial(_told, is_sought), of_pixels=_PIXELS)


_KERNELS, _DIVIDERS = _walk(_is_kernel), _walk(_divides)
