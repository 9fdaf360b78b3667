"""Whose results a run folder holds already: by its `run.json` or, where that is missing or damaged, by its shards."""

from collections.abc import Iterator, Mapping
from itertools import islice

import pyarrow as pa
import pyarrow.parquet as pq

from scoring.errors import RunFolderError
from scoring.run.fingerprint import Fingerprint, check_same, parse_fingerprint
from scoring.run.folder import RunFolder
from scoring.run.predictions import FINGERPRINT_KEY, shard_files
from scoring.run.record import RunRecord
from scoring.storage.durable import refuse_special
from scoring.storage.locations import Location, readable

_SHARDS_ASKED = 16  # whole ones: if one of them is of our fingerprint, the folder is ours


def load_earlier_record(folder: RunFolder, known: Mapping[str, object]) -> RunRecord | None:
    """The record of an earlier invocation; None if there is none, or no whole one: it is written anew.

    Args:
        folder: The run folder.
        known: Those fields of our fingerprint that are known so far.

    Raises:
        RunFolderError: If the folder holds results of another fingerprint; the field that differs is named.
        BucketError: If the bucket of `run.json` cannot be reached.
    """
    try:
        record = folder.load_record()
    except RunFolderError:
        record = None
    if record is not None:
        check_same(record.fingerprint, known, str(folder.path))
        return record
    found = list(islice(_fingerprints(folder.predictions), _SHARDS_ASKED))
    if found and all(one.differing(known) for one in found):
        check_same(found[0], known, str(folder.path))
    return None


def _fingerprints(predictions: Location) -> Iterator[Fingerprint]:
    """The fingerprints in the footers of the shards; a shard that cannot be read is passed over."""
    for path in shard_files(predictions):
        try:
            refuse_special(path)
            with pq.ParquetFile(readable(path)) as shard:
                yield parse_fingerprint(shard.schema_arrow.metadata[FINGERPRINT_KEY])
        except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
            continue
