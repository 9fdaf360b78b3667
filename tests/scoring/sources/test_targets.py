import pytest

from scoring.errors import ImagesError
from scoring.sources.inputs import ImageEntry
from scoring.sources.targets import LabelsFrom, match_label, with_targets


def _images(*paths: str) -> list[ImageEntry]:
    return [ImageEntry(path, path, 1) for path in paths]


def _targets(images: list[ImageEntry]) -> list[str | None]:
    return [image.target for image in images]


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
    assert _targets(with_targets(_images(path), LabelsFrom.NAMES)) == [target]


@pytest.mark.parametrize("path", ["123.jpg", "cat.jpg", ".5.jpg", "1.2.jpg"])
def test_names_without_a_label_are_refused_by_name(path: str) -> None:
    with pytest.raises(ImagesError, match=r"like cat\.123\.jpg; 1 of 2 images are not so: '" + path):
        with_targets(_images("cat.1.jpg", path), LabelsFrom.NAMES)


def test_folders_tell_the_label_of_what_lies_in_them() -> None:
    images = with_targets(_images("train/cats/1.jpg", "valid/dogs/2.jpg"), LabelsFrom.FOLDERS)
    assert _targets(images) == ["cats", "dogs"]
    with pytest.raises(ImagesError, match="in a folder named by its label"):
        with_targets(_images("1.jpg"), LabelsFrom.FOLDERS)


def test_labels_are_found_in_names_first_and_then_in_folders() -> None:
    assert _targets(with_targets(_images("x/cat.1.jpg", "y/dog.1.jpg"), LabelsFrom.AUTO)) == ["cat", "dog"]
    assert _targets(with_targets(_images("cats/img.1.jpg", "dogs/img.1.jpg"), LabelsFrom.AUTO)) == ["cats", "dogs"]
    with pytest.raises(ImagesError, match="at least two labels"):
        with_targets(_images("photos/1.jpg", "photos/2.jpg"), LabelsFrom.AUTO)


def test_targets_match_labels_in_other_case_or_number() -> None:
    assert match_label("Cats", ["dog", "cat"]) == 1
    assert match_label("cats", ["cat", "cats"]) == 1
    assert match_label("hamster", ["dog", "cat"]) is None
    assert match_label("CAT", ["cat", "cats"]) is None
