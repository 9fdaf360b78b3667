import errno
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from jobs.report import app as report
from jobs.status import app as status
from jobs.submission import app as submission
from scoring import __version__
from scoring.run import lease
from scoring.run.folder import RunFolder
from scoring.run.holder import Holder
from scoring.run.holding import hold_folder
from scoring.run.verification import run_status
from scoring.storage import retrying
from tests.faults import fail, system_fault
from tests.places import on_disk
from tests.runs import cats_and_dogs, read_predictions, record_of, save_record, write_model, write_run
from tests.tampering import ALL, SEEN_FROM_ENDS, have_read_others

_COMMANDS = {"status": status, "status --verify": status, "submission": submission, "report": report}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return write_run(tmp_path / "run", cats_and_dogs(20))


@pytest.mark.parametrize(
    ("command", "name"),
    [(status, "lease.json"), (status, "run.json"), (report, "run.json"), (report, "manifest.parquet")],
)
def test_a_mount_that_is_lost_is_told_in_one_line(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, command: Any, name: str
) -> None:
    monkeypatch.setattr(retrying, "_FIRST_WAIT_S", 0.0001)
    fail(monkeypatch, Path, "stat", on_disk(folder.path / name), system_fault(errno.ESTALE))
    ended = CliRunner().invoke(command, [str(folder.path)])
    [line] = ended.stderr.splitlines()
    assert (ended.exit_code, line.startswith("error: Cannot read ")) == (1, True)


def test_sonar_results_alone_are_no_run_of_images_and_are_told_of(tmp_path: Path) -> None:
    (tmp_path / "sonar").mkdir()
    (tmp_path / "sonar" / "metrics.json").write_text("{}")
    for place in (tmp_path, tmp_path / "sonar"):
        ended = CliRunner().invoke(status, [str(place)])
        assert (ended.exit_code, "holds sonar results alone, of which" in ended.stderr) == (2, True)
    (tmp_path / "predictions").mkdir()
    assert "holds sonar results alone" in CliRunner().invoke(status, [str(tmp_path)]).stderr, "as score leaves it"
    (tmp_path / "predictions" / "shard-00000-of-00001.parquet").touch()
    assert "has no run.json of one" in CliRunner().invoke(status, [str(tmp_path)]).stderr, "a run that lost it"
    (tmp_path / "predictions" / "shard-00000-of-00001.parquet").unlink()
    (tmp_path / "manifest.parquet").touch()
    assert "has no run.json of one" in CliRunner().invoke(status, [str(tmp_path)]).stderr
    (tmp_path / "run.json").write_text("{}")
    assert "sonar" not in CliRunner().invoke(status, [str(tmp_path)]).stderr.replace(str(tmp_path), "")


def test_a_model_folder_is_told_from_a_run(tmp_path: Path) -> None:
    write_model(tmp_path / "model", cats_and_dogs(24))
    ended = CliRunner().invoke(status, [str(tmp_path / "model")])
    assert (ended.exit_code, f"`shardscore status {tmp_path}/model/features`" in ended.stderr) == (2, True)
    assert CliRunner().invoke(status, [str(tmp_path / "model" / "features")]).exit_code == 0


@pytest.mark.parametrize("left", [None, b'{"created_at"'], ids=["never finished", "damaged"])
def test_a_model_that_is_not_finished_is_told_the_same_by_all_commands(tmp_path: Path, left: bytes | None) -> None:
    training = write_model(tmp_path / "model", cats_and_dogs(24)) / "training.json"
    training.unlink() if left is None else training.write_bytes(left)
    for command in (status, submission, report):
        ended = CliRunner().invoke(command, [str(tmp_path / "model")])
        assert (ended.exit_code, len(ended.stderr.splitlines())) == (2, 1)
        assert re.search(r"`shardscore finetune`.* Run the same finetune command again[.,]", ended.stderr)
        assert "nothing of theirs" not in ended.stderr
        assert "Score the test images" not in ended.stderr


def test_the_command_for_the_features_of_a_model_is_one_that_a_shell_takes(tmp_path: Path) -> None:
    model = write_model(tmp_path / "my\n`model`", cats_and_dogs(24))
    ended = CliRunner().invoke(status, [str(model)])
    assert ended.exit_code == 2
    assert rf"`shardscore status $'{tmp_path}/my\012\140model\140/features'` of the features" in ended.stderr


def test_a_submission_of_what_is_no_run_says_what_it_is(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", cats_and_dogs(24))
    ended = CliRunner().invoke(submission, [str(model)])
    assert (ended.exit_code, ended.stderr) == (
        2,
        f"error: Expected a run folder; {model} is a model folder of `shardscore finetune`. Score the test images with "
        f"--model {model}, and name the folder of that run.\n",
    )
    (tmp_path / "returns" / "sonar").mkdir(parents=True)
    (tmp_path / "returns" / "sonar" / "metrics.json").write_text("{}")
    assert "holds sonar results alone" in CliRunner().invoke(submission, [str(tmp_path / "returns")]).stderr
    assert f"{tmp_path}/nowhere is no folder.\n" in CliRunner().invoke(submission, [str(tmp_path / "nowhere")]).stderr


@pytest.mark.parametrize("command", [status, submission])
def test_a_file_of_a_run_is_told_from_its_folder(folder: RunFolder, command: Any) -> None:
    said = f"{folder.record} is a file. Name the folder that it lies in, {folder.path}.\n"
    assert said in CliRunner().invoke(command, [str(folder.record)]).stderr


def test_a_complete_run_is_told_and_exit_0(folder: RunFolder) -> None:
    told = CliRunner().invoke(status, [str(folder.path), "--verify"])
    assert told.exit_code == 0
    assert "20 of 20 scored" in told.stdout
    assert "again" not in told.stdout
    assert re.search(r"left out +1 not an image: 'notes\.txt'\n", told.stdout)


@pytest.mark.parametrize("tamper", [pytest.param(one, id=name) for name, one in ALL.items()])
def test_a_run_that_is_not_as_it_was_left_is_not_complete(
    folder: RunFolder, tamper: Callable[[RunFolder], None], request: pytest.FixtureRequest
) -> None:
    tamper(folder)
    assert CliRunner().invoke(status, [str(folder.path), "--verify"]).exit_code in (1, 2)
    if request.node.callspec.id in SEEN_FROM_ENDS:
        assert CliRunner().invoke(status, [str(folder.path)]).exit_code in (1, 2)


@pytest.mark.parametrize("has_record", [True, False])
def test_a_run_that_was_stopped_when_its_images_were_listed_is_to_be_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_record: bool
) -> None:
    monkeypatch.setattr(lease, "BEAT_S", 0.1)
    folder = write_run(tmp_path / "run", cats_and_dogs(20), without_shards=range(3), finished=False)
    if not has_record:
        folder.record.unlink()
    told = CliRunner().invoke(status, [str(folder.path)])
    machine = json.loads(CliRunner().invoke(status, [str(folder.path), "--json", "--verify"]).stdout)
    assert (told.exit_code, told.stderr) == (1, "")
    assert "20 images listed, none scored yet: run the same command again, without --overwrite" in told.stdout
    assert (machine["complete"], machine["num_images"], machine["missing"]) == (False, 20, [0, 1, 2])
    with hold_folder(folder):
        busy = CliRunner().invoke(status, [str(folder.path)])
    assert "0 of 20 scored" in busy.stdout
    assert "is being written by" in busy.stdout


@pytest.mark.parametrize("command", [report, submission])
def test_a_run_whose_images_are_listed_alone_is_no_other_folder_to_the_commands_that_need_rows(
    tmp_path: Path, command: Any
) -> None:
    folder = write_run(tmp_path / "run", cats_and_dogs(20), without_shards=range(3))
    folder.record.unlink()
    ended = CliRunner().invoke(command, [str(folder.path)])
    said = f"20 images are listed in {folder.path}, none scored yet. Run the same command again.\n"
    assert (ended.exit_code, ended.stderr) == (1, f"error: {said}")


def test_files_among_the_shards_are_named(folder: RunFolder) -> None:
    on_disk(folder.predictions / "notes.txt").write_text("mine")
    told = CliRunner().invoke(status, [str(folder.path)])
    assert told.exit_code == 1
    assert "notes.txt lies among the shards and is not one of them: move it away" in told.stdout
    assert "Run the same command again" not in told.stdout


def test_a_run_that_lacks_a_shard_is_to_be_gone_on_with(folder: RunFolder) -> None:
    folder.shard(2, 3).unlink()
    told = CliRunner().invoke(status, [str(folder.path)])
    assert told.exit_code == 1
    assert "1 of 3 shards is missing or damaged. Run the same command again, without --overwrite" in told.stdout
    quiet = CliRunner().invoke(status, [str(folder.path), "-q"])
    assert (quiet.exit_code, quiet.stdout) == (1, "")
    assert "1 of 3 shards is missing or damaged" in quiet.stderr


@pytest.mark.parametrize("command", _COMMANDS)
def test_rows_of_images_that_were_others_when_they_were_read_are_told_by_all_commands(
    tmp_path: Path, command: str
) -> None:
    folder = write_run(tmp_path / "run", cats_and_dogs(60))
    save_record(folder, replace(record_of(folder.path), digests=()))
    have_read_others(folder, range(1, 8))
    told = CliRunner().invoke(_COMMANDS[command], [str(folder.path), *command.split()[1:]])
    said = " ".join((told.stdout + told.stderr).split())
    of_all = "each of the shards 1, 2, 3, 4, 5, ... (7 in all) has images that changed between listing and reading"
    of_first = f"Shard 1 of {folder.path} has images that changed between listing and reading. Run the same command"
    assert told.exit_code == 1
    assert (of_first if command == "submission" else of_all) in said
    assert said.count("changed between") == 1
    if command == "report":
        assert of_all in folder.report.read_text()


def test_unverified_rows_are_taken_also_of_photos_that_never_stay_as_they_are(
    folder: RunFolder, tmp_path: Path
) -> None:
    save_record(folder, replace(record_of(folder.path), digests=()))
    have_read_others(folder, [1])
    ids = read_predictions(folder.predictions)["image_id"].to_pylist()
    (tmp_path / "sample.csv").write_text("\n".join(["id,label", *(f"{one},cat" for one in ids)]))
    words = [str(folder.path), "--template", str(tmp_path / "sample.csv"), "--fallback", "0.5"]
    assert CliRunner().invoke(submission, words).exit_code == 1
    assert CliRunner().invoke(submission, [*words, "--no-verify"]).exit_code == 0
    assert CliRunner().invoke(report, [str(folder.path), "--no-verify"]).exit_code == 0


def test_json_is_for_machines(folder: RunFolder) -> None:
    on_disk(folder.predictions / "notes.txt").write_text("mine")
    folder.shard(2, 3).unlink()
    told = CliRunner().invoke(status, [str(folder.path), "--json", "--verify"])
    digests = {str(shard): run_status(folder, verify=True).digests[shard] for shard in (0, 1)}
    assert json.loads(told.stdout) == {
        "command": "status", "version": __version__, "digests": digests,
        "num_images": 20, "num_shards": 3, "done": [0, 1], "missing": [2], "damaged": {}, "num_rows": 16,
        "num_errors": 0, "verified": True, "foreign": ["notes.txt"], "unread": {}, "complete": False,
        "left_out": [{"reason": "not an image", "count": 1, "first": ["notes.txt"]}], "written_by": None,
        "lacks_sonar": False,
    }  # fmt: skip
    assert "shards missing" in told.stderr
    assert CliRunner().invoke(status, [str(folder.path), "--json", "--verify", "--quiet"]).stdout == told.stdout


@pytest.mark.parametrize("lacks", ["nothing", "a shard", "its record", "its manifest"])
def test_a_run_that_is_being_written_says_by_whom_and_exit_1(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, lacks: str
) -> None:
    monkeypatch.setattr(lease, "BEAT_S", 0.1)
    lost = {"a shard": folder.shard(2, 3), "its record": folder.record, "its manifest": folder.manifest}
    if lacks in lost:
        lost[lacks].unlink()
    counted = {"nothing": (20, []), "a shard": (20, [2])}.get(lacks, (0, []))
    with hold_folder(folder):
        before = folder.lease.read_bytes()
        told = CliRunner().invoke(status, [str(folder.path)])
        machine = CliRunner().invoke(status, [str(folder.path), "--json"])
        assert json.loads(folder.lease.read_bytes())["token"] == json.loads(before)["token"]
    assert (told.exit_code, told.stderr, machine.exit_code) == (1, "", 1)
    assert f"{folder.path} is being written by process {os.getpid()} on " in told.stdout.replace("\n", "")
    assert "Run the same command again" not in told.stdout
    found = json.loads(machine.stdout)
    assert found["written_by"].startswith(f"process {os.getpid()} on ")
    assert (found["complete"], found["num_images"], found["missing"]) == (False, *counted)


@pytest.mark.parametrize("content", [b"{half", Holder("elsewhere", 1, "2026-01-01T00:00:00+00:00", "a").to_bytes()])
def test_a_lease_that_nobody_holds_is_not_told(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setattr(lease, "BEAT_S", 0.1)
    monkeypatch.setattr(lease, "STALE_S", 0.3)
    folder.lease.write_bytes(content)
    told = CliRunner().invoke(status, [str(folder.path)])
    assert (told.exit_code, "is being written" in told.stdout) == (0, False)
    folder.record.unlink()
    assert CliRunner().invoke(status, [str(folder.path)]).exit_code == 2
    assert folder.lease.read_bytes() == content


@pytest.mark.parametrize("command", _COMMANDS)
@pytest.mark.parametrize("content", ["", "null", "[]", "7", "{half", '{"labels": 7}', "[" * 100_000])
def test_a_damaged_record_is_one_line_and_exit_2(folder: RunFolder, command: str, content: str) -> None:
    on_disk(folder.record).write_text(content)
    told = CliRunner().invoke(_COMMANDS[command], [str(folder.path), *command.split()[1:]])
    assert told.exit_code == 2
    assert told.stderr.count("\n") == 1
    assert "run.json; it is damaged" in told.stderr
    assert "overwrite" not in told.stderr


@pytest.mark.parametrize("command", ["status --verify", "submission"])
def test_a_damaged_page_of_the_manifest_is_one_line_and_exit_2(folder: RunFolder, command: str) -> None:
    content = bytearray(folder.manifest.read_bytes())
    content[20:40] = bytes(20)
    folder.manifest.write_bytes(bytes(content))
    told = CliRunner().invoke(_COMMANDS[command], [str(folder.path), *command.split()[1:]])
    assert told.exit_code == 2
    assert told.stderr.count("\n") == 1
    assert "manifest.parquet is damaged: run the same command again" in told.stderr


@pytest.mark.parametrize("words", [["status", "RUN"], ["status", "RUN", "--json", "-q"], ["--version"]])
@pytest.mark.parametrize(
    ("output", "code", "said"),
    [
        ("full", 1, "error: Expected a standard output that can be written; No space left on device. "),
        ("closed", 0, ""),
    ],
)
def test_what_cannot_be_written_is_one_line_and_exit_1(
    folder: RunFolder, words: list[str], output: str, code: int, said: str
) -> None:
    if output == "full":
        target = os.open("/dev/full", os.O_WRONLY)
    else:
        reading, target = os.pipe()
        os.close(reading)
    command = [sys.executable, "-m", "jobs", *(str(folder.path) if word == "RUN" else word for word in words)]
    try:
        root = Path(__file__).parents[2]
        ended = subprocess.run(command, cwd=root, stdout=target, stderr=subprocess.PIPE, text=True)
    finally:
        os.close(target)
    assert (ended.returncode, ended.stderr.count("\n")) == (code, bool(said))
    assert ended.stderr.startswith(said)
