"""The shards of a run folder, as its manifest has them, and what their files say of the run and of their images."""

import json
from collections.abc import Sequence
from functools import cached_property
from operator import is_not

import pyarrow as pa

from scoring.run.folder import RunFolder
from scoring.run.manifest import Manifest, contents_digest, contents_of
from scoring.run.predictions import (
    FINGERPRINT_KEY,
    INPUTS_KEY,
    LABELS_KEY,
    LISTED_KEY,
    PLACE_KEY,
    UNREAD_KEY,
    VERSIONS_KEY,
    ScoredImage,
)
from scoring.run.publishing import publish_shard
from scoring.shards.retry import count_unread
from scoring.shards.settings import ScorerDescription, ScorerSettings, fingerprint_of
from scoring.sources.entries import ImageEntry
from scoring.storage.locations import Location


class ShardFiles:
    """Where shards lie, and how they are written.

    Args:
        settings: Of the workers.
        description: Of the scorers.
    """

    def __init__(self, settings: ScorerSettings, description: ScorerDescription) -> None:
        self._settings, self._description = settings, description
        self._folder = RunFolder(settings.output)

    @cached_property
    def manifest(self) -> Manifest:
        """Read with the first shard: the model is loaded while the images are still being listed."""
        return Manifest(self._folder.manifest)

    def path(self, shard_id: int) -> Location:
        """The file of one shard."""
        return self._folder.shard(shard_id, self.manifest.info.num_shards)

    @cached_property
    def metadata(self) -> dict[str, str]:
        """What all of them have in their schema."""
        return {
            FINGERPRINT_KEY.decode(): fingerprint_of(
                self._settings, self.manifest.info.digest, self._description
            ).to_json(),
            LABELS_KEY.decode(): json.dumps(self._description.labels),
            PLACE_KEY.decode(): str(self._settings.images),
            VERSIONS_KEY.decode(): json.dumps(self._description.versions),
        }

    def publish(self, shard_id: int, table: pa.Table) -> str:
        """Write one; see `publish_shard`."""
        return publish_shard(self.path(shard_id), table, self._settings.fence)


def images_metadata(
    listed: Sequence[ImageEntry], read: Sequence[ImageEntry], rows: Sequence[ScoredImage]
) -> dict[str, str]:
    """What a shard's schema tells of its images.

    Args:
        listed: All of them, as they were listed.
        read: The same, as they were read.
        rows: Those that were tried now.
    """
    told = {
        INPUTS_KEY.decode(): contents_digest(contents_of(read)),
        UNREAD_KEY.decode(): str(count_unread(row.error_message for row in rows)),
    }
    if any(map(is_not, listed, read)):
        told[LISTED_KEY.decode()] = contents_digest(contents_of(listed))
    return told
