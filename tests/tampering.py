"""What can happen to a run folder behind its back, each by a name; none of it may pass for a complete run."""

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from scoring.run.folder import RunFolder
from scoring.run.json_fields import to_json_with_checksum
from scoring.run.manifest import CONTENTS, Manifest, contents_digest
from scoring.run.predictions import INPUTS_KEY, LISTED_KEY, write_table
from tests.runs import record_of


def _rewrite(folder: RunFolder, change: Callable[[pa.Table], pa.Table]) -> None:
    """Write shard 1 with other rows, its metadata and checksums as they should be."""
    path = folder.shard(1, record_of(folder.path).num_shards)
    table = pq.read_table(pa.BufferReader(path.read_bytes()))
    write_table(path, change(table).replace_schema_metadata(table.schema.metadata))


def _set(table: pa.Table, name: str, values: list[object]) -> pa.Table:
    index = table.schema.get_field_index(name)
    return table.set_column(index, table.schema.field(name), pa.array(values, table.schema.field(name).type))


def _shift(values: list[object]) -> list[object]:
    return [*values[1:], values[0]]


def _put_another_models_shard(folder: RunFolder) -> None:
    path = folder.shard(1, record_of(folder.path).num_shards)
    table = pq.read_table(pa.BufferReader(path.read_bytes()))
    fingerprint = json.dumps(asdict(record_of(folder.path).fingerprint) | {"model": "9" * 64})
    write_table(path, table.replace_schema_metadata({"shardscore.fingerprint": fingerprint}))


def _put_shard_without_metadata(folder: RunFolder) -> None:
    path = folder.shard(1, record_of(folder.path).num_shards)
    write_table(path, pq.read_table(pa.BufferReader(path.read_bytes())).replace_schema_metadata(None))


def have_read_others(folder: RunFolder, shards: Iterable[int]) -> None:
    """Have shards say that images of theirs were others when they were read than when they were listed."""
    for shard_id in shards:
        path = folder.shard(shard_id, record_of(folder.path).num_shards)
        table = pq.read_table(pa.BufferReader(path.read_bytes()))
        listed = contents_digest(Manifest(folder.manifest).describe(shard_id, CONTENTS)).encode()
        told = {INPUTS_KEY: b"of others", LISTED_KEY: listed}
        write_table(path, table.replace_schema_metadata({**table.schema.metadata, **told}))


def _put(folder: RunFolder, name: str) -> None:
    content = folder.shard(0, record_of(folder.path).num_shards).read_bytes()
    (folder.predictions / name).write_bytes(content)


def _replace(folder: RunFolder, make: Callable[[Path], object]) -> None:
    path = Path(str(folder.shard(1, record_of(folder.path).num_shards)))
    path.unlink()
    make(path)


def _edit_record(folder: RunFolder, **fields: object) -> None:
    """Change fields as somebody does who knows of the checksum."""
    record = json.loads(folder.record.read_text(encoding="utf-8"))
    del record["sha256"]
    folder.record.write_bytes(to_json_with_checksum(record | fields).encode())


def _swap_labels(folder: RunFolder) -> None:
    _edit_record(folder, labels=record_of(folder.path).labels[::-1])


# Found in any folder: of a run that is being looked at from its files' ends alone, too.
SEEN_FROM_ENDS: dict[str, Callable[[RunFolder], None]] = {
    "another model's shard": _put_another_models_shard,
    "a shard without metadata": _put_shard_without_metadata,
    "a shard with no rows": lambda folder: _rewrite(folder, lambda table: table.slice(0, 0)),
    "a shard with one row fewer": lambda folder: _rewrite(folder, lambda table: table.slice(1)),
    "a shard with a row twice": lambda folder: _rewrite(
        folder, lambda table: pa.concat_tables([table, table.slice(0, 1)])
    ),
    "a shard without a column": lambda folder: _rewrite(folder, lambda table: table.drop_columns(["label"])),
    "a shard with another column": lambda folder: _rewrite(
        folder, lambda table: table.append_column("note", pa.array([""] * len(table)))
    ),
    "a shard with a column of another type": lambda folder: _rewrite(
        folder, lambda table: table.cast(_with_type(table.schema, "probability", pa.float64()))
    ),
    "an extra file of rows": lambda folder: _put(folder, "shard-00099-of-00100.parquet"),
    "an extra file": lambda folder: _put(folder, "notes.txt"),
    "a dangling link": lambda folder: _replace(folder, lambda path: path.symlink_to("nowhere")),
    "a folder": lambda folder: _replace(folder, Path.mkdir),
    "a FIFO": lambda folder: _replace(folder, os.mkfifo),
    "swapped labels": _swap_labels,
    "another count of images": lambda folder: _edit_record(folder, num_images=7),
}


def _with_type(schema: pa.Schema, name: str, kind: pa.DataType) -> pa.Schema:
    return schema.set(schema.get_field_index(name), pa.field(name, kind))


# Found where every row is read.
SEEN_IN_ROWS: dict[str, Callable[[RunFolder], None]] = {
    "ids shifted by a row": lambda folder: _rewrite(
        folder, lambda table: _set(table, "image_id", _shift(table["image_id"].to_pylist()))
    ),
    "paths shifted by a row": lambda folder: _rewrite(
        folder, lambda table: _set(table, "path", _shift(table["path"].to_pylist()))
    ),
    "another target": lambda folder: _rewrite(folder, lambda table: _set(table, "target", ["fish"] * len(table))),
    "images that were others when they were read": lambda folder: have_read_others(folder, [1]),
}

# Found where every row is read, by the digest of a file that was kept when it was written.
SEEN_BY_DIGEST: dict[str, Callable[[RunFolder], None]] = {
    "other probabilities": lambda folder: _rewrite(
        folder, lambda table: _set(table, "probability", [0.5] * len(table))
    ),
    "probabilities shifted by a row": lambda folder: _rewrite(
        folder, lambda table: _set(table, "probabilities", _shift(table["probabilities"].to_pylist()))
    ),
}
ALL = SEEN_FROM_ENDS | SEEN_IN_ROWS | SEEN_BY_DIGEST
