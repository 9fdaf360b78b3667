"""Kill anything, run the same command again, get the same rows.

pytest tests/chaos -m "not chaos"                        one seed of the main kinds
pytest tests/chaos -m chaos                              about 1,000 faults of all kinds; see the closing table
SHARDSCORE_CHAOS_FAULTS=100 pytest tests/chaos -m chaos  a tenth of them

This file's kinds need Ray; those of the others do without, and cost little.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.conftest import NUM_IMAGES, NUM_SHARDS, Run
from tests.chaos.plan import seeds
from tests.chaos.scorer import CRASHES
from tests.gate.control import wait_until
from tests.runs import record_of, summary_of

pytestmark = [pytest.mark.ci, pytest.mark.ray]


@seeds(8)
def test_actors_are_killed(run: Run, seed: int) -> None:
    run.start()
    for _ in range(5):
        run.reach_at_random(6)
        run.kill_actor()
    run.finish_or_go_on()
    run.check_complete()


@seeds(6, short=0)
def test_a_node_is_killed_and_another_joins(run: Run, seed: int) -> None:
    run.start()
    for _ in range(2):
        run.reach_at_random(20)
        run.nodes.kill(run.chance)
        run.fault()
        run.nodes.add()
    run.finish()
    run.check_complete()


@seeds(2, short=0)
def test_a_node_that_joins_late_is_used(run: Run, seed: int) -> None:
    run.nodes.kill(run.chance)
    driver = run.start()
    run.reach(2)
    run.nodes.add()
    run.fault()
    run.gate.wait_until_held(driver, 3)  # the late node's actor has a shard as well
    run.finish()
    run.check_complete()
    joined = run.nodes.others[-1].node_id
    assert joined in {device.node_id for device in record_of(run.output).devices}


@seeds(5)
def test_the_driver_is_killed(run: Run, seed: int) -> None:
    for _ in range(3):
        run.start()
        run.reach_at_random(8)
        run.kill_driver()
        run.fault()
    run.start()
    run.finish()
    run.check_complete()


@seeds(4, short=0)
def test_the_driver_is_stopped(run: Run, seed: int) -> None:
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        driver = run.start()
        run.reach_at_random(8)
        driver.send_signal(number)
        run.fault()
        told = time.monotonic()
        said = run.wait_for_end(code)
        assert time.monotonic() - told < 15, "3 s are promised; a machine that is busy gets five times that"
        assert "run the same command again to go on" in said
        assert "Traceback" not in said
        assert not (run.output / "lease.json").exists()
    run.start()
    run.finish()
    run.check_complete()


@seeds(2, short=0)
def test_actors_hang(run: Run, seed: int) -> None:
    for shard in run.chance.sample(range(NUM_SHARDS - 6), 2):
        (run.folder / f"hang-{shard}").touch()
        run.fault()
    run.start(deadline_s=2)
    run.finish()
    run.check_complete()


@seeds(3, short=0)
def test_shards_are_poison(run: Run, seed: int) -> None:
    poison = sorted(run.chance.sample(range(NUM_SHARDS), 2))
    for shard in poison:
        (run.folder / f"poison-{shard}").touch()
        run.fault()
    run.start()
    run.check_missing(run.finish(code=1), poison)
    for shard in poison:
        (run.folder / f"poison-{shard}").unlink()
    run.start()
    run.finish()
    run.check_complete()


@seeds(4)
def test_actors_die_before_they_report(run: Run, seed: int) -> None:
    for shard in run.chance.sample(range(NUM_SHARDS), 2):
        (run.folder / f"mute-{shard}").touch()
        run.fault()
    run.start()
    assert "missing" not in run.finish()
    run.check_complete()
    assert summary_of(run.output).num_scored == NUM_IMAGES


@seeds(3, short=0)
def test_a_picture_crashes_the_decoder(run: Run, seed: int) -> None:
    crashing = run.break_pictures(2, CRASHES)
    run.start()
    run.finish()
    for row in run.expected:
        if row["image_id"] in crashing:
            broken = dict.fromkeys(row) | {"status": "error", "error_message": "it crashes the decoder"}
            row |= broken | {"image_id": row["image_id"], "path": row["path"]}
    run.check_complete()


@seeds(2, short=0)
def test_weights_vanish_between_actors(run: Run, seed: int) -> None:
    driver = run.start()
    run.reach_at_random(16)
    run.gate.wait_until_held(driver, 3)  # one of the first set that finds no weights ends the job
    (run.folder / "weights").unlink()
    run.kill_actor()
    run.kill_actor()
    wait_until((run.folder / "refused").exists, "an actor that finds no weights")
    assert "the weights are gone" in run.finish()
    run.check_complete()


@pytest.fixture
def small_disk(run: Run) -> Iterator[Path]:
    """A file system of its own for the output, which has room for half of the shards."""
    disk = run.folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    run.output = disk / "run"
    yield disk
    run.kill_driver()
    subprocess.run(["umount", "-l", disk], check=True)


@seeds(2, short=0)
def test_the_disk_is_full(run: Run, small_disk: Path, seed: int) -> None:
    run.start()
    said = run.finish(code=1)
    run.fault()
    assert "No space left on device" in said
    assert "Traceback" not in said
    assert 0 < run.num_done() < NUM_SHARDS
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    run.start()
    run.finish()
    run.check_complete()


@seeds(2, short=0)
def test_the_disk_becomes_read_only(run: Run, small_disk: Path, seed: int) -> None:
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    run.start()
    run.reach_at_random(24)
    for _ in range(100):  # busy while a shard is being written
        if not subprocess.run(["mount", "-o", "remount,ro", small_disk], capture_output=True).returncode:
            break
        time.sleep(0.01)
    run.fault()
    said = run.finish(code=1)
    assert "Read-only file system" in said
    assert "Traceback" not in said
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    run.start()
    run.finish()
    run.check_complete()


@seeds(2, short=0)
def test_a_second_driver_comes(run: Run, seed: int) -> None:
    first = run.start()
    run.reach_at_random(16)
    run.start()
    run.fault()
    said = run.wait_for_end(code=2)
    assert f"is being written by process {first.pid} on {os.uname().nodename}" in said
    run.driver = first
    run.finish()
    run.check_complete()


@seeds(2, short=0)
def test_a_frozen_driver_wakes_when_another_has_taken_over(run: Run, seed: int) -> None:
    """The first is frozen with one request, the second starts clean with another; the first wakes in the middle."""
    frozen = run.start("--actors", 1)
    run.reach_at_random(16)
    frozen.send_signal(signal.SIGSTOP)
    run.fault()
    second = run.start("--actors", 1, "--overwrite", "--resize", "crop")
    wait_until(lambda: _holder(run) == second.pid, "the second driver's lease")
    run.reach_at_random(16)
    frozen.send_signal(signal.SIGCONT)
    run.driver = frozen
    assert f"another driver took over {run.output}, process {second.pid} on" in run.finish(code=1)
    run.driver = second
    run.finish()
    run.check_complete()
    assert record_of(run.output).request.resize == "crop"


def _holder(run: Run) -> int:
    pid: int = json.loads((run.output / "lease.json").read_text())["pid"]
    return pid


@seeds(2, short=0)
def test_many_drivers_come_at_once_over_the_lease_of_a_dead_one(run: Run, seed: int) -> None:
    run.start("--actors", 1)
    run.reach_at_random(16)
    run.kill_driver()
    run.fault()
    drivers = [run.start("--actors", 1) for _ in range(run.chance.randint(2, 4))]
    wait_until(lambda: sum(driver.poll() is None for driver in drivers) == 1, "the end of all but one")
    refused = [driver.communicate()[0] for driver in drivers if driver.poll() == 2]
    assert len(refused) == len(drivers) - 1
    assert all("is being written by process" in said for said in refused)
    run.driver = next(driver for driver in drivers if driver.poll() is None)
    run.finish()
    run.check_complete()
