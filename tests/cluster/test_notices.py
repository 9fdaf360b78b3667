import subprocess
import sys

import pytest

_PROGRAM = "from cluster.errors import WaitingWarning\nfrom cluster.notices import notice\n"
_PROGRAM += "notice('It waits.', WaitingWarning); notice('It waits.', WaitingWarning); print('went on')"


@pytest.mark.parametrize("options", [[], ["-W", "error"], ["-W", "error::UserWarning"]])
def test_a_notice_is_one_line_and_stops_nothing_where_warnings_are_errors(options: list[str]) -> None:
    done = subprocess.run([sys.executable, *options, "-c", _PROGRAM], capture_output=True, text=True)
    assert done.stdout == "went on\n"
    assert done.stderr == "shardscore:1: WaitingWarning: It waits.\n" * 2


def test_a_notice_is_silent_where_python_is_told_to_ignore_it() -> None:
    program = f"import warnings; warnings.simplefilter('ignore'); {_PROGRAM}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("went on\n", "")
