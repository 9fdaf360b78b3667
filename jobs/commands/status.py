"""The options of `shardscore status`."""

from typing import Annotated

import typer

from jobs.exit_codes import COMPLETE, MISSING, exit_codes
from jobs.status import status
from jobs.terminal import terminal
from scoring.storage import locate

app = typer.Typer()


@app.command("status")
def _status(
    run: Annotated[str, typer.Argument(help="Run folder written by score.")],
    verify: Annotated[bool, typer.Option("--verify", help="Read every row, and compare the ids.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Say what a run has done, what is missing and what is damaged."""
    with exit_codes():
        complete = status(locate(run), verify, as_json, terminal()).is_complete
    raise typer.Exit(COMPLETE if complete else MISSING)
