"""Rivals and ours on the same photos, with VGG16: one command, one table.

    python -m tests.benchmarks.rivals --images PHOTOS [--num-images 320] [--rounds 3] [--only NAME ...]

Each round runs every contender twice, in a process of its own that has all cores: over all photos, for the steady rate
(after the first batch) and the wall time, and over 16, for the cold wall time. The table shows medians. What OpenVINO
converts and quantises is cached on this machine: the first round pays for it, the later ones do not.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from jobs.bench.cold_command import score_cold
from jobs.bench.table import print_machine
from scoring.bench.machine import describe_machine
from scoring.bench.photos import gather_photos
from scoring.models.kinds import VGG16_CATS_DOGS
from scoring.models.model_request import ModelRequest
from scoring.networks.engines import EngineName
from scoring.networks.precision import Precision

_ROOT = Path(__file__).parents[2]
BACKEND = "tensorflow"  # for Keras' image_dataset_from_directory and for ours
_COLD_IMAGES = 16
_LEAST_IMAGES = 64


@dataclass(frozen=True)
class Ended:
    """A contender's run: seconds from the start of its process to its end, and its own steady rate."""

    wall_s: float
    steady_images_per_s: float | None


@dataclass
class Runs:
    """What was measured of one contender, a value for each round."""

    steady_images_per_s: list[float] = field(default_factory=list)
    wall_s: list[float] = field(default_factory=list)
    cold_s: list[float] = field(default_factory=list)


# Photos, output, weights.
Contender = Callable[[Path, Path, str], Ended]


def rival(module: str, precision: str, photos: Path, output: Path, weights: str) -> Ended:
    """Run a rival's script."""
    command = [sys.executable, "-m", module, str(photos), str(output), "--precision", precision, "--weights", weights]
    started = time.perf_counter()
    ended = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True)
    wall_s = time.perf_counter() - started
    if ended.returncode:
        raise SystemExit(f"{module} failed:\n{ended.stderr}")
    return Ended(wall_s, json.loads(ended.stdout.splitlines()[-1])["steady_images_per_s"])


def ours(engine: EngineName, precision: Precision, photos: Path, output: Path, weights: str) -> Ended:
    """Run `shardscore score`."""
    weights_file = None if weights == "imagenet" else weights
    ended = score_cold(photos, output, ModelRequest(VGG16_CATS_DOGS, weights_file, None, precision, BACKEND, engine))
    return Ended(ended.wall_s, ended.steady_images_per_s)


CONTENDERS: dict[str, Contender] = {
    **{
        f"{name}, {precision}": partial(rival, f"tests.benchmarks.{module}", precision)
        for precision in ("float32", "bfloat16")
        for name, module in (("Keras predict", "keras_predict"), ("Ray Data", "ray_data_pipeline"))
    },
    **{
        f"shardscore, {engine} {precision}": partial(ours, engine, precision)
        for engine, precision in (
            (EngineName.KERAS, Precision.FLOAT32),
            (EngineName.KERAS, Precision.BFLOAT16),
            (EngineName.MNN, Precision.FLOAT32),
            (EngineName.OPENVINO, Precision.FLOAT32),
            (EngineName.OPENVINO, Precision.BFLOAT16),
            (EngineName.OPENVINO, Precision.INT8),
        )
    },
}


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--num-images", type=int, default=320)  # whole batches for all of them
    parser.add_argument("--weights", default="random", help="random, or imagenet")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", choices=tuple(CONTENDERS), metavar="NAME", help="As in the table.")
    parser.add_argument("--json", type=Path, help="File for every run's figures.")
    options = parser.parse_args()
    os.environ.pop("RAY_ADDRESS", None)  # this machine is measured
    os.environ["KERAS_BACKEND"] = BACKEND
    runs = {name: Runs() for name in options.only or CONTENDERS}
    with tempfile.TemporaryDirectory(prefix="shardscore-rivals-") as scratch:
        photos = gather_photos(options.images, Path(scratch) / "photos", options.num_images, _LEAST_IMAGES)
        few = gather_photos(photos, Path(scratch) / "few", _COLD_IMAGES, _COLD_IMAGES)
        for number in range(1, options.rounds + 1):
            for name, measured in runs.items():
                _measure(name, measured, photos, few, Path(scratch) / "output", options.weights)
                print(f"round {number}, {name}: {asdict(measured)}", flush=True)
            if options.json:
                _save(options.json, options, runs)
    _print_table(runs)


def _measure(name: str, measured: Runs, photos: Path, few: Path, output: Path, weights: str) -> None:
    """Run one contender over all photos, and over a few."""
    run = CONTENDERS[name]
    output.mkdir()
    ended = run(photos, output / "all", weights)
    assert ended.steady_images_per_s is not None
    measured.steady_images_per_s.append(ended.steady_images_per_s)
    measured.wall_s.append(ended.wall_s)
    measured.cold_s.append(run(few, output / "few", weights).wall_s)
    shutil.rmtree(output)


def _save(path: Path, options: argparse.Namespace, runs: dict[str, Runs]) -> None:
    record = {
        "machine": asdict(describe_machine()),
        "request": vars(options),
        "runs": {name: asdict(measured) for name, measured in runs.items()},
    }
    path.write_text(json.dumps(record, indent=2, default=str) + "\n")


def _print_table(runs: dict[str, Runs]) -> None:
    """Medians, and how much faster each is than the first: Keras predict in float32, unless left out."""
    console = Console(soft_wrap=True, highlight=False, markup=False)
    print_machine(console, describe_machine())
    table = Table(box=None, pad_edge=False)
    table.add_column("\ncontender", no_wrap=True)
    for heading in ("steady\nimages/s", "over\nthe first", "all photos\ns", f"{_COLD_IMAGES} photos\ns"):
        table.add_column(heading, justify="right", no_wrap=True)
    first = statistics.median(next(iter(runs.values())).steady_images_per_s)
    for name, measured in runs.items():
        steady, wall, cold = (statistics.median(values) for values in vars(measured).values())
        table.add_row(name, f"{steady:.2f}", f"{steady / first:.2f}", f"{wall:.1f}", f"{cold:.1f}")
    console.print(table)


if __name__ == "__main__":
    main()
