"""Which images of a run a fine-tuned model was trained on: right answers there say little of other photos."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scoring.errors import ScoringError
from scoring.models.model_base import record_of_model
from scoring.models.model_folder import ModelFolder
from scoring.models.training_record import TrainingRecord
from scoring.run.folder import RunFolder
from scoring.run.manifest import CONTENTS, Manifest, contents_digest
from scoring.run.predictions import INPUTS_KEY, joint_contents, shard_files
from scoring.storage.locations import locate, readable

_SHARDS_AT_ONCE = 128
_FOLDERS = r"^.*/"  # a file is the same one, whichever of the folders above it was named
_COLUMNS = ("image_id", "path", "size_bytes", "position", "stamp")

_Photo = tuple[str, int, int | None, int]


def find_learned(model: str, run: RunFolder) -> frozenset[str]:
    """The ids of a run's images that its model was trained on, as far as both listings tell contents by stamps.

    Photos that were copied may be unknown, and so are all of a model whose folder has lost its `features/`.

    Args:
        model: What was scored with, of any kind.
        run: Its manifest is there.
    """
    try:
        training = record_of_model(model)
        if training is None:
            return frozenset()
        photos = _trained_on(ModelFolder(locate(model)), training)
        stamps = pa.array([stamp for *_, stamp in photos], pa.int64())
        listed = _read(Manifest(run.manifest), stamps)
        return frozenset(image_id for image_id, photo in listed if photo in photos)
    except (ScoringError, OSError, pa.ArrowException, LookupError, TypeError, ValueError):  # an aside never fails a run
        return frozenset()


def _trained_on(folder: ModelFolder, training: TrainingRecord) -> frozenset[_Photo]:
    """The photos of a model's features but those that were kept out of training."""
    manifest = Manifest(folder.features.manifest)
    if not are_features_of_model(folder, training):
        return frozenset()
    held_out: set[str] = set()
    if not training.data.is_cross_validated:
        held_out.update(pq.read_table(readable(folder.validation), columns=["image_id"])["image_id"].to_pylist())
    return frozenset(photo for image_id, photo in _read(manifest) if image_id not in held_out)


def are_features_of_model(folder: ModelFolder, training: TrainingRecord) -> bool:
    """Whether a model folder's features are of the photos that its model was trained on, with the contents of then.

    They are not where a later fine-tune, which has not ended, has listed or read others. Contents that an earlier
    version has not noted count as the same.

    Args:
        folder: Its features have a manifest.
        training: What its model was trained on.
    """
    manifest, known = Manifest(folder.features.manifest), training.data.contents
    if manifest.info.digest != training.data.digest:
        return False
    return not known or known == _listed_contents(manifest) or known == _read_contents(folder.features)


def _listed_contents(manifest: Manifest) -> str:
    digests = list[bytes]()
    for first in range(0, manifest.info.num_shards, _SHARDS_AT_ONCE):
        rows, start = manifest.describe_several(first, first + _SHARDS_AT_ONCE, CONTENTS), 0
        for size in manifest.shard_sizes[first : first + _SHARDS_AT_ONCE]:
            digests.append(contents_digest(rows.slice(start, size)).encode())
            start += size
    return joint_contents(digests)


def _read_contents(features: RunFolder) -> str:
    """Others than those listed where photos changed between the two."""
    schemas = (pq.read_schema(readable(path)) for path in shard_files(features.predictions))
    return joint_contents([(schema.metadata or {}).get(INPUTS_KEY, b"") for schema in schemas])


def _read(manifest: Manifest, stamps: pa.Array | None = None) -> Iterator[tuple[str, _Photo]]:
    """Each image's id, and what tells it from others whatever it is called; only of these stamps, or of any."""
    for first in range(0, manifest.info.num_shards, _SHARDS_AT_ONCE):
        rows = manifest.describe_several(first, first + _SHARDS_AT_ONCE, _COLUMNS)
        is_told = pc.is_valid(rows["stamp"]) if stamps is None else pc.is_in(rows["stamp"], value_set=stamps)
        told = rows.filter(is_told)
        names = pc.replace_substring_regex(told["path"], _FOLDERS, "")
        columns = (names, *(told[name] for name in _COLUMNS[2:]))
        photos = zip(*(column.to_pylist() for column in columns), strict=True)
        yield from zip(told["image_id"].to_pylist(), photos, strict=True)
