"""Warnings as a command shows them."""

import warnings

from cluster.errors import RayChangedWarning
from jobs.console.flags import as_flags
from jobs.console.ornaments import OrnamentWarning
from scoring.storage.redaction import redact

_as_python_does = warnings.formatwarning


def format_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """Ours in one line, fields shown as flags; those of libraries with their place, as Python shows them."""
    if issubclass(category, RayChangedWarning | OrnamentWarning):
        return f"warning: {redact(as_flags(str(message)))}\n"
    return _as_python_does(message, category, filename, lineno, line)
