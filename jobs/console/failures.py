"""What was given up, and why."""

from collections.abc import Sequence

from rich.console import Console

from cluster.ledger import TaskFailed
from scoring.errors import IncompleteError

_NAMED = 10


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


def check_nothing_missing(missing: Sequence[object], task: str = "shard") -> None:
    """Raise if anything was given up.

    Raises:
        IncompleteError: It names what is missing, and what to do.
    """
    if missing:
        named = ", ".join(str(one) for one in missing[:_NAMED])
        more = "" if len(missing) <= _NAMED else f", ... ({len(missing)} in all)"
        raise IncompleteError(f"Of the {task}s these are missing: {named}{more}. Run the same again for just those.")
