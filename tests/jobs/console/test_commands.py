import inspect
from collections.abc import Callable, Sequence
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from jobs import api
from jobs.cli import COMMANDS
from jobs.console.commands import command
from jobs.console.terminal import Terminal
from scoring.errors import IncompleteError

_FUNCTIONS = [api.score, api.finetune, api.status, api.sonar, api.submission, api.report]
_ONLY_COMMAND = {"status": {"json"}}  # how it is printed
_ONLY_FUNCTION = {"verbose"}


def _parameters(name: str) -> dict[str, Any]:
    app = import_module(COMMANDS[name]).app
    return {str(each.name): each for each in typer.main.get_command(app).params if each.name != "help"}


@pytest.mark.parametrize("function", _FUNCTIONS, ids=lambda function: function.__name__)
def test_command_and_function_have_the_same_names_and_defaults(function: Callable[..., object]) -> None:
    name = function.__name__
    taken = {each: of for each, of in inspect.signature(function).parameters.items() if each not in _ONLY_FUNCTION}
    typed = {each: of for each, of in _parameters(name).items() if each not in _ONLY_COMMAND.get(name, set())}
    assert list(typed) == list(taken)
    for each, parameter in taken.items():
        is_required = parameter.default is inspect.Parameter.empty
        assert typed[each].required == is_required, each
        if not is_required:
            assert typed[each].default == parameter.default, each


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_and_argument_has_its_help(name: str) -> None:
    assert [each for each, parameter in _parameters(name).items() if not parameter.help] == []


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


def paint(
    wall: str | Path,
    *,
    colour: Colour | str = Colour.RED,
    layers: int | None = None,
    stencil: Sequence[Colour | str] | None = None,
    dry_run: bool = False,
    verbose: bool | Console = False,
) -> dict[str, Any]:
    """Paint a wall
    and leave.

    Args:
        wall: Which one; `labels_from`
            is a field: a flag here.
        colour: Of the paint.
        layers: How many.
        stencil: Repeatable.
        dry_run: Only look.
        verbose: Where to print.

    Raises:
        IncompleteError: If there are no layers.
    """
    if layers == 0:
        raise IncompleteError("No `layers`.")
    assert isinstance(verbose, Terminal)
    painted = {"wall": wall, "colour": colour, "layers": layers, "stencil": stencil, "dry_run": dry_run}
    verbose.print(repr(painted))
    return painted


_APP = command("paint", paint, is_whole=lambda painted: not painted["dry_run"])


@pytest.mark.parametrize(
    ("line", "code", "printed"),
    [
        ("north", 0, "{'wall': 'north', 'colour': <Colour.RED: 'red'>, 'layers': None, 'stencil': None, "),
        ("north --colour blue --layers 2", 0, "'colour': <Colour.BLUE: 'blue'>, 'layers': 2"),
        ("north --stencil red --stencil blue", 0, "'stencil': [<Colour.RED: 'red'>, <Colour.BLUE: 'blue'>]"),
        ("north --dry-run", 1, "'dry_run': True"),
        ("north --layers 0", 1, "error: No `layers`."),
        ("north --no-dry-run", 2, "No such option"),
        ("north --verbose", 2, "No such option"),
        ("north --colour green", 2, "green"),
        ("", 2, "Missing argument 'WALL'"),
    ],
)
def test_words_of_a_command_line_are_read_as_the_function_takes_them(line: str, code: int, printed: str) -> None:
    result = CliRunner().invoke(_APP, line.split())
    assert result.exit_code == code
    assert printed in result.output


def test_help_is_the_docstring_with_fields_as_flags() -> None:
    shown = typer.main.get_command(_APP)
    assert shown.help == "Paint a wall and leave."
    assert [getattr(each, "help", None) for each in shown.params][:2] == [
        "Which one; --labels-from is a field: a flag here.",
        "Of the paint.",
    ]
