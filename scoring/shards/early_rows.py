"""Rows that were scored before their manifest was there, written where it says that they are what was scored."""

import errno
import os
import tempfile
from dataclasses import replace
from functools import cached_property
from typing import IO

import pyarrow as pa

from scoring.run.manifest import MANIFEST_SCHEMA, as_written, contents_digest
from scoring.run.predictions import INPUTS_KEY, LISTED_KEY, UNREAD_KEY
from scoring.run.shard_inspection import DESCRIBING
from scoring.shards.report import ShardReport
from scoring.shards.shard_files import ShardFiles


class HeldRows:
    """The rows of early shards, in a file without a name that is gone with this; read by any number of threads.

    Attributes:
        num_bytes: What it holds.
    """

    def __init__(self) -> None:
        self.num_bytes = 0

    @cached_property
    def _file(self) -> IO[bytes]:
        return tempfile.TemporaryFile()

    def add(self, rows: bytes) -> range:
        """Write a shard's rows; return where.

        Raises:
            OSError: If there is no room.
        """
        place = range(self.num_bytes, self.num_bytes + len(rows))
        if os.pwrite(self._file.fileno(), rows, place.start) < len(rows):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.num_bytes = place.stop
        return place

    def read(self, place: range) -> bytes:
        """Read the rows that `add` wrote there."""
        return os.pread(self._file.fileno(), len(place), place.start)


def publish_early(early: ShardReport, files: ShardFiles) -> ShardReport | None:
    """Write an early shard if it is what the manifest says.

    Args:
        early: What its worker reported, with the rows.
        files: The run's.

    Returns:
        The report of the shard that stands there; None if it is to be scored: other images are in it, some of them
        have other contents by the listing, or some could not be read.

    Raises:
        LeaseLostError: If another driver took over; nothing was written.
        StorageError: If it cannot be written.
    """
    if early.rows is None or early.shard_id >= files.manifest.info.num_shards:
        return None
    rows = pa.ipc.open_stream(early.rows).read_all()
    listed = as_written(files.manifest.describe(early.shard_id, MANIFEST_SCHEMA.names))
    told: dict[bytes, bytes] = rows.schema.metadata
    contents = told.get(LISTED_KEY, told[INPUTS_KEY]).decode()
    is_same = rows["path"].equals(listed["path"]) and contents == contents_digest(listed)
    if not is_same or int(told[UNREAD_KEY]):
        return None
    for name in DESCRIBING:
        rows = rows.set_column(rows.column_names.index(name), rows.schema.field(name), listed[name])
    common = {name.encode(): value.encode() for name, value in files.metadata.items()}
    digest = files.publish(early.shard_id, rows.replace_schema_metadata(common | told))
    return replace(early, digest=digest, rows=None)
