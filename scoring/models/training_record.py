"""What `finetune` says in a model folder's `training.json`: how heads were trained, and how good they became.

The only module that knows how it is written. A file that is not whole is refused as damaged.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial

from scoring.errors import BucketError, RunFolderError, StorageError
from scoring.models.model_folder import ModelFolder
from scoring.models.trained_heads import Calibration, HeadSettings, TrainedHead
from scoring.networks.agreement import Agreement
from scoring.networks.base_request import BaseRequest
from scoring.pixels.decoding import Resize
from scoring.quality.below_chance import no_better_than_one_label
from scoring.quality.evaluation import Evaluation
from scoring.run.json_fields import check_checksum, from_json, to_json_with_checksum
from scoring.run.wording import some
from scoring.storage.durable import read_patiently, refuse_special, write_text


@dataclass(frozen=True)
class TrainedBase:
    """The frozen network below the heads: what was asked for, and the digest of its weights."""

    request: BaseRequest
    digest: str


@dataclass(frozen=True)
class AskedHeads:
    """Heads as they were asked for; how many there are goes by the photos too.

    Attributes:
        ensemble: How many, where there are no folds.
        num_validation: Photos to keep out of training; None left it to their folders, or took a share.
        num_folds: Into how many parts to divide photos.
        num_draws: How often to divide them.
    """

    ensemble: int
    num_validation: int | None
    num_folds: int
    num_draws: int


@dataclass(frozen=True)
class TrainingData:
    """The photos, and how many were used for what.

    Attributes:
        digest: The digest of their manifest, as it was when they were first listed.
        num_images: All of them.
        num_train: Photos trained on.
        num_validation: Photos measured on.
        num_errors: Photos that could not be read.
        contents: What tells their contents from those of other photos in their places; empty where it is not known.
        pixels: What tells what the network saw of them, which contents of the same stamps do not; likewise.
        num_folds: How many parts they were divided into, each measured by the head that was trained on the others; 0
            for one split.
        num_draws: How often they were divided anew; each is measured by one head of each draw.
        num_copies: Photos that are copies of another one of them.
        num_seen: Photos measured on that are copies of photos trained on, or of their groups: folders may hold such.
        num_contradicting: Copies with another label than the photo that they are copies of.
        contradicting: The paths of the first of them and of that photo; empty where there are none.
        counts_mirrored: Whether mirrored photos count as copies.
        num_different: Different photos among those measured on, or groups, which what is uncertain goes by; 0 where an
            earlier version wrote this, which went by all.
        is_drawn: Whether the seed decided which photos validate, with the labels in proportion, and not their folders;
            None where an earlier version wrote this.
        listed: The digest of the photos as they were when this was trained, of which some may have changed since they
            were first listed; empty where an earlier version wrote this.
        group_column: What tells groups of photos, each trained on or measured on as a whole; None if nothing did.
        groups: What tells these groups from others of the same photos; empty where there are none.
        unmeasured: The labels of which there is none among the photos measured on, as a folder may lack them.
    """

    digest: str
    num_images: int
    num_train: int
    num_validation: int
    num_errors: int
    contents: str = ""
    pixels: str = ""
    num_folds: int = 0
    num_draws: int = 1
    num_copies: int = 0
    num_seen: int = 0
    is_drawn: bool | None = None
    listed: str = ""
    num_contradicting: int = 0
    contradicting: tuple[str, ...] = ()
    counts_mirrored: bool = False
    num_different: int = 0
    group_column: str | None = None
    groups: str = ""
    unmeasured: tuple[str, ...] = ()

    @property
    def is_cross_validated(self) -> bool:
        """Whether folds hold all photos that can be read: each trains some heads and is measured by others."""
        return self.num_folds > 0 and self.num_validation == self.num_images - self.num_errors

    @property
    def has_measured_copies(self) -> bool:
        """Whether photos measured on are known to be copies of one another, or of one group."""
        return self.num_different not in (0, self.num_validation)

    @property
    def of_different(self) -> str:
        """What `num_different` counts, in words."""
        return f"of different {self.group_column}" if self.group_column else "different"

    @property
    def warnings(self) -> list[str]:
        """What to say where photos measured on lack labels or are copies of photos trained on, or labels differ."""
        said = []
        if self.unmeasured:
            labels = some(list(map(repr, self.unmeasured)))
            said.append(f"no photo of {labels} is validated: the figures tell nothing of it.")
        if self.num_seen:
            said.append(
                f"{self.num_seen:,} of {self.num_validation:,} photos to validate on are copies of photos to train on"
                + (f", or of the same {self.group_column}" if self.group_column else "")
                + ": the figures are too good. Take them out of one of the two folders."
            )
        if self.num_contradicting:
            copy, first = self.contradicting
            said.append(
                f"{self.num_contradicting:,} of {self.num_copies:,} copies have another label than the photo that they "
                f"are copies of, such as {copy!r} of {first!r}: one of both is wrong. Take it out, or mend its label."
                + (" Where a mirror image has another label by right, train without them." * self.counts_mirrored)
            )
        return said


@dataclass(frozen=True)
class SubmissionLogLoss:
    """Log loss of a submission, nats per photo; one of other labels than cat and dog has no clip unless asked for.

    Attributes:
        unclipped: Uncalibrated, without clip.
        lesson_clip: Uncalibrated, with the lesson's clip.
        calibrated: Calibrated, with its own clip.
    """

    unclipped: float
    lesson_clip: float
    calibrated: float


@dataclass(frozen=True)
class TrainingMetrics:
    """What was measured on the validation photos.

    Attributes:
        first_head: The first head alone.
        before_calibration: All heads averaged.
        after_calibration: These calibrated: log loss and reliability with each photo by a calibration that has not seen
            it; accuracy, ROC AUC and confusion by the model's own, as in `validation.parquet`.
        submission_log_loss: The log loss of submissions.
    """

    first_head: Evaluation
    before_calibration: Evaluation
    after_calibration: Evaluation
    submission_log_loss: SubmissionLogLoss


@dataclass(frozen=True)
class TrainingRecord:
    """All that `training.json` holds, in its order.

    Attributes:
        created_at: When the model was put together, ISO 8601 in UTC.
        images: Where the photos lay, as an absolute path or a URL.
        labels: One name per class, in class order.
        base: The frozen network.
        resize: How photos became squares, as the fingerprint of their features has it: mode, filter and decoder.
        precision: Number format of the base.
        flip: Whether mirror images were trained on and are scored.
        head_only: Whether the folder holds the head without its base.
        data: The photos.
        split_seed: Decides which photos validate.
        settings: How every head was trained.
        heads: Each head, in the ensemble's order.
        calibration: The temperature, already inside the stored weights, and the clip for submissions of cats and dogs.
        versions: Library versions.
        metrics: How good the model is.
        network: Digest of the network beside it; None in folders from before it was kept.
        validation: SHA-256 of `validation.parquet`; None in folders from before it was kept.
        agreement: How far int8 features lead from the network in float32; None in other precisions.
        asked: What was asked for; None in folders from before it was kept.
        engine: What computed the features, as their fingerprint has it; None in folders from before it was kept.
        class_numbers: The number of each class in the table of the photos, where these are not 0, 1, 2 and so on; None
            for a class without one. Empty where they are, and where no table numbers the classes.
    """

    created_at: str
    images: str
    labels: tuple[str, ...]
    base: TrainedBase
    resize: str
    precision: str
    flip: bool
    head_only: bool
    data: TrainingData
    split_seed: int
    settings: HeadSettings
    heads: tuple[TrainedHead, ...]
    calibration: Calibration
    versions: Mapping[str, str]
    metrics: TrainingMetrics
    network: str | None = None
    validation: str | None = None
    agreement: Agreement | None = None
    asked: AskedHeads | None = None
    engine: str | None = None
    class_numbers: tuple[int | None, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 over what was trained, and on what: the same where trained heads are put together once more."""
        groups = (self.data.groups,) if self.data.groups else ()
        photos = (self.data.digest, self.data.contents, *groups, self.resize, self.flip)
        network = (self.base.digest, self.precision, self.engine)
        trained = (self.labels, asdict(self.settings), [asdict(head) for head in self.heads])
        return hashlib.sha256(json.dumps((*photos, *network, *trained)).encode()).hexdigest()

    @property
    def warnings(self) -> list[str]:
        """What to say of the photos, and of a model that learned no more than which label is the most common."""
        one_label = no_better_than_one_label(self.metrics.after_calibration, self.labels)
        return [*self.data.warnings, *([one_label] if one_label else [])]

    @property
    def sees_mirrored(self) -> bool:
        """Whether the mirror image of each photo was looked at too."""
        return self.flip or self.base.request.sees_mirrored

    @property
    def resize_mode(self) -> Resize:
        """How photos became squares, as the user says it."""
        return Resize(self.resize.split("-")[0])


def stored_text(record: TrainingRecord) -> str:
    """What `training.json` holds of a model."""
    request = record.base.request.stored_fields()
    base = {
        "request": request,
        "model": request["model"],
        "features": request["layer"],
        "digest": record.base.digest,
    }
    return to_json_with_checksum(asdict(record) | {"base": base})


def save_training_record(folder: ModelFolder, record: TrainingRecord) -> None:
    """Write `training.json` whole."""
    write_text(folder.training, stored_text(record))


def load_training_record(folder: ModelFolder) -> TrainingRecord:
    """Load `training.json`.

    Raises:
        RunFolderError: If it is not there, or not what `finetune` writes.
        StorageError: If it cannot be read now, which says nothing of what it holds.
        BucketError: If the bucket that it lies in cannot be reached.
    """
    try:
        refuse_special(folder.training)
        found = json.loads(read_patiently(folder.training, partial(folder.training.read_text, encoding="utf-8")))
        record = from_json(TrainingRecord, found)
        check_checksum(found)
        return record
    except (BucketError, StorageError):
        raise
    except (OSError, ValueError, RecursionError) as error:
        reason = "there is none" if isinstance(error, FileNotFoundError) else str(error)
        again = "Run the same finetune command again." if folder.is_ours else "Name a folder that it wrote."
        raise RunFolderError(
            f"Expected a model folder that `shardscore finetune` has finished; the training.json of {folder.path} is "
            f"missing or damaged: {reason}. {again}"
        ) from error


def check_validation(folder: ModelFolder, training: TrainingRecord) -> None:
    """Raise RunFolderError unless the photos' predictions are those that the record tells of."""
    refuse_special(folder.validation)
    if training.validation not in (None, hashlib.sha256(folder.validation.read_bytes()).hexdigest()):
        raise RunFolderError(
            f"Expected the validation.parquet that {folder.training} describes; {folder.validation} is another. Run "
            "the same finetune command again."
        )
