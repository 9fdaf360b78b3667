"""Where a command begins, in a Python of its own."""

import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from jobs import cli, entry
from tests.source_tree import ROOT

_WITHOUT_LIBRARIES = (sys.executable, "-S")  # no site-packages: as a cluster whose nodes have Python alone


def _begin(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [*_WITHOUT_LIBRARIES, "-m", "jobs", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env={"PYTHONPATH": str(folder)})


def test_a_python_without_the_dependencies_is_one_line_that_says_what_to_do() -> None:
    ended = _begin("score", "--images", "/shared/photos", "--output", "/shared/run")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"error: Expected the dependencies of shardscore in {sys.executable}; it has no ")
    assert "module 'typer'. Install them with pip" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_missing_part_of_this_program_is_a_bug_and_keeps_its_traceback(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    for name in ("__init__.py", "__main__.py", "entry.py"):  # no cli.py
        (tmp_path / "jobs" / name).write_text((ROOT / "jobs" / name).read_text())
    ended = _begin("--help", folder=tmp_path)
    assert ended.returncode == 1
    assert "Traceback" in ended.stderr
    assert "No module named 'jobs.cli'" in ended.stderr


@pytest.mark.parametrize(
    ("output", "own", "expected"),
    [
        (Mock(isatty=lambda: True), {}, None),
        (Mock(isatty=lambda: True), {"NO_COLOR": "1"}, "0"),
        (Mock(isatty=lambda: False), {}, "0"),
        (Mock(isatty=lambda: False), {"RAY_COLOR_PREFIX": "1"}, "1"),
        (None, {}, "0"),
    ],
    ids=["terminal", "terminal without colours", "file", "the user's own", "closed"],
)
def test_ray_writes_colours_to_terminals_alone(
    output: Mock | None, own: dict[str, str], expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    environment = {name: value for name, value in os.environ.items() if name not in ("RAY_COLOR_PREFIX", "NO_COLOR")}
    monkeypatch.setattr(os, "environ", environment | own)
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(entry, "end_by_signals", lambda: None)
    monkeypatch.setattr(cli, "main", lambda: seen.append(os.environ.get("RAY_COLOR_PREFIX")))
    entry.main()
    assert seen == [expected]


_LOOK = """
import faulthandler, os, subprocess, sys
from jobs import cli, entry

def look():
    faulthandler.enable()
    print("to read:", repr(sys.stdin.read()), flush=True)
    print("to nowhere", file=sys.stderr, flush=True)
    with open(sys.argv[1], "w") as file:
        child = subprocess.run(["sh", "-c", "cat <&0 && echo out && echo error >&2"])
        file.write(f"{file.fileno() > 2} {child.returncode}")

cli.main = look
entry.main()
"""


@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-", ">&- 2>&-", "<&-"])
def test_closed_streams_are_opened_and_no_file_takes_their_place(closed: str, tmp_path: Path) -> None:
    command = ["sh", "-c", f'exec "$0" -c "$1" "$2" {closed}', sys.executable, _LOOK, str(tmp_path / "seen")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "seen").read_text() == "True 0"
    assert ended.stdout == ("" if ">&- " in closed else "to read: ''\nout\n")


@pytest.mark.parametrize("file", ["scoring.py", "scoring/__init__.py", "cluster.py", "scoring/notes.txt"])
def test_a_users_own_module_in_the_place_of_ours_is_named_in_one_line(file: str, tmp_path: Path) -> None:
    theirs = tmp_path / file
    theirs.parent.mkdir(exist_ok=True)
    theirs.write_text("")
    place = theirs.parent if theirs.suffix == ".txt" else theirs
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); import jobs; sys.path[0] = ''"]
    command[-1] += "; from jobs.entry import main; main()"
    command.append("score")
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env={"PYTHONSAFEPATH": "1"})
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"error: Expected shardscore's own packages beside {ROOT / 'jobs'}; {place} hides one of them. Rename that, or "
        "take its folder out of PYTHONPATH.\n"
    )
