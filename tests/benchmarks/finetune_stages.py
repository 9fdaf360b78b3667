"""Seconds and memory of `finetune` by stage, on drawn photos of the usual size and a small base with random weights.

    python -m tests.benchmarks.finetune_stages --num-images 25000
    python -m tests.benchmarks.finetune_stages --num-images 200                    # a minute

Draws JPEG files of 500 x 375 pixels of two labels, 40 KB each, and fine-tunes once. Seconds come from the milestones of
the features' run.json and from when each file of the model folder was written. Of loading the features and calibrating
no file tells: both are done once more here. Peaks of memory are the driver's and the features' actor's own, as run.json
has them; that of the heads' actor is looked at from outside while it lives.
"""

import io
import os
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer
from PIL import Image

from cluster.session import open_session
from jobs.finetune.command import finetune
from jobs.finetune.presets import RECIPES, Preset
from scoring.finetuning.calibration import calibrate
from scoring.finetuning.heads import Head
from scoring.finetuning.settings import FinetuneSettings
from scoring.finetuning.training_set import load_training_set
from scoring.models.model_folder import ModelFolder
from scoring.models.training_record import load_training_record
from scoring.process.memory import peak_memory_bytes
from tests.places import on_disk
from tests.ray_processes import marked_processes

_WIDTH, _HEIGHT = 500, 375
_QUALITY = 85
_NOISE_SIDE = 1200
_LOOK_S = 0.2
_DRAWN_AT_ONCE = 50


@cache
def _scenery(seed: int) -> npt.NDArray[np.int16]:
    """Soft blots with grain on them, to cut backgrounds out of."""
    generator = np.random.default_rng(seed)
    blots = Image.fromarray(generator.integers(0, 256, (60, 60, 3), dtype=np.uint8))
    soft = np.asarray(blots.resize((_NOISE_SIDE, _NOISE_SIDE), Image.Resampling.BICUBIC), np.int16)
    return soft * 3 // 5 + generator.integers(0, 24, soft.shape, dtype=np.int16)


def _draw_photo(number: int, label: str) -> bytes:
    """A JPEG file: a cat is lit from the left, a dog from above, most of them faintly."""
    generator = np.random.default_rng(number)
    top, left = generator.integers(0, (_NOISE_SIDE - _HEIGHT, _NOISE_SIDE - _WIDTH))
    light = generator.uniform(0, 80)
    ramp = np.linspace(0, light, _HEIGHT)[:, None] if label == "dog" else np.linspace(0, light, _WIDTH)[None]
    pixels = _scenery(0)[top : top + _HEIGHT, left : left + _WIDTH] + ramp.astype(np.int16)[..., None]
    content = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(content, "jpeg", quality=_QUALITY)
    return content.getvalue()


def _draw_into(folder: Path, number: int) -> None:
    label = ("cat", "dog")[number % 2]
    (folder / f"{label}.{number}.jpg").write_bytes(_draw_photo(number, label))


def draw_photos(folder: Path, num_images: int) -> Path:
    """Photos by Kaggle's names, as many cats as dogs; drawn in processes of their own."""
    folder.mkdir()
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        list(pool.map(partial(_draw_into, folder), range(num_images), chunksize=_DRAWN_AT_ONCE))
    return folder


@contextmanager
def watched_actors() -> Iterator[dict[int, int]]:
    """Look after the actors that are started from the block; yields the peak of each in bytes, the youngest last."""
    mark, seen, done = f"FINETUNE_STAGES={os.getpid()}", dict[int, int](), threading.Event()
    name, value = mark.split("=")
    os.environ[name] = value

    def look() -> None:
        while not done.wait(_LOOK_S):
            for process in (Path("/proc", str(number)) for number in marked_processes(mark)):
                with suppress(OSError):  # it has ended
                    is_actor = (process / "cmdline").read_bytes().startswith(b"ray::Actor")
                    if is_actor and (peak := re.search(r"VmHWM:\s*(\d+)", (process / "status").read_text())):
                        seen[int(process.name)] = int(peak[1]) * 1024

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def stages(model: ModelFolder) -> dict[str, float]:
    """Seconds of each stage in their order; listing goes on beside the start of Ray and of the network."""
    record = model.features.load_record()
    assert record is not None and record.milestones is not None
    at = record.milestones
    assert at.ray_at and at.worker_at and at.last_shard_at and at.summary_at
    heads = sorted(_written_at(path) for path in on_disk(model.heads).glob("head-*.npz"))
    ended = _written_at(on_disk(model.training))
    return {
        "listing and manifest": _written_at(on_disk(model.features.manifest)) - at.command_at,
        "Ray": at.ray_at - at.command_at,
        "actor, libraries, network": at.worker_at - at.ray_at,
        "features": at.last_shard_at - at.worker_at,
        "verification, summary": at.summary_at - at.last_shard_at,
        "actor of the heads, loading, first head": heads[0] - at.summary_at,
        "other heads": heads[-1] - heads[0],
        "calibration, network, saving": ended - heads[-1],
        "of which after the network was saved": ended - _written_at(on_disk(model.network)),
        "all": ended - at.command_at,
    }


def _written_at(path: Path) -> float:
    return path.stat().st_mtime


def done_again(model: ModelFolder) -> dict[str, float]:
    """Seconds of loading the features and of calibrating, in this process."""
    record = load_training_record(model)
    settings = FinetuneSettings(
        output=model.path,
        images=Path(record.images),
        base=record.base.request,
        flip=record.flip,
        heads=record.settings,
        ensemble=len(record.heads),
        num_validation=None,
        seed=record.split_seed,
        head_only=record.head_only,
        backend="tensorflow",
        num_folds=record.data.num_folds,
        num_draws=record.data.num_draws,
    )
    began = time.perf_counter()
    photos = load_training_set(settings)
    loaded = time.perf_counter()
    heads = []
    for path in sorted(on_disk(model.heads).glob("head-*.npz")):
        with np.load(path) as stored:
            heads.append(Head(stored["kernel"], stored["bias"], [], stored["logits"], [], 0))
    logits, measured = photos.measured_logits(heads), photos.measured
    read = time.perf_counter()
    calibrate(logits, photos.truth[measured], record.split_seed, photos.related_of(measured))
    return {"loading the features": loaded - began, "calibration": time.perf_counter() - read}


def main(
    num_images: Annotated[int, typer.Option(help="How many photos to draw.")] = 25_000,
    base: Annotated[str, typer.Option(help="The network below: a name, with random weights, or a file.")] = "mobilenet",
    preset: Annotated[str, typer.Option(help="Recipe.")] = "fast",
) -> None:
    """Draw, fine-tune, and print seconds and memory by stage."""
    assert RECIPES[Preset(preset)].folds, "only heads of folds are read here"
    with tempfile.TemporaryDirectory() as made:
        began = time.perf_counter()
        photos = draw_photos(Path(made) / "photos", num_images)
        print(f"{num_images:,} photos drawn in {time.perf_counter() - began:.1f} s", flush=True)
        weights = None if base.endswith(".keras") else "random"
        with watched_actors() as actors, open_session(None):
            finetune(
                images=photos, output=Path(made) / "model", preset=preset, base=base, weights=weights, verbose=True
            )
        model = ModelFolder(Path(made) / "model")
        driver_bytes = peak_memory_bytes()
        for title, seconds in (
            stages(model) | {f"{name}, again here": s for name, s in done_again(model).items()}
        ).items():
            print(f"{title:<42}{seconds:>9.1f} s")
        record = model.features.load_record()
        assert record is not None and record.summary is not None
        for title, held in (
            ("driver, to the end of the features", record.summary.driver_memory_bytes),
            ("driver, to its end", driver_bytes),
            ("actor of the features", record.summary.worker_memory_bytes),
            ("actor of the heads", list(actors.values())[-1]),
        ):
            print(f"{title:<42}{held / 1e6:>8.0f} MB")


if __name__ == "__main__":
    typer.run(main)
