"""How long it takes to read and verify every row of a finished run: checksums, ids, columns, fingerprints and digests.

    python -m tests.benchmarks.verification_time --rows 12500 1000000

Writes each run once, of cats and dogs in shards of the usual size, and verifies it five times. Prints the median.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from scoring.run.manifest import default_shard_size
from scoring.run.verification import run_status
from tests.runs import Scored, write_run

_ROUNDS = 5


def main() -> None:
    """Write, verify and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[12_500])
    for num_rows in parser.parse_args().rows:
        with tempfile.TemporaryDirectory() as scratch:
            shares = np.random.default_rng(0).random(num_rows)
            images = [Scored(f"{number}.jpg", (1 - dog, dog)) for number, dog in enumerate(shares.tolist(), start=1)]
            folder = write_run(Path(scratch) / "run", images, shard_size=default_shard_size(num_rows))
            seconds = []
            for _ in range(_ROUNDS):
                started = time.perf_counter()
                status = run_status(folder, verify=True)
                seconds.append(time.perf_counter() - started)
                assert status.is_complete
            print(f"{num_rows} rows in {status.num_shards} shards: {statistics.median(seconds):.3f} s")


if __name__ == "__main__":
    main()
