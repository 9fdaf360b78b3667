"""Networks that multiply pixels by weights as they come, with nothing before that scales them; read without Keras."""

import re
from collections.abc import Iterator
from pathlib import Path

from scoring.errors import ModelError
from scoring.networks.architecture_walk import ArchitectureWalk, Config
from scoring.networks.kept_preprocessor import kept_preprocessor
from scoring.networks.keras_architecture import architecture

_KERNEL = re.compile(r"(Separable|Depthwise)?Conv\dD(Transpose)?|(Einsum)?Dense")
# What leaves pixels in their scale.
_SPATIAL = re.compile(
    r"InputLayer|Random\w+|\w*Dropout\w*|GaussianNoise|\w*Pooling\dD|UpSampling\dD|Resizing|CenterCrop|Cropping\dD|"
    r"ZeroPadding\dD|Pad|Reshape|Flatten|Permute|Cast|Concatenate|Stack|GetItem|Flip|Transpose|Swapaxes|Moveaxis|"
    r"ExpandDims|Squeeze|Identity"
)
_PIXELS = ""


def unscaled_kernel(path: Path) -> str | None:
    """The name of the first layer of a `.keras` file that has weights for pixels, if nothing before it scales them.

    The pixels of its training were scaled outside then, or not at all: the file does not tell. None where a layer or
    an operation that may scale them stands before, where the file keeps a preprocessor, or does not tell its layers.
    """
    try:
        met = _WALK.of_output(architecture(path)) if kept_preprocessor(path) is None else None
    except (LookupError, ModelError, OSError, RecursionError, TypeError, ValueError):
        return None
    return met or None


def _told(layer: Config, taken: Iterator[str | None]) -> str | None:
    """What a layer gives: pixels in their scale, the name of the kernel that they met so, or None for all else."""
    inputs = list(taken)
    if met := next(filter(None, inputs), None):
        return met
    if _PIXELS not in inputs or ">" in (layer.get("registered_name") or ""):  # as of a user's own class
        return None
    if _KERNEL.fullmatch(layer["class_name"]):
        return str(layer["config"]["name"])
    return _PIXELS if _SPATIAL.fullmatch(layer["class_name"]) else None


_WALK: ArchitectureWalk[str | None] = ArchitectureWalk(
    stated=lambda model, output: None,
    told=_told,
    of_pixels=_PIXELS,
)
