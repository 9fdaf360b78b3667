import csv
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoring.errors import IncompleteError, RequestError, RunFolderError
from scoring.report.standings import standings
from scoring.run.folder import RunFolder
from scoring.sources.table_columns import TableColumns
from scoring.submissions import submission as module
from scoring.submissions.submission import Competition, SubmissionRequest, write_submission
from tests.places import on_disk
from tests.runs import Scored, record_of, save_record, write_run
from tests.tampering import ALL


def _run(
    path: Path, dogs: dict[str, float | None], labels: tuple[str, ...] = ("cat", "dog"), missing: tuple[int, ...] = ()
) -> RunFolder:
    """A run with one image a shard; None for an unreadable image."""
    images = [
        Scored(f"{name}.jpg", None if dog is None else (1 - dog, dog), reason=None if dog is not None else "broken")
        for name, dog in dogs.items()
    ]
    shutil.rmtree(path, ignore_errors=True)
    return write_run(path, images, labels, shard_size=1, without_shards=missing)


def _write(folder: RunFolder, **options: object) -> list[dict[str, str]]:
    request = SubmissionRequest(**{"partial": True, **options})  # type: ignore[arg-type]
    write_submission(folder, request, folder.submission)
    with on_disk(folder.submission).open() as file:
        return list(csv.DictReader(file))


def test_ids_ascend_as_numbers_and_the_label_is_the_probability_of_dog(tmp_path: Path) -> None:
    rows = _write(_run(tmp_path / "run", {"10": 0.25, "9": 0.75}))
    assert rows == [{"id": "9", "label": "0.75"}, {"id": "10", "label": "0.25"}]


def test_dog_is_found_by_its_label_wherever_it_stands(tmp_path: Path) -> None:
    assert _write(_run(tmp_path / "run", {"1": 0.25}, labels=("dogs", "cats")))[0]["label"] == "0.75"


def test_certainty_is_clipped_for_log_loss(tmp_path: Path) -> None:
    folder = _run(tmp_path / "run", {"1": 1.0, "2": 0.0})
    assert [row["label"] for row in _write(folder)] == ["0.98", "0.02"]
    assert [row["label"] for row in _write(folder, clip=0.05)] == ["0.95", "0.05"]


@pytest.mark.parametrize("clip", [1e-7, 1e-12, 0.0123456789012])
def test_rounding_undoes_no_clip(tmp_path: Path, clip: float) -> None:
    rows = _write(_run(tmp_path / "run", {"1": 1.0, "2": 0.0}), clip=clip)
    assert all(clip <= float(row["label"]) <= 1 - clip for row in rows)


def test_clip_that_the_model_measured_is_the_default(tmp_path: Path) -> None:
    folder = _run(tmp_path / "run", {"1": 1.0, "2": 0.0})
    save_record(folder, replace(record_of(folder.path), clip=0.004))
    assert [row["label"] for row in _write(folder)] == ["0.996", "0.004"]
    assert [row["label"] for row in _write(folder, clip=0.1)] == ["0.9", "0.1"]


def test_ids_are_the_names_of_files_whatever_their_folders(tmp_path: Path) -> None:
    assert [row["id"] for row in _write(_run(tmp_path / "run", {"cats/2": 0.25, "dogs/1": 0.75}))] == ["1", "2"]


def test_original_competition_takes_classes(tmp_path: Path) -> None:
    rows = _write(_run(tmp_path / "run", {"1": 0.51, "2": 0.49}), competition=Competition.ORIGINAL)
    assert [row["label"] for row in rows] == ["1", "0"]


def test_classes_have_no_clip(tmp_path: Path) -> None:
    folder = _run(tmp_path / "run", {"1": 0.6})
    with pytest.raises(RequestError, match=r"Expected no `clip` with `competition` dogs-vs-cats: it takes 0 or 1"):
        _write(folder, competition=Competition.ORIGINAL, clip=0.3)
    save_record(folder, replace(record_of(folder.path), clip=0.004))
    request = SubmissionRequest(Competition.ORIGINAL, partial=True)
    assert write_submission(folder, request, folder.submission).clip == 0


def test_unreadable_images_are_refused_without_a_fallback(tmp_path: Path) -> None:
    folder = _run(tmp_path / "run", {"1": 0.9, "2": None})
    with pytest.raises(IncompleteError, match="1 image could not be read: 2"):
        _write(folder)
    assert not folder.submission.exists()
    assert _write(folder, fallback=0.5)[1] == {"id": "2", "label": "0.5"}


@pytest.mark.parametrize("name", ["cat.8", "20170218230711123456789"])
def test_ids_that_are_no_integers_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RequestError, match=f"received {re.escape(name)}"):
        _write(_run(tmp_path / "run", {name: 0.9}))


def test_numbers_of_a_tables_rows_are_no_ids(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", [Scored("1", (0.5, 0.5))], columns=TableColumns(content="image"))
    with pytest.raises(RequestError, match=r"Expected a run with `id_column`.* numbers, which say nothing"):
        _write(folder)


def test_duplicate_ids_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"1 ids have several, the first of them 7: "):
        _write(_run(tmp_path / "run", {"7": 0.9, "07": 0.9}))


def test_a_stray_twin_of_another_suffix_is_named_and_changes_no_other_id(tmp_path: Path) -> None:
    folder = _run(tmp_path / "run", {"1.jpg": 0.25, "1.png": 0.75, "2.jpg": 0.5})
    with pytest.raises(RequestError, match=r"1 ids have several, the first of them 1: 1\.jpg, 1\.png\."):
        _write(folder)
    assert [row["id"] for row in _write(_run(tmp_path / "run", {"3.jpg": 0.25, "2.png": 0.5}))] == ["2", "3"]


def test_whole_test_set_is_expected_unless_partial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_NUM_TEST_IMAGES", 3)
    assert len(_write(_run(tmp_path / "whole", {"1": 0.1, "2": 0.2, "3": 0.3}), partial=False)) == 3
    with pytest.raises(IncompleteError, match=r"1 of the ids 1 to 3 .* is missing: 2"):
        _write(_run(tmp_path / "short", {"1": 0.1, "3": 0.3}), partial=False)
    with pytest.raises(RequestError, match="received 4"):
        _write(_run(tmp_path / "other", {"1": 0.1, "2": 0.2, "3": 0.3, "4": 0.4}), partial=False)


def test_missing_shards_are_named(tmp_path: Path) -> None:
    with pytest.raises(IncompleteError, match="1 of 2 shards is missing: 1"):
        _write(_run(tmp_path / "run", {"1": 0.9, "2": 0.9}, missing=(1,)))


def test_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="Expected a run folder"):
        _write(RunFolder(tmp_path))


def test_long_labels_are_named_by_their_ends(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [Scored("1.jpg", (0.5, 0.5))], labels=(f"c0_{'x' * 5000}", f"c1_{'x' * 5000}"))
    with pytest.raises(RequestError, match=r"labels: c0_x+\.\.\.x+, c1_x") as raised:
        _write(run)
    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize("labels", [("mine", "rock"), ("dog", "wolf"), ("cat", "hound"), ("dog", "dogs")])
def test_run_without_cats_and_dogs_is_refused(tmp_path: Path, labels: tuple[str, str]) -> None:
    assert not standings(labels, log_loss=0.1)
    with pytest.raises(RequestError, match=r"labels cat and dog.*For another competition, name its .* as `template`"):
        _write(_run(tmp_path / "run", {"1": 0.9}, labels=labels))


@pytest.mark.parametrize("image_id", ["a1", "12501"])
def test_ids_of_another_competition_are_refused_with_what_it_takes(tmp_path: Path, image_id: str) -> None:
    with pytest.raises(RequestError, match=r"For another competition, name its sample_submission\.csv as `template`"):
        _write(_run(tmp_path / "run", {image_id: 0.9}), partial=False)


@pytest.mark.parametrize("labels", [("cat", "dog"), ("Cats", "Dogs"), ("CAT", "dogs")])
def test_cats_and_dogs_are_known_in_any_case_and_number(tmp_path: Path, labels: tuple[str, str]) -> None:
    assert standings(labels, log_loss=0.1)
    assert _write(_run(tmp_path / "run", {"1": 0.75}, labels=labels))[0]["label"] == "0.75"


@pytest.mark.parametrize("options", [{"clip": 0.5}, {"clip": -0.1}, {"fallback": 1.5}])
def test_options_out_of_range_are_refused(tmp_path: Path, options: dict[str, float]) -> None:
    with pytest.raises(RequestError, match=r"Expected `(clip|fallback)`"):
        _write(_run(tmp_path / "run", {"1": 0.9}), **options)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(dogs=st.dictionaries(st.integers(1, 12_500), st.floats(0, 1), min_size=1, max_size=40))
def test_every_row_survives_in_order_within_the_clip(tmp_path: Path, dogs: dict[int, float]) -> None:
    rows = _write(_run(tmp_path / "run", {str(number): dog for number, dog in dogs.items()}))
    assert [int(row["id"]) for row in rows] == sorted(dogs)
    for row in rows:
        assert float(row["label"]) == pytest.approx(min(max(dogs[int(row["id"])], 0.02), 0.98), abs=1e-6)


@pytest.mark.parametrize("tamper", [pytest.param(one, id=name) for name, one in ALL.items()])
def test_what_is_not_as_the_run_left_it_makes_no_submission(
    tmp_path: Path, tamper: Callable[[RunFolder], None]
) -> None:
    images = [Scored(f"{number}.jpg", (1 - number / 20, number / 20), "cat") for number in range(1, 20)]
    folder = write_run(tmp_path / "run", images)
    tamper(folder)
    with pytest.raises((IncompleteError, RunFolderError)):
        _write(folder)
    assert not folder.submission.exists()


def test_who_knows_better_may_believe_the_rows(tmp_path: Path) -> None:
    folder = _run(tmp_path / "run", {"1": 0.25, "2": 0.75})
    ALL["other probabilities"](folder)
    assert [row["id"] for row in _write(folder, verify=False)] == ["1", "2"]
    ALL["another model's shard"](folder)
    with pytest.raises(IncompleteError, match="is of another run"):
        _write(folder, verify=False)
