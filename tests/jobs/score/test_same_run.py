"""What is said where a run folder holds results of other options."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.console.flags import as_flags
from scoring.errors import RunFolderError
from scoring.run.folder import RunFolder
from scoring.run.verification import run_status
from scoring.sources.table_columns import LabelsFile, TableColumns
from scoring.sources.targets import LabelsFrom
from tests.chaos.without_ray import score_here
from tests.runs import cats_and_dogs, draw_images


@pytest.fixture
def labelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten photos with labels in their names and in a file, and a table of them, in the folder that we are in."""
    monkeypatch.chdir(tmp_path)
    names = [image.path for image in cats_and_dogs(10)]
    draw_images(Path("photos"), cats_and_dogs(10))
    Path("train.csv").write_text("".join(f"{line}\n" for line in ["file,label", *(f"{name},pet" for name in names)]))
    columns = {"one": [f"photos/{name}" for name in names], "two": [f"photos/{name}" for name in reversed(names)]}
    pq.write_table(pa.table({**columns, "key": [f"k{name}" for name in names], "pet": ["cat"] * 10}), "table.parquet")
    return tmp_path


@pytest.mark.parametrize(
    ("earlier", "now", "said"),
    [
        ({}, {"labels_from": LabelsFrom.NAMES}, "expected no labels; received --labels-from names. Name the same,"),
        ({"labels_from": LabelsFrom.NAMES}, {}, "expected --labels-from names; received no labels."),
        ({}, {"shard_size": 5}, "expected --shard-size 4; received --shard-size 5."),
        ({}, {"shard_size": None}, "expected --shard-size 4; received --shard-size 32."),
        (
            {"shard_size": None},
            {"shard_size": 4, "labels_file": LabelsFile(Path("train.csv"))},
            "expected --shard-size 32, no labels; received --shard-size 4, --labels-file {here}/train.csv.",
        ),
        (
            {"images": Path("table.parquet"), "columns": TableColumns("one", label="pet")},
            {"images": Path("table.parquet"), "columns": TableColumns("two", image_id="key")},
            "expected --label-column pet, --path-column one, no --id-column; received no labels, --path-column two, "
            "--id-column key.",
        ),
        ({}, {"images": Path("table.parquet"), "columns": TableColumns("one")}, "expected --images {here}/photos, no"),
    ],
)
def test_options_that_make_a_run_another_one_are_named_as_users_name_them(
    labelled: Path, earlier: dict[str, Any], now: dict[str, Any], said: str
) -> None:
    _score(**earlier)
    with pytest.raises(RunFolderError) as refused:
        _score(**now)
    assert as_flags(str(refused.value)).startswith(f"{labelled}/run holds a run with other options: ")
    assert said.format(here=labelled) in as_flags(str(refused.value))
    _score(**earlier)
    assert run_status(RunFolder(Path("run")), verify=True).is_complete


def _score(images: Path = Path("photos"), **options: Any) -> None:
    score_here(images, Path("run").absolute(), **options)


def _add(name: str) -> None:
    shutil.copy("photos/cat.0.png", f"photos/{name}")
    Path("train.csv").write_text(f"{Path('train.csv').read_text()}{name},pet\n")


def _relabel(line: str) -> None:
    table = Path("train.csv")
    table.write_text(table.read_text().replace(line, line.replace("pet", "animal")))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda: _add("cat.99.png"), "added since: 1, such as cat.99.png. Undo that, use another"),
        (lambda: _relabel("pet"), "with another label now: 10, such as cat.0.png. Undo that, use another"),
        (lambda: _relabel("dog.7.png,pet"), "with another label now: 1, such as dog.7.png. Undo that, use another"),
    ],
)
def test_what_is_listed_otherwise_under_the_same_options_is_told_as_that(
    labelled: Path, change: Callable[[], object], said: str
) -> None:
    """A file of labels that is spelled in another way is the same one."""
    _score(labels_file=LabelsFile(Path("train.csv")))
    change()
    os.symlink(labelled, "linked")  # noqa: PTH211
    with pytest.raises(RunFolderError, match=f"holds a run of 10 images; {said}"):
        _score(labels_file=LabelsFile(labelled / "linked" / "train.csv"))


def test_images_that_are_not_there_now_are_counted_and_the_run_goes_on_once_they_are_back(labelled: Path) -> None:
    _score()
    gone = min(Path("photos").iterdir())
    gone.rename("away")
    said = f"holds a run of 10 images; 1 of these cannot be found now, such as {gone.name}. Bring them back, and run"
    with pytest.raises(RunFolderError, match=re.escape(said)):
        _score()
    Path("away").rename(gone)
    _score()


def _swap(keys: list[str]) -> list[str]:
    return [keys[1], keys[0], *keys[2:]]


def _shorten(keys: list[str]) -> list[str]:
    """The first one, so that it stays the first."""
    return [keys[0].removesuffix(".png"), *keys[1:]]


@pytest.mark.parametrize(
    ("columns", "change", "said"),
    [
        ({"path": "one", "image_id": "key"}, _shorten, "with another id now: 1, such as photos/cat.0.png. Undo"),
        ({"content": "image", "image_id": "key"}, _swap, "with another id now: 2, such as table.parquet#0. Undo"),
        (
            {"path": "one", "image_id": "key"},
            _swap,
            "in another place of the order now: 2, such as photos/cat.1.png. Undo",
        ),
    ],
)
def test_rows_that_say_another_id_or_come_in_another_order_are_told_as_that(
    labelled: Path, columns: dict[str, str], change: Callable[[list[str]], list[str]], said: str
) -> None:
    table = pq.read_table("table.parquet")
    images = [(labelled / path).read_bytes() for path in table["one"].to_pylist()]
    pq.write_table(table.append_column("image", pa.array(images)), "table.parquet")
    options: dict[str, Any] = {"images": Path("table.parquet"), "columns": TableColumns(**columns)}
    _score(**options)
    table = pq.read_table("table.parquet")
    keys = pa.array(change(table["key"].to_pylist()))
    pq.write_table(table.set_column(table.column_names.index("key"), "key", keys), "table.parquet")
    with pytest.raises(RunFolderError, match=f"holds a run of 10 images; {said}"):
        _score(**options)
