"""Where the channels of maps stand in a Keras graph, by the layers that computed them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from scoring.networks.graph_steps import step_of

if TYPE_CHECKING:
    import keras

_LAST = 3  # where the channels of maps stand, unless layers tell otherwise
# What puts axes into another order, as NumPy does it.
_TURNING: dict[str, Callable[[npt.NDArray[Any], Any], npt.NDArray[Any]]] = {
    "Permute": lambda array, layer: array.transpose(0, *layer.dims),
    "Transpose": lambda array, operation: array.transpose(operation.axes),
    "Moveaxis": lambda array, operation: np.moveaxis(array, operation.source, operation.destination),
    "Swapaxes": lambda array, operation: array.swapaxes(operation.axis1, operation.axis2),
}
_REARRANGING = ("Reshape", "Einsum")  # what may do so with what nobody tells


def channels_last(features: "keras.KerasTensor") -> "keras.KerasTensor":
    """The same; maps whose channels stand elsewhere, as within models converted from PyTorch, are turned round."""
    import keras

    axis = _channel_axis(features, {})
    if axis in (None, _LAST):
        return features
    order = (*(side for side in range(1, _LAST + 1) if side != axis), axis)
    return keras.layers.Permute(order, name="channels_last")(features)


def _channel_axis(maps: "keras.KerasTensor", seen: dict[int, int | None]) -> int | None:
    """Where the channels of maps stand, by the layers that computed them; None where none tells.

    Args:
        maps: A tensor of the graph.
        seen: What others were found to be, by identity: branches that meet again are followed once.
    """
    if id(maps) not in seen:
        seen[id(maps)] = _told_axis(maps, seen)
    return seen[id(maps)]


def _told_axis(maps: "keras.KerasTensor", seen: dict[int, int | None]) -> int | None:
    step = step_of(maps)
    if step is None or len(maps.shape) != _LAST + 1 or step.kind in _REARRANGING:
        return None
    if step.within is not None:
        return _channel_axis(step.within, {id(entry): _channel_axis(taken, seen) for entry, taken in step.entries})
    if step.kind == "InputLayer":
        return _LAST
    if data_format := getattr(step.operation, "data_format", None):
        return 1 if data_format == "channels_first" else _LAST
    before = next((axis for each in step.inputs if (axis := _channel_axis(each, seen)) is not None), None)
    if before is None or step.kind not in _TURNING:
        return before
    return _TURNING[step.kind](np.empty(range(_LAST + 1)), step.operation).shape.index(before)
