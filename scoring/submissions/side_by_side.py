"""Labels side by side in one value where some have the mark within that stands between them: `great dane chow chow`."""

import re
from collections.abc import Sequence

from scoring.sources.several_labels import MARKS
from scoring.sources.spelling import loose

# What stands between two marks, without the blanks around it.
_PIECES = {mark: re.compile(rf"[^\s{mark}](?:[^{mark}]*[^\s{mark}])?" if mark.strip() else r"\S+") for mark in MARKS}


class SideBySide:
    """Reads such values, as `loose` compares labels.

    Args:
        labels: The run's.
        mark: One of `MARKS`.
    """

    def __init__(self, labels: Sequence[str], mark: str) -> None:
        self._mark = mark
        parted = [_PIECES[mark].findall(label) for label in labels]
        self._lengths = sorted({*map(len, parted)} - {0}, reverse=True)  # pieces of a label
        self._labels = frozenset(map(self._joined, parted))

    def read(self, value: str) -> tuple[list[str], str] | None:
        """The labels of a value as it spells them, the longest first, and what stands between the first two.

        None if it has other words, is one label, or has none with the mark within.
        """
        if max(self._lengths, default=0) < 2:
            return None
        found = [match.span() for match in _PIECES[self._mark].finditer(value)]
        ends = self._ends([value[start:end] for start, end in found])
        if 0 not in ends:
            return None
        firsts = [0]
        while ends[firsts[-1]] < len(found):
            firsts.append(ends[firsts[-1]])
        if len(firsts) in (1, len(found)):
            return None
        spans = [(found[first][0], found[ends[first] - 1][1]) for first in firsts]
        between = value[spans[0][1] : spans[1][0]]
        return [value[start:end] for start, end in spans], between if between.strip() else " "

    def _ends(self, pieces: Sequence[str]) -> dict[int, int]:
        """For each piece from which on all are of labels, the one behind the longest label that begins there."""
        ends = {len(pieces): len(pieces)}
        for first in reversed(range(len(pieces))):
            for last in (first + length for length in self._lengths):
                if last in ends and self._joined(pieces[first:last]) in self._labels:
                    ends[first] = last
                    break
        return ends

    def _joined(self, pieces: Sequence[str]) -> str:
        return loose(self._mark.join(pieces))
