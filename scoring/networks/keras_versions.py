"""Which Keras saved a file: an older one than that need not be able to load it."""

import json
import zipfile
from pathlib import Path


def newer_keras(path: Path) -> str:
    """What to say of a `.keras` file that a newer Keras saved than this one; nothing of others."""
    import keras

    try:
        with zipfile.ZipFile(path) as archive:
            saved_by = str(json.loads(archive.read("metadata.json"))["keras_version"])
        is_newer = _minor(saved_by) > _minor(keras.__version__)
    except (OSError, ValueError, LookupError, TypeError, RecursionError, zipfile.BadZipFile):
        return ""
    return f" It was saved by Keras {saved_by}, and this is {keras.__version__}." if is_newer else ""


def _minor(version: str) -> tuple[int, int]:
    major, minor, *_ = version.split(".")
    return int(major), int(minor)
