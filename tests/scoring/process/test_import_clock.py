import subprocess
import sys

_PROGRAM = """
import time
from scoring.process.import_clock import imported_at, libraries_are_imported

assert imported_at() == 0
before = time.time()
libraries_are_imported()
noted = imported_at()
assert abs(noted - before) < 1  # its own clock is of microseconds
time.sleep(0.01)
libraries_are_imported()
assert imported_at() == noted
"""


def test_the_first_time_counts() -> None:
    subprocess.run([sys.executable, "-c", _PROGRAM], check=True)
