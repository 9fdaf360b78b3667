"""Where a shard's seconds go: measured by the worker that scores it, reported to the driver."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from scoring.process.import_clock import imported_at
from scoring.process.memory import peak_memory_bytes
from scoring.process.steady_time import steady_time
from scoring.run.predictions import ScoredImage


@dataclass(frozen=True)
class ShardReport:
    """What one shard took. Names in `_s` are seconds; names in `_at` are seconds since the epoch; see `steady_time`.

    Attributes:
        shard_id: Which shard.
        num_images: Rows written.
        num_errors: Rows with `status="error"` among them.
        read_s: Reading bytes, added over the decode threads.
        decode_s: Decoding and resizing, added over the decode threads.
        wait_s: The model waited for pixels.
        score_s: The model worked.
        write_s: Writing, syncing and renaming the shard's file.
        warmed_up_at: When the first batch was done: compilation lies before.
        num_warm_images: Images that were read, and scored after that.
        finished_at: When the shard's file was in place.
        digest: SHA-256 of the shard's file.
        peak_memory_bytes: The most that the worker's process had held by then.
        batch_size: Images per forward pass.
        imported_at: When the worker had imported the libraries that run its network; 0 for none.
        shortfall: Which could not be read of the images that were tried, if they are half of them, or more.
        rows: Of an early shard, which is not written yet, the rows that `hold` made; None of all others.
    """

    shard_id: int
    num_images: int
    num_errors: int
    read_s: float
    decode_s: float
    wait_s: float
    score_s: float
    write_s: float
    warmed_up_at: float
    num_warm_images: int
    finished_at: float
    digest: str = ""
    peak_memory_bytes: int = 0
    batch_size: int = 0
    imported_at: float = 0.0
    shortfall: str | None = None
    rows: bytes | None = None

    @property
    def num_read(self) -> int:
        """Rows of images that the model had."""
        return self.num_images - self.num_errors


class Stopwatch:
    """Adds up where one shard's seconds go, as its batches pass."""

    def __init__(self) -> None:
        self._read_s = self._decode_s = self._wait_s = self._score_s = 0.0
        self._warmed_up_at, self._num_warm_images = 0.0, 0
        self._mark = 0.0

    def start(self) -> None:
        """The model is free for this shard."""
        self._mark = time.perf_counter()

    def waited(self, read_s: float, decode_s: float) -> None:
        """A batch is decoded, which took so long, added over the decode threads."""
        self._wait_s += self._lap()
        self._read_s += read_s
        self._decode_s += decode_s

    def begun(self) -> None:
        """A batch is handed to the model, which may have computed it meanwhile."""
        self._score_s += self._lap()

    def scored(self, num_images: int) -> None:
        """A batch has passed the model, or was spared it, and so many of its images were read."""
        self._score_s += self._lap()
        if not self._warmed_up_at:
            self._warmed_up_at = steady_time()
        else:
            self._num_warm_images += num_images

    def report(
        self, shard_id: int, rows: Sequence[ScoredImage], digest: str, write_s: float, batch_size: int
    ) -> ShardReport:
        """The shard is written: what it took."""
        return ShardReport(
            shard_id=shard_id,
            num_images=len(rows),
            num_errors=sum(scored.outputs is None for scored in rows),
            read_s=self._read_s,
            decode_s=self._decode_s,
            wait_s=self._wait_s,
            score_s=self._score_s,
            write_s=write_s,
            warmed_up_at=self._warmed_up_at,
            num_warm_images=min(self._num_warm_images, len(rows)),
            finished_at=steady_time(),
            digest=digest,
            peak_memory_bytes=peak_memory_bytes(),
            batch_size=batch_size,
            imported_at=imported_at(),
        )

    def _lap(self) -> float:
        now = time.perf_counter()
        lap, self._mark = now - self._mark, now
        return lap
