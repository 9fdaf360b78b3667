"""Run and model folders as `score` and `finetune` leave them, written without Ray and Keras."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from scoring.finetuning.features import FeatureExtractor
from scoring.models.model_folder import ModelFolder
from scoring.models.trained_heads import HeadSettings
from scoring.networks.precision import Precision, PrecisionChoice
from scoring.quality.evaluation import evaluate, true_classes
from scoring.run.fingerprint import Fingerprint, labels_digest
from scoring.run.folder import RunFolder
from scoring.run.json_fields import to_json_with_checksum
from scoring.run.manifest import write_manifest
from scoring.run.predictions import (
    FINGERPRINT_KEY,
    ScoredImage,
    StoreProbabilities,
    predictions_table,
    shard_files,
    write_table,
)
from scoring.run.record import DeviceRecord, RequestRecord, RunRecord
from scoring.run.summary import Summary
from scoring.sources.entries import ImageEntry, LeftOut
from scoring.sources.table_columns import NO_COLUMNS, TableColumns
from scoring.storage.durable import write_text
from scoring.storage.locations import Location, readable

SUMMARY = Summary(
    num_images=0, num_errors=0, num_scored=0, num_labelled=0, num_right=0,
    images_per_s=12.0, steady_images_per_s=47.0, wall_s=50.2,
    read_s=6.4, decode_s=6.3, wait_s=0.3, score_s=15.4, write_s=0.6,
    num_lost_workers=0, num_repeats=0, bound_by="score",
)  # fmt: skip


@dataclass(frozen=True)
class Scored:
    """One image of a run to write; without probabilities it could not be read."""

    path: str
    probabilities: Sequence[float] | None
    target: str | None = None
    reason: str | None = None
    raw_path: bytes | None = None
    size_bytes: int = 0
    position: int | None = None
    stamp: int | None = None

    def row(self) -> ScoredImage:
        image_id = self.path.rsplit(".", 1)[0]
        entry = ImageEntry(image_id, self.path, self.size_bytes, self.raw_path, self.target, self.position, self.stamp)
        vector = None if self.probabilities is None else np.array(self.probabilities, np.float32)
        return ScoredImage(entry, vector, self.reason)


def cats_and_dogs(num_images: int, targets: bool = True) -> list[Scored]:
    """So many images, more and more of a dog; every second cat from the middle on is taken for one."""
    shares = np.linspace(0.01, 0.99, num_images)
    truth = ["dog" if share > 0.5 and number % 4 else "cat" for number, share in enumerate(shares)]
    return [
        Scored(f"{label}.{number}.png", (1 - share, share), label if targets else None)
        for number, (label, share) in enumerate(zip(truth, shares, strict=True))
    ]


def draw_images(folder: Path, images: Sequence[Scored]) -> Path:
    """Draw a small picture for each."""
    for number, image in enumerate(images):
        path = folder / image.path
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 16), ((number * 37) % 256, 90, 160)).save(path, "PNG")
    return folder


def write_run(
    path: Location,
    images: Sequence[Scored],
    labels: Sequence[str] = ("cat", "dog"),
    location: Location = Path("nowhere"),
    shard_size: int = 8,
    without_shards: Sequence[int] = (),
    finished: bool = True,
    columns: TableColumns = NO_COLUMNS,
    store: str = StoreProbabilities.FEW,
    outputs: str | None = None,
    model_digest: str = "1" * 64,
) -> RunFolder:
    """Write a run folder."""
    folder = RunFolder(path)
    folder.predictions.mkdir(parents=True)
    rows = [image.row() for image in images]
    info = write_manifest(folder.manifest, [row.image for row in rows], shard_size, num_left_out=1)
    resize = "squash-cykooz-bilinear-scaled"
    fingerprint = Fingerprint(info.digest, model_digest, labels_digest(labels), resize, "keras-fake", "float32", 2)
    fingerprint = replace(fingerprint, store_probabilities=str(store))
    digests = {}
    for shard_id in sorted(set(range(info.num_shards)) - set(without_shards)):
        shard = rows[shard_id * shard_size : (shard_id + 1) * shard_size]
        path = folder.shard(shard_id, info.num_shards)
        write_shard(path, shard, labels, fingerprint)
        digests[shard_id] = hashlib.sha256(path.read_bytes()).hexdigest()
    record = RunRecord(
        created_at="2026-11-22T15:21:34+00:00",
        request=RequestRecord(
            images=str(location),
            model={"model": "fake", "weights": None, "labels": ",".join(labels), "outputs": outputs},
            resize="squash",
            labels_from="names" if images[0].target else None,
            columns=columns,
        ),
        fingerprint=fingerprint,
        labels=tuple(labels),
        num_images=info.num_images,
        num_shards=info.num_shards,
        num_left_out=info.num_left_out,
        versions={"python": "3.11.7", "keras": "3.15.1"},
        precision_reason="as asked",
        left_out=(LeftOut("not an image", 1, ("notes.txt",)),),
    ).with_digests(digests)
    if finished:
        record = replace(record, devices=(DeviceRecord("vm"),), summary=SUMMARY)
    save_record(folder, record)
    return folder


def write_shard(
    path: Location, rows: Sequence[ScoredImage], labels: Sequence[str], fingerprint: Fingerprint | None = None
) -> None:
    """Write a file of predictions."""
    metadata = {FINGERPRINT_KEY.decode(): fingerprint.to_json()} if fingerprint else {}
    store = fingerprint.store_probabilities if fingerprint else StoreProbabilities.FEW
    write_table(path, predictions_table(rows, labels, metadata, store))


def save_record(folder: RunFolder, record: RunRecord) -> None:
    """Write `run.json`, whoever holds the folder."""
    write_text(folder.record, record.to_json())


def write_model(
    path: Location,
    images: Sequence[Scored],
    location: Location = Path("nowhere"),
    labels: Sequence[str] = ("cat", "dog"),
    store: str = StoreProbabilities.ALL,
) -> Location:
    """Write a model folder; the readable of `images` are its validation photos."""
    folder = ModelFolder(path)
    write_features(folder.features, images)
    readable = [image for image in images if image.probabilities is not None]
    write_table(folder.validation, predictions_table([image.row() for image in readable], labels, {}, store))
    given = np.array([image.probabilities for image in readable], np.float32)
    measured = asdict(evaluate(given, true_classes([image.target for image in readable], labels)))
    written = {"validation": hashlib.sha256(folder.validation.read_bytes()).hexdigest()}
    write_text(folder.training, to_json_with_checksum(_training(labels, location, measured) | written))
    return path


def _training(labels: Sequence[str], location: Location, measured: dict[str, Any]) -> dict[str, Any]:
    """What stands in training.json, written out."""
    epoch = {"train_log_loss": 0.4, "train_accuracy": 0.8, "validation_log_loss": 0.5, "validation_accuracy": 0.75}
    curve = [{"epoch": number, **epoch} for number in (1, 2, 3)]
    return {
        "created_at": "2026-11-22T16:00:00+00:00",
        "images": str(location),
        "labels": labels,
        "base": {
            "request": {"model": "vgg16", "weights": None, "layer": "fc2"},
            "model": "vgg16",
            "features": "fc2",
            "digest": "a" * 64,
        },
        "resize": "squash-cykooz-bilinear-scaled",
        "precision": "bfloat16",
        "flip": False,
        "head_only": False,
        "data": {
            **{"digest": "b" * 64, "num_images": 60, "num_train": 36, "num_validation": 24, "num_errors": 1},
            **{"contents": "", "pixels": "", "num_folds": 0, "num_draws": 1, "num_copies": 0, "num_seen": 0},
            **{"is_drawn": None, "listed": "", "num_contradicting": 0, "contradicting": (), "counts_mirrored": False},
            **{"num_different": 0, "group_column": None, "groups": "", "unmeasured": []},
        },
        "split_seed": 0,
        "settings": asdict(HeadSettings()),
        "heads": [{"seed": seed, "best_epoch": 2, "curve": curve, "strength": None} for seed in (0, 1)],
        "calibration": {"temperature": 1.25, "clip": 0.02},
        "versions": {"keras": "3.15.1"},
        "metrics": {
            **dict.fromkeys(("first_head", "before_calibration", "after_calibration"), measured),
            "submission_log_loss": {"unclipped": 0.5, "lesson_clip": 0.4, "calibrated": 0.3},
        },
        **dict.fromkeys(("network", "validation", "agreement", "asked", "engine")),
        "class_numbers": (),
    }


def write_features(
    folder: RunFolder, images: Sequence[Scored], model: str = "1" * 64, shard_size: int | None = None
) -> None:
    """Write the run folder of a feature extraction by a network of this digest: two features for each image."""
    folder.predictions.mkdir(parents=True)
    rows = [
        replace(image.row(), outputs=None if image.probabilities is None else np.zeros(2, np.float32))
        for image in images
    ]
    size = shard_size or len(images)
    info = write_manifest(folder.manifest, [row.image for row in rows], size, num_left_out=0)
    fingerprint = Fingerprint(info.digest, model, labels_digest(()), "squash", "keras-fake", "float32", 2)
    extractor = FeatureExtractor(Mock(), model, PrecisionChoice(Precision.FLOAT32, ""), flip=False)
    for shard in range(info.num_shards):
        part = rows[shard * size : (shard + 1) * size]
        table = extractor.to_table(part, {FINGERPRINT_KEY.decode(): fingerprint.to_json()})
        write_table(folder.shard(shard, info.num_shards), table)
    save_record(folder, replace(bare_record(fingerprint, info.num_shards, len(images), labels=()), summary=SUMMARY))


def bare_record(
    fingerprint: Fingerprint | None = None,
    num_shards: int = 1,
    num_images: int = 1,
    labels: Sequence[str] = ("cat", "dog"),
) -> RunRecord:
    """The record of a run of which no more is known."""
    fingerprint = fingerprint or Fingerprint("images", "model", labels_digest(labels), "squash", "keras", "float32", 2)
    request = RequestRecord("nowhere", {"model": "fake"}, "squash")
    return RunRecord(
        "2026-11-22T15:21:34+00:00", request, fingerprint, tuple(labels), num_images, num_shards, 0, {}, ""
    )


def read_predictions(folder: Location) -> pa.Table:
    """All files in a folder of predictions as one table, whatever they are."""
    return pa.concat_tables(pq.ParquetFile(readable(path)).read() for path in shard_files(folder))


def record_of(folder: Location) -> RunRecord:
    """What a run that began says of itself."""
    record = RunFolder(folder).load_record()
    assert record is not None
    return record


def summary_of(folder: Location) -> Summary:
    """How a complete run went."""
    summary = record_of(folder).summary
    assert summary is not None
    return summary


class Page(HTMLParser):
    """A page taken apart: its tags with their attributes, and its text."""

    def __init__(self, source: Path | str) -> None:
        super().__init__()
        self.source = source if isinstance(source, str) else source.read_text(encoding="utf-8")
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        """Attributes of each tag of one kind."""
        return [attributes for name, attributes in self.tags if name == tag]
