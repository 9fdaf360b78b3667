"""Write a Kaggle submission from a run.

    shardscore submission runs/test --competition dogs-vs-cats-redux-kernels-edition

Reads the run folder's predictions. Leaves submission.csv in it, and prints the line that hands it in.
"""

import shlex

from rich.console import Console

from scoring.run_folder import RunFolder
from scoring.storage import Location
from scoring.submission import Competition, Submission, SubmissionRequest, write_submission


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
