"""What CI refuses to have skipped."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.source_tree import ROOT


@pytest.mark.parametrize(
    ("reason", "is_refused"),
    [
        ("could not import 'openvino': No module named 'openvino'", True),
        ("no Chromium: install it as `chromium`", True),
        ("no real data: set SHARDSCORE_DATA, or put it at /nowhere", False),
        ("this needs a GPU", False),
    ],
)
def test_ci_refuses_skips_for_want_of_what_can_be_installed(tmp_path: Path, reason: str, is_refused: bool) -> None:
    module = tmp_path / "test_it.py"
    module.write_text(f"import pytest\n\ndef test_one(): pytest.skip({reason!r})\n\ndef test_two(): pass\n")
    report = tmp_path / "tests.xml"
    pytest_command = [sys.executable, "-m", "pytest", "-q", f"--rootdir={tmp_path}", f"--junitxml={report}"]
    subprocess.run([*pytest_command, module], cwd=tmp_path, check=True, capture_output=True)
    script = ROOT / ".ci" / "refuse_skips.py"
    ended = subprocess.run([sys.executable, script, report], capture_output=True, text=True)
    assert ended.returncode == int(is_refused), ended.stderr
    assert (reason in ended.stderr) == is_refused
