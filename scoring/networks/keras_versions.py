"""Which Keras saved a file: an older one than that need not be able to load it, nor Keras 3 what Keras 2 saved."""

import json
import zipfile
from pathlib import Path


def newer_keras(path: Path) -> str:
    """What to say of a `.keras` file that a newer Keras saved than this one; nothing of others."""
    import keras

    saved_by = _saved_by(path)
    is_newer = _minor(saved_by) > _minor(keras.__version__)
    return f" It was saved by Keras {saved_by}, and this is {keras.__version__}." if is_newer else ""


def older_keras(path: Path) -> str:
    """What to say of a `.keras` file that an older Keras 3 saved with options that this one's layers lack."""
    import keras

    saved_by = _saved_by(path)
    if not (3, 0) <= _minor(saved_by) < _minor(keras.__version__):
        return ""
    way = "save it there without the layers that this one does not take, such as those of augmentation"
    return f" It was saved by Keras {saved_by}, and this is {keras.__version__}: {way}."


def keras_2(path: Path) -> str:
    """What to say of a `.keras` file that Keras 2 saved; nothing of others."""
    saved_by = _saved_by(path)
    if _minor(saved_by)[0] != 2:
        return ""
    way = "load it there, save it as .h5, load that with Keras 3 and save it as .keras"
    return f" It was saved by Keras {saved_by}: {way}."


def _saved_by(path: Path) -> str:
    """The version that a file states; empty if it states none."""
    try:
        with zipfile.ZipFile(path) as archive:
            return str(json.loads(archive.read("metadata.json"))["keras_version"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError, zipfile.BadZipFile):
        return ""


def _minor(version: str) -> tuple[int, int]:
    try:
        major, minor, *_ = version.split(".")
        return int(major), int(minor)
    except ValueError:
        return 0, 0
