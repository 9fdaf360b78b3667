"""Tables that commands share, on a terminal; the same words in a log."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from cluster.ledger import TaskFailed


def print_failures(
    console: Console, failures: Sequence[TaskFailed], start_failures: Sequence[str], task: str = "shard"
) -> None:
    """Name every task that was given up, and every cause once."""
    for reason in dict.fromkeys(start_failures):
        console.print(f"a replacement actor could not start: {reason}", style="yellow")
    for failure in sorted(failures, key=lambda failure: failure.task):
        console.print(
            f"{task} {failure.task} is missing after {failure.attempts} attempts: {failure.reason}", style="red"
        )
    if failures:
        console.print(f"{len(failures)} {task}s are missing. Run the same command again for just those.")


def print_table(console: Console, title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Print names and values in two columns."""
    table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")  # a path is shown whole
    for name, value in rows:
        table.add_row(name, value)
    console.print(table)
