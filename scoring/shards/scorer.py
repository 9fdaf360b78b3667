"""Score one numbered shard of a run folder: read, decode, score, write. Built once per worker, called per shard."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from scoring import __version__
from scoring.arrays import Float32Array
from scoring.errors import ImageError, ImagesError, RequestError
from scoring.models.shard_model import ShardModel, ShardModelRequest
from scoring.networks.agreement import Agreement, ImageSample
from scoring.networks.engines import engine_versions
from scoring.pixels.decoding import DECODING, Decode, Resize, decode
from scoring.pixels.guarded_decode import GuardedDecode
from scoring.process.pyarrow_without_pandas import keep_pandas_from_pyarrow
from scoring.run.fingerprint import SCHEMA_VERSION, Fingerprint, labels_digest
from scoring.run.folder import RunFolder
from scoring.run.manifest import Manifest, ManifestInfo
from scoring.run.predictions import FINGERPRINT_KEY, ScoredImage
from scoring.shards.decode_ahead import DecodeAhead, DecodedImage, stack_pixels
from scoring.shards.report import ShardReport, Stopwatch
from scoring.sources.entries import NO_COLUMNS, TableColumns
from scoring.sources.inputs import open_images
from scoring.storage.locations import Location

_SAMPLE_SIZE = 200


@dataclass(frozen=True)
class ScorerSettings:
    """All that a worker needs to build its `ShardScorer`.

    Attributes:
        images: What the manifest's paths are relative to: a folder, a prefix in a bucket, a zip.
        output: The run folder.
        model: Which model to load and how.
        resize: How photos become squares.
        batch_size: Images per forward pass.
        decode_threads: Threads that read and decode beside the model.
        columns: Which columns of a Parquet table are the images.
        decoding: How the driver's machine makes pixels; a worker whose machine does otherwise refuses to start.
    """

    images: Location
    output: Location
    model: ShardModelRequest
    resize: Resize
    batch_size: int
    decode_threads: int
    columns: TableColumns = NO_COLUMNS
    decoding: str = DECODING


@dataclass(frozen=True)
class ScorerDescription:
    """What a built scorer is, so that the driver can tell two kinds apart.

    Attributes:
        model_digest: Identifies the network's weights.
        labels: Class names in class order.
        precision: The number format in use.
        precision_reason: Why.
        versions: Library versions.
        clip: How far the model's own submissions keep from 0 and 1; None if it does not say.
        agreement: How far int8 is from float32; None for other precisions.
    """

    model_digest: str
    labels: tuple[str, ...]
    precision: str
    precision_reason: str
    versions: dict[str, str]
    clip: float | None = None
    agreement: Agreement | None = None


def known_fields(settings: ScorerSettings, manifest_digest: str) -> dict[str, Any]:
    """The fingerprint's fields that can be told before a model is loaded."""
    return {
        "images": manifest_digest,
        "resize": f"{settings.resize}-{settings.decoding}",
        "engine": settings.model.engine_name,
        "schema_version": SCHEMA_VERSION,
    }


def fingerprint_of(settings: ScorerSettings, manifest_digest: str, scorer: ScorerDescription) -> Fingerprint:
    """The fingerprint of this scorer's results on these images."""
    return Fingerprint(
        model=scorer.model_digest,
        labels=labels_digest(scorer.labels),
        precision=scorer.precision,
        **known_fields(settings, manifest_digest),
    )


def image_sample(settings: ScorerSettings) -> ImageSample:
    """Readable images from all over the manifest, every second of them to calibrate."""
    read, pixels = open_images(settings.images, settings.columns), []
    for image in Manifest(RunFolder(settings.output).manifest).sample(_SAMPLE_SIZE):
        with suppress(ImageError):
            pixels.append(decode(read(image), settings.resize))
    if len(pixels) < 2:
        raise ImagesError(f"Expected at least two readable images to calibrate int8 with; found {len(pixels)}.")
    return ImageSample(np.stack(pixels[::2]), np.stack(pixels[1::2]))


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
        self._read = open_images(settings.images, settings.columns)
        self._folder = RunFolder(settings.output)
        self._model = load(settings.model) if load else settings.model.load(partial(image_sample, settings))
        self._model.try_out(settings.batch_size)
        self._model_turn = threading.Lock()
        self.description = ScorerDescription(
            model_digest=self._model.model_digest,
            labels=self._model.labels,
            precision=str(self._model.precision.precision),
            precision_reason=self._model.precision.reason,
            versions={**engine_versions("keras", settings.model.runtime), "shardscore": __version__},
            clip=self._model.clip,
            agreement=self._model.agreement,
        )

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
        batches = DecodeAhead(threads, self._read, images, settings.resize, settings.batch_size, decode)
        stopwatch = Stopwatch()
        rows: list[ScoredImage] = []
        with self._model_turn:
            stopwatch.start()
            for batch in batches:
                stopwatch.waited(batch)
                rows.extend(self._score(batch))
                stopwatch.scored(len(batch))
        started_writing = time.perf_counter()
        self._write(shard_id, self._manifest.info, rows)
        return stopwatch.report(shard_id, rows, write_s=time.perf_counter() - started_writing)

    @cached_property
    def _manifest(self) -> Manifest:
        """Read with the first shard: the model is loaded while the images are still being listed."""
        return Manifest(self._folder.manifest)

    def _score(self, batch: Sequence[DecodedImage]) -> list[ScoredImage]:
        outputs = self._model.score(stack_pixels(batch, self._settings.batch_size))
        return [_scored(decoded, row) for decoded, row in zip(batch, outputs, strict=False)]

    def _write(self, shard_id: int, manifest: ManifestInfo, rows: Sequence[ScoredImage]) -> None:
        fingerprint = fingerprint_of(self._settings, manifest.digest, self.description)
        metadata = {
            FINGERPRINT_KEY.decode(): fingerprint.to_json(),
            "shardscore.labels": json.dumps(self.description.labels),
            "shardscore.versions": json.dumps(self.description.versions),
        }
        self._model.write(self._folder.shard(shard_id, manifest.num_shards), rows, metadata)


def _scored(decoded: DecodedImage, outputs: Float32Array) -> ScoredImage:
    if decoded.pixels is None:
        return ScoredImage(decoded.image, None, decoded.error_message)
    if not np.isfinite(outputs).all():
        return ScoredImage(decoded.image, None, "the model returned a value that is not a number")
    return ScoredImage(decoded.image, outputs)
