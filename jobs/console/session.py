"""A command's session with Ray: left at once when a signal stops the command."""

from contextlib import AbstractContextManager

from cluster import session
from jobs.console.stop_signals import stop_signals


def open_session(address: str | None) -> AbstractContextManager[None]:
    """See `cluster.session.open_session`."""
    return session.open_session(address, stop_signals.are_stopping)
