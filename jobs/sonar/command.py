"""The options of `shardscore sonar`."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.console.exit_codes import COMPLETE, MISSING, exit_codes
from jobs.console.options import Address
from jobs.console.terminal import terminal
from jobs.sonar.request import StudyRequest
from jobs.sonar.study import sonar
from scoring.networks.engines import keras_backend
from scoring.sonar.protocols import Protocol
from scoring.sonar.recipes import SonarModel

app = typer.Typer()


@app.command("sonar")
def _sonar(
    output: Annotated[Path, typer.Option(help="Folder that gets sonar/: metrics, predictions and the model.")],
    data: Annotated[str, typer.Option(help="Sonar returns in UCI's format: a file, or 'uci'.")] = "uci",
    protocol: Annotated[list[Protocol] | None, typer.Option(help="Repeatable.  [default: all]")] = None,
    model: Annotated[list[SonarModel] | None, typer.Option(help="Repeatable.  [default: all]")] = None,
    seed: Annotated[int, typer.Option(help="Decides folds, initial weights and noise.")] = 0,
    workers: Annotated[int | None, typer.Option(help="Workers of one core.  [default: one per core]")] = None,
    address: Address = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier study in the folder.")] = False,
) -> None:
    """Study the sonar returns: every protocol with every model, ours and the published, as one table."""
    protocols = tuple(dict.fromkeys(protocol or Protocol))
    models = tuple(dict.fromkeys(model or SonarModel))
    request = StudyRequest(data, output, protocols, models, seed, keras_backend(), address, workers, overwrite)
    with exit_codes():
        complete = sonar(request, terminal())
    raise typer.Exit(COMPLETE if complete else MISSING)
