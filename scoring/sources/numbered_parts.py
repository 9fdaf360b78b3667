"""Files whose names say how many belong together, as those of Hugging Face: `train-00000-of-00003.parquet`."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

_NUMBERED = re.compile(
    r"(?P<folder>(?:.*/)?)(?P<before>[^/]*?)(?P<number>\d{2,7})-of-(?P<total>\d{2,7})[^/.]*(?P<suffix>(?:\.[^/]*)?)",
    re.DOTALL,
)


class AbsentParts(NamedTuple):
    """The files that belong to others by their names, and are not among these.

    Attributes:
        num_parts: How many.
        names: Theirs. Where it is not known whether numbers begin at 0 or at 1, one is the first's or the last's.
    """

    num_parts: int
    names: Iterator[str]


def absent_parts(names: Iterable[str]) -> Iterator[AbsentParts]:
    """What each set of files lacks; folders with different numbers of the same files hold one set together."""
    sets = defaultdict[tuple[str, str, str], dict[str, set[int]]](lambda: defaultdict(set))
    for name in names:
        if found := _NUMBERED.fullmatch(name):
            folders = sets[found["before"], found["total"], found["suffix"]]
            folders[found["folder"]].add(int(found["number"]))
    for (before, total, suffix), folders in sets.items():
        for folder, numbers in _as_sets(folders).items():
            present = {number % int(total) for number in numbers if number <= int(total) > 0}
            if num_absent := int(total) - len(present):
                yield AbsentParts(num_absent, _names(f"{folder}{before}", present, total, suffix))


def _as_sets(folders: Mapping[str, set[int]]) -> Mapping[str, set[int]]:
    """The numbers in each folder, or in all as if they were in the first, if no number is there twice."""
    together = set[int]().union(*folders.values())
    is_one = len(together) == sum(map(len, folders.values()))
    return {next(iter(folders)): together} if is_one else folders


def _names(before: str, present: set[int], total: str, suffix: str) -> Iterator[str]:
    """Names of the numbers that are not there; 0 stands for the last one too."""
    for number in range(int(total)):
        if number not in present:
            name = f"{before}{number:0{len(total)}d}-of-{total}{suffix}"
            yield name if number else f"{name} or {before}{total}-of-{total}{suffix}"
