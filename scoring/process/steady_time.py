"""The time of day as it goes on from this process's start, whatever its machine's clock is set to meanwhile."""

import time

_started_at = time.time() - time.monotonic()


def steady_time() -> float:
    """Seconds since the epoch by the clock as it was first: those between two calls have passed."""
    return _started_at + time.monotonic()
