import contextlib
import inspect
import io
import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from jobs import api
from jobs.cli import COMMANDS, app
from jobs.console.commands import command
from jobs.console.flags import group_of
from jobs.console.terminal import Terminal
from scoring import __version__
from scoring.errors import IncompleteError
from scoring.storage.locations import Url

_FUNCTIONS = [api.score, api.finetune, api.status, api.sonar, api.submission, api.report]
_ONLY_COMMAND = {"json", "quiet"}  # how it is printed
_ONLY_FUNCTION = {"verbose"}


def _parameters(name: str) -> dict[str, Any]:
    made = import_module(COMMANDS[name]).app
    return {str(each.name): each for each in typer.main.get_command(made).params if each.name != "help"}


@pytest.mark.parametrize("function", _FUNCTIONS, ids=lambda function: function.__name__)
def test_command_and_function_have_the_same_names_and_defaults(function: Callable[..., object]) -> None:
    name = function.__name__
    taken = {each: of for each, of in inspect.signature(function).parameters.items() if each not in _ONLY_FUNCTION}
    typed = {each: of for each, of in _parameters(name).items() if each not in _ONLY_COMMAND}
    assert set(typed) == set(taken)
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
    brush: Sequence[str | Path] | str | Path | None = None,
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
        brush: One or more.
        dry_run: Only look.
        verbose: Where to print.

    Raises:
        IncompleteError: If there are no layers.
    """
    if layers == 0:
        raise IncompleteError("No `layers`.")
    assert isinstance(verbose, Terminal)
    painted = {"wall": wall, "colour": colour, "layers": layers, "stencil": stencil, "brush": brush, "dry_run": dry_run}
    verbose.print(repr(painted))
    return painted


_APP = command("paint", paint, is_whole=lambda painted: not painted["dry_run"], examples=["paint north"])


@pytest.mark.parametrize(
    ("line", "code", "printed"),
    [
        (
            "north",
            0,
            "{'wall': 'north', 'colour': <Colour.RED: 'red'>, 'layers': None, 'stencil': None, 'brush': None, ",
        ),
        ("north --colour blue --layers 2", 0, "'colour': <Colour.BLUE: 'blue'>, 'layers': 2"),
        ("north --stencil red --stencil blue", 0, "'stencil': [<Colour.RED: 'red'>, <Colour.BLUE: 'blue'>]"),
        ("north --brush wide --brush fine", 0, "'brush': ['wide', 'fine']"),
        ("north --dry-run", 1, "'dry_run': True"),
        ("north --layers 0", 1, "error: No `layers`."),
        ("north --no-dry-run", 2, "No such option"),
        ("north --verbose", 2, "No such option"),
        ("north --colour green", 2, "'--colour': 'green' is not one of"),
        ("north --layers many", 2, "'many'"),
        ("north --layers", 2, "requires an argument"),
        ("north --layers 2 --dry-run --layers 2 --dry-run", 1, "'layers': 2"),
        ("north --layers=1 --colour red --layers 2", 2, "one value of --layers; received '1' and '2', of which only"),
        ("north --colour red --colour blue --colour red", 2, "one value of --colour; received 'red' and 'blue'"),
        ("", 2, "Missing argument 'WALL'"),
        ("north south west", 2, "each value behind its option; received 'south', 'west' behind none.\n"),
    ],
)
def test_words_of_a_command_line_are_read_as_the_function_takes_them(line: str, code: int, printed: str) -> None:
    result = CliRunner().invoke(_APP, line.split())
    assert result.exit_code == code
    assert printed in result.output


def test_labels_that_are_several_words_are_told_to_be_one() -> None:
    ended = CliRunner().invoke(app, ["score", "--images", "photos", "--labels", "cat", "dog", "--output", "run"])
    assert (ended.exit_code, ended.stderr.count("\n")) == (2, 1)
    assert "received 'dog' behind none. Labels are one word, as in --labels cat,dog." in ended.stderr


@pytest.mark.parametrize(("words", "read"), [("auto", "auto"), ("8", 8)])
def test_auto_stays_a_word_and_is_no_number_that_was_left_out(words: str, read: object) -> None:
    option = _parameters("score")["batch_size"]
    assert option.process_value(typer.Context(typer.main.get_command(_APP)), words) == read


def test_help_is_the_docstring_with_fields_as_flags_and_what_can_be_chosen() -> None:
    shown = typer.main.get_command(_APP)
    assert shown.help == "Paint a wall and leave."
    helps = {each.name: getattr(each, "help", None) for each in shown.params}
    assert helps["wall"] == "Which one; --labels-from is a field: a flag here."
    assert (helps["colour"], helps["layers"]) == ("Of the paint. One of red, blue.", "How many.")
    assert helps["stencil"] == "Repeatable. One of red, blue."


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_80_columns_in_groups_with_two_examples_that_are_understood(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 80)
    shown = CliRunner().invoke(app, [name, "-h"])
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines), "nothing is cut off"
    assert "install-completion" not in shown.stdout
    examples = "\n".join(line.strip() for line in lines).partition("Examples:\n")[2]
    typed = [shlex.split(paragraph) for paragraph in examples.split("\n\n") if paragraph.strip()]
    assert len(typed) == 2
    for program, command_name, *words in typed:
        assert (program, command_name) == ("shardscore", name)
        typer.main.get_command(import_module(COMMANDS[name]).app).make_context(name, words)


def test_every_option_of_score_and_finetune_is_in_a_group() -> None:
    for name in ("score", "finetune", "embed"):
        beside_help = {each for each in _parameters(name) if group_of(each) is None}
        assert beside_help <= {"dry_run", "json", "quiet"}


def test_completion_is_installed_at_the_top_alone() -> None:
    assert "--install-completion" in CliRunner().invoke(app, ["-h"]).stdout


@dataclass(frozen=True)
class Painted:
    wall: Path | Url
    colour: Colour
    litres: tuple[float, ...]
    left: None = None


def _spray(wall: str, *, verbose: Console) -> Painted:
    """Spray a wall.

    Args:
        wall: Which one.
        verbose: Where to print.
    """
    print("a library speaks")
    verbose.print("spraying")
    verbose.print("the can is old", style="yellow")
    return Painted(Url("s3", "bucket", wall), Colour.RED, (1.5, float("nan")))


def test_json_alone_is_on_standard_output_and_has_the_fields_of_the_result() -> None:
    spray = command("spray", _spray, examples=[], for_machines=True)
    ended = CliRunner().invoke(spray, ["north", "--json"])
    assert ended.exit_code == 0
    assert json.loads(ended.stdout) == {
        "command": "spray",
        "version": __version__,
        "wall": "s3://bucket/north",
        "colour": "red",
        "litres": [1.5, None],
        "left": None,
    }
    assert ended.stderr.splitlines() == ["a library speaks", "spraying", "the can is old"]


def test_quiet_prints_warnings_alone_and_on_standard_error() -> None:
    ended = CliRunner().invoke(command("spray", _spray, examples=[]), ["north", "-q"])
    assert (ended.stdout, ended.stderr) == ("a library speaks\n", "the can is old\n")


def test_json_that_cannot_be_written_is_one_line_and_exit_1(monkeypatch: pytest.MonkeyPatch) -> None:
    spray = command("spray", _spray, examples=[], for_machines=True)
    errors = io.StringIO()
    monkeypatch.setattr("sys.stderr", errors)
    with open("/dev/full", "w") as full, contextlib.redirect_stdout(full), pytest.raises(SystemExit) as ended:
        spray(["north", "--json", "-q"])
    assert ended.value.code == 1
    assert errors.getvalue().splitlines()[-1].startswith("error: Expected a standard output that can be written; No")
