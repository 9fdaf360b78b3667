"""Photos of one group, as those of one patient, are trained on or validated on together."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from scoring.errors import ImagesError
from scoring.finetuning.groups import divide_groups, related
from scoring.finetuning.photo_split import check_folds, check_split, split_folds, split_photos
from scoring.finetuning.settings import FinetuneSettings
from scoring.finetuning.training_set import TrainingSet, load_training_set
from scoring.models.model_folder import ModelFolder
from scoring.models.trained_heads import HeadKind, HeadSettings
from scoring.networks.base_request import BaseRequest
from scoring.sources.entries import ImageEntry
from tests.runs import Scored, write_features


def _photos(*told: tuple[str, str | None], folders: Sequence[str] = ("",)) -> list[ImageEntry]:
    """Photos by their labels and groups, in folders one after the other."""
    paths = [f"{folders[row % len(folders)]}{row}.jpg" for row in range(len(told))]
    return [
        ImageEntry(path, path, 1, target=target, group=group) for path, (target, group) in zip(paths, told, strict=True)
    ]


def _patients(num: int, seed: int = 0) -> list[ImageEntry]:
    """Photos of patients, of which every fifth has some of both labels, and some photos of none."""
    draw = np.random.default_rng(seed)
    told: list[tuple[str, str | None]] = []
    for patient in range(num):
        labels = ["benign", "malignant"] if patient % 5 == 0 else [str(draw.choice(["benign", "malignant"]))]
        told += [(label, f"p{patient}") for label in labels for _ in range(int(draw.integers(1, 12)))]
    return _photos(*told, *[("benign", None)] * 20)


def test_rows_without_a_group_are_groups_of_their_own_and_copies_join_groups() -> None:
    photos = _photos(("a", "1"), ("a", None), ("a", "2"), ("b", "1"), ("b", None), ("b", "2"), ("b", None))
    assert related(photos).tolist() == [0, 1, 2, 0, 4, 2, 6]
    assert related(photos, np.array([0, 1, 2, 3, 0, 1, 6])).tolist() == [0, 1, 1, 0, 0, 1, 6]


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_in_one_fold_and_labels_in_all_in_proportion(seed: int) -> None:
    photos = _patients(40, seed)
    targets, groups = [str(photo.target) for photo in photos], related(photos)
    check_folds(photos, None, seed)
    folds = split_folds(targets, 5, seed, groups=groups)
    assert sorted(row for fold in folds for row in fold.validation) == list(range(len(photos)))
    every = Counter(targets)
    for fold in folds:
        assert not set(groups[fold.train]) & set(groups[fold.validation])
        assert sorted([*fold.train, *fold.validation]) == list(range(len(photos)))
        counts = Counter(targets[row] for row in fold.validation)
        assert all(abs(counts[label] / every[label] - 1 / 5) < 0.08 for label in every)
    again, other = (split_folds(targets, 5, seed, draw, groups=groups) for draw in (0, 1))
    same = [fold.validation.tolist() for fold in folds]
    assert same == [fold.validation.tolist() for fold in again] != [fold.validation.tolist() for fold in other]


@pytest.mark.parametrize("count", [10, 60, 200])
def test_photos_kept_out_are_of_other_groups_and_about_as_many_as_asked_for(count: int) -> None:
    photos = _patients(60)
    split, groups = split_photos(photos, count, 0), related(photos)
    assert not set(groups[split.train]) & set(groups[split.validation])
    assert abs(len(split.validation) - count) <= 6
    assert all(
        {photos[row].target for row in side} == {"benign", "malignant"} for side in (split.train, split.validation)
    )


def test_groups_that_have_all_labels_are_divided() -> None:
    photos = _photos(*((label, f"driver {driver}") for driver in range(6) for label in "abcdefgh" for _ in range(3)))
    folds = split_folds([str(photo.target) for photo in photos], 5, 0, groups=related(photos))
    assert sorted(len(fold.validation) for fold in folds) == [24, 24, 24, 24, 48]


@pytest.mark.parametrize("folds", [2, 5])
def test_every_label_is_trained_on_and_validated_on_however_groups_overlap(folds: int) -> None:
    for seed in range(30):
        draw = np.random.default_rng(seed)
        codes = np.concatenate([np.arange(6), np.arange(6), draw.integers(0, 6, 60)])
        groups = np.concatenate([np.arange(6), np.arange(6, 12), draw.integers(0, 12, 60)])
        for shares in ([1 / folds] * folds, (0.1, 0.9)):
            parts = divide_groups(codes, groups, shares, seed)
            assert all(len(set(parts[codes == code])) > 1 for code in range(6))
            assert all(len(set(parts[groups == group])) == 1 for group in range(12))


def test_labels_of_three_groups_two_by_two_cannot_be_on_both_sides_of_one_split() -> None:
    photos = _photos(
        *((label, group) for group, labels in (("1", "ab"), ("2", "bc"), ("3", "ca")) for label in labels * 2)
    )
    with pytest.raises(
        ImagesError, match="groups by `group_column` that can be divided with every label on both sides"
    ):
        split_photos(photos, 4, 0)
    assert len(split_photos([*photos, *_photos(("a", "4"))], 4, 0).validation)


def test_a_label_of_one_group_is_named_and_few_groups_make_few_folds() -> None:
    told = [("a", "1"), ("a", "2"), ("a", "3"), ("b", "4")]
    photos = _photos(*(each for each in told for _ in range(5)))
    for check in (lambda: check_folds(photos, None, 0), lambda: check_split(photos, 5)):
        with pytest.raises(ImagesError, match=r"in at least two groups by `group_column`.* those of 'b' are of one"):
            check()
    more = [*photos, *_photos(("b", "1"), ("b", "1"))]
    assert len(split_folds([str(photo.target) for photo in more], 5, 0, groups=related(more))) == 2
    names = [f"{folder}/{row}.jpg" for folder in ("train", "valid") for row in range(6)]
    labels = "ab" * 6
    told_by_folders = [
        ImageEntry(name, name, 1, target=label, group=label if "train" in name else name)
        for name, label in zip(names, labels, strict=True)
    ]
    check_split(told_by_folders, None)
    with pytest.raises(ImagesError, match="among those to train on in folds in at least two groups"):
        check_folds(told_by_folders, None, 0)


def _loaded(tmp_path: Path, groups: dict[str, str], folders: Sequence[str] = ("",), num_folds: int = 5) -> TrainingSet:
    images = [
        Scored(f"{folder}{label}.{number}.png", (0.5, 0.5), label)
        for folder in folders
        for label in ("cat", "dog")
        for number in range(12)
    ]
    write_features(ModelFolder(tmp_path).features, images)
    heads = HeadSettings(kind=HeadKind.RBF if num_folds else HeadKind.SOFTMAX)
    return load_training_set(
        FinetuneSettings(
            *(tmp_path, tmp_path, BaseRequest("vgg16"), False, heads, 1, None, 0, False, "tensorflow", num_folds),
            group_column="patient_id",
            groups=groups,
        )
    )


def _ids(folder: str = "") -> dict[str, str]:
    """Three photos of each of eight patients."""
    return {f"{folder}{label}.{number}": f"{label} {number // 3}" for label in ("cat", "dog") for number in range(12)}


@pytest.mark.parametrize("num_folds", [0, 5])
def test_a_training_set_is_divided_and_measured_by_groups(tmp_path: Path, num_folds: int) -> None:
    photos = _loaded(tmp_path, _ids(), num_folds=num_folds)
    names = np.array([_ids()[image.image_id] for image in photos.features.images])
    for split in photos.splits:
        assert not set(names[split.train]) & set(names[split.validation])
    data, measured = photos.count(), photos.measured
    assert (data.group_column, data.num_seen, data.num_copies, data.warnings) == ("patient_id", 0, 0, [])
    assert data.num_different == len(set(names[measured])) == len(measured) / 3
    assert data.num_folds == (4 if num_folds else 0)
    assert _same(photos.related_of(measured), names[measured])


def _same(one: npt.NDArray[np.int64], other: npt.NDArray[np.str_]) -> bool:
    return len(set(zip(one, other, strict=True))) == len(set(one)) == len(set(other))


def test_other_groups_are_told_and_the_same_by_other_names_are_not(tmp_path: Path) -> None:
    first, other = _ids(), _ids() | {"cat.0": "cat 9"}
    renamed = {image_id: f"again {group}" for image_id, group in first.items()}
    told = [_loaded(tmp_path / str(row), groups).groups for row, groups in enumerate((first, renamed, other))]
    assert told[0] == told[1] != told[2]


def test_groups_on_both_sides_of_folders_are_told(tmp_path: Path) -> None:
    photos = _loaded(tmp_path, _ids("train/") | {"valid/cat.0": "cat 0", "valid/cat.1": "cat 0"}, ("train/", "valid/"))
    (said,) = photos.count().warnings
    assert said.startswith(
        "2 of 24 photos to validate on are copies of photos to train on, or of the same patient_id: "
    )


def test_larger_groups_do_not_come_first_by_their_names() -> None:
    groups = np.repeat(np.arange(10), 4)
    drawn = {tuple(divide_groups(np.arange(40) % 2, groups, [0.2] * 5, seed)) for seed in range(4)}
    assert len(drawn) == 4
    assert not any(one == other for one, other in pairwise(drawn))
