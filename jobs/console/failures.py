"""The tasks that were given up, and why."""

from collections.abc import Callable, Sequence

from rich.console import Console

from cluster.ledger import TaskFailed
from cluster.work import T
from scoring.errors import IncompleteError

_NAMED = 10


def print_failures(
    console: Console, failures: Sequence[TaskFailed[T]], start_failures: Sequence[str], name: Callable[[T], str] = str
) -> None:
    """Name every task that was given up, and every cause once."""
    for reason in dict.fromkeys(start_failures):
        console.print(f"a replacement actor could not start: {reason}", style="yellow")
    for failure in failures:
        console.print(
            f"{name(failure.task)} is missing after {failure.attempts} attempts: {failure.reason}", style="red"
        )


def check_nothing_missing(
    missing: Sequence[T], name: Callable[[T], str] = str, overwrite: bool = False, is_kept: bool = True
) -> None:
    """Raise if anything was given up.

    Args:
        missing: What was.
        name: Names one of them.
        overwrite: Whether the command was told to begin from nothing.
        is_kept: Whether the next one goes on with what is not missing; else it begins anew.

    Raises:
        IncompleteError: It names what is missing, and what to do.
    """
    if missing:
        named = ", ".join(name(one) for one in missing[:_NAMED])
        more = "" if len(missing) <= _NAMED else f", ... ({len(missing)} in all)"
        again = "it again without `overwrite`" if overwrite else "the same again"
        does = "does only what is missing" if is_kept else "begins anew"
        raise IncompleteError(f"Missing: {named}{more}. Run {again}: it {does}.")
