"""The figures that a whole run's time is worked out from, each with its source."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from scoring.bench.record import BenchFigures, MeasuredVariant
from scoring.bench.stored import stored_measurements
from scoring.errors import RequestError

_L4_FLOPS = 121e12  # bfloat16 without sparsity; NVIDIA L4 data sheet: 242 TFLOPS "with sparsity", half of it without


@dataclass(frozen=True)
class Part:
    """One figure.

    Attributes:
        value: The number, in the unit that its name says.
        source: Where it was measured, or who publishes it.
        assumed: Whether it was not measured for what is estimated.
    """

    value: float
    source: str
    assumed: bool = False


@dataclass(frozen=True)
class Parts:
    """What a run is made of. A worker is a GPU with its cores, or a machine without one.

    Attributes:
        forward_images_per_s: The network of one worker, alone.
        decode_images_per_s: Images that one core decodes.
        cores: Cores of one worker.
        process_images_per_s: Images that one worker's process passes on, however small they are: Python runs one of its
            threads at a time.
        image_bytes: Mean size of an encoded image.
        read_bytes_per_s: Bytes that one worker's network brings.
        reads_per_s: Images that the storage hands out, all workers together.
        writes_per_s: Files that the storage takes, all workers together.
        list_s: Seconds for each image until it stands in the manifest; one process lists.
        start_s: Seconds from the command to a worker's first batch.
        open_s: Seconds for each shard until a worker has read the manifest's end.
        driver_shards_per_s: Shards that the driver hands out and takes back.
        verify_shard_s: Seconds for each shard until the driver has read it again at the end.
        verify_s: Seconds for each image of it, beside that.
        on_gpu: Whether the network runs on a GPU, so that decoding does not share its cores.
    """

    forward_images_per_s: Part
    decode_images_per_s: Part
    cores: Part
    process_images_per_s: Part
    image_bytes: Part
    read_bytes_per_s: Part
    reads_per_s: Part
    writes_per_s: Part
    list_s: Part
    start_s: Part
    open_s: Part
    driver_shards_per_s: Part
    verify_shard_s: Part
    verify_s: Part
    on_gpu: bool = True

    def named(self) -> dict[str, Part]:
        """Every figure by its name."""
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in values if isinstance(value, Part)}


def _stored(name: str, assumed: bool = False) -> Part:
    """A figure that was measured on our machine; `assumed` says that the estimated worker may have another."""
    measured = stored_measurements()[name]
    return Part(measured.value, str(measured), assumed)


# An L4 with eight cores: the worker of cluster/launcher/aws.yaml. What depends on the model and the images is not here.
GPU_PARTS: dict[str, Part] = {
    "cores": Part(8, "cluster/launcher/aws.yaml: g6.2xlarge, one L4", True),
    **{name: _stored(name, assumed=True) for name in ("process_images_per_s", "image_bytes", "start_s")},
    # docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-network-bandwidth.html, read in November 2026
    "read_bytes_per_s": Part(5e9 / 8, "5 Gbit/s: Amazon EC2 with fewer than 32 cores, through a gateway", True),
    # docs.aws.amazon.com/AmazonS3/latest/dev/request-rate-perf-considerations.html, read in November 2026
    "reads_per_s": Part(5_500, "Amazon S3, at least, for each prefix; one prefix", True),
    "writes_per_s": Part(3_500, "Amazon S3, at least, for each prefix; one prefix", True),
    "list_s": _stored("list_table_s"),
    **{name: _stored(name) for name in ("open_s", "driver_shards_per_s", "verify_shard_s", "verify_s")},
}
# The same of a bucket that is listed itself.
BUCKET_LIST_S = _stored("list_bucket_s")
_NO_LIMIT = Part(float("inf"), "this machine's own disk")
# Photos beside the worker, on a disk that is faster than two cores.
_LOCAL_PARTS: dict[str, Part] = {
    **dict.fromkeys(("read_bytes_per_s", "reads_per_s", "writes_per_s"), _NO_LIMIT),
    "list_s": _stored("list_folder_s"),
}


def assumed_forward(flops_per_image: float) -> Part:
    """A network on an L4, at half of what its data sheet promises."""
    return Part(0.5 * _L4_FLOPS / flops_per_image, "half of an L4's data sheet, 121 TFLOP/s", True)


def measured_parts(figures: BenchFigures, variant: str | None) -> Parts:
    """The parts of the worker that a bench has measured, and assumptions for the others.

    Args:
        figures: What `bench` stored.
        variant: Such as `openvino int8`; None takes Keras' fastest.

    Raises:
        RequestError: If there is no such variant.
    """
    measured, source = _choose(figures.variants, variant), f"{figures.stored}, {figures.device}"
    known = {
        "forward_images_per_s": Part(measured.forward_images_per_s, f"{source}, {measured.name}"),
        "decode_images_per_s": Part(figures.decode_images_per_s, source),
        "cores": Part(figures.worker.num_cpus, source),
    }
    if figures.process_images_per_s is not None:
        known["process_images_per_s"] = Part(figures.process_images_per_s, source)
    if measured.cold_s is not None and figures.cold_images is not None:
        start_s = max(0.0, measured.cold_s - figures.cold_images / measured.forward_images_per_s)
        known["start_s"] = Part(start_s, f"{source}: a cold command less its images")
    on_gpu = figures.worker.num_gpus > 0
    return Parts(**{**GPU_PARTS, **({} if on_gpu else _LOCAL_PARTS), **known}, on_gpu=on_gpu)


def _choose(variants: Sequence[MeasuredVariant], name: str | None) -> MeasuredVariant:
    if name is None:
        wanted = [one for one in variants if one.is_keras] or variants
    else:
        wanted = [one for one in variants if one.name == name]
    if not wanted:
        names = ", ".join(one.name for one in variants)
        raise RequestError(f"Expected `variant` that `json` has; received {name!r}, it has {names}.")
    return max(wanted, key=lambda one: one.forward_images_per_s)
