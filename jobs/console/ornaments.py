"""What only adorns a job, figures and progress, can fail without stopping it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from cluster.notices import notice

Thing = TypeVar("Thing")


class OrnamentWarning(UserWarning):
    """An ornament failed and is left out from now on; its text is one line meant for the user."""


class Ornament(Generic[Thing]):
    """A part that a job can do without: its first fault is a warning, and it is not used again.

    Args:
        name: What to call it, as the subject of a sentence.
        make: Builds it.
    """

    def __init__(self, name: str, make: Callable[[], Thing]) -> None:
        self._name = name
        self._thing: Thing | None = None
        with self._fence():
            self._thing = make()

    def do(self, step: Callable[[Thing], object]) -> None:
        """Have it do something, if it still can."""
        if self._thing is not None:
            with self._fence():
                step(self._thing)

    @contextmanager
    def _fence(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001
            self._thing = None
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]
            text = f"{self._name} ended early ({reason}). The job goes on without it."
            notice(text, OrnamentWarning)
