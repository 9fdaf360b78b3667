"""What a process of a command does at a gate: wait before it writes a file, for as long as the test says.

The orders are a file `closed` in the gate's folder: a pattern of names, and how many files of that name may lie in a
folder before whoever wants to write another one is held. While a process is held, `waiting/PID` is there.
"""

import json
import os
import time
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

_LOOK_S = 0.02


def pass_gate(gate: Path, file: Any) -> None:
    """Return when the gate lets `file`, a path or a URL, be written."""
    mark = gate / "waiting" / str(os.getpid())
    held = False
    while _holds(gate, file):
        held = True
        mark.parent.mkdir(exist_ok=True)
        mark.touch()
        time.sleep(_LOOK_S)
    if held:
        mark.unlink(missing_ok=True)


def _holds(gate: Path, file: Any) -> bool:
    try:
        orders = json.loads((gate / "closed").read_text())
    except FileNotFoundError:
        return False
    return fnmatch(file.name, orders["pattern"]) and len(list(file.parent.glob(orders["pattern"]))) >= orders["limit"]
