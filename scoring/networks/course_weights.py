"""Weights of VGG16 as fast.ai's course of 2016 published and saved them: HDF5 of Keras 0.3 or 1 on Theano.

Three things differ from Keras today. Theano convolves where TensorFlow correlates, so kernels are turned by 180
degrees; kernels are laid out (out, in, height, width); and `Flatten` saw channels first, so the rows of the first dense
kernel are in another order.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.arrays import Float32Array
from scoring.errors import ModelError
from scoring.networks.published_files import misfit

if TYPE_CHECKING:
    import h5py

_FIRST_KERNEL = (64, 3, 3, 3)  # (out, in, height, width) of VGG16's first convolution; in Keras' layout (3, 3, 3, 64)
_NUM_LAYERS = 16  # with weights, in configuration D of Simonyan and Zisserman
_RANKS = [4] * 13 + [2] * 3  # of their kernels: the convolutions, and then the dense layers
_FLATTENED = (512, 7, 7)  # what Flatten sees after the last pooling, channels first


def load_course_weights(path: Path) -> list[Float32Array] | None:
    """Load a weights file of the course and convert it to Keras' layout.

    Args:
        path: Any file.

    Returns:
        Kernel and bias of VGG16's 16 layers, in order, as `keras.Model.set_weights` takes them; None if the file is
        not of the course's kind.

    Raises:
        ModelError: If it is, but of another network; or if it is HDF5 that cannot be read, as what was cut off.
    """
    import h5py

    if not h5py.is_hdf5(path):
        return None
    try:
        return _load(path)
    except ModelError:
        raise
    except Exception as error:  # h5py has many words for a broken file, and NumPy for arrays of other shapes
        raise misfit(path, error, "VGG16") from error


def _load(path: Path) -> list[Float32Array] | None:
    import h5py

    with h5py.File(path) as file:
        root = file.get("model_weights", file)
        layers = [arrays for arrays in _layers(root) if arrays]
    if not layers or layers[0][0].shape != _FIRST_KERNEL:
        return None
    if len(layers) != _NUM_LAYERS or any(len(arrays) != 2 for arrays in layers):
        raise ModelError(
            f"Expected the {_NUM_LAYERS} layers of VGG16, each with kernel and bias; {path} has {len(layers)} layers, "
            f"the last of {len(layers[-1])} arrays. The course's networks with batch normalisation are not VGG16."
        )
    if [kernel.ndim for kernel, _ in layers] != _RANKS or any(bias.ndim != 1 for _, bias in layers):
        raise ModelError(
            f"Expected 13 convolutions and then 3 dense layers, as VGG16 has; {path} has "
            f"{sum(kernel.ndim == 4 for kernel, _ in layers)} convolutions among its {len(layers)} layers, or others "
            "in another order. Name a weights file of VGG16."
        )
    kernels = _to_keras([kernel for kernel, _ in layers])
    return [array for kernel, (_, bias) in zip(kernels, layers, strict=True) for array in (kernel, bias)]


def _layers(root: "h5py.Group") -> Iterator[list[Float32Array]]:
    """The arrays of each layer, in the network's order: Keras 1 names them, Keras 0.3 counts them."""
    if "layer_names" in root.attrs:
        for name in root.attrs["layer_names"]:
            group = root[name]
            yield [_array(group[weight]) for weight in group.attrs["weight_names"]]
    elif "nb_layers" in root.attrs:
        for number in range(int(root.attrs["nb_layers"])):
            group = root[f"layer_{number}"]
            yield [_array(group[f"param_{index}"]) for index in range(int(group.attrs["nb_params"]))]


def _array(dataset: Any) -> Float32Array:
    return np.asarray(dataset, dtype=np.float32)


def _to_keras(kernels: list[Float32Array]) -> list[Float32Array]:
    """Turn and transpose the convolutions, and reorder the rows of the first dense kernel."""
    convolutions = [kernel[:, :, ::-1, ::-1].transpose(2, 3, 1, 0) for kernel in kernels if kernel.ndim == 4]
    first_dense, *dense = (kernel for kernel in kernels if kernel.ndim == 2)
    channels_last = first_dense.reshape(*_FLATTENED, -1).transpose(1, 2, 0, 3)
    return [*convolutions, channels_last.reshape(first_dense.shape), *dense]
