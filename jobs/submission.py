"""Write a Kaggle submission from a run.

    shardscore submission runs/test --competition dogs-vs-cats-redux-kernels-edition

Reads the run folder's predictions. Leaves submission.csv in it, and prints the line that hands it in.
"""

import shlex

from rich.console import Console

from jobs.console.arguments import Place, choice, place
from jobs.console.commands import command
from jobs.console.terminal import console_for
from scoring.run.folder import RunFolder
from scoring.submissions.submission import Competition, Submission, SubmissionRequest, write_submission


def submission(
    run: Place,
    *,
    competition: Competition | str = Competition.REDUX,
    clip: float | None = None,
    fallback: float | None = None,
    partial: bool = False,
    output: Place | None = None,
    no_verify: bool = False,
    verbose: bool | Console = False,
) -> Submission:
    """Write a Kaggle submission from a run's predictions.

    Args:
        run: Run folder written by score.
        competition: Which Kaggle competition, by the name in its address.
        clip: Keep probabilities within [clip, 1 - clip], 0 to below 0.5: one wrong certainty costs most in log loss; by
            default what finetune measured, or 0.02.
        fallback: Probability of a dog for unreadable images, 0 to 1; by default these are refused.
        partial: Allow other ids than the whole test set.
        output: CSV to write; by default submission.csv in the run folder.
        no_verify: Believe the rows: do not read all of them with their checksums, and compare ids and digests, first.
        verbose: Print what the command prints, or print it on this console.

    Returns:
        Where it is, how many rows it has, how many of them got the fallback, and the clip.

    Raises:
        RequestError: If the run is none of cats and dogs, holds what is not of it, or has other ids than the
            competition.
        IncompleteError: If shards, ids or readable images are missing, or a shard is damaged; they are named.
    """
    folder = RunFolder(place(run, "run"))
    which = choice(competition, Competition, "competition")
    request = SubmissionRequest(which, clip, fallback, partial, verify=not no_verify)
    written = write_submission(folder, request, place(output, "output") if output else folder.submission)
    _print_submission(console_for(verbose), request, written)
    return written


def _print_submission(console: Console, request: SubmissionRequest, written: Submission) -> None:
    clipped = f", kept {written.clip:.4f} from 0 and 1" if request.competition is Competition.REDUX else ""
    console.print(f"{written.num_rows} rows in {written.path}{clipped}")
    if written.num_fallbacks:
        console.print(f"{written.num_fallbacks} unreadable images have the probability {request.fallback}")
    if not request.partial:
        file = shlex.quote(str(written.path))
        console.print(f"hand it in with: kaggle competitions submit -c {request.competition} -f {file} -m shardscore")


app = command("submission", submission)
