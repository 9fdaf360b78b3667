"""The extracted features of a model folder, with their labels, divided into those to train and to validate on."""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from scoring.arrays import Float32Array
from scoring.errors import ImagesError
from scoring.finetuning.copies import originals
from scoring.finetuning.features import Features, load_features
from scoring.finetuning.fitting import Examples
from scoring.finetuning.groups import related
from scoring.finetuning.heads import Head
from scoring.finetuning.photo_split import PhotoSplit, has_folders, is_split_told, split_folds, split_photos
from scoring.finetuning.settings import FinetuneSettings
from scoring.models.model_folder import ModelFolder
from scoring.models.training_record import TrainingData
from scoring.run.fingerprint import Fingerprint
from scoring.run.folder import RunFolder
from scoring.run.manifest import Manifest
from scoring.run.wording import plural, some


@dataclass(frozen=True)
class TrainingSet:
    """Photos to learn from.

    Attributes:
        features: What the base network saw in each.
        labels: Their labels: the classes in class order, that of their numbers where a table has these, else sorted.
        splits: Which train and which validate: one split for every head, or a fold for each, draw by draw.
        held_out: Photos that no fold holds, on which all heads are measured; None where folds hold all of them.
        fingerprint: All that shaped the features.
        num_draws: How often the photos were divided into folds.
        originals: For each photo the row of the one that it is a copy of, or its own; None where there are no copies.
        related: The same of the one that it is a copy of, or of whose group it or a copy is; None where there are no
            groups.
        group_column: What tells groups of photos; None if nothing does.
        is_drawn: Whether the seed decided which photos validate, and not their folders.
        manifest: The list of the photos; None where no run is behind them.
        has_others: Whether one of the photos is known to be another than when features were first extracted.
        class_numbers: See `TrainingRecord`.
    """

    features: Features
    labels: tuple[str, ...]
    splits: tuple[PhotoSplit, ...]
    held_out: npt.NDArray[np.int64] | None
    fingerprint: Fingerprint
    num_draws: int = 1
    originals: npt.NDArray[np.int64] | None = None
    related: npt.NDArray[np.int64] | None = None
    group_column: str | None = None
    is_drawn: bool = True
    manifest: Manifest | None = None
    has_others: bool = False
    class_numbers: tuple[int | None, ...] = ()

    @property
    def base_digest(self) -> str:
        """The digest of the base network that the features are of."""
        return self.fingerprint.model.split(":")[0]

    @cached_property
    def truth(self) -> npt.NDArray[np.int64]:
        """Class indices of all photos."""
        classes = {label: index for index, label in enumerate(self.labels)}
        return np.array([classes[target] for target in self.features.targets], dtype=np.int64)

    @cached_property
    def division(self) -> str:
        """The digest of the photos with their labels, and of which of them every split trains and validates on.

        Of the order of the classes as well, where that is another than of their names.
        """
        photos = [[image.image_id, image.target] for image in self.features.images]
        digest = hashlib.sha256(json.dumps(photos).encode())
        sides = [side for split in self.splits for side in (split.train, split.validation)]
        for rows in [*sides, self.measured]:
            digest.update(json.dumps(rows.tolist()).encode())
        if list(self.labels) != sorted(self.labels):
            digest.update(json.dumps(self.labels).encode())
        return digest.hexdigest()

    @property
    def is_folded(self) -> bool:
        """Whether every head has a fold of its own."""
        return len(self.splits) > 1

    @property
    def num_folds(self) -> int:
        """Folds of each draw; 0 for one split."""
        return len(self.splits) // self.num_draws if self.is_folded else 0

    def draw_of(self, number: int) -> range:
        """The heads whose folds divide the photos together, one of which is this."""
        first = number - number % self.num_folds
        return range(first, first + self.num_folds)

    @property
    def measured(self) -> npt.NDArray[np.int64]:
        """The photos that the model is measured on, each by heads that have not seen it."""
        if self.held_out is not None:
            return self.held_out
        return np.unique(np.concatenate([split.validation for split in self.splits]))

    def measured_by(self, number: int) -> npt.NDArray[np.int64]:
        """The photos that one head is measured on."""
        return self.split(number).validation if self.held_out is None else self.held_out

    def related_of(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """For each of some photos the row of the one that it is a copy of or whose group it shares, or its own."""
        among = self.originals if self.related is None else self.related
        return rows if among is None else among[rows]

    def split(self, number: int) -> PhotoSplit:
        """What a head trains and validates on."""
        return self.splits[number if self.is_folded else 0]

    def examples(self, rows: npt.NDArray[np.int64]) -> Examples:
        """Some of the photos, by their rows, as examples."""
        return Examples(self.features.values, self.truth[rows], rows)

    def measured_logits(self, heads: Sequence[Head]) -> Float32Array:
        """Logits of the photos that the model is measured on.

        Returns:
            Shape (num_measured, num_members, num_classes): of every head and view where all of them are measured on
            the same photos, of the one head of each draw that has not seen it where each has a fold.
        """
        if not self.is_folded or self.held_out is not None:
            return np.concatenate([head.logits for head in heads], axis=1)
        measured, (_, num_views, num_classes) = self.measured, heads[0].logits.shape
        logits = np.zeros((len(measured), self.num_draws, num_views, num_classes), np.float32)
        for number, (split, head) in enumerate(zip(self.splits, heads, strict=True)):
            logits[np.searchsorted(measured, split.validation), number // self.num_folds] = head.logits
        return logits.reshape(len(measured), -1, num_classes)

    def count(self) -> TrainingData:
        """How many photos there are, for the record."""
        train = np.unique(np.concatenate([split.train for split in self.splits]))
        contradicting = self._contradicting
        first = [self.features.images[row].path for row in contradicting[0]] if len(contradicting) else []
        return TrainingData(
            digest=self.fingerprint.images,
            num_images=len(self.features.images) + self.features.num_errors,
            num_train=len(train),
            num_validation=len(self.measured),
            num_errors=self.features.num_errors,
            contents=self.features.contents,
            pixels=self.features.pixels_digest,
            num_folds=self.num_folds,
            num_draws=self.num_draws,
            num_copies=self.num_copies,
            num_seen=self._num_seen,
            is_drawn=self.is_drawn,
            listed=self.manifest.listed_digest() if self.manifest else "",
            num_contradicting=len(contradicting),
            contradicting=tuple(first),
            num_different=len(np.unique(self.related_of(self.measured))),
            group_column=self.group_column,
            groups=self.groups,
            unmeasured=tuple(self.labels[index] for index in np.setdiff1d(self.truth, self.truth[self.measured])),
        )

    @property
    def groups(self) -> str:
        """What tells the groups of photos from others; empty where there are none."""
        return "" if self.related is None else hashlib.sha256(json.dumps(self.related.tolist()).encode()).hexdigest()

    @property
    def num_copies(self) -> int:
        """How many photos are copies of another one."""
        return 0 if self.originals is None else len(self.originals) - len(np.unique(self.originals))

    @property
    def _contradicting(self) -> npt.NDArray[np.int64]:
        """Copies of another label than the photo that they are copies of, and that photo, shape (num_such, 2)."""
        originals = np.arange(len(self.truth)) if self.originals is None else self.originals
        rows = np.flatnonzero(self.truth != self.truth[originals])
        return np.stack([rows, originals[rows]], axis=1)

    @property
    def _num_seen(self) -> int:
        """How many photos measured on are related to photos that heads were trained on; folds keep these together."""
        if self.is_folded and self.held_out is None:
            return 0
        train = np.concatenate([split.train for split in self.splits])
        return int(np.isin(self.related_of(self.measured), self.related_of(train)).sum())


def load_training_set(settings: FinetuneSettings) -> TrainingSet:
    """Load the features of a model folder: as float16, in a file that is mapped, 200 MB for 25,000 x 4,096.

    Raises:
        IncompleteError: If a shard is missing or damaged.
        ImagesError: If no photo could be read, or none of a label, or those that could cannot be divided.
    """
    folder = ModelFolder(settings.output).features
    features = load_features(folder)
    images = [replace(image, group=settings.groups.get(image.image_id)) for image in features.images]
    features = replace(features, images=images)
    record = folder.load_record()
    assert record is not None  # the same job has written it
    _check_lost(features, folder, settings.num_validation)
    copies = originals(features)
    groups = related(images, copies) if settings.group_column else None
    try:
        splits, held_out = _split(features, copies, groups, settings)
    except ImagesError as error:
        if not features.num_errors:
            raise
        lost = plural(features.num_errors, "photo")
        raise ImagesError(f"{error} {lost} could not be read, and did not count; {folder.path} says why.") from error
    num_draws = settings.num_draws if len(splits) > 1 else 1
    is_drawn = settings.num_validation is not None or not has_folders(features.images)
    labels, numbers = _in_class_order(set(features.targets), settings.class_numbers)
    return TrainingSet(
        features,
        labels,
        splits,
        held_out,
        record.fingerprint,
        num_draws,
        originals=copies,
        related=groups,
        group_column=settings.group_column,
        is_drawn=is_drawn,
        manifest=Manifest(folder.manifest),
        has_others=record.has_others,
        class_numbers=numbers,
    )


def _in_class_order(
    targets: Collection[str], number_of: Mapping[str, int | None]
) -> tuple[tuple[str, ...], tuple[int | None, ...]]:
    """Labels in class order, and their numbers in the table if these are not their places."""
    labels = sorted(targets)
    told = {label: number for label in labels if (number := number_of.get(label)) is not None}
    if len(told) == len(labels):
        labels.sort(key=told.__getitem__)
    numbers = tuple(map(told.get, labels))
    return tuple(labels), () if not number_of or numbers == tuple(range(len(labels))) else numbers


def _check_lost(features: Features, folder: RunFolder, num_validation: int | None) -> None:
    """Raise ImagesError if the photos of a label or of `valid/` are all unreadable: nobody would see it."""
    lost = Counter(str(image.target) for image in features.lost)
    missing = sorted(lost.keys() - set(features.targets))
    if missing:
        raise ImagesError(
            f"Expected photos of every label that can be read; received {some(missing)} with none, as all "
            f"{sum(lost[label] for label in missing)} are unreadable. {folder.path} says why: repair them, or "
            "leave them out."
        )
    everything = [*features.images, *features.lost]
    if num_validation is None and has_folders(everything) and not has_folders(features.images):
        raise ImagesError(
            f"Expected photos that can be read in the folders to train and to validate on; received one with none. "
            f"{folder.path} says why: repair them, or say how many to keep out by `validation`."
        )


def _split(
    features: Features,
    copies: npt.NDArray[np.int64],
    groups: npt.NDArray[np.int64] | None,
    settings: FinetuneSettings,
) -> tuple[tuple[PhotoSplit, ...], npt.NDArray[np.int64] | None]:
    """One split for every head, or folds; heads that choose nothing on held-out photos fold the others alone."""
    is_told = is_split_told(features.images, settings.num_validation)
    if settings.num_folds < 2 or (is_told and settings.stops_on_kept_out):
        return (split_photos(features.images, settings.num_validation, settings.seed, copies),), None
    rows, held_out = np.arange(len(features.images)), None
    if is_told:
        split = split_photos(features.images, settings.num_validation, settings.seed, copies, may_lack=True)
        rows, held_out = split.train, split.validation
    targets = [features.targets[row] for row in rows]
    _, first, among_rows = np.unique(copies[rows], return_index=True, return_inverse=True)
    of_rows = None if groups is None else groups[rows]
    folds = [
        fold
        for draw in range(settings.num_draws)
        for fold in split_folds(targets, settings.num_folds, settings.seed, draw, first[among_rows], of_rows)
    ]
    return tuple(PhotoSplit(rows[fold.train], rows[fold.validation]) for fold in folds), held_out
