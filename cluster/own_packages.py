"""Our packages in a worker, where a driver's folder has modules of the same names: a user's cluster.py, or jobs/.

Ray looks in that folder, and in a job's, before it looks where we are installed. So what a worker calls first is here,
and comes to it by value: it needs none of our modules before ours are found first.
"""

import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from ray import cloudpickle

_PACKAGES = ("cluster", "jobs", "scoring")
_ROOT = str(Path(__file__).resolve().parents[1])  # the driver's

_cloudpickle: Any = cloudpickle  # untyped
_cloudpickle.register_pickle_by_value(sys.modules[__name__])


def find_first() -> None:
    """Let this process, and those that it starts, look for our packages in our folder before others that have such.

    Nothing else is looked for in another order.
    """
    folders = [folder for folder in sys.path if any(PathFinder.find_spec(name, [folder]) for name in _PACKAGES)]
    root = next(filter(_is_ours, folders), _ROOT)
    others = folders[: folders.index(root)] if root in folders else folders
    if not others or not _is_ours(root):
        return
    rest = [folder for folder in sys.path if folder not in others]
    if root not in rest:  # as after an install in place, which goes another way
        rest.append(root)
    behind = rest.index(root) + 1
    sys.path[:] = rest[:behind] + others + rest[behind:]


def _is_ours(folder: str) -> bool:
    found = PathFinder.find_spec("cluster", [folder])
    within = found.submodule_search_locations if found else None
    return bool(within) and PathFinder.find_spec("cluster.own_packages", within) is not None


class Actor:
    """`cluster.worker.Actor`, among the modules of a worker that finds ours first."""

    def __init__(self) -> None:
        find_first()
        from cluster import worker

        self._actor = worker.Actor()

    def begun(self) -> Any:
        """See there."""
        return self._actor.begun()

    def start(self, *arguments: Any) -> Any:
        """See there."""
        return self._actor.start(*arguments)

    def run(self, *arguments: Any) -> Any:
        """See there."""
        return self._actor.run(*arguments)


def packed(function: Any, *arguments: Any) -> bytes:
    """A call for `call_packed`, which Ray hands on without a look into it."""
    call: bytes = _cloudpickle.dumps((function, arguments))
    return call


def call_packed(call: bytes) -> Any:
    """In a worker that finds our modules first: make the call."""
    find_first()
    function, arguments = _cloudpickle.loads(call)
    return function(*arguments)
