"""A table of names and values; on a terminal and in a log the same words."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table


def print_table(console: Console, title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Print names and values in two columns."""
    table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")  # a path is shown whole
    for name, value in rows:
        table.add_row(name, value)
    console.print(table)
