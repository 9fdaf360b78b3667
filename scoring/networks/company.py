"""Whether a network sees each image by itself, whatever else is in its batch."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from scoring.arrays import Float32Array, UInt8Array
from scoring.errors import ModelError
from scoring.networks.engines import Engine
from scoring.networks.keras_architecture import architecture
from scoring.networks.noise import harsh_noise, noise
from scoring.networks.precision import Precision

# Keras' operations that take each number by itself, or with the one in its place of another tensor.
_BY_NUMBER = re.compile(
    r"Abs\w*|Add|BiasAdd|Cast|Clip|Divide|Exp|Identity|Log|Maximum|Minimum|Multiply|Negative|Power|\w*Relu\w*|Sigmoid|"
    r"Silu|Softplus|Sqrt|Square|Subtract|Tanh|TrueDivide"
)
_OF_ONE_SIDE = re.compile(r'"shape": \[(null)?\]')  # a tensor whose last side is the batch, or that has none
# An index whose first part is `...` or `:`.
_OF_EACH = re.compile(
    r'\[\{"class_name": "__(ellipsis__"|slice__", "config": \{"start": null, "stop": null, "step": null\})'
)
_OVER_THE_BATCH = ("MelSpectrogram",)  # layers that do, whatever their axes: it takes the loudest of all images
_AXES = ("axis", "axes", "attention_axes")  # what configs call the axes that something runs along
_NUM_SEEN = 8
# Of the largest output. The same program computes the same picture in the same place of a batch.
_TOLERANCE = {Precision.FLOAT32: 1e-3}
_ROUGH_TOLERANCE = 1e-2  # in other precisions


def may_mix(path: Path) -> bool:
    """Whether images of a batch may shape each other's outputs, as far as a `.keras` file's architecture tells.

    Nearly all layers see each image by itself unless they run along the batch; operations, such as a maximum over all
    axes, may not. No Keras is imported.
    """
    return any(map(_may_mix, _called(architecture(path))))


def check_company(engine: Engine, batch_size: int, precision: Precision, name: str, in_any_batch: bool = False) -> None:
    """Score some pictures among their like, and among others of black and white.

    Args:
        engine: Runs the network.
        batch_size: Images per batch; one is always by itself.
        precision: Number format of the network.
        name: What the user calls the network.
        in_any_batch: Whether it will run in batches of other sizes too.

    Raises:
        ModelError: If each has not one row of outputs, or these differ by more than rounding.
    """
    if batch_size == 1 and not in_any_batch:
        _outputs(engine, noise(1, engine.input_shape), name, in_any_batch)
        return
    batch_size = max(batch_size, 2)
    num_seen = max(1, min(_NUM_SEEN, (batch_size - 1) // 2))
    seen = noise(num_seen, engine.input_shape) // 4 + 64  # grey ones, 64 to 127
    harsh = harsh_noise(2, engine.input_shape)
    rest = engine.input_shape.as_array(batch_size - num_seen)
    alone, beside = (
        _outputs(engine, np.concatenate([others[:1], seen, others[1:]]), name, in_any_batch)[1 : num_seen + 1]
        for others in (np.resize(seen, rest), np.resize(harsh, rest))
    )
    tolerance = _TOLERANCE.get(precision, _ROUGH_TOLERANCE) * np.abs(alone[np.isfinite(alone)]).max(initial=0)
    if not np.allclose(alone, beside, rtol=0, atol=tolerance, equal_nan=True):
        largest = np.nanmax(np.abs(alone - beside), initial=0)
        raise ModelError(
            f"Expected a network that sees each image by itself; the same pictures' outputs of {name} change by up to "
            f"{largest:.2g} with the others in a batch. Save it without what runs over a whole batch, such as a "
            f"maximum over all axes{'' if in_any_batch else ', or use `batch_size` 1'}."
        )


def _outputs(engine: Engine, images: UInt8Array, name: str, in_any_batch: bool) -> Float32Array:
    outputs = engine.score(images)
    if len(outputs) == len(images):
        return outputs
    is_one_of_one = not in_any_batch and len(images) > 1 and len(engine.score(images[:1])) == 1
    raise ModelError(
        f"Expected a network that returns a row of outputs for each image; {name} returns {len(outputs)} for a batch "
        f"of {len(images)}. {'Use `batch_size` 1, or save' if is_one_of_one else 'Save'} it without what gives the "
        "batch another size, such as a reshape."
    )


def _called(part: Any) -> Iterator[dict[str, Any]]:
    """All layers and operations in a part of an architecture."""
    if isinstance(part, dict):
        if isinstance(part.get("config"), dict) and re.search(r"\blayers\b|\bops\b", str(part.get("module"))):
            yield part
        yield from (each for value in part.values() for each in _called(value))
    elif isinstance(part, list):
        yield from (each for value in part for each in _called(value))


def _may_mix(called: dict[str, Any]) -> bool:
    config, nodes = called["config"], json.dumps(called.get("inbound_nodes"))
    axes = next((config[name] for name in _AXES if name in config), None)
    along = [each for each in (axes if isinstance(axes, list) else [axes]) if each is not None]
    is_along_batch = any(not isinstance(each, int) or each == 0 or each < -1 for each in along)
    if str(called["module"]).startswith("keras.layers"):
        return is_along_batch or called["class_name"] in _OVER_THE_BATCH
    if called["class_name"] == "GetItem":
        return _OF_EACH.search(nodes) is None
    is_by_number = _BY_NUMBER.fullmatch(called["class_name"]) is not None
    return not is_by_number and (not along or is_along_batch or _OF_ONE_SIDE.search(nodes) is not None)
