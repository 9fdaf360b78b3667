"""Where commands speak."""

from rich.console import Console


def terminal() -> Console:
    """Standard output. In a log, lines keep their length; brackets in file names are no markup."""
    return Console(soft_wrap=True, highlight=False, markup=False)
