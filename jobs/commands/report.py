"""The options of `shardscore report`."""

from typing import Annotated

import typer

from jobs.exit_codes import COMPLETE, MISSING, exit_codes
from jobs.report import report
from jobs.terminal import terminal
from scoring.storage import locate

app = typer.Typer()


@app.command("report")
def _report(
    folder: Annotated[str, typer.Argument(help="Folder written by score, finetune or sonar.")],
    output: Annotated[str | None, typer.Option(help="Page to write.  [default: report.html in the folder]")] = None,
    images: Annotated[str | None, typer.Option(help="Where the images lie now, if they were moved.")] = None,
) -> None:
    """Write one page on a run, a model or a sonar study: figures, thumbnails, errors."""
    with exit_codes():
        page, moved = (locate(text) if text else None for text in (output, images))
        complete = report(locate(folder), page, moved, terminal())
    raise typer.Exit(COMPLETE if complete else MISSING)
