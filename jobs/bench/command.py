"""`shardscore bench`: measure this machine, or estimate runs on others."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from jobs.bench.job import run_bench
from jobs.bench.request import BenchRequest
from jobs.bench.simulate import SimulateRequest, run_simulation
from jobs.console.arguments import checked
from jobs.console.commands import command
from jobs.console.outputs import file_word
from jobs.console.places import PlaceWord, here, place
from jobs.score.model_options import VGG16_CATS_DOGS, OutputMeaning, PixelScale, model_request
from scoring.errors import RequestError
from scoring.networks.vgg16 import RANDOM_WEIGHTS


@checked
def _bench(
    *,
    images: PlaceWord | None = None,
    model: str | Path = VGG16_CATS_DOGS,
    weights: str | Path | None = None,
    labels: str | Path | None = None,
    outputs: OutputMeaning | None = None,
    output_name: str | None = None,
    size: str | None = None,
    pixels: PixelScale | None = None,
    num_images: int | None = None,
    rounds: int = BenchRequest.rounds,
    variant: Sequence[str] | None = None,
    json: PlaceWord = BenchRequest.json_path,
    simulate: bool = False,
    gpu_images_per_s: float | None = None,
    cores_per_gpu: float | None = None,
    gpu_price: float | None = None,
    reads_per_s: float | None = None,
    shard_size: int | None = None,
    verbose: Console,
) -> None:
    """Measure how close scoring comes to what this machine can do, and store the figures.

    Args:
        images: Photos: folder, .zip, .tar or x-{000..012}.tar, .parquet table; a path, s3://, gs:// or az://; by
            default drawn ones.
        model: vgg16-imagenet, vgg16-cats-dogs, another classifier of keras.applications, a .keras classifier with
            `labels`, or a folder of finetune.
        weights: Weights file, or 'imagenet'; by default random for published networks, which takes the same time.
        labels: cat,dog in class order.
        outputs: What a .keras file gives; by default by its last layer.
        output_name: Which of its outputs to take; by default the only one.
        size: Pixels where a .keras file leaves them open: 320, or 240x320 for height x width; by default 224.
        pixels: What a .keras file without preprocessing was trained on, by default 0..255.
        num_images: Images scored in each measurement; by default 192, or 8192 with a GPU.
        rounds: Number of times that everything is measured; the table shows medians.
        variant: Such as 'openvino int8'; repeatable; by default all that run here.
        json: File for every run's figures.
        simulate: Estimate time and cost on 1, 8 and 1,000 GPUs instead, from `json` if there.
        gpu_images_per_s: With `simulate`: speed of the network alone on a GPU; by default that assumed of an L4.
        cores_per_gpu: With `simulate`: cores beside each GPU; by default 8.
        gpu_price: With `simulate`: price of a GPU and its cores for an hour; by default no cost is shown.
        reads_per_s: With `simulate`: images that the storage delivers in a second; by default 5500, as one S3 prefix.
        shard_size: With `simulate`: images per shard; by default as in score.
        verbose: Where to print.
    """
    request = model_request(
        model, weights=weights, labels=labels, outputs=outputs, output_name=output_name, size=size, pixels=pixels
    )
    if request.kind.has_published_weights:
        request = replace(request, weights=None if request.weights == "imagenet" else request.weights or RANDOM_WEIGHTS)
    photos = None if images is None else place(images, "images")
    figures_file = here(file_word(json, "json"), "json")
    figures = (gpu_images_per_s, cores_per_gpu, gpu_price, reads_per_s, shard_size)
    if simulate:
        chosen = _simulated(variant or (), rounds)
        run_simulation(SimulateRequest(request, photos, num_images, chosen, figures_file, *figures), verbose)
        return
    if any(figure is not None for figure in figures):
        raise RequestError(
            "`gpu_images_per_s`, `cores_per_gpu`, `gpu_price`, `reads_per_s` and `shard_size` belong to `simulate`. "
            "Add it, or leave them out."
        )
    run_bench(BenchRequest(request, photos, num_images, rounds, tuple(variant or ()), figures_file), verbose)


def _simulated(variants: Sequence[str], rounds: int) -> str | None:
    """The one variant that estimates are of, or None; what is said of measuring would be left out in silence."""
    if rounds != BenchRequest.rounds:
        raise RequestError("`rounds` belongs to measuring, and `simulate` measures nothing. Leave one of them out.")
    if len(variants) > 1:
        raise RequestError(f"Expected one `variant` with `simulate`; received {', '.join(variants)}. Name one.")
    return variants[0] if variants else None


_EXAMPLES = (
    "bench --images photos/",
    "bench --simulate --num-images 1000000",
)

app = command("bench", _bench, examples=_EXAMPLES, is_result_printed=lambda options: options["simulate"])
