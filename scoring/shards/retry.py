"""Try a shard's unread images again: rows of those that can be read now are filled in, all others stay as they are."""

import errno
import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scoring.errors import StorageError, UnreachableError
from scoring.run.fence import Fence
from scoring.run.predictions import INPUTS_KEY, LISTED_KEY, UNREAD_KEY, ScoredImage
from scoring.run.publishing import replace_shard
from scoring.shards.early_shard import EarlyShard
from scoring.shards.row_faults import may_pass
from scoring.storage.conditional import read_version
from scoring.storage.durable import storage_faults
from scoring.storage.locations import Location
from scoring.storage.retrying import patiently


@dataclass(frozen=True)
class Retry:
    """A shard whose unread images are to be tried again.

    Attributes:
        shard_id: Its number.
        digest: SHA-256 of its file; any other file in its place stays as it is.
    """

    shard_id: int
    digest: str


# The number of a shard to score, one to try again, or one to score before the manifest is there.
ShardTask: TypeAlias = int | Retry | EarlyShard


def shard_of(task: ShardTask) -> int:
    """The number of a task's shard."""
    return task if isinstance(task, int) else task.shard_id


class UnreadRows:
    """The rows of a shard's file whose images may be readable by now.

    Args:
        path: The file.
        digest: Its SHA-256.

    Attributes:
        numbers: Which of its rows they are.

    Raises:
        StorageError: If it cannot be read, or another file has taken its place.
    """

    def __init__(self, path: Location, digest: str) -> None:
        self._path, self._digest = path, digest
        with storage_faults(path):
            content, _ = patiently()(read_version, path)
        if hashlib.sha256(content).hexdigest() != digest:
            raise StorageError(f"Cannot try unread images of {path} again: another file has taken its place.")
        self._table = pq.read_table(pa.BufferReader(content))
        self.numbers = [row for row, passes in enumerate(_may_pass(self._table)) if passes]

    @staticmethod
    def filled_in(tried: Iterable[ScoredImage]) -> list[ScoredImage]:
        """Those of the rows that were tried which `fill_in` writes."""
        return [row for row in tried if not may_pass(row.error_message)]

    def fill_in(self, tried: pa.Table, fence: Fence | None) -> str:
        """Replace the file by one that has the new rows of images that were read; of no such image, nothing is written.

        Args:
            tried: A row for each of `numbers`, in order; its metadata tell of all of the shard's images.
            fence: The driver's; None where nobody else can write.

        Returns:
            SHA-256 of the file that stands there now.

        Raises:
            LeaseLostError: If another driver took over; nothing was written.
            StorageError: If it cannot be written.
        """
        is_filled = np.logical_not(_may_pass(tried))
        if not is_filled.any():
            return self._digest
        num_rows, schema = self._table.num_rows, self._table.schema
        rows = np.arange(num_rows)
        rows[np.array(self.numbers)[is_filled]] = num_rows + np.flatnonzero(is_filled)
        filled = pa.concat_tables([self._table, tried.select(schema.names).cast(schema)]).take(rows)
        told = {key: value for key, value in tried.schema.metadata.items() if key in (INPUTS_KEY, LISTED_KEY)}
        metadata = {**schema.metadata, **told, UNREAD_KEY: str(count_unread(filled["error_message"].to_pylist()))}
        return replace_shard(self._path, self._digest, filled.replace_schema_metadata(metadata), fence)


def _may_pass(table: pa.Table) -> list[bool]:
    return [may_pass(message) for message in table["error_message"].to_pylist()]


def count_unread(messages: Iterable[str | None]) -> int:
    """How many rows have an image that may be readable by now, by their error messages."""
    return sum(map(may_pass, messages))


def find_shortfall(rows: Sequence[ScoredImage], refusals: Collection[str] | None, again: bool) -> str | None:
    """Which of a shard's images cannot be read now, if they are half of them, or more.

    Args:
        rows: Those that were tried.
        refusals: What was raised of them on other machines; None where nobody else can try them.
        again: Whether they could not be read at another time, either.

    Raises:
        UnreachableError: If so, and others may read them: none found the same, or this machine may lack them all.
    """
    unread = [row for row in rows if may_pass(row.error_message)]
    if not unread or 2 * len(unread) < len(rows):
        return None
    count = f"{len(unread)} of {len(rows)} images of a shard cannot be read, such as this one"
    reason = f"{count}: {unread[0].error_message}. Bring them back, and run again"
    error = UnreachableError(errno.EREMOTEIO, reason, unread[0].image.path)
    tells = again or len(unread) < len(rows)
    if refusals is None or (tells and str(error) in refusals):
        return str(error)
    raise error
