"""What makes two runs' results comparable: everything that shapes a prediction, and nothing else."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from scoring.errors import RunFolderError

SCHEMA_VERSION = 2


@dataclass(frozen=True)
class Fingerprint:
    """Written into run.json and every shard; results of different fingerprints never mix.

    Attributes:
        images: Digest of the manifest: ids, paths, sizes, targets and shard boundaries.
        model: Digest of the network's weights.
        labels: Digest of the class names in class order.
        resize: How photos become squares, with the resampling filter.
        engine: What runs the network, such as `keras-tensorflow`.
        precision: Number format of the inner layers.
        schema_version: Version of the predictions' columns.
    """

    images: str
    model: str
    labels: str
    resize: str
    engine: str
    precision: str
    schema_version: int

    def to_json(self) -> str:
        """One line of JSON, the same for equal fingerprints."""
        return json.dumps(asdict(self), sort_keys=True)


def check_same(stored: dict[str, Any], known: dict[str, Any], where: str) -> None:
    """Refuse to add to results of another fingerprint.

    Args:
        stored: The fingerprint found.
        known: Those of our fields that are known so far.
        where: What holds `stored`, for the message.

    Raises:
        RunFolderError: If a known field differs; it is named with both values.
    """
    for field in fields(Fingerprint):
        if field.name in known and stored.get(field.name) != known[field.name]:
            raise RunFolderError(
                f"{where} holds a run whose {field.name} differs: expected {stored.get(field.name)}, received "
                f"{known[field.name]}. Use another --output, or --overwrite to start clean."
            )
