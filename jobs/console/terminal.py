"""Where commands and functions speak. In a log, lines keep their length; nothing in file names is markup or emoji."""

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.console.flags import as_flags
from scoring.errors import StorageError
from scoring.storage.redaction import command_line, redact, visible

_OURS = ("cluster", "jobs", "scoring")
_LEAST_WIDTH, _LOG_WIDTH = 40, 80
_SLIP: Any = typer.BadParameter.__base__  # Click's UsageError, which may be a copy within Typer
_warning_as_python_does = warnings.formatwarning


class PatientConsole(Console):
    """Prints nothing more once its output is closed (`| head -1`) or the disk is full; the job goes on.

    Args:
        quiet: Print nothing at all.
    """

    _fault: OSError | None = None
    _passes_on = False

    def __init__(self, quiet: bool = False) -> None:
        super().__init__(soft_wrap=True, highlight=False, markup=False, emoji=False, quiet=quiet)
        least = _LEAST_WIDTH if self.is_terminal else _LOG_WIDTH
        if self.width < least:  # else Rich goes on asking the terminal
            self.width = least

    def print(self, *objects: Any, **options: Any) -> None:
        """See `rich.console.Console.print`."""
        try:
            super().print(*objects, **options)
        except OSError as error:
            self._fault = error
            self.on_broken_pipe()

    def out(self, *objects: Any, **options: Any) -> None:
        """Pass on what another process printed, with its lines and its colours."""
        self._passes_on = True
        try:
            super().out(*objects, **options)
        finally:
            self._passes_on = False

    def check_written(self) -> None:
        """Raise if something could not be printed, although somebody reads it.

        Raises:
            StorageError: It says why.
        """
        if self._fault and not isinstance(self._fault, BrokenPipeError):
            raise _not_written(self._fault) from self._fault

    def on_broken_pipe(self) -> None:
        """Do nothing, where Rich would exit."""
        self.quiet = True

    def render_str(self, text: str, **options: Any) -> Text:
        """Rich asks for every string that it shows, those in tables too.

        What cannot be seen in a name, or would lead the terminal, is spelled out, as is what the encoding of the output
        cannot say. So a string is one line.
        """
        text = text if self._passes_on else visible(text)
        sayable = text.encode(self.encoding, "backslashreplace").decode(self.encoding)
        return super().render_str(sayable, **options)


class Terminal(PatientConsole):
    """Standard output of a command: fields are shown as flags.

    Args:
        quiet: Show warnings alone, on standard error: what is printed in a colour.
    """

    def __init__(self, quiet: bool = False) -> None:
        super().__init__(quiet)
        self._warns_elsewhere = quiet

    def print(self, *objects: Any, **options: Any) -> None:
        """See `PatientConsole.print`."""
        if self._warns_elsewhere and options.get("style"):
            print(*(visible(redact(as_flags(str(each)))) for each in objects), file=sys.stderr)
        super().print(*objects, **options)

    def on_broken_pipe(self) -> None:
        """Discard what Python still writes at its end."""
        super().on_broken_pipe()
        with suppress(OSError), open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())

    def render_str(self, text: str, **options: Any) -> Text:
        """See `PatientConsole.render_str`."""
        return super().render_str(redact(as_flags(text)), **options)


def print_result(text: str) -> None:
    """Print what a command was run for, as it is, on standard output.

    Raises:
        StorageError: If it cannot be written; that nobody reads it is no fault.
    """
    with _result_output():
        print(text, flush=True)


@contextmanager
def _result_output() -> Iterator[None]:
    """In the block, what a command was run for is printed; see `print_result`."""
    try:
        yield
    except OSError as error:
        Terminal().on_broken_pipe()
        if not isinstance(error, BrokenPipeError):
            raise _not_written(error) from error


@contextmanager
def help_output() -> Iterator[None]:
    """In the block, Typer prints help; see `print_result`."""
    with _result_output(), suppress(SystemExit):  # Rich's answer to an output that is closed
        yield


@contextmanager
def typer_output(shows_script: bool) -> Iterator[None]:
    """In the block, Typer reads a command line: what it cannot say of a slip there, its exit code tells all the same.

    Args:
        shows_script: Whether it prints a script for a shell, and no more; see `print_result`.
    """
    try:
        with _result_output() if shows_script else nullcontext():
            yield
    except (OSError, SystemExit) as error:  # SystemExit is Rich's answer to an output that is closed
        seen: BaseException | None = error
        while seen is not None and not isinstance(seen, _SLIP):
            seen = seen.__context__
        if seen is None:
            raise
        sys.exit(seen.exit_code)


def _not_written(error: OSError) -> StorageError:
    reason = error.strerror or error
    return StorageError(f"Expected a standard output that can be written; {reason}. The result is not whole there.")


def forget_narrow_columns() -> None:
    """Let nothing that is printed go by a COLUMNS without room for words: it is 0 where a container has no terminal."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) < _LEAST_WIDTH:
        del os.environ["COLUMNS"]


def console_for(verbose: bool | Console) -> Console:
    """Where a function prints: nowhere, on standard output, or where its caller says."""
    if isinstance(verbose, Console):
        return verbose
    return PatientConsole(quiet=not verbose)


def print_command(console: Console, lead: str, words: Sequence[str]) -> None:
    """Print a command that users may run, behind what leads to it."""
    console.print(f"{lead}{command_line(words)}")


def print_table(console: Console, title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Print names and values in two columns; on a terminal and in a log the same words."""
    table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")  # a path is shown whole
    for name, value in rows:
        table.add_row(name, value)
    console.print(table)


def format_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """Ours in one line, fields shown as flags; those of libraries with their place, as Python shows them."""
    if category.__module__.partition(".")[0] in _OURS:
        return f"warning: {visible(redact(as_flags(str(message))))}\n"
    return _warning_as_python_does(message, category, filename, lineno, line)
