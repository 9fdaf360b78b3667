import io
from collections.abc import Iterator
from importlib import import_module

import pytest
import typer
from rich.table import Table

from jobs.cli import COMMANDS
from jobs.console.exit_codes import exit_codes
from jobs.console.flags import ARGUMENTS, OPTIONS, as_flags
from jobs.console.terminal import Terminal
from scoring.errors import RequestError


def _parameters() -> Iterator[tuple[str, list[str]]]:
    """Every parameter of every command: its name, and what is typed for it."""
    for module in COMMANDS.values():
        for parameter in typer.main.get_command(import_module(module).app).params:
            assert parameter.name
            yield parameter.name, parameter.opts


def test_flags_are_those_of_the_commands_and_are_their_fields_with_dashes() -> None:
    options = {name: typed for name, typed in _parameters() if typed[0].startswith("--")}
    assert set(options) - {"help"} == OPTIONS
    assert {name: [as_flags(f"`{name}`")] for name in options if name != "help"} == {
        name: typed[:1] for name, typed in options.items() if name != "help"
    }
    assert {name for name, typed in _parameters() if not typed[0].startswith("--")} == ARGUMENTS


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Expected `labels_from` to be names.", "Expected --labels-from to be names."),
        ("`epochs` and `learning_rate`", "--epochs and --learning-rate"),
        ("Expected `run` to be a folder.", "Expected RUN to be a folder."),
        ("written by `shardscore score`", "written by `shardscore score`"),
        ("the layer `block5_conv3`", "the layer `block5_conv3`"),
        ("a file named weights", "a file named weights"),
    ],
)
def test_known_fields_in_backticks_become_flags_and_nothing_else_does(message: str, shown: str) -> None:
    assert as_flags(message) == shown


def test_an_error_names_the_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), exit_codes():
        raise RequestError("Expected `batch_size` of at least 1; received 0.")
    assert capsys.readouterr().err == "error: Expected --batch-size of at least 1; received 0.\n"


def test_a_terminal_shows_flags_in_lines_and_in_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr("sys.stdout", shown)
    console = Terminal()
    table = Table("bound by", title="think of `precision`")
    table.add_row("more `cpus_per_actor`")
    console.print(table)
    console.print("`verify` reads every row of runs/[bold]")
    words = shown.getvalue()
    assert "think of --precision" in words
    assert "more --cpus-per-actor" in words
    assert "--verify reads every row of runs/[bold]\n" in words
