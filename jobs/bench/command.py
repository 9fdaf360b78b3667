"""The options of `shardscore bench`."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from jobs.bench.job import bench
from jobs.bench.request import BenchRequest
from jobs.bench.simulate import SimulateRequest, simulate
from jobs.console.exit_codes import exit_codes
from jobs.console.options import IMAGES, ModelName
from jobs.console.terminal import terminal
from scoring.errors import RequestError
from scoring.models.kinds import VGG16_CATS_DOGS
from scoring.models.model_request import ModelRequest
from scoring.networks.engines import keras_backend
from scoring.networks.precision import Precision
from scoring.networks.vgg16 import RANDOM_WEIGHTS
from scoring.storage.locations import locate

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
    simulate_runs: Annotated[
        bool,
        typer.Option("--simulate", help="Estimate time and cost on 1, 8 and 1,000 GPUs instead, from --json if there."),
    ] = False,
    gpu_images_per_s: Annotated[
        float | None, typer.Option(help="With --simulate: the network alone on a GPU.  [default: an L4, assumed]")
    ] = None,
    cores_per_gpu: Annotated[float | None, typer.Option(help="With --simulate.  [default: 8]")] = None,
    gpu_price: Annotated[
        float | None, typer.Option(help="With --simulate: of a GPU and its cores for an hour.  [default: no cost]")
    ] = None,
    reads_per_s: Annotated[
        float | None, typer.Option(help="With --simulate: images the storage hands out.  [default: 5500, an S3 prefix]")
    ] = None,
    shard_size: Annotated[int | None, typer.Option(help="With --simulate.  [default: as score]")] = None,
) -> None:
    """Measure how close scoring comes to what this machine can do, and store the figures."""
    request = ModelRequest(model, weights, labels, Precision.FLOAT32, keras_backend())
    with exit_codes():
        if request.kind.has_published_weights:
            request = replace(request, weights=None if weights == "imagenet" else weights or RANDOM_WEIGHTS)
        photos = locate(images) if images else None
        figures = (gpu_images_per_s, cores_per_gpu, gpu_price, reads_per_s, shard_size)
        if simulate_runs:
            chosen = variant[-1] if variant else None
            simulate(SimulateRequest(request, photos, num_images, chosen, json_path, *figures), terminal())
            return
        if any(figure is not None for figure in figures):
            raise RequestError(
                "--gpu-images-per-s, --cores-per-gpu, --gpu-price, --reads-per-s and --shard-size "
                "belong to --simulate. Add it, or leave them out."
            )
        bench(BenchRequest(request, photos, num_images, rounds, tuple(variant or ()), json_path), terminal())
