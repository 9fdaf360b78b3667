"""Lines for the user that stop nothing: what is slower than it could be, and what is waited for."""

import warnings


def notice(text: str, category: type[Warning]) -> None:
    """Warn in one line that shows no source, also where Python is told to make errors of warnings."""
    try:
        warnings.warn_explicit(text, category, "shardscore", 1)
    except category as error:
        warnings.showwarning(error, category, "shardscore", 1)
