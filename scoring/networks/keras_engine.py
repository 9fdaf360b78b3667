"""The Keras engine: a network run by Keras itself, on a GPU or a processor, by whichever backend it has.

Keras is imported only when a network is built, on the machine that runs it.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from scoring.arrays import Float32Array, UInt8Array
from scoring.errors import ModelError
from scoring.networks.bounded_steps import all_bounded, last_bounded, left_out
from scoring.networks.engines import Pending, library_versions
from scoring.networks.library_words import words_of
from scoring.networks.network_faults import blames_network
from scoring.networks.precision import Precision
from scoring.pixels.input_shape import InputShape, filled

if TYPE_CHECKING:
    import keras

_Begin: TypeAlias = Callable[[UInt8Array], Pending]

EXACT = "exact_head"  # the name of a nested network that is computed in float32 in every precision


class KerasEngine:
    """A Keras model run by whichever backend Keras has."""

    def __init__(self, model: "keras.Model", precision: Precision, exact_outputs: bool = True) -> None:
        """Make `model`, which takes pixels 0 to 255, ready for uint8 batches.

        Args:
            model: It may take pixels of any number type; its policies are changed.
            precision: Number format of its inner layers.
            exact_outputs: Compute the last layer with weights and all that follows (logits, softmax) in float32.
        """
        _set_precision(model, precision, exact_outputs)
        self._model = takes_uint8(model)

    @property
    def num_outputs(self) -> int:
        """Values for each image."""
        return int(self._model.outputs[0].shape[1])

    @property
    def input_shape(self) -> InputShape:
        """Pixels of one image."""
        return filled(self._model.inputs[0].shape[1:])

    def score(self, images: UInt8Array) -> Float32Array:
        """Score one batch; see `Engine.score`."""
        return self.begin(images)()

    def begin(self, images: UInt8Array) -> Pending:
        """Begin to score one batch; see `Engine.begin` and `forward`."""
        return self._forward(images)

    @property
    def library(self) -> str:
        """Keras and its backend, with their versions."""
        import keras

        backend = keras.config.backend()
        return f"keras-{keras.__version__}-{backend}-{library_versions(backend)[backend]}"

    @property
    def bounded_steps(self) -> list[list[Any]]:
        """What hides much of what leads to it: what the network ends in, and that with what lies deeper, if any."""
        last, every = last_bounded(self._model), all_bounded(self._model)
        return [steps for steps in ([last, every] if len(last) < len(every) else [last]) if steps]

    @contextmanager
    def without(self, steps: Iterable[Any]) -> Iterator["KerasEngine"]:
        """While the block runs, the same network, whose `bounded_steps` pass on what they take."""
        with left_out(steps):
            below = copy(self)
            vars(below).pop("_forward", None)
            yield below

    @cached_property
    def _forward(self) -> _Begin:
        return forward(self._model)


def forward(model: "keras.Model") -> _Begin:
    """A function that begins a batch of any size of a model from uint8 pixels; see `Engine.begin`.

    It raises ModelError if Keras cannot compute what the network's layers say.
    """
    begin = _backends_forward(model)

    def begin_or_refuse(images: UInt8Array) -> Pending:
        try:
            return begin(images)
        except Exception as error:
            if not blames_network(error):
                raise
            raise ModelError(
                f"Expected a network that Keras can run on a batch of {len(images)}; it cannot this one: "
                f"{words_of(error)}"
            ) from error

    return begin_or_refuse


def _backends_forward(model: "keras.Model") -> _Begin:
    import keras

    match keras.config.backend():
        case "jax":
            from scoring.networks.jax_forward import begin_in_jax

            return begin_in_jax(model)
        case "tensorflow":
            from scoring.networks.tensorflow_forward import begin_in_tensorflow

            return begin_in_tensorflow(model)
    return _begin(model)


def _begin(model: "keras.Model") -> _Begin:
    """What `predict_on_batch` does, without its wait: PyTorch hands a GPU its work and goes on."""
    import keras

    model.make_predict_function()

    def begin(images: UInt8Array) -> Pending:
        outputs = model.predict_function([(images,)])
        return lambda: np.asarray(keras.tree.map_structure(keras.ops.convert_to_numpy, outputs), dtype=np.float32)

    return begin


def takes_uint8(model: "keras.Model") -> "keras.Model":
    """The same model for uint8 pixels; for 224 x 224 of them where it leaves that open.

    It scores, and never trains: exported, augmentation that it may contain would be part of it otherwise.
    """
    import keras

    pixels = keras.Input(filled(model.inputs[0].shape[1:]).as_array(), dtype="uint8")
    return keras.Model(pixels, model(keras.ops.cast(pixels, model.inputs[0].dtype), training=False))


def _set_precision(model: "keras.Model", precision: Precision, exact_outputs: bool) -> None:
    """Compute every layer in `precision`; for exact outputs, from the last layer with weights on in float32.

    A nested network called `EXACT` is left in float32 as a whole. Layers that keep quantised weights, or compute whole
    numbers, stay as they are: their policies say what the weights mean.
    """
    import keras

    mixed = {Precision.BFLOAT16: "mixed_bfloat16", Precision.FLOAT16: "mixed_float16"}
    policy = keras.dtype_policies.DTypePolicy(mixed.get(precision, "float32"))
    layers = _flatten(model)
    exact = [layer for nested in model.layers if nested.name == EXACT for layer in nested.layers]
    if exact:
        exact_from = layers.index(exact[0])
    else:
        with_weights = [index for index, layer in enumerate(layers) if layer.weights]
        exact_from = max(with_weights, default=0) if exact_outputs else len(layers)
    for layer in filter(_may_change, layers[:exact_from]):
        layer.dtype_policy = policy
    for layer in filter(_may_change, layers[exact_from:]):
        layer.dtype_policy = keras.dtype_policies.DTypePolicy("float32")


def _may_change(layer: "keras.Layer") -> bool:
    return layer.quantization_mode is None and "float" in layer.compute_dtype


def _flatten(model: "keras.Model") -> list[Any]:
    """All layers of a model, those of nested models in their place."""
    flat: list[Any] = []
    for layer in model.layers:
        flat.extend(_flatten(layer) if getattr(layer, "layers", None) else [layer])
    return flat
