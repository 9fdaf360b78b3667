"""Whether every machine of the cluster sees the files of a job, before models are loaded and work is lost.

Buckets are not looked at: they are the same from everywhere.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path

from cluster.nodes import Node
from cluster.shared_files import SharedFile, find_missing_by_node
from scoring.errors import RequestError, ScoringError
from scoring.models.shard_model import ShardModelRequest
from scoring.run.folder import RunFolder
from scoring.sources.collection_files import collection_files, places_of_images
from scoring.sources.image_finder import is_image
from scoring.sources.table_columns import NO_COLUMNS, TableColumns
from scoring.storage.durable import read_patiently
from scoring.storage.locations import Location, machine_path
from scoring.storage.read_deadline import within
from scoring.storage.walking import walk

_LOOKED_AT = 200  # files of a folder, of which some are compared
_COMPARED = 5
_LARGEST_COMPARED = 1024**2  # bytes; of larger photos the sizes are
_LARGEST_DIGESTED = 32 * 1024**2  # bytes; of larger models the size, as each worker takes their digests itself
_READ_LIMIT_S = 10.0


def see_output(folder: RunFolder) -> list[SharedFile]:
    """The run folder, known by the lease that this driver holds in it; raises StorageError if that cannot be read."""
    lease = machine_path(folder.lease)
    if lease is None:
        return []
    token = json.loads(read_patiently(lease, lease.read_bytes))["token"]
    return [SharedFile("output", str(lease.absolute()), content=token.encode())]


def see_images(images: Location) -> list[SharedFile]:
    """Files of the same size, or a folder that holds what the first thing in it here is called; no link to nowhere."""
    path = machine_path(images)
    if path is None:
        return []
    if not path.is_dir():
        files = [machine_path(file) for file in collection_files(path)]
        return [see_file("images", file) for file in files if file]
    return [SharedFile("images", _first_inside(str(path.absolute())))]


def see_photos(images: Location, columns: TableColumns = NO_COLUMNS) -> list[SharedFile]:
    """Some photos of a folder, or of those that a table names, with their content; none where they cannot be read.

    They tell copies of a folder that differ, and nodes that have the table alone. For the beginning alone: on a node
    that joins later, photos may have changed since.
    """
    path, photos = machine_path(images), list[SharedFile]()
    if path is None:
        return []
    with suppress(OSError, ScoringError):  # who lists them says so
        found = _in_folder(path.absolute()) if path.is_dir() else []
        rows = [] if found else places_of_images(images, columns, _LOOKED_AT)
        found += filter(None, map(machine_path, rows))
        for photo in found[:: max(1, len(found) // _COMPARED)][:_COMPARED]:
            with suppress(OSError):
                photos.append(_see_photo(photo.absolute()))
    return photos


def _in_folder(folder: Path) -> list[Path]:
    """Photos among the first files of a folder."""
    files = islice(walk(folder), _LOOKED_AT)
    return [folder / file.name for file in files if not file.fault and is_image(file.name)]


def _see_photo(path: Path) -> SharedFile:
    size_bytes = within(_READ_LIMIT_S, lambda: path.stat().st_size)
    content = within(_READ_LIMIT_S, path.read_bytes) if size_bytes <= _LARGEST_COMPARED else None
    return SharedFile("images", str(path), size_bytes if content is None else len(content), content)


def _first_inside(folder: str) -> str:
    """The first thing in a folder that can be looked at, or else the folder."""
    with suppress(OSError), os.scandir(folder) as entries:
        return next((entry.path for entry in entries if _can_be_seen(entry)), folder)
    return folder


def _can_be_seen(entry: os.DirEntry[str]) -> bool:
    try:
        entry.stat()
    except OSError:  # a link to nowhere or to itself, or into a folder that may not be searched
        return False
    return True


def see_model(model: ShardModelRequest) -> list[SharedFile]:
    """The files that the model is made of, where it names any."""
    local = [(field, machine_path(location)) for field, location in model.files().items()]
    return [_see_content(field, path) for field, path in local if path and path.is_file()]


def _see_content(field: str, path: Path) -> SharedFile:
    """A file, known by its digest where that takes no time."""
    seen = see_file(field, path)
    if seen.size_bytes is not None and seen.size_bytes <= _LARGEST_DIGESTED:
        with suppress(OSError), path.open("rb") as file:
            return replace(seen, digest=hashlib.file_digest(file, "sha256").hexdigest())
    return seen


def see_file(field: str, path: Path) -> SharedFile:
    """A file, known by its size."""
    return SharedFile(field, str(path.absolute()), size_bytes=path.stat().st_size)


def require_on_every_node(needed: Sequence[SharedFile]) -> None:
    """Refuse the job if a node of the open Ray session cannot see something that all need.

    Raises:
        RequestError: It names the first such thing, and the nodes.
    """
    check_seen(find_missing_by_node(needed), needed)


def check_seen(unseen: Mapping[Node, Sequence[SharedFile]], needed: Sequence[SharedFile]) -> None:
    """Refuse the job if a node cannot see something that all need.

    Raises:
        RequestError: It names the first such thing, and the nodes.
    """
    for file in needed:
        blind = sorted(node.host for node, missing in unseen.items() if file in missing)
        if blind and file.is_here():  # else it has changed here meanwhile
            others = f" and {len(blind) - 1} more" if len(blind) > 1 else ""
            raise RequestError(
                f"Expected every node to see `{file.name}`; {blind[0]}{others} cannot see {file.path} as this "
                "machine does. Put it where all nodes have it under the same path."
            )
