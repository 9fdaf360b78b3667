"""When a job reached each of its steps: kept in `run.json`, so that a slow start can be told from slow work."""

import time
from dataclasses import dataclass

# The name, for people, of what takes the time before each milestone; in order of time.
PHASES = {
    "command_at": "Python",
    "ray_at": "Ray",
    "process_at": "actor",
    "imported_at": "libraries",
    "worker_at": "model",
    "first_batch_at": "first batch",
    "last_shard_at": "other batches",
    "summary_at": "summary",
}


@dataclass
class Milestones:
    """Seconds since the epoch, by the clock as it was when the command began; None for what has not been reached.

    Attributes:
        command_at: The request has been read.
        ray_at: The session is open, and every node sees what it needs.
        worker_at: The first worker has loaded its model.
        first_batch_at: The first batch has passed a model; it compiles.
        last_shard_at: The last shard's file is in place.
        summary_at: The summary has been made.
        process_at: The first worker's process runs, by the clock of its machine.
        imported_at: That process has imported the libraries that run its network.
    """

    command_at: float
    ray_at: float | None = None
    worker_at: float | None = None
    first_batch_at: float | None = None
    last_shard_at: float | None = None
    summary_at: float | None = None
    process_at: float | None = None
    imported_at: float | None = None

    def __post_init__(self) -> None:
        self._began = time.monotonic()

    def since_command_s(self) -> float:
        """Seconds since the command began, in its own process; a clock that is set back makes them no fewer."""
        return time.monotonic() - self._began

    def now(self) -> float:
        """What to note for a step that has just been reached."""
        return self.command_at + self.since_command_s()


def phases(milestones: Milestones, started_at: float, ended_at: float) -> dict[str, float]:
    """Seconds of each phase of a whole process, by its name in `PHASES`, and of its exit; in all, as many as it took.

    Where the clocks of machines differ, or one was set, a phase may seem to end before the one before it: it took none.

    Args:
        milestones: What the job reached; phases that were not are left out.
        started_at: When its process was started, in seconds since the epoch.
        ended_at: When it was gone.
    """
    times = {phase: getattr(milestones, name) for name, phase in PHASES.items()} | {"exit": ended_at}
    found, before = {}, started_at
    for phase, at in times.items():
        if at is not None:
            found[phase] = max(0.0, min(at, ended_at) - before)
            before += found[phase]
    return found
