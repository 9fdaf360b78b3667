"""What is left to learn from where some photos could not be read."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring.errors import ImagesError
from scoring.finetuning.settings import FinetuneSettings
from scoring.finetuning.training_set import load_training_set
from scoring.models.model_folder import ModelFolder
from scoring.models.trained_heads import HeadKind, HeadSettings
from scoring.networks.base_request import BaseRequest
from scoring.run.predictions import PIXELS_SHA256, write_table
from tests.runs import Scored, cats_and_dogs, record_of, save_record, write_features


def _owls(num_readable: int, num_broken: int) -> list[Scored]:
    readable = [Scored(f"owl.{number}.png", (0.5, 0.5), "owl") for number in range(num_readable)]
    return [*readable, *(Scored(f"broken.{number}.png", None, "owl", "it is empty") for number in range(num_broken))]


def _settings(output: Path, images: Sequence[Scored], kind: HeadKind, num_folds: int) -> FinetuneSettings:
    write_features(ModelFolder(output).features, images)
    heads = HeadSettings(kind=kind)
    return FinetuneSettings(
        output, output, BaseRequest("vgg16"), False, heads, 1, None, 0, False, "tensorflow", num_folds
    )


@pytest.mark.parametrize(("kind", "num_folds"), [(HeadKind.SOFTMAX, 0), (HeadKind.RBF, 5)])
def test_a_label_whose_photos_are_all_unreadable_is_missed(tmp_path: Path, kind: HeadKind, num_folds: int) -> None:
    settings = _settings(tmp_path, [*cats_and_dogs(20), *_owls(0, 3)], kind, num_folds)
    with pytest.raises(ImagesError, match=r"received owl with none, as all 3 are unreadable\. .* says why"):
        load_training_set(settings)


@pytest.mark.parametrize(("kind", "num_folds"), [(HeadKind.SOFTMAX, 0), (HeadKind.RBF, 5)])
def test_a_label_of_which_one_photo_can_be_read_is_named_with_the_reason(
    tmp_path: Path, kind: HeadKind, num_folds: int
) -> None:
    settings = _settings(tmp_path, [*cats_and_dogs(20), *_owls(1, 2)], kind, num_folds)
    with pytest.raises(ImagesError, match=r"two photos of every label.*'owl' has 1\..* 2 photos could not be read"):
        load_training_set(settings)


def test_a_label_of_which_some_photos_cannot_be_read_is_learned_from_the_others(tmp_path: Path) -> None:
    photos = load_training_set(_settings(tmp_path, [*cats_and_dogs(20), *_owls(2, 1)], HeadKind.RBF, 5))
    assert (photos.labels, photos.num_folds, photos.count().num_errors) == (("cat", "dog", "owl"), 2, 1)


@pytest.mark.parametrize(
    ("numbers", "labels", "kept"),
    [
        ({}, ("cat", "dog", "owl"), ()),
        ({"owl": 0, "cat": 1, "dog": 2}, ("owl", "cat", "dog"), ()),
        ({"owl": 0, "cat": 1, "dog": 2, "ant": 3}, ("owl", "cat", "dog"), ()),
        ({"owl": 0, "ant": 1, "dog": 2, "cat": 3}, ("owl", "dog", "cat"), (0, 2, 3)),
        ({"ant": 0, "cat": 1, "dog": 2, "owl": 3}, ("cat", "dog", "owl"), (1, 2, 3)),
        ({"owl": 0, "dog": 1, "cat": None}, ("cat", "dog", "owl"), (None, 1, 0)),
        ({"owl": 0, "dog": 1}, ("cat", "dog", "owl"), (None, 1, 0)),
        ({"owl": 0, "cat": 0, "dog": 1}, ("cat", "owl", "dog"), (0, 0, 1)),
    ],
)
def test_classes_come_in_the_order_of_their_numbers_and_others_than_their_places_are_kept(
    tmp_path: Path, numbers: dict[str, int | None], labels: tuple[str, ...], kept: tuple[int | None, ...]
) -> None:
    settings = _settings(tmp_path, [*cats_and_dogs(20), *_owls(5, 0)], HeadKind.RBF, 5)
    photos, by_name = load_training_set(replace(settings, class_numbers=numbers)), load_training_set(settings)
    assert (photos.labels, photos.class_numbers) == (labels, kept)
    assert [photos.labels[index] for index in photos.truth] == photos.features.targets
    assert (photos.division == by_name.division) == (labels == by_name.labels), "heads of another order are no good"


@pytest.mark.parametrize(("kind", "num_folds"), [(HeadKind.SOFTMAX, 0), (HeadKind.RBF, 5)])
def test_photos_to_validate_on_that_are_all_unreadable_are_missed(
    tmp_path: Path, kind: HeadKind, num_folds: int
) -> None:
    readable = [Scored(f"train/{each.path}", each.probabilities, each.target) for each in cats_and_dogs(20)]
    broken = [Scored(f"valid/{label}.png", None, label, "it is empty") for label in ("cat", "dog")]
    settings = _settings(tmp_path, [*readable, *broken], kind, num_folds)
    with pytest.raises(ImagesError, match="in the folders to train and to validate on; received one with none"):
        load_training_set(settings)
    asked_for = load_training_set(replace(settings, num_validation=4))
    assert len(asked_for.measured) == 4


@pytest.mark.parametrize(("kind", "num_folds"), [(HeadKind.SOFTMAX, 0), (HeadKind.RBF, 5)])
def test_the_record_tells_photos_that_folders_keep_out_from_drawn_ones_and_from_folds(
    tmp_path: Path, kind: HeadKind, num_folds: int
) -> None:
    told = [
        Scored(f"{folder}/{each.path}", each.probabilities, each.target)
        for folder in ("train", "valid")
        for each in cats_and_dogs(20)
    ]
    settings = _settings(tmp_path, [*told, Scored("train/broken.png", None, "cat", "it is empty")], kind, num_folds)
    by_folder = load_training_set(settings).count()
    assert (by_folder.num_train, by_folder.num_validation) == (20, 20)
    assert (by_folder.is_drawn, by_folder.is_cross_validated) == (False, False)
    drawn = load_training_set(replace(settings, num_validation=20)).count()
    assert (drawn.num_train, drawn.is_drawn, drawn.is_cross_validated) == (20, True, False)


def test_a_label_that_no_photo_to_validate_on_has_is_learned_in_folds_and_told(tmp_path: Path) -> None:
    """The lone owl to validate on cannot be read, which is seen when features are there."""
    told = [
        Scored(f"{folder}/{each.path}", each.probabilities, each.target)
        for folder in ("train", "valid")
        for each in cats_and_dogs(20)
    ]
    owls = [Scored(f"train/{each.path}", each.probabilities, each.target) for each in _owls(5, 0)]
    images = [*told, *owls, Scored("valid/owl.png", None, "owl", "it is empty")]
    settings = _settings(tmp_path, images, HeadKind.RBF, 5)
    photos = load_training_set(replace(settings, class_numbers={"owl": 0, "dog": 1, "cat": 2}))
    assert photos.labels == ("owl", "dog", "cat")
    assert all(set(photos.truth[split.train]) == {0, 1, 2} for split in photos.splits)
    assert set(photos.truth[photos.measured]) == {1, 2}
    assert photos.count().warnings == ["no photo of 'owl' is validated: the figures tell nothing of it."]
    softmax = replace(settings, heads=HeadSettings(kind=HeadKind.SOFTMAX))
    with pytest.raises(ImagesError, match="every label among the photos of the validation folder; 'owl' is not"):
        load_training_set(softmax)


def test_the_record_tells_that_folds_hold_all_photos(tmp_path: Path) -> None:
    images = [*cats_and_dogs(20), Scored("cat.21.png", None, "cat", "it is empty")]
    data = load_training_set(_settings(tmp_path, images, HeadKind.RBF, 5)).count()
    assert (data.num_train, data.is_drawn, data.is_cross_validated) == (20, True, True)


@pytest.mark.parametrize(("kind", "num_folds"), [(HeadKind.SOFTMAX, 0), (HeadKind.RBF, 5)])
def test_the_record_tells_copies_that_have_another_label_than_their_original(
    tmp_path: Path, kind: HeadKind, num_folds: int
) -> None:
    settings = _settings(tmp_path, cats_and_dogs(20), kind, num_folds)
    folder = ModelFolder(tmp_path).features
    table = pq.read_table(folder.shard(0, 1))
    pixels = [bytes([row]) * 32 for row in range(20)]
    pixels[2], pixels[13], pixels[15] = pixels[0], pixels[0], pixels[14]  # the first ten are cats, these others dogs
    column = pa.array(pixels, pa.binary(32))
    place = table.column_names.index(PIXELS_SHA256)
    write_table(folder.shard(0, 1), table.set_column(place, PIXELS_SHA256, column))
    save_record(folder, record_of(folder.path).with_digests({}))
    data = load_training_set(settings).count()
    paths = table["path"].to_pylist()
    assert (data.num_copies, data.num_contradicting, data.contradicting) == (3, 1, (paths[13], paths[0]))
    photos = load_training_set(settings)
    originals = [{2: 0, 13: 0, 15: 14}.get(row, row) for row in photos.measured.tolist()]
    assert photos.related_of(photos.measured).tolist() == originals
    assert data.num_different == len(set(originals)) <= data.num_validation
    write_table(folder.shard(0, 1), table)
    data = load_training_set(settings).count()
    assert (data.num_copies, data.num_contradicting, data.contradicting, data.warnings) == (0, 0, (), [])
    assert (data.num_different, data.has_measured_copies) == (data.num_validation, False)
