"""What must hold after any fault: every image has its row, once, bit for bit as of a run that nothing happened to."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass
class Tally:
    """What one kind of fault came to.

    Attributes:
        runs: Runs that were disturbed.
        faults: Faults that were injected.
        lost: Images without a row in a run that was called complete.
        doubled: Rows beyond the first of an image.
        wrong: Rows of other values than they should have, or of no image of the run.
        seconds: What it took.
    """

    runs: int = 0
    faults: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    seconds: float = 0.0

    def check(self, rows: Sequence[Row], expected: Sequence[Row]) -> None:
        """Count what is lost, doubled and wrong, and fail if anything is, or if the order is another."""
        found, due = {row["image_id"]: row for row in rows}, {row["image_id"]: row for row in expected}
        counts = Counter(row["image_id"] for row in rows)
        lost = [name for name in due if name not in found]
        doubled = [name for name, count in counts.items() if count > 1]
        wrong = [name for name, row in found.items() if due.get(name) != row]
        self.lost += len(lost)
        self.doubled += sum(counts[name] - 1 for name in doubled)
        self.wrong += len(wrong)
        assert not (lost or doubled or wrong), f"lost {lost}, doubled {doubled}, wrong {wrong}"
        assert list(found) == list(due), "the rows are in another order"


class ClosingTable:
    """Tallies by kind; printed when all tests are done."""

    def __init__(self) -> None:
        self._kinds: dict[str, Tally] = {}

    def of(self, kind: str) -> Tally:
        """One kind's tally, to be added to."""
        return self._kinds.setdefault(kind, Tally())

    def lines(self) -> list[str]:
        """The table, with a line for all kinds at its end; nothing if nothing was disturbed."""
        tallies = {kind: tally for kind, tally in sorted(self._kinds.items()) if tally.runs}
        if not tallies:
            return []
        columns = ("runs", "faults", "lost", "doubled", "wrong", "seconds")
        row = "{:<62}" + " {:>8}" * len(columns)
        figures = {kind: [round(getattr(tally, column)) for column in columns] for kind, tally in tallies.items()}
        total = [sum(column) for column in zip(*figures.values(), strict=True)]
        lines = {**figures, f"all {len(figures)} kinds": total}
        return [row.format("kind", *columns), *(row.format(kind, *values) for kind, values in lines.items())]


TABLE = ClosingTable()
