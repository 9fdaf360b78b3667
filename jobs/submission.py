"""Write a Kaggle submission from a run.

    shardscore submission runs/test --competition dogs-vs-cats-redux-kernels-edition
    shardscore submission runs/leaves --template sample_submission.csv --competition leaf-classification

Reads the run folder's predictions. Leaves submission.csv in it, and prints the line that hands it in.
"""

from dataclasses import replace
from pathlib import Path

from rich.console import Console

from jobs.console.arguments import checked, choice
from jobs.console.commands import command
from jobs.console.other_folders import telling_others
from jobs.console.outputs import check_output, file_word, refuse_to_replace
from jobs.console.places import PlaceWord, place
from jobs.console.terminal import console_for, print_command
from scoring.errors import RequestError
from scoring.run.folder import RunFolder
from scoring.run.wording import plural
from scoring.sources.csv_table import may_be_csv
from scoring.storage.locations import Location, machine_path
from scoring.submissions.filling import TemplateRequest, fill_template
from scoring.submissions.submission import (
    OF_ANOTHER,
    Competition,
    Submission,
    SubmissionRequest,
    answer_of,
    write_submission,
)
from scoring.submissions.template import read_template
from scoring.submissions.wishes import Values, Wishes

_OF_MODEL = "Score the test images with `model` {model}, and name the folder of that run."


@checked
def submission(
    run: PlaceWord,
    *,
    competition: str | None = None,
    template: PlaceWord | None = None,
    values: Values | str | None = None,
    positive: str | None = None,
    threshold: float | None = None,
    clip: float | None = None,
    fallback: float | None = None,
    partial: bool = False,
    output: PlaceWord | None = None,
    no_verify: bool = False,
    verbose: bool | Console = False,
) -> Submission:
    """Write a Kaggle submission from a run's predictions.

    Args:
        run: Run folder written by score.
        competition: Which Kaggle competition, by the name in its address: dogs-vs-cats-redux-kernels-edition (the
            default) or dogs-vs-cats, and any other with `template`.
        template: Fill the competition's sample_submission.csv, in a zip too: bundle.zip/sample_submission.csv.
        values: What the one column of `template` holds where its values do not tell.
        positive: Label whose probability the one column of `template` wants, or with `values` index the one of two that
            is 1; by default the one that it is named after, or else the dog of cats and dogs.
        threshold: For lists of labels in one column of `template`: all of at least this probability, 0 to 1; by default
            as many as its rows have, unless several may be true of an image.
        clip: Keep probabilities this far from 0 and 1, 0 to below 0.5, because a confident mistake costs most in log
            loss; by default what finetune measured, or 0.02, and with `template` no clip. Classes, which
            dogs-vs-cats takes, have none.
        fallback: Probability (of a dog, or what `template` wants) for unreadable images, 0 to 1; labels stay as
            `template` has them. By default unreadable images are refused.
        partial: Allow ids other than those of the whole test set of cats and dogs.
        output: CSV to write; by default submission.csv in the run folder.
        no_verify: Do not verify the rows first, by their checksums, ids and digests.
        verbose: Print what the command prints, or print it on this console.

    Returns:
        Where it is, how many rows it has, how many of them got the fallback, the clip, and of a template what it holds.

    Raises:
        RequestError: If the run does not fit the competition or template: its labels, or its ids; or if `output` would
            replace a file of the run, its labels, the template, or another file that is no table.
        IncompleteError: If shards, ids or readable images are missing, or a shard is damaged; they are named.
    """
    folder, console = RunFolder(place(run, "run")), console_for(verbose)
    path = folder.submission if output is None else place(file_word(output, "output"), "output")
    sample = None if template is None else place(template, "template")
    check_output(path, folder.path, folder.submission, {"template": sample})
    if output is not None:
        refuse_to_replace(path, lambda file: _may_be_earlier(file, sample), "submission")
    kind = None if values is None else choice(values, Values, "values")
    wishes = Wishes(kind, positive, threshold, clip)
    if sample is not None:
        _check_template_alone(competition, partial)
        asked = TemplateRequest(sample, wishes, fallback, verify=not no_verify)
        with telling_others(folder, _OF_MODEL):
            written = fill_template(folder, asked, path)
        _print_filled(console, fallback, written)
        _print_handing_in(console, competition or "COMPETITION", written)
        return replace(written, path=path.absolute())
    _check_no_template(wishes)
    request = SubmissionRequest(_known(competition), clip, fallback, partial, verify=not no_verify)
    with telling_others(folder, _OF_MODEL):
        written = write_submission(folder, request, path)
    _print_submission(console, request, written)
    return replace(written, path=path.absolute())


def _may_be_earlier(file: Location, sample: Location | None) -> bool:
    """Whether a file may be an earlier submission: a table, or what begins as the template's header, however odd."""
    return may_be_csv(file) or (sample is not None and read_template(sample).begins(file))


def _check_template_alone(competition: str | None, partial: bool) -> None:
    if competition in list(Competition):
        raise RequestError(f"Expected no `template` with `competition` {competition}: its ids and clip are known here.")
    if partial:
        raise RequestError("Expected no `partial` with `template`: its ids are the ones that are written.")


def _known(competition: str | None) -> Competition:
    try:
        return choice(competition or Competition.REDUX, Competition, "competition")
    except RequestError as error:
        raise RequestError(f"{error} {OF_ANOTHER}") from None


def _check_no_template(wishes: Wishes) -> None:
    for field in ("values", "positive", "threshold"):
        if getattr(wishes, field) is not None:
            raise RequestError(f"Expected `{field}` with `template` alone; there is none.")


def _print_filled(console: Console, fallback: float | None, written: Submission) -> None:
    clipped = f", kept {written.clip:g} from 0 and 1" if written.clip else ""
    console.print(f"{plural(written.num_rows, 'row')} in {written.path}: {written.holds}{clipped}")
    if number := written.num_unasked:
        console.print(f"{plural(number, 'image')} of the run {_are(number)} not in the template")
    if number := written.num_empty:
        console.print(f"{plural(number, 'row')} {_are(number)} empty: no label is above the threshold")
    if written.num_fallbacks and fallback is not None:
        given = f"probabilities are {answer_of(fallback, written.clip)}, labels the template's own"
        console.print(f"{plural(written.num_fallbacks, 'unreadable image')}: {given}")
    for warning in written.warnings:
        console.print(warning, style="yellow")


def _print_submission(console: Console, request: SubmissionRequest, written: Submission) -> None:
    clipped = f", kept {written.clip:.2g} from 0 and 1" if request.competition is Competition.REDUX else ""
    console.print(f"{plural(written.num_rows, 'row')} in {written.path}{clipped}")
    if (number := written.num_fallbacks) and request.fallback is not None:
        answer = answer_of(request.fallback, written.clip, request.competition)
        kind = "label" if request.competition is Competition.ORIGINAL else "probability"
        console.print(f"{plural(number, 'unreadable image')} {'has' if number == 1 else 'have'} the {kind} {answer}")
    if not request.partial:
        _print_handing_in(console, request.competition, written)


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _print_handing_in(console: Console, competition: str, written: Submission) -> None:
    """The line that Kaggle's own command takes from version 2.2.5 on; `--wait` is what shows the score there."""
    file = machine_path(written.path)
    if file is None:
        console.print(f"copy {written.path} to this machine, and there")
        file = Path(written.path.name)
    words = ["kaggle", "competitions", "submit", competition, "-f", str(file), "-m", "shardscore", "--wait"]
    print_command(console, "submit it with: ", words)
    console.print(
        "which shows the score: pip install 'kaggle>=2.2.5'; token in KAGGLE_API_TOKEN or ~/.kaggle/access_token"
    )


_EXAMPLES = (
    "submission runs/test",
    "submission runs/leaves --template bundle.zip/sample_submission.csv --competition leaf-classification",
)

app = command("submission", submission, examples=_EXAMPLES, for_machines=True)
