import errno
import os
import re
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import Mock

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console
from typer.testing import CliRunner

from jobs.cli import app
from jobs.console.exit_codes import Terminated, exit_codes
from jobs.console.session import tell_removed
from scoring.bench.drawings import draw_sonar
from scoring.storage.locations import Url
from tests.places import on_disk
from tests.runs import Scored, cats_and_dogs, draw_images, write_model, write_run
from tests.tampering import ALL


def _run(*arguments: object) -> tuple[int, str]:
    """Exit code and the last line on standard error."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stderr


@pytest.fixture
def bad_inputs(tmp_path: Path, photos: Path) -> Path:
    """A folder of things that are not what they should be, beside `photos`."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "fake.zip").write_text("no zip")
    with zipfile.ZipFile(tmp_path / "texts.zip", "w") as archive:
        archive.writestr("readme.txt", "no image")
    row = ",".join(["0.5"] * 60)
    for name, text in {
        "short": f"{row},M\n{row[:50]}\n",
        "wide": f"{row},0.5,M\n",
        "nan": f"{row.replace('0.5', 'nan', 1)},M\n",
        "label": f"{row},X\n",
        "loud": f"{row.replace('0.5', '1.5', 1)},M\n",
        "few": f"{row},M\n{row},R\n",
        "unlabelled": f"{row}\n",
        "blank": "",
    }.items():
        (tmp_path / f"{name}.sonar").write_text(text)
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.txt").write_text("mine")
    return tmp_path


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("", "Expected --images, --sonar or both"),
        ("--images {0}/nowhere", "does not exist"),
        ("--images {0}/empty", "found none among 0 files"),
        ("--images {0}/texts.zip", "found none among 1 file"),
        ("--images {0}/fake.zip", "not a zip"),
        ("--images s3://user:password@bucket/photos", "Credentials belong in the environment"),
        ("--images {0}/photos --output https://host/run", "s3://bucket/prefix or gs://bucket/prefix"),
        ("--images {0}/photos --path-column path", "Expected a .parquet table for --path-column"),
        ("--images {0}/nowhere.tar", "nowhere.tar does not exist"),
        ("--images {0}/nowhere.parquet", "nowhere.parquet does not exist"),
        ("--images {0}/photos --model vgg17", "received 'vgg17'"),
        ("--images {0}/photos --weights {0}/nowhere.h5", "is no file"),
        ("--images {0}/photos --batch-size 0", "Expected --batch-size of at least 1; received 0"),
        ("--images {0}/photos --shard-size 0", "Expected --shard-size of at least 1"),
        ("--images {0}/photos --actors 0", "Expected --actors of at least 1"),
        ("--images {0}/photos --gpus-per-actor -1", "Expected --gpus-per-actor of at least 0"),
        ("--images {0}/photos --output {0}/foreign", "holds thesis.txt and no run.json"),
        ("--sonar {0}/nowhere.sonar", "is no file"),
        ("--sonar {0}/short.sonar", "row 2 of 2 has"),
        ("--sonar {0}/wide.sonar", "row 1 of 1 has 62 columns"),
        ("--sonar {0}/nan.sonar", "row 1, column 1"),
        ("--sonar {0}/loud.sonar", "is '1.5'"),
        ("--sonar {0}/label.sonar", "has 'X'"),
        ("--sonar {0}/few.sonar", "Expected exactly 208 returns, as UCI has"),
        ("--sonar {0}/unlabelled.sonar", "name a trained model with --sonar-model"),
        ("--sonar {0}/blank.sonar", "it is empty"),
    ],
)
def test_nonsense_is_one_clear_line_and_exit_2_before_ray_starts(
    bad_inputs: Path, monkeypatch: pytest.MonkeyPatch, options: str, message: str
) -> None:
    monkeypatch.setattr("jobs.score.job.open_session", lambda *_: pytest.fail("Ray was started"))
    output = [] if "--output" in options else ["--output", bad_inputs / "run"]
    code, error = _run("score", *output, *options.format(bad_inputs).split())
    assert code == 2
    assert message in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("scor", "No such command 'scor'. Did you mean score?"),
        ("Score --images x", "No such command 'Score'. Did you mean score?"),
        ("predict", "No such command 'predict'. There are score, finetune,"),
        ("submit -- scroe", "received 'scroe'. Did you mean score?"),
        ("submit -- shardscore score", "received 'shardscore'. Leave that word out."),
        ("submit -- submit", "received 'submit'. Leave that word out."),
        ("submit -- predict", "received 'predict'. There are score, finetune,"),
    ],
)
def test_a_mistyped_command_is_told_what_may_be_meant(words: str, said: str) -> None:
    code, error = _run(*words.split())
    assert code == 2
    assert said in " ".join(re.sub("[│╭╰─╮╯]", " ", error).split())  # Rich's frame


@pytest.mark.parametrize("words", [["scor"], ["status", "x", "--bad"], ["status"], ["report", "x", "--json=2"]])
@pytest.mark.parametrize("is_closed", [False, True])
def test_a_slip_that_cannot_be_told_keeps_its_exit_code(words: list[str], is_closed: bool) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as closed, open("/dev/full", "w") as full:
        told = _program(words, subprocess.DEVNULL, stderr=closed if is_closed else full)
    assert told.returncode == 2


@pytest.mark.parametrize(
    "words", [[], ["--help"], ["report", "--help"], ["submit", "--help"], ["--show-completion", "bash"]]
)
def test_help_that_cannot_be_written_is_one_line(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")  # no shell may have started pytest
    with open("/dev/full", "w") as full:
        told = _program(words, stdout=full)
    assert told.returncode == 1
    assert told.stderr.startswith("error: Expected a standard output that can be written; No space left")
    assert told.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [["--help"], ["report", "--help"]])
def test_help_that_nobody_reads_is_no_fault(words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    told = _program(words, stdout=writing)
    os.close(writing)
    assert (told.stderr, told.returncode) == ("", 0)


def test_help_and_a_fault_are_told_where_columns_says_that_there_are_none() -> None:
    assert "Usage:" in _program(["report", "--help"], stdout=subprocess.PIPE, columns="0").stdout
    assert "No such command" in _program(["scor"], stdout=subprocess.PIPE, columns="0").stderr


def _program(
    words: list[str], stdout: Any, columns: str = "80", stderr: Any = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "jobs", *words],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"COLUMNS": columns},
        stdout=stdout,
        stderr=stderr,
        text=True,
    )


def test_a_shell_that_completes_behind_a_mistyped_command_gets_no_traceback() -> None:
    shell = {"_SHARDSCORE_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "shardscore scroe --"}
    completed = CliRunner().invoke(app, prog_name="shardscore", env=shell)
    assert completed.exception is None
    assert "--version" in completed.stdout


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("sonar --data {0}/unlabelled.sonar --output {0}/study", "name a trained model with --sonar-model (of score)."),
        ("bench --images {0}/t.parquet", "Name that of the paths by --path-column (of score), or that of"),
        ("score --images {0}/t.parquet --output {0}/run", "Name that of the paths by --path-column, or that of"),
    ],
)
def test_advice_says_of_which_command_an_option_is_that_this_one_lacks(
    bad_inputs: Path, words: str, advice: str
) -> None:
    pq.write_table(pa.table({"file": ["a.jpg"]}), bad_inputs / "t.parquet")
    code, error = _run(*words.format(bad_inputs).split())
    assert (code, error.count("\n")) == (2, 1)
    assert advice in error


@pytest.mark.parametrize(
    ("options", "is_removed", "advice"),
    [
        ([], False, "run the same command again"),
        (["--overwrite"], False, "run the same command again"),
        (["--overwrite"], True, "run it again without --overwrite"),
    ],
)
def test_a_command_that_is_stopped_says_what_goes_on_with_it(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], is_removed: bool, advice: str
) -> None:
    """Without --overwrite the earlier results would be taken for the new ones, as long as they are there."""

    def stop(*_: object) -> NoReturn:
        if is_removed:
            tell_removed(Console(quiet=True), tmp_path)
        raise Terminated

    monkeypatch.setattr("jobs.score.job.open_session", stop)
    told = ("score", "--images", photos, "--output", tmp_path / "run", "--weights", "random", *options)
    for _ in range(2):
        assert _run(*told) == (143, f"stopped; what is finished is kept: {advice} to go on\n")


@pytest.mark.parametrize(
    ("command", "place"),
    [
        ("demo", "jobs.demo.hold_demo_folder"),
        ("sonar", "jobs.sonar.command.run_study"),
        ("bench", "jobs.bench.command.run_bench"),
    ],
)
def test_a_command_that_begins_anew_promises_nothing_when_it_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, place: str
) -> None:
    monkeypatch.setattr(place, Mock(side_effect=Terminated))
    option = "--json" if command == "bench" else "--output"
    told = _run(command, option, tmp_path / "there")
    assert told == (143, "stopped; the same command again begins anew\n")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/tmp/new"), "/tmp/new: No space left on device"),
        (OSError(errno.EROFS, "Read-only file system"), "a file: Read-only file system"),
    ],
)
def test_a_disk_that_is_full_where_nobody_foresaw_it_is_one_line(
    monkeypatch: pytest.MonkeyPatch, fault: OSError, said: str
) -> None:
    monkeypatch.setattr("jobs.bench.command.run_bench", Mock(side_effect=fault))
    assert _run("bench") == (1, f"error: Cannot write {said}.\n")


@pytest.mark.parametrize("options", ["finetune --images {}", "sonar --data {}/few.sonar", "score --sonar {}/few.sonar"])
def test_a_clock_that_would_cost_the_model_is_one_line_before_the_work(
    bad_inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str
) -> None:
    draw_sonar(bad_inputs / "few.sonar", 1)
    early = time.struct_time((1975, 1, 1, 12, 30, 0, 2, 1, 0))
    monkeypatch.setattr("scoring.networks.keras_files.time", Mock(localtime=lambda: early, strftime=time.strftime))
    code, error = _run(*options.format(bad_inputs).split(), "--output", tmp_path / "new")
    assert (code, error.count("\n")) == (1, 1)
    assert error.startswith("error: Cannot write a .keras file at 1975-01-01 12:30")
    assert not (tmp_path / "new").exists()


def test_silent_address_is_one_clear_line_and_exit_1(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    code, error = _run("score", "--images", photos, "--output", tmp_path / "run", "--address", "127.0.0.1:9")
    assert code == 1
    assert error.startswith("error: Cannot reach the Ray cluster at 127.0.0.1:9: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize("option", ["--images", "--output", "--model", "--weights", "--labels", "--address"])
@pytest.mark.parametrize(
    "value", ["s3:/KEY:PASSWORD@bucket/x", "https://u:PASSWORD@host/x", "ray://u:PASSWORD@127.0.0.1:9"]
)
def test_a_password_in_an_option_is_in_no_message(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, value: str
) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    words = [
        word for told in {"--images": photos, "--output": tmp_path / "run", option: value}.items() for word in told
    ]
    for more in ([], [option, f"{value}/x"]):
        code, error = _run("score", *words, *more)
        assert code in {1, 2}
        assert error.startswith("error: ")
        assert "PASSWORD" not in error


def test_unknown_option_value_is_exit_2() -> None:
    assert _run("score", "--output", "run", "--resize", "stretch")[0] == 2
    assert _run("submission", "run", "--competition", "titanic")[0] == 2


def test_submission_of_no_run_is_exit_2(tmp_path: Path) -> None:
    code, error = _run("submission", tmp_path)
    assert (code, error.count("\n")) == (2, 1)
    assert "Expected a run folder" in error


def test_report_is_written_into_its_folder_and_what_it_lacks_is_exit_1(tmp_path: Path) -> None:
    whole = write_run(tmp_path / "whole", cats_and_dogs(16))
    assert _run("report", whole.path) == (0, "")
    assert whole.report.is_file()
    part = write_run(tmp_path / "part", cats_and_dogs(16), without_shards=(1,))
    result = CliRunner().invoke(app, ["report", str(part.path), "--output", str(tmp_path / "part.html")])
    assert result.exit_code == 1
    assert "they are missing: the shards 1" in result.stdout
    assert (tmp_path / "part.html").is_file()


def test_what_is_not_in_a_report_is_told_by_what_it_is_and_is_exit_1(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", cats_and_dogs(40), without_shards=(3,))
    ALL["another model's shard"](run)
    ALL["an extra file"](run)
    ended = CliRunner().invoke(app, ["report", str(run.path)])
    said = " ".join(ended.stdout.split())
    assert ended.exit_code == 1
    assert "because they are missing: the shards 3 not in it" in said
    assert "because it is damaged: shard 1 " in said
    assert "again, without --overwrite, scores these shards and no others" in said
    assert "not in it: notes.txt, among the shards and none of this run; move such files away" in said
    code, error = _run("report", run.path, "-q")
    assert (code, "shards 3" in error, "shard 1 " in error, "notes.txt" in error) == (1, True, True, True)


def test_of_many_shards_that_are_not_in_a_report_some_are_named(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", cats_and_dogs(160), without_shards=range(7))
    for number in range(7, 14):
        on_disk(run.shard(number, 20)).write_bytes(b"")
        on_disk(run.predictions / f"notes-{number}.txt").write_bytes(b"")
    said = " ".join(CliRunner().invoke(app, ["report", str(run.path)]).stdout.split())
    damaged = "not in it, because they are damaged: each of the shards 7, 8, 9, 10, 11, ... (7 in all) "
    assert f"the shards 0, 1, 2, 3, 4, ... (7 in all) {damaged}" in said
    assert "12, " not in said
    assert "notes-9.txt" not in said
    assert said.count("(7 in all)") == 3


def test_an_added_file_alone_is_exit_1_of_a_report(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", cats_and_dogs(16))
    ALL["an extra file"](run)
    assert _run("report", run.path)[0] == 1
    assert run.report.is_file()


@pytest.mark.ci
def test_a_notebooks_setting_for_drawings_does_not_reach_a_command(tmp_path: Path) -> None:
    """As `!shardscore` has it; matplotlib refuses a backend that its environment lacks when it is imported."""
    run = write_run(tmp_path / "run", cats_and_dogs(12))
    environment = os.environ | {"MPLBACKEND": "of_a_notebook"}
    command = [sys.executable, "-m", "jobs", "report", str(run.path)]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    assert run.report.is_file()


def test_report_of_a_run_in_a_bucket_is_written_there(bucket: Url) -> None:
    run = write_run(bucket / "run", cats_and_dogs(16))
    assert _run("report", run.path) == (0, "")
    assert run.report.is_file()
    assert _run("report", run.path, "--output", bucket / "pages" / "run.html") == (0, "")
    assert (bucket / "pages" / "run.html").read_bytes() == run.report.read_text().encode()
    assert _run("report", bucket / "nowhere")[0] == 2


def test_folders_above_an_output_are_made(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", cats_and_dogs(16))
    assert _run("report", run.path, "--output", page := tmp_path / "pages" / "of" / "run.html") == (0, "")
    assert page.is_file()
    assert _run("report", run.path, "--output", page / "run.html") == (
        1,
        f"error: Cannot write {page / 'run.html'}: Not a directory.\n",
    )


@pytest.mark.parametrize("word", ["pages/", "pages/.", "s3://bucket/pages/"])
@pytest.mark.parametrize("options", ["report run --output", "submission run --output", "bench --json"])
def test_an_output_that_is_named_as_a_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str, word: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_run(Path("run"), cats_and_dogs(8))
    option = options.split()[-1]
    said = f"error: Expected {option} to be a file; {word} is a folder. Name a file in it.\n"
    assert _run(*options.split(), word) == (2, said)
    assert not Path("pages").exists()


def test_a_report_takes_the_place_of_no_file_of_what_it_tells_of(tmp_path: Path, bucket: Url) -> None:
    runs = [write_run(place / "run", cats_and_dogs(8)) for place in (tmp_path, bucket)]
    model = write_model(tmp_path / "model", cats_and_dogs(8))
    files = [file for run in runs for file in (run.record, run.manifest, run.shard(0, 1))]
    for file in [*files, model / "training.json"]:
        folder, before = file.parent.parent if file.parent.name == "predictions" else file.parent, file.read_bytes()
        code, error = _run("report", folder, "--output", file)
        assert (code, f"Expected --output outside of what {folder} is made of" in error) == (2, True)
        assert file.read_bytes() == before
    images = tmp_path / "photos.zip"
    assert _run("report", runs[0].path, "--images", images, "--output", images)[0] == 2


def test_a_place_of_photos_that_a_report_is_told_and_that_is_not_there_is_refused(tmp_path: Path) -> None:
    run, model = write_run(tmp_path / "run", cats_and_dogs(8)), write_model(tmp_path / "model", cats_and_dogs(8))
    for folder in (run.path, model):
        assert _run("report", folder)[0] == 0  # nor are they where they were listed
        (folder / "report.html").unlink()
        code, error = _run("report", folder, "--images", tmp_path / "nowhere")
        assert (code, f"{tmp_path}/nowhere does not exist" in error) == (2, True)
        assert not (folder / "report.html").exists()


def test_a_place_that_holds_none_of_the_photos_is_told(tmp_path: Path) -> None:
    images = cats_and_dogs(8)
    photos, others = draw_images(tmp_path / "photos", images), draw_images(tmp_path / "others", [Scored("1.png", None)])
    run, model = write_run(tmp_path / "run", images), write_model(tmp_path / "model", images)
    for folder in (run.path, model):
        for place, is_told in ((others, True), (photos, False)):
            ended = CliRunner().invoke(app, ["report", str(folder), "--images", str(place)])
            assert (ended.exit_code, f"none of those that it tells of is in {place}" in ended.stdout) == (0, is_told)


def test_photos_that_are_gone_are_told_and_how_their_place_is_named(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", cats_and_dogs(8), location=tmp_path / "gone")
    ended = CliRunner().invoke(app, ["report", str(run.path)])
    assert (ended.exit_code, "it shows no images" in ended.stdout, "--images" in ended.stdout) == (0, True, True)


def test_report_of_no_run_is_one_clear_line_and_exit_2(tmp_path: Path) -> None:
    code, error = _run("report", tmp_path)
    assert (code, error.count("\n")) == (2, 1)
    assert error.startswith("error: Expected a folder written by")


def test_help_names_every_command() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    assert all(command in result.stdout for command in ("score", "submission", "report", "demo"))


@pytest.mark.parametrize(("stop", "code"), [(KeyboardInterrupt(), 130), (Terminated(), 143)])
def test_a_stop_that_compiled_code_wrapped_is_a_stop(
    stop: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, exit_codes():
        raise SystemError("wait returned a result with an exception set") from stop
    assert ended.value.code == code
    assert "run the same command again to go on" in capsys.readouterr().err
    with pytest.raises(SystemError), exit_codes():
        raise SystemError("another")


def test_a_system_without_room_for_a_thread_is_one_line_and_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    before = threading.stack_size(2**46)
    try:
        with pytest.raises(SystemExit) as ended, exit_codes():
            threading.Thread(target=int).start()
    finally:
        threading.stack_size(before)
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("error: Expected room for one more thread; the system gave none. Raise ")
