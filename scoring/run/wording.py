"""How messages count things and name some of many."""

from collections.abc import Mapping, Sequence

from scoring.storage.redaction import brief

_NAMED = 5  # of a long list


def plural(number: int, noun: str) -> str:
    """A number of things: 1 image, 12,500 images."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def so_many_shards(number: int, num_shards: int) -> str:
    """A part of the shards, and its verb: 1 of 3 shards is, 1,200 of 4,000 shards are."""
    return f"{number:,} of {plural(num_shards, 'shard')} {'is' if number == 1 else 'are'}"


def reasons_of(shards: Mapping[int, str]) -> list[str]:
    """What is wrong with shards, in words: the first few of those with the same reason together."""
    by_reason = dict[str, list[int]]()
    for shard_id, reason in shards.items():
        by_reason.setdefault(reason, []).append(shard_id)
    return [
        f"{'shard' if len(same) == 1 else 'each of the shards'} {some(same)} {reason}"
        for reason, same in by_reason.items()
    ]


def some(values: Sequence[object]) -> str:
    """The first few of a long list, for a message."""
    shown = ", ".join(map(brief, values[:_NAMED]))
    return shown if len(values) <= _NAMED else f"{shown}, ... ({len(values)} in all)"
