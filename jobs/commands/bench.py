"""The options of `shardscore bench`."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.bench import bench
from jobs.bench_request import BenchRequest
from jobs.exit_codes import exit_codes
from jobs.options import (
    IMAGES,
    ModelName,
)
from jobs.terminal import terminal
from scoring.networks.classifiers import VGG16_CATS_DOGS, VGG16_IMAGENET, ModelRequest
from scoring.networks.engines import keras_backend
from scoring.networks.precision import Precision
from scoring.networks.vgg16 import RANDOM_WEIGHTS
from scoring.storage import locate

app = typer.Typer()


@app.command("bench")
def _bench(
    images: Annotated[str | None, typer.Option(help=f"Photos. {IMAGES}  [default: drawn ones]")] = None,
    model: ModelName = VGG16_CATS_DOGS,
    weights: Annotated[
        str | None,
        typer.Option(help="VGG16 weights file, or 'imagenet'.  [default: random for VGG16: as fast as any]"),
    ] = None,
    labels: Annotated[str | None, typer.Option(help="cat,dog in class order.")] = None,
    num_images: Annotated[
        int | None, typer.Option(help="Images scored in each measurement.  [default: 192, or 8192 with a GPU]")
    ] = None,
    rounds: Annotated[int, typer.Option(help="How often all is measured; medians count.")] = BenchRequest.rounds,
    variant: Annotated[
        list[str] | None, typer.Option(help="Such as 'openvino int8'; repeatable.  [default: all that run here]")
    ] = None,
    json_path: Annotated[Path, typer.Option("--json", help="File for every run's figures.")] = BenchRequest.json_path,
) -> None:
    """Measure how close scoring comes to what this machine can do, and store the figures."""
    if model in (VGG16_IMAGENET, VGG16_CATS_DOGS):
        weights = None if weights == "imagenet" else weights or RANDOM_WEIGHTS
    request = ModelRequest(model, weights, labels, Precision.FLOAT32, keras_backend())
    with exit_codes():
        photos = locate(images) if images else None
        bench(BenchRequest(request, photos, num_images, rounds, tuple(variant or ()), json_path), terminal())
