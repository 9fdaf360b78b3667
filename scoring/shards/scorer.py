"""Score one numbered shard of a run folder: read, decode, score, write. Built once per worker, called per shard."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from typing import Any

import numpy as np

from scoring.arrays import Float32Array
from scoring.errors import RequestError
from scoring.models.shard_model import ShardModel
from scoring.pixels.decoding import DECODING, Decode, decode
from scoring.pixels.guarded_decode import GuardedDecode
from scoring.process.pyarrow_without_pandas import keep_pandas_from_pyarrow
from scoring.run.folder import RunFolder
from scoring.run.manifest import Manifest, ManifestInfo, contents_digest, manifest_rows
from scoring.run.predictions import FINGERPRINT_KEY, INPUTS_KEY, LABELS_KEY, ScoredImage
from scoring.run.publishing import publish_shard
from scoring.shards.decode_ahead import DecodeAhead, DecodedImage, stack_pixels
from scoring.shards.image_sample import image_sample
from scoring.shards.report import ShardReport, Stopwatch
from scoring.shards.settings import ScorerSettings, describe, fingerprint_of
from scoring.sources.inputs import open_images


class ShardScorer:
    """Scores shards with a model that is loaded once.

    Calls may overlap: a second shard is read and decoded while the first is scored, and waits for its turn at the
    model, so the model does not stand still between shards.
    """

    tasks_at_once = 2

    def __init__(
        self,
        settings: ScorerSettings,
        load: Callable[[Any], ShardModel] | None = None,
        decode: Decode = decode,
    ) -> None:
        """Load the model; `load` and `decode` are the seams for tests without Keras, or with a hostile decoder."""
        if settings.decoding != DECODING:
            raise RequestError(
                f"Expected workers that decode as the command does, {settings.decoding}; this machine's do {DECODING}. "
                "Install cykooz-resizer on all machines, or on none."
            )
        keep_pandas_from_pyarrow()
        self._settings = settings
        self._decode = decode
        self._threads = ThreadPoolExecutor(settings.decode_threads, thread_name_prefix="decode")
        self._read = open_images(settings.images, settings.columns, settings.read_timeout_s)
        self._folder = RunFolder(settings.output)
        self._model = load(settings.model) if load else settings.model.load(partial(image_sample, settings))
        self._model.try_out(settings.batch_size)
        self._model_turn = threading.Lock()
        self.description = describe(self._model, settings.model.runtime)

    def __call__(self, shard_id: int) -> ShardReport:
        """Score one shard of the run folder's manifest and write its predictions.

        Returns:
            What it took.
        """
        return self._score_shard(shard_id, self._threads, self._decode)

    def again(self, shard_id: int) -> ShardReport:
        """The same for a shard that was lost with a worker: pictures are decoded in a process of their own."""
        with GuardedDecode(self._decode) as guarded, ThreadPoolExecutor(1) as one_thread:
            return self._score_shard(shard_id, one_thread, guarded)

    def _score_shard(self, shard_id: int, threads: ThreadPoolExecutor, decode: Decode) -> ShardReport:
        images = self._manifest.shard(shard_id)
        settings = self._settings
        to_size = partial(decode, shape=self._model.input_shape)
        batches = DecodeAhead(threads, self._read, images, settings.resize, settings.batch_size, to_size)
        stopwatch = Stopwatch()
        rows: list[ScoredImage] = []
        with self._model_turn:
            stopwatch.start()
            for batch in batches:
                stopwatch.waited(batch)
                rows.extend(self._score(batch))
                stopwatch.scored(len(batch))
        started_writing = time.perf_counter()
        digest = self._write(shard_id, self._manifest.info, rows)
        return stopwatch.report(shard_id, rows, digest, write_s=time.perf_counter() - started_writing)

    @cached_property
    def _manifest(self) -> Manifest:
        """Read with the first shard: the model is loaded while the images are still being listed."""
        return Manifest(self._folder.manifest)

    def _score(self, batch: Sequence[DecodedImage]) -> list[ScoredImage]:
        outputs = self._model.score(stack_pixels(batch, self._settings.batch_size, self._model.input_shape))
        return [_scored(decoded, row) for decoded, row in zip(batch, outputs, strict=False)]

    def _write(self, shard_id: int, manifest: ManifestInfo, rows: Sequence[ScoredImage]) -> str:
        """Write a shard whole; return the digest of its file."""
        fingerprint = fingerprint_of(self._settings, manifest.digest, self.description)
        metadata = {
            FINGERPRINT_KEY.decode(): fingerprint.to_json(),
            LABELS_KEY.decode(): json.dumps(self.description.labels),
            INPUTS_KEY.decode(): contents_digest(manifest_rows([row.image for row in rows])),
            "shardscore.versions": json.dumps(self.description.versions),
        }
        table = self._model.to_table(rows, metadata)
        return publish_shard(self._folder.shard(shard_id, manifest.num_shards), table, self._settings.fence)


def _scored(decoded: DecodedImage, outputs: Float32Array) -> ScoredImage:
    if decoded.pixels is None:
        return ScoredImage(decoded.image, None, decoded.error_message)
    if not np.isfinite(outputs).all():
        return ScoredImage(decoded.image, None, "the model returned a value that is not a number")
    return ScoredImage(decoded.image, outputs)
