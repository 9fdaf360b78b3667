"""Models of other formats, where a `.keras` file is expected, and how they become one."""

from scoring.errors import ModelError
from scoring.networks.changed_layers import hdf5_advice
from scoring.networks.keras_folders import refuse_keras_folder
from scoring.storage.locations import Location

_HDF5 = (".h5", ".hdf5")  # Keras' earlier format
_OF_TENSORFLOW = "Save the Keras model that it was made of as .keras"
_BY_CODE = "Build its network in Keras by code, give its layers these weights and save it as .keras"
_WAYS = {
    ".tflite": f"TensorFlow Lite's format. {_OF_TENSORFLOW}",
    ".pb": f"TensorFlow's format. {_OF_TENSORFLOW}",
    ".onnx": f"ONNX's format. {_OF_TENSORFLOW}, if it was made of one",
    ".pt": f"PyTorch's format. {_BY_CODE}",
    ".pth": f"PyTorch's format. {_BY_CODE}",
    ".safetensors": f"a format of weights alone. {_BY_CODE}",
}


def is_of_other_format(path: Location) -> bool:
    """Whether a name is that of a file of a model in another format."""
    return path.suffix in (*_HDF5, *_WAYS)


def other_format(path: Location, field: str) -> str:
    """What to say of a file that is no `.keras` file, given as `field`; nothing where its name does not tell.

    Raises:
        ModelError: If it is part of a SavedModel.
    """
    if path.suffix in _HDF5:
        return f" It has Keras' earlier format. {hdf5_advice(path)}."
    if path.name == "saved_model.pb":
        refuse_keras_folder(path.parent, field)
    return f" It has {_WAYS[path.suffix]}." if path.suffix in _WAYS else ""


def check_is_file(path: Location, field: str) -> None:
    """Raise ModelError if no file is there, and for a folder with what to do if it holds a model."""
    if not path.is_file():
        is_folder = path.is_dir()
        if is_folder:
            refuse_keras_folder(path, field)
        what = "is a folder" if is_folder else "does not exist"
        raise ModelError(f"Expected {field} to be a .keras file; {path} {what}.")


def refuse_other_format(path: Location, field: str) -> None:
    """Raise ModelError, which says what to do, for a model in another format, or for a file that is not there."""
    check_is_file(path, field)
    raise ModelError(f"Expected {field} to be a .keras file; {path} is not one.{other_format(path, field)}")
