"""Look at a run folder's shards: which are there, which are missing, which are damaged and how."""

import random
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from scoring.errors import RunFolderError
from scoring.run.fingerprint import Fingerprint, parse_fingerprint
from scoring.run.folder import RunFolder
from scoring.run.manifest import Manifest
from scoring.run.predictions import ERROR, FINGERPRINT_KEY
from scoring.storage.locations import Location, readable

_THREADS = 8


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
    """

    num_images: int
    num_shards: int
    done: list[int]
    missing: list[int]
    damaged: dict[int, str]
    num_rows: int
    num_errors: int
    verified: bool

    @property
    def is_complete(self) -> bool:
        """Whether every image has its row."""
        return not self.missing and not self.damaged


def run_status(
    folder: RunFolder, verify: bool, max_shards: int | None = None, shards: Collection[int] | None = None
) -> RunStatus:
    """Count what a run has done.

    Args:
        folder: The run.
        verify: Read every row with its checksum, and compare ids with the manifest; otherwise only row counts and
            fingerprints, from the files' ends.
        max_shards: Where there are more, look at so many, drawn at random but always the same; None looks at all.
        shards: Look at these alone, and count the others neither as done nor as missing; None means all.

    Raises:
        RunFolderError: If the folder holds no run, or its manifest is damaged.
    """
    record = folder.load_record()
    if record is None:
        raise RunFolderError(
            f"Expected a run folder written by `shardscore score`; {folder.path} has no run.json of one."
        )
    try:
        manifest = Manifest(folder.manifest)
    except (OSError, pa.ArrowException, KeyError, TypeError) as error:
        raise RunFolderError(f"{folder.manifest} is damaged: run the same score command again.") from error
    info, sizes = manifest.info, manifest.shard_sizes
    wanted = set(range(info.num_shards) if shards is None else shards)
    missing = [shard for shard in folder.missing_shards(info.num_shards) if shard in wanted]
    present = sorted(wanted - set(missing))
    if max_shards is not None and len(present) > max_shards:
        present = sorted(random.Random(0).sample(present, max_shards))

    def inspect(shard_id: int) -> tuple[int, int] | str:
        path = folder.shard(shard_id, info.num_shards)
        ids = [image.image_id for image in manifest.shard(shard_id)] if verify else None
        return _inspect(path, sizes[shard_id], ids, record.fingerprint)

    with ThreadPoolExecutor(_THREADS) as threads:
        found = dict(zip(present, threads.map(inspect, present), strict=True))
    sound = {shard: result for shard, result in found.items() if not isinstance(result, str)}
    return RunStatus(
        num_images=info.num_images,
        num_shards=info.num_shards,
        done=sorted(sound),
        missing=missing,
        damaged={shard: result for shard, result in found.items() if isinstance(result, str)},
        num_rows=sum(num_rows for num_rows, _ in sound.values()),
        num_errors=sum(num_errors for _, num_errors in sound.values()),
        verified=verify,
    )


def _inspect(
    path: Location, num_rows: int, ids: Sequence[str] | None, fingerprint: Fingerprint
) -> tuple[int, int] | str:
    """Rows and errors of one shard, or what is wrong with it; with `ids`, every row is read."""
    try:
        with pq.ParquetFile(readable(path), page_checksum_verification=ids is not None) as shard:
            stored = parse_fingerprint(shard.schema_arrow.metadata[FINGERPRINT_KEY])
            table = shard.read(["status"] if ids is None else None)
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        return f"cannot be read: {' '.join(str(error).split())[:200]}"
    differing = fingerprint.differing(asdict(stored))
    if differing:
        return f"is of another run: its {differing} differs"
    if table.num_rows != num_rows:
        return f"has {table.num_rows} rows instead of {num_rows}"
    if ids is not None and table["image_id"].to_pylist() != ids:
        return "has other image ids than the manifest"
    return table.num_rows, table["status"].to_pylist().count(ERROR)
