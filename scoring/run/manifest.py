"""The list of images to score, one Parquet row group per shard: a worker reads its own rows and no others."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from operator import attrgetter
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scoring.errors import StorageError
from scoring.sources.entries import EntriesByColumn, ImageEntry, written_path
from scoring.storage.durable import read_patiently, refuse_special, whole_file
from scoring.storage.locations import Location, readable

MANIFEST_SCHEMA = pa.schema(
    [
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("size_bytes", pa.int64(), nullable=False),
        pa.field("raw_path", pa.binary()),
        pa.field("target", pa.string()),
        pa.field("position", pa.int64()),
        pa.field("stamp", pa.int64()),
    ]
)
CONTENTS = ("position", "size_bytes", "stamp")  # columns that tell what an image holds; the others, which one it is
_DIGEST_KEY = b"digest"
_LEFT_OUT_KEY = b"num_left_out"

DEFAULT_SHARD_SIZE = 256  # VGG16 on a laptop scores these in half a minute, a GPU in one second
_MIN_SHARD_SIZE = 32
_SHARDS_OF_A_SMALL_JOB = 16
# Every worker reads the manifest's footer, 700 bytes for each shard; pyarrow reads none of over 1,000,000 row groups.
_MAX_SHARDS = 100_000
# Without Arrow's own schema, whose metadata would hide what is known only at the end. Values but labels differ.
_WRITING: Any = {"write_page_checksum": True, "store_schema": False, "use_dictionary": ["target"]}
_WRITTEN_AT_ONCE = 1024**2  # bytes: a shard's columns are small, and two calls of the system each take as long
_ROWS_AT_ONCE = 32_768  # that are made, digested and written together


@dataclass(frozen=True)
class ManifestInfo:
    """What a manifest says of itself.

    Attributes:
        num_images: Its rows.
        num_shards: Its row groups.
        num_left_out: Files of the collection that are not in it.
        digest: See `manifest_digest`.
    """

    num_images: int
    num_shards: int
    num_left_out: int
    digest: str


def default_shard_size(num_images: int) -> int:
    """Images per shard, by the collection's size alone, so that any cluster resumes any run.

    256; for small jobs a multiple of 32 that gives about 16 shards: enough to share and to show progress; for large
    ones more, so that there are at most 100,000 shards.
    """
    share = _round_up(num_images, _SHARDS_OF_A_SMALL_JOB)
    return max(_MIN_SHARD_SIZE, min(DEFAULT_SHARD_SIZE, share), _round_up(num_images, _MAX_SHARDS))


def _round_up(num_images: int, num_shards: int) -> int:
    """Images per shard for so many shards at most, a multiple of 32."""
    return -(-num_images // (num_shards * _MIN_SHARD_SIZE)) * _MIN_SHARD_SIZE


def manifest_digest(images: Sequence[ImageEntry], shard_size: int) -> str:
    """SHA-256 over all that the manifest says but stamps: other images, targets or shards give another."""
    from scoring.run.digest_lines import digest_lines  # readers need none

    digest = hashlib.sha256(f"{shard_size}\n".encode())
    for rows in _blocks(images, shard_size):
        digest.update(digest_lines(rows))
    return digest.hexdigest()


def _blocks(images: Sequence[ImageEntry], shard_size: int) -> Iterator[pa.Table]:
    """The manifest's rows, some whole shards at a time."""
    step = shard_size * -(-_ROWS_AT_ONCE // shard_size)
    return (manifest_rows(images, start, start + step) for start in range(0, len(images), step))


def as_written(rows: pa.Table) -> pa.Table:
    """Rows of a manifest with paths as rows of tables write them, which is how shards have them."""
    if rows["raw_path"].null_count == rows.num_rows:
        return rows
    pairs = zip(rows["path"].to_pylist(), rows["raw_path"].to_pylist(), strict=True)
    paths = pa.array([written_path(*pair) for pair in pairs], pa.string())
    return rows.set_column(rows.column_names.index("path"), rows.schema.field("path"), paths)


def contents_digest(rows: pa.Table) -> str:
    """SHA-256 of what listing knew of the contents of a shard's images: of `CONTENTS`, row by row.

    Args:
        rows: The shard's, of a manifest; those of an earlier version have no stamps.
    """
    digest = hashlib.sha256(f"{rows.num_rows}\n".encode())
    for name in CONTENTS:
        column = rows[name].combine_chunks() if name in rows.column_names else pa.nulls(rows.num_rows, pa.int64())
        digest.update(pc.fill_null(column, 0).to_numpy(zero_copy_only=False).tobytes())
        digest.update(pc.is_null(column).to_numpy(zero_copy_only=False).tobytes())
    return digest.hexdigest()


def contents_of(images: Sequence[ImageEntry]) -> pa.Table:
    """The columns `CONTENTS` of images."""
    columns = {name: list(map(attrgetter(name), images)) for name in CONTENTS}
    return pa.table({name: pa.array(column, pa.int64()) for name, column in columns.items()})


def manifest_rows(images: Sequence[ImageEntry], start: int = 0, stop: int | None = None) -> pa.Table:
    """The images of the numbers `start` to before `stop`, None for the last, as the manifest's rows."""
    if isinstance(images, EntriesByColumn):
        rows = images.rows(*slice(start, stop).indices(len(images))[:2])
        for field in MANIFEST_SCHEMA:  # a listing by column has no targets, and seldom a `raw_path`
            if field.name not in rows.column_names:
                rows = rows.append_column(field, pa.nulls(len(rows), field.type))
        return rows.select(MANIFEST_SCHEMA.names).cast(MANIFEST_SCHEMA)
    some = images if start == 0 and stop is None else images[start:stop]
    values = zip(*map(attrgetter(*MANIFEST_SCHEMA.names), some), strict=True) if some else [()] * len(MANIFEST_SCHEMA)
    arrays = [pa.array(column, field.type) for column, field in zip(values, MANIFEST_SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=MANIFEST_SCHEMA)


def write_manifest(
    path: Location,
    images: Sequence[ImageEntry],
    shard_size: int,
    num_left_out: int,
    digest: str | None = None,
    check: Callable[[str], object] = lambda digest: None,
) -> ManifestInfo:
    """Write the manifest of `images`, `shard_size` rows a row group; the last shard may be short.

    Args:
        path: Where to.
        images: All images, in the manifest's order.
        shard_size: Images per shard.
        num_left_out: Files that are not images.
        digest: What to say is their `manifest_digest`, where the contents of some have changed since they were first
            listed; None takes it while the rows are written.
        check: Called with the digest before the manifest takes its place; if it raises, nothing is written.

    Raises:
        StorageError: If it cannot be written.
    """
    from scoring.process.one_ahead import one_ahead  # readers need none of these
    from scoring.run.digest_lines import digest_lines

    found = hashlib.sha256(f"{shard_size}\n".encode())
    with whole_file(path) as temporary:
        with (
            pa.output_stream(temporary, buffer_size=_WRITTEN_AT_ONCE) as file,
            pq.ParquetWriter(file, MANIFEST_SCHEMA, **_WRITING) as writer,
        ):

            def digested() -> Iterator[pa.Table]:
                for rows in _blocks(images, shard_size):
                    if not digest:
                        found.update(digest_lines(rows))
                    yield rows

            for rows in one_ahead(digested()):
                writer.write_table(rows, row_group_size=shard_size)
            digest = digest or found.hexdigest()
            writer.add_key_value_metadata({_DIGEST_KEY: digest, _LEFT_OUT_KEY: str(num_left_out)})
        check(digest)
    return read_info(path)


class Manifest:
    """A manifest whose end is read once; safe to call from several threads.

    Attributes:
        info: What it says of itself.

    Raises:
        FileNotFoundError: At construction, if there is none.
        StorageError: Then, and whenever rows are read, if it cannot be read now.
        OSError, pyarrow.ArrowException: If it is damaged.
    """

    def __init__(self, path: Location) -> None:
        self._path = path
        self._metadata, described = read_patiently(path, self._read_end)
        self.info = ManifestInfo(
            num_images=self._metadata.num_rows,
            num_shards=self._metadata.num_row_groups,
            num_left_out=int(described[_LEFT_OUT_KEY]),
            digest=described[_DIGEST_KEY].decode(),
        )

    def shard(self, shard_id: int) -> list[ImageEntry]:
        """Read the images of one shard, in the manifest's order."""
        return [ImageEntry(**row) for row in self._read([shard_id], None).to_pylist()]

    def describe(self, shard_id: int, columns: Sequence[str]) -> pa.Table:
        """Read some columns of one shard's images, in the manifest's order."""
        return self._read([shard_id], list(columns))

    def describe_several(self, start: int, stop: int, columns: Sequence[str]) -> pa.Table:
        """The same for the shards `start` to before `stop`, or to the last."""
        return self._read(range(start, min(stop, self.info.num_shards)), list(columns))

    def _read_end(self) -> tuple[pq.FileMetaData, dict[bytes, bytes]]:
        refuse_special(self._path)
        with pq.ParquetFile(readable(self._path)) as manifest:
            return manifest.metadata, manifest.schema_arrow.metadata

    def _read(self, shards: Sequence[int], columns: Sequence[str] | None) -> pa.Table:
        def read() -> pa.Table:
            end = self._metadata
            with pq.ParquetFile(readable(self._path), metadata=end, page_checksum_verification=True) as manifest:
                return manifest.read_row_groups(shards, columns)

        return read_patiently(self._path, read)

    @cached_property
    def shard_sizes(self) -> list[int]:
        """How many images each shard has."""
        return [self._metadata.row_group(shard_id).num_rows for shard_id in range(self._metadata.num_row_groups)]

    @cached_property
    def common_folder(self) -> str:
        """What all images' paths begin with, up to a slash that it lacks; empty if that is nothing."""
        column = self._metadata.schema.names.index("path")
        chunks = (self._metadata.row_group(shard_id).column(column) for shard_id in range(self.info.num_shards))
        found = [chunk.statistics if chunk.is_stats_set else None for chunk in chunks]
        ends = [end for each in found for end in ((each.min, each.max) if each and each.has_min_max else ("",))]
        return os.path.commonprefix(ends).rpartition("/")[0]  # noqa: RUF071  # all paths lie between the ends

    def listed_digest(self) -> str:
        """The `manifest_digest` of its images; `info.digest` is of the contents that they had when first listed."""
        images = [image for shard_id in range(self.info.num_shards) for image in self.shard(shard_id)]
        return manifest_digest(images, self.shard_sizes[0])

    def sample(self, count: int) -> list[ImageEntry]:
        """Read up to `count` images from all over the manifest; the same ones every time."""
        rows = _spread_rows(self.info.num_images, count)
        shard_size = self.shard_sizes[0]
        by_shard: dict[int, list[int]] = {}
        for row in rows:
            by_shard.setdefault(row // shard_size, []).append(row % shard_size)
        return [self.shard(shard)[row] for shard, inside in by_shard.items() for row in inside]


def manifest_sample(images: Sequence[ImageEntry], count: int) -> list[ImageEntry]:
    """What `Manifest.sample` reads of the manifest of these images, before there is one."""
    rows = (manifest_rows(images, row, row + 1) for row in _spread_rows(len(images), count))
    return [ImageEntry(**row.to_pylist()[0]) for row in rows]


def _spread_rows(num_images: int, count: int) -> list[int]:
    """One row, drawn by chance, of each of `count` equal parts: evenly spaced ones may all be left views of pairs."""
    chance = Random(num_images)
    ends = [index * num_images // count for index in range(count + 1)]
    return [start + int(chance.random() * (end - start)) for start, end in pairwise(ends) if end > start]


def is_foreign_manifest(path: Location) -> bool:
    """Whether a file is Parquet of another program: with other columns, and without what a manifest says of itself.

    What is damaged is not.

    Raises:
        StorageError: If it cannot be read now.
    """

    def read_schema() -> pa.Schema:
        with pq.ParquetFile(readable(path)) as found:
            return found.schema_arrow

    try:
        schema = read_patiently(path, read_schema)
        names, told = set(schema.names), schema.metadata or {}
    except StorageError:
        raise
    except (OSError, pa.ArrowException, LookupError, TypeError, ValueError):
        return False
    is_ours = _DIGEST_KEY in told or _LEFT_OUT_KEY in told
    return not is_ours and 2 * len(names & set(MANIFEST_SCHEMA.names)) < len(MANIFEST_SCHEMA)


def read_info(path: Location) -> ManifestInfo:
    """Read what the manifest says of itself, without its rows."""
    return Manifest(path).info
