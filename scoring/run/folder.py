"""The folder a run leaves behind: what lies where, whose it is, and what is missing."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from scoring.errors import LeaseLostError, RunFolderError, StorageError
from scoring.run.lease import Lease, hold_lease
from scoring.run.record import RunRecord, parse_record
from scoring.storage.durable import is_temporary, remove_temporaries, remove_tree, storage_faults
from scoring.storage.locations import Location


@dataclass(frozen=True)
class RunFolder:
    """Paths inside a run folder, local or in a bucket. Building one touches neither."""

    path: Location

    @property
    def record(self) -> Location:
        """`run.json`: request, fingerprint, versions, devices and summary."""
        return self.path / "run.json"

    @property
    def manifest(self) -> Location:
        """`manifest.parquet`: one row per image, one row group per shard."""
        return self.path / "manifest.parquet"

    @property
    def predictions(self) -> Location:
        """`predictions/`: one Parquet file per finished shard."""
        return self.path / "predictions"

    @property
    def lease(self) -> Location:
        """`lease.json`: the driver that is writing now; gone when it ends."""
        return self.path / "lease.json"

    @property
    def sonar(self) -> Location:
        """`sonar/`: predictions, metrics and model of the sonar task."""
        return self.path / "sonar"

    @property
    def submission(self) -> Location:
        """`submission.csv`, unless told otherwise."""
        return self.path / "submission.csv"

    @property
    def report(self) -> Location:
        """`report.html`, unless told otherwise."""
        return self.path / "report.html"

    def shard(self, shard_id: int, num_shards: int) -> Location:
        """The predictions of one shard; if this file exists, it is complete."""
        return self.predictions / f"shard-{shard_id:05d}-of-{num_shards:05d}.parquet"

    def missing_shards(self, num_shards: int) -> list[int]:
        """Shards that have no file yet."""
        present = self.shard_names()
        return [shard for shard in range(num_shards) if self.shard(shard, num_shards).name not in present]

    def shard_names(self) -> set[str]:
        """Names of all that lies in `predictions/`, the hidden left out: temporary files, and what systems leave."""
        if not self.predictions.is_dir():
            return set()
        return {path.name for path in self.predictions.iterdir() if not path.name.startswith(".")}

    @contextmanager
    def hold(self, overwrite: bool) -> Iterator[Lease]:
        """Create the folder or take up the run in it, and keep other drivers out while the block runs.

        Raises:
            RunFolderError: If it holds files that no run wrote, or another driver holds it.
            LeaseLostError: At the end of the block, if another driver took over and nothing noticed.
            StorageError: If it cannot be written.
        """
        self._refuse_foreign_files()
        with storage_faults(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        with hold_lease(self.lease) as lease:
            with storage_faults(self.path):
                self._prepare(overwrite)
            try:
                yield lease
                lease.fence.check()
            finally:
                with suppress(LeaseLostError, StorageError):  # else they are another driver's
                    lease.fence.check()
                    self._remove_temporaries()

    def _refuse_foreign_files(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise RunFolderError(f"Expected `output` to be a folder; {self.path} is a file.")
        if self.path.exists() and not self.record.is_file() and not self.manifest.is_file():
            names = {entry.name for entry in self.path.iterdir()} - {path.name for path in self._ours()}
            foreign = sorted(name for name in names if not is_temporary(name))
            if foreign:
                raise RunFolderError(
                    f"Expected `output` to be a new folder or an earlier run; {self.path} holds {foreign[0]} and no "
                    "run.json. Choose another folder."
                )

    def _ours(self) -> list[Location]:
        """All that commands write into a run folder."""
        files = [self.record, self.manifest, self.submission, self.lease, self.report]
        return [*files, self.predictions, self.sonar]

    def _prepare(self, overwrite: bool) -> None:
        if overwrite:
            for path in self._ours():
                if path != self.lease:
                    remove_tree(path) if path.is_dir() else path.unlink(missing_ok=True)
        self.predictions.mkdir(parents=True, exist_ok=True)
        self._remove_temporaries()

    def _remove_temporaries(self) -> None:
        """Remove what killed workers left half-written."""
        for folder in (self.path, self.predictions, self.sonar):
            remove_temporaries(folder)

    def load_record(self) -> RunRecord | None:
        """Read `run.json`; None if there is none.

        Raises:
            RunFolderError: If it is damaged.
        """
        if not self.record.is_file():
            return None
        return parse_record(self.record.read_bytes().decode("utf-8", "replace"), self.record)
