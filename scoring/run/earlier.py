"""Whose results a run folder holds already: by its `run.json` or, where that is missing or damaged, by its shards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import pyarrow as pa
import pyarrow.parquet as pq

from scoring.errors import RunFolderError, StorageError
from scoring.run.fingerprint import Fingerprint, check_same, parse_fingerprint
from scoring.run.folder import RunFolder
from scoring.run.manifest import contents_digest, manifest_rows
from scoring.run.predictions import FINGERPRINT_KEY, INPUTS_KEY, PLACE_KEY, UNREAD_KEY, shard_files
from scoring.run.record import RunRecord
from scoring.sources.entries import ImageEntry
from scoring.storage.durable import read_patiently, refuse_special
from scoring.storage.locations import Location, readable

_SHARDS_ASKED = 16  # whole ones: if one of them is of our fingerprint, the folder is ours


def load_earlier_record(
    folder: RunFolder, known: Mapping[str, object], labels: Sequence[str] | None = None
) -> RunRecord | None:
    """The record of an earlier invocation; None if there is none, or no whole one: it is written anew.

    Args:
        folder: The run folder.
        known: Those fields of our fingerprint that are known so far.
        labels: One name per class, in class order; None if they are not known yet.

    Raises:
        RunFolderError: If the folder holds results of another fingerprint; the field that differs is named.
        StorageError: If `run.json`, or a shard that has to tell, cannot be read now.
    """
    try:
        record = folder.load_record()
    except RunFolderError:
        record = None
    if record is not None:
        told = None if labels is None else (record.labels, labels)
        check_same(record.fingerprint, known, str(folder.path), told)
        return record
    found = stored_fingerprints(folder)
    if found and all(one.differing(known) for one in found):
        check_same(found[0], known, str(folder.path))
    return None


def stored_fingerprints(folder: RunFolder) -> list[Fingerprint]:
    """Those of the first shards; a shard that is damaged is passed over.

    Raises:
        RunFolderError: If the shards cannot be listed.
        StorageError: If one cannot be read now.
    """
    return [end.fingerprint for end in _some_ends(folder)]


def scored_places(folder: RunFolder, record: RunRecord | None) -> list[str]:
    """Where the images lay that a run folder has rows of: by its record, or by some of its shards.

    Those of earlier versions do not tell.
    """
    return [record.request.images] if record else sorted({end.place for end in _some_ends(folder)} - {""})


def all_shards_tell(folder: RunFolder) -> bool:
    """Whether no shard was written by a version that did not note what its images held.

    Raises:
        RunFolderError: If the shards cannot be listed.
        StorageError: If one cannot be read now.
    """
    ends = map(_find_end, shard_files(folder.predictions))
    return all(end.inputs for end in ends if end)


def find_standing_shards(
    folder: RunFolder, known: Mapping[str, object], images: Sequence[ImageEntry], shard_size: int
) -> dict[int, int]:
    """The shards that a run keeps which writes its record or manifest anew, as far as their ends tell.

    Args:
        folder: The run folder.
        known: Those fields of our fingerprint that are known so far.
        images: All images as they are listed now, in the manifest's order.
        shard_size: Images per shard.

    Returns:
        By shard how many of its error rows have an image that may be readable at another time.

    Raises:
        RunFolderError: If the shards cannot be listed.
        StorageError: If one cannot be read now.
    """
    num_shards, standing = -(-len(images) // shard_size), {}
    for shard_id in sorted(set(range(num_shards)) - set(folder.missing_shards(num_shards))):
        end = _find_end(folder.shard(shard_id, num_shards))
        if end is None or end.fingerprint.differing(known):
            continue
        described = manifest_rows(images, shard_id * shard_size, (shard_id + 1) * shard_size)
        if end.num_rows == described.num_rows and end.inputs in ("", contents_digest(described)):
            standing[shard_id] = end.num_unread
    return standing


@dataclass(frozen=True)
class _End:
    """What the footer of a shard tells."""

    fingerprint: Fingerprint
    inputs: str
    place: str
    num_rows: int
    num_unread: int


def _find_end(path: Location) -> _End | None:
    """What a shard's footer tells; None if it is damaged, or gone."""
    try:
        return read_patiently(path, partial(_read_end, path))
    except StorageError:
        raise
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
        return None


def _read_end(path: Location) -> _End:
    refuse_special(path)
    with pq.ParquetFile(readable(path)) as shard:
        told = shard.schema_arrow.metadata
        fingerprint = parse_fingerprint(told[FINGERPRINT_KEY])
        num_unread = int(told.get(UNREAD_KEY, 0))
        inputs, place = (told.get(key, b"").decode() for key in (INPUTS_KEY, PLACE_KEY))
        return _End(fingerprint, inputs, place, shard.metadata.num_rows, num_unread)


def _some_ends(folder: RunFolder) -> list[_End]:
    """What the footers of the first shards tell; a shard that is damaged is passed over."""
    ends = map(_find_end, shard_files(folder.predictions))
    return list(islice(filter(None, ends), _SHARDS_ASKED))
