"""The tasks that were given up, and why."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console

from cluster.outcomes import TaskFailed
from cluster.work import T
from scoring.errors import IncompleteError, ModelError
from scoring.run.wording import plural

_NAMED = 10
_REASONS = 3


@dataclass(frozen=True)
class Missing:
    """What a command was to make and did not.

    Attributes:
        name: What it is called.
        reason: Why it is missing, in one line; None where nothing tells.
        is_refused: Whether the same command would be told the same again.
        place: The file that the reason names, where that of others names another; None if it is of none.
    """

    name: str
    reason: str | None = None
    is_refused: bool = False
    place: str | None = None

    @property
    def cause(self) -> str | None:
        """The reason without its file: others that are missing may have the same."""
        return self.reason and self.reason.rstrip(".").replace(self.place or "\0", "")


def given_up(failures: Sequence[TaskFailed[T]], name: Callable[[T], str] = str) -> list[Missing]:
    """The tasks that were given up, by name."""
    return [
        Missing(name(each.task), each.reason, isinstance(each.error, ModelError), _place(each.error))
        for each in failures
    ]


def _place(error: Exception | None) -> str | None:
    place = error.filename if isinstance(error, OSError) else getattr(error, "place", None)
    return None if place is None else str(place)


def print_failures(
    console: Console, failures: Sequence[TaskFailed[T]], start_failures: Sequence[str], name: Callable[[T], str] = str
) -> None:
    """Name every task that was given up, and every cause once."""
    for reason in dict.fromkeys(start_failures):
        console.print(f"a replacement actor could not start: {reason}", style="yellow")
    for failure in failures:
        attempts = plural(failure.attempts, "attempt")
        console.print(f"{name(failure.task)} is missing after {attempts}: {failure.reason}", style="red")


def check_nothing_missing(missing: Sequence[Missing], overwrite: bool = False, is_kept: bool = True) -> None:
    """Raise if anything was given up.

    Args:
        missing: What was.
        overwrite: Whether the command was told to begin from nothing.
        is_kept: Whether the next one goes on with what is not missing; else it begins anew.

    Raises:
        IncompleteError: It names what is missing, each reason once, though it is of several files, and what to do.
    """
    if missing:
        named = ", ".join(one.name for one in missing[:_NAMED])
        more = "" if len(missing) <= _NAMED else f", ... ({len(missing)} in all)"
        again = "it again without `overwrite`" if overwrite else "the same again"
        does = "does only what is missing" if is_kept else "begins anew"
        advice = "" if all(one.is_refused for one in missing) else f" Run {again}: it {does}."
        raise IncompleteError(f"Missing: {named}{more}.{_why(missing)}{advice}")


def _why(missing: Sequence[Missing]) -> str:
    alike: dict[str | None, list[str]] = {}
    for one in missing:
        if one.reason:
            alike.setdefault(one.cause, []).append(one.reason.rstrip("."))
    if not alike:
        return ""
    reasons = [told[0] + _of_others(len({*told}) - 1) for told in alike.values()]
    others = len(reasons) - _REASONS
    more = f"; and {plural(others, 'other reason')}" if others > 0 else ""
    return f" Why: {'; '.join(reasons[:_REASONS])}{more}."


def _of_others(num: int) -> str:
    return f", and so of {plural(num, 'other')}" if num else ""
