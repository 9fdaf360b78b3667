"""A Keras model's forward pass by TensorFlow itself, for batches of any size.

Keras' own `predict_function` is traced for the size of its first batch. There `keras.ops.add` takes a tensor of that
many rows and one column for a bias if the other one has as many columns, and adds it along the wrong axis.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from scoring.arrays import Float32Array, UInt8Array

if TYPE_CHECKING:
    import keras


def begin_in_tensorflow(model: "keras.Model") -> Callable[[UInt8Array], Callable[[], Float32Array]]:
    """A function that begins a batch; see `Engine.begin`."""
    pixels = tf.TensorSpec((None, *model.inputs[0].shape[1:]), tf.uint8)

    compiled = tf.function(input_signature=[pixels], autograph=False, jit_compile=model.jit_compile)
    forward: Callable[[UInt8Array], Any] = compiled(lambda images: model(images, training=False))

    def begin(images: UInt8Array) -> Callable[[], Float32Array]:
        try:
            outputs = forward(images)
        except tf.errors.InvalidArgumentError as error:  # shapes that do not fit, as Keras raises where it sees them
            raise ValueError(error.message) from error
        return lambda: np.asarray(outputs, dtype=np.float32)

    return begin
