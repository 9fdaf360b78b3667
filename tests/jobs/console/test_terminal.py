import os
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.errors import RayChangedWarning
from jobs.console.exit_codes import exit_codes
from jobs.console.terminal import Terminal, console_for, format_warning
from scoring.errors import RequestError

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


_NAME = r"""
from jobs.console.terminal import print_table
from jobs.console.terminal import Terminal, console_for

for console in (Terminal(), console_for(True)):
    console.print("scoring \u65e5\u672c of fotos_\udce9", style="yellow")
    print_table(console, "\u65e5", [("\u672c", "caf\u00e9")])
"""


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("latin-1", ["scoring \\u65e5\\u672c of fotos_\\udce9", "\\u65e5", "\\u672c  café"]),
        ("ascii", ["scoring \\u65e5\\u672c of fotos_\\udce9", "\\u65e5", "\\u672c  caf\\xe9"]),
        ("utf-8", ["scoring 日本 of fotos_\\udce9", "日", "本  café"]),
    ],
)
def test_what_an_encoding_cannot_say_is_spelled_out(encoding: str, said: list[str]) -> None:
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    root = Path(__file__).parents[3]
    spoken = subprocess.check_output([sys.executable, "-c", _NAME], cwd=root, env=environment)
    assert [line.rstrip() for line in spoken.decode(encoding).splitlines()] == [*said, *said]


_WIDE = """
from jobs.console.terminal import print_table
from jobs.console.terminal import Terminal, console_for

for console in (Terminal(), console_for(True)):
    print_table(console, "run", [("images", "b" * 60)])
"""


@pytest.mark.parametrize("columns", ["0", "5", "60"])
def test_a_log_is_not_narrowed_by_columns(columns: str) -> None:
    root = Path(__file__).parents[3]
    spoken = subprocess.check_output(
        [sys.executable, "-c", _WIDE], cwd=root, env=os.environ | {"COLUMNS": columns}, text=True
    )
    assert [line.rstrip() for line in spoken.splitlines()] == ["run", f"images  {'b' * 60}"] * 2


@pytest.mark.parametrize(("columns", "width"), [("0", 40), ("5", 40), ("60", 60)])
def test_a_terminal_keeps_its_width_if_words_have_room(
    columns: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert console_for(True).width == width


_MARKS = r"""
from jobs.console.terminal import print_table
from jobs.console.terminal import Terminal, console_for

for console in (Terminal(), console_for(True)):
    console.print("2 rows in a:dog:b/[red]c", style="yellow")
    print_table(console, "a:dog:b", [("a:dog:b", "[red]c")])
"""


def test_names_are_printed_as_they_are_spelled() -> None:
    spoken = subprocess.check_output([sys.executable, "-c", _MARKS], cwd=Path(__file__).parents[3], text=True)
    said = ["2 rows in a:dog:b/[red]c", "a:dog:b", "a:dog:b  [red]c"]
    assert [line.rstrip() for line in spoken.splitlines()] == [*said, *said]


_HOSTILE = r"""
import warnings
from cluster.errors import RayChangedWarning
from jobs.console.exit_codes import exit_codes
from jobs.console.terminal import Terminal, console_for, format_warning, print_table
from scoring.errors import RequestError

name = "cat\x1b[31m\x1b]0;mine\x07\r\nerror: it is \u202etac\x85"
for console in (Terminal(), console_for(True)):
    console.print(f"scoring {name}", style="yellow")
    print_table(console, name, [(name, name)])
Terminal(quiet=True).print(name, style="yellow")
warnings.formatwarning = format_warning
warnings.warn(RayChangedWarning(name))
with exit_codes():
    raise RequestError(f"Expected another than {name}.")
"""


def test_what_would_lead_a_terminal_or_begin_a_line_is_spelled_out() -> None:
    root, environment = Path(__file__).parents[3], os.environ | {"PYTHONIOENCODING": "utf-8", "COLUMNS": "300"}
    spoken = subprocess.run([sys.executable, "-c", _HOSTILE], cwd=root, env=environment, capture_output=True)
    name = r"cat\u001b[31m\u001b]0;mine\u0007\u000d\u000aerror: it is \u202etac\u0085"
    said = [f"scoring {name}", name, f"{name}  {name}"]
    assert [line.rstrip() for line in spoken.stdout.decode().split("\n")] == [*said, *said, ""]
    assert spoken.stderr.decode() == f"{name}\nwarning: {name}\nerror: Expected another than {name}.\n"


_ORDINARY = ["日本", "cafe\u0301", "👩\u200d🚀 🏳️\u200d🌈 👍🏽", "חתול", "می\u200cشود", "\u3000x\u00a0y"]


@pytest.mark.parametrize("name", _ORDINARY)
def test_names_of_all_scripts_are_printed_as_they_are(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    console_for(True).print(f"a {name} b")
    with pytest.raises(SystemExit), exit_codes():
        raise RequestError(name)
    spoken = capsys.readouterr()
    assert (spoken.out, spoken.err) == (f"a {name} b\n", f"error: {name}\n")


def test_what_another_process_printed_is_passed_on_with_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal().out("one\n\ttwo\n", end="")
    assert capsys.readouterr().out == "one\n        two\n"


def test_our_warning_is_one_line_with_flags_and_a_librarys_names_its_place() -> None:
    ours = format_warning(RayChangedWarning("Ray 9 does not say. Use `wait_for_nodes`."), RayChangedWarning, "x.py", 3)
    assert ours == "warning: Ray 9 does not say. Use --wait-for-nodes.\n"
    theirs = format_warning(FutureWarning("`wait_for_nodes` goes"), FutureWarning, "x.py", 3)
    assert theirs == "x.py:3: FutureWarning: `wait_for_nodes` goes\n"
