"""How close `scoring/` comes to what a GPU can do, with no Ray: for a GPU machine that has a checkout and nothing else.

    KERAS_BACKEND=jax python -m tests.benchmarks.gpu --images PHOTOS       (or torch, or tensorflow)

Measures the matrix product (the limit), decoding with several numbers of threads, and for every batch size the network
alone, waiting for each batch and with the next one handed over meanwhile, and the whole shard (read, decode, score,
write), decoded by a process on each core, with the GPU's peak memory. Photos are drawn without --images, and the
weights are random: as fast as any. A size that does not fit the GPU ends the row of sizes. What the cores can feed is
measured by `tests.benchmarks.feed_rate`.
Prints tables, and writes a file that `shardscore bench --simulate --json` reads.

Needs Python 3.11 and keras, a backend, numpy, pillow, pyarrow, pandas, h5py, natsort, obstore, pooch and tenacity; says
which are missing. Not needed: ray, rich, typer, scikit-learn, matplotlib. Where nothing can be installed, wheels can be
carried: pip download, then PYTHONPATH on the folder that pip install --target filled.
"""

import argparse
import importlib
import importlib.util
import json
import os
import statistics
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scoring.models.classifier import Classifier
    from scoring.models.model_request import ModelRequest
    from scoring.shards.settings import ScorerSettings

_NEEDED = (
    *("keras", "numpy", "PIL", "pyarrow", "pandas", "h5py"),
    *("natsort", "obstore", "pooch", "tenacity"),
)
_SHARD_SIZE = 256
_FORWARD_S = 3.0  # at least
_PEAK_S = 2.0


@dataclass(frozen=True)
class BatchRates:
    """What was measured at one batch size. Rates are images per second.

    Attributes:
        batch_size: Images per forward pass.
        waited_images_per_s: The network alone, on a decoded batch, each batch waited for.
        forward_images_per_s: The network alone, the next batch handed over while it works.
        job_images_per_s: Whole shards, after one that compiles.
        wait_share: Share of the job's time for which the model waited for pixels.
        gpu_bytes: The most that the GPU held so far; None if the backend does not say.
    """

    batch_size: int
    waited_images_per_s: float
    forward_images_per_s: float
    job_images_per_s: float
    wait_share: float
    gpu_bytes: int | None


def main() -> None:
    """Measure, print, save."""
    options = _options()
    backend = os.environ.setdefault("KERAS_BACKEND", "jax")
    _check_packages(backend)
    from scoring.bench.machine import describe_machine
    from scoring.bench.photos import gather_photos
    from scoring.shards.batch_size import fastest_batch_size

    on_gpu = _on_gpu(backend)
    machine = describe_machine()
    print(f"{machine.processor}, {machine.num_cores} cores; GPUs: {'; '.join(machine.gpus) or 'none'}")
    request = _request(options, backend, "GPU" if on_gpu else "processor")
    with tempfile.TemporaryDirectory(prefix="shardscore-gpu-") as scratch:
        photos = gather_photos(options.images, Path(scratch) / "photos", options.num_images, 2 * _SHARD_SIZE)
        peak = _matrix_peak(request.precision, backend, options.matrix_size, on_gpu)
        decoding = {threads: decode_rate(photos, threads) for threads in options.decode_threads}
        _print_decoding(decoding)
        process = process_rate(Path(scratch) / "tiny", max(options.decode_threads))
        print(f"one process hands on at most {process:,.0f} images/s, however small")
        rates = list(batch_rates(request, photos, Path(scratch), options))
    assert "ray" not in sys.modules
    record = {
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": asdict(machine),
        "worker": {"num_cpus": float(max(options.decode_threads)), "num_gpus": float(on_gpu)},
        "request": {"model": asdict(request), "images": str(options.images or "drawn")},
        "decode_images_per_s_per_core": {"median": decoding[min(decoding)] / min(decoding)},
        "process_images_per_s": process,
        "decode_images_per_s": {str(threads): rate for threads, rate in decoding.items()},
        "variants": [_variant(str(request.precision), peak, rates)],
        "batches": [asdict(row) for row in rates],
    }
    options.json.write_text(json.dumps(record, indent=2, default=str) + "\n", encoding="utf-8")
    _print_rates(request.kind.flops_per_image, peak, rates)
    print(f"batch_size auto takes {fastest_batch_size(_load_once(request), [row.batch_size for row in rates])}")
    print(f"every figure: {options.json}")


def _request(options: argparse.Namespace, backend: str, device: str) -> "ModelRequest":
    """The network, in the precision that was asked for or that suits the device; prints which, and why."""
    from scoring.models.kinds import VGG16_CATS_DOGS
    from scoring.models.model_request import ModelRequest
    from scoring.networks.precision import Precision, choose_precision

    choice = choose_precision(Precision(options.precision), backend)
    print(f"{backend} on a {device}, {choice.precision}: {choice.reason}")
    model, weights = (options.model, None) if options.model else (VGG16_CATS_DOGS, "random")
    return ModelRequest(model, weights, options.labels, choice.precision, backend)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--images", type=Path, help="Folder of photos.")
    parser.add_argument("--num-images", type=int, default=4096, help="Of these; few are used again and again.")
    parser.add_argument("--model", help="A .keras classifier instead of VGG16; with --labels.")
    parser.add_argument("--labels")
    parser.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16", "float16"))
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[32, 64, 128, 256, 512])
    parser.add_argument("--decode-threads", type=int, nargs="+", default=sorted({1, max(1, cores // 2), cores}))
    parser.add_argument("--decode-processes", type=int, default=cores, help="Of whole shards; 0 decodes by threads.")
    parser.add_argument("--matrix-size", type=int, help="Rows of the matrices.")
    parser.add_argument("--json", type=Path, default=Path("shardscore-gpu.json"))
    return parser.parse_args()


def _check_packages(backend: str) -> None:
    missing = [name for name in (*_NEEDED, backend) if importlib.util.find_spec(name) is None]
    if missing:
        raise SystemExit(
            f"error: these packages are missing here: {', '.join(missing)}. Install them, or carry wheels."
        )


def _on_gpu(backend: str) -> bool:
    """Whether the backend computes on a GPU."""
    library: Any = importlib.import_module(backend)
    if backend == "jax":
        return bool(library.default_backend() == "gpu")
    if backend == "torch":
        return bool(library.cuda.is_available())
    return bool(library.config.list_physical_devices("GPU"))


def _gpu_bytes(backend: str) -> int | None:
    """The most that the backend had reserved on the first GPU so far."""
    if not _on_gpu(backend):
        return None
    library: Any = importlib.import_module(backend)
    if backend == "jax":
        return (library.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    if backend == "torch":
        return int(library.cuda.max_memory_allocated())
    return int(library.config.experimental.get_memory_info("GPU:0")["peak"])


def _matrix_peak(precision: Any, backend: str, size: int | None, on_gpu: bool) -> float:
    """GFLOP/s of one big product: what no network of this precision can exceed."""
    from scoring.bench.matrix_peak import CPU_MATRIX_SIZE, GPU_MATRIX_SIZE, MatrixPeak
    from scoring.networks.engines import EngineName

    size = size or (GPU_MATRIX_SIZE if on_gpu else CPU_MATRIX_SIZE)
    peak = MatrixPeak(EngineName.KERAS, precision, backend, size)
    rate = statistics.median(peak(_PEAK_S) for _ in range(3))
    print(f"matrix product of {size} x {size} in {precision}: {rate / 1e3:,.2f} TFLOP/s")
    return rate


def decode_rate(photos: Path, threads: int, seconds: float = _FORWARD_S) -> float:
    """Images decoded per second by so many threads; reading is not counted."""
    from scoring.pixels.decoding import Resize, decode
    from scoring.sources.inputs import find_images, open_images

    read = open_images(photos)
    encoded = [read(entry) for entry in islice(find_images(photos).images, 256)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(partial(decode, resize=Resize.SQUASH), encoded[:threads]))
        num_decoded, started = 0, time.perf_counter()
        while time.perf_counter() - started < seconds:
            num_decoded += len(list(pool.map(partial(decode, resize=Resize.SQUASH), encoded)))
        return num_decoded / (time.perf_counter() - started)


def process_rate(folder: Path, threads: int, count: int = 2048) -> float:
    """Images per second that one process reads, decodes and hands on if decoding costs next to nothing.

    Python runs one thread at a time: beyond this, more cores do not help a worker, only more workers do.
    """
    from PIL import Image

    from scoring.models.model_request import ModelRequest
    from scoring.networks.precision import Precision
    from scoring.pixels.decoding import Resize, decode
    from scoring.pixels.input_shape import DEFAULT_SHAPE
    from scoring.shards.batch_decoders import BatchDecoders
    from scoring.shards.settings import ScorerSettings
    from scoring.sources.inputs import find_images

    folder.mkdir()
    for number in range(count):
        Image.new("RGB", (32, 32), (number % 256, 90, 160)).save(folder / f"{number}.bmp")
    images = list(find_images(folder).images)
    model = ModelRequest("none", None, None, Precision.FLOAT32, "none")
    decoders = BatchDecoders(ScorerSettings(folder, folder, model, Resize.SQUASH, 64, threads), decode)
    decoders.open(DEFAULT_SHAPE, 64, 1)
    started = time.perf_counter()
    with decoders.ahead(images) as batches:
        for batch in batches:
            batches.give_back(batch)
    decoders.close()
    return count / (time.perf_counter() - started)


@cache
def _load_once(request: "ModelRequest") -> "Classifier":

    return request.load()


def batch_rates(
    request: "ModelRequest", photos: Path, scratch: Path, options: argparse.Namespace
) -> Iterator[BatchRates]:
    """Measure one batch size after the other, until one does not fit the GPU."""
    from scoring.pixels.decoding import Resize
    from scoring.run.folder import RunFolder
    from scoring.run.manifest import write_manifest
    from scoring.shards.settings import ScorerSettings
    from scoring.sources.inputs import find_images

    listed = find_images(photos).images
    images = [
        replace(image, image_id=str(number))
        for number, image in enumerate(islice(cycle(listed), max(options.num_images, 3 * _SHARD_SIZE)))
    ]
    for batch_size in options.batch_sizes:
        folder = RunFolder(scratch / f"run-{batch_size}")
        folder.predictions.mkdir(parents=True)
        num_shards = write_manifest(folder.manifest, images, max(_SHARD_SIZE, batch_size), 0).num_shards
        settings = ScorerSettings(
            *(photos, folder.path, request, Resize.SQUASH, batch_size, max(options.decode_threads)),
            decode_processes=options.decode_processes,
        )
        try:
            waited, forward = (_forward_rate(settings, batch_size, num_begun) for num_begun in (1, 2))
            job, wait_share = _job_rate(settings, num_shards)
        except Exception as error:  # each backend has its own for a GPU that is full  # noqa: BLE001
            print(f"batches of {batch_size} do not work here: {' '.join(str(error).split())[:200]}")
            return
        yield BatchRates(batch_size, waited, forward, job, wait_share, _gpu_bytes(request.backend))


def _forward_rate(settings: "ScorerSettings", batch_size: int, num_begun: int) -> float:
    """The network alone: the same decoded batch over and over, of which so many are begun at any time."""
    import numpy as np

    model = _load_once(settings.model)  # type: ignore[arg-type]
    batch = np.random.default_rng(0).integers(0, 256, (batch_size, 224, 224, 3), np.uint8)
    for _ in range(2):
        model.score(batch)
    num_batches, started = 0, time.perf_counter()
    begun = deque(model.begin(batch) for _ in range(num_begun - 1))
    while time.perf_counter() - started < _FORWARD_S:
        begun.append(model.begin(batch))
        begun.popleft()()
        num_batches += 1
    return num_batches * batch_size / (time.perf_counter() - started)


def _job_rate(settings: "ScorerSettings", num_shards: int) -> tuple[float, float]:
    """Whole shards after a first one: images per second, and the share of the time that the model waited."""
    from scoring.shards.scorer import ShardScorer

    scorer = ShardScorer(settings, _load_once)
    scorer(0)
    started = time.perf_counter()
    with ThreadPoolExecutor(scorer.tasks_at_once) as actor:
        reports = list(actor.map(scorer, range(1, num_shards)))
    wall_s = time.perf_counter() - started
    scorer.close()
    return sum(report.num_images for report in reports) / wall_s, sum(report.wait_s for report in reports) / wall_s


def _variant(precision: str, peak: float, rates: Sequence[BatchRates]) -> dict[str, Any]:
    """The best batch size, in the words of `shardscore bench`."""
    best = max(rates, key=lambda row: row.job_images_per_s)
    return {
        "variant": {"engine": "keras", "precision": precision},
        "peak_gflops": peak,
        "forward_images_per_s": max(row.forward_images_per_s for row in rates),
        "job_images_per_s": best.job_images_per_s,
        "batch_size": best.batch_size,
    }


def _print_decoding(decoding: dict[int, float]) -> None:
    for threads, rate in decoding.items():
        print(f"decoding with {threads:>3} threads: {rate:>9,.0f} images/s, {rate / threads:>6,.0f} a thread")


def _print_rates(flops: float | None, peak: float, rates: Sequence[BatchRates]) -> None:
    limit = peak * 1e9 / flops if flops else None
    print(f"limit: {f'{limit:,.0f} images/s, if the network were one matrix product' if limit else 'not known'}")
    headings = (
        "batch",
        "waited for",
        "network alone",
        "of the limit",
        "whole shards",
        "of the network",
        "model waits",
        "GPU GB",
    )
    print("  ".join(headings))
    for row in rates:
        memory = "-" if row.gpu_bytes is None else f"{row.gpu_bytes / 1e9:.1f}"
        cells = (
            str(row.batch_size),
            f"{row.waited_images_per_s:,.1f}",
            f"{row.forward_images_per_s:,.1f}",
            f"{row.forward_images_per_s / limit:.2f}" if limit else "-",
            f"{row.job_images_per_s:,.1f}",
            f"{row.job_images_per_s / row.forward_images_per_s:.2f}",
            f"{row.wait_share:.0%}",
            memory,
        )
        print("  ".join(cell.rjust(len(heading)) for cell, heading in zip(cells, headings, strict=True)))


if __name__ == "__main__":
    main()
