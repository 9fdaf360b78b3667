"""Programs of our own that a worker starts: what they are started with, and what their end tells."""

import os
import signal
import sys
from pathlib import Path

# What no library does to its process: the kernel takes its memory, or somebody ends it.
FROM_OUTSIDE = frozenset({-signal.SIGKILL, -signal.SIGTERM, -signal.SIGHUP})


def child_command(module: str, *arguments: object) -> list[str]:
    """What starts one of our modules as a program, with `child_environment`.

    It is neither forked, for this process has threads and a model, nor spawned by multiprocessing, which imports the
    main program again: Ray's, in an actor.
    """
    return [sys.executable, "-P", "-m", module, *map(str, arguments)]


def child_environment(**settings: str) -> dict[str, str]:
    """This process' environment with these settings, in which Python finds the modules that this process finds."""
    paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    return {**os.environ, "PYTHONPATH": paths, **settings}
