"""Faults of the cluster: what cannot be placed, started or kept alive."""


class ClusterError(Exception):
    """Base of all faults raised by `cluster`; its text is one line meant for the user."""


class RayChangedWarning(UserWarning):
    """A private part of Ray is not what it was; its text is one line meant for the user: what is slower or less."""


class WaitingWarning(UserWarning):
    """A job waits for what other work holds, a slow start or a node in a lost one's place; its text is one line."""


class PlacementError(ClusterError):
    """What is asked of the cluster makes no sense, or is more than it has: the same request would fail again."""


class SessionError(ClusterError):
    """No Ray cluster could be reached or started."""


class WorkerStartError(ClusterError):
    """A worker could not be built; `__cause__` holds the real fault where one is known."""


class WorkersLostError(ClusterError):
    """No worker is left and no new one can be started, or no node came for one, or Ray itself has ended."""
