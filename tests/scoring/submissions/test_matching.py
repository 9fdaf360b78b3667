import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from scoring.errors import RequestError
from scoring.submissions.matching import match_ids

_PATHS = ("test/cat/10.jpg", "test/cat/9.jpg", "test/dog/011.png")


def _match(
    ids: Sequence[str], paths: Sequence[str] = _PATHS, image_ids: Sequence[str] = (), folder: str = ""
) -> list[int]:
    image_ids = image_ids or [path.removeprefix("test/").rpartition(".")[0] for path in paths]
    return [int(row) for row in match_ids(ids, image_ids, paths, folder)]


@pytest.mark.parametrize(
    "ids",
    [
        ("dog/011", "cat/10", "cat/9"),
        ("test/dog/011.png", "test/cat/10.jpg", "test/cat/9.jpg"),
        ("011.png", "10.jpg", "9.jpg"),
        ("011", "10", "9"),
        ("11", "10", "0009"),
    ],
)
def test_ids_are_read_as_ids_paths_file_names_bare_names_or_numbers(ids: Sequence[str]) -> None:
    assert _match(ids) == [2, 0, 1]


def test_ids_of_copies_in_another_format_are_read_by_their_bare_names() -> None:
    paths = ["cat/a.png", "cat/B.PNG", "dog/c.jpeg"]
    assert _match(["c.jpg", "a.jpg", "b.jpg"], paths) == [2, 0, 1]
    assert _match(["dog/c.jpg", "cat/a.jpg", "cat/b.jpg"], paths) == [2, 0, 1]
    assert _match(["pets/dog/c.jpg", "pets/cat/a.jpg"], paths, folder="/data/pets") == [2, 0]
    assert _match(["a.jpg", "a.png"], ["a.png", "a.jpg"]) == [1, 0]
    with pytest.raises(RequestError, match=r"a\.jpg is a\.png and a\.webp"):
        _match(["a.jpg"], ["a.png", "a.webp"])
    with pytest.raises(RequestError, match="2 of 2 have none"):
        _match(["a.csv", "b.csv"], ["a.png", "b.png"])


def test_ids_are_read_with_blanks_around_them_or_else_without() -> None:
    assert _match([" dog/011", "cat/10 "]) == [2, 0]
    assert _match([" a", "a"], ["a.jpg", " a.jpg"]) == [1, 0]
    with pytest.raises(RequestError, match="1 of 2 have none"):
        _match([" a", "a"], ["a.jpg", "b.jpg"])


def test_ids_without_an_image_are_told_by_the_spelling_that_leaves_the_fewest() -> None:
    paths = [" a.jpg", "b .jpg", "c.jpg"]
    with pytest.raises(RequestError, match=r"1 of 4 have none: zz\. The"):
        _match([" a", "b ", "c", "zz"], paths)
    with pytest.raises(RequestError, match=r"1 of 4 have none: zz\. The"):
        _match([" a", "b ", "c", "zz"], ["a.jpg", "b.jpg", "c.jpg"])


def test_ids_may_be_urls_of_files_with_quoted_characters() -> None:
    folder = "/data/my photos"
    paths = ["a b.png", "\u00e9.png", "50%.png", "a+b.png"]
    quoted = [Path(folder, path).as_uri() for path in paths]
    assert "%20" in quoted[0]
    assert _match(quoted, paths, folder=folder) == [0, 1, 2, 3]
    assert _match([f"file://{folder}/{path}" for path in paths], paths, folder=folder) == [0, 1, 2, 3]
    assert _match(quoted, [*paths, "a%20b.png"], folder=folder) == [0, 1, 2, 3]
    with pytest.raises(RequestError, match=r"is a%20b\.png, or a b\.png where it is read as the others are"):
        _match([Path("/data/pets", path).as_uri() for path in paths], [*paths, "a%20b.png"], folder="/data/pets")


def test_the_first_reading_that_fits_all_counts() -> None:
    assert _match(["1", "2"], ["2.jpg", "1.jpg"], ["1", "2"]) == [0, 1]
    assert _match(["1", "2"], ["2.jpg", "1.jpg"], ["a", "b"]) == [1, 0]
    assert _match(["1", "2"], ["2.jpg", "1.jpg"], ["a", "1"]) == [1, 0]


def test_ids_of_a_column_that_lacks_one_are_not_taken_for_names_of_other_photos() -> None:
    with pytest.raises(RequestError, match=r"1 is 2\.jpg, or 1\.jpg where it is read as the others"):
        _match(["1", "2", "3"], ["2.jpg", "1.jpg", "3.jpg"], ["1", "2", "b"])


@pytest.mark.parametrize(
    ("ids", "paths"), [(["1.0", "2.0"], ["1.jpg", "1.0.jpg", "2.jpg"]), (["01", "2.0"], ["1.jpg", "02.jpg", "2.0.jpg"])]
)
def test_an_image_of_exactly_that_name_is_meant_before_one_of_that_number(
    ids: Sequence[str], paths: Sequence[str]
) -> None:
    one = next(one for one in ids if f"{one}.jpg" in paths)
    with pytest.raises(
        RequestError, match=rf"{re.escape(one)} is {re.escape(one)}\.jpg, or .*\.jpg where it is read as"
    ):
        _match(ids, paths)


def test_a_run_may_have_more_images_than_the_template_has_ids() -> None:
    assert _match(["9"]) == [1]


def test_ids_without_an_image_are_refused_with_the_first() -> None:
    with pytest.raises(RequestError, match=r"2 of 3 have none: 8, x\. The run's images are cat/10, cat/9"):
        _match(["8", "9", "x"])


def test_two_images_of_one_id_are_refused_with_the_first() -> None:
    with pytest.raises(RequestError, match=r"7 is a/7\.jpg and b/7\.jpg\. .* score those alone that `template` asks"):
        _match(["7", "8"], ["a/7.jpg", "a/8.jpg", "b/7.jpg"], ["a/7", "a/8", "b/7"])
    with pytest.raises(RequestError, match=r"1 is test/1\.jpg and train/1\.tif\. .* score those alone that"):
        _match(["1"], ["test/1.jpg", "train/1.tif"], ["test/1.jpg", "train/1.tif"])


def test_two_ids_of_one_image_are_refused() -> None:
    with pytest.raises(RequestError, match=r"the ids 7 and 07 are one\.$"):
        _match(["7", "07"], ["007.jpg"])


def test_two_images_of_one_name_that_nobody_asks_for_do_not_matter() -> None:
    assert _match(["8"], ["a/7.jpg", "a/8.jpg", "b/7.jpg"], ["a/7", "a/8", "b/7"]) == [1]


def test_rows_of_a_table_are_not_known_by_the_name_of_its_part() -> None:
    with pytest.raises(RequestError, match=r"2 of 2 have none: 1, 2\. The run's images are b, 2\.parquet#0"):
        _match(["1", "2"], ["1.parquet#0", "2.parquet#0"], ["b", "2.parquet#0"])


@pytest.mark.parametrize(
    ("image_ids", "ids"),
    [
        (("1.png", "2.png"), ("2", "1")),
        (("cats/1.png", "dogs/2.png"), ("2.png", "1.png")),
        (("cats/1.png", "dogs/2.png"), ("dogs/2", "cats/1")),
        (("001", "002"), ("2", "1")),
        (("1", "2"), ("2.0", "1.0")),
        (("1", "2"), ("2.jpg", "1.jpg")),
        (("Cats/1.PNG", "dogs/2.png"), ("dogs\\2.png", "cats\\1.png")),
    ],
)
def test_ids_of_images_in_a_table_are_read_as_paths_are(image_ids: Sequence[str], ids: Sequence[str]) -> None:
    assert _match(ids, ["t.parquet#0", "t.parquet#1"], image_ids) == [1, 0]


def test_a_number_behind_a_point_is_no_suffix_of_an_id_in_a_table() -> None:
    with pytest.raises(RequestError, match=r"1 of 1 have none: dog\.1"):
        _match(["dog.1"], ["t.parquet#0"], ["dog"])


def test_numbers_of_any_length_are_read() -> None:
    assert _match(["20170218230711123456789"], ["020170218230711123456789.jpg"]) == [0]


def test_ids_may_be_paths_that_begin_above_the_collection() -> None:
    paths = ["stg1/img_1.jpg", "stg2/image_2.jpg"]
    for folder, above in (
        ("/data/test", "test/"),
        ("/data/test", "/kaggle/input/fish/test/"),
        ("/a/test.zip", "test/"),
    ):
        assert _match([f"{above}{path}" for path in reversed(paths)], paths, folder=folder) == [1, 0]
    with pytest.raises(RequestError, match="2 of 2 have none: train/stg1/img_1"):
        _match([f"train/{path}" for path in paths], paths, folder="/data/test")


@pytest.mark.parametrize("top", ["my photos/", "photos.tar/photos/", "flat.tar/./", "/data/photos/", ""])
@pytest.mark.parametrize("within", ["a", "0"])
def test_ids_are_paths_below_the_folder_that_all_images_share(top: str, within: str) -> None:
    below = [f"{within}/1.jpg", f"{within}/3.jpg", f"{within}/b/3.JPG", "1.jpg"]
    paths = [f"{top}{path}" for path in below]
    made = [path[:-4] for path in below]
    for ids in (below, made, [f"./{one}".replace("/", "\\") for one in made], [one.upper() for one in below]):
        assert _match(ids, paths, made) == [0, 1, 2, 3]
    assert _match([f"{one}.png" for one in made], paths, made) == [0, 1, 2, 3]
    assert _match(made, [*paths, f"{top}2.jpg", f"{top}2.png"], [*below, "2.jpg", "2.png"]) == [0, 1, 2, 3]
    assert _match([f"{within}\\B\\3"], paths[2:3], ["3"]) == [0], "all lie in a folder deeper"


def test_two_ids_that_are_one_without_suffix_or_quotes_are_refused() -> None:
    for ids in (["pets/a.jpg", "pets/a.png"], ["file:///d/pets/a%20b.gif", "file:///d/pets/a b.gif"]):
        with pytest.raises(RequestError, match=f"the ids {re.escape(ids[0])} and {re.escape(ids[1])} are one"):
            _match(ids, ["a.gif", "a b.gif"], folder="/d/pets")


def test_ends_of_paths_in_exactly_that_case_are_meant_before_those_in_another() -> None:
    paths = ["x/a/Cat.jpg", "y/CAT.Jpg", "x/a/b/2.jpg", "x/B/2.JPG"]
    assert _match(["b/2.jpg", "Cat.jpg"], paths) == [2, 0]
    with pytest.raises(RequestError, match=r"cat\.jpg is x/a/Cat\.jpg and y/CAT\.Jpg"):
        _match(["b/2.jpg", "cat.jpg"], paths)


def test_ids_may_be_the_ends_of_paths_some_with_folders_and_some_without() -> None:
    """As in The Nature Conservancy Fisheries Monitoring, whose second stage has its folder before the name."""
    paths = ["test/stg1/img_1.jpg", "test/stg2/image_2.jpg", "test/stg2/IMG_3.JPG"]
    assert _match(["stg2/image_2.jpg", "img_1.jpg", "stg2/img_3.jpg"], paths) == [1, 0, 2]
    assert _match(["image_2.jpg", "img_1.jpg", "stg2/img_3.jpg"], paths) == [1, 0, 2], "most lack their folders"


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["stg2/2.jpg", "1.jpg"], r"1\.jpg is a/stg1/1\.jpg and a/stg2/1\.jpg"),
        (["stg2/1.jpg", "2.jpg", "stg2/2.jpg"], r"1 of 3 have none: 2\.jpg"),
        (["2.jpg", ".\\2.jpg"], r"the ids 2\.jpg and \.\\2\.jpg are one"),
        (["stg2/1.jpg", "tg2/2.jpg"], r"1 of 2 have none: tg2/2\.jpg"),
        (["stg2/1.jpg", "2"], "1 of 2 have none"),
    ],
)
def test_ends_of_paths_that_do_not_tell_one_image_for_each_id_are_refused(ids: Sequence[str], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        _match(ids, ["a/stg1/1.jpg", "a/stg2/1.jpg", "a/stg2/2.jpg"])


@pytest.mark.parametrize("suffix", ["", ".jpg"])
@pytest.mark.parametrize("ids", [["2", "dog/4", "cat/5"], ["2", "3", "dog/3", "dog/4"], ["2", "cat/5"]])
def test_an_end_of_a_path_is_not_taken_where_it_may_be_the_path_of_an_absent_image(
    ids: Sequence[str], suffix: str
) -> None:
    paths = [f"{one}.jpg" for one in ("3", "dog/2", "dog/3", "dog/4", "cat/5")]
    for top in ("", "photos/"):
        with pytest.raises(RequestError, match=rf"1 of {len(ids)} have none: 2{suffix}\."):
            _match([f"{one}{suffix}" for one in ids], [f"{top}{path}" for path in paths])


_DEEP = [f"{one}.jpg" for one in ("0", "p1/1", "p1/2", "p2/1", "p2/3", "p1/late/4", "p2/late/0")]


@pytest.mark.parametrize("suffix", ["", ".jpg"])
@pytest.mark.parametrize("steps", [2, 3])
@pytest.mark.parametrize("top", ["", "photos/"])
def test_ends_of_paths_are_taken_where_every_image_has_one_id(top: str, steps: int, suffix: str) -> None:
    """As a folder and a name, of images some of which lie deeper, and one of which, `0`, is called as one of these."""
    ids = ["/".join(path.split("/")[-steps:]).removesuffix(".jpg") + suffix for path in _DEEP]
    assert _match(ids, [f"{top}{path}" for path in _DEEP]) == list(range(len(ids)))


def test_an_end_is_not_taken_where_images_beside_it_have_ids_in_another_folder_though_every_image_has_one() -> None:
    ids, paths = ["2", "4", "3", "a/2", "b/2"], ["2.jpg", "4.jpg", "a/3.jpg", "a/2.jpg", "b/2.jpg"]
    with pytest.raises(RequestError, match=r"1 of 5 have none: 3\."):
        _match(ids, paths)


@pytest.mark.parametrize("others", [(), ("train/5.jpg", "train/6.jpg")])
def test_ends_of_paths_are_taken_where_all_images_of_their_folder_have_an_id(others: Sequence[str]) -> None:
    """As in the whole of The Nature Conservancy Fisheries Monitoring, also beside its photos to train on."""
    paths = ["stg1/img_1.jpg", "stg1/img_2.jpg", *(f"stg2/image_{n}.jpg" for n in range(4)), *others]
    ids = ["img_1.jpg", "img_2.jpg", *paths[2:6]]
    assert _match(ids, paths) == list(range(6))
    for absent in (0, 1):
        with pytest.raises(RequestError, match=r"2 of 6 have none: img_1\.jpg, img_2\.jpg\."):
            _match(ids, [path for row, path in enumerate(paths) if row != absent])


def test_an_end_of_a_path_is_not_taken_where_another_image_of_a_table_has_it_for_its_id() -> None:
    with pytest.raises(RequestError, match=r"2\.jpg is a/1\.jpg, or b/2\.jpg where it is read as the others"):
        _match(["2.jpg", "s/3.jpg"], ["a/1.jpg", "b/2.jpg", "a/s/3.jpg"], ["2.jpg", "x", "y"])


def test_ids_of_a_column_are_read_before_the_paths_and_must_not_contradict_them() -> None:
    image_ids, paths = ["0003", "0002", "0001"], ["sub/1.png", "sub/2.png", "sub/3.png"]
    with pytest.raises(RequestError, match=r"1 is sub/3\.png by its id, 0001, and sub/1\.png by its path"):
        match_ids(["1", "2", "3"], image_ids, paths, has_own_ids=True)
    assert match_ids(["0001", "0002"], image_ids, paths, has_own_ids=True).tolist() == [2, 1]
    assert match_ids(["1.png", "2.png"], ["a", "b", "c"], paths, has_own_ids=True).tolist() == [0, 1]
    assert match_ids(["7", "8"], ["0007", "0008", "0009"], paths, has_own_ids=True).tolist() == [0, 1]


_SPLITS = ("test/0.jpg", "test/1.jpg", "train/Type_1/10.jpg", "train/Type_2/11.jpg")


@pytest.mark.parametrize("ids", [("0.jpg", "1.jpg", "10.jpg"), ("0", "1", "10"), ("10", "11"), ("00", "01", "010")])
def test_a_test_id_without_a_photo_is_not_filled_from_a_photo_to_train_on(ids: Sequence[str]) -> None:
    told = r"photos to test on.* mean others by their name alone: 0?10(\.jpg)? is train/Type_1/10\.jpg\."
    with pytest.raises(RequestError, match=told):
        _match(ids, _SPLITS)


@pytest.mark.parametrize(
    "ids", [("test/0", "train/Type_1/10"), ("test/1.jpg", "Type_1/10.jpg"), ("0", "1"), ("0.jpg", "Type_1/10.jpg")]
)
def test_ids_with_folders_may_mean_photos_to_train_on(ids: Sequence[str]) -> None:
    assert len(_match(ids, _SPLITS)) == 2


def test_names_may_mean_photos_of_any_folder_where_none_is_to_test_on() -> None:
    assert _match(["0", "1"], ["train/cat/0.jpg", "valid/cat/1.jpg"]) == [0, 1]
    assert _match(["0", "1"], ["test-jpg/0.jpg", "test-jpg-additional/1.jpg"]) == [0, 1]
    assert _match(["0", "1"], ["train/test/0.jpg", "train/test/1.jpg"]) == [0, 1]
