"""What `score` says at its end of labelled images."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from rich.console import Console

from jobs.console.terminal import Terminal
from jobs.score.ending import Ending
from jobs.score.table import agreement_row, print_summary
from scoring.models.output_meaning import OutputMeaning
from scoring.networks.agreement import Agreement
from scoring.quality.evaluation import RightCount
from scoring.report import facts
from scoring.report.page import write_report
from scoring.run.folder import RunFolder
from scoring.run.verification import RunStatus
from scoring.shards.totals import ShardTotals, summarise
from scoring.sources.label_use import LabelUse
from scoring.sources.table_columns import LabelsFile, TableColumns
from scoring.sources.targets import LabelsFrom
from tests.chaos.without_ray import score_here
from tests.places import on_disk
from tests.runs import SUMMARY, Page, bare_record, record_of, save_record, summary_of


@pytest.mark.parametrize(
    ("folders", "unknown", "said"),
    [
        ({"cats": 2, "dogs": 2}, (), "100.00%: 4 of 4 labelled images\n"),
        (
            {"cats": 2, "dogs": 2, "foxes": 6},
            ("foxes",),
            "100.00%: 4 of 4 labelled images; 6 left out, whose label the model does not know, such as 'foxes'",
        ),
        (
            {"kitty": 1, "puppy": 2},
            ("kitty", "puppy"),
            "none: the model knows no label of 3 labelled images, such as 'kitty', 'puppy'",
        ),
    ],
)
def test_labelled_images_are_measured_or_counted_as_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], folders: Mapping[str, int], unknown: tuple[str, ...], said: str
) -> None:
    """The brighter an image, the more it is a dog."""
    for label, num_images in folders.items():
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(num_images):
            shade = 220 if label == "dogs" else 30
            Image.new("RGB", (8, 6), (shade,) * 3).save(tmp_path / "photos" / label / f"{label}{number}.png")
    console = Console(soft_wrap=True, width=200)
    run = score_here(tmp_path / "photos", tmp_path / "run", console, labels_from=LabelsFrom.FOLDERS)
    assert run.summary == summary_of(tmp_path / "run")
    assert run.summary
    assert run.summary.num_labelled + run.summary.num_unknown == sum(folders.values())
    assert run.summary.unknown_labels == unknown
    assert said in "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines())


def test_what_was_made_of_rows_that_are_scored_anew_is_told(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    console, folder = Console(soft_wrap=True, width=300), RunFolder(tmp_path / "run")
    score_here(photos, folder.path, console)
    (tmp_path / "run" / "submission.csv").write_text("id,label\n")
    score_here(photos, folder.path, console)
    assert "earlier rows" not in capsys.readouterr().out
    Image.new("RGB", (8, 6)).save(photos / "1.png")
    score_here(photos, folder.path, console)
    assert "run still holds submission.csv of the earlier rows; run what made them again" in capsys.readouterr().out
    score_here(photos, folder.path, console, overwrite=True)
    assert "earlier rows" not in capsys.readouterr().out


@pytest.mark.parametrize("of_earlier_version", [False, True])
def test_what_was_made_of_rows_before_a_killed_command_is_told_by_the_next_that_ends(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    of_earlier_version: bool,
) -> None:
    """And once: commands are killed when the new rows are there, and before they have told of them."""
    console, folder, table = (
        Console(soft_wrap=True, width=300),
        RunFolder(tmp_path / "run"),
        tmp_path / "photos.parquet",
    )
    pq.write_table(pa.table({"path": [str(photos / f"{number}.png") for number in range(1, 13)]}), table)
    late = (photos / "7.png").rename(tmp_path / "late.png")
    score_here(table, folder.path, console)
    (tmp_path / "run" / "submission.csv").write_text("id,label\n")
    if of_earlier_version:
        save_record(folder, replace(record_of(folder.path), told=""))
    late.rename(photos / "7.png")
    for _ in range(2):
        with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
            killed.setattr(Ending, "tell", Mock(side_effect=KeyboardInterrupt))
            score_here(table, folder.path, console)
    said = []
    for _ in range(2):
        run = score_here(table, folder.path, console)
        assert run.summary
        assert run.summary.num_scored == 0
        said.append("run still holds submission.csv of the earlier rows" in capsys.readouterr().out)
    assert said == [True, False]


def test_a_label_that_two_classes_have_is_neither_right_nor_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    labels = ("crane", "oak", "crane")
    counted = RightCount(labels)
    counted.add(pa.table({"target": ["crane", "oak", "fir"], "class_index": pa.array([2, 1, 0], pa.int32())}))
    summary = replace(SUMMARY, num_labelled=counted.num_known, num_right=counted.num_right, num_unknown=2)
    summary = replace(summary, unknown_labels=tuple(counted.unknown))
    print_summary(Console(soft_wrap=True, width=200), summary, bare_record(labels=labels), RunFolder(Path("run")))
    left_out = "2 left out, whose label the model does not know, such as 'crane' (the name of several classes), 'fir'"
    assert f"100.00%: 1 of 1 labelled images; {left_out}" in capsys.readouterr().out


def test_images_with_labels_that_the_model_does_not_know_are_told_where_several_may_be_true(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for label in ("cat", "cat,dog", "none", "cat,fox"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        Image.new("RGB", (8, 6)).save(tmp_path / "photos" / label / f"{label}.png")
    options: dict[str, Any] = {"outputs": OutputMeaning.MULTI_LABEL, "labels_from": LabelsFrom.FOLDERS}
    run = score_here(tmp_path / "photos", tmp_path / "run", Console(soft_wrap=True, width=200), **options)
    assert run.summary
    assert (run.summary.num_labelled, run.summary.num_unknown, run.summary.unknown_labels) == (0, 1, ("cat,fox",))
    said = capsys.readouterr().out
    assert "1 labelled image, whose labels the model does not know, such as 'cat,fox'" in said
    assert "accuracy" not in said


@pytest.mark.parametrize(
    ("given", "outputs", "said"),
    [
        (["cat", "", ""], None, "100.00%: 1 of 1 labelled images; 2 without a label left out\n"),
        (["cat", "fox", ""], None, "the model does not know, such as 'fox'; 1 without a label left out\n"),
        (
            ["fox", "", ""],
            None,
            "none: the model knows no label of 1 labelled image, such as 'fox'; 2 without a label\n",
        ),
        (["cat", "", ""], OutputMeaning.MULTI_LABEL, "2 images without a label; one that is known to have none needs"),
    ],
)
def test_images_without_a_label_among_labelled_ones_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: list[str], outputs: OutputMeaning | None, said: str
) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(len(given)):
        Image.new("RGB", (8, 6), (30,) * 3).save(tmp_path / "photos" / f"{number}.png")
    rows = "".join(f"{number}.png,{label}\n" for number, label in enumerate(given))
    (tmp_path / "labels.csv").write_text(f"file,label\n{rows}")
    use = LabelUse(keeps_unlabelled=True, takes_several=outputs is not None)
    options: dict[str, Any] = {"labels_file": LabelsFile(tmp_path / "labels.csv"), "label_use": use}
    console = Console(soft_wrap=True, width=200)
    run = score_here(tmp_path / "photos", tmp_path / "run", console, outputs=outputs, **options)
    assert summary_of(tmp_path / "run").num_unlabelled == given.count("")
    assert said in "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines())
    text = " ".join(Page(on_disk(write_report(run.path, None, None).path)).text.split())
    images = "1 image" if given.count("") == 1 else "2 images"
    assert f"{images} without a label" in text


@pytest.mark.parametrize(("unknown", "is_told"), [(("0", "1"), True), (("True",), True), (("0", "fox"), False)])
def test_labels_of_a_column_for_one_of_several_are_told(
    capsys: pytest.CaptureFixture[str], unknown: tuple[str, ...], is_told: bool
) -> None:
    record = bare_record(labels=("cat", "dog"))
    model = {**record.request.model, "outputs": OutputMeaning.MULTI_LABEL}
    record = replace(record, request=replace(record.request, model=model))
    summary = replace(SUMMARY, num_labelled=0, num_right=0, num_unknown=2, unknown_labels=unknown)
    print_summary(Console(soft_wrap=True, width=400), summary, record, RunFolder(Path("run")))
    said = f"such as {', '.join(map(repr, unknown))}"
    hint = " (if these say whether one label is true, name a column with the names of those that are true of a photo"
    printed = capsys.readouterr().out
    assert (said in printed, said + hint in printed) == (True, is_told)


@pytest.mark.parametrize(
    ("truth", "labels", "is_told"),
    [
        ("column label", ("0", "1"), True),
        ("/photos/labels.parquet", ("0", "1"), True),
        ("column label", ("1", "0"), False),
        ("column label", ("no", "yes"), False),
        ("/photos/labels.csv", ("0", "1"), False),
        ("folders", ("0", "1"), False),
    ],
)
def test_a_model_of_numbers_beside_a_table_that_names_its_own_is_told(
    capsys: pytest.CaptureFixture[str], truth: str, labels: tuple[str, ...], is_told: bool
) -> None:
    record = bare_record(labels=labels)
    columns = TableColumns(label="label" if truth == "column label" else None)
    record = replace(record, request=replace(record.request, labels_from=truth, columns=columns))
    summary = replace(SUMMARY, num_labelled=0, num_right=0, num_unknown=2, unknown_labels=("cat", "dog"))
    print_summary(Console(soft_wrap=True, width=200), summary, record, RunFolder(Path("run")))
    said = "such as 'cat', 'dog' (its own are 0 to 1; where a table's numbers are named by its `huggingface` metadata"
    assert (said in capsys.readouterr().out) == is_told


def test_fewer_right_than_by_chance_asks_for_the_order_of_the_labels(capsys: pytest.CaptureFixture[str]) -> None:
    record = bare_record(labels=("dog", "cat"))
    request = replace(record.request, model={"model": "theirs.keras", "labels": "dog,cat"})
    summary = replace(SUMMARY, num_labelled=16)
    console = Console(soft_wrap=True, width=200)
    print_summary(console, summary, replace(record, request=request), RunFolder(Path("run")))
    said = capsys.readouterr().out
    assert "at most 19.4% right, by a 95% interval, where chance is 50.0%; are `labels` in the order of" in said
    print_summary(console, replace(summary, num_right=5), replace(record, request=request), RunFolder(Path("run")))
    assert "chance" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("equal_labels", "largest_difference", "warning"),
    [
        (1.0, 0.125, None),
        (0.99, 0.25, None),
        (0.989, 0.125, "; more than 1% changed: consider `precision` auto"),
        (1.0, 0.58, "; one differs by more than 25%: consider `precision` auto"),
    ],
)
def test_what_int8_changed_is_warned_of_in_the_summary_and_in_the_report(
    equal_labels: float, largest_difference: float, warning: str | None
) -> None:
    for row in (agreement_row, facts.agreement_row):
        [(_, words)] = row(Agreement(1000, equal_labels, largest_difference))
        assert warning in words if warning else "consider" not in words


def test_warnings_of_the_table_are_printed_where_the_table_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    summary = replace(SUMMARY, num_labelled=100, num_right=3, one_answer=None)
    record = replace(bare_record(), agreement=Agreement(1000, 0.9, 0.5))
    for quiet in (True, False):
        print_summary(Terminal(quiet), summary, record, RunFolder(Path("run")))
        out, err = (" ".join(printed.split()) for printed in capsys.readouterr())  # lines of the table are wrapped
        for warning in ("below chance", "more than 1% changed"):
            assert (err.count(warning), out.count(warning)) == (quiet, not quiet)
        assert ("below chance: at most " in err) == quiet
    print_summary(
        Terminal(quiet=True), SUMMARY, replace(record, agreement=Agreement(1000, 1.0, 0.1)), RunFolder(Path("run"))
    )
    assert capsys.readouterr() == ("", "")


def test_a_gpu_that_was_not_used_is_told_in_the_summary_once(capsys: pytest.CaptureFixture[str]) -> None:
    totals = ShardTotals()
    totals.unused_gpu = "Ray gave GPU 0 of vm to an actor"
    summary = summarise(totals, RunStatus(0, 0, [], [], {}, 0, 0, verified=True), wall_s=1.0)
    print_summary(Console(soft_wrap=True, width=200), summary, bare_record(), RunFolder(Path("run")))
    assert capsys.readouterr().out.count("Ray gave GPU 0 of vm to an actor") == 1
