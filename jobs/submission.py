"""Write a Kaggle submission from a run.

    shardscore submission runs/test --competition dogs-vs-cats-redux-kernels-edition

Reads the run folder's predictions. Leaves submission.csv in it, and prints the line that hands it in.
"""

import shlex
from typing import Annotated

import typer
from rich.console import Console

from jobs.console.exit_codes import exit_codes
from jobs.console.terminal import terminal
from scoring.run.folder import RunFolder
from scoring.storage.locations import Location, locate
from scoring.submissions.submission import DEFAULT_CLIP, Competition, Submission, SubmissionRequest, write_submission

app = typer.Typer()


def submission(run: Location, request: SubmissionRequest, output: Location | None, console: Console) -> Submission:
    """Write the submission of `run`, by default into it, and say how to hand it in."""
    folder = RunFolder(run)
    written = write_submission(folder, request, output or folder.submission)
    clipped = f", kept {written.clip:.4f} from 0 and 1" if request.competition is Competition.REDUX else ""
    console.print(f"{written.num_rows} rows in {written.path}{clipped}")
    if written.num_fallbacks:
        console.print(f"{written.num_fallbacks} unreadable images have the probability {request.fallback}")
    if not request.partial:
        file = shlex.quote(str(written.path))
        console.print(f"hand it in with: kaggle competitions submit -c {request.competition} -f {file} -m shardscore")
    return written


@app.command("submission")
def _submission(
    run: Annotated[str, typer.Argument(help="Run folder written by score.")],
    competition: Annotated[Competition, typer.Option(help="Which Kaggle competition.")] = Competition.REDUX,
    clip: Annotated[
        float | None,
        typer.Option(
            help="Keep probabilities within [clip, 1 - clip]: one wrong certainty costs most in log loss.  "
            f"[default: what finetune measured, or {DEFAULT_CLIP}]"
        ),
    ] = None,
    fallback: Annotated[float | None, typer.Option(help="Probability of a dog for unreadable images.")] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Allow other ids than the whole test set.")] = False,
    output: Annotated[
        str | None, typer.Option(help="CSV to write.  [default: submission.csv in the run folder]")
    ] = None,
) -> None:
    """Write a Kaggle submission from a run's predictions."""
    with exit_codes():
        request = SubmissionRequest(competition, clip, fallback, partial)
        submission(locate(run), request, locate(output) if output else None, terminal())
