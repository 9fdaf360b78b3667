import os
import subprocess
import sys
from pathlib import Path

import pytest

_SPEAK = """
import sys
from jobs.console.terminal import Terminal, console_for

for console in (Terminal(), console_for(True)):
    for _ in range(3):
        console.print("a line " * 1000)
print("went on", file=sys.stderr)
"""


@pytest.mark.parametrize("output", ["closed", "full"])
def test_a_job_goes_on_when_nobody_can_hear_it(output: str) -> None:
    if output == "full":
        target = os.open("/dev/full", os.O_WRONLY)
    else:
        reading, target = os.pipe()
        os.close(reading)
    try:
        spoken = subprocess.run(
            [sys.executable, "-c", _SPEAK],
            cwd=Path(__file__).parents[3],
            stdout=target,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        os.close(target)
    assert (spoken.stderr, spoken.returncode) == ("went on\n", 0)
