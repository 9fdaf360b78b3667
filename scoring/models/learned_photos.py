"""Which images of a run a fine-tuned model was trained on: right answers there say little of other photos."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scoring.errors import ScoringError, StorageError
from scoring.models.model_base import record_of_model
from scoring.models.model_folder import ModelFolder
from scoring.models.training_record import TrainingRecord
from scoring.run.folder import RunFolder
from scoring.run.manifest import CONTENTS, Manifest, contents_digest
from scoring.run.predictions import INPUTS_KEY, joint_contents, shard_files
from scoring.storage.durable import read_faults
from scoring.storage.locations import locate, readable

_SHARDS_AT_ONCE = 128
_FOLDERS = r"^.*/"  # a file is the same one, whichever of the folders above it was named
_COLUMNS = ("image_id", "path", "size_bytes", "position", "stamp")

# Of more of the photos that a model was trained on, a size tells nothing: all bitmaps of one shape have the same.
_MOST_OF_A_SIZE = 0.01
_FEW_OF_A_SIZE = 2

_Photo = tuple[str, int, int | None, int | None]


@dataclass(frozen=True)
class Learned:
    """Which of a run's images its model was trained on, by their ids.

    Attributes:
        known: Those whose contents are the same, by stamps of both listings.
        alike: Others of the names and sizes of photos that it was trained on, such as copies in another folder or an
            archive; they may be other photos.
        fault: What kept either from being known; empty where nothing did.
    """

    known: frozenset[str] = frozenset()
    alike: frozenset[str] = frozenset()
    fault: str = ""


def find_learned(model: str, run: RunFolder) -> Learned:
    """The images of a run that its model was trained on, as far as listings tell.

    Nothing is known of copies under other names, or in a table, nor of a model whose folder has lost its `features/`;
    of one that cannot be read now, that is told.

    Args:
        model: What was scored with, of any kind.
        run: Its manifest is there.
    """
    try:
        with read_faults(run.path):
            training = record_of_model(model)
            photos = _trained_on(ModelFolder(locate(model)), training) if training else frozenset()
            return _among(photos, run) if photos else Learned()
    except StorageError as error:
        return Learned(fault=str(error).rstrip("."))
    except (ScoringError, OSError, pa.ArrowException, LookupError, TypeError, ValueError):  # an aside never fails a run
        return Learned()


def _among(photos: Collection[_Photo], run: RunFolder) -> Learned:
    names = _telling_names(photos)
    known, alike = set[str](), set[str]()
    for image_id, photo in _read(Manifest(run.manifest), {size for _, size in names}, {one[-1] for one in photos}):
        if photo in photos and photo[-1] is not None:
            known.add(image_id)
        elif photo[:2] in names:
            alike.add(image_id)
    return Learned(frozenset(known), frozenset(alike))


def _telling_names(photos: Collection[_Photo]) -> frozenset[tuple[str, int]]:
    """Names and sizes by which copies are told; 0 stands for what no listing says, as of rows of tables.

    A name that several have, as where each folder is numbered anew, tells nothing of any.
    """
    named, times = Counter(name for name, *_ in photos), Counter(size for _, size, *_ in photos)
    most = max(_FEW_OF_A_SIZE, _MOST_OF_A_SIZE * len(photos))
    return frozenset((name, size) for name, size, *_ in photos if size and times[size] <= most and named[name] == 1)


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
    version has not noted count as the same, unless a photo is known to be another one since.

    Args:
        folder: Its features have a manifest.
        training: What its model was trained on.
    """
    manifest, known = Manifest(folder.features.manifest), training.data.contents
    if manifest.info.digest != training.data.digest:
        return False
    if not known:
        record = folder.features.load_record()
        return record is None or not record.has_others
    return known == _listed_contents(manifest) or known == _read_contents(folder.features)


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


def _read(
    manifest: Manifest, sizes: Collection[int] | None = None, stamps: Collection[int | None] = ()
) -> Iterator[tuple[str, _Photo]]:
    """Each image's id, and what tells it from others; only of these sizes or stamps, or of any."""
    of_sizes, of_stamps = (pa.array(list(values or ()), pa.int64()) for values in (sizes, stamps))
    for first in range(0, manifest.info.num_shards, _SHARDS_AT_ONCE):
        rows = manifest.describe_several(first, first + _SHARDS_AT_ONCE, _COLUMNS)
        if sizes is not None:
            is_size = pc.is_in(rows["size_bytes"], value_set=of_sizes)
            is_stamp = pc.is_in(rows["stamp"], value_set=of_stamps, skip_nulls=True)
            rows = rows.filter(pc.or_(is_size, is_stamp))
        names = pc.replace_substring_regex(rows["path"], _FOLDERS, "")
        columns = (names, *(rows[name] for name in _COLUMNS[2:]))
        photos = zip(*(column.to_pylist() for column in columns), strict=True)
        yield from zip(rows["image_id"].to_pylist(), photos, strict=True)
