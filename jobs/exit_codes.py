"""What a command's exit code says."""

COMPLETE, MISSING, NONSENSE, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143


class Terminated(BaseException):
    """SIGTERM arrived: stop as cleanly as after Ctrl-C."""
