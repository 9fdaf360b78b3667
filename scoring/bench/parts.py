"""The figures that a whole run's time is worked out from, each with its source."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from scoring.bench.results import VGG16_FLOPS
from scoring.errors import RequestError
from scoring.networks.engines import EngineName

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
        on_gpu: Whether decoding leaves the network its device.
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
    on_gpu: bool = True

    def named(self) -> dict[str, Part]:
        """Every figure by its name."""
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in values if isinstance(value, Part)}


# An L4 with eight cores: the worker of cluster/launcher/aws.yaml.
GPU_PARTS: dict[str, Part] = {
    "forward_images_per_s": Part(0.5 * _L4_FLOPS / VGG16_FLOPS, "half of an L4's data sheet, 121 TFLOP/s", True),
    "cores": Part(8, "cluster/launcher/aws.yaml: g6.2xlarge, one L4", True),
    "process_images_per_s": Part(1_885, "2 cores, pictures of 32 x 32: tests/benchmarks/gpu.py", True),
    "image_bytes": Part(22_256, "600 photos of Kaggle's Dogs vs. Cats, their mean", True),
    # docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-network-bandwidth.html, read in November 2026
    "read_bytes_per_s": Part(5e9 / 8, "5 Gbit/s: Amazon EC2 with fewer than 32 cores, through a gateway", True),
    # docs.aws.amazon.com/AmazonS3/latest/dev/request-rate-perf-considerations.html, read in November 2026
    "reads_per_s": Part(5_500, "Amazon S3, at least, for each prefix; one prefix", True),
    "writes_per_s": Part(3_500, "Amazon S3, at least, for each prefix; one prefix", True),
    "list_s": Part(26e-6, "README: a million images from S3 in 26 s"),
    "start_s": Part(12, "2 cores without a GPU, cold, less the images; nodes are there", True),
    "open_s": Part(4.4e-6, "2 cores: 0.017 s for a manifest of 3,907 shards"),
    "driver_shards_per_s": Part(1_523, "README: 2 cores, 10,000 shards through the pool"),
}
_NO_LIMIT = Part(float("inf"), "this machine's own disk")
# Photos beside the worker, on a disk that is faster than two cores.
_LOCAL_PARTS: dict[str, Part] = {
    **dict.fromkeys(("read_bytes_per_s", "reads_per_s", "writes_per_s"), _NO_LIMIT),
    "list_s": Part(31e-6, "README: a million images from a folder in 31 s"),
}


def measured_parts(record: Mapping[str, Any], variant: str | None) -> Parts:
    """The parts of the worker that a bench has measured, and assumptions for the others.

    Args:
        record: What `bench` stored.
        variant: Such as `openvino int8`; None takes Keras' fastest.

    Raises:
        RequestError: If the record lacks what it must have.
    """
    try:
        on_gpu = record["worker"]["num_gpus"] > 0
        row = _variant_row(record["variants"], variant)
        source = "bench, " + (record["machine"]["gpus"][0] if on_gpu else record["machine"]["processor"])
        decode_rate, cores = record["decode_images_per_s_per_core"]["median"], record["worker"]["num_cpus"]
        known = {
            "forward_images_per_s": Part(row["forward_images_per_s"], f"{source}, {_name(row)}"),
            "decode_images_per_s": Part(decode_rate, source),
            "cores": Part(cores, source),
        }
        if "process_images_per_s" in record:
            known["process_images_per_s"] = Part(record["process_images_per_s"], source)
        if "cold_s" in row:
            seconds = max(0.0, row["cold_s"] - record["cold_images"] / row["forward_images_per_s"])
            known["start_s"] = Part(seconds, f"{source}: a cold command less its images")
    except (KeyError, IndexError, TypeError) as error:
        raise RequestError(f"Expected --json to be a file that bench wrote; it lacks {error}.") from error
    return Parts(**{**GPU_PARTS, **({} if on_gpu else _LOCAL_PARTS), **known}, on_gpu=on_gpu)


def _variant_row(rows: list[dict[str, Any]], variant: str | None) -> dict[str, Any]:
    wanted = [row for row in rows if _name(row) == variant] if variant else rows
    if not variant:
        wanted = [row for row in rows if row["variant"]["engine"] == EngineName.KERAS] or rows
    if not wanted:
        raise RequestError(f"Expected --variant that --json has; received {variant!r}, it has {_names(rows)}.")
    return max(wanted, key=lambda row: float(row["forward_images_per_s"]))


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['variant']['engine']} {row['variant']['precision']}"


def _names(rows: list[dict[str, Any]]) -> str:
    return ", ".join(_name(row) for row in rows)
