"""One invocation in numbers, as `run.json` holds it."""

from dataclasses import dataclass

# What each value of `Summary.bound_by` means, and what helps against it.
BOUND_BY = {
    "score": "the model: more or faster devices",
    "decode": "decoding: more `cpus_per_actor`",
    "read": "reading: faster storage",
    "write": "writing: faster storage, or a larger `shard_size`",
    "start": "starting: Ray, libraries and the model; more images take little longer",
    "nothing": "nothing was left to score",
}
_BY_CHANCE = 0.01  # of labelled images; so few may have the name and size of a photo trained on without being it


@dataclass(frozen=True)
class OneAnswer:
    """What nearly all images that were looked at got, which speaks against the model or the pixels that it was given.

    Attributes:
        label: The label of each.
        probability: The median one.
        share: The part of those looked at that got it, 0 to 1.
        num_images: How many were looked at.
    """

    label: str
    probability: float
    share: float
    num_images: int


@dataclass(frozen=True)
class Summary:
    """One invocation in numbers. Rates are images per second, times seconds added over all workers.

    Attributes:
        num_images: Rows in the run folder.
        num_errors: Rows with `status="error"` among them.
        num_scored: Images scored by this invocation; the others were there already.
        num_labelled: Readable rows whose target the model knows; 0 where several labels may be true of an image.
        num_right: Those of them whose label is their target.
        images_per_s: Cold: images read and scored over wall time from command to summary.
        steady_images_per_s: Added over workers, each from the end of its first batch on; None if there was only one.
        wall_s: Wall time from command to summary.
        read_s: Reading bytes.
        decode_s: Decoding and resizing.
        wait_s: Models waited for pixels.
        score_s: Models worked.
        write_s: Writing, syncing and renaming shards.
        num_lost_workers: Workers that died or hung.
        num_repeats: How often a shard was scored again, after a loss or as a copy at the end of the run.
        bound_by: The stage that held the job up: score, read, decode, write, start or nothing.
        worker_memory_bytes: The most that any worker's process held, without those that decode for it, of 50 MB each.
        driver_memory_bytes: The most that the driver's process held.
        num_changed: Images whose contents had changed since they were scored, and were scored again: by this invocation
            or by those before it that did not come to a summary.
        one_answer: What nearly all images got; None where answers differ.
        batch_sizes: Images per forward pass; several where workers found different ones fastest.
        num_unknown: Readable rows with a target that the model does not know, or has more than once, as ImageNet's
            `crane`; they count neither as right nor as wrong.
        unknown_labels: The first of these targets, at most 5.
        unused_gpu: What is to be told of a GPU that the first worker was given and that Keras did not find.
        num_unlabelled: Readable rows without a target, where labels were told.
        num_learned: Readable rows with a target of images that the model was trained on, as far as that is known.
        num_alike: Readable rows with a target of others that have the names and sizes of photos it was trained on.
        learned_fault: What kept these from being known; empty where nothing did.
    """

    num_images: int
    num_errors: int
    num_scored: int
    num_labelled: int
    num_right: int
    images_per_s: float
    steady_images_per_s: float | None
    wall_s: float
    read_s: float
    decode_s: float
    wait_s: float
    score_s: float
    write_s: float
    num_lost_workers: int
    num_repeats: int
    bound_by: str
    worker_memory_bytes: int = 0
    driver_memory_bytes: int = 0
    num_changed: int = 0
    one_answer: OneAnswer | None = None
    batch_sizes: tuple[int, ...] = ()
    num_unknown: int = 0
    unknown_labels: tuple[str, ...] = ()
    unused_gpu: str | None = None
    num_unlabelled: int = 0
    num_learned: int = 0
    num_alike: int = 0
    learned_fault: str = ""

    @property
    def warning_of_learned(self) -> str | None:
        """What to say where the model was trained on labelled images, or may have been; None where nothing tells."""
        if self.learned_fault:
            return f"whether the model was trained on some of the labelled images is not known: {self.learned_fault}"
        said = []
        if self.num_learned:
            images = f"{self.num_learned:,} of the labelled images"
            said.append(f"the model was trained on {images}: what is measured on them is too good")
        if self.num_alike > _BY_CHANCE * self.num_labelled:
            said.append(
                f"{self.num_alike:,} {'more' if said else 'of the labelled images'} have the names and sizes of photos "
                "that the model was trained on: if they are copies, what is measured on them is too good"
            )
        return "; ".join(said) or None
