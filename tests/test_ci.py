"""What CI refuses to have skipped, and the oldest versions that it tries."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.source_tree import ROOT


@pytest.mark.ci
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


def test_the_oldest_versions_that_are_tried_are_the_oldest_that_are_taken() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    taken = {found.name: found for found in map(Requirement, project["dependencies"])}
    tried = [line for line in (ROOT / "tests" / "oldest.txt").read_text().splitlines() if not line.startswith("#")]
    assert len(tried) > 5
    for line in tried:
        name, _, version = line.partition("==")
        lower = next(bound.version for bound in taken[name].specifier if bound.operator == ">=")
        assert f"{version}.".startswith(f"{lower}."), f"{line} is not {taken[name]}'s oldest"


@pytest.mark.ci
def test_tests_of_one_file_are_run_by_one_process(tmp_path: Path) -> None:
    """A pytest whose ids pytest-xdist cannot group by starts every file's Ray, and trains its models, three times."""
    for name in ("one", "two"):
        (tmp_path / f"test_{name}.py").write_text(
            "import os, pathlib, pytest\n\n@pytest.mark.parametrize('number', range(8))\n"
            f"def test_it(number): pathlib.Path(f'{name}-{{os.getpid()}}').touch()\n"
        )
    _share_out(tmp_path, "pytest_collection_modifyitems")
    assert sorted(path.name.partition("-")[0] for path in tmp_path.glob("*-*")) == ["one", "two"]


@pytest.mark.ci
def test_processes_that_share_tests_name_them_alike_where_files_hold_the_time(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import os, pytest\n\n@pytest.mark.parametrize('content', [os.urandom(17), os.urandom(17)])\n"
        "def test_it(content): pass\n"
    )
    _share_out(tmp_path, "pytest_make_parametrize_id")


def _share_out(folder: Path, hook: str) -> None:
    """Run the tests of `folder` by two processes, under one hook of ours."""
    (folder / "conftest.py").write_text(f"from tests.conftest import {hook}  # noqa: F401\n")
    command = [sys.executable, "-m", "pytest", "-q", f"--rootdir={folder}", "-n", "2", "--dist", "loadgroup"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout
