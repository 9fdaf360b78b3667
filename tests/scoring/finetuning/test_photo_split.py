import pytest

from scoring.errors import ImagesError
from scoring.finetuning.photo_split import check_split, split_folds, split_photos
from scoring.sources.entries import ImageEntry


def _photos(*paths: str) -> list[ImageEntry]:
    return [ImageEntry(path, path, 1, target=path.split("/")[-2]) for path in paths]


def test_train_and_valid_folders_are_taken_as_they_are() -> None:
    photos = _photos("train/cats/1.jpg", "valid/cats/2.jpg", "train/dogs/3.jpg", "train/dogs/4.jpg", "valid/dogs/5.jpg")
    split = split_photos(photos, None, seed=0)
    assert (split.train.tolist(), split.validation.tolist()) == ([0, 2, 3], [1, 4])


def test_a_number_of_validation_photos_overrules_the_folders() -> None:
    photos = _photos(*(f"{split}/{label}/{n}.jpg" for split in ("train", "valid") for label in "ab" for n in range(4)))
    assert len(split_photos(photos, 6, seed=0).validation) == 6


def test_a_label_that_a_folder_lacks_is_named() -> None:
    with pytest.raises(ImagesError, match="every label among the photos of the validation folder; 'dogs' is not"):
        check_split(_photos("train/cats/1.jpg", "train/dogs/2.jpg", "valid/cats/3.jpg"), None)


def test_photos_without_such_folders_are_drawn_with_both_labels_on_both_sides() -> None:
    photos = _photos(*(f"{label}/{number}.jpg" for label in ("cats", "dogs") for number in range(20)))
    split = split_photos(photos, None, seed=3)
    assert sorted([*split.train, *split.validation]) == list(range(40))
    assert {photos[row].target for row in split.validation} == {"cats", "dogs"}


def test_each_draw_divides_photos_otherwise_and_as_no_other_seed_does() -> None:
    targets = ["cat", "dog"] * 20
    drawn = {
        tuple(tuple(fold.validation) for fold in split_folds(targets, 5, seed, draw))
        for seed in range(3)
        for draw in range(3)
    }
    assert len(drawn) == 9
    again = [split_folds(targets, 5, seed=1, draw=2) for _ in range(2)]
    assert [list(fold.validation) for fold in again[0]] == [list(fold.validation) for fold in again[1]]
