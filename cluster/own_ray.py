"""A Ray that this process has begun, and is to leave."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import ray

from cluster import private_ray
from cluster.background_call import BackgroundCall
from cluster.own_processes import kill_own_ray

_LEAVE_S = 30.0  # to leave takes a second; what takes longer hangs
_RAYS_LOGGER = logging.getLogger("ray")


@dataclass
class OwnRay:
    """A Ray that a session of this process has begun.

    Attributes:
        address: Where; None for a local one.
        connecting: What began it, or still does.
        sessions: Those that use it.
        log_level: What Ray's logger had before.
        leaving: What leaves it.
    """

    address: str | None
    connecting: BackgroundCall
    sessions: set[object] = field(default_factory=set)
    log_level: int = field(default_factory=lambda: _RAYS_LOGGER.level)
    leaving: BackgroundCall = field(init=False)

    def __post_init__(self) -> None:
        self.leaving = BackgroundCall(self._leave)

    def end(self, is_ending: Callable[[], bool]) -> None:
        """Leave the cluster; nothing is left of one that was started here.

        Signals are heeded meanwhile, and cut nothing short where this process lives on: a Ray that is half left ends it
        a minute later, or keeps the next from its start. Where one came, this can be called again.

        Args:
            is_ending: Whether this process is about to end.
        """
        if is_ending() and (kill_own_ray() or self.connecting.is_running()):
            return  # what still starts ends with this process
        self.connecting.wait()
        if self.leaving.has_begun():
            self.leaving.wait()
        elif self.connecting.has_begun():
            try:
                self.leaving.run()
            except BaseException:  # a signal, in the middle of it: no worker that is just starting may stay
                self.leaving.wait(0 if is_ending() else _LEAVE_S)
                kill_own_ray()
                raise

    def _leave(self) -> None:
        try:
            ray.shutdown()
        finally:
            _RAYS_LOGGER.setLevel(self.log_level)
            if self.address is None:
                private_ray.read_settings()  # its token is of no use any more
            self.connecting.end()
            self.leaving.end()
