"""Where commands and functions speak. In a log, lines keep their length; brackets in file names are no markup."""

import warnings
from typing import Any

from rich.console import Console
from rich.text import Text

from cluster.errors import RayChangedWarning
from jobs.console.flags import as_flags

_warning_as_python_does = warnings.formatwarning


class Terminal(Console):
    """Standard output of a command: fields are shown as flags."""

    def __init__(self) -> None:
        super().__init__(soft_wrap=True, highlight=False, markup=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Rich asks for every string that it shows, those in tables too."""
        return super().render_str(as_flags(text), **options)


def console_for(verbose: bool | Console) -> Console:
    """Where a function tells its story: nowhere, on standard output, or where its caller says."""
    if isinstance(verbose, Console):
        return verbose
    return Console(soft_wrap=True, highlight=False, markup=False, quiet=not verbose)


def format_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """Ours in one line, fields shown as flags; those of libraries with their place, as Python shows them."""
    if issubclass(category, RayChangedWarning):
        return f"warning: {as_flags(str(message))}\n"
    return _warning_as_python_does(message, category, filename, lineno, line)
