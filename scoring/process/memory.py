"""How much memory this process has used."""

import re
import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")
# `ru_maxrss` counts kibibytes on Linux, bytes on macOS: getrusage(2) of each.
_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


def peak_memory_bytes() -> int:
    """The most memory that this process ever held at one time, shared libraries included.

    On Linux `VmHWM` of proc_pid_status(5): there getrusage says what the parent held, if that was more.
    """
    status = _STATUS.read_bytes() if _STATUS.exists() else b""
    if peak := re.search(rb"VmHWM:\s*(\d+) kB", status):
        return int(peak[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT_BYTES
