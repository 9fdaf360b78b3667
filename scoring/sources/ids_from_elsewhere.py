"""Ids that are paths of another machine or folder: what to do where they are photos' without the folders before."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from scoring.sources.id_matching import Matches
from scoring.sources.listing import CommonFolder
from scoring.storage.redaction import brief


def told_of_folders(ids: Sequence[str], paths: Sequence[str], find: Callable[[Sequence[str]], Matches | None]) -> str:
    """Which photo an id would be without the folders that it begins with, and how to leave these out of all.

    Args:
        ids: All different.
        paths: Those of the photos.
        find: The photos of some ids; None if these are too few.

    Returns:
        Empty if too few would be, or two would be one.
    """
    for bare, before, advice in _without_folders(ids):
        if len({*bare}) == len(ids) and (matches := find(bare)) and matches.twice is None:
            first = int(np.argmax(matches.rows >= 0))
            return (
                f"Without {before}, {matches.num_found} do: {brief(ids[first])!r} would be "
                f"{paths[matches.rows[first]]!r}. If these are the same, write the ids so, as {advice} of pandas does"
            )
    return ""


def _without_folders(ids: Sequence[str]) -> Iterator[tuple[list[str], str, str]]:
    """Ids without the folders that all share, or all but the last, and so on; then names alone.

    With each, what was left out, in words and in Python.
    """
    slashed = [one.replace("\\", "/") for one in ids]
    for depth in range(CommonFolder(slashed).depth, 0, -1):
        end = len("/".join(slashed[0].split("/")[:depth])) + 1
        before = ids[0][:end]
        if all(one.startswith(before) for one in ids):
            yield [one[end:] for one in ids], f"{before!r} before them", f".str.removeprefix({before!r})"
    if any("/" in one for one in slashed):
        separator = r"r'[\\/]'" if any("\\" in one for one in ids) else "'/'"
        yield [one.rpartition("/")[2] for one in slashed], "their folders", f".str.split({separator}).str[-1]"
