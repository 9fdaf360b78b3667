import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold, train_test_split

from scoring.errors import ImagesError
from scoring.finetuning.copies import originals
from scoring.finetuning.features import Features
from scoring.finetuning.photo_split import check_folds, check_split, split_folds, split_photos
from scoring.sources.entries import ImageEntry


def _photos(*paths: str) -> list[ImageEntry]:
    return [ImageEntry(path, path, 1, target=path.split("/")[-2]) for path in paths]


@pytest.mark.parametrize(("one", "other"), [("Cat", "cat"), ("cat", "cats"), ("KÄTZCHEN", "kätzchens")])
def test_labels_that_differ_by_case_or_plural_alone_are_named(one: str, other: str) -> None:
    photos = _photos(*(f"{label}/{number}.jpg" for label in (one, other, "dog") for number in range(4)))
    with pytest.raises(ImagesError, match=f"more than case and plural.*received '{one}' and '{other}'"):
        check_folds(photos, None, seed=0)
    with pytest.raises(ImagesError, match="more than case and plural"):
        check_split(photos, 4)


@pytest.mark.parametrize("labels", ["aA", "sS", ("a", "as"), ("1980", "1980s"), ("glass", "glasses"), ("bus", "bush")])
def test_letters_numbers_and_labels_that_only_look_alike_are_different(labels: tuple[str, ...]) -> None:
    check_split(_photos(*(f"{label}/{number}.jpg" for label in labels for number in range(4))), None)


def test_a_label_of_one_photo_that_may_be_several_labels_is_told() -> None:
    several = "agriculture clear primary water"
    photos = _photos(*(f"x/{label}/{number}.jpg" for label in ("clear", "cloudy") for number in range(4)))
    says = f"'{several}' has 1. Add photos of it, or leave it out. The label '{several}' counts as one label; if it is"
    with pytest.raises(ImagesError, match=says):
        check_split([*photos, *_photos(f"x/{several}/9.jpg")], None)
    with pytest.raises(ImagesError, match=r"'hazy sky' has 1\. Add photos of it, or leave it out\.$"):
        check_split([*photos, *_photos("x/hazy sky/9.jpg")], None)


def test_train_and_valid_folders_are_taken_as_they_are() -> None:
    photos = _photos("train/cats/1.jpg", "valid/cats/2.jpg", "train/dogs/3.jpg", "train/dogs/4.jpg", "valid/dogs/5.jpg")
    split = split_photos(photos, None, seed=0)
    assert (split.train.tolist(), split.validation.tolist()) == ([0, 2, 3], [1, 4])


@pytest.mark.parametrize("folders", [("train", "valid"), ("train",), ("",)])
def test_photos_below_a_folder_called_dev_are_divided_as_those_below_any_other(folders: tuple[str, ...]) -> None:
    below = [f"{split}/{label}/{n}.jpg" for split in folders for label in ("cats", "dogs") for n in range(9)]
    elsewhere = split_photos(_photos(*below), None, seed=0)
    split = split_photos(_photos(*(f"/dev/shm/{path}" for path in below)), None, seed=0)
    assert split.validation.tolist() == elsewhere.validation.tolist()


@pytest.mark.parametrize("elsewhere", ["extra/cats/9.jpg", "cats/9.jpg", "x/9.jpg"])
def test_a_photo_outside_the_folders_to_train_and_to_validate_on_is_named(elsewhere: str) -> None:
    paths = [f"{split}/{label}/{n}.jpg" for split in ("train", "valid") for label in ("cats", "dogs") for n in range(2)]
    photos = [*_photos(*paths), replace(_photos(elsewhere)[0], target="cats")]
    for check in (lambda: check_split(photos, None), lambda: check_folds(photos, None, seed=0)):
        with pytest.raises(ImagesError, match=f"'{elsewhere}' lies elsewhere, one of 1.*drawn with `validation`"):
            check()
    assert len(split_photos(photos, 4, seed=0).validation) == 4


@pytest.mark.parametrize("elsewhere", ["cv", "crossval", "unseen", "predict", "query/gallery"])
@pytest.mark.parametrize("told", ["train", "valid", "test"])
def test_photos_beside_a_folder_that_says_what_others_of_their_labels_are_for_are_named(
    told: str, elsewhere: str
) -> None:
    paths = [
        f"{folder}/{label}/{n}.jpg" for folder in (told, elsewhere) for label in ("cats", "dogs") for n in range(3)
    ]
    photos = _photos(*paths)
    aside = (
        "move those to test on, such as 'test/cats/0.jpg', elsewhere" if told == "test" else "drawn with `validation`"
    )
    with pytest.raises(ImagesError, match=f"'{elsewhere}/cats/0.jpg' lies elsewhere, one of 6.*{aside}"):
        check_folds(photos, None, seed=0)
    check_folds(photos, 4, seed=0)
    check_folds(_photos(*paths[:6]), None, seed=0)


def test_photos_beside_a_folder_called_as_to_train_on_are_divided_where_they_are_of_other_labels() -> None:
    labels = ("bus", "car", "train/steam", "train/electric")
    check_folds(_photos(*(f"{label}/{n}.jpg" for label in labels for n in range(3))), None, seed=0)


def _targeted(*places: str) -> list[ImageEntry]:
    """Photos of `cat` and `dog`; `*` in a place is the label."""
    return [
        ImageEntry(path, path, 1, target=label)
        for place in places
        for label in ("cat", "dog")
        for path in (f"{place.replace('*', label)}{n}.jpg" for n in range(4))
    ]


@pytest.mark.parametrize(
    ("learned", "test"),
    [
        ("train_images/a*", "test_hidden/b*"),
        ("x/train_hospital_a/a*", "x/test_hospital_b/b*"),
        ("photos/a*", "test_set/b*"),
        ("*_", "eval/*_"),
        ("a/b/", "c/HoldoutSet/"),
        ("*/Training_", "*/PublicTest_"),
        ("*/train_", "*/test_"),
        ("valid-", "all-test-"),
        ("2021/train_v1/*/x", "2022/test_v2/*/x"),
    ],
)
def test_photos_that_a_word_marks_as_to_test_on_are_named(learned: str, test: str) -> None:
    photos = _targeted(learned, test)
    first = test.replace("*", "cat")
    says = f"Expected photos to train on; '{first}0.jpg' is called as one to test on, one of 8 of 16.*with `validation`"
    with pytest.raises(ImagesError, match=says):
        check_folds(photos, None, seed=0)
    check_folds(photos, 4, seed=0)
    check_folds(photos[:8], None, seed=0)


def test_a_folder_to_test_on_in_which_names_are_the_labels_of_others_is_no_label() -> None:
    photos = _photos(*(f"photos/{label}/pic_{number}.jpg" for label in ("abe", "bart") for number in range(4)))
    tests = _photos(*(f"kaggle_testset/{label}_{number}.jpg" for label in ("abe", "bart") for number in range(4)))
    with pytest.raises(ImagesError, match=r"'kaggle_testset/abe_0\.jpg' is called as one to test on, one of 8 of 16"):
        check_folds([*photos, *tests], None, seed=0)
    check_folds(photos, None, seed=0)
    for other in ("test_tube/pic", "test_tube/tube", "test_drive/abe"):
        check_folds([*photos, *_photos(*(f"photos/{other}_{number}.jpg" for number in range(4)))], None, seed=0)


@pytest.mark.parametrize("between", "_.-")
def test_words_of_splits_beside_others_in_names_that_are_labels_are_named(between: str) -> None:
    for parts in (("train", "oak"), ("oak", "train")):
        learned = between.join(parts)
        labels = [learned, learned.replace("train", "test"), learned.replace("oak", "elm")]
        photos = [ImageEntry(path, path, 1, target=label) for label in labels for path in (f"{label}{between}1.jpg",)]
        with pytest.raises(ImagesError, match=f"'{labels[1]}{between}1.jpg' is called as one to test on"):
            check_folds([*photos, *photos], None, seed=0)


@pytest.mark.parametrize(
    "places",
    [
        ("bullet_train/*", "test_tube/*"),
        ("*/photo_", "*/test_"),
        ("test_set/*", "test_images/*"),
        ("test_set/a/*", "test_set/b/*"),
        ("more/test_drive/*", "*"),
        ("train/test_*", "train/*"),
    ],
)
def test_words_that_mark_no_photos_as_to_test_on_do_not_matter(places: tuple[str, ...]) -> None:
    check_folds(_targeted(*places), None, seed=0)


@pytest.mark.parametrize(
    "labels", [("bullet_train", "test_tube"), ("dev_board", "test_board"), ("evaluation", "invoice"), ("Train", "Test")]
)
def test_labels_mark_no_photos_as_to_test_on(labels: tuple[str, ...]) -> None:
    for path in ("{}/{}.jpg", "{}_{}.jpg"):
        photos = [(path.format(label, n), label) for label in labels for n in range(4)]
        check_split([ImageEntry(path, path, 1, target=label) for path, label in photos], None)


def test_a_number_of_validation_photos_overrules_the_folders() -> None:
    photos = _photos(*(f"{split}/{label}/{n}.jpg" for split in ("train", "valid") for label in "ab" for n in range(4)))
    assert len(split_photos(photos, 6, seed=0).validation) == 6


def test_a_label_that_a_folder_lacks_is_named() -> None:
    with pytest.raises(ImagesError, match="every label among the photos of the validation folder; 'dogs' is not"):
        check_split(_photos("train/cats/1.jpg", "train/dogs/2.jpg", "valid/cats/3.jpg"), None)


@pytest.mark.parametrize("lacks", ["train", "valid"])
def test_only_the_folder_to_validate_on_may_lack_a_label_where_folds_choose(lacks: str) -> None:
    folders = {"train", "valid"} - {lacks}
    paths = [f"{split}/{label}/{n}.jpg" for split in ("train", "valid") for label in ("cats", "dogs") for n in range(3)]
    photos = _photos(*paths, *(f"{split}/cows/{n}.jpg" for split in folders for n in range(3)))
    if lacks == "valid":
        check_folds(photos, None, seed=0)
        return
    with pytest.raises(ImagesError, match="every label among the photos of the train folder; 'cows' is not"):
        check_folds(photos, None, seed=0)


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


@pytest.mark.parametrize("labels", [("dog", "cat"), ("b", "a", "é", "B", "ab"), ("10", "9", "100")])
def test_photos_are_divided_as_by_the_names_of_their_labels(labels: tuple[str, ...]) -> None:
    """What runs of earlier versions were trained on is trained on again."""
    targets = [labels[number**2 % 11 % len(labels)] for number in range(60)]
    rows = np.arange(60)
    for seed in range(3):
        told = StratifiedKFold(3, shuffle=True, random_state=seed).split(rows, targets)
        assert [fold.validation.tolist() for fold in split_folds(targets, 3, seed)] == [its.tolist() for _, its in told]
        _, drawn = train_test_split(rows, test_size=12, stratify=targets, random_state=seed)
        split = split_photos([ImageEntry(str(row), "", 1, target=targets[row]) for row in rows], 12, seed)
        assert split.validation.tolist() == sorted(drawn)


def test_a_long_label_costs_its_own_length_and_not_that_for_each_photo() -> None:
    """Of 10,000 characters among 20,000 photos it took 2.4 GB."""
    targets = [*["cat", "dog"] * 200, *["x" * 10_000] * 4]
    photos = [ImageEntry(str(row), "", 1, target=target) for row, target in enumerate(targets)]
    split_folds(targets[:9], 2, seed=0)
    tracemalloc.start()
    try:
        split_folds(targets, 2, seed=0)
        split_photos(photos, 20, seed=0)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 1_000_000


@pytest.mark.parametrize("num_cats", [1, 2])
def test_a_label_with_one_photo_to_train_on_is_no_more_divided_into_folds(num_cats: int) -> None:
    paths = [f"{split}/dogs/{number}.jpg" for split in ("train", "valid") for number in range(5)]
    photos = _photos(*paths, "valid/cats/0.jpg", *(f"train/cats/{number}.jpg" for number in range(num_cats)))
    check_split(photos, None)
    if num_cats > 1:
        check_folds(photos, None, seed=0)
        return
    with pytest.raises(ImagesError, match=r"two photos of every label among those to train on in folds.*'cats' has 1"):
        check_folds(photos, None, seed=0)


def test_a_draw_that_leaves_one_photo_of_a_label_to_train_on_is_no_more_divided_into_folds() -> None:
    photos = _photos(*(f"dogs/{number}.jpg" for number in range(60)), "cats/0.jpg", "cats/1.jpg")
    check_folds(photos, None, seed=0)
    check_split(photos, 20)
    with pytest.raises(ImagesError, match=r"two photos of every label among those to train on in folds.*'cats' has 1"):
        check_folds(photos, 20, seed=0)


def test_copies_are_on_one_side_and_photos_without_any_are_divided_as_ever() -> None:
    targets = ["cat", "dog"] * 20
    copies = np.r_[np.arange(30), np.arange(10)]
    for fold in split_folds(targets, 5, seed=1, originals=copies):
        assert not np.isin(copies[fold.validation], copies[fold.train]).any()
        assert sorted([*fold.train, *fold.validation]) == list(range(40))
    split = split_photos([ImageEntry(str(row), "", 1, target=one) for row, one in enumerate(targets)], 8, 1, copies)
    assert not np.isin(copies[split.validation], copies[split.train]).any()
    assert 6 <= len(split.validation) <= 10
    before, same = split_folds(targets, 5, seed=1), split_folds(targets, 5, seed=1, originals=np.arange(40))
    assert [list(fold.validation) for fold in before] == [list(fold.validation) for fold in same]


def test_a_label_whose_photos_are_copies_of_one_has_one() -> None:
    with pytest.raises(ImagesError, match="copies not counted; 'cat' has 1"):
        split_folds(["cat", "dog", "cat", "dog"], 2, seed=0, originals=np.array([0, 1, 0, 3]))


def test_a_label_whose_photos_are_all_copies_of_those_of_other_labels_is_on_no_side_alone() -> None:
    photos = _photos(*(f"{label}/{number}.jpg" for label in ("cats", "dogs", "zoo") for number in range(4)))
    copies = np.r_[np.arange(8), np.arange(4)]
    with pytest.raises(ImagesError, match="copies not counted; 'zoo' has 0"):
        split_photos(photos, 4, 0, copies)
    with pytest.raises(ImagesError, match="copies not counted; 'zoo' has 0"):
        split_folds([str(photo.target) for photo in photos], 2, 0, originals=copies)


@pytest.mark.parametrize(("num_dogs", "num_validation"), [(60, None), (60, 2), (100, 98), (100, 100)])
def test_a_rare_label_is_on_both_sides_of_a_draw(num_dogs: int, num_validation: int | None) -> None:
    photos = _photos(*(f"dogs/{number}.jpg" for number in range(num_dogs)), "cats/0.jpg", "cats/1.jpg")
    for seed in range(5):
        split = split_photos(photos, num_validation, seed)
        assert sorted([*split.train, *split.validation]) == list(range(num_dogs + 2))
        assert {photos[row].target for row in split.train} == {photos[row].target for row in split.validation}


def test_copies_leave_photos_of_every_label_to_train_on() -> None:
    photos = _photos(*(f"dogs/{number}.jpg" for number in range(6)), *(f"cats/{number}.jpg" for number in range(6)))
    copies = np.array([0, 1, 0, 1, 0, 1, 6, 7, 6, 7, 6, 7])
    split = split_photos(photos, 10, 0, copies)
    assert {photos[row].target for row in split.train} == {"dogs", "cats"}


def test_copies_are_told_by_their_pixels_where_features_differ_or_are_the_same_by_chance() -> None:
    values = np.random.default_rng(0).normal(0, 1, (4, 1, 20)).astype(np.float16)
    values[3] = values[2]
    features = Features([], [], values, 0, pixels=[b"a", b"a", b"b", b"c"])
    assert originals(features).tolist() == [0, 0, 2, 3]


def test_copies_are_told_by_features_where_a_shard_of_an_earlier_version_tells_no_pixels() -> None:
    values = np.random.default_rng(0).normal(0, 1, (2, 1, 20)).astype(np.float16)
    features = Features([], [], np.concatenate([values, values]), 0, pixels=[None, None, b"a", b"b"])
    assert originals(features).tolist() == [0, 1, 0, 1]


def test_mirrored_copies_of_earlier_versions_are_told_by_features_of_their_views_the_other_way_round() -> None:
    views = np.random.default_rng(0).normal(0, 1, (3, 2, 20)).astype(np.float16)
    features = np.stack([*views, views[1, ::-1]])
    assert originals(Features([], [], features, 0)).tolist() == [0, 1, 2, 1]


def test_copies_of_earlier_versions_are_told_by_features_unless_a_network_tells_hardly_any() -> None:
    features = np.random.default_rng(0).normal(0, 1, (6, 20)).astype(np.float16)
    features[4] = features[1]
    features[3, 2:] = features[5, 2:] = 0
    features[5] = features[3]
    assert originals(Features([], [], features[:, np.newaxis], 0)).tolist() == [0, 1, 2, 3, 1, 5]
