"""Read a run folder and check all of it: its shards are what `run.json` and the manifest say, or they are named."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice

import pyarrow as pa

from scoring.errors import IncompleteError, RequestError, RunFolderError, ScoringError, StorageError
from scoring.run.fingerprint import Fingerprint, differs, labels_digest
from scoring.run.folder import RunFolder
from scoring.run.manifest import CONTENTS, Manifest, ManifestInfo, as_written, contents_digest, read_info
from scoring.run.record import RunRecord
from scoring.run.shard_inspection import DESCRIBING, DamagedShard, ExpectedShard, SoundShard, inspect_shard
from scoring.run.wording import plural, so_many_shards, some
from scoring.storage.durable import read_faults

_THREADS = 8


class RunReader:
    """A run's record and manifest, which belong together, and its shards.

    Args:
        folder: The run.
        verify: Read every row with its checksum, and compare ids and digests; else the files' ends alone.
        expected: Whose results are meant; None for whatever the folder holds.
        digest: What was the record's `digest` when these had been written; None for any.
        compare_contents: Without `verify`, hold what shards say of their images' contents against the manifest, too.

    Attributes:
        record: What `run.json` says.
        missing: Shards without a file.
        foreign: Names of files among the shards that this run has no shard for.

    Raises:
        RunFolderError: If the folder holds no run, or another one than is meant, its record or manifest is damaged, or
            the two are of different runs.
        IncompleteError: If its images are listed, and nothing more.
        StorageError: If record or manifest cannot be read now.
    """

    def __init__(
        self,
        folder: RunFolder,
        verify: bool = True,
        expected: Fingerprint | None = None,
        digest: str | None = None,
        compare_contents: bool = False,
    ) -> None:
        record = folder.load_record()
        if record is None:
            raise no_run(folder)
        check_not_replaced(folder, record, expected, digest)
        self.record = record
        self._folder, self._verify, self._compare_contents = folder, verify, compare_contents
        with _manifest_faults(folder):
            self._manifest = Manifest(folder.manifest)
        self._check_whose()
        names = {folder.shard(shard, record.num_shards).name: shard for shard in range(record.num_shards)}
        found = folder.shard_names()
        self.missing = [shard for name, shard in names.items() if name not in found]
        self.foreign = sorted(found - names.keys())

    def _check_whose(self) -> None:
        record, info = self.record, self._manifest.info
        if labels_digest(record.labels) != record.fingerprint.labels:
            raise RunFolderError(f"{self._folder.record} is damaged: its labels are not those of its fingerprint.")
        found, said = (info.digest, info.num_shards, info.num_images), (record.fingerprint.images, record.num_shards)
        if found != (*said, record.num_images):
            raise RunFolderError(
                f"{self._folder.manifest} and {self._folder.record.name} are of two runs. Run the same command again."
            )

    def shards(
        self, wanted: Collection[int] | None = None, columns: Sequence[str] | None = None
    ) -> Iterator[SoundShard | DamagedShard]:
        """Read those of the wanted shards that have a file, in order; a few at a time are in memory.

        Args:
            wanted: Their numbers; None for all.
            columns: Where rows are not verified, only these and `status` are read; None for all.

        Raises:
            RunFolderError: If the manifest is damaged.
            StorageError: If it or a shard cannot be read now.
        """
        there = sorted(set(range(self.record.num_shards) if wanted is None else wanted) - set(self.missing))
        with ThreadPoolExecutor(_THREADS) as threads:
            for turn in _in_turns(there, 2 * _THREADS):
                yield from threads.map(lambda shard: self._inspect(shard, columns), turn)

    def tables(self, columns: Iterable[str] | None = None) -> Iterator[pa.Table]:
        """Read every shard of a complete run, in order.

        Args:
            columns: Only these, or the one of this name; None for all.

        Raises:
            IncompleteError: If a shard is missing or damaged, or cannot be read now (StorageError); it is named.
            RunFolderError: If the folder holds other files among the shards, or the manifest is damaged.
            RequestError: If no column is named, or there is no such column; it names those that there are.
        """
        self.check_complete()
        names = None if columns is None else [columns] if isinstance(columns, str) else list(columns)
        if names == []:
            raise RequestError("Expected names in `columns`; received none. Leave it out for all of them.")
        for shard in self.shards(columns=names):
            if isinstance(shard, DamagedShard):
                raise IncompleteError(
                    f"Shard {shard.shard_id} of {self._folder.path} {shard.reason}. Run the same command again."
                )
            yield shard.table if names is None else _select(shard.table, names)

    def read(self, columns: Iterable[str] | None = None) -> pa.Table:
        """Read a complete run as one table, in the manifest's order; see `tables`."""
        return pa.concat_tables(self.tables(columns))

    def told_paths(self) -> pa.ChunkedArray:
        """What the paths of the images tell, in the manifest's order; shards have them as rows of tables write them."""
        with _manifest_faults(self._folder):
            return self._manifest.describe_several(0, self.record.num_shards, ["path"])["path"]

    def check_complete(self) -> None:
        """Raise as `tables` does if shards are missing, or other files are among them."""
        if self.foreign:
            raise foreign_files(self._folder, self.foreign)
        if self.missing:
            raise IncompleteError(
                f"{so_many_shards(len(self.missing), self.record.num_shards)} missing: {some(self.missing)}. "
                "Run the same command again."
            )

    def _inspect(self, shard_id: int, columns: Sequence[str] | None) -> SoundShard | DamagedShard:
        with _manifest_faults(self._folder):
            columns_of_all = (*DESCRIBING, "raw_path", *CONTENTS)
            described = as_written(self._manifest.describe(shard_id, columns_of_all)) if self._verify else None
            contents = described
            if self._compare_contents and contents is None:
                contents = self._manifest.describe(shard_id, CONTENTS)
        return inspect_shard(
            ExpectedShard(
                shard_id=shard_id,
                path=self._folder.shard(shard_id, self.record.num_shards),
                fingerprint=self.record.fingerprint,
                labels=self.record.labels,
                num_rows=self._manifest.shard_sizes[shard_id],
                described=described,
                columns=columns,
                digest=self.record.digest_of(shard_id),
                inputs=contents_digest(contents) if contents else None,
            )
        )


def listed_alone(folder: RunFolder) -> ManifestInfo | None:
    """What a run lists whose driver was stopped when it had scored nothing yet; None of any other folder.

    Raises:
        RunFolderError: If its shards cannot be listed.
        StorageError: If the manifest cannot be read now.
    """
    with read_faults(folder.path):
        if folder.record.is_file() or not folder.manifest.is_file() or folder.shard_names():
            return None
    try:
        with _manifest_faults(folder):
            return read_info(folder.manifest)
    except RunFolderError:  # damaged, or another program's
        return None


def no_run(folder: RunFolder) -> ScoringError:
    """What to raise at a folder without a `run.json`."""
    if listed := listed_alone(folder):
        images = f"{plural(listed.num_images, 'image')} {'is' if listed.num_images == 1 else 'are'}"
        return IncompleteError(f"{images} listed in {folder.path}, none scored yet. Run the same command again.")
    path, around = folder.path, RunFolder(folder.path.parent)
    with read_faults(path):
        found = "has no run.json of one" if path.is_dir() else "is a file" if path.exists() else "is no folder"
        is_part = path in around.all_places and around.record.is_file()
    advice = f" Name the folder that it lies in, {around.path}." if is_part else ""
    return RunFolderError(f"Expected a run folder written by score or embed; {path} {found}.{advice}")


def check_not_replaced(
    folder: RunFolder, record: RunRecord | None, expected: Fingerprint | None, digest: str | None
) -> None:
    """Refuse a folder that holds another run than a result's, or other rows.

    Args:
        folder: Where the run was.
        record: What its `run.json` says now; where there is none, nothing has taken its place.
        expected: Whose results are meant; None for whatever the folder holds.
        digest: What was the record's `digest` when these had been written; None for any.

    Raises:
        RunFolderError: If it does.
    """
    if differing := record and expected and record.fingerprint.differing(asdict(expected)):
        raise RunFolderError(
            f"Expected the run of this result in {folder.path}; another has taken its place, whose "
            f"{differs(differing)}."
        )
    if record and digest not in (None, record.digest):
        raise RunFolderError(
            f"Expected the rows of this result in {folder.path}; some or all were scored anew since. Take the later "
            "result, or score into another `output`."
        )


def _select(table: pa.Table, columns: Sequence[str]) -> pa.Table:
    unknown = [str(name) for name in columns if name not in table.column_names]
    if unknown:
        raise RequestError(
            f"Expected `columns` of {', '.join(table.column_names)}; received {', '.join(map(repr, unknown))}."
        )
    return table.select(columns)


@contextmanager
def _manifest_faults(folder: RunFolder) -> Iterator[None]:
    try:
        yield
    except StorageError:
        raise
    except (OSError, pa.ArrowException, ArithmeticError, LookupError, TypeError, ValueError) as error:
        what = "missing" if isinstance(error, FileNotFoundError) else "damaged"
        raise RunFolderError(f"{folder.manifest} is {what}: run the same command again.") from error


def foreign_files(folder: RunFolder, names: Sequence[str]) -> RunFolderError:
    """What to raise at files among the shards that are none of the run: other programs read them as rows of it."""
    return RunFolderError(
        f"Expected nothing but the run's shards in {folder.predictions}; it holds {some(names)}. Move that away."
    )


def _in_turns(shards: Iterable[int], size: int) -> Iterator[list[int]]:
    rest = iter(shards)
    while turn := list(islice(rest, size)):
        yield turn
