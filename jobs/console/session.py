"""A command's session with Ray: left at once when a signal stops the command."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from cluster import session
from cluster.session import check_not_forked
from jobs.console import exit_codes, last_words
from jobs.console.places import check_own_folder
from jobs.console.stop_signals import stop_signals
from scoring.storage.locations import Location

__all__ = ["check_not_forked", "open_session", "tell_removed"]


@contextmanager
def open_session(address: str | None) -> Iterator[None]:
    """See `cluster.session.open_session`.

    Raises:
        RequestError: If this process is in a folder that is gone.
    """
    check_own_folder()
    with last_words.last_words(), session.open_session(address, stop_signals.are_stopping):
        yield


def tell_removed(console: Console, place: Location) -> None:
    """Say that a place holds no earlier results now, be it that it never did; what to do after a stop goes by that."""
    exit_codes.note_removal()
    last_words.note_removal()
    console.print(f"no earlier results are left in {place}")
