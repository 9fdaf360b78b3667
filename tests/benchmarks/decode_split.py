"""How best to split few cores between decoding and the model: steady rate of scoring over the bare forward rate.

    python -m tests.benchmarks.decode_split --images PHOTOS --model vgg16-cats-dogs --engine openvino --precision int8

Scores the photos in one process, without Ray, two shards at a time as the pool does: with 1, 2 and 4 decode threads,
with 1, 2 and 4 batches ahead, with decode threads of low priority, and, in a process of its own, with one thread for
the model. The bare forward pass is measured before and after each setting; one round follows the other. Prints
medians, and the ratio that would be left if decoding cost its processor time and no more. Rounds with a bare pass far
from the others were disturbed.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from scoring.bench.bare_rates import BareForward, DecodeRate
from scoring.bench.photos import gather_photos
from scoring.models.model_request import ModelRequest
from scoring.networks.engines import EngineName, keras_backend
from scoring.networks.precision import Precision
from scoring.networks.vgg16 import RANDOM_WEIGHTS
from scoring.pixels.decoding import Resize
from scoring.run.folder import RunFolder
from scoring.run.manifest import default_shard_size, write_manifest
from scoring.shards.scorer import ShardScorer
from scoring.shards.settings import ScorerSettings
from scoring.shards.totals import ShardTotals
from scoring.sources.inputs import find_images
from scoring.storage.durable import remove_tree

_SHARDS_AT_A_TIME = 2
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "NPROC")  # as cluster/devices.py sets them


@dataclass(frozen=True)
class Split:
    """Decode threads, how many batches they are ahead, and how nice they are."""

    threads: int
    batches_ahead: int = 2
    niceness: int = 0


SPLITS = (Split(2), Split(2, 2, 19), Split(1), Split(4), Split(2, 1), Split(2, 4))


def main() -> None:
    """Measure with all cores for the model, then, in another process, with one."""
    options = _options()
    if options.model_threads:
        _measure(options)
        return
    for model_threads in (os.cpu_count() or 1, 1):
        environment = (
            os.environ | dict.fromkeys(_THREAD_VARIABLES, str(model_threads)) | {"TF_NUM_INTEROP_THREADS": "1"}
        )
        command = [sys.executable, "-m", "tests.benchmarks.decode_split", *sys.argv[1:]]
        subprocess.run([*command, "--model-threads", str(model_threads)], env=environment, check=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--num-images", type=int, default=96)
    parser.add_argument("--model", required=True)
    parser.add_argument("--labels")
    parser.add_argument("--engine", type=EngineName, default=EngineName.KERAS)
    parser.add_argument("--precision", type=Precision, default=Precision.AUTO)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bare-batches", type=int, default=6)
    parser.add_argument("--splits", type=int, default=len(SPLITS), help="The first of the settings.")
    parser.add_argument("--model-threads", type=int, help="Measure in this process.  [default: all cores, then 1]")
    return parser.parse_args()


def _measure(options: argparse.Namespace) -> None:
    weights = RANDOM_WEIGHTS if options.model.startswith("vgg16") else None
    request = ModelRequest(options.model, weights, options.labels, options.precision, keras_backend(), options.engine)
    splits = SPLITS[: options.splits if options.model_threads > 1 else 1]
    with tempfile.TemporaryDirectory() as scratch:
        photos = gather_photos(options.images, Path(scratch) / "photos", options.num_images, options.num_images)
        folder = RunFolder(Path(scratch) / "run")
        folder.predictions.mkdir(parents=True)
        entries = find_images(photos).images
        write_manifest(folder.manifest, entries, default_shard_size(len(entries)), 0)
        settings = ScorerSettings(photos, folder.path, request, Resize.SQUASH, options.batch_size, 1)
        bare, scorer = BareForward(settings), ShardScorer(settings)
        bare._model = scorer._model  # one copy of the network
        possible = _possible(settings, bare(2), len(entries))
        results: dict[Split, list[tuple[float, float]]] = {split: [] for split in splits}
        bare_rates = [bare(options.bare_batches)]
        for split in splits * options.rounds:
            rate = _steady_rate(scorer, split)
            bare_rates.append(bare(options.bare_batches))
            results[split].append((rate, rate / statistics.mean(bare_rates[-2:])))
    _print(options, results, bare_rates, possible)


def _possible(settings: ScorerSettings, forward_rate: float, num_images: int) -> float:
    decode_rate = DecodeRate(settings)(num_images)
    return 1 / (1 + forward_rate / decode_rate / (os.cpu_count() or 1))


def _steady_rate(scorer: ShardScorer, split: Split) -> float:
    """Score all shards anew."""
    num_slots = split.batches_ahead + 2  # the model has two
    scorer._decoders.open(scorer._model.input_shape, scorer._batch_size, scorer.tasks_at_once, num_slots)
    predictions = scorer._files.path(0).parent
    remove_tree(predictions)
    predictions.mkdir()
    shards = list(range(scorer._files.manifest.info.num_shards))
    be_nice = partial(_be_nice, split.niceness)
    with (
        ThreadPoolExecutor(split.threads, initializer=be_nice) as scorer._decoders._threads,
        ThreadPoolExecutor(_SHARDS_AT_A_TIME) as tasks,
    ):
        totals = ShardTotals()
        for report in tasks.map(scorer, shards):
            totals.add(0, report)
    return totals.steady_images_per_s() or 0.0


def _be_nice(niceness: int) -> None:
    if niceness:  # on Linux, of this thread alone
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)


def _print(
    options: argparse.Namespace, results: dict[Split, list[tuple[float, float]]], bare: list[float], possible: float
) -> None:
    table = Table("decode threads", "batches ahead", "niceness", "images/s", "of bare", "runs", box=None)
    for split, runs in results.items():
        rate, ratio = (statistics.median(run[column] for run in runs) for column in (0, 1))
        spread = " ".join(f"{run[1]:.3f}" for run in runs)
        figures = (split.threads, split.batches_ahead, split.niceness)
        table.add_row(*map(str, figures), f"{rate:.2f}", f"{ratio:.3f}", spread)
    console = Console(highlight=False, markup=False, width=120)
    console.print(f"{options.model} {options.engine} {options.precision}, {options.model_threads} model threads")
    spread = f"{statistics.median(bare):.2f} images/s, {min(bare):.2f} to {max(bare):.2f}"
    console.print(f"bare {spread}; decoding's processor time alone leaves {possible:.3f} of it")
    console.print(table)


if __name__ == "__main__":
    main()
