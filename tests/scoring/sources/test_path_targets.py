import pytest

from scoring.errors import ImagesError
from scoring.sources.targets import LabelsFrom, with_targets
from tests.labelled_paths import auto_targets, images_at, targets_of


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("train/cat.123.jpg", "cat"),
        ("dog.0.JPG", "dog"),
        ("Yorkshire_terrier_12.jpg", "Yorkshire_terrier"),
        ("a b-7.png", "a b"),
        ("line\nbreak.1.png", "line\nbreak"),
    ],
)
def test_kaggle_names_tell_their_label(path: str, target: str) -> None:
    assert targets_of(with_targets(images_at(path), LabelsFrom.NAMES)) == [target]


@pytest.mark.parametrize("path", ["123.jpg", "cat.jpg", ".5.jpg", "1.2.jpg"])
def test_names_without_a_label_are_refused_by_name(path: str) -> None:
    with pytest.raises(ImagesError, match=r"like cat\.123\.jpg; 1 of 2 images are not so: '" + path):
        with_targets(images_at("cat.1.jpg", path), LabelsFrom.NAMES)


@pytest.mark.parametrize("top", ["", "images/"])
@pytest.mark.parametrize(
    "names",
    [("Train", "Test"), ("train", "file"), ("val", "bus"), ("TrainSet", "TestSet"), ("train-image", "test-image")],
)
def test_names_that_begin_with_a_split_tell_no_label(names: tuple[str, ...], top: str) -> None:
    images = images_at(*(f"{top}{name}_{number}.jpg" for name in names for number in range(2)))
    says = f"'{top}{names[0]}_0.jpg' tells a split, which is no label: name a `labels_file`"
    with pytest.raises(ImagesError, match=says):
        with_targets(images, LabelsFrom.AUTO)
    told = [names[0]] * 2 + [names[1]] * 2
    assert targets_of(with_targets(images, LabelsFrom.NAMES)) == told, "but where the user says so"


def test_words_of_splits_are_labels_in_names_that_hold_other_words() -> None:
    assert auto_targets("bullet_train_1.jpg", "test_tube_1.jpg", "evaluation.1.jpg") == [
        "bullet_train",
        "test_tube",
        "evaluation",
    ]
    assert auto_targets("cats/train_1.jpg", "dogs/test_1.jpg") == ["cats", "dogs"]


def test_folders_tell_the_label_of_what_lies_in_them() -> None:
    images = with_targets(images_at("train/cats/1.jpg", "valid/dogs/2.jpg"), LabelsFrom.FOLDERS)
    assert targets_of(images) == ["cats", "dogs"]
    with pytest.raises(ImagesError, match="in a folder named by its label"):
        with_targets(images_at("1.jpg"), LabelsFrom.FOLDERS)


@pytest.mark.parametrize("top", ["photos", "/data/photos", "s3://bucket/photos", "a.tar/photos", "photos.tar.gz"])
def test_a_photo_beside_the_folders_of_labels_is_refused_by_name(top: str) -> None:
    paths = [f"{top}/cats/1.jpg", f"{top}/dogs/young/2.jpg", f"{top}/3.jpg"]
    for labels_from in (LabelsFrom.FOLDERS, LabelsFrom.AUTO):
        with pytest.raises(ImagesError, match=f"1 of 3 images are not so: '{top}/3.jpg'|for 2 of 3 images"):
            with_targets(images_at(*paths), labels_from)
    assert targets_of(with_targets(images_at(*paths[:2]), LabelsFrom.FOLDERS)) == ["cats", "young"]
    assert auto_targets(f"{top}/cat.1.jpg", f"{top}/more/dog.2.jpg") == ["cat", "dog"]


def test_a_photo_beside_the_folders_of_labels_in_one_of_several_tars_is_refused() -> None:
    with pytest.raises(ImagesError, match=r"1 of 3 images are not so: 'b\.tar/photos/3\.jpg'"):
        with_targets(
            images_at("a.tar/photos/cats/1.jpg", "a.tar/photos/dogs/2.jpg", "b.tar/photos/3.jpg"), LabelsFrom.FOLDERS
        )


def test_the_folder_that_all_share_is_their_label_where_it_is_the_only_one() -> None:
    assert targets_of(with_targets(images_at("cats/1.jpg", "cats/2.jpg"), LabelsFrom.FOLDERS)) == ["cats", "cats"]


def test_files_that_hold_images_are_no_labels() -> None:
    for paths in (
        ("a.tar/1.jpg", "b.tar/2.jpg"),
        ("cats/a.tar/1.jpg", "dogs/b.tar/2.jpg"),
        ("x=1/part-0.parquet#0", "x=2/part-0.parquet#0"),
    ):
        with pytest.raises(ImagesError, match="the names tell none, the folders none"):
            with_targets(images_at(*paths), LabelsFrom.AUTO)
        with pytest.raises(ImagesError, match="in a folder named by its label"):
            with_targets(images_at(*paths), LabelsFrom.FOLDERS)
    assert auto_targets("a-000.tar/cats/1.jpg", "a-001.tar.gz/dogs/2.jpg") == ["cats", "dogs"]


@pytest.mark.parametrize(
    ("layout", "example", "tells_one"),
    [
        (("{}/train/1.jpg", "{}/validation/2.jpg"), "train/cat/1.jpg", False),
        (("{}/train/1.jpg",), "train/cat/1.jpg", False),
        (("{}/train/IMG_1.jpg", "{}/train/2.jpg"), "train/cat/IMG_1.jpg", False),
        (("{}/train/train_1.jpg", "{}/test/test_1.jpg"), "train/cat/train_1.jpg", False),
        (("photos/{}/train/1.jpg", "photos/{}/test/2.jpg"), "photos/train/cat/1.jpg", False),
        (("{}/images/train/1.jpg", "{}/images/val/2.jpg"), "images/train/cat/1.jpg", False),
        (("pets.tar/{}/train/1.jpg", "pets.tar/{}/test/2.jpg"), "pets.tar/train/cat/1.jpg", False),
        (("{}/images/1.jpg",), "images/cat/1.jpg", True),
        (("train/{}/images/1.jpg", "test/{}/images/2.jpg"), "train/images/cat/1.jpg", True),
    ],
)
def test_labels_above_the_innermost_folders_are_told_with_where_they_would_be_read(
    layout: tuple[str, ...], example: str, tells_one: bool
) -> None:
    paths = [path.format(label) for label in ("cat", "dog") for path in layout]
    says = (
        f". If labels stand further up, as 'cat' in {paths[0]!r}, make their folders the innermost, as {example!r}, or "
        "name a `labels_file`."
    )
    for labels_from in (LabelsFrom.AUTO, *(() if tells_one else (LabelsFrom.FOLDERS,))):
        for is_training in (True, False):
            with pytest.raises(ImagesError) as refused:
                with_targets(images_at(*paths), labels_from, is_training=is_training)
            assert says in str(refused.value)
    inner = [example.replace("cat", label).replace("1.jpg", f"{label}1.jpg") for label in ("cat", "dog")]
    assert targets_of(with_targets(images_at(*inner), LabelsFrom.FOLDERS, is_training=True)) == ["cat", "dog"]


@pytest.mark.parametrize("above", ["a/seg_train/1.jpg a/seg_test/2.jpg", "a/train_set/1.jpg a/test_set/2.jpg"])
def test_labels_above_folders_that_words_tell_to_be_splits_are_told_to_train_on(above: str) -> None:
    paths = [*above.split(), *above.replace("a/", "b/").split()]
    with pytest.raises(ImagesError, match=f"If labels stand further up, as 'a' in '{paths[0]}'"):
        with_targets(images_at(*paths), LabelsFrom.AUTO, is_training=True)


@pytest.mark.parametrize(
    "paths",
    [
        ("train/1.jpg", "test/2.jpg"),
        ("photos/1.jpg", "photos/2.jpg"),
        ("a/train/1.jpg", "a/test/2.jpg"),
        ("train/images/1.jpg", "test/images/2.jpg"),
        ("x/train/cat.1.jpg", "x/train/dog.2.jpg", "y/test/1.jpg"),
        ("x/cats/1.jpg", "y/dogs/2.jpg", "y/test/3.jpg"),
        ("a.tar/train/1.jpg", "b.tar/train/2.jpg"),
        ("cat/train/1.jpg", "2.jpg"),
    ],
)
def test_no_labels_further_up_are_told_of_where_folders_or_names_tell_several_or_none_lie_there(
    paths: tuple[str, ...],
) -> None:
    with pytest.raises(ImagesError) as refused:
        with_targets(images_at(*paths), LabelsFrom.AUTO)
    assert "further up" not in str(refused.value)
