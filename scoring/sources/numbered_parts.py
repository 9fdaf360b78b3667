"""Files whose names say how many belong together, as those of Hugging Face: `train-00000-of-00003.parquet`."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

_NUMBERED = re.compile(
    r"(?P<before>(?:.*/)?[^/]*?)(?P<number>\d{2,7})-of-(?P<total>\d{2,7})[^/.]*(?P<suffix>(?:\.[^/]*)?)", re.DOTALL
)


def absent_parts(names: Iterable[str]) -> Iterator[str]:
    """Names of the files that belong to others by their names, and are not among these; numbers begin at 0 or 1."""
    numbers = defaultdict[tuple[str, str, str], set[int]](set)
    for name in names:
        if found := _NUMBERED.fullmatch(name):
            numbers[found["before"], found["total"], found["suffix"]].add(int(found["number"]))
    for (before, total, suffix), present in numbers.items():
        first = 1 if int(total) in present else 0
        for number in range(first, first + int(total)):
            if number not in present:
                yield f"{before}{number:0{len(total)}d}-of-{total}{suffix}"
