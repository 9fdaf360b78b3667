"""What a run of any size would take: `shardscore bench --simulate`, in seconds and without a model or Ray.

    shardscore bench --simulate --gpu-price 1.00
    shardscore bench --simulate --images s3://bucket/photos --json shardscore-bench.json

Figures come from what an earlier `bench` stored, or else from the measurements that come with shardscore; decoding is
measured here where neither has it, and the rest is assumed. The second table says which is which, with the file and the
day; the options set most of them.
"""

from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import mean
from typing import Any

from rich.console import Console

from jobs.bench.request import BenchRequest
from jobs.bench.table import print_estimates, print_listing, print_parts
from scoring.bench.bare_rates import DecodeRate
from scoring.bench.parts import BUCKET_LIST_S, GPU_PARTS, Part, Parts, assumed_forward, measured_parts
from scoring.bench.photos import gather_photos, scratch_folder
from scoring.bench.record import load_figures
from scoring.bench.scale import Estimate, estimate
from scoring.errors import RequestError
from scoring.models.model_request import ModelRequest
from scoring.pixels.decoding import Resize
from scoring.pixels.input_shape import size_text
from scoring.shards.settings import ScorerSettings
from scoring.sources.inputs import check_images, find_images, is_table
from scoring.storage.locations import Location

_SIZES = (1_000_000, 100_000_000, 1_000_000_000)  # a large archive, a very large one, a crawl
_GPUS = (1, 8, 1000)
_NUM_DECODED = 64
_LEAST_DECODED = 8
_SIZED = 10_000
_SMALLEST, _LARGEST = 1e-9, 1e15  # figures that can be multiplied and divided by one another


@dataclass(frozen=True)
class SimulateRequest:
    """What is to be worked out. None leaves a figure to measurements and assumptions.

    Attributes:
        model: The model whose speed is estimated.
        images: The collection meant: its number and size count, and some of it is decoded.
        num_images: How many images the collection has.
        variant: The name of one that the bench measured.
        json_path: What an earlier bench stored; the default name need not exist.
        gpu_images_per_s: The network alone, on one GPU.
        cores_per_gpu: Cores beside each GPU.
        gpu_price: What one GPU with its cores costs for an hour, in any currency.
        reads_per_s: Images that the storage hands out in a second, to all actors together.
        shard_size: Images per shard.
    """

    model: ModelRequest
    images: Location | None = None
    num_images: int | None = None
    variant: str | None = None
    json_path: Path = BenchRequest.json_path
    gpu_images_per_s: float | None = None
    cores_per_gpu: float | None = None
    gpu_price: float | None = None
    reads_per_s: float | None = None
    shard_size: int | None = None

    def check(self) -> None:
        """Raise what can be told before anything is read."""
        for option in ("num_images", "gpu_images_per_s", "cores_per_gpu", "gpu_price", "reads_per_s", "shard_size"):
            value = getattr(self, option)
            least = 1 if option in ("num_images", "shard_size") else _SMALLEST
            if value is not None and not least <= value <= _LARGEST:
                raise RequestError(f"Expected `{option}` from {least:g} to {_LARGEST:g}; received {value:g}.")
        if self.json_path != BenchRequest.json_path and not self.json_path.is_file():
            raise RequestError(f"Expected `json` to be a file that bench wrote; {self.json_path} does not exist.")
        if self.variant is not None and not self.json_path.is_file():
            raise RequestError(
                f"Expected what bench measured of `variant` {self.variant} in `json`; {self.json_path} does not exist. "
                "Run bench without `simulate` first, or leave `variant` out."
            )
        if self.images is not None:
            check_images(self.images)


def run_simulation(request: SimulateRequest, console: Console) -> list[Estimate]:
    """Work out the runs, and print them with the figures that they come from.

    Raises:
        RequestError: If the request makes no sense.
        ImagesError: If the collection has no photos to measure with.
    """
    request.check()
    here = _measured(request)
    given = _given(request)
    sizes = (request.num_images,) if request.num_images else _SIZES
    if request.images is not None:
        listing = find_images(request.images).images
        sizes = (request.num_images or len(listing),)
        if not is_table(request.images):
            given["list_s"] = BUCKET_LIST_S
        sizes_bytes = [image.size_bytes for image in islice(listing, _SIZED) if image.size_bytes]
        if sizes_bytes:  # a table of paths or of bytes has none
            given["image_bytes"] = Part(mean(sizes_bytes), str(request.images))
    gpu = _gpu_parts(request, here, given)
    estimates = [estimate(gpu, size, gpus, request.shard_size) for size in sizes for gpus in _GPUS]
    print_estimates(console, "on GPUs", gpu, estimates, request.gpu_price)
    if "list_s" not in given:
        print_listing(console, BUCKET_LIST_S.value, sizes)
    print_parts(console, "one GPU with its cores, the driver and the storage", gpu)
    if here is not None and not here.on_gpu:
        on_this = [estimate(here, size, 1, request.shard_size) for size in sizes]
        print_estimates(console, "on this machine, without a GPU", here, on_this, None)
        print_parts(console, "this machine", here)
        estimates += on_this
    return estimates


def _measured(request: SimulateRequest) -> Parts | None:
    """The worker that an earlier bench measured, if there was one."""
    if not request.json_path.is_file():
        return None
    figures = load_figures(request.json_path)
    if figures.model != request.model.model:
        raise RequestError(
            f"Expected figures of `model` {request.model.model}; {request.json_path} has {figures.model}."
        )
    if figures.size != request.model.size:
        raise RequestError(
            f"Expected figures of the `size` that is asked for, {_size(request.model.size)}; {request.json_path} has "
            f"those of {_size(figures.size)}. Measure with that `size` first, or name another file as `json`."
        )
    return measured_parts(figures, request.variant)


def _size(size: tuple[int, int] | None) -> str:
    return "the model's own" if size is None else size_text(size)


def _gpu_parts(request: SimulateRequest, here: Parts | None, given: dict[str, Any]) -> Parts:
    """A GPU's parts: measured by a bench where it had one, else assumed; what the user says comes first."""
    if here is not None and here.on_gpu:
        return replace(here, **given)
    known: dict[str, Any] = dict(GPU_PARTS)
    if here is not None:
        known["decode_images_per_s"] = here.decode_images_per_s
        known["start_s"] = replace(here.start_s, source=f"{here.start_s.source}, no GPU", assumed=True)
    else:
        known["decode_images_per_s"] = _decode_rate(request)
    if "forward_images_per_s" not in given:
        flops = request.model.kind.flops_per_image
        if flops is None:
            raise RequestError(
                f"Expected `gpu_images_per_s` with `model` {request.model.model}: only VGG16's is known."
            )
        known["forward_images_per_s"] = assumed_forward(flops)
    return Parts(**{**known, **given})


def _given(request: SimulateRequest) -> dict[str, Any]:
    """The figures that the user gave."""
    named = {
        "forward_images_per_s": ("gpu_images_per_s", request.gpu_images_per_s),
        "cores": ("cores_per_gpu", request.cores_per_gpu),
        "reads_per_s": ("reads_per_s", request.reads_per_s),
    }
    return {name: Part(value, f"`{field}`") for name, (field, value) in named.items() if value is not None}


def _decode_rate(request: SimulateRequest) -> Part:
    """Decode some photos of the collection, or drawn ones, on one core here."""
    with scratch_folder("shardscore-simulate-") as scratch:
        photos = gather_photos(request.images, scratch / "photos", _NUM_DECODED, _LEAST_DECODED)
        resize = request.model.resize_mode or Resize.SQUASH
        settings = ScorerSettings(photos, scratch, request.model, resize, batch_size=1, decode_threads=1)
        rate = DecodeRate(settings)(_NUM_DECODED)
    if request.images is None:
        return Part(rate, "drawn photos, now on this machine; real ones take longer: `images`", True)
    return Part(rate, f"now on this machine, {request.images}")
