"""How time, memory of the driver and files grow with the number of images, in one table with slopes.

    python -m tests.benchmarks.growth --sizes 1000 10000 100000 1000000 10000000
    python -m tests.benchmarks.growth --sizes 1000 3000 --folder-sizes 1000        # seconds

Entries are drawn, in a table as S3 Inventory writes it; the network costs nothing, and Ray has no part: see
`tests.benchmarks.free_run`. The folder holds empty files. Each stage runs in a fresh process, whose peak memory is
given beyond what it had when it began. A slope is the power of the number of images that a figure grows with, over the
three largest sizes: 1 is linear. What is steeper than 1.15 is marked.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from scoring.process.memory import peak_memory_bytes
from scoring.report.page import write_report
from scoring.run.folder import RunFolder
from scoring.run.manifest import Manifest, default_shard_size, write_manifest
from scoring.run.verification import run_status
from scoring.sources.inputs import find_images
from scoring.storage.locations import locate
from scoring.submissions.submission import SubmissionRequest, write_submission
from tests.benchmarks.free_run import draw_table, score_free
from tests.benchmarks.listing import fill_folder

_STEEP = 1.15
_FITTED = 3  # of the largest sizes
Figures = dict[int, float]


def _list(images: Path, scratch: Path) -> None:
    """Find the images, and write the manifest."""
    listing = find_images(locate(str(images)))
    shard_size = default_shard_size(len(listing.images))
    write_manifest(scratch / "manifest.parquet", listing.images, shard_size, listing.num_left_out)


def _plan(scratch: Path) -> None:
    """Read what a driver and a worker read of the manifest before the first shard."""
    folder = RunFolder(scratch / "run")
    manifest = Manifest(folder.manifest)
    folder.missing_shards(manifest.info.num_shards)
    manifest.shard(0)


_STAGES: Mapping[str, Callable[[Path], object]] = {
    "list a folder, write its manifest": lambda scratch: _list(scratch / "folder", scratch),
    "list a table, write its manifest": lambda scratch: _list(scratch / "table.parquet", scratch),
    "the same of a bucket's order": lambda scratch: _list(scratch / "unordered.parquet", scratch),
    "score": lambda scratch: score_free(scratch / "table.parquet", scratch / "run"),
    "score again: nothing is left": lambda scratch: score_free(scratch / "table.parquet", scratch / "run"),
    "read the manifest, plan": _plan,
    "verify": lambda scratch: run_status(RunFolder(scratch / "run"), verify=True),
    "status": lambda scratch: run_status(RunFolder(scratch / "run"), verify=False),
    "report": lambda scratch: write_report(scratch / "run", None, None),
    "submission": lambda scratch: write_submission(
        RunFolder(scratch / "run"), SubmissionRequest(partial=True), scratch / "run" / "submission.csv"
    ),
}
_OF_FOLDER, *_OF_TABLE = _STAGES
_FILES = ("table.parquet", "manifest.parquet", "run.json", "predictions", "report.html", "submission.csv")


def _run_stage(stage: str, scratch: Path) -> None:
    """Run one stage in this process; print its seconds and bytes."""
    before = peak_memory_bytes()
    started = time.perf_counter()
    _STAGES[stage](scratch)
    print(json.dumps([time.perf_counter() - started, peak_memory_bytes() - before]))


def _measure(stage: str, scratch: Path) -> tuple[float, float]:
    command = [sys.executable, "-m", "tests.benchmarks.growth", "--stage", stage, "--scratch", str(scratch)]
    seconds, held = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    print(f"  {stage}: {seconds:.2f} s, {held / 1e6:.0f} MB", file=sys.stderr, flush=True)
    return seconds, held / 1e6


def _size_mb(path: Path) -> float:
    parts = path.iterdir() if path.is_dir() else [path]
    return sum(part.stat().st_size for part in parts) / 1e6


class Growth:
    """Figures by what they are of and by the number of images."""

    def __init__(self) -> None:
        self.seconds: dict[str, Figures] = {}
        self.memory_mb: dict[str, Figures] = {}
        self.files_mb: dict[str, Figures] = {}

    def measure(self, size: int, with_folder: bool) -> None:
        """Run every stage on so many images."""
        print(f"{size:,} images", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as made:
            scratch = Path(made)
            if with_folder:
                (scratch / "folder").mkdir()
                fill_folder(scratch / "folder", size)
            draw_table(scratch / "table.parquet", size)
            draw_table(scratch / "unordered.parquet", size, in_order=False)
            for stage in [*([_OF_FOLDER] if with_folder else []), *_OF_TABLE]:
                seconds, memory_mb = _measure(stage, scratch)
                self.seconds.setdefault(stage, {})[size] = seconds
                self.memory_mb.setdefault(stage, {})[size] = memory_mb
            (scratch / "table.parquet").rename(scratch / "run" / "table.parquet")
            for name in _FILES:
                self.files_mb.setdefault(name, {})[size] = _size_mb(scratch / "run" / name)

    def lines(self, sizes: Sequence[int]) -> list[str]:
        """The table."""
        row = "{:<34}" + " {:>11}" * len(sizes) + " {:>7}"
        lines = [row.format("images", *(f"{size:,}" for size in sizes), "slope")]
        for title, figures in (
            ("SECONDS", self.seconds),
            ("MEMORY, MB beyond the imports'", self.memory_mb),
            ("FILES, MB", self.files_mb),
        ):
            lines.append(title)
            for name, of_sizes in figures.items():
                shown = [f"{of_sizes[size]:.3f}" if size in of_sizes else "" for size in sizes]
                lines.append(row.format(f"  {name}", *shown, _shown_slope(of_sizes)))
        return lines


def slope(figures: Figures) -> float | None:
    """The power of the size that figures grow with, over the largest sizes; None if there is but one, or it is zero."""
    sizes = sorted(figures)[-_FITTED:]
    if len(sizes) < 2 or any(figures[size] <= 0 for size in sizes):
        return None
    logs = np.log([figures[size] for size in sizes])
    return float(np.polyfit(np.log(sizes), logs, 1)[0])


def _shown_slope(figures: Figures) -> str:
    power = slope(figures)
    return "" if power is None else f"{power:.2f}{'*' if power > _STEEP else ''}"


def main() -> None:
    """Measure every size, and print the table; or run one stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--folder-sizes", type=int, nargs="*", default=[1000, 10_000, 100_000], help="among the sizes")
    parser.add_argument("--stage", choices=list(_STAGES), help=argparse.SUPPRESS)
    parser.add_argument("--scratch", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stage:
        _run_stage(options.stage, options.scratch)
        return
    growth = Growth()
    for size in sorted(options.sizes):
        growth.measure(size, size in options.folder_sizes)
    print("\n".join(growth.lines(sorted(options.sizes))))


if __name__ == "__main__":
    main()
