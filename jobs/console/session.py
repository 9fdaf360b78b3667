"""A command's session with Ray: left at once when a signal stops the command."""

from collections.abc import Iterator
from contextlib import contextmanager

from cluster import session
from jobs.console.last_words import last_words
from jobs.console.stop_signals import stop_signals


@contextmanager
def open_session(address: str | None, overwrite: bool = False) -> Iterator[None]:
    """See `cluster.session.open_session`; `overwrite` says whether the command was told to begin from nothing."""
    with last_words(overwrite), session.open_session(address, stop_signals.are_stopping):
        yield
