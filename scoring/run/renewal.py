"""Photos whose contents have changed since an earlier invocation listed them: their shards are scored again."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from math import inf
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from scoring.errors import RunFolderError, StorageError
from scoring.run.earlier import scored_places
from scoring.run.fence import Fence, under_fence
from scoring.run.folder import RunFolder
from scoring.run.manifest import CONTENTS, MANIFEST_SCHEMA, Manifest, ManifestInfo, manifest_rows, write_manifest
from scoring.run.predictions import shard_files
from scoring.run.record import RunRecord
from scoring.run.verification import remove_shard
from scoring.sources.entries import ImageEntry
from scoring.storage.locations import Location, is_same_place
from scoring.storage.write_times import written_at

_ROWS_AT_ONCE = 32_768  # that are compared together
_IS_ABSOLUTE = r"^(/|[A-Za-z][A-Za-z0-9+.-]*://)"  # a path that means the same wherever the table that names it lies
_IDENTITY = tuple(name for name in MANIFEST_SCHEMA.names if name not in CONTENTS)
_COMPARED = ("path", "target", "image_id")
_CUT_S = 1.0  # off the second that a record began in

_IsChanged: TypeAlias = Callable[[ImageEntry], bool]


@dataclass
class Renewal:
    """A collection as it is listed now, of which a run folder has an earlier manifest.

    Attributes:
        images: All images, in the manifest's order.
        shard_size: Images per shard.
        info: What a manifest of them says; its digest is the earlier one's, which earlier shards carry.
        changed: How many images have changed, by shard; only shards with such images.
        is_due: Whether the manifest must be written anew: something in it differs from what is listed now.
        num_untold: Images below the collection's place of which nothing tells whether they have changed.
        is_by_time: Whether some count as changed as their files are newer than the run, whose version kept no stamps.
        has_other_sizes: Whether some do as their size is another: with another stamp or position they may be copies.
    """

    images: Sequence[ImageEntry]
    shard_size: int
    info: ManifestInfo
    changed: dict[int, int] = field(default_factory=dict)
    is_due: bool = False
    num_untold: int = 0
    is_by_time: bool = False
    has_other_sizes: bool = False

    def carry_out(self, folder: RunFolder, fence: Fence, note: Callable[[int, bool], object]) -> int:
        """Remove the shards of changed photos, and then write the manifest: whoever is killed between does it again.

        Call it when it is known that the run will be continued, for it may be refused.

        Args:
            folder: The run's.
            fence: Of the driver that holds it.
            note: Given what is returned, and `has_other_sizes`, before anything is removed; later nothing tells it.

        Returns:
            How many photos have changed since they were scored.

        Raises:
            LeaseLostError: If another driver took over.
            StorageError: If a shard cannot be removed, or the manifest cannot be written.
        """
        if not self.is_due:
            return 0
        missing = set(folder.missing_shards(self.info.num_shards))
        stale = sorted(self.changed.keys() - missing)
        num_changed = sum(self.changed[shard_id] for shard_id in stale)
        note(num_changed, self.has_other_sizes)
        with under_fence(fence):
            for shard_id in stale:
                fence.check()
                remove_shard(folder.shard(shard_id, self.info.num_shards))
            write_manifest(folder.manifest, self.images, self.shard_size, self.info.num_left_out, self.info.digest)
        return num_changed


def check_place(
    folder: RunFolder, record: RunRecord | None, renewal: Renewal | None, images: Sequence[ImageEntry], place: Location
) -> None:
    """Refuse images of another place, unless they are known to be the same ones: names alone may be equal.

    Args:
        folder: The run folder.
        record: What `run.json` says; None without one: shards tell.
        renewal: The images beside an earlier manifest; None without one: shards are held against the images' stamps.
        images: All images as they are listed now.
        place: Where these lie.

    Raises:
        RunFolderError: If some are others, or nothing tells whether they are.
        StorageError: If a shard that has to tell cannot be read now.
    """
    here = str(place.absolute())
    others = [each for each in scored_places(folder, record) if not is_same_place(each, here)]
    if not others:
        return
    if record and renewal and (num_changed := sum(renewal.changed.values())):
        problem = f"of the same names in {place}, {num_changed:,} of {len(images):,} are others"
    elif renewal.num_untold if renewal else _count_untold_now(images):
        problem = f"nothing tells whether those of the same names in {place} are the same"
    else:
        return
    raise RunFolderError(
        f"Expected the images that were scored, in {others[0]}; {problem}. Use another `output`, or `overwrite` to "
        "start clean."
    )


def find_renewal(
    folder: RunFolder,
    images: Sequence[ImageEntry],
    shard_size: int,
    num_left_out: int,
    changes_since: Callable[[float], _IsChanged],
) -> Renewal | None:
    """Compare a collection with the manifest in a run folder; None if there is none, or it is of another collection.

    Another collection is one of other ids, paths or targets, or in other shards. Contents have changed where a size, a
    position in a tar or a stamp has. Of a run that has no stamps, as its version kept none, they have where the file
    has been written since the run began.

    Args:
        folder: The run folder.
        images: All images, in the manifest's order.
        shard_size: Images per shard.
        num_left_out: Files that are not images.
        changes_since: Returns what tells whether an image's file has been written since, in seconds since 1970.

    Raises:
        StorageError: If the manifest or `run.json`, or when an image's file was written, cannot be read now.
    """
    try:
        earlier = Manifest(folder.manifest)
        if earlier.shard_sizes != _shard_sizes(len(images), shard_size) or not _is_of_record(earlier, folder):
            return None
        renewal = Renewal(images, shard_size, replace(earlier.info, num_left_out=num_left_out))
        is_changed = cache(lambda: changes_since(_began_at(folder)))
        return renewal if _compare(earlier, renewal, lambda image: is_changed()(image)) else None
    except StorageError:
        raise
    except (OSError, pa.ArrowException, LookupError, TypeError, ValueError):  # none, or it is damaged: written anew
        return None


@dataclass(frozen=True)
class Relisted:
    """How a collection differs from the one in a run folder, by paths; nothing where its manifest does not tell.

    Attributes:
        gone: Of the run's images, those that are not listed now.
        new: Those that are listed now alone.
        relabelled: Those with another label, where all are the same.
        renamed: Those with another id, where all are the same.
        moved: Those that stand elsewhere among the same images.
    """

    gone: Sequence[str] = ()
    new: Sequence[str] = ()
    relabelled: Sequence[str] = ()
    renamed: Sequence[str] = ()
    moved: Sequence[str] = ()


def compare_listings(folder: RunFolder, images: Sequence[ImageEntry]) -> Relisted:
    """How these images differ from those of a run folder.

    Raises:
        StorageError: If the manifest or `run.json` cannot be read now.
    """
    try:
        earlier = Manifest(folder.manifest)
        if not _is_of_record(earlier, folder):
            return Relisted()
        before = earlier.describe_several(0, earlier.info.num_shards, _COMPARED)
    except StorageError:
        raise
    except (OSError, pa.ArrowException, LookupError, TypeError, ValueError):
        return Relisted()
    now = manifest_rows(images).select(_COMPARED)
    if before["path"].equals(now["path"]):
        return Relisted(relabelled=_differing(before, now, "target"), renamed=_differing(before, now, "image_id"))
    gone, new = _without(before["path"], now["path"]), _without(now["path"], before["path"])
    is_same = not gone and not new and before.num_rows == now.num_rows
    return Relisted(gone, new, moved=_differing(before, now, "path") if is_same else ())


def _differing(before: pa.Table, now: pa.Table, name: str) -> Sequence[str]:
    """The paths of the rows that have another value in a column."""
    was, is_now = (pc.fill_null(rows[name], "") for rows in (before, now))
    found: Sequence[str] = now["path"].filter(pc.not_equal(was, is_now)).to_pylist()
    return found


def _without(paths: pa.ChunkedArray, others: pa.ChunkedArray) -> Sequence[str]:
    found: Sequence[str] = paths.filter(pc.invert(pc.is_in(paths, value_set=others.combine_chunks()))).to_pylist()
    return found


def _is_of_record(earlier: Manifest, folder: RunFolder) -> bool:
    """Whether a manifest is the one that `run.json` tells of; a bit of its digest may have changed."""
    try:
        record = folder.load_record()
    except RunFolderError:  # damaged: it is written anew, from what shards say
        return True
    return record is None or record.fingerprint.images == earlier.info.digest


def _began_at(folder: RunFolder) -> float:
    """From when on what was written is not what a run has read; without its record, since its first shard."""
    with suppress(RunFolderError, ValueError):
        if record := folder.load_record():
            return datetime.fromisoformat(record.created_at).timestamp() + _CUT_S
    return min(map(written_at, shard_files(folder.predictions)), default=inf)


def _compare(earlier: Manifest, renewal: Renewal, is_changed: _IsChanged) -> bool:
    """Note what differs from an earlier manifest; False if that is of another collection."""
    images, shard_size = renewal.images, renewal.shard_size
    renewal.is_due = renewal.info != earlier.info
    per_block = -(-_ROWS_AT_ONCE // shard_size)
    for first in range(0, earlier.info.num_shards, per_block):
        now = manifest_rows(images, first * shard_size, (first + per_block) * shard_size)
        before = _with_stamps(earlier.describe_several(first, first + per_block, MANIFEST_SCHEMA.names))
        if any(not now[name].equals(before[name]) for name in _IDENTITY):
            return False
        renewal.num_untold += _count_untold(before, now)
        if all(now[name].equals(before[name]) for name in CONTENTS):
            continue
        renewal.is_due = True
        for start in range(0, now.num_rows, shard_size):
            rows = before.slice(start, shard_size), now.slice(start, shard_size)
            num_newer = _count_newer(*rows, is_changed)
            if num_changed := _count_changed(*rows) + num_newer:
                renewal.changed[first + start // shard_size] = num_changed
            renewal.is_by_time |= num_newer > 0
            renewal.has_other_sizes |= bool(pc.any(_differ(*rows, "size_bytes")).as_py())
    return True


def _with_stamps(rows: pa.Table) -> pa.Table:
    """The rows of a manifest, with no stamp each where an earlier version wrote it."""
    return rows if "stamp" in rows.column_names else rows.append_column("stamp", pa.nulls(rows.num_rows, pa.int64()))


def _count_changed(before: pa.Table, now: pa.Table) -> int:
    return int(pc.sum(_have_changed(before, now)).as_py() or 0)


def _have_changed(before: pa.Table, now: pa.Table) -> pa.ChunkedArray:
    by_place = pc.or_(_differ(before, now, "size_bytes"), _differ(before, now, "position"))
    return pc.or_(by_place, _differ(before, now, "stamp"))


def _count_newer(before: pa.Table, now: pa.Table, is_changed: _IsChanged) -> int:
    """How many images that look unchanged had no stamp, have one now, and lie in files that are newer than the run."""
    is_undated = pc.and_(pc.is_null(before["stamp"]), pc.is_valid(now["stamp"]))
    asked = now.filter(pc.and_not(is_undated, _have_changed(before, now)))
    return sum(is_changed(ImageEntry(**row)) for row in asked.to_pylist())


def _count_untold(before: pa.Table, now: pa.Table) -> int:
    """How many images with a path below the collection's place have no stamp on one side."""
    unknown = pc.or_(pc.is_null(now["stamp"]), pc.is_null(before["stamp"]))
    paths = now["path"].filter(unknown)
    return int(pc.sum(pc.invert(pc.match_substring_regex(paths, _IS_ABSOLUTE))).as_py() or 0)


def _count_untold_now(images: Sequence[ImageEntry]) -> int:
    blocks = (manifest_rows(images, start, start + _ROWS_AT_ONCE) for start in range(0, len(images), _ROWS_AT_ONCE))
    return sum(_count_untold(rows, rows) for rows in blocks)


def _differ(before: pa.Table, now: pa.Table, name: str) -> pa.ChunkedArray:
    """Where two columns differ; a null is equal to everything."""
    return pc.fill_null(pc.not_equal(before[name], now[name]), False)


def _shard_sizes(num_images: int, shard_size: int) -> list[int]:
    return [min(shard_size, num_images - start) for start in range(0, num_images, shard_size)]
