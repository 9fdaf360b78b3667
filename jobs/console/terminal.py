"""Where commands and functions speak. In a log, lines keep their length; brackets in file names are no markup."""

from typing import Any

from rich.console import Console
from rich.text import Text

from jobs.console.flags import as_flags
from scoring.storage.redaction import redact


class Terminal(Console):
    """Standard output of a command: fields are shown as flags."""

    def __init__(self) -> None:
        super().__init__(soft_wrap=True, highlight=False, markup=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Rich asks for every string that it shows, those in tables too."""
        return super().render_str(redact(as_flags(text)), **options)


def console_for(verbose: bool | Console) -> Console:
    """Where a function tells its story: nowhere, on standard output, or where its caller says."""
    if isinstance(verbose, Console):
        return verbose
    return Console(soft_wrap=True, highlight=False, markup=False, quiet=not verbose)
