"""A part of a file or an object that is a file of its own: what an archive holds uncompressed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scoring.storage.locations import Location


@dataclass(frozen=True)
class Section:
    """Bytes `start` to before `start + length` of a place.

    Attributes:
        whole: The file, the object or the section that it is part of.
        name: What it is called there.
        start: Where it begins in `whole`, in bytes.
        length: How many bytes it has.
    """

    whole: "Location | Section"
    name: str
    start: int
    length: int

    def __str__(self) -> str:
        return f"{self.whole}/{self.name}"
