"""Jobs submitted to real Ray clusters, a process for each node."""

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.console.exit_codes import INTERRUPTED, TERMINATED
from scoring.run.folder import RunFolder
from scoring.run.verification import run_status
from scoring.storage.locations import Location, Url
from tests.gate.control import Gate
from tests.installs import copy_source, new_environment, pip_install
from tests.places import in_bucket
from tests.real_cluster import RealCluster, environment

pytestmark = pytest.mark.ray

_ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_running_head_takes_a_job_shows_its_log_and_gives_its_exit_code(tmp_path: Path) -> None:
    with RealCluster(num_workers=0) as cluster:
        command = ("submit", "--address", cluster.dashboard, "--env", "KEY=hunter2", "--", "status", tmp_path)
        ended = _run([sys.executable, "-m", "jobs", *command], _ROOT)
    assert ended.returncode == 2, ended.stderr
    assert (
        f"Running entrypoint for job raysubmit_{ended.stdout.split('raysubmit_')[1][:16]}: python -m jobs"
        in ended.stdout
    )
    assert f"{tmp_path} has no run.json of one" in ended.stdout
    assert "\x1b" not in ended.stdout
    assert "hunter2" not in ended.stdout + ended.stderr
    assert ended.stderr == ""


def _run(command: list[Any], folder: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=folder, env=environment(), capture_output=True, text=True, **options)


@pytest.fixture(scope="module")
def cluster_gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    """What the cluster's jobs and workers heed."""
    return Gate(tmp_path_factory.mktemp("gate"))


@pytest.fixture
def gate(cluster_gate: Gate) -> Iterator[Gate]:
    """The same, open again when the test ends."""
    yield cluster_gate
    cluster_gate.open()


@pytest.fixture(scope="module")
def real_cluster(cluster_gate: Gate) -> Iterator[RealCluster]:
    with RealCluster(num_workers=2, **cluster_gate.environment) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`shardscore` installed in another virtual environment."""
    python = new_environment(tmp_path_factory.mktemp("elsewhere"))
    pip_install(python, copy_source(tmp_path_factory.mktemp("source")))
    where = _run([python, "-c", "import jobs, cluster; print(jobs.__file__, cluster.__file__)"], python.parent)
    assert where.stdout.count(f"{python.parent.parent}/lib") == 2
    return python.parent / "shardscore"


@pytest.fixture(params=["shardscore submit", "ray job submit"])
def submitted(request: pytest.FixtureRequest, real_cluster: RealCluster, elsewhere: Path) -> "Submitted":
    return Submitted(request.param, real_cluster, elsewhere)


class Submitted:
    """One of the two commands that submit, and what it must answer."""

    def __init__(self, name: str, cluster: RealCluster, shardscore: Path) -> None:
        self.is_ours = name == "shardscore submit"
        self.cluster = cluster
        if self.is_ours:
            self._folder = shardscore.parent
            self._command = [shardscore, "submit", "--address", cluster.dashboard, "--"]
        else:
            self._folder = _ROOT
            options = ("--address", cluster.dashboard, "--working-dir", ".")
            self._command = ["ray", "job", "submit", *options, "--", "python", "-m", "jobs"]

    def start(self, *arguments: object, **options: Any) -> subprocess.Popen[str]:
        words = [str(word) for word in (*self._command, *arguments)]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **options}
        return subprocess.Popen(words, cwd=self._folder, env=environment(), text=True, **streams)

    def check_exit_code(self, code: int, expected: int) -> None:
        """`ray job submit` itself knows but 0, also of a stopped job, and 1."""
        assert code == (expected if self.is_ours else int(expected in (1, 2)))


_TELL_ROOM = """
import pathlib, ray, sys, warnings
warnings.simplefilter("error")
ray.init()
from cluster.nodes import cluster_nodes, own_node_id
nodes = cluster_nodes()
own = sum(node.num_cpus for node in nodes if node.node_id == own_node_id())
pathlib.Path(sys.argv[1]).write_text(f"{own:g} of {sum(node.num_cpus for node in nodes):g}")
"""


@pytest.mark.slow
@pytest.mark.parametrize(("options", "room"), [((), "0 of 2"), (("--entrypoint-num-cpus", "1"), "0 of 1")])
def test_cores_of_a_jobs_own_entry_point_are_not_planned_with(
    real_cluster: RealCluster, tmp_path: Path, options: tuple[str, ...], room: str
) -> None:
    """The head has none, and each of the two workers has one."""
    submit = ("ray", "job", "submit", "--address", real_cluster.dashboard, "--working-dir", ".", *options)
    ended = _run([*submit, "--", "python", "-c", _TELL_ROOM, tmp_path / "room"], _ROOT)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert (tmp_path / "room").read_text() == room


def _score(data: Path, photos: Location, output: Location, *options: object) -> tuple[object, ...]:
    model = ("--model", data / "models" / "cat_dog_squeezenet.keras", "--labels", "cat,dog")
    return ("score", "--images", photos, *model, "--shard-size", 20, "--output", output, *options)


def _done(output: Path) -> dict[str, int]:
    """Finished shards, and when each was written."""
    shards = (output / "predictions").glob("shard-*.parquet")
    return {path.name: path.stat().st_mtime_ns for path in shards}


@pytest.mark.slow
@pytest.mark.keras
def test_a_job_is_stopped_in_the_middle_and_a_second_submit_finishes_the_rest(
    submitted: Submitted, gate: Gate, data_folder: Path, tmp_path: Path
) -> None:
    """600 photos on two workers, which are held when five shards of thirty are there."""
    photos, output = data_folder / "photos" / "train", tmp_path / "run"
    gate.close("shard-*.parquet", 5)
    first = submitted.start(*_score(data_folder, photos, output))
    assert first.stdout is not None
    log = ""
    while "on 2 actors" not in log:  # the log is followed: the job says what it begins with, and cannot end
        line = first.stdout.readline()
        assert line, log
        log += line
    gate.wait_until_held(first, 2)
    job_id = log.split("raysubmit_")[1][:16]
    _run(["ray", "job", "stop", "--address", submitted.cluster.dashboard, f"raysubmit_{job_id}"], tmp_path, check=True)
    first.communicate(timeout=60)
    submitted.check_exit_code(first.returncode, TERMINATED)
    gate.wait_until_the_held_are_dead()
    gate.open()
    before = _done(output)
    assert 5 <= len(before) < 30
    second = submitted.start(*_score(data_folder, photos, output))
    log = second.communicate(timeout=300)[0]
    submitted.check_exit_code(second.returncode, 0)
    assert _done(output).items() >= before.items(), "what was finished is not scored again"
    assert run_status(RunFolder(output), verify=True).is_complete
    assert f"600 of 600 ({600 - 20 * len(before)} scored now)" in log
    progress = [line for line in log.splitlines() if line.startswith("scored ")]
    assert progress[-1].startswith("scored 600 of 600 images, ")
    assert not [line for line in progress if re.search(r"[\x00-\x1f]", line)], "lines, not control characters"


@pytest.mark.slow
@pytest.mark.keras
def test_a_job_from_bucket_to_bucket_whose_driver_is_killed_is_finished_by_a_second_submit(
    real_cluster: RealCluster, gate: Gate, elsewhere: Path, bucket: Url, data_folder: Path
) -> None:
    """600 photos on two workers, which see the bucket by the job's environment alone, and are held at five shards."""
    gate.close("shard-*.parquet", 5)
    for photo in (data_folder / "photos" / "train").iterdir():
        (bucket / "photos" / photo.name).upload(photo)
    folder = RunFolder(bucket / "run")
    variables = [f"--env={name}" for name in os.environ if name.startswith("AWS_")]
    score = _score(data_folder, bucket / "photos", folder.path)
    command = [elsewhere, "submit", "--address", real_cluster.dashboard, *variables, "--", *score]
    words = [str(word) for word in command]
    with subprocess.Popen(words, cwd=elsewhere.parent, env=environment(), stdout=subprocess.DEVNULL) as first:
        gate.wait_until_held(first, 2)
        os.kill(_driver_of(str(folder.path)), signal.SIGKILL)
        assert first.wait(timeout=60) != 0
    gate.wait_until_the_held_are_dead()
    gate.open()
    before = {url: url.read_version() for url in in_bucket(folder.predictions).glob("shard-*.parquet")}
    assert 5 <= len(before) < 30
    _run(command, elsewhere.parent, check=True)
    assert {url: url.read_version() for url in before} == before, "what was finished is not scored again"
    assert run_status(folder, verify=True).is_complete


def _driver_of(output: str) -> int:
    """The process that Ray runs as the job's entry point."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            arguments = (process / "cmdline").read_text().split("\0")
            if arguments[1:4] == ["-m", "jobs", "score"] and output in arguments:
                return int(process.name)
    raise AssertionError(f"no driver writes to {output}")


@pytest.mark.slow
@pytest.mark.keras
def test_a_job_with_a_poison_shard_finishes_the_rest_names_it_and_exits_with_1(
    submitted: Submitted, gate: Gate, data_folder: Path, tmp_path: Path
) -> None:
    """The last shard of thirty hangs every worker that wants to write it."""
    photos, output, poison = data_folder / "photos" / "train", tmp_path / "run", 29
    gate.close(f"shard-{poison:05d}-*.parquet", 0)
    job = submitted.start(*_score(data_folder, photos, output, "--shard-deadline", 20))
    log = job.communicate(timeout=600)[0]
    submitted.check_exit_code(job.returncode, 1)
    named = re.findall(r"shard (\d+) is missing after 3 attempts: no result within 20 s", log)
    assert set(named) == {str(poison)}  # `ray job submit` shows the end of a failed job's log a second time
    status = run_status(RunFolder(output), verify=True)
    assert (status.missing, len(status.done)) == ([poison], 29)


@pytest.mark.slow
@pytest.mark.keras
def test_ctrl_c_on_a_real_terminal_stops_the_job_after_a_yes(
    real_cluster: RealCluster, gate: Gate, elsewhere: Path, data_folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "run"
    gate.close("shard-*.parquet", 1)
    ours, theirs = pty.openpty()
    submitted = Submitted("shardscore submit", real_cluster, elsewhere)
    command = _score(data_folder, data_folder / "photos" / "train", output)
    process = submitted.start(*command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    gate.wait_until_held(process)
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does at Ctrl-C
    said = b""
    while b"Otherwise it goes on" not in said:
        said += os.read(ours, 1000)
    os.write(ours, b"y\n")
    while b"stopped; what is finished is kept: submit the same" not in said:
        said += os.read(ours, 1000)
    assert process.wait(timeout=60) == INTERRUPTED
    assert 1 <= len(_done(output)) < 30
    job_id = said.decode().split("raysubmit_")[1][:16]
    status = _run(["ray", "job", "status", "--address", real_cluster.dashboard, f"raysubmit_{job_id}"], tmp_path)
    assert "was stopped" in status.stdout + status.stderr
