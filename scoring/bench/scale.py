"""How long a run of any size takes on any number of workers, worked out from measured parts, and what bounds it."""

from dataclasses import dataclass
from enum import StrEnum

from scoring.bench.parts import Parts
from scoring.run.manifest import default_shard_size


class Bottleneck(StrEnum):
    """What bounds a run's time."""

    LISTING = "listing"
    START = "start-up"
    FORWARD = "network"
    DECODE = "decoding"
    PROCESS = "Python"
    BANDWIDTH = "bandwidth"
    READS = "reads"
    WRITES = "writes"
    DRIVER = "driver"
    TAIL = "tail"
    VERIFY = "verification"


REMEDIES = {
    Bottleneck.LISTING: "a table of the images, as S3 Inventory writes it, or several runs that start together",
    Bottleneck.START: "nothing to buy: the job is small, and fewer actors do it as fast",
    Bottleneck.FORWARD: "more or faster GPUs",
    Bottleneck.DECODE: "more cores for each GPU, or smaller images",
    Bottleneck.PROCESS: "more actors for each GPU, each with its own process: `gpus_per_actor` 0.5",
    Bottleneck.BANDWIDTH: "a faster network for each actor, or smaller images",
    Bottleneck.READS: "storage that answers more reads: images over more prefixes of a bucket, or disks",
    Bottleneck.WRITES: "a larger `shard_size`",
    Bottleneck.DRIVER: "a larger `shard_size`",
    Bottleneck.TAIL: "a smaller `shard_size`, or fewer actors",
    Bottleneck.VERIFY: "a larger `shard_size`: one process reads all shards again",
}


@dataclass(frozen=True)
class Estimate:
    """The estimate of one run.

    Attributes:
        num_images: Images of the collection.
        num_workers: GPUs, or machines without one.
        num_shards: Tasks that the images are divided into.
        shard_size: Images of each.
        setup_s: Seconds until the first shard can be scored: listing beside start-up, then reading the manifest.
        score_s: Seconds for all shards, if they could be shared evenly among all workers.
        tail_s: Seconds for which workers that have no shard left wait for those that have.
        verify_s: Seconds until the driver has read every shard again.
        bottleneck: What takes the most of that time.
    """

    num_images: int
    num_workers: int
    num_shards: int
    shard_size: int
    setup_s: float
    score_s: float
    tail_s: float
    verify_s: float
    bottleneck: Bottleneck

    @property
    def wall_s(self) -> float:
        """Seconds from the command to its end."""
        return self.setup_s + self.score_s + self.tail_s + self.verify_s

    @property
    def images_per_s(self) -> float:
        """Images per second while shards are scored."""
        return self.num_images / self.score_s

    @property
    def worker_hours(self) -> float:
        """Hours for which workers are held, whatever they do."""
        return self.num_workers * self.wall_s / 3600


def estimate(parts: Parts, num_images: int, num_workers: int, shard_size: int | None = None) -> Estimate:
    """Work out a run.

    Listing and start-up go on side by side. Then every stage works at once on different images, so the slowest decides.
    Shards are alike; a worker has one at a time, the next one read ahead.

    Args:
        parts: Figures of one worker, the driver and the storage.
        num_images: Images of the collection, at least 1.
        num_workers: Workers that share them, at least 1.
        shard_size: Images per shard; None as `score` chooses it.
    """
    size = shard_size or default_shard_size(num_images)
    num_shards = -(-num_images // size)
    rates = stage_rates(parts, num_workers, size)
    stage = min(rates, key=lambda name: rates[name])
    list_s, start_s = parts.list_s.value * num_images, parts.start_s.value
    setup_s = max(list_s, start_s) + parts.open_s.value * num_shards
    score_s = num_images / rates[stage]
    # Shards go round by round: the last round keeps some workers only, for as long as the earlier ones kept all.
    active = min(num_workers, num_shards)
    rounds_s = (
        -(-num_shards // active) * active * min(size, num_images) / min(stage_rates(parts, active, size).values())
    )
    tail_s = rounds_s - score_s
    verify_s = parts.verify_shard_s.value * num_shards + parts.verify_s.value * num_images
    seconds = {Bottleneck.LISTING if list_s > start_s else Bottleneck.START: setup_s, stage: score_s}
    seconds |= {Bottleneck.TAIL: tail_s, Bottleneck.VERIFY: verify_s}
    bottleneck = max(seconds, key=lambda name: seconds[name])
    return Estimate(num_images, num_workers, num_shards, size, setup_s, score_s, tail_s, verify_s, bottleneck)


def stage_rates(parts: Parts, num_workers: int, shard_size: int) -> dict[Bottleneck, float]:
    """Images per second that each stage would allow if it were the only one.

    Without a GPU, network and decoding share the cores: their seconds per image add up.
    """
    decode = parts.decode_images_per_s.value * parts.cores.value
    forward = parts.forward_images_per_s.value
    if not parts.on_gpu:
        forward = 1 / (1 / forward + 1 / decode)
    return {
        Bottleneck.FORWARD: num_workers * forward,
        Bottleneck.DECODE: num_workers * decode,
        Bottleneck.PROCESS: num_workers * parts.process_images_per_s.value,
        Bottleneck.BANDWIDTH: num_workers * parts.read_bytes_per_s.value / parts.image_bytes.value,
        Bottleneck.READS: parts.reads_per_s.value,
        Bottleneck.WRITES: parts.writes_per_s.value * shard_size,
        Bottleneck.DRIVER: parts.driver_shards_per_s.value * shard_size,
    }
