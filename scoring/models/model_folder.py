"""The folder that `finetune` leaves: what lies where."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from scoring.errors import LeaseLostError
from scoring.run.fence import Fence, under_fence
from scoring.run.folder import RunFolder
from scoring.run.holding import hold_folder, remove_earlier_run
from scoring.run.lease import Lease
from scoring.storage.durable import (
    make_folder,
    read_faults,
    refuse_link,
    remove_empty_folder,
    remove_file,
    remove_tree,
    storage_faults,
)
from scoring.storage.locations import Location
from scoring.storage.reading import read_range

_HEAD = re.compile(r"head-\d{3,}\.npz")
# What each page that `report` writes has near its beginning, and no other program's.
_REPORT_MARK, _BEGINNING_BYTES = b"shardscore report</title>", 8192


def is_report(file: Location) -> bool:
    """Whether a file is a page that `report` wrote; raises OSError if it cannot be read."""
    return _REPORT_MARK in read_range(file, 0, _BEGINNING_BYTES)


@dataclass(frozen=True)
class ModelFolder:
    """Paths inside a model folder, local or in a bucket. Building one reads and writes nothing."""

    path: Location

    @property
    def features(self) -> RunFolder:
        """`features/`: a run folder whose shards hold features instead of predictions."""
        return RunFolder(self.path / "features")

    @property
    def heads(self) -> Location:
        """`heads/`: one file for each trained head of the ensemble."""
        return self.path / "heads"

    def head(self, number: int) -> Location:
        """A trained head of the ensemble."""
        return self.heads / f"head-{number:03d}.npz"

    def is_head(self, path: Location) -> bool:
        """Whether a file in `heads/` is a head by its name."""
        return _HEAD.fullmatch(path.name) is not None

    @property
    def has_begun(self) -> bool:
        """Whether a command has begun to extract features here; raises StorageError if that cannot be told now."""
        run = self.features
        with read_faults(run.path):
            return any(place.is_file() for place in (run.record, run.manifest, run.lease)) or run.predictions.is_dir()

    @property
    def is_ours(self) -> bool:
        """Whether a command has begun to write a model here, or the folder is a copy of a finished one.

        Raises:
            StorageError: If that cannot be told now.
        """
        with read_faults(self.path):
            return self.training.is_file() or self.has_begun

    @property
    def network(self) -> Location:
        """`model.keras`: uint8 pixels in, probabilities out."""
        return self.path / "model.keras"

    @property
    def head_network(self) -> Location:
        """`head.keras`: features in, probabilities out; in place of `model.keras` if asked for."""
        return self.path / "head.keras"

    @property
    def labels(self) -> Location:
        """`labels.json`: one name per class, in class order."""
        return self.path / "labels.json"

    @property
    def training(self) -> Location:
        """`training.json`: data, base, curves and metrics; written last, so where it is, all is."""
        return self.path / "training.json"

    @property
    def validation(self) -> Location:
        """`validation.parquet`: the predictions of the photos kept out of training."""
        return self.path / "validation.parquet"

    @property
    def results(self) -> list[Location]:
        """All that training writes but the heads."""
        return [self.training, self.network, self.head_network, self.labels, self.validation]

    @property
    def report(self) -> Location:
        """`report.html`, where the report goes unless another path is named."""
        return self.path / "report.html"

    @property
    def has_report(self) -> bool:
        """Whether `report.html` is a page that `report` wrote; raises StorageError if that cannot be told now."""
        with read_faults(self.path):
            return self.report.is_file() and is_report(self.report)

    @property
    def all_places(self) -> list[Location]:
        """All that commands write into a model folder."""
        return [*self.features.all_places, self.heads, *self.results, self.report]

    @property
    def beside_features(self) -> list[Location]:
        """The folders that training writes into."""
        return [self.path, self.heads]

    @contextmanager
    def hold(self) -> Iterator[Lease]:
        """Keep other commands out, with room for features and heads; see `hold_folder`.

        Where nothing was written, as when a request is refused, nothing is left that another command would trip over.
        """
        try:
            with hold_folder(self.features, self.beside_features) as lease:
                try:
                    self.prepare()
                    yield lease
                finally:
                    with suppress(LeaseLostError):  # else they are another command's
                        lease.fence.check()
                        remove_empty_folder(self.heads)
                        remove_empty_folder(self.features.predictions)
        finally:
            remove_empty_folder(self.features.path)

    def prepare(self) -> None:
        """Make the folder for heads.

        Raises:
            StorageError: If the folder cannot be written.
        """
        with storage_faults(self.heads):
            make_folder(self.heads)

    def remove_earlier(self, fence: Fence) -> None:
        """Remove an earlier model with its features and its report, when nothing is left that could refuse the new one.

        Raises:
            LeaseLostError: If another driver took over; it removes nothing more.
            StorageError: If something cannot be removed, or a folder is a link.
        """
        with storage_faults(self.heads):
            refuse_link(self.heads)
        files = [self.report, *self.results] if self.has_report else self.results
        remove_earlier_run(self.features, fence)
        with storage_faults(self.heads), under_fence(fence):
            remove_tree(self.heads)
            for path in files:
                remove_file(path)
            make_folder(self.heads)
