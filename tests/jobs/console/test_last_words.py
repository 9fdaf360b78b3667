import subprocess
import sys

import pytest

_SCRIPT = """
import os, sys
from jobs.console.last_words import last_words, note_removal

with last_words():
    if {is_removed}:
        note_removal()
    {end}
"""


@pytest.mark.parametrize(
    ("is_removed", "advice"), [(False, "Run it again."), (True, "Run it again without --overwrite.")]
)
@pytest.mark.parametrize("end", ["os._exit(1)", "os.kill(os.getpid(), 9)"])
def test_a_process_that_is_ended_from_outside_says_what_to_do(end: str, is_removed: bool, advice: str) -> None:
    script = _SCRIPT.format(end=end, is_removed=is_removed)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode in (1, -9)
    assert ended.stderr.startswith("This command was ended from outside")
    assert ended.stderr.endswith(f"What is finished is kept. {advice}\n")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("is_removed", [False, True])
@pytest.mark.parametrize("end", ["pass", "sys.exit(1)", "sys.exit(130)"])
def test_a_process_that_ends_by_itself_says_nothing_more(end: str, is_removed: bool) -> None:
    script = _SCRIPT.format(end=end, is_removed=is_removed)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert not ended.stderr


def test_without_a_shell_it_goes_on() -> None:
    script = _SCRIPT.format(end="print('went on')", is_removed=True)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env={"PATH": "/nowhere"})
    assert (ended.stdout, ended.stderr) == ("went on\n", "")
