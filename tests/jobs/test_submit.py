import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console
from typer.core import TyperGroup
from typer.testing import CliRunner

from cluster.submit import JobEnd, JobSettings
from jobs.cli import app
from jobs.console.exit_codes import INTERRUPTED, TERMINATED, Terminated
from jobs.submit import SubmitRequest, submit

_ROOT = Path(__file__).parents[2]
_SCORE = ("score", "--images", "/shared/photos", "--output", "/shared/run")


class FakeJob:
    """A job that ends as it is told to."""

    job_id, address = "raysubmit_1", "http://head:8265"

    def __init__(self, end: JobEnd | BaseException, log: Sequence[str] = ("[bold]scored\x1b 1 of 2\n",)) -> None:
        self._end, self._log = end, log
        self.is_stopped = False

    def follow(self, show: Callable[[str], object]) -> JobEnd:
        for text in self._log:
            show(text)
        if isinstance(self._end, BaseException):
            raise self._end
        return self._end

    def stop(self) -> None:
        self.is_stopped = True


@pytest.fixture
def take(monkeypatch: pytest.MonkeyPatch) -> Callable[[FakeJob], list[JobSettings]]:
    """Let a fake job stand for whatever is submitted; returns what was."""
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    taken: list[JobSettings] = []

    def install(job: FakeJob) -> list[JobSettings]:
        def submit_job(settings: JobSettings, address: str | None) -> FakeJob:
            taken.append(settings)
            return job

        monkeypatch.setattr("jobs.submit.submit_job", submit_job)
        return taken

    return install


def _submit(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["submit", *(str(argument) for argument in arguments)])
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("-- score --imags /x", "shardscore score: No such option: --imags"),
        ("-- score --images /x --output /y --batch-size many", "'--batch-size'"),
        ("-- score --images /x", "Missing option '--output'"),
        ("-- scor --images /x", "received 'scor'"),
        ("-- submit -- score", "received 'submit'"),
        ("-- report runs/test", "Expected FOLDER as every node sees it: an absolute path."),
        ("-- score --images photos --output /y", "Expected --images as every node sees it: an absolute path."),
        ("-- score --images /x --output runs/test", "Received 'runs/test'"),
        ("-- score --images /x --output /y --labels README.md", "Expected --labels as every node sees it"),
        ("-- status runs/test", "Expected RUN as every node sees it"),
        (
            "-- finetune --images /x --output /y --weights random --weights README.md",
            "Expected --weights as every node sees it: an absolute path. Received 'README.md'",
        ),
        ("-- finetune --images /x --output /y --base README.md", "Expected --base as every node sees it"),
        ("-- finetune --images /x --output /y --labels-file a.zip/b.csv", "Expected --labels-file as every node sees"),
        ("-- score --images /x --output /y --model not/here", "Expected --model as every node sees it"),
        ("-- sonar --output /y --data not-here.csv", "Expected --data as every node sees it"),
        (
            "-- bench",
            "Expected --json as every node sees it: an absolute path. By default it is 'shardscore-bench.json'",
        ),
        ("-- bench --json /y --images README.md", "Expected --images as every node sees it"),
        ("-- demo", "By default it is 'shardscore-demo', which would be looked for in the job's own folder."),
        ("--env =hunter2 -- score --images /x --output /y", "received '' without one"),
        (
            "--env A=hunter2 --env A=1 -- score --images /x --output /y",
            "one value of each variable in --env; received two of",
        ),
        ("--address A --address B -- score --images /x --output /y", "one value of --address; received 'A' and 'B'"),
        ("-- score --images /x --images /y --output /z", "Expected one value of --images; received '/x' and '/y'"),
        ("--env NOT_SET_HERE -- score --images /x --output /y", "received 'NOT_SET_HERE' without one"),
    ],
)
def test_nonsense_is_one_line_and_exit_2_and_nothing_is_submitted(
    monkeypatch: pytest.MonkeyPatch, arguments: str, message: str
) -> None:
    monkeypatch.chdir(_ROOT)
    monkeypatch.setattr("jobs.submit.submit_job", lambda settings, address: pytest.fail("a job was submitted"))
    code, _, error = _submit(*arguments.split())
    assert code == 2
    assert message in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert "hunter2" not in error


@pytest.mark.parametrize(
    "options",
    ["--images s3://bucket/photos --output s3://bucket/run", "--images /x --output /y --model vgg16-cats-dogs"],
)
def test_buckets_and_names_of_models_are_no_local_paths(
    take: Callable[[FakeJob], list[JobSettings]], options: str
) -> None:
    taken = take(FakeJob(JobEnd(0)))
    assert _submit("--", "score", *options.split())[0] == 0
    assert taken[0].command == f"python -m jobs score {options}"


@pytest.mark.parametrize(
    "command",
    [
        "score --images /x --output /y --engine keras --label-column cat --batch-size 16 --size 320 --sonar uci",
        "score --images /x --output /y --model resnet50 --weights random --size 240x320",
        "finetune --images /x --output /y --base resnet50 --base vgg16-convolutions --pooling mean --size 448,224",
        "embed --images /x --output /y --model /m.keras --size 240x320",
        "submission /x --template /t.csv --positive cat",
        "bench --json /y --variant keras",
        "demo --output /y",
    ],
)
def test_words_that_are_no_paths_may_be_names_of_what_lies_here(
    take: Callable[[FakeJob], list[JobSettings]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    for word in ("keras", "cat", "16", "320", "uci", "resnet50", "random", "vgg16-convolutions", "mean", "auto"):
        (tmp_path / word).write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    taken = take(FakeJob(JobEnd(0)))
    assert _submit("--", *command.split())[0] == 0
    assert taken[0].command == f"python -m jobs {command}"


def test_labels_may_be_longer_than_a_path(take: Callable[[FakeJob], list[JobSettings]]) -> None:
    taken = take(FakeJob(JobEnd(0)))
    labels = ",".join(f"label-{number}" for number in range(1000))
    assert _submit("--", *_SCORE, "--labels", labels)[0] == 0
    assert taken[0].command.endswith(labels)


def test_command_is_quoted_and_ships_our_packages_alone(take: Callable[[FakeJob], list[JobSettings]]) -> None:
    taken = take(FakeJob(JobEnd(0)))
    code, output, _ = _submit("--env", "KERAS_BACKEND=jax", "--env", "HOME", *_SCORE, "--labels", "a cat,$dog")
    [settings] = taken
    assert code == 0
    assert settings.command.endswith("--output /shared/run --labels 'a cat,$dog'")
    assert settings.name == "shardscore score"
    assert sorted(settings.packages) == ["cluster", "jobs", "scoring", "shardscore"]
    assert settings.environment == {"KERAS_BACKEND": "jax", "HOME": os.environ["HOME"]}
    assert "submitted raysubmit_1 to http://head:8265\n" in output
    assert "[bold]scored" in output


@pytest.mark.parametrize(
    ("end", "said"), [(JobEnd(0), ""), (JobEnd(1), ""), (JobEnd(2), ""), (JobEnd(143, "was stopped"), "was stopped;")]
)
def test_exit_code_is_mirrored(take: Callable[[FakeJob], list[JobSettings]], end: JobEnd, said: str) -> None:
    take(FakeJob(end))
    code, _, error = _submit("--", *_SCORE)
    assert code == end.exit_code
    assert said in error
    assert bool(said) == bool(error)


def test_a_quiet_submit_says_nothing_of_a_job_that_ends_well_and_of_another_how_its_log_ends(
    take: Callable[[FakeJob], list[JobSettings]],
) -> None:
    take(FakeJob(JobEnd(0)))
    assert _submit("-q", "--", *_SCORE) == (0, "", "")
    log = ["".join(f"line {number}\n" for number in range(20)), "\x1b[31mExpected `ima", "ges`\x1b[0m\n"]
    take(FakeJob(JobEnd(2), log))
    last_lines = [f"line {number}" for number in range(11, 20)]
    assert _submit("-q", "--", *_SCORE) == (2, "", "\n".join([*last_lines, "Expected --images", ""]))
    take(FakeJob(JobEnd(1, "failed")))
    code, output, error = _submit("--quiet", "--", *_SCORE)
    assert (code, output) == (1, "")
    assert error.endswith("; submit the same command again to go on\n")
    code, output, error = _submit("--quiet", "--", *_SCORE, "--overwrite")
    assert (code, output) == (1, "")
    unless = ", without --overwrite if its log says that no earlier results are left"
    assert error.endswith(f"; submit the same command again to go on{unless}\n")
    code, output, error = _submit("--quiet", "--", "sonar", "--output", "/y")
    assert error.endswith("; the same command, submitted again, begins anew\n")


def test_no_wait_leaves_the_job_alone_and_says_how_to_see_it(take: Callable[[FakeJob], list[JobSettings]]) -> None:
    take(FakeJob(AssertionError("it was followed")))
    code, output, _ = _submit("--no-wait", "--", *_SCORE)
    assert code == 0
    assert "ray job logs --follow --address http://head:8265 raysubmit_1" in output
    assert "ray job stop --address http://head:8265 raysubmit_1" in output


def test_a_quiet_submit_that_does_not_wait_prints_the_jobs_id_alone(
    take: Callable[[FakeJob], list[JobSettings]],
) -> None:
    take(FakeJob(AssertionError("it was followed")))
    assert _submit("--no-wait", "-q", "--", *_SCORE) == (0, "raysubmit_1\n", "")


def test_address_that_ray_overrules_is_told(
    take: Callable[[FakeJob], list[JobSettings]], monkeypatch: pytest.MonkeyPatch
) -> None:
    take(FakeJob(JobEnd(0)))
    monkeypatch.setenv("RAY_ADDRESS", "http://head:8265")
    _, output, _ = _submit("--address", "http://other:8265", "--", *_SCORE)
    assert "RAY_ADDRESS is set, which Ray puts before --address" in output
    _, _, error = _submit("-q", "--address", "http://other:8265", "--", *_SCORE)
    assert "RAY_ADDRESS is set" in error
    assert "RAY_ADDRESS" not in _submit("--address", "http://head:8265", "--", *_SCORE)[1]
    assert "RAY_ADDRESS" not in _submit("--", *_SCORE)[1]
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://third:8265")
    assert "RAY_API_SERVER_ADDRESS is set" in _submit("--address", "http://head:8265", "--", *_SCORE)[1]


def test_help_says_what_counts_before_an_address() -> None:
    said = " ".join(CliRunner().invoke(app, ["submit", "--help"], env={"COLUMNS": "300"}).stdout.split())
    assert "Ray puts RAY_API_SERVER_ADDRESS and RAY_ADDRESS before it" in said


@pytest.mark.parametrize(("stop", "code"), [(KeyboardInterrupt(), INTERRUPTED), (Terminated(), TERMINATED)])
def test_without_a_terminal_an_interrupted_submit_leaves_the_job_running_and_says_so(
    take: Callable[[FakeJob], list[JobSettings]], stop: BaseException, code: int
) -> None:
    job = FakeJob(stop)
    take(job)
    exit_code, output, _ = _submit("--", *_SCORE)
    assert exit_code == code
    assert not job.is_stopped
    assert "raysubmit_1 goes on without this command" in output
    assert "ray job stop" in output


@pytest.mark.parametrize(("answer", "is_stopped"), [(True, True), (False, False), (typer.Abort(), False)])
def test_ctrl_c_on_a_terminal_asks_and_a_second_one_leaves_the_job_running(
    take: Callable[[FakeJob], list[JobSettings]],
    monkeypatch: pytest.MonkeyPatch,
    answer: bool | Exception,
    is_stopped: bool,
) -> None:
    job = FakeJob(KeyboardInterrupt())
    take(job)

    def confirm(question: str, default: bool) -> Any:
        assert "Stop raysubmit_1?" in question
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(typer, "confirm", confirm)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    console = Console(file=io.StringIO(), force_terminal=True)
    commands = typer.main.get_command(app)
    assert isinstance(commands, TyperGroup)
    assert submit(SubmitRequest(_SCORE, None, (), True), commands, console) == INTERRUPTED
    assert job.is_stopped == is_stopped
