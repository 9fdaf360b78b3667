"""The options of `shardscore submission`."""

from typing import Annotated

import typer

from jobs.exit_codes import exit_codes
from jobs.submission import submission
from jobs.terminal import terminal
from scoring.storage import locate
from scoring.submission import DEFAULT_CLIP, Competition, SubmissionRequest

app = typer.Typer()


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
