"""Which photos train and which validate: as their folders say, or drawn by a seed; nothing is moved on disk."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scoring.errors import ImagesError
from scoring.finetuning.groups import check_groups, divide_groups, has_groups, label_codes, related
from scoring.sources.entries import ImageEntry
from scoring.sources.marked_photos import marked_as_test
from scoring.sources.several_labels import told_of_several
from scoring.sources.spelling import singular
from scoring.sources.splits import Split, find_splits

_TO_LEARN = {Split.TRAIN, Split.VALIDATION}
MAX_VALIDATION = 2_000  # of 25,000, as in fast.ai's lesson
_VALIDATION_SHARE = 0.2  # of smaller collections
_IN_FOLDS = " among those to train on in folds"
_DRAWN = "have all photos drawn with `validation`"
_VERBS = {Split.TRAIN: "train", Split.VALIDATION: "validate", Split.TEST: "test"}


@dataclass(frozen=True)
class PhotoSplit:
    """Rows of the features: to train on, and to validate on."""

    train: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]


def check_split(images: Sequence[ImageEntry], num_validation: int | None, may_lack: bool = False) -> int:
    """Return how many photos are kept out of training.

    Args:
        images: Labelled photos.
        num_validation: See `split_photos`.
        may_lack: Whether a folder to validate on may lack labels, as its photos choose nothing.

    Raises:
        ImagesError: If there are fewer than two labels, or two that count as one, or one would be missing on one side,
            or if some photos lie outside the folders that say what others of their labels are for, or are marked as to
            test on.
    """
    counts = Counter(image.target for image in images)
    if len(counts) < 2:
        raise ImagesError(f"Expected photos of at least two labels; received {next(iter(counts), None)!r} alone.")
    _check_different(sorted(map(str, counts)))
    if num_validation is None:
        splits = _splits_of(images)
        _check_elsewhere(images, splits)
        _check_marked(images)
        if set(splits) == _TO_LEARN:
            return _check_folders(images, splits, counts, may_lack)
    _check_rarest(counts)
    if has_groups(images):
        check_groups([image.target for image in images], related(images))
    if num_validation is None:
        num_validation = max(len(counts), min(MAX_VALIDATION, int(len(images) * _VALIDATION_SHARE)))
    if not len(counts) <= num_validation <= len(images) - len(counts):
        raise ImagesError(
            f"Expected `validation` from {len(counts)} to {len(images) - len(counts)}, so that each of {len(counts)} "
            f"labels is on both sides; received {num_validation} of {len(images)} photos."
        )
    return num_validation


def check_folds(images: Sequence[ImageEntry], num_validation: int | None, seed: int) -> None:
    """Check that the photos that are not kept out can be divided into folds; for arguments see `split_photos`.

    Raises:
        ImagesError: If they cannot be, or as in `check_split`.
    """
    if is_split_told(images, num_validation):
        train = split_photos(images, num_validation, seed, may_lack=True).train
        targets = [images[row].target for row in train]
        _check_rarest(Counter(targets), _IN_FOLDS)
        if has_groups(images):
            check_groups(targets, related(images)[train], _IN_FOLDS)
    else:
        check_split(images, num_validation)


def split_photos(
    images: Sequence[ImageEntry],
    num_validation: int | None,
    seed: int,
    originals: npt.NDArray[np.int64] | None = None,
    may_lack: bool = False,
) -> PhotoSplit:
    """Divide photos: those in `train/` and `valid/` as they are, others by the seed.

    Args:
        images: Labelled photos.
        num_validation: Photos kept out of training, drawn so that both sides have the labels in the same proportions,
            and one of each at least; None leaves it to the folders, or takes 2,000, or a fifth of fewer than 10,000.
        seed: Decides which are drawn.
        originals: For each photo the row of the one that it is a copy of, or its own: copies are drawn together, and
            so are photos of one group, so that about as many are kept out as were asked for. None where there are no
            copies.
        may_lack: See `check_split`.

    Raises:
        ImagesError: See `check_split`.
    """
    from sklearn.model_selection import train_test_split

    count = check_split(images, num_validation, may_lack)
    rows = np.arange(len(images))
    if num_validation is None and has_folders(images):
        validates = np.array([split is Split.VALIDATION for split in map(find_splits(images), images)])
        return PhotoSplit(rows[~validates], rows[validates])
    if has_groups(images):
        groups, targets = related(images, originals), [image.target for image in images]
        check_groups(targets, groups)
        share = count / len(images)
        parts = divide_groups(label_codes(targets), groups, (share, 1 - share), seed)
        return PhotoSplit(np.flatnonzero(parts), np.flatnonzero(parts == 0))
    originals = rows if originals is None else originals
    different = np.unique(originals)
    codes = label_codes([images[row].target for row in different])
    labels = _count_labels([image.target for image in images], different)
    _check_rarest(labels)
    count = max(len(labels), round(count * len(different) / len(images)))
    count = min(count, len(different) - len(labels))
    _, validation = train_test_split(different, test_size=count, stratify=codes, random_state=seed)
    validates = np.isin(different, validation)
    num_validation_of = np.bincount(codes[validates], minlength=len(labels))
    on_one_side = (num_validation_of == 0) | (num_validation_of == np.bincount(codes))
    _, first = np.unique(codes, return_index=True)
    validates[first[on_one_side]] ^= True  # in proportion, a rare label may have all of its photos on one side
    return _with_copies(different[validates], originals)


def split_folds(
    targets: Sequence[str],
    num_folds: int,
    seed: int,
    draw: int = 0,
    originals: npt.NDArray[np.int64] | None = None,
    groups: npt.NDArray[np.int64] | None = None,
) -> list[PhotoSplit]:
    """Divide photos into folds of the same proportions of labels: each photo validates once.

    Args:
        targets: The photos' labels.
        num_folds: How many; as many as the rarest label has photos, if these are fewer.
        seed: Decides which photos are together.
        draw: Number of the draw, from 0; each divides the photos otherwise.
        originals: For each photo the row of the one that it is a copy of, or its own: copies are in one fold. None
            where there are no copies.
        groups: A number for each photo that those of its group and their copies share: these are in one fold, and the
            fewest groups of a label count in the place of photos. None where there are no groups.

    Raises:
        ImagesError: If the rarest label has one photo, but for copies, or the photos of one group alone.
    """
    from sklearn.model_selection import StratifiedKFold

    state = int(np.random.SeedSequence([seed, draw]).generate_state(1)[0]) if draw else seed
    if groups is not None:
        count = min(num_folds, check_groups(targets, groups, _IN_FOLDS))
        parts = divide_groups(label_codes(targets), groups, [1 / count] * count, state)
        return [PhotoSplit(np.flatnonzero(parts != part), np.flatnonzero(parts == part)) for part in range(count)]
    originals = np.arange(len(targets)) if originals is None else originals
    different = np.unique(originals)
    codes = label_codes([targets[row] for row in different])
    fewest = _check_rarest(_count_labels(targets, different), _IN_FOLDS)
    folds = StratifiedKFold(min(num_folds, fewest), shuffle=True, random_state=state)
    return [_with_copies(different[validation], originals) for _, validation in folds.split(different, codes)]


def is_split_told(images: Sequence[ImageEntry], num_validation: int | None) -> bool:
    """Whether photos to validate on were asked for, or lie in a folder of their own."""
    return num_validation is not None or has_folders(images)


def has_folders(images: Sequence[ImageEntry]) -> bool:
    """Whether every photo lies in a training or a validation folder, and there are both."""
    return set(_splits_of(images)) == _TO_LEARN


def _splits_of(images: Sequence[ImageEntry]) -> Sequence[Split | None]:
    return list(map(find_splits(images), images))


def _with_copies(validation: npt.NDArray[np.int64], originals: npt.NDArray[np.int64]) -> PhotoSplit:
    """The photos to validate on and all copies of them, and the others to train on."""
    validates = np.isin(originals, validation)
    return PhotoSplit(np.flatnonzero(~validates), np.flatnonzero(validates))


def _count_labels(targets: Sequence[str | None], different: npt.NDArray[np.int64]) -> Counter[str | None]:
    """How many different photos each label has: none if all of its photos are copies of other labels' photos."""
    counts = Counter(dict.fromkeys(targets, 0))
    counts.update(targets[row] for row in different)
    return counts


def _check_rarest(counts: Counter[str | None], among: str = "") -> int:
    """How many photos the rarest label has: at least two, or an ImagesError says which it is."""
    rarest, fewest = min(counts.items(), key=lambda item: item[1])
    if fewest < 2:
        raise ImagesError(
            f"Expected at least two photos of every label{among}, one to validate on, copies not counted; {rarest!r} "
            f"has {fewest}. Add photos of it, or leave it out.{_told_of_several(counts)}"
        )
    return fewest


def _told_of_several(labels: Iterable[str | None]) -> str:
    told = told_of_several(map(str, labels))
    return f" The label {told}." if told else ""


def _check_different(labels: Sequence[str]) -> None:
    """Raise ImagesError if two labels are one but for case and plural; single letters and numbers are as they are."""
    seen: dict[str, str] = {}
    for label in labels:
        if len(label) > 1 and not label.isdecimal() and (other := seen.setdefault(singular(label), label)) != label:
            raise ImagesError(
                "Expected labels that differ by more than case and plural, which count as one where labels are "
                f"matched; received {other!r} and {label!r}. Spell them alike, or call one otherwise."
            )


def beside_folders(images: Sequence[ImageEntry]) -> list[ImageEntry]:
    """Photos that lie elsewhere than the folders that say what others are for.

    Beside a single such folder only photos of its labels, as in `train/cats` and `cv/cats`: others may be other labels.
    """
    return _beside(images, _splits_of(images))


def _beside(images: Sequence[ImageEntry], splits: Sequence[Split | None]) -> list[ImageEntry]:
    told = set(splits) - {None}
    inside = {image.target for image, split in zip(images, splits, strict=True) if split}
    return [
        image
        for image, split in zip(images, splits, strict=True)
        if split is None and (told >= _TO_LEARN or image.target in inside)
    ]


def _check_elsewhere(images: Sequence[ImageEntry], splits: Sequence[Split | None]) -> None:
    """Raise ImagesError if photos lie beside the folders that say what they are for: it is not told for these."""
    told = set(splits) - {None}
    if told and (elsewhere := _beside(images, splits)):
        verbs = " or to ".join(_VERBS[split] for split in Split if split in told)
        tests = [image.path for image, split in zip(images, splits, strict=True) if split is Split.TEST]
        aside = f"move those to test on, such as {tests[0]!r}, elsewhere" if tests else _DRAWN
        raise ImagesError(
            f"Expected every photo in a folder to train or to validate on, as others lie in one to {verbs} on; "
            f"{elsewhere[0].path!r} lies elsewhere, one of {len(elsewhere)}. Take the folder to train on as `images`, "
            f"move them into `train` or `valid`, or {aside}."
        )


def _check_marked(images: Sequence[ImageEntry]) -> None:
    """Raise ImagesError if a word of folders or names marks photos as to test on."""
    if marked := marked_as_test(images):
        raise ImagesError(
            f"Expected photos to train on; {marked[0].path!r} is called as one to test on, one of {len(marked)} of "
            f"{len(images)}. Take the folder to train on as `images`, leave these or their labels out, or, if they may "
            f"be learned too, {_DRAWN}."
        )


def _check_folders(
    images: Sequence[ImageEntry], splits: Sequence[Split | None], counts: Counter[str | None], may_lack: bool
) -> int:
    for split in (Split.TRAIN,) if may_lack else (Split.TRAIN, Split.VALIDATION):
        there = {image.target for image, its in zip(images, splits, strict=True) if its is split}
        missing = sorted(map(str, set(counts) - there))
        if missing:
            raise ImagesError(
                f"Expected every label among the photos of the {split} folder; {missing[0]!r} is not. Divide the "
                "photos otherwise, or have them drawn with `validation`."
            )
    return splits.count(Split.VALIDATION)
