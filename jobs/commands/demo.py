"""The options of `shardscore demo`."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.demo import demo
from jobs.exit_codes import COMPLETE, MISSING, exit_codes
from jobs.terminal import terminal

app = typer.Typer()


@app.command("demo")
def _demo(
    weights: Annotated[
        str, typer.Option(help="'imagenet' for the real weights, downloaded, or a weights file of VGG16.")
    ] = "random",
    output: Annotated[Path, typer.Option(help="Folder for everything that it makes.")] = Path("shardscore-demo"),
) -> None:
    """Run everything once, offline, on pictures it draws itself; under two minutes on two cores."""
    with exit_codes():
        complete = demo(weights, output, terminal())
    raise typer.Exit(COMPLETE if complete else MISSING)
