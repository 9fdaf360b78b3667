"""Folders that hold a model of Keras or TensorFlow, where a `.keras` file is expected."""

from scoring.errors import ModelError
from scoring.storage.locations import Location, find_files

_SHOWN = 3
_ABOUT, _OF_KERAS_HUB = "metadata.json", b'"keras_hub_version"'


def refuse_keras_folder(folder: Location, field: str) -> None:
    """Raise ModelError, which says what to do, if `folder`, given as `field`, holds such a model."""
    expected = f"Expected {field} to be a .keras file; {folder}"
    if (folder / "saved_model.pb").is_file():
        raise ModelError(f"{expected} is TensorFlow's SavedModel. Save the model that it was made of as .keras.")
    if _is_preset(folder):
        raise ModelError(
            f"{expected} is a preset of KerasHub. Load it with KerasHub's from_preset and save what that gives as "
            ".keras, with its preprocessor, whose scale is applied; where that is scored, keras-hub must be installed."
        )
    if (folder / "config.json").is_file() and (folder / "model.weights.h5").is_file():
        raise ModelError(
            f"{expected} is a model that Keras saved unpacked. Load it with Keras and save it as .keras, without "
            "zipped=False."
        )
    if models := [path for path in find_files(folder, "*.keras") if path.is_file()]:
        names = ", ".join(path.name for path in models[:_SHOWN]) + (", ..." if len(models) > _SHOWN else "")
        raise ModelError(f"{expected} is a folder with {names}. Name {models[0]}.")


def _is_preset(folder: Location) -> bool:
    """Whether KerasHub has written a folder, whose files are called as those of an unpacked model."""
    about = folder / _ABOUT
    return about.is_file() and _OF_KERAS_HUB in about.read_bytes()
