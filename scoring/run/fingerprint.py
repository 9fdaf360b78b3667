"""What makes two runs' results comparable: everything that shapes a prediction, and nothing else."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scoring.errors import RunFolderError
from scoring.networks.agreement import QUANTISED
from scoring.run.json_fields import from_json

SCHEMA_VERSION = 2
_CALIBRATED = (
    "The network is the same; it is calibrated for int8 on photos of the collection, and of these some changed. "
)
_RELISTED = "Images were added, removed, renamed or changed since, or other labels or shards are asked for. "
_OF_BOTH = "One is of embed, the other is not. "
# What embed calls a model: the digest of the network, where it is cut, and how its vectors are made and stored.
_EMBEDDED = re.compile(r"(?P<model>.+):(?P<features>[^:]*):(?P<pooling>[^:]*):(?P<dtype>float16|float32)")
# Fields that earlier fingerprints lacked, and the only value that each had then; the shape is `DEFAULT_SHAPE`. The
# column had others too: of a run its request tells them, of a shard alone nothing does.
_FORMERLY = {"input_shape": "224x224x3", "store_probabilities": "few", "bytes_column": ""}


@dataclass(frozen=True)
class Fingerprint:
    """Written into run.json and every shard; results of different fingerprints never mix.

    Attributes:
        images: Digest of the manifest: ids, paths, sizes, targets and shard boundaries.
        model: Digest of the network's weights.
        labels: Digest of the class names in class order.
        resize: How photos get the network's shape, with the resampling filter.
        engine: What runs the network, such as `keras-tensorflow`.
        precision: Number format of the inner layers.
        schema_version: Version of the predictions' columns.
        input_shape: The pixels that the network takes, height x width x channels.
        store_probabilities: Whose probabilities are stored in full: `few`, or `all` of more than 32 classes too.
        bytes_column: The column of a table that the images stand in; empty where they stand in files of their own.
    """

    images: str
    model: str
    labels: str
    resize: str
    engine: str
    precision: str
    schema_version: int
    input_shape: str = _FORMERLY["input_shape"]
    store_probabilities: str = _FORMERLY["store_probabilities"]
    bytes_column: str = _FORMERLY["bytes_column"]

    def to_json(self) -> str:
        """One line of JSON, the same for equal fingerprints."""
        return json.dumps(self.stored_fields(), sort_keys=True)

    def stored_fields(self) -> dict[str, Any]:
        """The fields that files hold: a later field that has its former value is left out, as in earlier versions."""
        fields = asdict(self)
        return {name: value for name, value in fields.items() if value != _FORMERLY.get(name)}

    def told_fields(self) -> dict[str, Any]:
        """All that a shard's fingerprint tells; without a column, that may be an earlier version's which named none."""
        return {name: value for name, value in asdict(self).items() if (name, value) != ("bytes_column", "")}

    def differing(self, known: Mapping[str, object]) -> str | None:
        """The first field whose value is not the known one; None if all that is known is the same."""
        return next((name for name in asdict(self) if name in known and known[name] != getattr(self, name)), None)


def parse_fingerprint(text: str | bytes) -> Fingerprint:
    """Read what `to_json` wrote.

    Raises:
        ValueError: If it is not a fingerprint.
    """
    try:
        return from_json(Fingerprint, json.loads(text))
    except RecursionError as error:
        raise ValueError(str(error)) from error


def labels_digest(labels: Sequence[str]) -> str:
    """SHA-256 of class names in class order, as 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(labels).encode()).hexdigest()


def check_same(
    stored: Fingerprint,
    known: Mapping[str, object],
    where: str,
    labels: tuple[Sequence[str], Sequence[str]] | None = None,
) -> None:
    """Refuse to add to results of another fingerprint.

    Args:
        stored: The fingerprint found.
        known: Those of our fields that are known so far.
        where: What holds `stored`, for the message.
        labels: Theirs and ours, for the message; None where digests are all that is known of them.

    Raises:
        RunFolderError: If a known field differs; it is named with both values.
    """
    differing = stored.differing(known)
    if differing:
        expected, received = str(getattr(stored, differing)), str(known[differing])
        if differing == "labels" and labels:
            expected, received = _told_apart(*labels)
        why = _CALIBRATED if differing == "model" and _is_same_quantised(expected, received) else ""
        theirs, ours = (_EMBEDDED.fullmatch(model) if differing == "model" else None for model in (expected, received))
        if theirs and ours:
            part = next(part for part in theirs.groupdict() if theirs[part] != ours[part])
            differing, expected, received = part if part == "model" else f"`{part}`", theirs[part], ours[part]
        elif theirs or ours or (differing == "labels" and labels and not all(labels)):
            why = _OF_BOTH
        go_on = f"Name `precision` {expected} to go on with it. "
        why = why or {"images": _RELISTED, "precision": go_on}.get(differing, "")
        raise RunFolderError(
            f"{where} holds a run whose {differs(differing)}: expected {expected}, received {received}. "
            f"{why}Use another `output`, or `overwrite` to start clean."
        )


def differs(field: str) -> str:
    """A field with its verb: model differs, labels differ."""
    return f"{field} {'differ' if field in ('images', 'labels') else 'differs'}"


def _told_apart(theirs: Sequence[str], ours: Sequence[str]) -> tuple[str, str]:
    """How many labels there are on either side or, of as many, the first that differs."""
    differing = (index for index, (one, other) in enumerate(zip(theirs, ours, strict=False)) if one != other)
    index = next(differing, None)
    if len(theirs) != len(ours) or index is None:
        return f"{len(theirs):,}", f"{len(ours):,}"
    return f"{theirs[index]!r} as class {index}", f"{ours[index]!r}"


def _is_same_quantised(one: str, other: str) -> bool:
    """Whether two models are one network, calibrated on different images."""
    return one.partition(QUANTISED)[:2] == other.partition(QUANTISED)[:2] and QUANTISED in one
