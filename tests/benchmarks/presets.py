"""What each preset costs and gives on each engine: seconds and rates of training and scoring, log loss on other photos.

python -m tests.benchmarks.presets --images PHOTOS --others OTHERS --weights FILE --num-images 48

Each preset is trained twice and scores four times. The log loss is as firm as the number of photos allows. Features are
never int8: what int8 scores with was trained in Keras' bfloat16.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from cluster.session import open_session
from jobs.finetune.command import finetune
from jobs.results import Run
from jobs.score.command import score
from scoring.models.model_folder import ModelFolder
from scoring.quality.evaluation import evaluate
from scoring.run.summary import Summary

_PRESETS = "fast,best"
_TRAIN = (("keras", "bfloat16"), ("openvino", "bfloat16"))
_SCORE = (("keras", "float32"), *_TRAIN, ("openvino", "int8"))
_LABELS = ("cat", "dog")
_COLUMNS = ("preset", "step", "engine", "seconds", "images/s", "log loss", "accuracy")

Row = tuple[str, ...]


def main(
    images: Annotated[Path, typer.Option(help="Folder of photos to train on, by Kaggle's names.")],
    others: Annotated[Path, typer.Option(help="Folder of photos to measure on.")],
    weights: Annotated[str, typer.Option(help="Weights file of VGG16's convolutions.")],
    num_images: Annotated[int, typer.Option(help="How many of each folder, as many cats as dogs.")] = 48,
    presets: Annotated[str, typer.Option(help="Which.")] = _PRESETS,
) -> None:
    """Print one row for each training and each scoring."""
    table = Table(*_COLUMNS)
    with open_session(None), tempfile.TemporaryDirectory() as scratch:
        train = _some(images, Path(scratch) / "train", num_images)
        test = _some(others, Path(scratch) / "test", num_images)
        for preset in presets.split(","):
            for row in _measure(preset, train, test, weights, Path(scratch)):
                table.add_row(*row)
                print(*row, sep="\t", flush=True)
    Console().print(table)


def _some(photos: Path, folder: Path, num_images: int) -> Path:
    """Links to the first photos of each label."""
    folder.mkdir()
    for label in _LABELS:
        for path in sorted(photos.glob(f"{label}.*"))[: num_images // len(_LABELS)]:
            (folder / path.name).symlink_to(path.resolve())
    return folder


def _measure(preset: str, train: Path, test: Path, weights: str, scratch: Path) -> Iterator[Row]:
    for engine, precision in _TRAIN:
        model, started = scratch / f"{preset}-{engine}", time.perf_counter()
        trained = finetune(
            images=train, output=model, preset=preset, weights=weights, engine=engine, precision=precision
        )
        seconds = time.perf_counter() - started
        record = ModelFolder(model).features.load_record()
        assert record is not None
        quality = (f"{trained.metrics.log_loss:.4f}", f"{trained.metrics.accuracy:.2%}")
        yield (preset, "train", f"{engine} {precision}", f"{seconds:.1f}", _rate(record.summary), *quality)
    for engine, precision in _SCORE:
        output, started = scratch / f"{preset}-{engine}-{precision}", time.perf_counter()
        run = score(images=test, output=output, model=scratch / f"{preset}-keras", engine=engine, precision=precision)
        seconds = time.perf_counter() - started
        yield (preset, "score", f"{engine} {precision}", f"{seconds:.1f}", _rate(run.summary), *_quality(run))


def _rate(summary: Summary | None) -> str:
    """Images per second, from the end of the first batch on."""
    return f"{summary.steady_images_per_s:.2f}" if summary and summary.steady_images_per_s else "-"


def _quality(run: Run) -> tuple[str, str]:
    rows = run.predictions(["target", "probabilities"])
    truth = np.array([_LABELS.index(target) for target in rows["target"].to_pylist()])
    found = evaluate(np.array(rows["probabilities"].to_pylist(), np.float32), truth)
    return f"{found.log_loss:.4f}", f"{found.accuracy:.2%}"


if __name__ == "__main__":
    typer.run(main)
