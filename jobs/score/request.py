"""What `score` was asked for: images, sonar returns, a folder."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from cluster.placement import LONGEST_WAIT_S, WorkerRequest
from scoring.errors import RequestError
from scoring.models.cut_network import CutNetworkRequest
from scoring.models.shard_model import ShardModelRequest
from scoring.networks.engines import keras_backend
from scoring.networks.keras_files import check_clock
from scoring.pixels.decoding import Resize
from scoring.run.folder import RunFolder
from scoring.run.holding import refuse_to_remove
from scoring.sonar.returns import UCI
from scoring.sources.inputs import check_images, check_output
from scoring.sources.label_use import TRAINING, LabelUse
from scoring.sources.table_columns import NO_COLUMNS, LabelsFile, TableColumns
from scoring.sources.targets import LabelsFrom
from scoring.storage.locations import Location

READ_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class ImagesRequest:
    """Which images to score, and how. None leaves a choice to us.

    Attributes:
        images: A folder, a prefix in a bucket, a zip as Kaggle ships it, tar files, or a Parquet table.
        model: Which model to load and how.
        labels_from: Where each image's true label stands; None for images without.
        resize: How photos become squares; None leaves it to the model.
        batch_size: Images per forward pass.
        finds_batch_size: Whether workers with a GPU find the fastest batch size themselves.
        shard_size: Images per task and per predictions file.
        workers: How many processes score, what each gets, and how long nodes are waited for.
        shard_deadline_s: Seconds after which an actor is taken to hang on a shard; by default from the others' times.
        columns: Which columns of a Parquet table hold what; one of labels takes the place of `labels_from`.
        labels_file: A file with the labels, in the place of `labels_from`.
        read_timeout_s: Seconds that reading one image may take; then it becomes an error row.
        label_use: What labels are for.
    """

    images: Location
    model: ShardModelRequest
    labels_from: LabelsFrom | None = None
    resize: Resize | None = None
    batch_size: int | None = None
    shard_size: int | None = None
    workers: WorkerRequest = field(default_factory=WorkerRequest)
    shard_deadline_s: float | None = None
    columns: TableColumns = NO_COLUMNS
    labels_file: LabelsFile | None = None
    read_timeout_s: float = READ_TIMEOUT_S
    finds_batch_size: bool = False
    label_use: LabelUse = TRAINING

    @property
    def truth(self) -> str | None:
        """Where the labels stand, in words; None for images without."""
        if self.labels_file:
            return str(self.labels_file.source.absolute())
        return f"column {self.columns.label}" if self.columns.label else self.labels_from

    @property
    def is_embedding(self) -> bool:
        """Whether features are stored, and no probabilities."""
        return isinstance(self.model, CutNetworkRequest)

    @property
    def group_column(self) -> str | None:
        """The column of what photos have in common, of the file of labels or of the table of images."""
        return self.labels_file.group_column if self.labels_file else self.columns.group

    @property
    def inputs(self) -> dict[str, Location]:
        """The files and folders that are read, by the user's field."""
        labels = {"labels_file": self.labels_file.source} if self.labels_file else {}
        return {"images": self.images, **labels, **self.model.files()}

    @property
    def resize_mode(self) -> Resize:
        """How photos become squares: as was asked for, as the model's own did, or squashed.

        Raises:
            ModelError: If the model's folder is damaged.
        """
        return self.resize or self.model.resize_mode or Resize.SQUASH

    def check(self) -> None:
        """Raise what can be told before Ray starts and without looking at every image."""
        for name, value, most in (
            ("batch_size", self.batch_size, math.inf),
            ("shard_size", self.shard_size, math.inf),
            ("shard_deadline", self.shard_deadline_s, LONGEST_WAIT_S),
            ("read_timeout", self.read_timeout_s, LONGEST_WAIT_S),
        ):
            if value is not None and not 1 <= value <= most:
                bound = f"at most {most:g}" if value > most else "at least 1"
                raise RequestError(f"Expected `{name}` of {bound}; received {value:g}.")
        self._check_labels()
        self.workers.check()
        check_images(self.images, self.columns)
        self.model.check()
        self._check_resize()

    def check_output(self, output: Location) -> None:
        """Refuse a run folder whose files would be read as images of the next run."""
        check_output(self.images, self.columns, output)

    def _check_resize(self) -> None:
        """A model sees photos as it saw those that it was trained on."""
        own = self.model.resize_mode
        if self.resize and own not in (None, self.resize):
            raise RequestError(
                f"Expected `resize` {own}, by which `model` saw the photos that it was trained on; received "
                f"{self.resize}. Leave it out."
            )

    def _check_labels(self) -> None:
        """Labels stand in one place."""
        field = "labels_file" if self.labels_file else "label_column" if self.columns.label else None
        if field and self.labels_from not in (None, LabelsFrom.AUTO):
            raise RequestError(f"Expected `{field}` or `labels_from` {self.labels_from}; received both.")
        if self.columns.group and not self.columns.label:
            raise RequestError(
                "Expected `labels_file`, or `label_column` of a table of images, with `group_column`, which names a "
                "column beside the labels; names and folders have none."
            )
        if self.labels_file:
            self.labels_file.check()
            if self.columns.are_numbered:
                raise RequestError(
                    "Expected `id_column` to name the ids in the table and in `labels_file`, a column of both; rows of "
                    f"{self.images} without it have numbers, which say nothing."
                )


@dataclass(frozen=True)
class SonarRequest:
    """Which returns to train on or to score.

    Attributes:
        source: A file in UCI's format, or `uci`.
        model: A trained model; None trains one.
        seed: Decides split and initial weights.
        backend: Keras' backend.
    """

    source: str
    model: Path | None
    seed: int
    backend: str = field(default_factory=keras_backend)

    def check(self) -> None:
        """Raise StorageError where a network that is trained could not be saved."""
        if self.model is None:
            check_clock()

    @property
    def place(self) -> str:
        """Where the returns lie: an absolute path, or `uci`."""
        return UCI if self.source == UCI else str(Path(self.source).absolute())

    @property
    def inputs(self) -> dict[str, Location]:
        """The files that are read, by the user's field."""
        data: dict[str, Location] = {} if self.source == UCI else {"sonar": Path(self.source)}
        return data | ({"sonar_model": self.model} if self.model else {})


@dataclass(frozen=True)
class ScoreRequest:
    """What `shardscore score` was asked for.

    Attributes:
        output: The run folder.
        images: What to score; None for sonar alone.
        sonar: Which returns; None for images alone.
        address: A Ray cluster; None starts one on this machine.
        overwrite: Remove an earlier run in `output` first.
    """

    output: Location
    images: ImagesRequest | None
    sonar: SonarRequest | None
    address: str | None = None
    overwrite: bool = False

    def check_overwrite(self) -> None:
        """Refuse what `overwrite` would remove as an input.

        Raises:
            RunFolderError: If an input lies where an earlier run does; it is named.
        """
        if self.overwrite:
            images, sonar = (part.inputs if part else {} for part in (self.images, self.sonar))
            refuse_to_remove(images | sonar, RunFolder(self.output).all_places)
