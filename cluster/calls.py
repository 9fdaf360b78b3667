"""The calls of actors that have not returned, and which worker and task each belongs to."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic

import ray

from cluster.ledger import Assignment
from cluster.nodes import check_open
from cluster.work import D, T
from cluster.worker import Worker


@dataclass(frozen=True)
class Call(Generic[T, D]):
    """One call of an actor.

    Attributes:
        worker: The one whose actor was called.
        assignment: What it was given to do; None if the call is one of its start.
        asks_begun: It only asks whether the start has begun.
    """

    worker: Worker[T, D]
    assignment: Assignment[T] | None
    asks_begun: bool = False


class OpenCalls(Generic[T, D]):
    """Calls by Ray's references to their results."""

    def __init__(self) -> None:
        self._calls: dict[Any, Call[T, D]] = {}

    def add(self, reference: Any, call: Call[T, D]) -> None:
        """Wait for this call as well."""
        self._calls[reference] = call

    def ended(self, patience_s: float) -> Iterator[tuple[Any, Call[T, D]]]:
        """Wait until one has returned, at most `patience_s`, and yield all that have; those forgotten meanwhile not.

        Raises:
            WorkersLostError: If Ray was shut down.
        """
        check_open()
        references = list(self._calls)
        try:
            has_ended = references and ray.wait(references, num_returns=1, timeout=patience_s)[0]
        except SystemExit:  # what Ray's wait may end with when another thread shuts Ray down
            check_open()
            raise
        check_open()
        if not has_ended:
            return
        # All there are: each look costs time for every call that has not returned.
        for reference in ray.wait(references, num_returns=len(references), timeout=0)[0]:
            call = self._calls.pop(reference, None)
            if call:
                yield reference, call

    def forget(self, worker: Worker[T, D]) -> None:
        """Wait no more for the calls of a worker that is gone."""
        self._calls = {reference: call for reference, call in self._calls.items() if call.worker is not worker}

    def clear(self) -> None:
        """Forget all calls."""
        self._calls.clear()
