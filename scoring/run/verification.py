"""Look at a run folder's shards: which are there, which are missing, which are damaged and how."""

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

import pyarrow as pa

from scoring.errors import RunFolderError
from scoring.run.folder import RunFolder
from scoring.run.reader import RunReader
from scoring.run.shard_inspection import DamagedShard
from scoring.sources.entries import LeftOut
from scoring.storage.durable import read_faults, storage_faults
from scoring.storage.locations import Location


@dataclass(frozen=True)
class RunStatus:
    """What a run folder holds.

    Attributes:
        num_images: Images in the manifest.
        num_shards: Shards in the manifest.
        done: Shards whose file was looked at, and is sound as far as was looked.
        missing: Shards without a file.
        damaged: Shards whose file is not what it should be, and why.
        num_rows: Rows in sound shards.
        num_errors: Rows with `status="error"` among them.
        verified: Whether every row was read.
        foreign: Files among the shards that are none of this run.
        digests: SHA-256 of each sound shard's file, if every row was read.
        left_out: The files of the collection that are not scored, by reason.
        unread: By shard how many of its error rows have an image that may be readable at another time.
        written_by: The process that is writing to it, its machine and since when, as far as that was looked for.
        lacks_sonar: Whether the results of sonar returns are missing that were asked for beside the images.
    """

    num_images: int
    num_shards: int
    done: list[int]
    missing: list[int]
    damaged: dict[int, str]
    num_rows: int
    num_errors: int
    verified: bool
    foreign: list[str] = field(default_factory=list)
    digests: dict[int, str] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()
    unread: dict[int, int] = field(default_factory=dict)
    written_by: str | None = None
    lacks_sonar: bool = False

    @property
    def has_all_rows(self) -> bool:
        """Whether every image has its row, and no other row is there."""
        return not self.missing and not self.damaged and not self.foreign

    @property
    def is_complete(self) -> bool:
        """Whether every image has its row, no other row is there, sonar results are, and nobody is writing."""
        return self.has_all_rows and not self.lacks_sonar and self.written_by is None

    @property
    def is_sample(self) -> bool:
        """Whether there are shards that were not looked at."""
        return len(self.done) + len(self.damaged) + len(self.missing) < self.num_shards

    @property
    def to_retry(self) -> dict[int, int]:
        """By shard how many images a further run tries again; none as long as anything else is to be done."""
        return self.unread if self.has_all_rows else {}


def run_status(
    folder: RunFolder,
    verify: bool,
    max_shards: int | None = None,
    shards: Collection[int] | None = None,
    each: Callable[[pa.Table], None] = lambda table: None,
    compare_contents: bool = True,
) -> RunStatus:
    """Count what a run has done.

    Args:
        folder: The run.
        verify: Read every row with its checksum, and compare ids and digests; otherwise only row counts, columns and
            fingerprints, from the files' ends.
        max_shards: Look at no more, drawn at random but always the same; None looks at all.
        shards: Look at these alone, and count the others neither as done nor as missing; None means all.
        each: Called with the rows of each sound shard, in order, if `verify`.
        compare_contents: Without `verify`, hold what shards say of their images' contents against the manifest, too.

    Raises:
        RunFolderError: If the folder holds no run, or its record or manifest is damaged.
        StorageError: If one of these or a shard cannot be read now.
    """
    reader = RunReader(folder, verify, compare_contents=compare_contents)
    wanted = set(range(reader.record.num_shards) if shards is None else shards)
    missing = [shard for shard in reader.missing if shard in wanted]
    present = sorted(wanted - set(missing))
    if max_shards is not None and len(present) > max_shards:
        present = sorted(random.Random(0).sample(present, max_shards))
    done, damaged, digests, unread = [], {}, {}, {}
    num_rows = num_errors = 0
    for shard in reader.shards(present, columns=()):
        if isinstance(shard, DamagedShard):
            damaged[shard.shard_id] = shard.reason
            continue
        done.append(shard.shard_id)
        num_rows += shard.table.num_rows
        num_errors += shard.num_errors
        if shard.num_unread:
            unread[shard.shard_id] = shard.num_unread
        if shard.digest:
            digests[shard.shard_id] = shard.digest
        if verify:
            each(shard.table)
    sizes = reader.record.num_images, reader.record.num_shards
    found = RunStatus(*sizes, done, missing, damaged, num_rows, num_errors, verify, reader.foreign, digests)
    with read_faults(folder.path):
        lacks_sonar = reader.record.request.sonar is not None and not folder.sonar_metrics.is_file()
    return replace(found, left_out=reader.record.left_out, unread=unread, lacks_sonar=lacks_sonar)


def remove_shard(path: Location) -> None:
    """Remove a damaged shard's file, so that it is scored again.

    Raises:
        RunFolderError: If it is a folder: no run writes one there, so what it holds is another's.
        StorageError: If it cannot be removed.
    """
    with storage_faults(path):
        if path.is_dir():
            raise RunFolderError(f"Expected a shard's file at {path}; it is a folder. Move it away.")
        path.unlink(missing_ok=True)
