"""What a report is made of. Python decides what it says, `report.html.j2` how that looks."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True)
class KeyFigure:
    """One of the few numbers that matter.

    Attributes:
        name: What it is.
        value: The number, written out.
        note: What to compare it with.
    """

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Prose:
    """One paragraph."""

    text: str
    kind: ClassVar[str] = "prose"


@dataclass(frozen=True)
class Facts:
    """Names and values in two columns."""

    caption: str
    rows: Sequence[tuple[str, str]]
    kind: ClassVar[str] = "facts"


@dataclass(frozen=True)
class Table:
    """Rows of text; the first cell of each is its heading.

    Attributes:
        caption: What the table shows.
        columns: Heading of each column.
        rows: Cells of each row.
        num_text_columns: How many columns on the left are words; the others are numbers, and stand right.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    num_text_columns: int = 1
    kind: ClassVar[str] = "table"


@dataclass(frozen=True)
class Bar:
    """One amount among others.

    Attributes:
        name: What it is of.
        value: The amount, written out.
        share: Its share of the whole, 0 to 1: the bar's length.
        note: What it means.
    """

    name: str
    value: str
    share: float
    note: str


@dataclass(frozen=True)
class Bars:
    """A table whose amounts are drawn as well."""

    caption: str
    columns: tuple[str, str, str]
    bars: Sequence[Bar]
    kind: ClassVar[str] = "bars"


@dataclass(frozen=True)
class Figure:
    """A drawing that says the same in words and in numbers.

    Attributes:
        title: What it shows.
        svg: The drawing; the only text that a report takes as markup.
        description: What one sees in it, for those who do not.
        table: The numbers drawn; None where a table beside it has them.
        note: How to read it.
    """

    title: str
    svg: str
    description: str
    table: Table | None
    note: str = ""
    kind: ClassVar[str] = "figure"


@dataclass(frozen=True)
class Confusion:
    """Images by true label (rows) and most likely label (columns)."""

    caption: str
    labels: Sequence[str]
    counts: Sequence[Sequence[int]]
    kind: ClassVar[str] = "confusion"


@dataclass(frozen=True)
class Tile:
    """One image in a look.

    Attributes:
        name: Its file name.
        said: What the model says of it.
        truth: Its true label, if that is another.
        picture: Its thumbnail as a data URI; None if it cannot be shown.
        alt: The same in words.
    """

    name: str
    said: str
    truth: str | None
    picture: str | None
    alt: str


@dataclass(frozen=True)
class Look:
    """Some images that have something in common."""

    title: str
    note: str
    tiles: Sequence[Tile]
    kind: ClassVar[str] = "look"


Block = Prose | Facts | Table | Bars | Figure | Confusion | Look


@dataclass(frozen=True)
class Section:
    """Blocks under one heading.

    Attributes:
        title: The heading.
        blocks: What stands below it.
        layout: On a wide page: `grid` puts two in a row, `pairs` a wide and a narrow one, `columns` flows.
    """

    title: str
    blocks: Sequence[Block]
    layout: str = "grid"

    @property
    def anchor(self) -> str:
        """Where links find it."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


@dataclass(frozen=True)
class Report:
    """A whole report.

    Attributes:
        title: Name of the folder.
        subtitle: What lies in it.
        key_figures: Three or four numbers.
        sections: The rest.
        notices: What limits all of it: missing shards, a sample.
    """

    title: str
    subtitle: str
    key_figures: Sequence[KeyFigure]
    sections: Sequence[Section]
    notices: Sequence[str] = field(default=())


@dataclass(frozen=True)
class SonarParts:
    """Sonar's share of a report."""

    subtitle: str
    key_figures: Sequence[KeyFigure]
    sections: Sequence[Section]
