"""Ids that are paths from elsewhere are refused with the photos that they would be, and with what makes them so."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from scoring.errors import RequestError
from scoring.sources.entries import Listing
from scoring.sources.labelling import label_by_file
from scoring.sources.table_columns import LabelsFile
from tests.labelled_paths import images_at, targets_by_path

_FLAT = [f"img_{number:03}.jpg" for number in range(4)]
_NESTED = ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg"]
_SPLITS = [f"{split}/{path}" for split in ("train", "valid") for path in _NESTED]
_CLASSES = [f"/home/u/{label}/{name}" for label, name in zip("abab", _FLAT, strict=True)]
_LAST = "Without their folders, 4 do: {first!r} would be 'img_000.jpg'. If these are the same, write the ids so, as "


def _refused(file: Path, paths: Sequence[str]) -> str:
    with pytest.raises(RequestError) as refused:
        label_by_file(Listing(images_at(*paths)), LabelsFile(file), folder="/w/L/p")
    return str(refused.value)


@pytest.mark.parametrize(
    ("paths", "ids", "left_out"),
    [
        (_FLAT, [f"{top}{path}" for path in _FLAT], top)
        for top in ("train/", "/home/u/data/train/", "C:\\data\\train\\", "/kaggle/input/x/train/", "s3://b/train/")
    ]
    + [
        (_NESTED, [f"/home/u/x/{path}" for path in _NESTED], "/home/u/x/"),
        (_NESTED, ["C:\\x\\" + path.replace("/", "\\") for path in _NESTED], "C:\\x\\"),
        (_NESTED, [f"/home/u/x/{path}" for path in _NESTED[:3]], "/home/u/x/"),
        (_SPLITS, [f"/home/u/x/{path}" for path in _SPLITS[:4]], "/home/u/x/"),
        (["a/1.jpg", "2.jpg"], ["/x/a/1.jpg", "/x/2.jpg"], "/x/"),
        (_FLAT, [f"train/{path[:-4]}" for path in _FLAT], "train/"),
    ],
)
def test_paths_that_would_be_of_photos_without_what_all_begin_with_are_told_with_it(
    tmp_path: Path, paths: Sequence[str], ids: Sequence[str], left_out: str
) -> None:
    file = tmp_path / "train.csv"
    table = pd.DataFrame({"path": ids, "label": [f"label {one}" for one in paths[: len(ids)]]})
    table.to_csv(file, index=False)
    said = _refused(file, paths)
    assert f"0 belong to one. The first photo is {paths[0]!r} in /w/L/p, where paths may begin. Without" in said
    assert said.endswith(
        f"Without {left_out!r} before them, {len(ids)} do: {ids[0]!r} would be {paths[0]!r}. If these are "
        f"the same, write the ids so, as .str.removeprefix({left_out!r}) of pandas does."
    )
    table.assign(path=table["path"].str.removeprefix(left_out)).to_csv(file, index=False)
    labelled = label_by_file(Listing(images_at(*paths)), LabelsFile(file), folder="/w/L/p")
    assert targets_by_path(labelled.listing) == {one: f"label {one}" for one in paths[: len(ids)]}


@pytest.mark.parametrize(
    ("ids", "separator"),
    [(_CLASSES, "'/'"), ([one.replace("/", "\\") for one in _CLASSES], r"r'[\\/]'")],
)
def test_paths_in_several_folders_that_have_the_names_of_photos_are_told(
    tmp_path: Path, ids: Sequence[str], separator: str
) -> None:
    file = tmp_path / "train.csv"
    table = pd.DataFrame({"path": ids, "label": list("abab")})
    table.to_csv(file, index=False)
    advice = f"{_LAST.format(first=ids[0])}.str.split({separator}).str[-1] of pandas does."
    assert _refused(file, _FLAT).endswith(advice)
    table.assign(path=table["path"].str.split(r"[\\/]").str[-1]).to_csv(file, index=False)
    assert targets_by_path(label_by_file(Listing(images_at(*_FLAT)), LabelsFile(file), folder="/w/L/p").listing) == (
        dict(zip(_FLAT, "abab", strict=True))
    )


@pytest.mark.parametrize(
    "ids",
    [
        ["/x/train/9.jpg", "/x/train/8.jpg"],
        ["/x/a/img_000.jpg", "/x/b/img_000.jpg"],
        ["/x/a/img_000.jpg", "/y/b/7.jpg", "/y/b/8.jpg", "/y/b/9.jpg"],
        ["x1", "x2"],
    ],
)
def test_paths_of_other_names_or_of_which_two_would_be_one_are_refused_as_before(
    tmp_path: Path, ids: Sequence[str]
) -> None:
    file = tmp_path / "train.csv"
    pd.DataFrame({"path": ids, "label": "a"}).to_csv(file, index=False)
    said = _refused(file, _FLAT)
    assert "0 belong to one" in said
    assert "Without" not in said
