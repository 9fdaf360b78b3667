"""The folder a run leaves behind: what lies where, and what is missing."""

import re
from dataclasses import dataclass

from scoring.errors import BucketError, RunFolderError, StorageError
from scoring.run.record import RunRecord, parse_record
from scoring.storage.durable import read_faults, read_patiently
from scoring.storage.locations import Location

MISSING_SONAR = "sonar results"  # what they are called where there are none
METRICS_NAME = "metrics.json"  # of sonar results

_SHARD = re.compile(r"shard-\d{5,}-of-\d{5,}\.parquet")  # of any run


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
    def sonar_metrics(self) -> Location:
        """The last file that the sonar task writes: where it is, the others are."""
        return self.sonar / METRICS_NAME

    @property
    def submission(self) -> Location:
        """`submission.csv`, where the submission goes unless another path is named."""
        return self.path / "submission.csv"

    @property
    def report(self) -> Location:
        """`report.html`, where the report goes unless another path is named."""
        return self.path / "report.html"

    @property
    def derived(self) -> list[Location]:
        """What commands made of the rows and left here; raises StorageError if that cannot be told now."""
        with read_faults(self.path):
            return [place for place in (self.submission, self.report) if place.is_file()]

    @property
    def all_places(self) -> list[Location]:
        """All that commands write into a run folder."""
        files = [self.record, self.manifest, self.submission, self.lease, self.report]
        return [*files, self.predictions, self.sonar]

    def shard(self, shard_id: int, num_shards: int) -> Location:
        """The predictions of one shard; if this file exists, it is complete."""
        return self.predictions / f"shard-{shard_id:05d}-of-{num_shards:05d}.parquet"

    def missing_shards(self, num_shards: int) -> list[int]:
        """Shards that have no file yet."""
        present = self.shard_names()
        return [shard for shard in range(num_shards) if self.shard(shard, num_shards).name not in present]

    def foreign_names(self, num_shards: int) -> list[str]:
        """Names of what lies among the shards and is none of so many."""
        return sorted(self.shard_names() - {self.shard(shard, num_shards).name for shard in range(num_shards)})

    def strangers(self) -> list[str]:
        """Names of what lies in `predictions/` and is no shard of any run; raises as `shard_names` does."""
        return sorted(name for name in self.shard_names() if not _SHARD.fullmatch(name))

    def shard_names(self) -> set[str]:
        """Names of all that lies in `predictions/`, without hidden ones, which are temporary files or the system's.

        Raises:
            RunFolderError: If they cannot be listed.
            BucketError: If their bucket cannot be reached.
        """
        try:
            if not self.predictions.is_dir():
                return set()
            return {path.name for path in self.predictions.iterdir() if not path.name.startswith(".")}
        except BucketError:
            raise
        except OSError as error:
            raise RunFolderError(f"Expected a readable {self.predictions}; {error.strerror or error}.") from error

    def load_record(self) -> RunRecord | None:
        """Read `run.json`; None if there is none.

        Raises:
            RunFolderError: If it is damaged.
            StorageError: If it cannot be read now.
        """
        text = self.read_record()
        return None if text is None else parse_record(text, self.record)

    def read_record(self) -> str | None:
        """The text of `run.json`, whatever it is; None if there is none.

        Raises:
            RunFolderError: If it is of a kind that cannot be read.
            StorageError: If it cannot be read now.
        """
        try:
            content = read_patiently(self.record, lambda: self.record.read_bytes() if self.record.is_file() else None)
        except StorageError:
            raise
        except OSError as error:
            raise RunFolderError(f"Expected a readable {self.record}; {error.strerror or error}.") from error
        return None if content is None else content.decode("utf-8", "replace")
