"""Labels from a file of their own, as competitions give them, or from a column of the table of images."""

import errno
import re
import unicodedata
import uuid
import zipfile
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring.errors import BucketError, RequestError
from scoring.sources.entries import ImageEntry, LeftOut, Listing
from scoring.sources.inputs import find_images
from scoring.sources.label_use import LabelUse
from scoring.sources.labelling import Labelled, label_by_file, label_by_table
from scoring.sources.splits import leave_out_test
from scoring.sources.table_columns import LabelsFile, TableColumns
from scoring.sources.zip_directory import ZipDirectory
from scoring.storage.locations import Location, Url
from tests.labelled_paths import listing_of, targets_by_path

_PATHS = ("train/a1.jpg", "train/b2.jpg", "train/c3.png", "train/10.jpg")


def _listing(paths: Sequence[str] = _PATHS) -> Listing:
    return listing_of(paths)


def _labelled(
    file: Location, listing: Listing | None = None, ids: str | None = None, label: str | None = None
) -> Listing:
    return label_by_file(listing or _listing(), LabelsFile(file, ids, label)).listing


def _refused(file: Path, listing: Listing | None = None, ids: str | None = None, label: str | None = None) -> str:
    with pytest.raises(RequestError) as refused:
        _labelled(file, listing, ids, label)
    return str(refused.value)


def _write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "train.csv"
    path.write_text(text)
    return path


_EXPECTED = {"train/a1.jpg": "cat", "train/b2.jpg": "dog", "train/c3.png": "cat", "train/10.jpg": "dog"}


@pytest.mark.parametrize(
    "text",
    [
        "id,label\na1,cat\nb2,dog\nc3,cat\n10,dog\n",
        "Image Name;Class\n10.jpg;dog\nc3.png;cat\nb2.jpg;dog\na1.jpg;cat\n",
        "path\tseen\ttarget\ntrain/a1.jpg\t1\tcat\ntrain/b2.jpg\t2\tdog\ntrain/c3.png\t1\tcat\ntrain/10.jpg\t2\tdog\n",
        '\ufefffile_name,"breed"\r\n a1.jpg ,"cat"\r\nb2.jpg,dog\r\nc3.png,cat\r\n010,dog\r\n'.replace("010", "10.jpg"),
        'id, label\na1, cat\nb2, "dog"\nc3, "cat"\n10, dog\n',
        ' "id"; "label"\r "a1"; "cat"\r "b2"; "dog"\r "c3"; "cat"\r "10"; "dog"\r',
        "id_code,has_tail\na1,cat\nb2,dog\nc3,cat\n10,dog\n",
        "id,label\na1,cat\nb2,dog\nc3,cat\n10,dog\na1,cat\n",
        "file,label\ntrain\\a1.jpg,cat\n.\\train\\b2.jpg,dog\ntrain\\c3.png,cat\ntrain\\10.jpg,dog\n",
        "file,label\na1.png,cat\ntrain/b2.PNG,dog\nc3.jpeg,cat\n10.bmp,dog\n".replace("train/", ""),
        "file,label\n./A1.JPG,cat\nb2.JPG,dog\nC3.png,cat\n10.JPG,dog\n",
    ],
)
def test_columns_are_found_by_name_and_ids_with_or_without_suffix_and_folder(tmp_path: Path, text: str) -> None:
    assert targets_by_path(_labelled(_write(tmp_path, text))) == _EXPECTED


@pytest.mark.parametrize(
    ("ids", "folder", "is_read"),
    [
        (("C:\\data\\Train\\a.jpg", "C:\\data\\Train\\cats\\b.jpg"), "/home/me/leaves/train", True),
        (("/kaggle/input/leaves/train/a.jpg", "/kaggle/input/leaves/train/cats/b.jpg"), "/home/me/train", True),
        (("/kaggle/input/oaks/train/a.jpg", "/kaggle/input/oaks/train/cats/b.jpg"), "/home/me/leaves/train", True),
        (("/content/data/a.jpg", "/content/data/cats/b.jpg"), "/home/me/leaves/data", True),
        (("/data/a.jpg", "/data/cats/b.jpg"), "/home/me/leaves/data", True),
        (("C:\\Users\\me\\leaves\\a.jpg", "C:\\Users\\me\\leaves\\cats\\b.jpg"), "/data/leaves", True),
        (("s3://b/leaves/train/a.jpg", "s3://b/leaves/train/cats/b.jpg"), "/data/train", True),
        (("s3://leaves/a.jpg", "s3://leaves/cats/b.jpg"), "s3://leaves", True),
        (("s3://leaves/a.jpg", "s3://leaves/cats/b.jpg"), "/data/leaves", True),
        (("file:///data/leaves/a.jpg", "file:///data/leaves/cats/b.jpg"), "/data/leaves", True),
        (("/a/./leaves//a.jpg", "/a/x/../leaves/cats/b.jpg"), "/a/leaves", True),
        (("/a/cats/a.jpg", "/a/cats/cats/b.jpg"), "/a/cats", True),
        (("C:\\Train\\a.jpg", "C:\\Train\\cats\\b.jpg"), "/home/me/leaves/train", True),
        (("/kaggle/leaves/train/a.jpg", "/kaggle/leaves/train/cats/b.jpg"), "/home/me/leaves.zip/train", True),
        (("/home/test/x/train/1/a.jpg", "/home/test/x/train/1/cats/b.jpg"), "/data/train/1", True),
        (("leaves/train/a.jpg", "leaves/train/cats/b.jpg"), "/home/me/leaves/train.zip", True),
        (("../input/ds/train/a.jpg", "../input/ds/train/cats/b.jpg"), "/kaggle/input/ds/train", True),
        (("..\\..\\ds\\train\\a.jpg", "..\\..\\ds\\train\\cats\\b.jpg"), "/home/me/ds/train", True),
        (("./../train/a.jpg", "../x/../train/cats/b.jpg"), "/home/me/train", True),
        (("cats/../a.jpg", "x/.././cats/../cats/b.jpg"), "/home/me/train", True),
        (("../oaks/train/a.jpg", "../oaks/train/cats/b.jpg"), "/home/me/leaves/train", False),
        (("../a.jpg", "../cats/b.jpg"), "/home/me/train", False),
        (("https://host/train/a.jpg", "https://host/train/cats/b.jpg"), "/home/me/train", True),
        (("s3://b/train/a.jpg", "s3://b/train/cats/b.jpg"), "s3://b/train", True),
        (("oaks/train/a.jpg", "oaks/train/cats/b.jpg"), "/home/me/leaves/train", False),
        (("D:\\oaks\\images\\a.jpg", "D:\\oaks\\images\\cats\\b.jpg"), "/home/me/leaves/images", False),
        (("/oaks/images/a.jpg", "/oaks/images/cats/b.jpg"), "/leaves/images", False),
        (("/data/test/images/a.jpg", "/data/test/images/cats/b.jpg"), "/data/images", False),
        (("s3://oaks/images/a.jpg", "s3://oaks/images/cats/b.jpg"), "/home/me/leaves/images", False),
        (("s3://oaks/a.jpg", "s3://oaks/cats/b.jpg"), "s3://leaves", False),
        (("/data/test/images/a.jpg", "/data/test/images/cats/b.jpg"), "/data/train/images", False),
        (("/data/val/leaves/images/a.jpg", "/data/val/leaves/images/cats/b.jpg"), "/train/1/leaves/images", False),
        (("https://host/test/x/a.jpg", "https://host/test/x/cats/b.jpg"), "/home/me/train/x", False),
        (("s3://other/train/a.jpg", "s3://other/train/cats/b.jpg"), "s3://b/train", False),
        (("test/a.jpg", "test/cats/b.jpg"), "/home/me/train", False),
        (("train/dogs/a.jpg", "train/b.jpg"), "/home/me/train", False),
    ],
)
def test_paths_from_above_the_folder_of_the_photos_are_read_and_those_into_another_are_not(
    tmp_path: Path, ids: tuple[str, str], folder: str, is_read: bool
) -> None:
    listing = Listing([ImageEntry(path[:-4], path, 1) for path in ("a.jpg", "cats/b.jpg")])
    file = LabelsFile(_write(tmp_path, f"file,label\n{ids[0]},dog\n{ids[1]},cat\n"))
    if is_read:
        found = label_by_file(listing, file, folder=folder).listing
        assert targets_by_path(found) == {"a.jpg": "dog", "cats/b.jpg": "cat"}
    else:
        with pytest.raises(RequestError, match=r"Expected train\.csv to hold ids of the photos"):
            label_by_file(listing, file, folder=folder)


_LEAVES = ("a.jpg", "cats/b.jpg")


def _targets_in(tmp_path: Path, folder: str, labels: dict[str, str], paths: Sequence[str] = _LEAVES) -> dict[str, str]:
    rows = "".join(f"{one},{label}\n" for one, label in labels.items())
    listing = Listing([ImageEntry(path.rpartition(".")[0], path, 1) for path in paths])
    found = label_by_file(listing, LabelsFile(_write(tmp_path, f"file,label\n{rows}")), LabelUse(True), folder).listing
    return {image.path: image.target for image in found.images if image.target is not None}


@pytest.mark.parametrize(
    "tops", [("my photos/",), ("t.tar/./",), ("more/all.tar/x/",), ("a-0.tar/", "a-1.tar/"), ("2021/x/", "2022/")]
)
def test_ids_are_paths_below_any_folder_or_archive_that_holds_the_photos(tmp_path: Path, tops: Sequence[str]) -> None:
    paths = [f"{tops[n % len(tops)]}{label}/{n}.jpg" for n in range(4) for label in ("cat", "dog")]
    ids = ["/".join(path.split("/")[-2:]) for path in paths]
    listing = Listing([ImageEntry(path.split("/", 1)[1][:-4], path, 1) for path in paths])
    rows = "\n".join(("path,label", *(f"{one},{one.partition('/')[0]}" for one in ids)))
    assert targets_by_path(_labelled(_write(tmp_path, rows), listing)) == {path: path.split("/")[-2] for path in paths}
    twice = Listing([*listing.images, ImageEntry("other/cat/0", "other/cat/0.jpg", 1)])
    assert f"cat/0.jpg is {paths[0]} and other/cat/0.jpg" in _refused(_write(tmp_path, rows), twice)


def test_of_paths_of_which_some_begin_with_the_folder_itself_those_alone_are_read(tmp_path: Path) -> None:
    labels = {"/data/2021/site1/a.jpg": "dog", "/data/2022/site1/cats/b.jpg": "cat", "/x/site1/cats/b.jpg": "cat"}
    assert _targets_in(tmp_path, "/data/2021/site1", labels) == {"a.jpg": "dog"}
    labels = {f"file://{one}": label for one, label in labels.items()}
    assert _targets_in(tmp_path, "/data/2021/site1", labels) == {"a.jpg": "dog"}


@pytest.mark.parametrize(
    ("folder", "other"),
    [
        ("/data/2021/site1", "/data/2022/site1"),
        ("/data/2021/site1.zip", "/data/2022/site1"),
        ("/home/me/2021/site1", "/home/me/2022/site1"),
        ("s3://b/p1/scans", "s3://b/p2/scans"),
        ("/d/fold1/cats", "/d/fold2/cats"),
        ("/pets", "pets/pets"),
    ],
)
def test_paths_into_another_folder_of_the_same_machine_or_bucket_are_not_read(
    tmp_path: Path, folder: str, other: str
) -> None:
    with pytest.raises(RequestError, match="0 belong to one"):
        _targets_in(tmp_path, folder, {f"{other}/a.jpg": "dog", f"{other}/cats/b.jpg": "cat"})


def test_paths_into_another_folder_that_this_machine_has_are_not_read(tmp_path: Path) -> None:
    here, there = tmp_path / "a" / "leaves", Path(f"/tmp/{uuid.uuid4()}/leaves")
    here.mkdir(parents=True)
    labels = {f"{there}/a.jpg": "dog"}
    there.mkdir(parents=True)
    try:
        with pytest.raises(RequestError, match="0 belong to one"):
            _targets_in(tmp_path, str(here), labels)
    finally:
        there.rmdir()
        there.parent.rmdir()


def test_paths_from_above_here_are_read_unless_another_folder_lies_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = {"../input/leaves/a.jpg": "dog", "../input/leaves/cats/b.jpg": "cat"}
    folder = tmp_path / "kaggle" / "input" / "leaves"
    for place in (folder, tmp_path / "kaggle" / "working", tmp_path / "input" / "leaves", tmp_path / "home"):
        place.mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "kaggle" / "working")
    assert _targets_in(tmp_path, str(folder), labels) == {"a.jpg": "dog", "cats/b.jpg": "cat"}
    monkeypatch.chdir(tmp_path / "home")
    with pytest.raises(RequestError, match=r"0 belong to one.* If these are the same, write the ids so"):
        _targets_in(tmp_path, str(folder), labels)


def test_one_name_above_here_and_from_here_is_two_folders(tmp_path: Path) -> None:
    labels = {"../train/a.jpg": "dog", "train/a.jpg": "cat"}
    assert _targets_in(tmp_path, "/d/train", labels, ["a.jpg", "train/a.jpg"]) == {"train/a.jpg": "cat"}
    with pytest.raises(RequestError, match="0 belong to one"):
        _targets_in(tmp_path, "/d/train", {"../train/a.jpg": "dog", "train/b.jpg": "cat"}, ["a.jpg", "b.jpg"])


def test_of_several_folders_of_another_machine_the_one_that_is_called_most_like_this_is_read_or_none(
    tmp_path: Path,
) -> None:
    labels = {"/k/2021/site1/a.jpg": "dog", "/k/2022/site1/cats/b.jpg": "cat"}
    assert _targets_in(tmp_path, "/data/2021/site1", labels) == {"a.jpg": "dog"}
    with pytest.raises(RequestError, match="0 belong to one"):
        _targets_in(tmp_path, "/data/2023/site1", labels)


@pytest.mark.parametrize(
    ("absent", "led"), [("/k/2021/site1/z.jpg", "/k/2022/site1/cats/b.jpg"), ("2021/site1/z.jpg", "site1/a.jpg")]
)
def test_a_folder_called_like_this_is_not_read_where_ids_of_absent_photos_lie_in_one_called_more_like_it(
    tmp_path: Path, absent: str, led: str
) -> None:
    assert len(_targets_in(tmp_path, "/data/2021/site1", {led: "cat"})) == 1
    with pytest.raises(RequestError, match="0 belong to one"):
        _targets_in(tmp_path, "/data/2021/site1", {absent: "dog", led: "cat"})


@pytest.mark.parametrize(("here", "above"), [((0, 1), (2, 3)), ((0,), (3,)), ((0, 1, 2), (3,))])
@pytest.mark.parametrize("suffix", [".jpg", ""])
def test_paths_of_which_some_may_begin_here_and_others_begin_above_are_refused(
    tmp_path: Path, here: Sequence[int], above: Sequence[int], suffix: str
) -> None:
    """`0.jpg` may be a photo above, of which another one here has the name."""
    ids = [*(f"{n}{suffix}" for n in here), *(f"a/{n}{suffix}" for n in above)]
    paths = [f"{n}.jpg" for n in range(4)]
    says = (
        rf"; 0{suffix} begins in the folder of the photos, and a/{above[0]}{suffix} above it: let all begin in one\.$"
    )
    with pytest.raises(RequestError, match=says):
        _targets_in(tmp_path, "/data/a", dict.fromkeys(ids, "dog"), paths)
    assert len(_targets_in(tmp_path, "/data/b", dict.fromkeys(ids, "dog"), paths)) == len(here)
    within = dict.fromkeys([*ids, f"a/9{suffix}"], "dog")
    assert len(_targets_in(tmp_path, "/data/a", within, [*paths, "a/9.jpg"])) == len(here) + 1


@pytest.mark.parametrize("above", ["", "train/", "/d/train/"])
def test_photos_that_differ_by_their_suffix_have_their_own_labels_where_another_is_absent(
    tmp_path: Path, above: str
) -> None:
    paths = ["2.jpg", "2.png", "6.jpg", "7.jpg"]
    labels = {f"{above}{one}": one for one in ("2.jpg", "6.jpg", "6.png", "7.jpg", "zz.jpg")}
    assert _targets_in(tmp_path, "/d/train", labels, paths) == {one: one for one in ("2.jpg", "6.jpg", "7.jpg")}
    labels = {f"{above}{one}": one for one in ("6.jpg", "6.png", "7.png")}
    with pytest.raises(RequestError, match=rf"the ids {above}6\.jpg and {above}6\.png are one"):
        _targets_in(tmp_path, "/d/train", labels, paths)


def test_names_of_photos_above_do_not_matter_where_most_begin_there(tmp_path: Path) -> None:
    labels = {"0.jpg": "cat", **{f"a/{n}.jpg": "dog" for n in (1, 2)}}
    assert _targets_in(tmp_path, "/data/a", labels, [f"{n}.jpg" for n in range(3)]) == {"1.jpg": "dog", "2.jpg": "dog"}


@pytest.mark.parametrize("above", ["train/", "ds/train/", "/kaggle/input/ds/train/"])
def test_a_folder_in_one_of_its_own_name_is_read_where_it_holds_the_photos(tmp_path: Path, above: str) -> None:
    labels = {f"{above}train/x/0.png": "dog"}
    assert _targets_in(tmp_path, "/d/ds/train", labels, ["train/x/0.png"]) == {"train/x/0.png": "dog"}
    assert _targets_in(tmp_path, "/train", {"train/train/0.png": "dog"}, ["train/0.png", "0.png"]) == {
        "train/0.png": "dog"
    }


@pytest.mark.parametrize("above", ["train/", "ds/train/train/", "../train/", "C:\\y\\train\\"])
def test_a_folder_whose_name_the_one_above_and_one_within_have_is_read_whatever_photos_are_absent(
    tmp_path: Path, above: str
) -> None:
    paths = [f"{within}/{n}.jpg" for within in ("train", "test") for n in range(3)]
    labels = {f"{above}{path}": path for path in (*paths, "train/9.jpg")}
    assert _targets_in(tmp_path, "/d/ds/train/train", labels, paths) == {path: path for path in paths}


@pytest.mark.parametrize("top", ["", "photos/"])
@pytest.mark.parametrize("suffix", [".jpg", ""])
@pytest.mark.parametrize(
    ("ids", "absent"),
    [
        (["2", "dog/4", "cat/5"], ["2"]),
        (["2", "3", "dog/3", "dog/4", "cat/5"], ["2"]),
        (["6", "cat/5"], ["6"]),
        (["2", "b/8", "dog/b/7", "dog/2"], ["2", "b/8"]),
        (["3", "8", "dog/b/7", "dog/2"], ["8"]),
    ],
)
def test_a_photo_that_is_absent_is_not_one_of_that_name_in_a_folder_where_others_have_their_folders(
    tmp_path: Path, top: str, suffix: str, ids: Sequence[str], absent: Sequence[str]
) -> None:
    paths = [f"{top}{one}.jpg" for one in ("3", "dog/2", "dog/3", "dog/4", "dog/6", "dog/b/7", "dog/b/8", "cat/5")]
    labels = {f"{one}{suffix}": one for one in ids}
    targets = {f"{top}{one}.jpg": one for one in ids if one not in absent}
    assert _targets_in(tmp_path, "/d/photos.zip" if top else "/d/photos", labels, paths) == targets


@pytest.mark.parametrize("suffix", [".jpg", ""])
@pytest.mark.parametrize(
    ("here", "absent", "unlabelled"),
    [
        ([f"{one}/{n}" for one in ("cat", "bird") for n in range(4)], ["dog/0", "dog/1", "dog/2"], ["web/dog/0"]),
        ([f"extra/{n}" for n in range(5)], ["7", "8", "9"], ["extra/night/7", "extra/night/8"]),
        ([f"a/{n}" for n in range(5)], ["1", "7"], ["b/7"]),
        ([f"a/{n}" for n in range(5)], ["7", "8", "a/9"], ["a/7"]),
    ],
)
def test_a_photo_in_a_folder_of_which_no_id_tells_is_not_the_absent_one_whose_path_its_own_ends_in(
    tmp_path: Path, here: Sequence[str], absent: Sequence[str], unlabelled: Sequence[str], suffix: str
) -> None:
    labels = {f"{one}{suffix}": one for one in (*here, *absent)}
    targets = _targets_in(tmp_path, "/d/photos", labels, [f"{one}.jpg" for one in (*here, *unlabelled)])
    assert targets == {f"{one}.jpg": one for one in here}


def test_a_path_that_may_end_in_a_folder_or_in_one_of_its_own_name_within_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"/k/cell/cell/0\.png is cell/0\.png and 0\.png"):
        _targets_in(tmp_path, "/d/cell", {"/k/cell/cell/0.png": "dog"}, ["0.png", "cell/0.png"])


@pytest.mark.parametrize("above", ["", "train/", "./train/", "/d/train/", "C:\\k\\Train\\"])
def test_paths_may_lack_the_suffix(tmp_path: Path, above: str) -> None:
    paths = ["x/0.png", "x/y.z/1.png"]
    labels = {f"{above}x/0": "dog", f"{above}x/y.z/1": "cat"}
    assert _targets_in(tmp_path, "/d/train", labels, paths) == {"x/0.png": "dog", "x/y.z/1.png": "cat"}


@pytest.mark.parametrize("one", ["/d/x/IMG_1.JPG", "./IMG_1.JPG", ".\\IMG_1.JPG", "x/IMG_1"])
def test_a_path_in_exactly_that_case_is_meant_before_one_in_another(tmp_path: Path, one: str) -> None:
    assert _targets_in(tmp_path, "/d/x", {one: "dog"}, ["IMG_1.JPG", "img_1.jpg"]) == {"IMG_1.JPG": "dog"}


def test_ids_of_more_photos_do_not_hide_that_each_photo_here_has_its_own(tmp_path: Path) -> None:
    labels = {"1": "dog", "2": "cat", "01": "cat", "02": "dog"}
    assert _targets_in(tmp_path, "/d/x", labels, ["1.jpg", "2.jpg"]) == {"1.jpg": "dog", "2.jpg": "cat"}


@pytest.mark.parametrize(
    ("folder", "ids"),
    [
        ("/data/pets", ["2.jpg", "pets/2.jpg", "Pets/2.JPG"]),
        ("/data/pets", ["2.jpg", "pets/2.jpg", "pets/pets/2.jpg"]),
        ("/data/train", ["./2.jpg", "./train/2.jpg", "./train/3.jpg", "./4.jpg"]),
        ("/data/pets", ["2.jpg", "/k/pets/2.jpg", "5.jpg"]),
    ],
)
def test_names_here_that_may_as_well_be_paths_from_above_are_refused(
    tmp_path: Path, folder: str, ids: list[str]
) -> None:
    with pytest.raises(RequestError, match="are one"):
        _targets_in(tmp_path, folder, dict.fromkeys(ids, "dog"), ["2.jpg"])


def test_absolute_paths_are_read_by_every_name_of_the_folder_of_the_photos(tmp_path: Path) -> None:
    folder, link = tmp_path / "leaves" / "images", tmp_path / "linked"
    folder.mkdir(parents=True)
    link.symlink_to(folder)
    listing = Listing([ImageEntry(path[:-4], path, 1) for path in ("a.jpg", "cats/b.jpg")])
    for begin, given in (
        (folder, folder),
        (folder, folder / ".." / "images"),
        (folder, link),
        (folder, link / ".." / "images"),
        (link, link),
    ):
        file = _write(tmp_path, f"file,label\n{begin}/a.jpg,dog\n{begin}/cats/b.jpg,cat\n")
        found = label_by_file(listing, LabelsFile(file), folder=str(given)).listing
        assert targets_by_path(found) == {"a.jpg": "dog", "cats/b.jpg": "cat"}
    elsewhere = _write(tmp_path, f"file,label\n{tmp_path}/images/a.jpg,dog\n{tmp_path}/images/cats/b.jpg,cat\n")
    with pytest.raises(RequestError, match="where paths may begin"):
        label_by_file(listing, LabelsFile(elsewhere), folder=str(link / ".." / "images"))


def test_urls_of_files_with_quoted_characters_are_paths(tmp_path: Path) -> None:
    folder = tmp_path / "my photos"
    listing = _listing(("x/a b.jpg", "x/\u00e9.jpg", "x/50%.jpg"))
    rows = "".join(f"{(folder / image.path).as_uri()},{number % 2}\n" for number, image in enumerate(listing.images))
    found = label_by_file(listing, LabelsFile(_write(tmp_path, f"file,label\n{rows}")), folder=str(folder)).listing
    assert targets_by_path(found) == {"x/a b.jpg": "0", "x/\u00e9.jpg": "1", "x/50%.jpg": "0"}


def test_text_of_a_spreadsheet_is_read_as_utf16(tmp_path: Path) -> None:
    file = tmp_path / "train.csv"
    file.write_bytes("id\tlabel\r\na1\tcat\r\nb2\tdog\r\nc3\tcat\r\n10\tdog\r\n".encode("utf-16"))
    assert targets_by_path(_labelled(file)) == _EXPECTED
    file.write_bytes("id,label\na1,cat\n".encode("utf-16-le"))
    assert "to be a CSV file in UTF-8" in (said := _refused(file))
    assert "a zero byte stands at character 1. If it is text, save it as UTF-8." in said
    file.write_bytes("id,label\na1,caf\u00e9\n".encode("latin-1"))
    assert _refused(file).endswith(". If it is text, save it as UTF-8.")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("first", "mark"), [("", ";"), ("sep=;", ";"), ('"sep=|"', "|"), ("SEP=\t", "\t"), ("sep=,", ",")]
)
def test_a_spreadsheet_of_any_line_ends_and_decimal_commas_is_read(
    tmp_path: Path, first: str, mark: str, end: str
) -> None:
    rows = ["id;label;score", "a1;cat;0,5", "b2;dog;0,25", "c3;cat;1,0", "10;dog;0,125"]
    lines = [row.replace(",", ".").replace(";", mark) if mark == "," else row.replace(";", mark) for row in rows]
    (tmp_path / "train.csv").write_bytes(end.join([*filter(None, [first]), *lines, ""]).encode())
    assert targets_by_path(_labelled(tmp_path / "train.csv", label="label")) == _EXPECTED
    (tmp_path / "train.csv").write_bytes(end.join([*filter(None, [first]), *lines, "d4"]).encode())
    assert f"Expected 3 fields in line {7 if first else 6} of" in _refused(tmp_path / "train.csv")


def test_whole_numbers_written_as_floats_are_ids_all_the_same(tmp_path: Path) -> None:
    listing = _listing(["train/0001.jpg", "train/20.jpg", "train/3.jpg"])
    file = _write(tmp_path, "id,label\n1.0,cat\n20.0,dog\n3.0,cat\n")
    assert targets_by_path(_labelled(file, listing)) == {
        "train/0001.jpg": "cat",
        "train/20.jpg": "dog",
        "train/3.jpg": "cat",
    }


def test_an_accent_of_two_characters_as_macos_writes_it_is_the_same_name(tmp_path: Path) -> None:
    listing = _listing(["train/caf\xe9.jpg", "train/b.jpg"])
    file = _write(tmp_path, "id,label\ncafe\u0301,cat\nb,dog\n")
    assert targets_by_path(_labelled(file, listing)) == {"train/caf\xe9.jpg": "cat", "train/b.jpg": "dog"}


def test_names_that_differ_by_case_alone_are_told_apart_or_refused(tmp_path: Path) -> None:
    listing = _listing(["train/a.jpg", "train/A.JPG"])
    assert targets_by_path(_labelled(_write(tmp_path, "id,label\nA.JPG,cat\na.jpg,dog\n"), listing)) == {
        "train/a.jpg": "dog",
        "train/A.JPG": "cat",
    }
    assert "a.JPG is train/a.jpg and train/A.JPG" in _refused(_write(tmp_path, "id,label\na.JPG,cat\n"), listing)


@pytest.mark.parametrize("missing", ["", "nan", "NaN", "-nan", "<NA>", "N/A", "#N/A", "#N/A N/A", "NULL", " nan "])
def test_an_empty_cell_is_no_label_however_it_is_spelled(tmp_path: Path, missing: str) -> None:
    file = _write(tmp_path, f"id,label\na1,cat\nb2,dog\nc3,{missing}\n10,None\n")
    assert targets_by_path(_labelled(file)) == {"train/a1.jpg": "cat", "train/b2.jpg": "dog", "train/10.jpg": "None"}
    table = tmp_path / "images.parquet"
    pq.write_table(pa.table({"path": ["1.jpg", "2.jpg", "3.jpg"], "label": ["cat", missing.strip(), "dog"]}), table)
    columns = TableColumns(label="label")
    found = label_by_table(find_images(table, columns), table, columns).listing
    assert targets_by_path(found) == {"1.jpg": "cat", "3.jpg": "dog"}


def test_columns_may_be_named(tmp_path: Path) -> None:
    file = _write(
        tmp_path, "Image,Id,label,whale\na1.jpg,w1,x,cat\nb2.jpg,w2,y,dog\nc3.png,w1,x,cat\n10.jpg,w2,y,dog\n"
    )
    assert targets_by_path(_labelled(file, label="whale")) == _EXPECTED
    assert targets_by_path(_labelled(file, ids="Image", label="whale")) == _EXPECTED


def test_the_column_whose_values_are_photos_is_the_one_of_ids(tmp_path: Path) -> None:
    file = _write(tmp_path, "id,image,label\n77,a1,cat\n78,b2,dog\n79,c3,cat\n80,10,dog\n")
    assert targets_by_path(_labelled(file)) == _EXPECTED


def test_two_columns_that_name_different_photos_are_asked_about(tmp_path: Path) -> None:
    file = _write(tmp_path, "id,file,label\n1,2.jpg,cat\n2,1.jpg,dog\n")
    listing = _listing(["train/1.jpg", "train/2.jpg"])
    assert "'id' and 'file' name different ones. Say which by `id_column`" in _refused(file, listing)
    assert targets_by_path(_labelled(file, listing, ids="file")) == {"train/1.jpg": "dog", "train/2.jpg": "cat"}


@pytest.mark.parametrize("header", ["filenames", "image_paths", "relative_path", "jpg", "which", "image_url"])
@pytest.mark.parametrize("name", ["{}.jpg", "train/{}.jpg"])
def test_running_numbers_do_not_beat_a_column_of_files_of_any_name(tmp_path: Path, header: str, name: str) -> None:
    rows = "".join(f"{row},{name.format(9 - row)},{'cat' if row < 5 else 'dog'}\n" for row in range(10))
    file, listing = _write(tmp_path, f"id,{header},label\n{rows}"), _listing([f"train/{row}.jpg" for row in range(10)])
    assert f"'id' and {header!r} name different ones. Say which by `id_column`" in _refused(file, listing)
    assert targets_by_path(_labelled(file, listing, ids=header))["train/9.jpg"] == "cat"
    assert targets_by_path(_labelled(file, listing, ids="id"))["train/9.jpg"] == "dog"


@pytest.mark.parametrize("header", ["image_number", "photo_no", "ImgNr", "Picture"])
@pytest.mark.parametrize("digits", [1, 4])
def test_running_numbers_do_not_beat_a_column_of_numbers_of_photos(tmp_path: Path, header: str, digits: int) -> None:
    rows = "".join(f"{row},{9 - row:0{digits}},{'cat' if row < 5 else 'dog'}\n" for row in range(10))
    listing = _listing([f"train/{row:0{digits}}.jpg" for row in range(10)])
    file = _write(tmp_path, f"id,{header},label\n{rows}")
    assert f"'id' and {header!r} name different ones. Say which by `id_column`" in _refused(file, listing)
    assert targets_by_path(_labelled(file, listing, ids=header))[f"train/{9:0{digits}}.jpg"] == "cat"
    file = _write(tmp_path, f"id,score,label\n{rows}")
    assert targets_by_path(_labelled(file, listing))[f"train/{9:0{digits}}.jpg"] == "dog"


@pytest.mark.parametrize("values", [range(1, 11), [640] * 10, [1, 0] * 5, [*range(9), 30], [9, *range(9)]])
def test_a_column_of_other_numbers_about_photos_does_not_matter(tmp_path: Path, values: Sequence[int]) -> None:
    rows = "".join(f"{row},{value},{'cat' if row < 5 else 'dog'}\n" for row, value in enumerate(values, start=1))
    listing = _listing([f"train/{row}.jpg" for row in range(1, 11)])
    found = targets_by_path(_labelled(_write(tmp_path, f"id,image_rank,label\n{rows}"), listing))
    assert (found["train/1.jpg"], found["train/10.jpg"]) == ("cat", "dog")


@pytest.mark.parametrize(
    "text",
    [
        "id,jpg,label\na1,a1.jpg,cat\nb2,b2.jpg,dog\nc3,c3.png,cat\n10,10.jpg,dog\n",
        "id,page,label\na1,b2.html,cat\nb2,a1.html,dog\nc3,10.html,cat\n10,c3.html,dog\n",
        "id,copy of,label\na1,b2.jpg,cat\nb2,,dog\nc3,,cat\n10,,dog\n",
        "id,left,label\na1,b2.jpg,cat\nb2,a1.jpg,dog\nc3,10.jpg,cat\n10,c3.png,dog\n",
        "filename,left,label\na1.jpg,b2.jpg,cat\nb2.jpg,a1.jpg,dog\nc3.png,10.jpg,cat\n10.jpg,c3.png,dog\n",
    ],
)
def test_a_column_of_other_files_beside_the_ids_does_not_matter(tmp_path: Path, text: str) -> None:
    assert targets_by_path(_labelled(_write(tmp_path, text))) == _EXPECTED


@pytest.mark.parametrize(
    "others",
    [
        [None, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [2, 1, 2, 5, 4, 5, 8, 7, 8, 9],
    ],
    ids=["the one before", "the one before, of which one is missing", "the nearest"],
)
def test_a_column_of_other_photos_beside_whole_numbers_does_not_matter(
    tmp_path: Path, others: Sequence[int | None]
) -> None:
    numbers = range(1, 11)
    files = ["" if other is None else f"{other}.jpg" for other in others]
    pairs = zip(numbers, files, strict=True)
    rows = "".join(f"{number},{other},{'ab'[number % 2]}\n" for number, other in pairs)
    file, listing = _write(tmp_path, f"id,other,label\n{rows}"), _listing([f"{number}.jpg" for number in numbers])
    assert targets_by_path(_labelled(file, listing)) == {f"{number}.jpg": "ab"[number % 2] for number in numbers}


@pytest.mark.parametrize(
    ("files", "num_photos"),
    [
        ([3, 3, 0, 0, 1, 1, 2, 2], 4),
        ([1, 2, 3, 4, 5, 6, 7, 8], 9),
        ([*range(30, 10, -1), 30], 40),
    ],
    ids=["several rows of a photo", "numbers from 0", "one row twice"],
)
def test_running_numbers_do_not_beat_files_of_which_some_are_named_twice(
    tmp_path: Path, files: Sequence[int], num_photos: int
) -> None:
    rows = "".join(f"{row},{file}.jpg,{'ab'[file % 2]}\n" for row, file in enumerate(files))
    file, listing = _write(tmp_path, f"id,photos,label\n{rows}"), _listing([f"{row}.jpg" for row in range(num_photos)])
    assert "'id' and 'photos' name different ones" in _refused(file, listing)


_ELSEWHERE = [
    "/kaggle/input/x/{}.jpg",
    r"C:\imgs\{}.jpg",
    "../imgs/{}.JPG",
    "upload/{}.png ",
    "file:///data/my%20x/{}.jpg",
    "https://www.b.com/x/{}.jpg?sig=a/b.png",
    "s3://b/x/{}.jpg#a",
    "/data/local-files/?d=images/{}.jpg",
    "<img src='{}.jpg'>",
    "['{}.jpg']",
]


@pytest.mark.parametrize(
    ("header", "name"), [*(("image", name) for name in _ELSEWHERE), *(("whence", name) for name in _ELSEWHERE[:8])]
)
def test_running_numbers_do_not_beat_files_that_lay_elsewhere(tmp_path: Path, header: str, name: str) -> None:
    listing = _listing([f"train/{row}.jpg" for row in range(10)])
    files = [name.format(9 - row) for row in range(10)]
    file = _write(tmp_path, f"id,{header},label\n" + "".join(f"{row},{one},a\n" for row, one in enumerate(files)))
    assert f"'id' and {header!r} name different ones. Say which by `id_column`" in _refused(file, listing)
    assert targets_by_path(_labelled(file, listing, ids="id"))["train/9.jpg"] == "a"


@pytest.mark.parametrize("name", _ELSEWHERE)
def test_files_that_lay_elsewhere_and_are_called_as_the_numbers_say_do_not_matter(tmp_path: Path, name: str) -> None:
    listing = _listing([f"train/{row}.jpg" for row in range(4)])
    file = _write(tmp_path, "id,image,label\n" + "".join(f"{row},{name.format(row)},{row}\n" for row in range(4)))
    labelled = label_by_file(listing, LabelsFile(file))
    assert targets_by_path(labelled.listing) == {f"train/{row}.jpg": str(row) for row in range(4)}
    assert labelled.told == ()


@pytest.mark.parametrize("name", ["img_{}.jpg", "/data/upload/1/8a8b3c21-{}.jpg", "cam{}/1.jpg"])
def test_a_column_of_files_that_are_not_here_beside_running_numbers_is_told(tmp_path: Path, name: str) -> None:
    listing = _listing([f"train/{row}.jpg" for row in range(4)])
    rows = "".join(f"{row},{name.format(3 - row)},{row}\n" for row in range(4))
    labelled = label_by_file(listing, LabelsFile(_write(tmp_path, f"id,image,label\n{rows}")))
    assert targets_by_path(labelled.listing) == {f"train/{row}.jpg": str(row) for row in range(4)}
    (told,) = labelled.told
    assert told.startswith(
        f"the ids of train.csv are those of 'id'; 'image' names other files, such as {name.format(3)!r} ("
    )
    names = _write(tmp_path, "id,name,label\n" + "".join(f"{row},Tom {row},{row}\n" for row in range(4)))
    assert label_by_file(listing, LabelsFile(names)).told == ()


_SCANS = tuple(f"scans/{'cat' if n < 6 else 'dog'}/x{n}.jpg" for n in range(12))
_SCAN_LABELS = {path: path.split("/")[1] for path in _SCANS}


def _scans(*columns: str, header: str, paths: Sequence[str] = _SCANS) -> str:
    """A file of labels with a row for each photo: of its path, stem, label, place and place from the end."""
    rows = []
    for n, path in enumerate(paths):
        _, label, name = path.split("/")
        said = {"path": path, "name": name, "stem": f"{label}/{name[:-4]}", "label": label, "n": n, "last": -n % 12}
        said |= {"next": paths[(n + 1) % len(paths)], "url": f"https://b.com/y/{name}", "id": f"ISIC_{n}"}
        said |= {"split": ("train", "valid")[n % 2], "fold": n % 5, "code": "ab"[n % 2]}
        rows.append(",".join(column.format(**said) for column in columns))
    return "\n".join((header, *rows))


@pytest.mark.parametrize(
    ("columns", "header"),
    [
        (("{n}", "{path}", "{label}"), ",image,dx"),
        (("{last}", "{path}", "{label}"), "Unnamed: 0,image,dx"),
        (("{path}", "{label}", ""), "image,dx,Unnamed: 2"),
        (("{path}", "{label}", "{n}"), "image,,Unnamed: 2"),
    ],
)
def test_a_column_without_a_name_that_numbers_the_rows_or_is_empty_is_not_one_of_labels(
    tmp_path: Path, columns: Sequence[str], header: str
) -> None:
    listing = Listing([ImageEntry(path[:-4], path, 1) for path in _SCANS])
    assert targets_by_path(_labelled(_write(tmp_path, _scans(*columns, header=header)), listing)) == _SCAN_LABELS
    alone = _write(tmp_path, _scans("{path}", "{n}", header="image,"))
    assert targets_by_path(_labelled(alone, listing))[_SCANS[7]] == "7"


def test_of_columns_that_may_be_labels_none_is_guessed(tmp_path: Path) -> None:
    listing = Listing([ImageEntry(path[:-4], path, 1) for path in _SCANS])
    for columns, header, said in (
        (("{n}", "{path}", "{label}"), "class id,file,labels", "it has 'class id', 'labels'. Say"),
        (("{id}", "{path}", "{label}"), "lesion,image_id,dx", "it has 'lesion', 'dx'. Say"),
        (("{n}", "{path}", "{label}"), "level,image_id,dx", "it has 'level', 'dx'. Say"),
        (("1", "{path}", "{label}"), "Unnamed: 0,image_id,dx", "it has 'Unnamed: 0', 'dx'. Say"),
    ):
        assert f"{said} which by `label_column`" in _refused(_write(tmp_path, _scans(*columns, header=header)), listing)


@pytest.mark.parametrize(
    ("columns", "header"),
    [
        (("{path}", "{split}"), "image,split"),
        (("{n}", "{path}", "{split}"), "Unnamed: 0,image,split"),
        (("{n}", "{path}", "{fold}"), ",image,fold"),
        (("{path}", "fold_{fold}"), "image,kfold"),
        (("{path}", "{fold}.0"), "image,cv_fold"),
        (("{path}", "{split}_set"), "image,for"),
        (("{path}", "{code}"), "image,partition"),
    ],
)
def test_a_column_of_splits_or_folds_alone_is_no_label_unless_it_is_asked_for(
    tmp_path: Path, columns: Sequence[str], header: str
) -> None:
    listing = Listing([ImageEntry(path[:-4], path, 1) for path in _SCANS])
    file = _write(tmp_path, _scans(*columns, header=header))
    assert "Say which by `label_column`" in _refused(file, listing)
    assert len(targets_by_path(_labelled(file, listing, label=header.rpartition(",")[2]))) == len(_SCANS)


@pytest.mark.parametrize(
    ("values", "header"),
    [
        ("train bus", "image,vehicle"),
        ("valid invalid", "image,state"),
        ("train valid", "image,label"),
        ("1 2 3 4", "image,phase"),
        ("new full", "image,phase"),
        ("yes no", "image,split"),
        ("0 1", "image,valid"),
    ],
)
def test_words_and_numbers_that_may_be_labels_are(tmp_path: Path, values: str, header: str) -> None:
    words = values.split()
    file = _write(tmp_path, f"{header}\n" + "".join(f"{n},{words[n % len(words)]}\n" for n in range(8)))
    listing = _listing([f"{n}.png" for n in range(8)])
    assert set(targets_by_path(_labelled(file, listing)).values()) == set(words)


@pytest.mark.parametrize(
    ("columns", "header", "may_be"),
    [
        (("{path}", "{label}"), "filepaths,labels", ["filepaths"]),
        (("{stem}", "{label}"), "isic_id,target", ["isic_id"]),
        (("{n}", "{stem}", "{label}", "0.{n}", "p{n}"), ",isic_id,target,width,patientId", ["isic_id"]),
        (("{label}", "{path}"), "finding,Image Index", ["Image Index"]),
        (("{path}", "{next}", "{label}"), "left,right,label", ["left", "right"]),
        (("{next}", "{url}", "{label}"), "nearest,address,label", ["nearest"]),
        (("{id}", "{path}", "{label}"), "query,nearest,label", ["nearest"]),
        (("{n}", "{label}"), "rank,label", []),
        (("{id}", "{label}"), "isic_id,target", []),
        (("/kaggle/{name}", "{label}"), "filepaths,labels", []),
        (("{label}/{n}.jpg", "{label}"), "filepaths,labels", []),
        (("{path}", "{label}"), "species,label", []),
        (("{path}", "1 2 " * 100_000 + "{n}", "{label}"), "scan,rle,label", ["scan"]),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_columns_that_are_not_called_as_ids_are_advised_where_their_values_are(
    tmp_path: Path, columns: Sequence[str], header: str, may_be: Sequence[str], kind: str
) -> None:
    listing = Listing([ImageEntry(path[:-4], path, 1) for path in _SCANS])
    file = _write(tmp_path, _scans(*columns, header=header))
    if kind == "parquet":
        table = pd.read_csv(file)
        file = tmp_path / "train.parquet"
        table.to_parquet(file)
    said = f"by its values it may be {', '.join(map(repr, may_be))}. Say which by `id_column`."
    assert (said if may_be else "photo, put a line of names before them.") in _refused(file, listing)
    label = next(name for name in header.split(",") if name in ("label", "labels", "target", "finding"))
    for name in may_be:
        assert len(targets_by_path(label_by_file(listing, LabelsFile(file, name, label)).listing)) == len(_SCANS)


@pytest.mark.parametrize(
    ("number", "other", "may_be"),
    [
        ("{n:05}", "{next:05}.png", "'frame', 'next'"),
        ("{n}.0", "x{n}.png", "'frame'"),
        ("{n}", "{n}.dcm", "'frame'"),
        ("{fold}", "{n:05}.png", "'next'"),
    ],
)
def test_numbers_that_are_those_of_photos_are_advised_too(tmp_path: Path, number: str, other: str, may_be: str) -> None:
    rows = [(number, other, "ab"[n % 2], {"n": n, "next": (n + 1) % 9, "fold": n % 3}) for n in range(9)]
    text = "".join(f"{one.format(**said)},{two.format(**said)},{label}\n" for one, two, label, said in rows)
    file = _write(tmp_path, f"frame,next,label\n{text}")
    assert f"it may be {may_be}. Say which by `id_column`" in _refused(
        file, _listing([f"{n:05}.png" for n in range(9)])
    )


def test_columns_of_few_photos_or_the_same_ones_or_of_labels_are_not_advised_as_ids(tmp_path: Path) -> None:
    listing = _listing(["x/red.jpg", "x/blue.jpg"])
    few = "url,similar,label\n" + "".join(f"u{n},{'red' if n < 2 else ''},{'ab'[n % 2]}\n" for n in range(9))
    assert "it has 'url', 'similar', 'label'. Say" in _refused(_write(tmp_path, few), listing)
    often = "scan,colour\n" + "".join(f"u{n},{('red', 'blue')[n % 2]}\n" for n in range(9))
    assert "it has 'scan', 'colour'. Say" in _refused(_write(tmp_path, often), listing)
    alone = _write(tmp_path, "scan,colour\nu1,red\nu2,blue\n")
    assert "it has 'scan', 'colour'. Say which by `id_column`" in _refused(alone, listing, label="colour")
    unnamed = _write(tmp_path, "red,yes\nblue,no\n")
    assert "put a line of names before them" in _refused(unnamed, listing)


def test_what_has_no_partner_is_left_out_and_counted_on_both_sides(tmp_path: Path) -> None:
    file = _write(tmp_path, "id,label\na1,cat\nb2,dog\nc3,\nx9,cat\ny9,dog\n")
    hidden = LeftOut("hidden", 3, (".1",))
    found = label_by_file(Listing(_listing().images, (hidden,)), LabelsFile(file))
    assert targets_by_path(found.listing) == {"train/a1.jpg": "cat", "train/b2.jpg": "dog"}
    without = LeftOut("without a label in train.csv", 2, ("train/c3.png", "train/10.jpg"))
    assert found.listing.left_out == (hidden, without)
    assert found.unused == LeftOut("labels of train.csv without a photo", 2, ("x9", "y9"))


def test_words_that_count_as_no_label_are_named_where_photos_are_left_out(tmp_path: Path) -> None:
    rows = [("train/a1.jpg", "cat"), ("train/b2.jpg", "nan"), ("train/c3.png", " NULL"), ("train/10.jpg", "")]
    file = _write(tmp_path, "".join(f"{','.join(row)}\n" for row in (("path", "label"), *rows)))
    table = tmp_path / "train.parquet"
    pd.DataFrame(rows, columns=["path", "label"]).to_parquet(table)
    columns = TableColumns(label="label")
    for found in (
        label_by_file(_listing(), LabelsFile(file)),
        label_by_table(find_images(table, columns), table, columns),
    ):
        (left,) = found.listing.left_out
        assert (left.count, left.reason.partition(" (")[2]) == (3, "read as empty: 'nan', 'NULL')")
    kept = LabelUse(keeps_unlabelled=True)
    for found, name in (
        (label_by_file(_listing(), LabelsFile(file), kept), "train.csv"),
        (label_by_table(find_images(table, columns), table, columns, kept), "train.parquet"),
    ):
        assert found.told[0] == f"some photos have no label in {name} (read as empty: 'nan', 'NULL')"


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_blanks_around_an_id_count_where_a_photo_has_them(tmp_path: Path, kind: str) -> None:
    paths = [" 1.jpg", "1.jpg", "2.jpg", "3 .jpg", "3.jpg"]
    file = tmp_path / f"train.{kind}"
    for ids, labelled in (
        ([" 1.jpg", "2.jpg", "3.jpg"], [" 1.jpg", "2.jpg", "3.jpg"]),
        ([" 1.jpg", "1.jpg", " 2.jpg ", "9.jpg"], [" 1.jpg", "1.jpg", "2.jpg"]),
        (["3 ", "3", " 1", "1", "2 "], ["3 .jpg", "3.jpg", " 1.jpg", "1.jpg", "2.jpg"]),
        (["1.jpg ", " 2.jpg"], ["1.jpg", "2.jpg"]),
    ):
        table = pd.DataFrame({"id": ids, "label": [str(n) for n in range(len(ids))], "of": list("abcde")[: len(ids)]})
        table.to_csv(file, index=False) if kind == "csv" else table.to_parquet(file)
        images = Listing([ImageEntry(path[:-4], path, 1) for path in paths])
        found = label_by_file(images, LabelsFile(file)).listing
        assert targets_by_path(found) == {
            path: str(n) for n, path in sorted(enumerate(labelled), key=lambda a: paths.index(a[1]))
        }


def test_photos_of_another_suffix_than_their_ids_are_told_where_most_have_the_same(tmp_path: Path) -> None:
    def told(ids: Sequence[str]) -> tuple[str, ...]:
        rows = "".join(f"{one},{number}\n" for number, one in enumerate(ids))
        return label_by_file(_listing(), LabelsFile(_write(tmp_path, f"id,label\n{rows}"))).told

    assert told(["a1.jpg", "b2.JPG", "c3.jpg"]) == (
        "1 of 3 photos has another suffix than its id in train.csv, and is taken for a copy in another format: "
        "'c3.jpg' is 'train/c3.png'",
    )
    assert told(["a1.jpg", "b2.png", "c3.jpg", "10.jpg"])[0].startswith("2 of 4 photos have another suffix")
    for ids in (["a1.jpg", "b2.jpg", "c3.png", "10"], ["a1.png", "b2.png", "c3.jpg", "10.jpg"], ["a1", "b2", "c3.1"]):
        assert told(ids) == ()
    assert told(["a1.jpeg", "b2.jpg", "c3.PNG", "10.JPE"]) == (), "these are of one format"


def test_ids_that_match_by_accident_are_refused(tmp_path: Path) -> None:
    rows = "".join(f"{number},cat\n" for number in range(1, 30))
    listing = _listing([f"train/{number}.jpg" for number in range(25, 90)])
    said = _refused(_write(tmp_path, f"id,label\n{rows}"), listing)
    assert "of 29 in its column 'id', such as '1', 5 belong to one" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,label\na1,cat\na1,dog\nb2,dog\nc3,cat\n", "'a1' has 'cat' and 'dog'"),
        ("id,label\na1,cat\na1.jpg,cat\nb2,dog\nc3,cat\n10,dog\n", None),
        (
            "id,label,target\na1,cat,0\nb2,dog,1\nc3,cat,0\n",
            "it has 'label', 'target'. Say which by `label_column`",
        ),
        ("id,healthy,scab\na1,1,0\nb2,0,1\nc3,1,1\n", "it has 'healthy', 'scab'. Say which by `label_column`"),
        ("number,label\na1,cat\nb2,dog\n", "by its values it may be 'number'. Say which by `id_column`"),
        ("id,label\nx1,cat\nx2,dog\n", "of 2 in its column 'id', such as 'x1', 0 belong to one"),
        ("id,label\n", "at least one row; "),
        ("id,id,label\na1,a1,cat\n", "'id' more than once"),
    ],
)
def test_a_file_that_does_not_tell_is_refused_by_what_is_wrong(tmp_path: Path, text: str, said: str | None) -> None:
    file = _write(tmp_path, text)
    if said is None:
        assert targets_by_path(_labelled(file)) == _EXPECTED
    else:
        assert said in _refused(file)


@pytest.mark.parametrize(
    ("ids", "second"),
    [
        (("a1", "b2", "c3", "10"), "c3.png"),
        (("a1", "b2", "c3", "10"), "train/c3.png"),
        (("a1.jpg", "b2.jpg", "c3.png", "10.jpg"), "c3"),
        (("train/a1.jpg", "train/b2.jpg", "train/c3.png", "train/10.jpg"), "c3.png"),
    ],
)
def test_two_spellings_of_the_id_of_a_photo_with_different_labels_are_refused(
    tmp_path: Path, ids: Sequence[str], second: str
) -> None:
    text = "id,label\n" + "".join(f"{one},{label}\n" for one, label in zip(ids, _EXPECTED.values(), strict=True))
    said = f"Expected one label for each photo in train.csv; {ids[2]!r} has 'cat', and {second!r}, which may be the"
    assert said in _refused(_write(tmp_path, f"{text}{second},dog\n"))
    assert targets_by_path(_labelled(_write(tmp_path, f"{text}{second},cat\n"))) == _EXPECTED
    for other in ("c3.gif", "C3.png", "valid/c3.png", "010.0"):
        assert targets_by_path(_labelled(_write(tmp_path, f"{text}{other},dog\n"))) == _EXPECTED, (
            "may be of another photo"
        )


_ACCENTED = "caf\u00e9.jpg"


@pytest.mark.parametrize("second", ["./1.jpg", ".\\1.jpg", "x/../1.jpg", ".//1.jpg", "./1", "./" + _ACCENTED])
@pytest.mark.parametrize("in_folder", [False, True])
def test_an_id_that_can_be_no_other_path_is_refused_beside_one_of_another_label(
    tmp_path: Path, second: str, in_folder: bool
) -> None:
    paths = ["1.jpg", "2.jpg", unicodedata.normalize("NFD", _ACCENTED)]
    rows = "".join(f"{one},dog\n" for one in paths)
    listing = Listing([ImageEntry(path[:-4], f"cats/{path}" if in_folder else path, 1) for path in paths])
    with pytest.raises(RequestError, match=r"Expected one label for each photo .* may be the same photo, 'cat'\."):
        label_by_file(listing, LabelsFile(_write(tmp_path, f"file,label\n{rows}{second},cat\n")))
    found = label_by_file(listing, LabelsFile(_write(tmp_path, f"file,label\n{rows}{second},dog\n")))
    assert {image.target for image in found.listing.images} == {"dog"} and not found.told


@pytest.mark.parametrize(
    ("ids", "second", "first"),
    [
        (["1.jpg", "2.jpg"], "1.JPG", "1.jpg"),
        (["1.jpg", "2.jpg"], "001.jpg", "1.jpg"),
        (["1.jpg", "2.jpg"], "1.0", "1.jpg"),
        (["1", "2"], "001", "1"),
        (["1", "2"], "./2.0", "2"),
        (["a/1.jpg", "a/2.jpg"], "A/01.JPG", "a/1.jpg"),
    ],
)
def test_an_id_that_is_nearly_that_of_a_photo_is_told_where_its_label_is_another(
    tmp_path: Path, ids: Sequence[str], second: str, first: str
) -> None:
    rows = "".join(f"{one},dog\n" for one in ids)
    listing = Listing([ImageEntry(path[2:-4], path, 1) for path in ("a/1.jpg", "a/2.jpg")])
    found = label_by_file(listing, LabelsFile(_write(tmp_path, f"file,label\n{rows}{second},cat\n")))
    assert [image.target for image in found.listing.images] == ["dog", "dog"]
    assert found.told == (
        "1 label of train.csv without a photo is another than that of a photo whose id is nearly the same, which "
        f"counts: {second!r} is 'cat' and {first!r} 'dog'; if one photo is meant, leave the wrong id out",
    )
    assert not label_by_file(listing, LabelsFile(_write(tmp_path, f"file,label\n{rows}{second},dog\n"))).told


@pytest.mark.parametrize("ids", [("1.jpg", "1.JPG"), ("001", "1"), ("1.jpg", "001.jpg"), ("a/1.jpg", "A/1.jpg")])
def test_two_photos_whose_ids_are_nearly_the_same_have_each_its_label(tmp_path: Path, ids: tuple[str, str]) -> None:
    paths = [one if one.lower().endswith(".jpg") else f"{one}.jpg" for one in ids]
    listing = Listing([ImageEntry(path[:-4], path, 1) for path in paths])
    text = f"file,label\n{ids[0]},dog\n{ids[1]},cat\n"
    for more in ("", "./01.jpg,fox\n"):
        found = label_by_file(listing, LabelsFile(_write(tmp_path, text + more)))
        assert targets_by_path(found.listing) == dict(zip(paths, ("dog", "cat"), strict=True))
        assert len(found.told) == bool(more and "a/1.jpg" not in ids)


def test_one_id_of_two_photos_is_refused(tmp_path: Path) -> None:
    file = _write(tmp_path, "id,label\n1,cat\n2,dog\n3,cat\n")
    said = _refused(file, _listing(["train/1.jpg", "train/2.jpg", "train/3.jpg", "valid/1.jpg"][::-1]))
    assert re.search(r"1 is (valid|train)/1\.jpg and (train|valid)/1\.jpg", said)


def test_a_column_of_masks_as_long_texts_does_not_matter(tmp_path: Path) -> None:
    rows = "".join(f"{number},{'1 2 ' * 50_000},{label}\n" for number, label in enumerate(["cat", "dog"]))
    labelled = label_by_file(_listing(["0.jpg", "1.jpg"]), LabelsFile(_write(tmp_path, f"id,rle,label\n{rows}")))
    assert [image.target for image in labelled.listing.images] == ["cat", "dog"]


@pytest.mark.parametrize(
    ("labels", "targets"),
    [
        (["0.0", "1.0", "1", ""], ["0", "1", "1", None]),  # as pandas writes whole numbers beside an empty cell
        (["0.5", "1.0", "1", ""], ["0.5", "1.0", "1", None]),
        (["True", "False", "NA", "None"], ["True", "False", "NA", "None"]),
    ],
)
def test_whole_numbers_are_one_label_however_they_are_written_and_words_are_kept(
    tmp_path: Path, labels: Sequence[str], targets: Sequence[str | None]
) -> None:
    rows = "".join(f"{number},{label}\n" for number, label in enumerate(labels))
    listing = _listing([f"train/{number}.jpg" for number in range(len(labels))])
    labelled = label_by_file(listing, LabelsFile(_write(tmp_path, f"id,label\n{rows},\n ,\n")), LabelUse(True))
    assert [image.target for image in labelled.listing.images] == targets


@pytest.mark.parametrize(
    ("labels", "value"),
    [
        (["scab", "rust", "scab rust", "healthy"], "'scab rust' is several, with spaces"),
        (["16", "0", "16 0", "0"], "'16 0' is several, with spaces"),
        (["a|b", "b", "a", "b"], "'a|b' is several, with bars"),
        ([" ".join(tags) for count in (2, 3) for tags in combinations("vwxyz", count)], "'v w' is several"),
        ([f"{a},{b},{c}" for a in "xyz" for b in "pqr" for c in "stu"], "'x,p,s' is several"),
        ([f"{a} {b}" for a in "pqrst" for b in "vwxyz"], "'p v' is several, with spaces"),
    ],
)
def test_several_labels_in_one_value_are_recognised_and_refused(
    tmp_path: Path, labels: Sequence[str], value: str
) -> None:
    listing = _listing([f"train/{number}.jpg" for number in range(len(labels))])
    rows = "".join(f'{number},"{label}"\n' for number, label in enumerate(labels))
    file = _write(tmp_path, f"id,tags\n{rows}")
    refused = _refused(file, listing)
    assert value in refused
    assert "Train one with Keras" in refused and "`outputs` multi-label" in refused
    with pytest.raises(RequestError, match=f"{re.escape(value)}.* this model gives one label .*`outputs` multi-label"):
        label_by_file(listing, LabelsFile(file), LabelUse(keeps_unlabelled=True))


@pytest.mark.parametrize(
    ("labels", "targets"),
    [
        (["scab", "rust", "scab rust", ""], ["scab", "rust", "scab,rust", None]),
        (["16", "0", "16|0", "0"], ["16", "0", "16,0", "0"]),
        (["scab", "rust", "scab, rust", "scab"], ["scab", "rust", "scab,rust", "scab"]),
        (["Great Dane", "pug", "pug", "pug"], ["Great Dane", "pug", "pug", "pug"]),
        ([f"{a} {b}" for a in "pqrst" for b in "vwxyz"], [f"{a},{b}" for a in "pqrst" for b in "vwxyz"]),
        ([f"{a} {b} c" for a in "pqrst" for b in "vwxyz"], [f"{a},{b},c" for a in "pqrst" for b in "vwxyz"]),
    ],
)
def test_scoring_keeps_photos_without_a_label_and_takes_several_where_they_stand_by_themselves(
    tmp_path: Path, labels: Sequence[str], targets: Sequence[str | None]
) -> None:
    listing = _listing([f"train/{number}.jpg" for number in range(len(labels))])
    rows = [f'{number},"{label}"' for number, label in enumerate(labels)]
    file = LabelsFile(_write(tmp_path, "\n".join(["id,tags", *rows])))
    use = LabelUse(keeps_unlabelled=True, takes_several=True)
    found = label_by_file(listing, file, use).listing
    assert [image.target for image in found.images] == targets
    table = tmp_path / "images.parquet"
    pq.write_table(pa.table({"path": [f"{number}.jpg" for number in range(len(labels))], "tags": labels}), table)
    columns = TableColumns(label="tags")
    found = label_by_table(find_images(table, columns), table, columns, use).listing
    assert [image.target for image in found.images] == targets


@pytest.mark.parametrize("takes_several", [False, True])
def test_a_label_in_two_spellings_is_one_in_a_file_and_in_a_table(tmp_path: Path, takes_several: bool) -> None:
    composed, parted = (unicodedata.normalize(form, "Kätzchen") for form in ("NFC", "NFD"))
    use, labels = LabelUse(takes_several=takes_several), [composed, parted, "Hund", composed]
    rows = "".join(f"{number},{label}\n" for number, label in enumerate(labels))
    file = _write(tmp_path, f"id,label\n{rows}0,{parted}\n")
    found = label_by_file(_listing([f"{number}.jpg" for number in range(4)]), LabelsFile(file), use).listing
    assert [image.target for image in found.images] == [composed, composed, "Hund", composed]
    table = tmp_path / "images.parquet"
    pq.write_table(pa.table({"path": [f"{number}.jpg" for number in range(4)], "label": labels}), table)
    columns = TableColumns(label="label")
    found = label_by_table(find_images(table, columns), table, columns, use).listing
    assert [image.target for image in found.images] == [composed, composed, "Hund", composed]


@pytest.mark.parametrize(
    ("labels", "several", "mark"),
    [
        (["amecro grcfly", "amecro", "nocall"], "amecro grcfly", "spaces"),
        (["rust", "rust complex", "healthy"], "rust complex", "spaces"),
        (["haze", "agriculture clear haze water", "cloudy"], "agriculture clear haze water", "spaces"),
        (["scab,rust", "scab"], "scab,rust", "commas"),
        (["John", "Smith, John"], "Smith, John", "commas"),
    ],
)
def test_what_may_be_several_labels_counts_as_one_and_is_told(
    tmp_path: Path, labels: Sequence[str], several: str, mark: str
) -> None:
    file = LabelsFile(_write(tmp_path, "\n".join(["id,tags", *(f'{row},"{one}"' for row, one in enumerate(labels))])))
    listing = _listing([f"train/{row}.jpg" for row in range(len(labels))])
    labelled = label_by_file(listing, file)
    assert list(targets_by_path(labelled.listing).values()) == labels
    says = (
        f"{several!r} counts as one label; if it is several, with {mark} between them, they need a model of several: "
    )
    assert labelled.told == (f"{says}train one with Keras, as none is trained here",)
    assert label_by_file(listing, file, LabelUse(keeps_unlabelled=True)).told == ()
    table = tmp_path / "images.parquet"
    pq.write_table(pa.table({"path": [f"{row}.jpg" for row in range(len(labels))], "tags": labels}), table)
    columns = TableColumns(label="tags")
    assert label_by_table(find_images(table, columns), table, columns).told == labelled.told


@pytest.mark.parametrize(
    "labels",
    [
        ["Lung Opacity", "Normal", "No Lung Opacity / Not Normal"],
        ["golden retriever", "great white shark", "tiger shark"],
        ["Smith, John", "Smith, Ann", "Doe, John"],
        ["ace of clubs", "ace of spades"],
        ["hot_dog", "no_hot_dog"],
        ["cactus", "no cactus", "No Cactus"],
        ["Corn", "Corn (maize)"],
        ["Pepper,_bell___Bacterial_spot", "Pepper,_bell___healthy"],
        ["Obama,Barack", "Paris,France", "0,5", "2,4-D"],
        ["Audi A4 Sedan 2012", "Audi S5 Coupe 2012", "Soft Coated Wheaten Terrier"],
        ["500", "1 000", "10 000"],
        ["Salt &amp; Pepper", "Sugar", "Caf&#233; Noir"],
        ["black and white colobus", "white wolf", "red and black bug"],
        ["2 mm", "10 cm"],
    ],
)
def test_names_with_blanks_and_commas_are_labels_without_a_word(tmp_path: Path, labels: Sequence[str]) -> None:
    file = _write(tmp_path, "\n".join(["id,tags", *(f'{row},"{one}"' for row, one in enumerate(labels))]))
    labelled = label_by_file(_listing([f"train/{row}.jpg" for row in range(len(labels))]), LabelsFile(file))
    assert list(targets_by_path(labelled.listing).values()) == labels
    assert labelled.told == ()


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (["Effusion|Hernia", "No Finding", "Cardiomegaly|Emphysema"], "'Cardiomegaly|Emphysema' is several, with bars"),
        (["cat", "cat; wild"], "'cat; wild' is several, with semicolons"),
        (["['rust']", "['scab', 'rust']"], "\"['scab', 'rust']\" is several, with commas"),
        (["147 616 813", "51 61", "147"], "'51 61' is several, with spaces"),
    ],
)
def test_bars_semicolons_numbers_and_brackets_are_of_several_labels_to_train_on_and_may_be_names_to_score(
    tmp_path: Path, labels: Sequence[str], says: str
) -> None:
    file = _write(tmp_path, "\n".join(["id,tags", *(f'{row},"{one}"' for row, one in enumerate(labels))]))
    listing = _listing([f"train/{row}.jpg" for row in range(len(labels))])
    assert says in _refused(file, listing)
    for takes_several in (False, True):
        labelled = label_by_file(listing, LabelsFile(file), LabelUse(True, takes_several))
        assert (list(targets_by_path(labelled.listing).values()), labelled.told) == (labels, ())


def test_several_labels_are_recognised_in_two_spellings(tmp_path: Path) -> None:
    labels = ["Hund", *(unicodedata.normalize(*one) for one in (("NFC", "Kätzchen"), ("NFD", "Kätzchen Hund")))]
    rows = "".join(f"{number},{label}\n" for number, label in enumerate(labels))
    assert "is several, with spaces" in _refused(
        _write(tmp_path, f"id,tags\n{rows}"), _listing([f"{number}.jpg" for number in range(3)])
    )


def test_labels_of_several_words_are_labels(tmp_path: Path) -> None:
    file = _write(tmp_path, "id,breed\na1,French bulldog\nb2,American bulldog\nc3,bulldog\n10,Great Dane\n")
    assert set(targets_by_path(_labelled(file)).values()) == {
        "French bulldog",
        "American bulldog",
        "bulldog",
        "Great Dane",
    }


def test_names_of_equally_many_words_are_labels(tmp_path: Path) -> None:
    ranks, suits = ("ace", *map(str, range(2, 11)), "jack", "queen", "king"), ("clubs", "hearts", "spades", "diamonds")
    cards = ["joker", *(f"{rank} of {suit}" for rank in ranks for suit in suits)]
    rows = "".join(f"{number},{card}\n" for number, card in enumerate(cards))
    listing = _listing([f"train/{number}.jpg" for number in range(len(cards))])
    assert set(targets_by_path(_labelled(_write(tmp_path, f"id,label\n{rows}"), listing)).values()) == set(cards)


@pytest.mark.parametrize(("no", "yes"), [("0", "1"), ("0.0", "1.0"), ("False", "True")])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_column_for_each_label_is_refused_as_such_and_one_alone_is_told(
    tmp_path: Path, no: str, yes: str, suffix: str
) -> None:
    table = pd.DataFrame({"image_id": ["a1", "b2", "c3"], "fold": [2, 1, 2], "rust": [yes, no, no]})
    table["scab"] = table["healthy"] = no
    table.loc[1:, "scab"] = [yes, no]
    table.loc[2, "healthy"] = yes
    path = tmp_path / f"train.{suffix}"
    if suffix == "csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path)
    assert "it has one for each label, rust, scab, healthy, with 1 in that of a row's label." in _refused(path)
    alone = label_by_file(_listing(), LabelsFile(path, label_column="rust"))
    assert {"train/a1.jpg", "train/b2.jpg", "train/c3.png"} == set(targets_by_path(alone.listing))
    (told,) = alone.told
    assert told.startswith(
        f"the labels tell 'rust' from all else; train.{suffix} has one column for each label, rust, scab, healthy (if "
    )
    assert label_by_file(_listing(), LabelsFile(path, label_column="fold")).told == ()
    table.loc[2, "scab"] = yes
    table.to_csv(tmp_path / "several.csv", index=False)
    says = "'rust', 'scab', 'healthy'. Say which by `label_column`. If its 3 columns of 0 and 1 are one label "
    path = tmp_path / "several.csv"
    trained = "each, 1 of 3 rows have several or none, and such models are not trained here. Train one with Keras"
    assert f"{says}{trained}" in _refused(path)
    with pytest.raises(RequestError, match=re.escape(f"{says}each, 1 of 3 rows have several or none, and this")):
        label_by_file(_listing(), LabelsFile(path), LabelUse(keeps_unlabelled=True))
    with pytest.raises(RequestError, match=rf"{re.escape(says)}each, add a column with .* bars between them"):
        label_by_file(_listing(), LabelsFile(path), LabelUse(keeps_unlabelled=True, takes_several=True))


def test_columns_that_may_hold_labels_are_named_without_that_of_the_ids(tmp_path: Path) -> None:
    refused = _refused(_write(tmp_path, "id,angle,is_iceberg\na1,3.5,1\nb2,4.5,0\nc3,5.5,1\n"))
    assert refused.endswith("; it has 'angle', 'is_iceberg'. Say which by `label_column`.")


_SPLIT_ROWS = (("a1", "cat", "train"), ("b2", "dog", "train"), ("c3", "cat", "{valid}"), ("10", "dog", "{test}"))


@pytest.mark.parametrize("header", ["split", "data set", "Usage", "partition"])
@pytest.mark.parametrize(("valid", "test"), [("val", "test"), ("Training", "PublicTest"), ("id_val", "id_test")])
def test_photos_of_which_a_column_says_that_they_are_to_test_on_are_refused_to_train_on(
    tmp_path: Path, header: str, valid: str, test: str
) -> None:
    rows = [",".join(row).format(valid=valid, test=test) for row in _SPLIT_ROWS]
    file = _write(tmp_path, "\n".join((f"id,label,{header}", *rows)))
    says = (
        f"column '{header}' of train.csv says that 1 of 4 are to test on, such as '10'. Leave their rows out, or that"
    )
    assert says in _refused(file)
    assert len(label_by_file(_listing(), LabelsFile(file), LabelUse(keeps_unlabelled=True)).listing.images) == 4
    strays = _write(tmp_path, "\n".join((f"id,label,{header}", *rows, "gone,cat,unused", "lost,cat,nan")))
    assert says.partition(", such")[0] in _refused(strays)
    file = _write(tmp_path, "\n".join((f"id,label,{header}", *rows)))
    kept = label_by_file(_listing(_PATHS[:3]), LabelsFile(file))
    assert len(kept.listing.images) == 3, "those to test on may have been left out by their folder"
    kept = label_by_file(_listing(), LabelsFile(_write(tmp_path, "\n".join((f"id,label,{header}", *rows[:3])))))
    assert len(kept.listing.images) == 3
    expected = [f"the column '{header}' of train.csv says which photos are to validate on"]
    assert [told.partition(";")[0] for told in kept.told] == (expected if "val" in valid else [])


@pytest.mark.parametrize(
    "values",
    [
        ("train", "bus", "car", "test"),
        ("train", "train", "train", ""),
        ("test", "test", "test", "test"),
        ("train_1.jpg", "train_2.jpg", "test_1.jpg", "test_2.jpg"),
        ("train station", "train station", "test site", "test site"),
        ("stress_test", "train", "stress_test", "train"),
    ],
)
def test_columns_of_other_words_or_of_one_split_alone_do_not_matter(tmp_path: Path, values: Sequence[str]) -> None:
    rows = [f"{one},{label},{value}\n" for (one, label, _), value in zip(_SPLIT_ROWS, values, strict=True)]
    found = label_by_file(_listing(), LabelsFile(_write(tmp_path, "id,label,seen\n" + "".join(rows))))
    assert (len(found.listing.images), found.told) == (4, ())


def test_a_column_of_splits_may_hold_the_labels(tmp_path: Path) -> None:
    file = _write(tmp_path, "id,label\na1,train\nb2,test\nc3,train\n10,test\n")
    assert sorted(filter(None, targets_by_path(_labelled(file)).values())) == ["test", "test", "train", "train"]


def test_a_file_without_a_line_of_names_is_refused_whatever_column_is_named(tmp_path: Path) -> None:
    file = _write(tmp_path, "a1.jpg,cat\nb2.jpg,dog\nc3.png,cat\n")
    with pytest.raises(RequestError, match=r"line of names, such as .*train\.csv has the photo a1\.jpg\. Put"):
        label_by_file(_listing(), LabelsFile(file, "a1.jpg", "cat"))
    assert "if these are the values of a photo, put a line of names" in _refused(_write(tmp_path, "a1,cat\nb2,dog\n"))


def test_blanks_around_quotes_are_no_part_of_a_label_and_quotes_within_one_are(tmp_path: Path) -> None:
    several_lines = '"grey, ""old"" , \ncat"'
    for told, label in (
        ('"cat, grey"', "cat, grey"),
        ('"5"" cat"', '5" cat'),
        ('"big" cat', '"big" cat'),
        (several_lines, 'grey, "old" , \ncat'),
        (f"\t{several_lines} ", 'grey, "old" , \ncat'),
    ):
        text = f"id, label\na1, {told}\nb2, dog\nc3,\t{told} \t\n10, dog\n"
        assert targets_by_path(_labelled(_write(tmp_path, text))) == {
            path: label if target == "cat" else target for path, target in _EXPECTED.items()
        }


def test_marks_and_blanks_within_quotes_take_no_blanks_from_the_ids_of_photos(tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text('id,label,note\n 1.jpg,dog,", "\n2.jpg,cat,x\n')
    images = Listing([ImageEntry(path[:-4], path, 1) for path in (" 1.jpg", "1.jpg", "2.jpg")])
    assert targets_by_path(label_by_file(images, LabelsFile(labels)).listing) == {" 1.jpg": "dog", "2.jpg": "cat"}


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("odd", ['"cat" ', '"big" cat', '\u00a0"cat"', '"cat"'])
def test_quotes_of_one_row_with_blanks_around_them_change_no_label_of_the_others(
    tmp_path: Path, mark: str, odd: str
) -> None:
    rows = [("id", "label"), ("a1", odd), ("b2", ' "dog"'), ("c3", ' "cat"'), ("10", "dog")]
    expected = _EXPECTED | ({"train/a1.jpg": odd} if "big" in odd else {})
    text = "".join(f"{one}{mark} {told}\r\n" for one, told in rows)
    assert targets_by_path(_labelled(_write(tmp_path, text))) == expected
    assert targets_by_path(_labelled(_write(tmp_path, text.removesuffix("\r\n")))) == expected


@pytest.mark.parametrize("open_and_closing", [(' "c', 'd"'), ('\t"c', 'd" '), (' "c', 'd\n\nc3, ""e"" "')])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_a_quote_behind_a_blank_takes_no_row_into_a_label(
    tmp_path: Path, open_and_closing: tuple[str, str], ends: str
) -> None:
    opened, closed = open_and_closing
    text = f'id,label\n10, "big" a\na1,{opened}\nb2, {closed}\n'
    said = _refused(_write(tmp_path, text.replace("\n", ends)))
    assert "is not: the quote behind a blank in 'a1," in said
    assert "closes in another line" in said


def test_lines_within_quotes_behind_a_blank_that_are_no_rows_are_of_a_label(tmp_path: Path) -> None:
    text = 'id,label\na1, "cat,\n\nwhite"\nb2, "dog"\nc3, "cat,\n\nwhite"\n10, dog\n'
    assert targets_by_path(_labelled(_write(tmp_path, text))) == {
        path: "cat,\n\nwhite" if target == "cat" else target for path, target in _EXPECTED.items()
    }


def test_a_spreadsheet_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "train.xlsx").write_bytes(b"PK\x03\x04")
    assert _refused(tmp_path / "train.xlsx").endswith("train.xlsx is a spreadsheet. Save it there as CSV.")


@pytest.mark.parametrize(
    "text", ['{"images": [{"id": 1}], "annotations": []}', '\n[\n {"id": "a1", "label": "cat"}\n]']
)
def test_json_is_named_as_such(tmp_path: Path, text: str) -> None:
    assert "train.csv is JSON. Write it as CSV, with a column of file names" in _refused(_write(tmp_path, text))


@pytest.mark.parametrize("inside", ["bundle.zip/train.csv", "train.csv.zip"])
def test_labels_are_read_in_place_in_a_zip(tmp_path: Path, inside: str) -> None:
    with zipfile.ZipFile(tmp_path / inside.partition("/")[0], "w") as archive:
        archive.writestr("train.csv", "id,label\na1,cat\nb2,dog\nc3,cat\n10,dog\n")
        if "/" in inside:
            archive.writestr("train.zip", b"PK")
    assert targets_by_path(_labelled(tmp_path / inside)) == _EXPECTED


def test_labels_that_are_named_in_a_zip_are_read_without_listing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "bundle.zip", "w") as archive:
        archive.writestr("data/train.csv", "id,label\na1,cat\nb2,dog\nc3,cat\n10,dog\n")
        archive.writestr("train/1.jpg", b"")
    monkeypatch.delattr(ZipDirectory, "files")
    assert targets_by_path(_labelled(tmp_path / "bundle.zip" / "data" / "train.csv")) == _EXPECTED


def test_files_of_a_zip_that_may_be_meant_are_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bundle.zip", "w") as archive:
        for name in ("train/1.jpg", "train/2.jpg", "data/train.csv", "sample_submission.csv"):
            archive.writestr(name, b"")
    bundle = tmp_path / "bundle.zip"
    named = f"Name one: {bundle}/data/train.csv, {bundle}/sample_submission.csv."
    assert _refused(bundle) == f"Expected one file in {bundle}; it holds 4. {named}"
    assert _refused(bundle / "train.csv") == f"Expected a file train.csv in {bundle}; it has none. {named}"


@pytest.mark.parametrize(
    ("held", "named"), [("./train.csv", "train.csv"), ("e\u0301.csv", "\xe9.csv"), ("\xe9.csv", "./e\u0301.csv")]
)
def test_a_file_in_a_zip_is_found_however_its_name_is_spelled(tmp_path: Path, held: str, named: str) -> None:
    with zipfile.ZipFile(tmp_path / "bundle.zip", "w") as archive:
        archive.writestr(held, "id,label\na1,cat\nb2,dog\nc3,cat\n10,dog\n")
        archive.writestr("b.csv", "")
    assert targets_by_path(_labelled(tmp_path / "bundle.zip" / named)) == _EXPECTED
    assert "; it has none." in _refused(tmp_path / "bundle.zip" / "c.csv")


def test_a_folder_with_the_parts_of_a_parquet_table_is_one_of_labels_and_another_is_none(tmp_path: Path) -> None:
    """As Spark writes it."""
    folder = tmp_path / "train.parquet"
    folder.mkdir()
    (folder / "_SUCCESS").write_text("")
    for number, rows in enumerate([{"id": ["a1", "b2"], "label": ["cat", "dog"]}, {"id": ["c3"], "label": ["cat"]}]):
        pq.write_table(pa.table(rows), folder / f"part-{number}.parquet")
    LabelsFile(folder).check()
    assert targets_by_path(_labelled(folder)) == {path: _EXPECTED[path] for path in list(_EXPECTED)[:3]}
    (folder / "part-2.csv").write_text("id,label\n10,dog\n")
    assert re.fullmatch(r"Expected `labels_file` to be a file, .* is a folder\. Name a file in it\.", _refused(folder))


def _write_parts(folder: Path, *parts: pa.Table) -> Path:
    folder.mkdir(parents=True)
    for number, part in enumerate(parts):
        pq.write_table(part, folder / f"part-{number}.parquet")
    return folder


def test_a_column_that_the_folders_of_a_table_tell_is_one_of_labels(tmp_path: Path) -> None:
    """As Spark's partitionBy writes it."""
    for label, ids in (("cat", ["a1", "c3"]), ("dog", ["b2"]), ("__HIVE_DEFAULT_PARTITION__", ["10"])):
        rows = pa.table({"id": ids, "width": [100] * len(ids)})
        _write_parts(tmp_path / "labels" / f"label={label}", rows)
    expected = {path: _EXPECTED[path] for path in list(_EXPECTED)[:3]}
    assert targets_by_path(_labelled(tmp_path / "labels")) == expected
    assert targets_by_path(_labelled(tmp_path / "labels", label="label")) == expected


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pa.array([1, 2]), pa.array([2.0, None])),
        (pa.array(["1", "2"]), pa.array(["2", None], pa.large_string())),
        (pa.array(["1", "2"]).dictionary_encode(), pa.array(["2", None])),
        (pa.array([2**53 + 1, 2]), pa.array([2.0, None])),
        (pa.array([1, 2]), pa.nulls(2)),
    ],
)
def test_parts_of_a_table_of_labels_may_differ_in_types_and_order(
    tmp_path: Path, first: pa.Array, second: pa.Array
) -> None:
    masks = pa.array([[1], [2]])
    one = pa.table({"id": ["a1", "b2"], "label": first, "mask": masks})
    two = pa.table({"mask": pa.nulls(2), "label": second, "id": ["c3", "10"]})
    labelled = targets_by_path(_labelled(_write_parts(tmp_path / "labels", one, two)))
    texts = [str(value) if value else None for value in (*first.to_pylist(), "2" if second[0].as_py() else None)]
    assert labelled == {path: label for path, label in zip(_EXPECTED, texts, strict=False) if label}


def test_a_part_of_a_table_of_labels_that_lacks_a_column_is_refused(tmp_path: Path) -> None:
    one, two = pa.table({"id": ["a1"], "width": [1], "label": ["cat"]}), pa.table({"id": ["b2"], "width": [2]})
    said = _refused(_write_parts(tmp_path / "labels", one, two))
    assert re.fullmatch(
        r"Expected every part of `labels_file` to have the same columns; of part-0\.parquet and part-1\.parquet in "
        r".*labels one lacks 'label'\. Write the table anew, or name one file in it\.",
        said,
    )


def test_a_file_of_labels_in_a_bucket_that_lists_nothing_is_read(bucket: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    (bucket / "train.csv").write_bytes(b"id,label\na1,cat\nb2,dog\nc3,cat\n10,dog\n")

    def refuse(url: Url) -> Any:
        raise BucketError(errno.EACCES, "access denied", str(url))

    monkeypatch.setattr(Url, "stamped_objects", refuse)
    LabelsFile(bucket / "train.csv").check()
    assert targets_by_path(_labelled(bucket / "train.csv")) == _EXPECTED
    with pytest.raises(BucketError, match="access denied"):
        LabelsFile(bucket / "labels").check()


def test_parts_in_a_bucket_whose_prefix_alone_may_be_asked_about_are_read(
    bucket: Url, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pq.write_table(pa.table({"id": ["a1", "b2", "c3", "10"], "label": list(_EXPECTED.values())}), tmp_path / "1")
    (bucket / "labels" / "1.parquet").write_bytes((tmp_path / "1").read_bytes())
    is_file = Url.is_file

    def refuse(url: Url) -> bool:
        if url.suffix:
            return is_file(url)
        raise BucketError(errno.EACCES, "access denied", str(url))

    monkeypatch.setattr(Url, "is_file", refuse)
    LabelsFile(bucket / "labels").check()
    assert targets_by_path(_labelled(bucket / "labels")) == _EXPECTED


def test_a_zip_without_a_file_is_no_file_of_labels(tmp_path: Path) -> None:
    zipfile.ZipFile(tmp_path / "train.csv.zip", "w").close()
    assert re.fullmatch(
        r"Expected a CSV file in .*train\.csv\.zip; it holds no file\.", _refused(tmp_path / "train.csv.zip")
    )


def test_a_parquet_table_of_labels_in_another_encoding_is_refused_in_one_line(tmp_path: Path) -> None:
    offsets, text = (pa.py_buffer(np.array([0, 1, 2], np.int32)), pa.py_buffer(b"\xff\xfe"))
    labels = pa.StringArray.from_buffers(2, offsets, text)
    pq.write_table(pa.table({"id": ["a1", "b2"], "label": labels}), tmp_path / "train.parquet")
    said = _refused(tmp_path / "train.parquet")
    assert re.fullmatch(r"Expected a readable `labels_file`; .*train\.parquet is not: .*can't decode byte 0xff.*", said)


def test_bytes_of_one_length_beside_the_labels_are_left_out(tmp_path: Path) -> None:
    hashes = pa.array([b"\xff" * 16] * 4, pa.binary(16))
    table = pa.table({"id": ["a1", "b2", "c3", "10"], "label": ["cat", "dog", "cat", "dog"], "hash": hashes})
    pq.write_table(table, tmp_path / "train.parquet")
    assert targets_by_path(_labelled(tmp_path / "train.parquet")) == _EXPECTED


def test_a_label_of_a_photo_of_exactly_that_name_is_not_given_to_one_of_that_number(tmp_path: Path) -> None:
    for name in ("1.jpg", "1.0.jpg", "2.jpg"):
        (tmp_path / name).write_bytes(b"\xff\xd8\xff")
    labels = tmp_path / "labels.csv"
    labels.write_text("id,label\n1.0,cat\n2.0,dog\n")
    with pytest.raises(RequestError, match=r"1\.0 is 1\.0\.jpg, or 1\.jpg where it is read as the others are"):
        label_by_file(find_images(tmp_path), LabelsFile(labels))


def test_a_column_of_a_parquet_table_of_labels_that_is_not_used_may_hold_anything(tmp_path: Path) -> None:
    rows = [uuid.UUID(int=row).bytes for row in range(4)]
    broken = pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff"]).buffers())
    columns = {
        "row": pa.ExtensionArray.from_storage(pa.uuid(), pa.array(rows, pa.binary(16))),
        "note": pa.chunked_array([broken] * 4),
        "photo note": pa.chunked_array([broken] * 4),
        "file": [path.partition("/")[2] for path in _EXPECTED],
        "label": list(_EXPECTED.values()),
    }
    pq.write_table(pa.table(columns), tmp_path / "train.parquet")
    assert targets_by_path(_labelled(tmp_path / "train.parquet")) == _EXPECTED
    numbered = _listing([f"train/{number}.jpg" for number in range(1, 5)])
    pq.write_table(pa.table(columns | {"file": [1, 2, 3, 4]}), tmp_path / "train.parquet")
    assert list(targets_by_path(_labelled(tmp_path / "train.parquet", numbered)).values()) == list(_EXPECTED.values())


@pytest.mark.parametrize("name", ["train.parquet", "TRAIN.PARQUET"])
def test_a_parquet_table_of_labels_may_hold_numbers_and_empty_cells(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    ids = pa.array(["a1", "b2", "c3", "10"])
    pq.write_table(pa.table({"image_id": ids, "target": [0.0, 1.0, None, 1.0], "boxes": [[1]] * 4}), path)
    found = targets_by_path(_labelled(path))
    assert found == {"train/a1.jpg": "0", "train/b2.jpg": "1", "train/10.jpg": "1"}


@pytest.mark.parametrize("first", ["label", "id", "id,label"])
def test_of_hundreds_of_columns_a_message_names_the_first(tmp_path: Path, first: str) -> None:
    names = [*first.split(","), *(f"pixel{number}" for number in range(784))]
    rows = [names, *([one, *"0" * (len(names) - 1)] for one in ("a1", "b2"))]
    told = _refused(_write(tmp_path, "\n".join(map(",".join, rows))), label="lable" if "," in first else None)
    found = names[1:] if first == "id" else names
    assert re.search(rf" '{found[0]}', .*'pixel30', .*, \.\.\. \({len(found)} in all\)\.", told), told
    assert len(told) < 1000


def test_a_file_that_is_not_there_is_refused_before_anything_is_listed(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"`labels_file` to be a CSV file or a Parquet table; there is no"):
        LabelsFile(tmp_path / "nowhere.csv").check()


@pytest.mark.parametrize("ids", [None, "name"])
@pytest.mark.parametrize("kind", ["path", "content"])
def test_a_table_of_images_brings_their_labels(tmp_path: Path, kind: str, ids: str | None) -> None:
    values = ["10.jpg", "9.jpg", None, "8.jpg"] if kind == "path" else [b"1", b"2", None, b"4"]
    table = tmp_path / "images.parquet"
    names = ["n10", "n9", "n7", "n8"]
    pq.write_table(pa.table({"image": values, "name": names, "breed": ["cat", "dog", "cat", None]}), table)
    columns = TableColumns(image_id=ids, label="breed", **{kind: "image"})
    listing = find_images(table, columns)
    found = label_by_table(listing, table, columns).listing
    shown = {image.image_id: image.target for image in found.images}
    rows = {"path": ["10", "9", "images.parquet#2"], "content": ["0", "1", "2"]}[kind]
    assert shown == dict(zip(names if ids else rows, ["cat", "dog", "cat"], strict=False))
    assert [(left.reason, left.count) for left in found.left_out] == [("without a label in images.parquet", 1)]


@pytest.mark.parametrize(
    ("labels", "targets"),
    [
        (["cat", "cat ", " dog", "dog", " "], ["cat", "cat", "dog", "dog", None]),
        ([0.0, 1.0, float("nan"), None, 1.0], ["0", "1", None, None, "1"]),
        (["0.0", "1", "1.0", " nan", ""], ["0", "1", "1", None, None]),
    ],
)
def test_labels_of_a_table_of_images_are_those_of_a_file_of_labels(
    tmp_path: Path, labels: Sequence[object], targets: Sequence[str | None]
) -> None:
    table, use = tmp_path / "images.parquet", LabelUse(keeps_unlabelled=True)
    pq.write_table(pa.table({"path": [f"{row}.jpg" for row in range(5)], "label": labels}), table)
    columns = TableColumns(label="label")
    listing = find_images(table, columns)
    assert [image.target for image in label_by_table(listing, table, columns, use).listing.images] == targets
    by_file = label_by_file(listing, LabelsFile(table, "path", "label"), use).listing
    assert [image.target for image in by_file.images] == targets


@pytest.mark.parametrize("is_latest", [[True, True, False, False, False], None])
def test_labels_of_old_versions_in_an_inventory_do_not_count(tmp_path: Path, is_latest: list[bool] | None) -> None:
    """The last row of an object counts where none is marked."""
    table = tmp_path / "inventory.parquet"
    rows = {"key": ["1.jpg", "2.jpg", "1.jpg", "2.jpg", "2.jpg"], "breed": ["cat", "dog", "cow", "cow", None]}
    marks = {"is_latest": is_latest} if is_latest else {}
    pq.write_table(pa.table({"bucket": ["b"] * 5, **rows, **marks}), table)
    columns = TableColumns(label="breed")
    found = label_by_table(find_images(table, columns), table, columns).listing
    assert [image.target for image in found.images] == (["cat", "dog"] if is_latest else ["cow"])


def test_a_table_without_that_column_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "images.parquet"
    pq.write_table(pa.table({"path": ["1.jpg"], "label": ["cat"]}), table)
    with pytest.raises(RequestError, match=r"Expected a column 'breed' in .*; it has path, label"):
        find_images(table, TableColumns(label="breed"))


@pytest.mark.parametrize("twice", ["path", "label", "id"])
def test_a_table_with_two_columns_of_one_name_is_refused(tmp_path: Path, twice: str) -> None:
    """As `join` of pyarrow writes two columns of labels, of which the first is out of date."""
    table = tmp_path / "images.parquet"
    texts = pa.array(["1.jpg", "2.jpg"])
    pq.write_table(pa.table([texts] * 4, ["path", "label", "id", twice]), table)
    for columns in (
        TableColumns(label="label", image_id="id"),
        TableColumns(path="path", label="label", image_id="id"),
    ):
        with pytest.raises(RequestError, match=f"every column of .*images.parquet once; it has '{twice}' more than"):
            find_images(table, columns)
    columns = TableColumns(path="label" if twice == "path" else "path")
    assert find_images(table, columns).images, "a column that is not asked for may be there twice"


@pytest.mark.parametrize("ids", [None, "name"])
@pytest.mark.parametrize("kind", ["path", "content"])
def test_rows_of_a_table_of_images_that_are_to_test_on_are_refused_to_train_on(
    tmp_path: Path, kind: str, ids: str | None
) -> None:
    rows = {
        "image": ["1.jpg", "2.jpg", "3.jpg", "4.jpg"] if kind == "path" else [b"1", b"2", b"3", b"4"],
        "name": ["n1", "n2", "n3", "n4"],
        "note": ["train", "of", "a", "test"],
        "label": ["cat", "dog", "cat", "dog"],
        "split": pa.array(["train", "train", None, "test"]).dictionary_encode(),
    }
    table = tmp_path / "images.parquet"
    columns = TableColumns(image_id=ids, label="label", **{kind: "image"})
    pq.write_table(pa.table(rows), table)
    with pytest.raises(RequestError, match=r"the column 'split' of images.parquet says that 1 of 4 are to test on"):
        label_by_table(find_images(table, columns), table, columns)
    for flags in ([True, True, None, False], [1, 1, None, 0], [1.0, 1.0, None, 0.0]):
        pq.write_table(pa.table({**rows, "split": pa.nulls(4), "is_train": flags, "size": [1, 2, 3, 4]}), table)
        with pytest.raises(RequestError, match=r"the column 'is_train' of images.parquet says that 1 of 4 are to test"):
            label_by_table(find_images(table, columns), table, columns)
    pq.write_table(pa.table(rows), table)
    assert len(label_by_table(find_images(table, columns), table, columns, LabelUse(True)).listing.images) == 4
    pq.write_table(pa.table(rows).slice(0, 3), table)
    assert label_by_table(find_images(table, columns), table, columns).told == ()


_ROWS = range(12)  # of which each third is to test on, and both labels are in either part


def _labelled_by(tmp_path: Path, **columns: Sequence[object]) -> tuple[str, ...]:
    """What is told of labels beside which these columns stand."""
    rows = zip(*columns.values(), strict=True)
    lines = (f"{row},{'cat' if row % 2 else 'dog'},{','.join(map(str, values))}" for row, values in enumerate(rows))
    file = _write(tmp_path, "\n".join((f"id,label,{','.join(columns)}", *lines)))
    found = label_by_file(_listing([f"photos/{row}.jpg" for row in _ROWS]), LabelsFile(file))
    assert len(found.listing.images) == len(_ROWS)
    return found.told


def _in_thirds(*values: object) -> list[object]:
    return [values[row % 3] for row in _ROWS]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("is_test", (1, 0, 0)),
        ("is_train", (0, 1, 1)),
        ("train", (False, True, True)),
        ("training", ("no", "yes", "yes")),
        ("isTestSet", ("Y", "N", "N")),
        ("istest", (1.0, 0.0, 0.0)),
        ("in_test_set", (1, 0, 0)),
        ("is_training_image", (0, 1, 1)),
        ("test", ("True", "False", "False")),
        ("holdout", (1, 0, 0)),
        ("split", ("test", "trainval", "trainval")),
        ("split", ("test", "dev", "dev")),
        ("source", ("test", "dev", "dev")),
        ("partition", ("Test", "fit", "fit")),
        ("source", ("test2019", "train2019", "train2019")),
        ("stage", ("stage1_test", "stage1_train", "stage1_train")),
        ("part", ("test1", "train", "val")),
        ("Usage", ("Test (public)", "Train", "Train")),
        ("from", ("testing images", "training images", "training images")),
        ("from", ("test.csv", "train.csv", "train.csv")),
        ("heldout", (1, 0, 0)),
        ("test_only", (1, 0, 0)),
        ("use_for_training", (0, 1, 1)),
        ("from", ("heldout", "train", "train")),
        ("from", ("test-dev2017", "train2017", "val2017")),
        ("from", ("test-std", "train", "val")),
        ("set_type", ("testA", "train", "extra")),
    ],
)
def test_photos_to_test_on_are_told_by_the_name_of_a_column_of_flags_and_by_words_of_other_forms(
    tmp_path: Path, column: str, values: Sequence[object]
) -> None:
    with pytest.raises(RequestError, match=rf"column '{column}' of train.csv says that 4 of 12 are to test on"):
        _labelled_by(tmp_path, **{column: _in_thirds(*values)})


@pytest.mark.parametrize(
    "columns",
    [
        {"train": _in_thirds(1, 0, 0), "bus": _in_thirds(0, 1, 0), "car": _in_thirds(0, 0, 1)},
        {"train": _in_thirds(1, 1, 0), "bus": _in_thirds(0, 0, 1)},
        {"training": _in_thirds(0, 1, 1), "match": _in_thirds(1, 0, 0)},
        {"is_train": _in_thirds(1, 1, 0), "is_car": _in_thirds(0, 0, 1)},
        {"train": [row % 2 for row in _ROWS], "plane": [1 - row % 2 for row in _ROWS]},
        {"train": [1 - row % 2 for row in _ROWS]},
        {"test": _in_thirds("negative", "positive", "positive")},
        {"test": _in_thirds(0.5, 0.1, 0.2)},
        {"test1": _in_thirds(1, 0, 0)},
        {"has_train": _in_thirds(0, 1, 1)},
        {"test_result": _in_thirds(1, 0, 0)},
        {"is_test": [0 for _ in _ROWS]},
        {"is_valid": _in_thirds(0, 1, 1)},
        {"source": _in_thirds("test", "rosendahl", "vidir")},
        {"item": _in_thirds("test tube", "train set", "flask")},
        {"env": _in_thirds("test", "dev", "prod")},
        {"patient": [f"{'test' if row % 3 else 'train'}_{row:03d}" for row in _ROWS]},
        {"test": [row % 5 for row in _ROWS]},
        {"split": [row % 4 for row in _ROWS]},
        {"fold": _in_thirds(0, 1, "val"), "split": _in_thirds("fold1", "fold 2", "train")},
        {"split": _in_thirds("labelled", "unlabelled", "unlabelled")},
        {"split": _in_thirds("no", "yes", "no")},
        {"subset": _in_thirds("US", "DE", "FR"), "partition": _in_thirds("L", "R", "R")},
        {"split": _in_thirds("train", "minitrain", "")},
        {"SET": _in_thirds("TRAIN", "UNASSIGNED", "UNASSIGNED")},
        {"dataset": _in_thirds("ISIC_2019_Training", "PH2", "HAM10000")},
        {"taken": _in_thirds("2021/1/2.jpg", "2021/2/2.jpg", "2020/1/2.jpg")},
        {"fold": [row % 2 for row in _ROWS], "phase": [row % 3 for row in _ROWS]},
    ],
)
def test_columns_that_are_labels_results_or_folds_do_not_matter(
    tmp_path: Path, columns: dict[str, Sequence[object]]
) -> None:
    assert _labelled_by(tmp_path, **columns) == ()


@pytest.mark.parametrize(
    ("column", "columns"),
    [
        ("train", {"train": _in_thirds(1, 0, 0), "bus": _in_thirds(0, 1, 1), "car": _in_thirds(1, 1, 0)}),
        ("train", {"car": _in_thirds(0, 1, 1), "train": _in_thirds(1, 1, 0)}),
        ("test", {"test": _in_thirds(1, 1, 0), "fever": _in_thirds(0, 1, 0)}),
        ("tests", {"fever": _in_thirds(0, 1, 0), "tests": _in_thirds("", 1, "")}),
        ("evaluation", {"evaluation": _in_thirds(0, 1, 0), "surgery": _in_thirds(1, 1, 0)}),
    ],
)
def test_flags_called_as_a_split_beside_others_are_told_to_be_taken_for_labels(
    tmp_path: Path, column: str, columns: dict[str, Sequence[object]]
) -> None:
    other = next(name for name in columns if name != column)
    says = f"the column '{column}' of train.csv is taken for a label, as '{other}' is; if it says which photos are to"
    assert [told[: len(says)] for told in _labelled_by(tmp_path, **columns)] == [says]


def test_a_defect_called_split_beside_the_labels_of_another_is_told_to_be_taken_for_a_label(tmp_path: Path) -> None:
    rows = [f"{one},{row % 2},{row % 3 % 2},{row % 4 // 3}\n" for row, one in enumerate(("a1", "b2", "c3", "10"))]
    file = LabelsFile(_write(tmp_path, "id,knot,crack,split\n" + "".join(rows)), label_column="knot")
    (told,) = label_by_file(_listing(), file).told
    assert told.startswith("the column 'split' of train.csv is taken for a label, as 'crack' is")


@pytest.mark.parametrize(
    ("number", "columns"),
    [
        (8, {"is_train": _in_thirds(1, 0, 0), "is_car": _in_thirds(1, 1, 0)}),
        (6, {"is_test": [row // 2 % 2 for row in _ROWS], "is_male": _in_thirds(1, 0, 1)}),
        (4, {"train": _in_thirds(0, 1, 1), "test": _in_thirds(1, 0, 0), "male": [row % 4 // 2 for row in _ROWS]}),
        (8, {"train": _in_thirds(1, 0, 0), "cat": [row % 2 for row in _ROWS], "dog": [1 - row % 2 for row in _ROWS]}),
        (8, {"is_train": [int(row in (0, 2, 4, 6)) for row in _ROWS]}),
    ],
)
def test_flags_of_a_split_are_refused_beside_flags_of_something_else(
    tmp_path: Path, number: int, columns: dict[str, Sequence[object]]
) -> None:
    with pytest.raises(RequestError, match=f"says that {number} of 12 are to test on"):
        _labelled_by(tmp_path, **columns)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("is_test", (1, "", "")),
        ("is_test", ("x", "", "")),
        ("test", ("True", "nan", "nan")),
        ("holdout", ("yes", "", "")),
        ("hold_out", (1, 0, 0)),
        ("is_train", ("", 1, 1)),
        ("is_train", (0, "NULL", "NULL")),
        ("is_test", (1, 0, "nan")),
        ("is_test", (1, 0, "NA")),
        ("split", ("test", "", "")),
        ("split", ("test", "None", "nan")),
    ],
)
def test_photos_to_test_on_are_told_beside_empty_cells(tmp_path: Path, column: str, values: Sequence[object]) -> None:
    with pytest.raises(RequestError, match=rf"column '{column}' of train.csv says that 4 of 12 are to test on"):
        _labelled_by(tmp_path, **{column: _in_thirds(*values)})


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("split", ("external test", "train", "train")),
        ("split", ("testA", "train", "val")),
        ("split", ("test-dev", "train", "val")),
        ("split", ("Test (20%)", "Train (80%)", "Train (80%)")),
        ("split", ("'test'", "'train'", "'train'")),
        ("split", ("2. Test", "1. Train", "1. Train")),
        ("split", ("#test:0", "#train:0", "#train:0")),
        ("split", ("held-out test set of 2021 (second hospital without 3 patients)", "train", "train")),
        ("split", ("hold-out", "train", "train")),
        ("split", ("test/", "train/", "train/")),
        ("subset", ("test_hidden", "train_1", "extra")),
        ("fold", ("test", 0, 1)),
        ("fold_id", ("test", "fold0", "fold1")),
        ("cv", ("holdout", "cv1", "cv2")),
        ("folder", ("testA", "trainA", "trainB")),
        ("archive", ("test.zip", "train.zip", "train.zip")),
        ("folder", ("/data/test/", "/data/train/", "/data/train")),
        ("folder", ("test/cats", "train/cats", "train/dogs")),
        ("folder", ("test\\cats", "train\\cats", "train\\dogs")),
        ("folder", ("/test/x/test_images", "/test/x/train_images", "/test/x/train_images")),
    ],
)
def test_words_beside_that_of_a_split_count_where_the_column_is_called_so_and_folders_in_any(
    tmp_path: Path, column: str, values: Sequence[object]
) -> None:
    with pytest.raises(RequestError, match=rf"column '{column}' of train.csv says that 4 of 12 are to test on"):
        _labelled_by(tmp_path, **{column: _in_thirds(*values)})


def test_a_column_of_the_paths_of_other_copies_tells_which_are_to_test_on(tmp_path: Path) -> None:
    paths = [f"{'train' if row % 3 else 'test'}/{row}.png" for row in range(1_200)]
    rows = [f"{row},{'cat' if row % 2 else 'dog'},{path}" for row, path in enumerate(paths)]
    said = _refused(
        _write(tmp_path, "\n".join(("id,label,original", *rows))), _listing([f"p/{r}.jpg" for r in range(1_200)])
    )
    assert "column 'original' of train.csv says that 400 of 1,200 are to test on, such as '0'" in said


@pytest.mark.parametrize(
    ("column", "values", "counts"),
    [
        ("split", (1, 2, 3), "1 of 4, 2 of 4, 3 of 4 photos"),
        ("split", (1, 2, 2), "1 of 4, 2 of 8 photos"),
        ("split", ("True", "False", "False"), "False of 8, True of 4 photos"),
        ("partition", ("te", "tr", "tr"), "te of 4, tr of 8 photos"),
        ("split", ("tst", "trn", "val"), "trn of 4, tst of 4, val of 4 photos"),
        ("split", ("gallery", "train", "train"), "gallery of 4, train of 8 photos"),
        ("set", ("unseen", "train", ""), "train of 4, unseen of 4 photos"),
    ],
)
def test_values_of_splits_that_do_not_say_which_is_which_are_asked_about(
    tmp_path: Path, column: str, values: Sequence[object], counts: str
) -> None:
    with pytest.raises(RequestError, match=rf"Expected the column '{column}' of train.csv to say .*; it has {counts}"):
        _labelled_by(tmp_path, **{column: _in_thirds(*values)})


def test_values_that_are_asked_about_are_named_up_to_five(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"a of 1, b of 1, c of 1, d of 1, e of 1, \.\.\. photos"):
        _labelled_by(tmp_path, split=[*"abcdefg", *["train"] * 5])


def test_flags_of_what_is_valid_hide_no_numbers_for_splits(tmp_path: Path) -> None:
    valid = [int(row in (0, 1, 5, 6, 10)) for row in _ROWS]
    with pytest.raises(RequestError, match=r"'split' of train\.csv to say in words"):
        _labelled_by(tmp_path, valid=valid, split=_in_thirds(2, 0, 1))
    assert len(_labelled_by(tmp_path, valid=valid)) == 1


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("is_test", pa.array([True, None, None, True, None, None]), "says that 2 of 6"),
        ("is_train", pa.array([0, 1, 1, 0, 1, 1], pa.decimal128(25, 2)), "says that 2 of 6"),
        ("is_test", pa.array([1, 0, 0, 1, 0, 0], pa.decimal128(38, 10)), "says that 2 of 6"),
        ("split", pa.array([b"test", b"train", None, b"test", b"train", b"train"]), "says that 2 of 6"),
        ("is_test", pa.array([b"1", b"0", b"0", b"1", b"0", b"0"]), "says that 2 of 6"),
        ("split", pa.array(["test", None, None, "test", None, None]), "says that 2 of 6"),
        ("split", pa.array([1, 2, 3, 1, 2, 3], pa.uint8()), "it has 1 of 2, 2 of 2, 3 of 2 photos"),
        ("split", pa.array([True, False, False, True, False, False]), "it has false of 4, true of 2 photos"),
    ],
)
def test_columns_of_a_table_of_images_may_have_empty_cells_and_any_numbers(
    tmp_path: Path, column: str, values: pa.Array, said: str
) -> None:
    table, columns = tmp_path / "images.parquet", TableColumns(path="image", label="label")
    paths = [f"{row}.jpg" for row in range(6)]
    pq.write_table(pa.table({"image": paths, "label": ["cat", "dog"] * 3, column: values}), table)
    with pytest.raises(RequestError, match=rf"column '{column}' of images.parquet .*{said}"):
        label_by_table(find_images(table, columns), table, columns)


def test_flags_of_a_training_set_that_is_small_count_where_no_label_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"column 'is_training_image' of train.csv says that 8 of 12 are to test on"):
        _labelled_by(tmp_path, is_training_image=_in_thirds(1, 0, 0), is_blurred=_in_thirds(0, 1, 0))


def test_flags_of_each_split_say_which_photos_are_to_validate_on(tmp_path: Path) -> None:
    columns = {"is_train": _in_thirds(0, 1, 1), "is_val": _in_thirds(1, 0, 0)}
    (told,) = _labelled_by(tmp_path, **columns)
    assert told.startswith("the column 'is_val' of train.csv says which photos are to validate on")
    with pytest.raises(RequestError, match=r"column 'is_train' of train.csv says that 2 of 12 are to test on"):
        _labelled_by(tmp_path, is_train=columns["is_train"], is_val=[int(row in (0, 3)) for row in _ROWS])


@pytest.mark.parametrize("column", ["split", "train_test_split", "partition", "Data Split"])
def test_numbers_for_splits_are_asked_about(tmp_path: Path, column: str) -> None:
    says = rf"'{column}' of train.csv to say in words, .*; it has 0 of 8, 1 of 4 photos\. Write these words, or leave"
    with pytest.raises(RequestError, match=says):
        _labelled_by(tmp_path, **{column: _in_thirds(1, 0, 0)})
    with pytest.raises(RequestError, match="it has 0 of 4, 1 of 4, 2 of 4 photos"):
        _labelled_by(tmp_path, **{column: _in_thirds(2, 0, 1)})
    with pytest.raises(RequestError, match=r"'is_test' of train.csv says that 4 of 12"):
        _labelled_by(tmp_path, **{column: _in_thirds(1, 0, 0), "is_test": _in_thirds(1, 0, 0)})
    assert _labelled_by(tmp_path, **{column: _in_thirds(1, 1, 1)}) == ()


def test_labels_of_photos_in_a_test_folder_and_a_column_that_says_what_folders_say_are_not_told(tmp_path: Path) -> None:
    """As Kaggle's `cards.csv` has them, with the paths of all three folders."""
    paths = [f"{split}/{label}/{n}.jpg" for split in ("train", "valid", "test") for label in "ab" for n in range(2)]
    rows = [f"{path},{path.split('/')[1]},{path.partition('/')[0]}" for path in paths]
    found = Listing([ImageEntry(path[:-4], path, 1) for path in paths])
    kept = leave_out_test(found)
    for strays in ((), ("test/a/9.jpg,a,test",)):
        file = LabelsFile(_write(tmp_path, "\n".join(("filepaths,labels,data set", *rows, *strays))), "filepaths")
        labelled = label_by_file(kept, file, found=found)
        assert (len(labelled.listing.images), labelled.told) == (8, ())
        assert (labelled.unused.first if labelled.unused else ()) == (("test/a/9.jpg",) if strays else ())
    for of in ("is_train", "split"):
        flags = [f"{path},{path.split('/')[1]},{int(path.startswith('train'))}" for path in paths]
        file = LabelsFile(_write(tmp_path, "\n".join((f"filepaths,labels,{of}", *flags))), "filepaths")
        assert label_by_file(kept, file, found=found).told == ()
    other = [row.replace(",train", ",valid") for row in rows]
    file = LabelsFile(_write(tmp_path, "\n".join(("filepaths,labels,data set", *other))), "filepaths")
    assert "'data set' of train.csv says which photos" in label_by_file(kept, file).told[0]


def _finetuned(tmp_path: Path, name: str, ids: Sequence[str], *paths: str) -> Labelled:
    """What `finetune` takes of photos, with a file of labels, by turns `cat` and `dog`."""
    found = Listing([ImageEntry(path[:-4], path, 1) for path in paths])
    file = tmp_path / name
    file.write_text("\n".join(("id,label", *(f"{one},{'cat' if row % 2 else 'dog'}" for row, one in enumerate(ids)))))
    return label_by_file(leave_out_test(found), LabelsFile(file), found=found)


@pytest.mark.parametrize(
    ("folder", "name", "num_ids"),
    [
        ("valid", "l.csv", 8),
        ("dev", "test_labels.csv", 8),
        ("d/validation/validation", "train.csv", 8),
        ("valid", "labels.csv", 16),
        ("train", "y_test.csv", 8),
        ("train", "TestLabels.csv", 8),
        ("train", "labels.csv", 16),
    ],
)
def test_ids_that_may_be_those_of_photos_left_out_to_test_on_are_refused(
    tmp_path: Path, folder: str, name: str, num_ids: int
) -> None:
    test = "d/test/test" if folder.startswith("d/") else "test"
    paths = [*(f"{folder}/{n}.png" for n in range(8)), *(f"{test}/{n}.png" for n in range(num_ids))]
    for suffix in ("", ".png"):
        ids = [f"{n}{suffix}" for n in range(num_ids)]
        with pytest.raises(RequestError, match=rf"'0(.png)?' may be '{folder}/0.png', or '{test}/0.png', which is to"):
            _finetuned(tmp_path, name, ids, *paths)
    told = _finetuned(tmp_path, name, [f"{folder}/{n}.png" for n in range(8)], *paths)
    assert [image.path for image in told.listing.images] == paths[:8]


@pytest.mark.parametrize(
    ("folder", "name"), [("train", "trainLabels.csv"), ("train", "l.csv"), ("valid", "val_labels.csv")]
)
def test_ids_of_photos_to_learn_from_may_be_those_of_photos_to_test_on_too(
    tmp_path: Path, folder: str, name: str
) -> None:
    """As of CIFAR-10, where both are called 1 to 50,000."""
    paths = [f"{split}/{n}.png" for split in (folder, "test") for n in range(8)]
    told = _finetuned(tmp_path, name, [str(n) for n in range(8)], *paths)
    assert [image.target for image in told.listing.images] == ["dog", "cat"] * 4
    assert told.unused is None


def _by_folders(tmp_path: Path, labels: dict[str, str]) -> Iterator[dict[str, str | None]]:
    """What `finetune` takes of photos in folders of these labels, by a file and by a table of them."""
    paths = [f"{folder}/{n}.jpg" for folder in labels for n in range(2)]
    told = [labels[path.split("/")[0]] for path in paths]
    rows = "\n".join(("id,label", *(f"{path},{label}" for path, label in zip(paths, told, strict=True))))
    found = Listing([ImageEntry(path[:-4], path, 1) for path in paths])
    yield targets_by_path(label_by_file(leave_out_test(found), LabelsFile(_write(tmp_path, rows)), found=found).listing)
    table, columns = tmp_path / "train.parquet", TableColumns(label="label")
    pq.write_table(pa.table({"path": paths, "label": told}), table)
    found = find_images(table, columns)
    yield targets_by_path(label_by_table(leave_out_test(found), table, columns, found=found).listing)


def test_labels_called_as_splits_are_labels_if_a_file_says_so_of_folders_without_one_to_train_on(
    tmp_path: Path,
) -> None:
    """As of bank notes, which may be `valid`, `test` or `void`."""
    for labels in (("valid", "test", "void"), ("dev", "test")):
        for taken in _by_folders(tmp_path, dict(zip(labels, labels, strict=True))):
            assert taken == {f"{label}/{n}.jpg": label for label in labels for n in range(2)}
    for taken in _by_folders(tmp_path, {"train": "cat", "valid": "valid", "test": "test"}):
        assert [*taken.values()] == ["cat", "cat", "valid", "valid"]


def test_labels_of_photos_left_out_alone_are_asked_about_without_those_to_train_on(tmp_path: Path) -> None:
    says = r"every label of train\..*; those of 'dog', such as 'test/0.jpg', lie in a folder to test on"
    with pytest.raises(RequestError, match=says):
        list(_by_folders(tmp_path, {"valid": "cat", "test": "dog"}))
    for taken in _by_folders(tmp_path, {"train": "cat", "test": "dog"}):
        assert [*taken] == ["train/0.jpg", "train/1.jpg"]


@pytest.mark.parametrize(("column", "train", "test"), [("split", "train", "test"), ("is_test", False, True)])
def test_a_column_of_splits_inside_another_counts(tmp_path: Path, column: str, train: object, test: object) -> None:
    meta = [{"size": [8, 8], column: split} for split in (train, test) * 2]
    rows = {"path": [f"{n}.jpg" for n in range(4)], "label": ["cat", "cat", "dog", "dog"], "meta": meta}
    pq.write_table(pa.table(rows), tmp_path / "t.parquet")
    columns = TableColumns(label="label")
    found = find_images(tmp_path / "t.parquet", columns)
    with pytest.raises(
        RequestError, match=rf"the column 'meta\.{column}' of t\.parquet says that 2 of 4 are to test on"
    ):
        label_by_table(found, tmp_path / "t.parquet", columns)


def test_folders_of_a_table_that_say_which_rows_are_to_test_on_are_as_a_column(tmp_path: Path) -> None:
    table, columns = tmp_path / "table", TableColumns(path="image", label="label")
    for split, first in (("train", 1), ("test", 3)):
        (table / f"split={split}").mkdir(parents=True)
        rows = pa.table({"image": [f"{first}.jpg", f"{first + 1}.jpg"], "label": ["cat", "dog"]})
        pq.write_table(rows, table / f"split={split}" / "0.parquet")
    with pytest.raises(RequestError, match="the column 'split' of table says that 2 of 4 are to test on"):
        label_by_table(find_images(table, columns), table, columns)
