"""What `finetune` says at its end."""

import errno
from dataclasses import replace
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from jobs.console.terminal import PatientConsole
from jobs.finetune.table import print_replaced, print_stale_report, print_training
from scoring.models.model_folder import ModelFolder
from scoring.models.trained_heads import HeadKind
from scoring.models.training_record import AskedHeads, TrainingRecord, load_training_record, save_training_record
from scoring.report.page import write_report
from scoring.report.text import moment
from scoring.storage.durable import write_text
from tests.faults import fail, system_fault
from tests.places import on_disk
from tests.runs import SUMMARY, bare_record, cats_and_dogs, save_record, write_model, write_run


@pytest.mark.parametrize(("steady", "is_told"), [(47.0, True), (None, False)])
def test_the_rate_of_the_base_network_is_told_where_photos_went_through_it(
    tmp_path: Path, steady: float | None, is_told: bool
) -> None:
    folder = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(24)))
    summary = replace(SUMMARY, steady_images_per_s=steady)
    save_record(folder.features, replace(bare_record(), summary=summary))
    console = Console(file=StringIO(), width=200)
    print_training(console, folder, load_training_record(folder), 10.0, 12.0)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert ("47.0 through the base network" in said) is is_told
    assert "12.0, of which features 10.0" in said


def test_one_mistake_of_many_is_told(tmp_path: Path) -> None:
    folder = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(24)))
    record = load_training_record(folder)
    measured = replace(record.metrics.after_calibration, accuracy=24_999 / 25_000)
    console = Console(file=StringIO(), width=200)
    print_training(
        console, folder, replace(record, metrics=replace(record.metrics, after_calibration=measured)), 10.0, 12.0
    )
    assert "99.996% of" in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("labels", "is_told"),
    [(("cat", "dog"), True), (("Dogs", "Cats"), True), (("benign", "malign"), False), (("cat", "dog", "fox"), False)],
)
def test_a_clip_is_told_where_submissions_have_one(tmp_path: Path, labels: tuple[str, ...], is_told: bool) -> None:
    folder = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(24)))
    console = Console(file=StringIO(), width=200)
    record = replace(load_training_record(folder), labels=labels)
    print_training(console, folder, record, 10.0, 12.0)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert ("uncalibrated, with the lesson's clip of 0.05, 0.4000" in said) is is_told
    assert (", clip" in said) is is_told
    assert "temperature" in said


@pytest.mark.parametrize(
    ("draws", "said"), [(1, "5 folds: each is validated by the head"), (3, "5 folds, drawn 3 times: each is validated")]
)
def test_how_often_photos_were_divided_into_folds_is_told(tmp_path: Path, draws: int, said: str) -> None:
    folder = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(24)))
    record = load_training_record(folder)
    data = replace(
        record.data,
        num_images=24 + record.data.num_errors,
        num_train=24,
        num_validation=24,
        num_folds=5,
        num_draws=draws,
    )
    console = Console(file=StringIO(), width=200)
    print_training(console, folder, replace(record, data=data), 10.0, 12.0)
    assert said in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("asked", "taken", "is_told"), [(50, 12, True), (5, 5, False), (5, 0, False), (None, 12, False)]
)
def test_fewer_folds_than_asked_for_are_told(tmp_path: Path, asked: int | None, taken: int, is_told: bool) -> None:
    folder = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(24)))
    record = load_training_record(folder)
    heads = None if asked is None else AskedHeads(1, None, asked, 3)
    console = Console(file=StringIO(), width=200)
    folded = replace(record, data=replace(record.data, num_folds=taken), asked=heads)
    print_training(console, folder, folded, 10.0, 12.0)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert ("12 folds instead of 50: the rarest label has no more different photos" in said) is is_told
    assert ("instead of" in said) is is_told


def test_equally_many_photos_to_train_and_to_validate_on_are_not_told_as_folds_of_one_another(tmp_path: Path) -> None:
    folder = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(24)))
    record = load_training_record(folder)
    num_images = 48 + record.data.num_errors
    data = replace(record.data, num_images=num_images, num_train=24, num_validation=24, num_folds=5, num_draws=3)
    console = Console(file=StringIO(), width=200)
    print_training(console, folder, replace(record, data=data), 10.0, 12.0)
    assert "24 to train on, 24 to validate on" in console.file.getvalue()  # type: ignore[attr-defined]


def test_copies_are_told_with_what_they_are_told_by(tmp_path: Path) -> None:
    folder = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(24)))
    record = _of_folds(load_training_record(folder))
    console = Console(file=StringIO(), width=200)
    print_training(console, folder, replace(record, data=replace(record.data, num_copies=3)), 10.0, 12.0)
    told = console.file.getvalue()  # type: ignore[attr-defined]
    assert "3, told by equal pixels, each on the side of" in told
    assert told.count("by heads that had not seen them") == 1
    data = replace(record.data, num_copies=3, num_seen=2)
    print_training(console, folder, replace(record, data=data), 10.0, 12.0)
    said = "2 of 24 photos to validate on are copies of photos to train on: the figures are too good."
    told = console.file.getvalue()  # type: ignore[attr-defined]
    assert said in told
    assert told.count("by heads that had not seen them") == 1, "two of them they had seen"


@pytest.mark.parametrize(
    ("kind", "said"),
    [(HeadKind.RBF, "by heads that had not seen them"), (HeadKind.SOFTMAX, "by which training ended")],
)
def test_photos_by_which_training_ended_are_not_called_unseen(tmp_path: Path, kind: HeadKind, said: str) -> None:
    folder = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(24)))
    record = load_training_record(folder)
    console = Console(file=StringIO(), width=200)
    print_training(console, folder, replace(record, settings=replace(record.settings, kind=kind)), 10.0, 12.0)
    told = console.file.getvalue()  # type: ignore[attr-defined]
    assert (said in told, "had not seen" in told) == (True, kind is HeadKind.RBF)


def test_copies_of_one_photo_with_two_labels_are_told(tmp_path: Path) -> None:
    folder = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(24)))
    record = load_training_record(folder)
    data = replace(record.data, num_copies=3, num_contradicting=2, contradicting=("dog/[b]1.png", "cat/1.png"))
    console, told = PatientConsole(), StringIO()
    console.file = told
    print_training(console, folder, replace(record, data=data), 10.0, 12.0)
    assert "2 of 3 copies have another label than the photo that they are copies of" in told.getvalue()
    assert "'dog/[b]1.png' of 'cat/1.png'" in told.getvalue()


def test_copies_are_told_to_be_mirrored_ones_too_where_these_were_counted(tmp_path: Path) -> None:
    folder = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(24)))
    record = load_training_record(folder)
    for counts_mirrored in (True, False):
        data = replace(record.data, num_copies=3, counts_mirrored=counts_mirrored)
        console = Console(file=StringIO(), width=200)
        print_training(console, folder, replace(record, flip=True, data=data), 10.0, 12.0)
        told = console.file.getvalue()  # type: ignore[attr-defined]
        assert f"3, told by equal pixels{', mirrored ones counted' * counts_mirrored}, each on" in told


@pytest.mark.parametrize(("num_different", "told"), [(21, ", 21 different"), (24, ""), (0, "")])
def test_different_photos_are_told_where_some_measured_on_are_copies(
    tmp_path: Path, num_different: int, told: str
) -> None:
    folder = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(24)))
    record = _of_folds(load_training_record(folder))
    data = replace(record.data, num_copies=3, num_different=num_different)
    console = Console(file=StringIO(), width=200)
    print_training(console, folder, replace(record, data=data), 10.0, 12.0)
    assert f"of 24 photos{told}, by heads that had not" in console.file.getvalue()  # type: ignore[attr-defined]


def test_groups_are_told_beside_what_was_measured_and_where_they_make_fewer_folds(tmp_path: Path) -> None:
    folder = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(24)))
    record = _of_folds(load_training_record(folder))
    asked = AskedHeads(1, None, 5, 3)
    data = replace(record.data, num_folds=3, num_different=6, group_column="patient_id", groups="1" * 64)
    console = Console(file=StringIO(), width=200)
    print_training(console, folder, replace(record, data=data, asked=asked), 10.0, 12.0)
    told = console.file.getvalue()  # type: ignore[attr-defined]
    assert "24 photos, 6 of different patient_id, by heads that had not seen them or others of their patient_id" in told
    assert "3 folds instead of 5: the rarest label is of no more patient_id to train on" in told


def test_a_report_of_an_earlier_model_is_told_until_it_is_made_again(tmp_path: Path) -> None:
    folder = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(24)))
    earlier = load_training_record(folder)
    write_report(folder.path, None, None)
    assert not _is_stale_report_told(folder)
    later = datetime.fromisoformat(earlier.created_at) + timedelta(seconds=1)
    save_training_record(folder, replace(earlier, created_at=later.isoformat()))
    assert _is_stale_report_told(folder)
    write_report(folder.path, None, None)
    assert not _is_stale_report_told(folder)


@pytest.mark.parametrize(("told", "is_stale"), [("Model of 2026-07-01 12:34 UTC", True), (None, False)])
def test_a_report_of_version_0_1_0_tells_its_model_by_the_minute(
    tmp_path: Path, told: str | None, is_stale: bool
) -> None:
    folder = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(24)))
    own = f"Model of {moment(datetime.fromisoformat(load_training_record(folder).created_at))}"
    write_text(folder.report, f"<title>model - shardscore report</title><p>{told or own}</p>")
    assert _is_stale_report_told(folder) is is_stale


def test_a_page_of_no_model_is_not_told(tmp_path: Path) -> None:
    folder = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(24)))
    write_text(folder.report, "another program's, of Model of 2020-01-01 12:00:00 UTC")
    assert not _is_stale_report_told(folder)
    write_report(write_run(tmp_path / "run", cats_and_dogs(8)).path, folder.report, None)
    assert folder.has_report
    assert not _is_stale_report_told(folder)


@pytest.mark.parametrize("fault", [system_fault(errno.EACCES), system_fault(errno.ENOENT), system_fault(errno.EIO)])
def test_what_cannot_be_read_at_the_end_makes_no_failure_of_a_finished_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: OSError
) -> None:
    folder = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(24)))
    record = load_training_record(folder)
    write_report(folder.path, None, None)
    write_text(folder.features.record, "damaged")
    fail(monkeypatch, Path, "read_bytes", on_disk(folder.report), fault)
    assert not _is_stale_report_told(folder)
    fail(monkeypatch, Path, "is_file", on_disk(folder.report), fault)
    assert not _is_stale_report_told(folder)
    print_training(Console(file=StringIO()), folder, record, 10.0, 12.0)


def _is_stale_report_told(folder: ModelFolder) -> bool:
    console = Console(file=StringIO(), width=200)
    print_stale_report(console, folder, load_training_record(folder))
    return "still holds report.html of the earlier model" in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("changes", "is_told"), [({}, False), ({"network": "another"}, True), ({"flip": True}, True), (None, False)]
)
def test_a_finished_model_that_was_replaced_is_told(
    tmp_path: Path, changes: dict[str, Any] | None, is_told: bool
) -> None:
    folder = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(24)))
    record = load_training_record(folder)
    earlier = None if changes is None else replace(record, created_at="2025", **changes)
    console = Console(file=StringIO(), width=300)
    print_replaced(console, folder, record, earlier)
    told = console.file.getvalue()  # type: ignore[attr-defined]
    why = "was replaced, as photos, groups, features or files of it changed; runs by the earlier one are"
    assert (why in told) is is_told


def _of_folds(record: TrainingRecord) -> TrainingRecord:
    return replace(record, settings=replace(record.settings, kind=HeadKind.RBF))


def test_a_model_that_learned_no_more_than_the_most_common_label_is_warned_of_and_in_its_report(tmp_path: Path) -> None:
    always_cat = [replace(image, probabilities=(0.9, 0.1)) for image in cats_and_dogs(24)]
    for images, is_told in ((cats_and_dogs(24), False), (always_cat, True)):
        folder = ModelFolder(write_model(tmp_path / str(is_told), images))
        console = Console(file=StringIO(), width=200)
        print_training(console, folder, load_training_record(folder), 10.0, 12.0)
        said = console.file.getvalue()  # type: ignore[attr-defined]
        write_report(folder.path, folder.report, None)
        page = folder.report.read_text(encoding="utf-8")
        for text in (said, page):
            assert ("would be right as often" in text) is is_told
