"""A command made from a function: parameters become options, the docstring their help.

So the command line and `import shardscore` have every name, default and help text in common, and no second list drifts.
"""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from enum import EnumType
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, get_args, get_origin

import typer

from jobs.console.exit_codes import COMPLETE, MISSING, exit_codes
from jobs.console.flags import as_flags
from jobs.console.stop_signals import stop_signals
from jobs.console.terminal import Terminal

R = TypeVar("R")
_ARGS = re.compile(r"^Args:\n((?: {4}.*\n|\n)+)", re.MULTILINE)
_ENTRY = re.compile(r"^ {4}(\w+): ", re.MULTILINE)


def command(name: str, function: Callable[..., R], is_whole: Callable[[R], bool] = lambda result: True) -> typer.Typer:
    """Make a command.

    Args:
        name: What users type.
        function: Does the work. What it takes by position are arguments, what it takes by keyword alone are options.
            `verbose`, where it prints, is neither: it is given the terminal.
        is_whole: Whether the function's result lacks nothing; else the exit code says so.
    """
    summary, help_texts = _documentation(function)
    parameters = [
        _parameter(parameter, help_texts.get(parameter.name, ""))
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name != "verbose"
    ]

    def run(**options: Any) -> None:
        with exit_codes():
            stop_signals.install()
            code = COMPLETE if is_whole(function(**options, verbose=Terminal())) else MISSING
        raise typer.Exit(code)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # where Typer looks
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    app = typer.Typer(add_completion=False)
    app.command(name, help=summary)(run)
    return app


def _documentation(function: Callable[..., Any]) -> tuple[str, Mapping[str, str]]:
    """What a Google-style docstring says first, and of each argument."""
    text = inspect.getdoc(function) or ""
    found = _ARGS.search(f"{text}\n")
    _, *entries = _ENTRY.split(found[1]) if found else [""]
    texts = (as_flags(" ".join(entry.split())) for entry in entries[1::2])
    return " ".join(text.partition("\n\n")[0].split()), dict(zip(entries[::2], texts, strict=True))


def _parameter(parameter: inspect.Parameter, help_text: str) -> inspect.Parameter:
    """One parameter as Typer reads it."""
    if parameter.kind is parameter.KEYWORD_ONLY:
        flag = f"--{parameter.name.replace('_', '-')}"
        described = typer.Option(flag, help=help_text)  # this flag alone: no --no-overwrite
    else:
        described = typer.Argument(metavar=parameter.name.upper(), help=help_text)
    kind: Any = _kind(parameter.annotation)
    return parameter.replace(annotation=Annotated[kind, described], kind=parameter.KEYWORD_ONLY)


def _kind(annotation: Any) -> Any:
    """What the words of a command line are read as: of `Resize | str` the enum, of `str | Path` text."""
    if get_origin(annotation) is Sequence:
        [each] = get_args(annotation)
        return list[_kind(each)]  # type: ignore[misc]
    if not isinstance(annotation, UnionType):
        return annotation
    members = [member for member in get_args(annotation) if member is not NoneType]
    enums = [member for member in members if isinstance(member, EnumType)]
    kind = enums[0] if enums else str if str in members else _kind(members[0])
    return kind | None if NoneType in get_args(annotation) else kind
