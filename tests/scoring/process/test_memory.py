import subprocess
import sys
from pathlib import Path

import numpy as np

from scoring.process.memory import peak_memory_bytes

_LOOK = "from scoring.process.memory import peak_memory_bytes; print(peak_memory_bytes())"


def test_what_a_parent_holds_does_not_count() -> None:
    held = np.ones(300_000_000, np.uint8)
    looked = subprocess.run(
        [sys.executable, "-c", _LOOK], cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True
    )
    assert 5_000_000 < int(looked.stdout) < len(held) < peak_memory_bytes()
