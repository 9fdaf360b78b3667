"""How fast one worker hands decoded images to a model and writes rows, with a network that costs nothing.

    python -m tests.benchmarks.feed_rate --images PHOTOS                    (--tree OTHER_CHECKOUT to compare with)

For every number of decode threads up to the cores, and as many decode processes where the code has them: images per
second of reading and decoding alone, in as many threads or processes, and of whole shards (read, decode, hand on,
rank, write) with a network of 1,000 classes that computes nothing; their ratio; milliseconds per image for which
Python's lock was held or waited for, sampled by gilknocker where that is installed (pip install 'shardscore[bench]');
and processor milliseconds per image of all the processes. Every measurement has a process of its own and takes some
seconds: of one second, the first and the last batches are a tenth. Rounds go through everything before the next one
begins. Prints medians. Needs neither Ray nor Keras, and measures other checkouts of ours by the same code.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from scoring.arrays import Float32Array, UInt8Array
    from scoring.models.classifier import Classifier
    from scoring.pixels.input_shape import InputShape
    from scoring.shards.settings import ScorerSettings

_BATCH_SIZE, _SHARD_SIZE, _NUM_CLASSES = 64, 256, 1000
_LEAST_SHARDS = 8
_BLOCK = 16  # images that decoding alone takes at once
_READ_TIMEOUT_S = 60.0  # as `score` has it unless told otherwise
_THREADS, _PROCESSES = "threads", "processes"


@dataclass(frozen=True)
class Feed:
    """What was measured once, of one number of threads or processes.

    Attributes:
        alone_images_per_s: Reading and decoding, and nothing else.
        images_per_s: Whole shards.
        alone_gil_ms: Milliseconds per image for which this process' lock was held or waited for; NaN if not sampled.
        gil_ms: The same with whole shards.
        alone_cpu_ms: Processor milliseconds per image, of this process and those that it started.
        cpu_ms: The same with whole shards.
    """

    alone_images_per_s: float
    images_per_s: float
    alone_gil_ms: float
    gil_ms: float
    alone_cpu_ms: float
    cpu_ms: float


class FreeEngine:
    """Says the same of every image, at no cost."""

    library = "none"

    def __init__(self) -> None:
        scores = np.random.default_rng(0).random((_BATCH_SIZE, _NUM_CLASSES), np.float32)
        self._outputs: Float32Array = scores / scores.sum(axis=1, keepdims=True)

    @property
    def num_outputs(self) -> int:
        """Values for each image."""
        return _NUM_CLASSES

    @property
    def input_shape(self) -> "InputShape":
        """Pixels of one image."""
        from scoring.pixels.input_shape import DEFAULT_SHAPE

        return DEFAULT_SHAPE

    def score(self, images: "UInt8Array") -> "Float32Array":
        """Look at nothing."""
        return self._outputs[: len(images)]

    def begin(self, images: "UInt8Array") -> "Callable[[], Float32Array]":
        """The same for code that asks for outputs later."""
        return partial(self.score, images)


def main() -> None:
    """Measure every setting in a process of its own, and print the table."""
    options = _options()
    if options.measure:
        kind, count = options.measure.split(":")
        print(json.dumps(asdict(measure(options.images, kind, int(count), options.num_images))), flush=True)
        os._exit(0)  # gilknocker's thread does not always outlive the interpreter's end
    settings = [(kind, count) for kind in options.kinds for count in options.counts]
    found: dict[tuple[str, Path, str, int], list[Feed]] = {}
    trees = {"this": Path(__file__).parents[2], **{tree.name: tree.absolute() for tree in options.tree}}
    for _ in range(options.rounds):
        for kind, count in settings:
            for name, tree in trees.items():
                if kind == _THREADS or (tree / "scoring" / "shards" / "decode_process.py").exists():
                    feed = _measure_apart(tree, kind, count, options)
                    found.setdefault((name, tree, kind, count), []).append(feed)
    _print({(name, kind, count): feeds for (name, _, kind, count), feeds in found.items()})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cores = len(os.sched_getaffinity(0))
    counts = sorted({cores, *(2**power for power in range(cores.bit_length()) if 2**power <= cores)})
    parser.add_argument("--images", type=Path, required=True, help="Folder of photos.")
    parser.add_argument("--num-images", type=int, default=4096, help="Scored for each thread or process.")
    parser.add_argument("--counts", type=int, nargs="+", default=counts, help="Threads, or processes.")
    parser.add_argument("--kinds", nargs="+", choices=(_THREADS, _PROCESSES), default=[_THREADS, _PROCESSES])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tree", type=Path, action="append", default=[], help="Another checkout, measured in turns.")
    parser.add_argument("--measure", help="threads:4 measures that here and prints JSON.")
    return parser.parse_args()


def _measure_apart(tree: Path, kind: str, count: int, options: argparse.Namespace) -> Feed:
    """Run this file with the code of a checkout."""
    command = [sys.executable, __file__, "--images", str(options.images.absolute()), "--measure", f"{kind}:{count}"]
    paths = os.pathsep.join([str(tree), *filter(None, [os.environ.get("PYTHONPATH")])])
    ended = subprocess.run(
        [*command, "--num-images", str(options.num_images)],
        env={**os.environ, "PYTHONPATH": paths},
        cwd=tree,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Feed(**json.loads(ended.stdout.splitlines()[-1]))


def measure(photos: Path, kind: str, count: int, num_images: int) -> Feed:
    """Measure one number of threads or processes in this process.

    Args:
        photos: Folder of photos.
        kind: threads or processes.
        count: How many of them.
        num_images: For each of them; photos are used again and again.
    """
    num_shards = max(_LEAST_SHARDS, num_images * count // _SHARD_SIZE)
    rate_alone, gil_alone, cpu_alone = _alone(photos, kind, count, num_shards * _SHARD_SIZE)
    with tempfile.TemporaryDirectory(prefix="shardscore-feed-") as scratch:
        rate, gil, cpu = _shards(_settings(photos, Path(scratch), kind, count, num_shards), num_shards)
    return Feed(rate_alone, rate, gil_alone, gil, cpu_alone, cpu)


def _alone(photos: Path, kind: str, count: int, num_images: int) -> tuple[float, float, float]:
    """Images per second of reading and decoding, and milliseconds of the lock and of processors for each."""
    blocks = [range(start, start + _BLOCK) for start in range(0, num_images, _BLOCK)]
    decode_block = partial(_decode_block, photos)
    pool: Executor
    if kind == _THREADS:
        pool = ThreadPoolExecutor(count)
    else:
        pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"))
    with pool:
        list(pool.map(decode_block, blocks[: 4 * count]))  # starts them, and lets each list the photos
        with _costs(num_images) as costs:
            list(pool.map(decode_block, blocks))
    return costs["images_per_s"], costs["gil_ms"], costs["cpu_ms"]


_opened: dict[Path, tuple[Any, list[Any]]] = {}  # by folder: its reader, its images


def _decode_block(photos: Path, numbers: range) -> None:
    from scoring.pixels.decoding import Resize, decode
    from scoring.sources.inputs import find_images, open_images

    if photos not in _opened:
        _opened[photos] = open_images(photos), list(find_images(photos).images)
    read, images = _opened[photos]
    for number in numbers:
        decode(read(images[number % len(images)]), Resize.SQUASH)


def _settings(photos: Path, scratch: Path, kind: str, count: int, num_shards: int) -> "ScorerSettings":
    from scoring.models.model_request import ModelRequest
    from scoring.networks.precision import Precision
    from scoring.pixels.decoding import Resize
    from scoring.run.folder import RunFolder
    from scoring.run.manifest import write_manifest
    from scoring.shards.settings import ScorerSettings
    from scoring.sources.inputs import find_images

    folder = RunFolder(scratch)
    folder.predictions.mkdir(parents=True)
    listed = islice(cycle(find_images(photos).images), num_shards * _SHARD_SIZE)
    write_manifest(folder.manifest, [replace(one, image_id=str(row)) for row, one in enumerate(listed)], _SHARD_SIZE, 0)
    model = ModelRequest("free", None, None, Precision.FLOAT32, "none")
    more: dict[str, Any] = {"decode_processes": count} if kind == _PROCESSES else {}
    more["read_timeout_s"] = _READ_TIMEOUT_S
    return ScorerSettings(photos, scratch, model, Resize.SQUASH, _BATCH_SIZE, count, **more)


def _shards(settings: "ScorerSettings", num_shards: int) -> tuple[float, float, float]:
    """The same of whole shards, after one that starts what decodes."""
    from scoring.shards.scorer import ShardScorer

    scorer = ShardScorer(settings, _load_free)
    scorer(0)
    with ThreadPoolExecutor(scorer.tasks_at_once) as actor, _costs((num_shards - 1) * _SHARD_SIZE) as costs:
        reports = list(actor.map(scorer, range(1, num_shards)))
    assert not any(report.num_errors for report in reports)
    if hasattr(scorer, "close"):  # other checkouts have nothing to close
        scorer.close()
    return costs["images_per_s"], costs["gil_ms"], costs["cpu_ms"]


def _load_free(request: Any) -> "Classifier":
    from scoring.models.classifier import Classifier
    from scoring.models.output_meaning import known_probabilities
    from scoring.networks.precision import PrecisionChoice

    labels = tuple(f"class {number}" for number in range(_NUM_CLASSES))
    precision = PrecisionChoice(request.precision, "computes nothing")
    return Classifier("free", FreeEngine(), labels, "free", precision, known_probabilities(_NUM_CLASSES))


@contextmanager
def _costs(num_images: int) -> Iterator[dict[str, float]]:
    """Fills in, at its end, what the block took for each of so many images."""
    costs: dict[str, float] = {}
    knocker = _knocker()
    started, processors = time.perf_counter(), _processor_s()
    yield costs
    wall_s = time.perf_counter() - started
    costs["images_per_s"] = num_images / wall_s
    costs["cpu_ms"] = (_processor_s() - processors) / num_images * 1e3
    costs["gil_ms"] = float("nan")
    if knocker:
        costs["gil_ms"] = knocker.contention_metric * wall_s / num_images * 1e3
        knocker.stop()


def _knocker() -> Any:
    try:
        from gilknocker import KnockKnock
    except ImportError:
        return None
    knocker = KnockKnock(polling_interval_micros=1000)
    knocker.start()
    return knocker


def _processor_s() -> float:
    """Processor seconds of this process and of its living children."""
    ticks = os.sysconf("SC_CLK_TCK")
    total = time.process_time()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended just now
            _, parent, *others = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            if int(parent) == os.getpid():
                total += (int(others[9]) + int(others[10])) / ticks
    return total


def _print(found: dict[tuple[str, str, int], list[Feed]]) -> None:
    headings = ("checkout", "decoded by", "alone /s", "shards /s", "ratio", "lock ms", "alone", "CPU ms", "alone")
    rows: list[tuple[str, ...]] = [headings]
    for (name, kind, count), feeds in found.items():
        middle = {field.name: statistics.median(vars(feed)[field.name] for feed in feeds) for field in fields(Feed)}
        ratio = statistics.median(feed.images_per_s / feed.alone_images_per_s for feed in feeds)
        cells = (f"{middle['alone_images_per_s']:,.0f}", f"{middle['images_per_s']:,.0f}", f"{ratio:.3f}")
        costs = (f"{middle[name]:.3f}" for name in ("gil_ms", "alone_gil_ms", "cpu_ms", "alone_cpu_ms"))
        rows.append((name, f"{count} {kind}", *cells, *costs))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))


if __name__ == "__main__":
    main()
