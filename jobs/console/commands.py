"""A command made from a function: parameters become options, the docstring their help.

So the command line and `import shardscore` have every name, default and help text in common, and no second list drifts.
"""

import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, redirect_stdout
from copy import copy
from difflib import get_close_matches
from enum import EnumType
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, get_args, get_origin

import typer
from typer.core import TyperCommand
from typer.models import OptionInfo

from jobs.console.arguments import number_or_auto, whole
from jobs.console.exit_codes import COMPLETE, MISSING, exit_codes, goes_on
from jobs.console.flags import GROUPS, as_flags, group_of
from jobs.console.stop_signals import stop_signals
from jobs.console.terminal import Terminal, help_output, print_result
from scoring.errors import RequestError
from scoring.storage.redaction import redact

R = TypeVar("R")
HELP_NAMES = {"help_option_names": ["-h", "--help"]}
_ARGS = re.compile(r"^Args:\n((?: {4}.*\n|\n)+)", re.MULTILINE)
_ENTRY = re.compile(r"^ {4}(\w+): ", re.MULTILINE)

_CONTEXT = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
_QUIET, _JSON = (
    inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[bool, option])
    for name, option in (
        ("quiet", typer.Option("--quiet", "-q", help="Print only warnings and errors.")),
        ("json", typer.Option("--json", help="Print the result as one JSON object; the rest goes to standard error.")),
    )
)


class OnceCommand(TyperCommand):
    """A command that refuses two values of an option that takes one, of which Click lets the last count.

    A value that is refused is shown, also where Typer does not.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words of a command line."""
        with exit_codes():
            given = self._check(ctx, args)
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            values = given.get(error.param.name or "") if error.param else None
            shown = [redact(repr(value)) for value in ([values] if isinstance(values, str) else values or ())]
            error.message = error.message.removeprefix("Value error, ")  # pydantic's
            if shown and not any(words in error.message for words in ("received", *shown)):
                error.message = f"{error.message.rstrip('.')}; received {', '.join(shown)}."
            raise

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        with help_output():
            super().format_help(ctx, formatter)

    def _check(self, ctx: Any, args: list[str]) -> Mapping[str, Any]:
        """What is given, as it is spelled."""
        collecting = copy(self)
        collecting.params = [_repeatable(each) for each in self.params]
        given, left, _ = collecting.make_parser(ctx).parse_args(list(args))
        if left:
            words, has_labels = ", ".join(map(repr, left)), any(each.name == "labels" for each in self.params)
            hint = " Labels are one word, as in --labels cat,dog." * has_labels
            raise RequestError(f"Expected each value behind its option; received {words} behind none.{hint}")
        for each in self.params:
            if _takes_one(each) and len(values := dict.fromkeys(given.get(each.name) or ())) > 1:
                *others, last = map(repr, values)
                raise RequestError(
                    f"Expected one value of {each.opts[0]}; received {', '.join(others)} and {last}, of which only the "
                    "last would count. Give it once."
                )
        return given


def _takes_one(parameter: Any) -> bool:
    return parameter.param_type_name == "option" and not parameter.multiple


def _repeatable(parameter: Any) -> Any:
    """An option that collects its values instead."""
    repeatable = copy(parameter)
    if _takes_one(parameter):
        repeatable.multiple = True
    return repeatable


def command(
    name: str,
    function: Callable[..., R],
    is_whole: Callable[[R], bool] = lambda result: True,
    *,
    examples: Sequence[str],
    for_machines: bool = False,
    is_result_printed: Callable[[Mapping[str, Any]], bool] = lambda options: False,
    also: Callable[[R], Mapping[str, object]] = lambda result: {},
) -> typer.Typer:
    """Make a command.

    Args:
        name: What users type.
        function: Does the work. What it takes by position are arguments, what it takes by keyword alone are options.
            `verbose`, where it prints, is neither: it is given the terminal.
        is_whole: Whether the function's result lacks nothing; else the exit code says so.
        examples: What users may type after the name of the program, for --help.
        for_machines: Whether --json prints the result.
        is_result_printed: Whether, by its options, what is printed is all that is left: then it has to be written.
        also: What --json prints beside the fields of the result.
    """
    summary, help_texts = _documentation(function)
    parameters = [
        _parameter(parameter, help_texts.get(parameter.name, ""))
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name != "verbose"
    ]
    parameters += [_JSON, _QUIET] if for_machines else [_QUIET]
    parameters.sort(key=_place_in_help)

    def run(*, context: typer.Context, quiet: bool, **options: Any) -> None:
        machine_reads = for_machines and options.pop("json")
        with exit_codes(options.get("overwrite", False), context, goes_on(name)):
            stop_signals.install()
            with redirect_stdout(sys.stderr) if machine_reads else nullcontext():
                terminal = Terminal(quiet)
                result = function(**options, verbose=terminal)
            if machine_reads:
                _print_json(name, result, also(result))
            elif is_result_printed(options):
                terminal.check_written()
            code = COMPLETE if is_whole(result) else MISSING
        raise typer.Exit(code)

    run.__wrapped__ = function  # type: ignore[attr-defined]  # where `local_paths` looks
    parameters.append(_CONTEXT)
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # where Typer looks
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    app = typer.Typer(add_completion=False)
    epilog = shown_examples(examples)
    app.command(name, cls=OnceCommand, help=summary, epilog=epilog, context_settings=HELP_NAMES)(run)
    return app


def _print_json(name: str, result: object, also: Mapping[str, object]) -> None:
    from jobs.console.json_results import as_json  # most commands print none

    print_result(as_json(name, result, also))


def which_command(name: str, names: Sequence[str]) -> str:
    """What to do about a command that there is not: type the one that is spelled much like it, else one of all."""
    near = get_close_matches(name.casefold(), names, n=1)
    return f"Did you mean {near[0]}?" if near else f"There are {', '.join(names)}."


def shown_examples(examples: Sequence[str]) -> str:
    """Examples as --help shows them: a paragraph each, as Rich would join lines of one."""
    return "\n\n".join(["Examples:", *(f"shardscore {example}" for example in examples)])


def _documentation(function: Callable[..., Any]) -> tuple[str, Mapping[str, str]]:
    """What a Google-style docstring says first, and of each argument."""
    text = inspect.getdoc(function) or ""
    found = _ARGS.search(f"{text}\n")
    _, *entries = _ENTRY.split(found[1]) if found else [""]
    texts = (as_flags(" ".join(entry.split())) for entry in entries[1::2])
    return " ".join(text.partition("\n\n")[0].split()), dict(zip(entries[::2], texts, strict=True))


def _place_in_help(parameter: inspect.Parameter) -> int:
    """Arguments, then options group by group."""
    names = list(GROUPS)
    group = group_of(parameter.name)
    is_option = isinstance(get_args(parameter.annotation)[1], OptionInfo)
    return (names.index(group) if group else len(names)) if is_option else -1


def _parameter(parameter: inspect.Parameter, help_text: str) -> inspect.Parameter:
    """One parameter as Typer reads it."""
    kind: Any = _kind(parameter.annotation)
    if parameter.kind is parameter.KEYWORD_ONLY:
        flag = f"--{parameter.name.replace('_', '-')}"  # this flag alone: no --no-overwrite
        names = _names_of_choices(kind)
        takes_auto = get_args(parameter.annotation)[:2] == (int, str)  # a size is str | int, 240x320
        takes_whole = parameter.annotation in (int, int | None)
        read: Any = whole if takes_whole else number_or_auto if takes_auto else None
        described = typer.Option(
            flag,
            help=f"{help_text} One of {', '.join(names)}." if names else help_text,
            metavar="<name>" if names else "<int>" if takes_whole else None,
            rich_help_panel=group_of(parameter.name),
            parser=read and _reader(read, parameter.name),
        )
    else:
        described = typer.Argument(metavar=parameter.name.upper(), help=help_text)
    return parameter.replace(annotation=Annotated[kind, described], kind=parameter.KEYWORD_ONLY)


def _names_of_choices(kind: Any) -> list[str]:
    """What can be chosen, of an enum; shown as help, since a column of them would leave 80 characters no room."""
    if isinstance(kind, EnumType):
        members: Any = kind
        return [str(member) for member in members]
    return next(filter(None, map(_names_of_choices, get_args(kind))), [])


def _reader(read: Callable[[str, str], int | None], field: str) -> Callable[[str], int | str]:
    """What reads a number, or auto, so that a job is not submitted with anything else."""

    def value(words: str) -> int | str:
        try:
            number = read(words, field)
        except RequestError as error:
            raise typer.BadParameter(as_flags(str(error))) from error
        return words if number is None else number

    return value


def _kind(annotation: Any) -> Any:
    """What the words of a command line are read as: of `Resize | str` the enum, of `str | Path` text.

    Of a sequence that is named first, `Sequence[str] | str`, an option that may be repeated; of one that is named later
    one text, `a,b`.
    """
    if get_origin(annotation) is Sequence:
        [each] = get_args(annotation)
        return list[_kind(each)]  # type: ignore[misc]
    if not isinstance(annotation, UnionType):
        return annotation
    members = [member for member in get_args(annotation) if member is not NoneType]
    enums = [member for member in members if isinstance(member, EnumType)]
    is_text = str in members and get_origin(members[0]) is not Sequence
    kind = enums[0] if enums else str if is_text else _kind(members[0])
    return kind | None if NoneType in get_args(annotation) else kind
