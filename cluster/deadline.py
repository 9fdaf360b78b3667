"""How long a task or a start may take until its worker is taken to hang."""

from cluster.work import D, T
from cluster.worker import Worker

_FACTOR = 10.0  # times the longest that any task took
_LEAST_S = 60.0
_FIRST_S = 1800.0  # before any has ended, and for a start: compilation, a cold file system, a download


class Deadline:
    """Learns from the tasks that end.

    Args:
        fixed_s: Seconds that somebody asked for; then nothing is learnt.
        spare_s: Seconds that a task may lose to something else than work, beside those that are learnt.
    """

    def __init__(self, fixed_s: float | None = None, spare_s: float = 0.0) -> None:
        self._fixed_s = fixed_s
        self._spare_s = spare_s
        self._longest_s = 0.0
        self._start_factor = 1

    def learn(self, took_s: float) -> None:
        """Take note of a task that ended."""
        self._longest_s = max(self._longest_s, took_s)

    def seconds(self) -> float:
        """The deadline as of now."""
        if self._fixed_s is not None:
            return self._fixed_s
        return (max(_LEAST_S, _FACTOR * self._longest_s) if self._longest_s else _FIRST_S) + self._spare_s

    def start_seconds(self) -> float:
        """How long a worker's start may take."""
        return max(_FIRST_S, self._fixed_s or 0.0) * self._start_factor

    def missed_by(self, worker: Worker[T, D], now: float) -> str | None:
        """Why a worker is taken to hang, and is to be ended; None if it is not.

        After a start that took too long, the next, which begins anew, may take twice as long.

        Args:
            worker: It may do tasks, start, or do neither.
            now: By `time.monotonic()`.
        """
        deadline_s = self.seconds()
        if worker.tasks and now - worker.busy_since > deadline_s:
            return f"no result within {deadline_s:.0f} s: the actor hung and was replaced"
        if worker.is_starting and now - worker.busy_since > (start_s := self.start_seconds()):
            self._start_factor *= 2
            return (
                f"not ready within {start_s:.0f} s: the actor hung and was ended. "
                "Allow more with `shard_deadline`, where the command has it."
            )
        return None
