"""Which Keras saved a file: an older one than that need not be able to load it, nor Keras 3 what Keras 2 saved."""

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any


def newer_keras(path: Path) -> str:
    """What to say of a `.keras` file that a newer Keras saved than this one; nothing of others."""
    import keras

    version = saved_by(path)
    is_newer = to_minor(version) > to_minor(keras.__version__)
    return f" It was saved by Keras {version}, and this is {keras.__version__}." if is_newer else ""


def older_keras(path: Path, lacks_options: bool) -> str:
    """What to say of a `.keras` file that an older Keras 3 saved than this one; nothing of others.

    Args:
        path: The file.
        lacks_options: Whether layers of this one lack options that those of that one had.
    """
    import keras

    version = saved_by(path)
    if not (3, 0) <= to_minor(version) < to_minor(keras.__version__):
        return ""
    way = ": save it there without the layers that this one does not take, such as those of augmentation"
    return f" It was saved by Keras {version}, and this is {keras.__version__}{way if lacks_options else ''}."


def keras_2(path: Path) -> str:
    """What to say of a `.keras` file that Keras 2 saved; nothing of others."""
    version = saved_by(path)
    if to_minor(version)[0] != 2:
        return ""
    way = "save it as .h5 there, build it in Keras 3 by code, load_weights of the .h5 and save it as .keras"
    return f" It was saved by Keras {version}: {way}."


def saved_by(path: Path) -> str:
    """The version that a file states; empty if it states none."""
    try:
        with zipfile.ZipFile(path) as archive:
            return version_in(archive)
    except (OSError, zipfile.BadZipFile):
        return ""


def version_in(archive: zipfile.ZipFile) -> str:
    """The version that an open file states; empty if it states none."""
    about = entry_in(archive, "metadata.json")
    return str(about["keras_version"]) if isinstance(about, dict) and "keras_version" in about else ""


def entry_in(archive: zipfile.ZipFile, name: str) -> Any:
    """What an open file has under a name, as JSON; None if it cannot be read."""
    try:
        return json.loads(archive.read(name))
    except (OSError, EOFError, ValueError, LookupError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return None


def to_minor(version: str) -> tuple[int, int]:
    """Major and minor version; 0 and 0 of what is none."""
    try:
        major, minor, *_ = version.split(".")
        return int(major), int(minor)
    except ValueError:
        return 0, 0
