import re
import unicodedata

import pytest

from scoring.errors import ImagesError
from scoring.finetuning.photo_split import check_folds
from scoring.sources import splits
from scoring.sources.entries import ImageEntry, LeftOut, Listing
from scoring.sources.splits import Split, find_splits, leave_out_test
from scoring.sources.targets import LabelsFrom, with_targets
from tests.labelled_paths import auto_targets, images_at, targets_of


def _splits(*paths: str) -> list[Split | None]:
    images = images_at(*paths)
    return list(map(find_splits(images), images))


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (("normal/images/IM-1.png", "normal/images/NORMAL-2.png", "ill/images/IM-3.png"), "'IM' or 'normal'"),
        (("a_train/sick/x/IMG_1.jpg", "a_train/well/x/DSC_2.jpg", "a_test/well/x/IMG_3.jpg"), "'IMG' or 'sick'"),
        (("sick/x/IMG_1.jpg", "well/x/DSC_2.jpg", "IMG_3.jpg"), "'IMG' or 'sick'"),
        (("cat/train/IMG_1.jpg", "dog/train/DSC_2.jpg", "dog/valid/DSC_3.jpg"), "'IMG' or 'cat'"),
        (("MT_Crack/Imgs/exp1_num_1.jpg", "MT_Free/Imgs/exp2_num_2.jpg"), "'exp1_num' or 'MT_Crack'"),
        (("class_0/images/a_1.jpg", "class_1/images/a_2.jpg", "class_1/images/b_3.jpg"), "'a' or 'class_0'"),
        (("cats/a.tar/IMG_1.jpg", "dogs/b.tar/DSC_2.jpg"), "'IMG' or 'cats'"),
        (("cats/a.tar/x/IMG_1.jpg", "dogs/b.tar/x/DSC_2.jpg"), "'IMG' or 'cats'"),
    ],
)
def test_names_below_folders_that_may_be_labels_are_asked_about(paths: tuple[str, ...], said: str) -> None:
    images = images_at(*paths)
    for is_training in (True, False):
        with pytest.raises(ImagesError, match=f"{paths[0]!r} may be of {said}. If the names.*`labels_from` names"):
            with_targets(images, LabelsFrom.AUTO, is_training=is_training)
    assert len(set(targets_of(with_targets(images, LabelsFrom.NAMES, is_training=True)))) == 2


@pytest.mark.parametrize("top", ["", "photos/", "train/"])
@pytest.mark.parametrize("names", [("IMG", "DSC"), ("_MG", "pict", "Screenshot"), ("P", "WhatsApp Image")])
def test_names_that_tell_cameras_alone_tell_no_label(names: tuple[str, ...], top: str) -> None:
    images = images_at(*(f"{top}{name}_{number}.jpg" for number in range(2) for name in names))
    first = sorted(names)[0]
    for is_training in (True, False):
        with pytest.raises(ImagesError, match=f"tell cameras or programs, {first!r}.*name `labels_from` names"):
            with_targets(images, LabelsFrom.AUTO, is_training=is_training)
    told = with_targets(images, LabelsFrom.NAMES, is_training=True)
    assert targets_of(told) == [*names] * 2, "but where the user says so"


@pytest.mark.parametrize("top", ["", "DCIM/", "train/"])
def test_folders_that_cameras_make_tell_no_label(top: str) -> None:
    images = images_at(
        *(f"{top}{folder}/IMG_{number}.jpg" for number in range(2) for folder in ("100CANON", "101_PANA"))
    )
    with pytest.raises(ImagesError, match=r"tell cameras or programs, '100CANON'.*name `labels_from` folders"):
        with_targets(images, LabelsFrom.AUTO)
    assert targets_of(with_targets(images, LabelsFrom.FOLDERS)) == ["100CANON", "101_PANA"] * 2


def test_words_of_cameras_beside_other_labels_are_labels_and_below_folders_of_labels_are_none() -> None:
    assert auto_targets("photo.1.jpg", "screenshot.2.jpg") == ["photo", "screenshot"]
    assert auto_targets("p.1.jpg", "n.2.jpg") == ["p", "n"]
    assert auto_targets("cats/IMG_1.jpg", "dogs/IMG_2.jpg") == ["cats", "dogs"]


@pytest.mark.parametrize(
    "folders",
    [
        ("train/images", "valid/images"),
        ("COVID/images", "NORMAL/images"),
        ("fold1/images", "fold2/images"),
        ("2021/train", "2022/train"),
        ("x/images", "x/x/images"),
        ("shards/a.tar", "shards/b.tar"),
        ("d/train/a.tar", "d/valid/b.tar"),
        ("part0/a.tar", "part1/b.tar"),
        ("a.tar/a/images", "b.tgz/b/images"),
        (".", "more/deep"),
    ],
)
def test_names_below_folders_that_are_no_labels_or_the_same_are_taken(folders: tuple[str, str]) -> None:
    labels = ("COVID", "Normal")
    paths = [f"{folder}/{label}-{number}.png" for number, folder in enumerate(folders) for label in labels]
    if folders[0] == "COVID/images":
        paths = [paths[0], paths[3]]
    assert auto_targets(*(path.removeprefix("./") for path in paths)) == [*labels] * (len(paths) // 2)


@pytest.mark.parametrize("name", ["validate", "validating", "Validations", "vali", "validate_data"])
def test_words_that_tell_a_split_beside_a_training_folder_alone_tell_those_to_validate_on(name: str) -> None:
    for path in ("cats/{}.jpg", "cat.{}.jpg"):
        both = _splits(
            *(f"{folder}/{path.format(number)}" for folder in ("train", name, "tests") for number in range(2))
        )
        assert both == [Split.TRAIN, Split.TRAIN, Split.VALIDATION, Split.VALIDATION, Split.TEST, Split.TEST]
    assert _splits(f"{name}/1.jpg", "tests/1.jpg", "other/1.jpg") == [None] * 3


def test_splits_are_told_by_folders_and_test_photos_beside_training_ones_are_left_out() -> None:
    layout = images_at("d/train/cats/1.jpg", "d/valid/dogs/2.jpg", "d/test1/3.jpg")
    assert list(map(find_splits(layout), layout)) == [Split.TRAIN, Split.VALIDATION, Split.TEST]
    hidden = LeftOut("hidden", 2, (".1", ".2"))
    kept = leave_out_test(Listing(layout, (hidden,)))
    assert targets_of(list(with_targets(kept.images, LabelsFrom.AUTO))) == ["cats", "dogs"]
    assert kept.left_out == (hidden, LeftOut("in a test folder beside a training folder", 1, ("d/test1/3.jpg",)))
    alone = Listing(images_at("test/cats/1.jpg", "test/dogs/2.jpg"))
    assert leave_out_test(alone) == alone


@pytest.mark.parametrize(("learned", "test"), [("dev", "test"), ("val", "test1"), ("validation", "testing")])
def test_test_photos_beside_those_to_validate_on_are_left_out_too(learned: str, test: str) -> None:
    paths = [f"{split}/{label}/{n}.jpg" for split in (learned, test) for label in ("cat", "dog") for n in range(2)]
    assert _kept(*paths) == {path: path.split("/")[1] for path in paths[:4]}
    kept = leave_out_test(Listing(images_at(*paths)))
    assert kept.left_out == (LeftOut("in a test folder beside a validation folder", 4, tuple(paths[4:])),)


def _kept(*paths: str) -> dict[str, str | None]:
    """What `finetune` takes, with the targets."""
    kept = leave_out_test(Listing(images_at(*paths))).images
    images = with_targets(kept, LabelsFrom.AUTO, images_at(*paths), is_training=True)
    return {image.path: image.target for image in images}


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("asl_alphabet_train", "asl_alphabet_test"),
        ("training_set/training_set", "test_set/test_set"),
        ("training", "evaluation"),
        ("train", "eval"),
        ("Training Images", "Test Images"),
        ("TrainSet", "HoldoutSet"),
        ("train2017", "test2017"),
        ("trainset", "testset"),
        ("train", "test_stg1/test_stg1"),
        ("train_images", "test"),
        ("train.tar", "test_images"),
        ("home/test/x/train_data", "home/test/x/test_data"),
        ("trainval", "test"),
        ("train_val", "test_images"),
        ("train+val", "test"),
        ("d/TrainValid.tar", "d/Test.tar"),
    ],
)
def test_test_folders_called_as_those_to_train_on_are_no_labels_and_are_left_out(train: str, test: str) -> None:
    trained = {f"{train}/{label}/{number}.jpg": label for label in ("cats", "dogs") for number in range(2)}
    assert _kept(*trained, f"{test}/cats/7.jpg", f"{test}/dogs/8.jpg") == trained
    assert _kept(*trained, f"{test}/cat_7.jpg", f"{test}/8.jpg") == trained
    with pytest.raises(ImagesError, match=f"1 of 5 images are not so: '{test}/8.jpg'"):
        with_targets(images_at(*trained, f"{test}/8.jpg"), LabelsFrom.FOLDERS, is_training=True)


@pytest.mark.parametrize("test", ["public_test", "test_b", "hidden-test"])
def test_a_test_folder_of_any_other_word_is_left_out_beside_those_to_train_and_to_validate_on(test: str) -> None:
    """As of iNaturalist 2021, whose others are `train_mini` and `val`."""
    trained = {f"{split}/{label}/1.jpg": label for split in ("train_mini", "val") for label in ("cats", "dogs")}
    assert _kept(*trained, f"{test}/1.jpg", f"{test}/2.jpg") == trained


def test_flat_test_folders_called_as_those_to_train_on_are_left_out() -> None:
    trained = {"training_set/cat.1.jpg": "cat", "training_set/dog.2.jpg": "dog"}
    assert _kept(*trained, "test_set/cat.3.jpg", "test_set/dog.4.jpg") == trained
    assert _splits("trainA/1.jpg", "trainB/1.jpg", "testA/1.jpg", "valB/1.jpg") == [
        Split.TRAIN,
        Split.TRAIN,
        Split.TEST,
        Split.VALIDATION,
    ]


@pytest.mark.parametrize(
    "labels",
    [
        ("test_tube", "flask"),
        ("bullet_train", "test_tube", "eval_board"),
        ("toy train", "test tube", "valid coin"),
        ("dev_board", "test_board"),
        ("evaluation", "invoice", "letter"),
        ("eval", "train_ticket", "test_kitchen"),
        ("holdout", "other"),
        ("rapid_test", "other test"),
    ],
)
def test_words_of_labels_are_no_splits(labels: tuple[str, ...]) -> None:
    for top in ("", "d/train/", "train/"):
        photos = {f"{top}{label}/{number}.jpg": label for label in labels for number in range(2)}
        assert _kept(*photos) == photos
    assert _splits(*(f"{label}/1.jpg" for label in labels)) == [None] * len(labels)


@pytest.mark.parametrize("splits", [("train", "test"), ("d/train", "d/valid"), ("train", "val", "test")])
@pytest.mark.parametrize("labels", [("invalid", "valid"), ("control", "test"), ("bus", "train"), ("dev", "a", "b")])
def test_a_label_called_as_a_split_is_one_below_two_splits(splits: tuple[str, ...], labels: tuple[str, ...]) -> None:
    photos = {f"{split}/{label}/{n}.jpg": label for split in splits for label in labels for n in range(2)}
    kept = {path: label for path, label in photos.items() if not path.startswith("test")}
    assert _kept(*photos) == kept
    check_folds([ImageEntry(path, path, 1, target=label) for path, label in kept.items()], None, seed=0)
    assert targets_of(with_targets(images_at(*photos), LabelsFrom.AUTO)) == list(photos.values())


def test_a_label_called_train_is_one_below_two_splits() -> None:
    labels = ("bus", "car", "train")
    for train, test in (("train", "test"), ("train/train", "test/test"), ("c/train", "c/valid")):
        split = [f"{split}/{label}/0.png" for split in (train, test) for label in labels]
        for is_training in (True, False):
            assert (
                targets_of(with_targets(images_at(*split), LabelsFrom.AUTO, is_training=is_training)) == [*labels] * 2
            )
    split = [f"{split}/{label}/0.png" for split in ("train", "test") for label in labels]
    assert _splits(*split) == [Split.TRAIN] * 3 + [Split.TEST] * 3
    assert list(_kept(*split).values()) == list(labels)
    with pytest.raises(
        ImagesError, match=r"'train/0\.png'\. If 'train' is a label, call that folder otherwise, or name"
    ):
        with_targets(images_at(*(f"{label}/0.png" for label in labels)), LabelsFrom.FOLDERS)
    named = [f"{split}/{folder}/{label}.1.jpg" for split in ("train", "test") for folder in labels for label in "ab"]
    assert auto_targets(*named) == ["a", "b"] * 6


@pytest.mark.parametrize("is_training", [True, False])
@pytest.mark.parametrize(
    "others",
    [
        ("test_stg1", "test_stg2"),
        ("test_public", "test_private"),
        ("masks", "depth"),
        ("unlabeled", "extra"),
        ("bus", "car"),
        ("test", "more", "other"),
        ("train_extra", "more"),
        ("val_a", "val_b"),
    ],
)
@pytest.mark.parametrize("top", ["", "train/", "x/"])
def test_photos_right_in_a_training_folder_are_never_of_a_label_train(
    top: str, others: tuple[str, ...], is_training: bool
) -> None:
    named = [f"{top}train/{label}.1.jpg" for label in ("cat", "dog")]
    paths = [*named, *(f"{top}{other}/{number}.jpg" for other in others for number in range(2))]
    for labels_from in LabelsFrom:
        with pytest.raises(ImagesError, match=r"two labels|are not so"):
            with_targets(images_at(*paths), labels_from, is_training=is_training)
    all_named = images_at(
        *(f"{top}{folder}/{label}.1.jpg" for folder in ("train", *others) for label in ("cat", "dog"))
    )
    if is_training and "test" in others:
        with pytest.raises(ImagesError, match="4 of 8 images lie beside these"):
            with_targets(all_named, LabelsFrom.AUTO, is_training=is_training)
        return
    targets = targets_of(with_targets(all_named, LabelsFrom.AUTO, is_training=is_training))
    assert targets == ["cat", "dog"] * (1 + len(others))
    with pytest.raises(ImagesError, match=f"images are not so: '{top}train/cat"):
        with_targets(all_named, LabelsFrom.FOLDERS, is_training=is_training)


_BESIDE = [
    ("seg_train/seg_train", "seg_test/seg_test", "seg_pred/seg_pred/7.jpg"),
    ("dataset/training_set", "dataset/test_set", "dataset/single_prediction/cat_or_dog_1.jpg"),
    ("train", "valid", "unlabelled/8.jpg"),
    ("train_images", "test", "extra/8.jpg"),
]


def _of_cats_and_dogs(*folders: str) -> list[str]:
    return [
        f"{folder}/{label}s/{label}.{number}.jpg" for folder in folders for label in ("cat", "dog") for number in (0, 1)
    ]


@pytest.mark.parametrize("labels_from", [LabelsFrom.AUTO, LabelsFrom.FOLDERS])
@pytest.mark.parametrize(("train", "test", "beside"), _BESIDE)
def test_a_folder_of_photos_beside_those_of_splits_is_no_label_to_train(
    train: str, test: str, beside: str, labels_from: LabelsFrom
) -> None:
    paths = [*_of_cats_and_dogs(train, test), beside]
    says = f"1 of 5 images lie beside these: '{beside}'|'cat_or_dog' lies in 'single_prediction'"
    with pytest.raises(ImagesError, match=says):
        with_targets(images_at(*paths[:4], beside), labels_from, images_at(*paths), is_training=True)


def test_photos_beside_those_to_train_and_to_validate_on_may_be_drawn_with_them_if_they_are_of_their_labels() -> None:
    paths = _of_cats_and_dogs("train", "valid")
    assert len(_kept(*paths, "more/cats/8.jpg", "more/dogs/9.jpg")) == len(paths) + 2
    assert len(_kept(*paths, "cat.8.jpg")) == len(paths) + 1


@pytest.mark.parametrize(
    ("split", "beside"),
    [
        (("train/good/{}.png", "test/good/{}.png", "test/bent/{}.png"), "ground_truth/bent/{}_mask.png"),
        (("b/train/cat/{}.jpg", "b/train/dog/{}.jpg", "b/test/cat/{}.jpg"), "b/masks/cat/{}.png"),
        (("c/c/train/ok/{}.jpg", "c/c/train/bad/{}.jpg", "c/c/test/ok/{}.jpg"), "c_512/c_512/ok/{}.jpg"),
        (("train/cat.{}.jpg", "train/dog.{}.jpg", "test/{}.jpg"), "extra/fox.{}.jpg"),
        (("train/cat.{}.jpg", "train/dog.{}.jpg", "test/cat.{}.jpg"), "masks/cat.{}.png"),
        (("train/cat.{}.jpg", "train/dog.{}.jpg", "valid/cat.{}.jpg"), "extra/fox.{}.png"),
        (("train/cat.{}.jpg", "train/dog.{}.jpg", "test/{}.jpg"), "cat.{}.jpg"),
        (("train-0.tar/cat.{}.jpg", "train-0.tar/dog.{}.jpg", "test-0.tar/{}.jpg"), "more.tar/cat.{}.jpg"),
    ],
)
def test_photos_in_no_split_are_not_trained_on_however_deep_they_lie_and_whatever_they_are_called(
    split: tuple[str, ...], beside: str
) -> None:
    paths = [path.format(number) for path in split for number in range(2)]
    with pytest.raises(ImagesError, match=f"2 of . images lie beside these: '{beside.format(0)}'.*the folder to train"):
        _kept(*paths, *(beside.format(number) for number in range(2)))
    if split[0] != "train/good/{}.png":
        assert set(_kept(*paths).values()) in ({"cat", "dog"}, {"ok", "bad"})


@pytest.mark.parametrize(
    ("photo", "mask"),
    [
        ("{}/{} (1).png", "{}/{} (1)_mask.png"),
        ("{}/{} (1).png", "{}/{} (1)_mask_1.png"),
        ("{}/ISIC_{}7.jpg", "{}/ISIC_{}7_segmentation.png"),
        ("{}/{}7.jpg", "{}/{}7-seg.png"),
        ("{}/JPEGImages/{}7.jpg", "{}/SegmentationClass/{}7.png"),
        ("{}/images/{}-1.png", "{}/masks/{}-1.png"),
        ("images/{}_1.jpg", "annotations/trimaps/{}_1.png"),
        ("images/{}/{}x.jpg", "Masks/{}/{}x_mask.png"),
        ("train/{}/{}x.jpg", "train/masks/{}/{}x.png"),
        ("images.tar/{}/1.jpg", "masks.tar/{}/1.png"),
        ("{}/images/{}x.png", "{}/masks/{}x.png"),
    ],
)
def test_masks_of_photos_are_refused_to_train_on(photo: str, mask: str) -> None:
    paths = [path.format(label, label) for path in (photo, mask) for label in ("benign", "malignant")]
    images = images_at(*paths)
    told = 0
    for labels_from in LabelsFrom:
        try:
            with_targets(images, labels_from)
        except ImagesError:
            continue
        told += 1
        with pytest.raises(ImagesError, match=f"2 of 4 images are masks of others, as {re.escape(repr(paths[2]))} of"):
            with_targets(images, labels_from, is_training=True)
    assert told, "some way to read labels takes the masks too"


@pytest.mark.parametrize(
    "paths",
    [
        ("mask/1.jpg", "no_mask/1.jpg", "Masks/2.jpg"),
        ("with_mask/1.jpg", "without_mask/1.jpg"),
        ("ski/1.jpg", "ski_mask/1.jpg", "mask/1.jpg"),
        ("photos/1.jpg", "labels/1.jpg", "forms/1.jpg"),
        ("cat/1.jpg", "cat/1_1.jpg", "cat/1_crop.jpg", "cat/1_thumb.jpg", "dog/1.jpg"),
        ("cat/1.jpg", "dog/1_mask.jpg"),
        ("cat/7_mask.jpg", "dog/7_mask.jpg", "dog/seg.jpg"),
        ("face.1.jpg", "face_mask.1.jpg"),
        ("images/cat/1.jpg", "images/dog/1.jpg", "images/dog/2.jpg"),
        ("a/masks/cat/1.jpg", "a/masks/dog/1.jpg"),
        (*(f"cat/{number}.jpg" for number in range(200)), "dog/bottle.jpg", "dog/bottle_label.jpg"),
        (*(f"ann/{number}.jpg" for number in range(20)), "bob/0.jpg", "bob/0_mask.jpg"),
        ("wine/0.jpg", "wine/0_label.jpg", "car/golf.jpg", "car/golf_gt.jpg"),
    ],
)
def test_photos_that_are_called_like_masks_and_are_none_are_trained_on(paths: tuple[str, ...]) -> None:
    assert len(with_targets(images_at(*paths), LabelsFrom.AUTO, is_training=True)) == len(paths)


@pytest.mark.parametrize(
    "folder",
    ["no_label", "_unlabeled", "Unlabelled", "not-labeled", "no labels", "unannotated_images", "data/unlabeled/2021"],
)
@pytest.mark.parametrize("labels_from", [LabelsFrom.AUTO, LabelsFrom.FOLDERS])
def test_a_folder_of_photos_without_a_label_is_no_label_to_train_on(folder: str, labels_from: LabelsFrom) -> None:
    images = images_at("data/cat/1.jpg", "data/dog/2.jpg", f"{folder}/3.jpg", f"{folder}/4.jpg")
    told = rf"photos with labels to train on; 2 of 4 lie .*'{folder}/3.jpg'\. Move them elsewhere; if that is a label"
    with pytest.raises(ImagesError, match=told):
        with_targets(images, labels_from, is_training=True)
    assert len(set(targets_of(with_targets(images, LabelsFrom.FOLDERS)))) == 3


@pytest.mark.parametrize(
    "folders",
    [
        ("healthy", "sick", "pseudo_labeled", "unlabeled"),
        ("cat", "dog", "wrong_label", "no_label"),
        ("cat", "dog", "owl", "mis-labelled", "to label", "unlabelled"),
        ("cat", "dog", "label", "unlabelled"),
    ],
)
def test_a_folder_of_doubtful_labels_makes_no_class_of_photos_without(folders: tuple[str, ...]) -> None:
    with pytest.raises(ImagesError, match=rf"1 of {len(folders)} lie where those without one do, such as"):
        with_targets(images_at(*(f"{folder}/1.jpg" for folder in folders)), LabelsFrom.AUTO, is_training=True)


@pytest.mark.parametrize(
    "paths",
    [
        ("unlabeled/cat/1.jpg", "unlabeled/dog/2.jpg"),
        ("label/1.jpg", "no_label/2.jpg"),
        ("unlabeled/1.jpg", "Labeled/2.jpg"),
        ("unknown/1.jpg", "none/2.jpg", "unsorted/3.jpg"),
        ("label/1.jpg", "label_torn/2.jpg"),
        ("no_label/1.jpg", "good_label/2.jpg", "misaligned_label/3.jpg", "ok/4.jpg"),
        ("Not-Labeled/1.jpg", "Well-Labeled/2.jpg"),
        ("no_labels/1.jpg", "torn labels/2.jpg"),
        ("label/1.jpg", "wrong_label/2.jpg", "no_label/3.jpg"),
        ("ok/1.jpg", "label/2.jpg", "half label/3.jpg", "no_label/4.jpg"),
    ],
)
def test_what_may_be_a_label_or_is_the_folder_of_all_is_trained_on(paths: tuple[str, ...]) -> None:
    assert len(set(targets_of(with_targets(images_at(*paths), LabelsFrom.AUTO, is_training=True)))) == len(paths)


@pytest.mark.parametrize("other", ["data_labelled", "train_labels"])
def test_folders_of_labels_within_which_classes_lie_make_no_class_of_photos_without(other: str) -> None:
    images = images_at(f"{other}/cat/1.jpg", f"{other}/dog/2.jpg", "unlabeled/3.jpg")
    with pytest.raises(ImagesError, match="1 of 3 lie where those without one do"):
        with_targets(images, LabelsFrom.FOLDERS, is_training=True)


def test_names_that_say_that_there_is_no_label_are_none_to_train_on() -> None:
    with pytest.raises(ImagesError, match=r"1 of 3 lie where those without one do, such as 'unlabeled\.3\.jpg'"):
        with_targets(images_at("cat.1.jpg", "dog.2.jpg", "unlabeled.3.jpg"), LabelsFrom.AUTO, is_training=True)


@pytest.mark.parametrize(
    "name", ["HAM10000_images_part_{}", "batch{}", "Fold {}", "data/chunk-{:03}", "b/train_Split{}"]
)
def test_folders_that_are_called_as_parts_of_a_collection_are_asked_about(name: str) -> None:
    images = images_at(*(f"{name.format(number)}/{number}{n}.jpg" for number in (1, 2, 3) for n in "ab"))
    with pytest.raises(ImagesError, match="are called as parts of one collection"):
        with_targets(images, LabelsFrom.AUTO, is_training=True)
    for labels_from, is_training in ((LabelsFrom.FOLDERS, True), (LabelsFrom.AUTO, False)):
        assert len(set(targets_of(with_targets(images, labels_from, is_training=is_training)))) == 3


def test_folders_of_images_parts_are_asked_about_beside_another() -> None:
    images = images_at(*(f"HAM10000_images_part_{number}/{number}.jpg" for number in (1, 2)), "ISIC2018_Images/3.jpg")
    with pytest.raises(ImagesError, match="'HAM10000_images_part_1', 'HAM10000_images_part_2' are called as parts"):
        with_targets(images, LabelsFrom.AUTO, is_training=True)


@pytest.mark.parametrize(
    "labels",
    [
        ("grade1", "grade2"),
        ("stage 1", "stage 2"),
        ("part", "whole"),
        ("part1", "part2"),
        ("level_1", "level_3"),
        ("Type_1", "Type_2"),
        ("c0", "c1"),
        ("counterpart 1", "counterpart 2"),
        ("batch1", "batch2", "other"),
        ("spare_part_1", "engine_part_1"),
        ("0", "1"),
    ],
)
def test_numbered_labels_are_labels(labels: tuple[str, ...]) -> None:
    images = images_at(*(f"{label}/{number}x.jpg" for label in labels for number in range(2)))
    assert set(targets_of(with_targets(images, LabelsFrom.AUTO, is_training=True))) == set(labels)


def test_photos_of_one_name_in_several_folders_are_trained_on_by_their_names() -> None:
    images = images_at(*(f"{day}/{label}.1.jpg" for day in ("day1", "day2", "images") for label in ("cat", "dog")))
    assert targets_of(with_targets(images, LabelsFrom.NAMES, is_training=True)) == ["cat", "dog"] * 3


@pytest.mark.parametrize("labels_from", [LabelsFrom.AUTO, LabelsFrom.FOLDERS])
@pytest.mark.parametrize("beside", ["unlabelled", "pred/pred", "my_photos", "animals/wolf", "u-0.tar/u"])
@pytest.mark.parametrize("split", ["train", "Training", "data/train", "valid", "test", "train-0.tar"])
def test_a_folder_of_photos_beside_a_single_split_of_several_labels_is_no_label_to_train(
    split: str, beside: str, labels_from: LabelsFrom
) -> None:
    inside = [f"{split}/{label}/{number}.jpg" for label in ("cat", "dog") for number in range(2)]
    top = "data/" if split.startswith("data/") else ""
    says = rf"1 of 5 images lie beside these: '{top}{beside}/7.jpg'.*If the one such folder is that of a label, call it"
    with pytest.raises(ImagesError, match=says):
        with_targets(images_at(*inside, f"{top}{beside}/7.jpg"), labels_from, is_training=True)
    named = [f"{split}/{label}.{number}.jpg" for label in ("cat", "dog") for number in range(2)]
    with pytest.raises(ImagesError, match="1 of 5 images lie beside these"):
        with_targets(images_at(*named, f"{top}{beside}/img.7.jpg"), LabelsFrom.NAMES, is_training=True)


@pytest.mark.parametrize(("train", "test", "beside"), [*_BESIDE, ("train", "valid", "eval/9.jpg")])
def test_a_folder_of_photos_beside_those_of_splits_is_scored_as_it_is_called(
    train: str, test: str, beside: str
) -> None:
    images = with_targets(images_at(*_of_cats_and_dogs(train, test), beside), LabelsFrom.FOLDERS)
    assert targets_of(images) == ["cats", "cats", "dogs", "dogs"] * 2 + [beside.split("/")[-2]]


@pytest.mark.parametrize(
    "folders",
    [
        ("bus", "car", "train/steam"),
        ("train_station", "tower", "test_kitchen"),
        ("evaluation", "train_ticket", "invoice"),
        ("train/cats", "train/dogs", "more/cats", "more/dogs"),
    ],
)
def test_folders_beside_one_that_is_called_as_to_train_on_are_labels_where_no_other_is_a_split(
    folders: tuple[str, ...],
) -> None:
    photos = {f"v/{folder}/{number}.jpg": folder.split("/")[-1] for folder in folders for number in range(2)}
    assert _kept(*photos) == photos


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (
            ("cat/2021/1.jpg", "cat/2022/2.jpg", "dog/2021/1.jpg"),
            "'cat/2021/1.jpg' may be of '2021' or 'cat', and 'dog/",
        ),
        (("sick/p0/1.jpg", "well/p1/1.jpg"), "'p0' or 'sick'"),
        (("d/train/sick/p0/1.jpg", "d/train/well/p1/1.jpg"), "'p0' or 'sick'"),
        (
            ("ok/x/a/40X/1.jpg", "bad/x/b/40X/1.jpg", "bad/x/b/100X/1.jpg"),
            "'40X' or 'a' or 'x' or 'ok', and 'bad/x/b/40X",
        ),
        (("beach/1.jpg", "church/outdoor/1.jpg", "house/outdoor/1.jpg"), "'outdoor' or 'church', and 'beach/1.jpg'"),
        (("cats/1.jpg", "cats/New folder/2.jpg", "dogs/3.jpg"), "'New folder' or 'cats'"),
        (("tower/1.jpg", "train_station/hall/2.jpg", "train_station/platform/3.jpg"), "'hall' or 'train_station'"),
        (("class0/day1/1.jpg", "class0/day2/2.jpg", "class1/day1/3.jpg"), "'day1' or 'class0'"),
        (("0/ann/1.jpg", "0/bob/2.jpg", "1/ann/3.jpg"), "'ann' or '0'"),
        (("grade_0/023/1.jpg", "grade_0/024/2.jpg", "grade_1/001/3.jpg"), "'023' or 'grade_0'"),
        (("class_0/1/1.jpg", "class_0/2/2.jpg", "class_1/1/3.jpg"), "'1' or 'class_0'"),
        (("train/KL2/left/1.jpg", "train/KL3/left/2.jpg", "valid/KL2/right/3.jpg"), "'left' or 'KL2'"),
        (("label=0/12/1.jpg", "label=2/14/2.jpg"), "'12' or 'label=0'"),
        (("2019/ann/1.jpg", "2020/bob/2.jpg"), "'ann' or '2019'"),
        (("cat/1.png", "dog/1.png", "scans/cat/1.jpg", "scans/dog/1.jpg"), "'cat' or 'scans'"),
        (("a.tar/cats/in/1.jpg", "a.tar/dogs/in/2.jpg", "a.tar/dogs/out/2.jpg"), "'in' or 'cats'"),
        (("train/cats/1.jpg", "animals/wolf/1.jpg"), "'wolf' or 'animals'"),
    ],
)
def test_folders_on_two_levels_that_may_be_labels_are_asked_about(paths: tuple[str, ...], said: str) -> None:
    images = images_at(*paths)
    for is_training in (True, False):
        with pytest.raises(ImagesError, match=f"{said}.*innermost folders are the labels, name `labels_from` folders"):
            with_targets(images, LabelsFrom.AUTO, is_training=is_training)
    innermost = [path.split("/")[-2] for path in paths]
    assert targets_of(with_targets(images, LabelsFrom.FOLDERS, is_training=True)) == innermost


@pytest.mark.parametrize(
    "paths",
    [
        ("fold0/cat/1.jpg", "fold0/dog/2.jpg", "fold1/cat/3.jpg"),
        ("10253/0/1.png", "10253/1/2.png", "10254/0/3.png"),
        ("2021/cat/1.jpg", "2021/dog/2.jpg", "2022/cat/3.jpg"),
        ("part1/cat/1.jpg", "part2/dog/2.jpg"),
        ("train1/cat/1.jpg", "train2/dog/2.jpg"),
        ("images_001/n000001/1.jpg", "images_002/n000002/2.jpg"),
        ("hsf_0/4a/1.png", "hsf_1/4a/2.png", "hsf_1/4b/3.png"),
        ("Camera 1/train/c0/1.jpg", "Camera 1/train/c1/2.jpg", "Camera 2/train/c0/3.jpg"),
        ("patient_1/benign/1.jpg", "patient_2/benign/2.jpg", "patient_2/malignant/3.jpg"),
        ("rose/rose/1.jpg", "daisy/2.jpg"),
        ("daisy/1.jpg", "rose/2.jpg", "flowers/daisy/1.jpg", "flowers/rose/2.jpg"),
        ("x/train/cat/1.jpg", "x/valid/dog/2.jpg", "x/x/train/cat/1.jpg", "x/x/valid/dog/2.jpg"),
        ("train/cats/1.jpg", "valid/dogs/2.jpg", "sample/train/cats/1.jpg", "sample/valid/dogs/2.jpg"),
    ],
)
def test_numbered_folders_and_copies_above_the_labels_are_not_asked_about(paths: tuple[str, ...]) -> None:
    found = with_targets(images_at(*paths), LabelsFrom.AUTO, is_training=False)
    assert targets_of(found) == [path.split("/")[-2] for path in paths]


@pytest.mark.parametrize(
    "tops",
    [
        ("photos",),
        ("train", "valid"),
        ("train/train", "valid/valid"),
        ("d/seg_train/seg_train", "d/seg_valid/seg_valid"),
        ("train/train_images", "valid/validation_images"),
        ("train/images", "valid/images"),
        ("train", "cv"),
        ("train/train", "more/cv"),
        ("a.tar", "b.tar"),
        ("part-a.tar/part-a", "part-b.tgz/part-b"),
        ("2025/a.tar", "2026/b.tar"),
        ("train.tar/train", "valid.tar/valid"),
    ],
)
def test_folders_of_splits_and_archives_above_the_labels_are_not_asked_about(tops: tuple[str, ...]) -> None:
    images = images_at(*(f"{top}/{label}/1.jpg" for top in tops for label in ("cats", "dogs")))
    for is_training in (True, False):
        assert targets_of(with_targets(images, LabelsFrom.AUTO, is_training=is_training)) == ["cats", "dogs"] * len(
            tops
        )


class _Compared(tuple[str, ...]):
    """Words that count how often they are compared."""

    times = 0

    def __eq__(self, other: object) -> bool:
        _Compared.times += 1
        return super().__eq__(other)

    __hash__ = tuple.__hash__


def test_splits_of_many_tars_are_told_without_comparing_each_with_each(monkeypatch: pytest.MonkeyPatch) -> None:
    def word_of_split(name: str) -> tuple[Split, tuple[str, ...]]:
        return (Split.TRAIN if name.startswith("train") else Split.VALIDATION), _Compared()

    monkeypatch.setattr(splits, "word_of_split", word_of_split)
    names = [f"{split}-{number:04d}.tar" for split in ("train", "val") for number in range(300)]
    assert _splits(*(f"{name}/1.jpg" for name in names)) == [Split.TRAIN] * 300 + [Split.VALIDATION] * 300
    assert _Compared.times < 10 * len(names)


@pytest.mark.parametrize(
    "paths",
    [
        ("cats/a.tar/x/1.jpg", "cats/a.tar/y/2.jpg", "dogs/b.tar/x/3.jpg"),
        ("train/cats/a.tgz/images/1.jpg", "train/dogs/b.TAR.gz/photos/3.jpg"),
        ("2025/a.tar/cats/1.jpg", "2026/a.tar/dogs/1.jpg"),
        ("n01440764/a.tar/x/1.jpg", "n01440764/a.tar/y/2.jpg", "n01443537/b.tar/x/3.jpg"),
        ("2025/a.tar/x/1.jpg", "2025/a.tar/y/2.jpg", "dogs/b.tar/x/3.jpg"),
        ("cats/1/a.tar/x/1.jpg", "cats/1/a.tar/y/2.jpg", "dogs/1/b.tar/x/3.jpg"),
    ],
)
def test_folders_of_tars_and_others_inside_them_are_asked_about(paths: tuple[str, ...]) -> None:
    for labels_from in (LabelsFrom.FOLDERS, LabelsFrom.AUTO):
        with pytest.raises(ImagesError, match=rf"either the folders of tars or those inside .* {paths[0]!r} has both"):
            with_targets(images_at(*paths), labels_from)


@pytest.mark.parametrize(
    ("paths", "targets"),
    [
        (("shards/a.tar/cats/1.jpg", "shards/b.tar/dogs/2.jpg"), ["cats", "dogs"]),
        (("d/train/a.tar/cats/1.jpg", "d/valid/b.tar/dogs/2.jpg"), ["cats", "dogs"]),
        (("cats/a.tar/cat/1.jpg", "dogs/b.tar/dog/2.jpg"), ["cat", "dog"]),
        (("a.tar/cats/1.jpg", "more/b.tar/dogs/2.jpg"), ["cats", "dogs"]),
        (("2025/a.tar/cats/1.jpg", "2025/a.tar/dogs/2.jpg", "2026/b.tar/dogs/3.jpg"), ["cats", "dogs", "dogs"]),
        (("x/part0/a.tar/n0/1.jpg", "x/part0/a.tar/n1/2.jpg", "x/part1/b.tar/n1/3.jpg"), ["n0", "n1", "n1"]),
    ],
)
def test_folders_inside_tars_tell_the_label_where_those_of_the_tars_tell_none(
    paths: tuple[str, ...], targets: list[str]
) -> None:
    assert targets_of(with_targets(images_at(*paths), LabelsFrom.FOLDERS)) == auto_targets(*paths) == targets


@pytest.mark.parametrize(
    "names",
    [
        ("train.tar/cat.1.jpg", "val.tar/cat.2.jpg", "test.tar/cat.3.jpg"),
        ("pets-train-000000.tar/1.jpg", "pets-validation-000000.tgz/1.jpg", "pets_test.tar.gz/1.jpg"),
        ("data/train-00000-of-00002.parquet#17", "data/validation-00000-of-00001.parquet#0", "data/test.parquet#1"),
        ("train/0000.parquet#5", "val/0000.parquet#5", "test/train.parquet#5"),
    ],
)
def test_splits_are_told_by_files_that_hold_images_too(names: tuple[str, ...]) -> None:
    images = images_at(*names)
    assert _splits(*names) == [Split.TRAIN, Split.VALIDATION, Split.TEST]
    assert list(leave_out_test(Listing(images)).images) == images[:2]
    assert _splits("train-test.tar/1.jpg", "best-of-train.jpg") == [None, None]


@pytest.mark.parametrize("above", ["/home/test/pets", "/dev/shm", "s3://dev/test", "test", "pets-test.tar/pets"])
def test_folders_above_the_one_that_all_photos_share_tell_no_split(above: str) -> None:
    paths = [f"{above}/{split}/cats/1.jpg" for split in ("train", "valid", "test")]
    assert _splits(*paths) == [Split.TRAIN, Split.VALIDATION, Split.TEST]
    assert [image.path for image in leave_out_test(Listing(images_at(*paths))).images] == paths[:2]
    assert _splits(f"{above}/cats/1.jpg", f"{above}/dogs/1.jpg") == [None, None]


_COMPOSED, _PARTED = (unicodedata.normalize(form, "Kätzchen") for form in ("NFC", "NFD"))


@pytest.mark.parametrize("path", ["{}/1.jpg", "{}.1.jpg"])
def test_a_label_in_two_spellings_is_one_and_in_one_spelling_stays_as_it_is(path: str) -> None:
    paths = [path.format(label) for label in (_COMPOSED, _PARTED, "Hund")]
    assert auto_targets(*paths) == [_COMPOSED, _COMPOSED, "Hund"]
    assert auto_targets(*paths[1:]) == [_PARTED, "Hund"]
    assert auto_targets(*paths[:2]) == [None]
