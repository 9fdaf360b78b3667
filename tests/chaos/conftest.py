"""A three-node Ray cluster, a run of 60 shards on it, and the oracle that looks at what is left."""

import os
import random
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from scoring.run.folder import RunFolder
from scoring.run.verification import run_status
from tests.chaos.oracle import TABLE, Tally
from tests.gate.control import Gate, wait_until
from tests.ray_processes import BESIDE_OTHERS
from tests.runs import read_predictions

NUM_IMAGES, SHARD_SIZE, NUM_SHARDS = 240, 4, 60
_DEATHS_AT_START = "actors in a row died while starting"


@pytest.fixture(scope="session")
def nodes() -> Iterator["Nodes"]:
    """Three nodes of one core and one pretended GPU each."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 1, **BESIDE_OTHERS})
    running = Nodes(cluster)
    running.fill()
    yield running
    cluster.shutdown()  # type: ignore[no-untyped-call]


@dataclass
class Nodes:
    """The cluster; the head stays alive."""

    cluster: Any
    others: list[Any] = field(default_factory=list)

    def fill(self) -> None:
        """Bring the cluster back to three nodes."""
        while len(self.others) < 2:
            self.add()
        self.cluster.wait_for_nodes()

    def add(self) -> None:
        """Let a node join."""
        self.others.append(self.cluster.add_node(num_cpus=1, num_gpus=1))

    def raylet_pids(self) -> set[int]:
        """The processes that the nodes' workers are children of."""
        nodes = self.cluster.list_all_nodes()
        return {started.process.pid for node in nodes for started in node.all_processes.get("raylet", ())}

    def kill(self, chance: random.Random) -> None:
        """Kill a node with everything on it."""
        node = self.others.pop(chance.randrange(len(self.others)))
        self.cluster.remove_node(node, allow_graceful=False)


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """240 small pictures in a zip, every 17th of them broken."""
    folder = tmp_path_factory.mktemp("chaos")
    with zipfile.ZipFile(folder / "photos.zip", "w") as photos:
        for number in range(1, NUM_IMAGES + 1):
            picture = folder / "picture.png"
            Image.new("RGB", (5, 4), (number, 255 - number, number * 7 % 256)).save(picture)
            photos.writestr(f"{number}.png", b"<html>" if number % 17 == 0 else picture.read_bytes())
    return folder / "photos.zip"


@pytest.fixture(scope="session")
def undisturbed(nodes: Nodes, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The rows of a run that nothing happened to."""
    run = Run(nodes, archive, tmp_path_factory.mktemp("undisturbed"), random.Random(0), Tally())
    run.start()
    run.finish()
    return run.rows()


@pytest.fixture
def run(
    nodes: Nodes, archive: Path, undisturbed: list[dict[str, Any]], tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator["Run"]:
    """A run to disturb; its seed is the test's `seed` parameter."""
    nodes.fill()
    kind = request.node.originalname.removeprefix("test_")
    chance, tally = random.Random(f"{kind}-{request.node.callspec.params['seed']}"), TABLE.of(kind)
    run = Run(nodes, archive, tmp_path, chance, tally)
    run.expected = [dict(row) for row in undisturbed]
    started = time.monotonic()
    tally.runs += 1
    yield run
    run.kill_driver()
    tally.seconds += time.monotonic() - started


@dataclass
class Run:
    """One output folder, the driver that writes to it, and the faults it suffers.

    A gate keeps the run where the test wants it: `start` lets no shard be begun, `reach` some, and `finish` all that
    are missing. A fault in between finds the run unfinished, and some shards at work.
    """

    nodes: Nodes
    archive: Path
    folder: Path
    chance: random.Random
    tally: Tally
    expected: list[dict[str, Any]] = field(default_factory=list)
    driver: subprocess.Popen[str] | None = None
    output: Path = field(init=False)
    gate: Gate = field(init=False)

    def __post_init__(self) -> None:
        self.output = self.folder / "run"
        self.gate = Gate(self.folder / "gate")
        (self.folder / "weights").touch()
        zipfile.ZipFile(self.folder / "model.keras", "w").close()  # named to the driver, never loaded

    def start(self, *options: object, deadline_s: float = 600) -> subprocess.Popen[str]:
        """Start the driver; no shard is begun yet.

        Args:
            options: More of the command's.
            deadline_s: When a shard counts as hanging; those at the gate do not hang.
        """
        self._stay_at(self.num_done())
        options = ("--address", self.nodes.cluster.address, "--shard-deadline", deadline_s, *options)
        model = ("--model", self.folder / "model.keras", "--labels", "cat,dog", "--precision", "float32")
        sizes = ("--shard-size", SHARD_SIZE, "--batch-size", SHARD_SIZE, "--output", self.output)
        command = ("score", "--images", self.archive, *model, *sizes, *options)
        self.driver = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.driver", *(str(argument) for argument in command)],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return self.driver

    def reach(self, num_shards: int) -> None:
        """Let the run go on until so many shards are done; those at work then will be done too, and no others."""

        def is_reached() -> bool:
            assert self.driver is not None
            if self.driver.poll() is not None:
                self._start_again_after_deaths_at_start(self.driver.communicate()[0])
                self._stay_at(num_shards)
            return self.num_done() >= num_shards

        self._stay_at(num_shards)
        wait_until(is_reached, f"{num_shards} shards")

    def reach_at_random(self, most: int) -> None:
        """Let a random number of shards, at most `most`, be done."""
        self.reach(self.num_done() + self.chance.randint(1, most))

    def _stay_at(self, num_shards: int) -> None:
        self.gate.close("shard-*.parquet", num_shards)

    def num_done(self) -> int:
        return len(list((self.output / "predictions").glob("shard-*.parquet")))

    def fault(self) -> None:
        """Count a fault that was injected."""
        self.tally.faults += 1

    def kill_actor(self) -> None:
        """SIGKILL one scoring actor."""
        os.kill(self.chance.choice(actor_pids(self.nodes.raylet_pids())), signal.SIGKILL)
        self.fault()

    def break_pictures(self, count: int, instead: bytes) -> set[str]:
        """Put `instead` in the place of some pictures, in an archive of this run's own; return their ids."""
        chosen = {f"{number}.png" for number in self.chance.sample(range(1, NUM_IMAGES + 1), count)}
        broken = self.folder / "photos.zip"
        with zipfile.ZipFile(self.archive) as whole, zipfile.ZipFile(broken, "w") as photos:
            for name in whole.namelist():
                photos.writestr(name, instead if name in chosen else whole.read(name))
        self.archive = broken
        self.tally.faults += count
        return {name.removesuffix(".png") for name in chosen}

    def kill_driver(self) -> None:
        """SIGKILL the driver, if it runs."""
        if self.driver and self.driver.poll() is None:
            self.driver.kill()
            self.driver.wait()

    def finish(self, code: int = 0) -> str:
        """Let all missing shards be done, wait for the driver, and check its exit code; return what it said."""
        self.gate.open()
        return self.wait_for_end(code)

    def wait_for_end(self, code: int) -> str:
        """Wait for a driver that ends by itself, and check its exit code; return what it said."""
        assert self.driver is not None
        said, _ = self.driver.communicate(timeout=300)
        assert self.driver.returncode == code, said
        return said

    def finish_or_go_on(self) -> None:
        """Wait for the driver; what chance gave up is named, and the same command scores it.

        That is a shard that three actors were killed on, or all that was missing when three died as they started.
        """
        assert self.driver is not None
        self.gate.open()
        said, _ = self.driver.communicate(timeout=300)
        if self.driver.returncode == 1 and _DEATHS_AT_START in said:
            self._start_again_after_deaths_at_start(said)
        elif self.driver.returncode == 1:
            self.check_missing(said, run_status(RunFolder(self.output), verify=True).missing)
            self.start()
        else:
            assert self.driver.returncode == 0, said
            return
        self.finish()

    def _start_again_after_deaths_at_start(self, said: str) -> None:
        """After a job that stopped because all actors that it started were killed: it says so, and the rest is right.

        Only where a test killed some may it end like this.
        """
        assert self.driver is not None
        assert self.tally.faults, said
        assert (self.driver.returncode, _DEATHS_AT_START in said) == (1, True), said
        assert "Traceback" not in said
        status = run_status(RunFolder(self.output), verify=True)
        assert not status.damaged
        self.tally.check(self.rows(), self._rows_without(status.missing))
        self.start()

    def rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = read_predictions(self.output / "predictions").to_pylist()
        return rows

    def check_complete(self) -> None:
        """The oracle: every image once, bit for bit as undisturbed, and nothing half-written under a final name."""
        status = run_status(RunFolder(self.output), verify=True)
        assert status.is_complete, status
        self.tally.check(self.rows(), self.expected)
        named = {path.name for path in (self.output / "predictions").iterdir() if not path.name.startswith(".")}
        assert named == {f"shard-{shard:05d}-of-{NUM_SHARDS:05d}.parquet" for shard in range(NUM_SHARDS)}
        assert not (self.output / "lease.json").exists()

    def check_missing(self, said: str, missing: list[int]) -> None:
        """The oracle for a run that could not finish: it names what is missing, and the rest is right."""
        status = run_status(RunFolder(self.output), verify=True)
        assert status.missing == missing
        assert not status.damaged
        assert sorted(int(shard) for shard in re.findall(r"shard (\d+) is missing", said)) == missing
        self.tally.check(self.rows(), self._rows_without(missing))

    def _rows_without(self, missing: list[int]) -> list[dict[str, Any]]:
        return [row for index, row in enumerate(self.expected) if index // SHARD_SIZE not in missing]


def actor_pids(raylets: set[int]) -> list[int]:
    """The processes of scoring actors that have begun to work under these raylets; others' Ray is left alone."""
    pids = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if parent in raylets and (process / "cmdline").read_bytes().startswith(b"ray::Actor"):
                pids.append(int(process.name))
        except OSError:  # it ended meanwhile
            continue
    return sorted(pids)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The chaos suite's closing table."""
    lines = TABLE.lines()
    if lines:
        terminalreporter.section("chaos")
    for line in lines:
        terminalreporter.write_line(line)
