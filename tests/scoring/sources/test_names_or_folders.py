import re

import pytest

from scoring.errors import ImagesError
from scoring.sources.targets import LabelsFrom, with_targets
from tests.labelled_paths import auto_targets, images_at


def test_auto_takes_what_labels_every_image() -> None:
    assert auto_targets("x/cat.1.jpg", "y/dog.1.jpg", "x/cat.2.jpg", "1.jpg")[0] is None
    assert auto_targets("photos/cat.1.jpg", "photos/dog.1.jpg") == ["cat", "dog"]
    assert auto_targets("cats/img.1.jpg", "dogs/img.1.jpg") == ["cats", "dogs"]
    assert auto_targets("cats/cat.1.jpg", "dogs/dog.1.jpg") == ["cat", "dog"]
    assert auto_targets("cats/IMG_1.jpg", "dogs/rex.jpg", "dogs/DSC_2.jpg") == ["cats", "dogs", "dogs"]
    with pytest.raises(ImagesError, match=r"at least two labels.*the names tell none, the folders 'photos', of 2"):
        with_targets(images_at("photos/1.jpg", "photos/2.jpg"), LabelsFrom.AUTO)


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (("cats/IMG_1.jpg", "cats/DSC_2.jpg", "dogs/IMG_3.jpg"), "names tell 'DSC', 'IMG', the folders 'cats', 'dogs'"),
        (("cats/cat.1.jpg", "cats/dog.2.jpg", "dogs/dog.3.jpg"), "'dog' lies in 'cats'"),
        (("cats/cat.1.jpg", "cats/dog.2.jpg", "dogs/3.jpg"), "'dog' for 2 of 3 images, the folders 'cats', 'dogs'"),
        (("2016/cat.1.jpg", "2017/dog.2.jpg"), "the folders '2016', '2017'"),
    ],
)
def test_names_and_folders_that_tell_different_stories_are_asked_about(paths: tuple[str, ...], said: str) -> None:
    with pytest.raises(ImagesError, match=f"{re.escape(said)}.*`labels_from` names or folders"):
        with_targets(images_at(*paths), LabelsFrom.AUTO)


def test_a_test_folder_is_no_label() -> None:
    with pytest.raises(ImagesError, match="names tell 'cat', 'dog' for 2 of 3 images, the folders none; 'test/1"):
        with_targets(images_at("train/cat.1.jpg", "train/dog.2.jpg", "test/1.jpg"), LabelsFrom.AUTO)


def test_a_folder_to_test_on_whose_names_tell_the_labels_of_others_is_named_where_these_differ() -> None:
    inside = [f"photos/{label}/pic_{number}.jpg" for label in ("abe", "bart") for number in range(2)]
    says = "`labels_from` names or folders. 'kaggle_testset' is called as a folder to test on: if it is one, first move"
    with pytest.raises(ImagesError, match=re.escape(says)):
        with_targets(images_at(*inside, "kaggle_testset/abe_0.jpg"), LabelsFrom.AUTO, is_training=True)


@pytest.mark.parametrize(
    ("bare", "advice"),
    [
        (
            "Test/0001.jpg",
            "by its folder. If 'Test' is a label, call that folder otherwise, else move it elsewhere, or",
        ),
        ("val/ILSVRC2012_val_1.JPEG", "by its folder. If 'val' is a label, call that folder otherwise, else move it"),
        ("0001.jpg", "by its folder. Move these into folders of their labels or elsewhere, or name a `labels_file`."),
    ],
)
def test_a_photo_that_lacks_the_label_that_others_have_is_named_and_where_it_lies(bare: str, advice: str) -> None:
    labelled = [f"{label}/{number}.jpg" for label in ("Cover", "JMiPOD", "UERD") for number in range(3)]
    with pytest.raises(ImagesError) as refused:
        with_targets(images_at(*labelled, bare), LabelsFrom.AUTO, is_training=True)
    assert f"'UERD' for 9 of 10 images; {bare!r} has no label {advice}" in str(refused.value)


def test_a_photo_in_a_test_folder_that_lacks_the_label_of_others_names_is_named() -> None:
    says = "the folders none; 'test/1.jpg' has no label by its name. If 'test' is a label, call that folder"
    with pytest.raises(ImagesError, match=re.escape(says)):
        with_targets(images_at("train/cat.1.jpg", "train/dog.2.jpg", "test/1.jpg"), LabelsFrom.AUTO)
