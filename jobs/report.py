"""Write a report that people look at.

    shardscore report runs/test

Reads a run folder, a model folder or a sonar study, and of the images the few that it shows. Leaves report.html in
it: one page that opens from disk and loads nothing. A run of 12,500 images takes 2 s on 2 cores, after the imports.
"""

import time
from typing import Annotated

import typer
from rich.console import Console

from jobs.console.exit_codes import COMPLETE, MISSING, exit_codes
from jobs.console.terminal import terminal
from scoring.report.page import write_report
from scoring.storage.locations import Location, locate

app = typer.Typer()


def report(folder: Location, output: Location | None, images: Location | None, console: Console) -> bool:
    """Write the report of `folder`, by default into it, and say where it is.

    Returns:
        Whether it tells of the whole run.
    """
    started = time.perf_counter()
    written = write_report(folder, output, images)
    took_s = time.perf_counter() - started
    console.print(f"{written.path}: {written.size_bytes / 1e6:.1f} MB in {took_s:.1f} s")
    if written.missing_shards:
        console.print(f"not in it, for they are missing: the shards {', '.join(map(str, written.missing_shards))}")
    return not written.missing_shards


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
