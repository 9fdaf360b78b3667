"""The real command with a Ray of its own: stopped at any moment, out of memory, and with Ray's own processes killed."""

import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from scoring.run.folder import RunFolder
from scoring.run.verification import run_status
from tests.chaos.oracle import TABLE, Row, Tally
from tests.chaos.plan import seeds
from tests.chaos.scorer import SWOLLEN_BYTES
from tests.gate.control import Gate, wait_until
from tests.ray_processes import session_processes
from tests.runs import read_predictions, summary_of
from tests.source_tree import ROOT

pytestmark = pytest.mark.ray

_STOPS_EACH = 4
_NUM_IMAGES, _SHARD_SIZE = 60, 4
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PROMISED_S, _BUSY = 3.0, 5  # times as long may it take on a machine that does other work


class Stoppable:
    """A command that is run again and again into one folder."""

    def __init__(self, place: Path) -> None:
        self.output = place / "run"
        self._place = place
        self._leaders: list[int] = []  # of the sessions that its processes belong to
        (place / "weights").touch()
        zipfile.ZipFile(place / "model.keras", "w").close()  # named to the driver, never loaded
        (place / "photos").mkdir()
        for number in range(1, _NUM_IMAGES + 1):
            Image.new("RGB", (5, 4), (number * 4,) * 3).save(place / "photos" / f"{number}.png")

        self.gate = Gate(place / "gate")

    def start(self, **environment: str) -> subprocess.Popen[str]:
        model = ("--model", self._place / "model.keras", "--labels", "cat,dog", "--precision", "float32")
        sizes = ("--shard-size", _SHARD_SIZE, "--batch-size", _SHARD_SIZE, "--actors", 1)
        command = ("score", "--images", self._place / "photos", *model, *sizes, "--output", self.output)
        started = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.driver", *map(str, command)],
            cwd=ROOT,
            env={**os.environ, "RAY_ADDRESS": "", **environment},
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._leaders.append(started.pid)
        return started

    def order(self, what: str) -> None:
        """Have a scorer misbehave; see `tests.chaos.scorer`."""
        (self._place / what).touch()

    def processes(self, title: bytes = b"") -> list[int]:
        """Those of the command and of its Ray whose command line begins so."""
        found = [pid for leader in self._leaders for pid in session_processes(leader)]
        return [pid for pid in found if _title(pid).startswith(title)]

    def num_done(self) -> int:
        return len(list((self.output / "predictions").glob("shard-*.parquet")))

    def finish(self, **environment: str) -> list[Row]:
        """Run it to its end; return the rows."""
        with self.start(**environment) as command:
            said, _ = command.communicate(timeout=200)
        assert command.returncode == 0, said
        assert run_status(RunFolder(self.output), verify=True).is_complete
        assert not [path for path in self.output.rglob("*") if path.name.endswith(".tmp")]
        rows: list[Row] = read_predictions(self.output / "predictions").to_pylist()
        return rows

    def stop(self, chance: random.Random, within_s: float) -> None:
        """Start it, send it one signal or several at a random moment, and look at what is left."""
        with self.start() as command:
            time.sleep(chance.uniform(0, within_s))
            sent = chance.choices(_SIGNALS, k=chance.choice((1, 1, 2, 4)))
            stopped = time.monotonic()
            for number in sent:
                command.send_signal(number)
                time.sleep(chance.choice((0, 0, 0.02, 0.2)))
            said, _ = command.communicate(timeout=200)
        took = time.monotonic() - stopped
        self._check_end(command.returncode, sent, said)
        assert took < _BUSY * _PROMISED_S, said
        assert not (self.output / "lease.json").exists(), said
        while (left := self.processes()) and time.monotonic() - stopped < _BUSY * _PROMISED_S:
            time.sleep(0.05)
        assert not left, (sent, said, [_title(pid) for pid in left])
        if (self.output / "run.json").exists():
            assert not run_status(RunFolder(self.output), verify=True).damaged

    def _check_end(self, code: int, sent: list[signal.Signals], said: str) -> None:
        """Whole, or stopped by one of the signals.

        Before our first line, and in Python's last, the system ends the process by the signal, which a shell tells by
        the same number. Python answers SIGINT with a traceback then, which holds no line of ours.
        """
        assert (128 - code if code < 0 else code) in {0, *(128 + number for number in sent)}, (code, sent, said)
        assert "Traceback" not in said or (code == -signal.SIGINT and str(ROOT) not in said), said


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Row], float]:
    """The rows of a run that nothing happened to, and its seconds."""
    command, started = Stoppable(tmp_path_factory.mktemp("undisturbed")), time.monotonic()
    return command.finish(), time.monotonic() - started


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    tally, started = TABLE.of(request.node.originalname.removeprefix("test_")), time.monotonic()
    tally.runs += 1
    yield tally
    tally.seconds += time.monotonic() - started


@seeds(10, short=0)
def test_the_command_is_stopped_at_random_moments(
    undisturbed: tuple[list[Row], float], tally: Tally, tmp_path: Path, seed: int
) -> None:
    rows, usual_s = undisturbed
    command, chance = Stoppable(tmp_path), random.Random(f"signals-{seed}")
    for number in range(_STOPS_EACH):
        command.stop(chance, within_s=usual_s * (0.1 if number == 0 else 1.0))
        tally.faults += 1
    tally.check(command.finish(), rows)


@seeds(4, short=0)
def test_an_actor_and_rays_agents_are_killed_together(
    undisturbed: tuple[list[Row], float], tally: Tally, tmp_path: Path, seed: int
) -> None:
    """Ray's node dies with its agents, and ends the driver in Ray's own code."""
    command, chance = Stoppable(tmp_path), random.Random(f"agents-{seed}")
    command.gate.close("shard-*.parquet", chance.randint(1, 8))
    with command.start() as driver:
        command.gate.wait_until_held(driver)
        wait_until(lambda: all(map(command.processes, _ACTORS_AND_AGENTS)), "Ray's agents")
        for pid in [pid for title in _ACTORS_AND_AGENTS for pid in command.processes(title)]:
            os.kill(pid, signal.SIGKILL)
            tally.faults += 1
        command.gate.open()
        said, _ = driver.communicate(timeout=200)
    assert driver.returncode == 1, said
    assert "ended from outside" in said, said
    assert "Traceback" not in said
    wait_until(lambda: not command.processes(), "the end of Ray's processes")
    assert not run_status(RunFolder(command.output), verify=True).is_complete
    tally.check(command.finish(), undisturbed[0])


@seeds(3, short=0)
@pytest.mark.parametrize("server", ["raylet", "gcs_server"])
def test_a_server_of_ray_is_killed(
    undisturbed: tuple[list[Row], float], tally: Tally, tmp_path: Path, server: str, seed: int
) -> None:
    """The driver says so, before Ray ends it after a minute without a word of ours."""
    command, chance = Stoppable(tmp_path), random.Random(f"{server}-{seed}")
    command.gate.close("shard-*.parquet", chance.randint(1, 8))
    with command.start() as driver:
        command.gate.wait_until_held(driver)
        for pid in command.processes():
            if Path(_title(pid).split(b"\0")[0].decode()).name == server:
                os.kill(pid, signal.SIGKILL)
                tally.faults += 1
        said, _ = driver.communicate(timeout=200)
    command.gate.open()
    assert driver.returncode == 1, said
    assert "Run the same command again, without --overwrite if it said" in said, said
    assert "Traceback" not in said
    assert not (command.output / "lease.json").exists()
    wait_until(lambda: not command.processes(), "the end of Ray's processes")
    tally.check(command.finish(), undisturbed[0])


_ACTORS_AND_AGENTS = (b"ray::Actor", b"ray::DashboardAgent", b"ray::RuntimeEnvAgent")


def _title(pid: int) -> bytes:
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_bytes()
    except OSError:
        return b""


@seeds(4, short=0)
def test_an_actor_is_killed_for_its_memory(
    undisturbed: tuple[list[Row], float], tally: Tally, tmp_path: Path, seed: int
) -> None:
    """By Ray's own watch, which kills when so much of the machine's memory is used."""
    total, available = _memory_bytes()
    if available < 2 * SWOLLEN_BYTES:
        pytest.skip("needs some free memory")
    command = Stoppable(tmp_path)
    command.order(f"swell-{random.Random(f'memory-{seed}').randrange(_NUM_IMAGES // _SHARD_SIZE)}")
    tally.faults += 1
    threshold = str((total - available + SWOLLEN_BYTES / 2) / total)
    rows = command.finish(RAY_memory_usage_threshold=threshold, RAY_memory_monitor_refresh_ms="50")
    tally.check(rows, undisturbed[0])
    assert summary_of(command.output).num_lost_workers > 0


def _memory_bytes() -> tuple[int, int]:
    """All of this machine's, and what is free."""
    fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    total, available = (int(fields[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    return total, available
