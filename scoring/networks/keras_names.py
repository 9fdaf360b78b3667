"""What a `.keras` model may be named by: a path, the URL of an object in a bucket, or a hub's name."""

from pathlib import Path

from scoring.networks.hubs.registry import check_hub_name, is_on_hub, resolve
from scoring.networks.keras_files import check_keras_file, checked_copy
from scoring.storage.locations import Location, absolute_text, locate, machine_path


def check_keras_name(name: str, field: str) -> None:
    """Raise ModelError for what is no model saved by Keras 3; of a hub's name, only for one that it cannot have.

    Args:
        name: The model's.
        field: What it was given as.
    """
    if is_on_hub(name):
        check_hub_name(name)
    else:
        check_keras_file(locate(name), field)


def keras_place(name: str) -> Location | None:
    """Where a named file is; None on a hub, which is the same from everywhere."""
    return None if is_on_hub(name) else locate(name)


def keras_file_here(name: str) -> Path | None:
    """The file that is named, if it is a `.keras` file of this machine; it may be no model."""
    place = keras_place(name) if name.endswith(".keras") else None
    path = machine_path(place) if place else None
    return path if path and path.is_file() else None


def absolute_keras_name(name: str) -> str:
    """The same for a process that started in another folder, or later: a hub's model is fetched and its version named.

    Raises:
        ModelError: If a hub has no such model, or not for this user.
        DownloadError: If it cannot be reached.
    """
    return resolve(name).pinned if is_on_hub(name) else absolute_text(name)


def local_keras_file(name: str) -> Path:
    """The model's file on this machine, fetched once per machine; for errors see `absolute_keras_name`."""
    if not is_on_hub(name):
        return checked_copy(locate(name))
    path = resolve(name).path
    check_keras_file(path, name)
    return path


def file_here(name: str) -> Path | None:
    """The file of a name, if it is on this machine."""
    place = keras_place(name)
    path = machine_path(place) if place else None
    return path if path and path.is_file() else None
