"""A table listed and scored by the free network, killed twice and continued: rows exact, memory flat.

    python -m tests.benchmarks.killed_table --rows 10000000 --shard-size 10000
    python -m tests.benchmarks.killed_table --rows 20000 --shard-size 100         # seconds

The table is as S3 Inventory writes it, in the order of a bucket; by `--in-order` in natural order, and its first shards
are scored while the rest is listed. Its driver is a process of its own, without Ray; it is killed when a third and two
thirds of the shards are there: between two files, or while it writes one. Every row is then held against the table, and
every shard that was there at a kill must be the same file at the end. Prints the seconds and the peak memory of each of
the three drivers.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from scoring.run.folder import RunFolder
from scoring.run.verification import run_status
from tests.benchmarks.free_run import dog_shares, draw_table, drawn_sizes, score_free

_LOOK_S = 0.02


@dataclass(frozen=True)
class Driver:
    """How one driver ended.

    Attributes:
        seconds: From its start to its end.
        peak_bytes: The most memory that it held.
        num_shards: Shards that were there then.
    """

    seconds: float
    peak_bytes: int
    num_shards: int


def score_with_kills(table: Path, run: Path, shard_size: int, num_shards: int) -> list[Driver]:
    """Score a table, killing the driver at a third and at two thirds of the shards.

    Raises:
        AssertionError: If a driver ends otherwise than it should, or a shard that was there is written again.
    """
    drivers, kept = [], dict[str, int]()
    for share in (1 / 3, 2 / 3, None):
        drivers.append(_drive(table, run, shard_size, None if share is None else int(share * num_shards)))
        found = {path.name: path.stat().st_ino for path in _shards(run)}
        assert kept.items() <= found.items(), "a shard that was there has been written again"
        kept = found
    return drivers


def _drive(table: Path, run: Path, shard_size: int, killed_at: int | None) -> Driver:
    """Run one driver, and kill it when so many shards are there; None lets it end."""
    command = [sys.executable, "-m", "tests.benchmarks.killed_table", "--score", str(table), str(run)]
    started, peak = time.perf_counter(), 0
    with subprocess.Popen([*command, "--shard-size", str(shard_size)]) as process:
        while process.poll() is None:
            peak = max(peak, _peak_bytes(process.pid))
            if killed_at is not None and sum(1 for _ in _shards(run)) >= killed_at:
                process.send_signal(signal.SIGKILL)
                process.wait()
            time.sleep(_LOOK_S if killed_at else 10 * _LOOK_S)
    expected = 0 if killed_at is None else -signal.SIGKILL
    assert process.returncode == expected, f"a driver ended with {process.returncode} instead of {expected}"
    return Driver(time.perf_counter() - started, peak, sum(1 for _ in _shards(run)))


def _shards(run: Path) -> Iterator[Path]:
    folder = run / "predictions"
    return (folder / name for name in os.listdir(folder) if name[0] != ".") if folder.is_dir() else iter(())


def _peak_bytes(pid: int) -> int:
    try:
        found = re.search(r"VmHWM:\s*(\d+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def check_rows(run: Path, num_rows: int) -> None:
    """Hold every row of a run against the drawn table: each object once, in natural order, with its own answer.

    Raises:
        AssertionError: If any is missing, twice, out of place or of another value.
    """
    status = run_status(RunFolder(run), verify=True)
    assert status.is_complete, status.missing or status.damaged or status.foreign
    first = 1
    for shard_id in range(status.num_shards):
        rows = pq.read_table(RunFolder(run).shard(shard_id, status.num_shards), columns=["image_id", "probabilities"])
        numbers = np.arange(first, first + len(rows))
        assert rows["image_id"].to_pylist() == list(map(str, numbers)), f"other images in shard {shard_id}"
        dogs = rows["probabilities"].combine_chunks().flatten().to_numpy()[1::2]
        assert np.array_equal(dogs, dog_shares(drawn_sizes(numbers))), f"other answers in shard {shard_id}"
        first += len(rows)
    assert first == num_rows + 1, f"{first - 1} rows of {num_rows}"


def main() -> None:
    """Draw, score with kills, check and print; or be a driver."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--shard-size", type=int, default=10_000)
    parser.add_argument(
        "--in-order", action="store_true", help="Natural order: some are scored while others are listed."
    )
    parser.add_argument("--score", type=Path, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.score:
        table, run = options.score
        score_free(table, run, options.shard_size)
        return
    with tempfile.TemporaryDirectory() as made:
        table = draw_table(Path(made) / "table.parquet", options.rows, options.in_order)
        run, num_shards = Path(made) / "run", -(-options.rows // options.shard_size)
        for driver in score_with_kills(table, run, options.shard_size, num_shards):
            print(
                f"{driver.num_shards:,} of {num_shards:,} shards after {driver.seconds:.1f} s, "
                f"peak {driver.peak_bytes / 1e6:.0f} MB",
                flush=True,
            )
        check_rows(run, options.rows)
        print(f"{options.rows:,} rows are exact")


if __name__ == "__main__":
    main()
