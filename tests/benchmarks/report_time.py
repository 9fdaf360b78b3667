"""Seconds and megabytes of the report on a labelled run of the competition's size, over links to real photos.

python -m tests.benchmarks.report_time --images PHOTOS
"""

import statistics
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from scoring.process.memory import peak_memory_bytes
from scoring.report.page import write_report
from tests.runs import Scored, write_run


def main(
    images: Annotated[Path, typer.Option(help="Folder of photos, linked again and again.")],
    num_images: Annotated[int, typer.Option(help="Rows of the run.")] = 12_500,
    rounds: Annotated[int, typer.Option(help="Reports to write.")] = 3,
) -> None:
    """Print every round, the median, the page's size and the peak memory."""
    generator = np.random.default_rng(0)
    photos = islice(cycle(sorted(images.absolute().glob("*.jpg"))), num_images)
    with tempfile.TemporaryDirectory() as scratch:
        links = Path(scratch) / "photos"
        links.mkdir()
        rows = []
        for number, photo in enumerate(photos):
            label, share = ("cat", "dog")[number % 2], generator.beta(0.3, 3)
            (links / f"{label}.{number}.jpg").symlink_to(photo)
            dog = share if label == "cat" else 1 - share
            rows.append(Scored(f"{label}.{number}.jpg", (1 - dog, dog), label))
        folder = write_run(Path(scratch) / "run", rows, location=links, shard_size=256)
        seconds = []
        for number in range(rounds):
            started = time.perf_counter()
            written = write_report(folder.path, None, None)
            seconds.append(time.perf_counter() - started)
            print(f"round {number + 1}: {seconds[-1]:.1f} s, {written.size_bytes / 1e6:.1f} MB")
    print(f"median: {statistics.median(seconds):.1f} s; peak memory {peak_memory_bytes() / 1e6:.0f} MB")


if __name__ == "__main__":
    typer.run(main)
