"""How much memory this process has used."""

import resource
import sys

# `ru_maxrss` counts kibibytes on Linux, bytes on macOS: getrusage(2) of each.
_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


def peak_memory_bytes() -> int:
    """The most memory that this process ever held at one time, shared libraries included."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT_BYTES
