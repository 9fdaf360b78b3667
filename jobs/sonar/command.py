"""`shardscore sonar`, and the same for Python."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from jobs.console.arguments import checked, choices, seed_of
from jobs.console.commands import command
from jobs.console.places import PlaceWord, here, text_of
from jobs.console.terminal import console_for
from jobs.sonar.request import StudyRequest
from jobs.sonar.result import Study
from jobs.sonar.study import run_study
from scoring.networks.engines import keras_backend
from scoring.sonar.protocols import EvaluationProtocol
from scoring.sonar.recipes import SonarModel
from scoring.sonar.returns import UCI


@checked
def sonar(
    *,
    output: PlaceWord,
    data: str | Path = UCI,
    protocol: Sequence[EvaluationProtocol | str] | None = None,
    model: Sequence[SonarModel | str] | None = None,
    seed: int = 0,
    actors: int | None = None,
    address: str | None = None,
    overwrite: bool = False,
    verbose: bool | Console = False,
) -> Study:
    """Compare models of the sonar returns, ours and the published, under every protocol.

    Args:
        output: Folder that gets sonar/: metrics, predictions and the model.
        data: Sonar returns in UCI's format: a file, or 'uci'.
        protocol: How to divide the returns; by default in every way. Repeatable.
        model: What to train; by default all. Repeatable.
        seed: Decides folds, initial weights and noise.
        actors: Processes with one core each; by default one per core.
        address: Ray cluster to use; by default that of RAY_ADDRESS, or a Ray of its own.
        overwrite: Replace an earlier study in the folder.
        verbose: Print what the command prints, or print it on this console. A notebook gets its progress bar anyway.

    Returns:
        The study, whole.

    Raises:
        RequestError: If the returns or the folder do not fit.
        IncompleteError: If folds are missing.
        PlacementError: If the cluster has not what is asked of it; the command exits with 2, as for RequestError.
        ClusterError: If Ray or its actors cannot start.
    """
    request = StudyRequest(
        source=text_of(data),
        output=here(output, "output"),
        protocols=choices(protocol, EvaluationProtocol, "protocol"),
        models=choices(model, SonarModel, "model"),
        seed=seed_of(seed),
        backend=keras_backend(),
        address=address,
        actors=actors,
        overwrite=overwrite,
    )
    return run_study(request, console_for(verbose))


_EXAMPLES = (
    "sonar --output runs/sonar",
    "sonar --data sonar.all-data --protocol article --output runs/sonar",
)

app = command("sonar", sonar, examples=_EXAMPLES)
