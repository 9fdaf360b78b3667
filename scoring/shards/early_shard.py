"""A shard that is scored before its manifest is there, and how its rows are held until then."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice

import pyarrow as pa

from scoring.run.manifest import default_shard_size
from scoring.sources.entries import ImageEntry
from scoring.sources.first_images import FirstImages
from scoring.sources.table_columns import TableColumns
from scoring.storage.locations import Location


@dataclass(frozen=True)
class EarlyShard:
    """A shard as it will be, as far as the rows of its table tell.

    Attributes:
        shard_id: Its number.
        images: Its images; their ids are not known yet.
    """

    shard_id: int
    images: Sequence[ImageEntry] = field(compare=False)


def first_shards(location: Location, columns: TableColumns, shard_size: int | None) -> Iterator[EarlyShard]:
    """The shards of a table, whole ones alone, as they will be if its rows go on as they begin.

    Args:
        location: The collection; other than a table's none are told.
        columns: Which columns of a table say what.
        shard_size: Images per shard; None leaves it to the number of rows.

    Raises:
        ImagesError: If a part of the table is damaged.
        BucketError: If its bucket cannot be reached.
    """
    first = FirstImages(location, columns)
    size, images = shard_size or default_shard_size(first.num_rows), iter(first)
    for shard_id in count():
        if len(some := list(islice(images, size))) < size:
            return
        yield EarlyShard(shard_id, some)


def hold(rows: pa.Table) -> bytes:
    """A shard's rows in Arrow's format, which keeps types as they are, compressed."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as stream:
        stream.write_table(rows)
    return bytes(sink.getvalue())
