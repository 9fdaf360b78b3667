"""Measurements of ours, for estimates where no bench has measured: `measurements.json`, stored beside this."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

MEASUREMENTS = Path(__file__).with_name("measurements.json")


@dataclass(frozen=True)
class Measurement:
    """One figure as it was measured.

    Attributes:
        value: The number, in the unit that its name says.
        benchmark: What measured it.
        machine: On what.
        date: When, ISO 8601.
    """

    value: float
    benchmark: str
    machine: str
    date: str

    def __str__(self) -> str:
        """Where it comes from."""
        return f"{MEASUREMENTS.name}, {self.date}: {self.benchmark}; {self.machine}"


@cache
def stored_measurements() -> dict[str, Measurement]:
    """Every measurement by its name."""
    stored = json.loads(MEASUREMENTS.read_text(encoding="utf-8"))
    return {name: Measurement(**fields) for name, fields in stored.items()}
