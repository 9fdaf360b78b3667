"""Where a command may write one file: in the place of none that it reads, nor of what a run or model is made of."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from jobs.console.places import PlaceWord
from scoring.errors import BucketError, RequestError, ScoringError
from scoring.models.model_folder import ModelFolder
from scoring.run.folder import RunFolder
from scoring.storage.durable import read_faults
from scoring.storage.locations import Location, bucket_of, lies_in, locate
from scoring.storage.reading import read_range
from scoring.storage.redaction import redact


def file_word(value: PlaceWord, field: str) -> PlaceWord:
    """A word for one file to write, as it is.

    Raises:
        RequestError: If it is that of a folder, there or not: it ends with a slash. Or if it is a dash, which stands
            for standard output elsewhere.
    """
    if str(value) == "-":
        raise RequestError(f"Expected a file as `{field}`; received '-', but none goes to standard output. Name one.")
    if str(value).rpartition("/")[2] in {"", ".", ".."}:
        raise _is_a_folder(field, redact(str(value)))
    return value


def check_output(output: Location, folder: Location, default: Location, inputs: Mapping[str, Location | None]) -> None:
    """Refuse an output that would replace something, or would lie among a run's shards.

    Args:
        output: The file to write.
        folder: The run or model folder that it tells of.
        default: Where it goes if no other place is named.
        inputs: What else the command reads, by the user's field; None where nothing is named.

    Raises:
        RequestError: If it is or lies in one of the places of the folder, is one of the inputs, is the file of labels
            that the run was given, or is a folder.
    """
    places = [*RunFolder(folder).all_places, *ModelFolder(folder).all_places]
    if any(lies_in(output, place) for place in places if place != default):
        raise RequestError(
            f"Expected `output` outside of what {folder} is made of; received {output}. Leave it out for {default}, or "
            "name another file."
        )
    for field, location in inputs.items():
        if location is not None and lies_in(location, output):
            told = f"by default it is {output}" if output == default else f"received {output} for both"
            raise RequestError(
                f"Expected `output` to be another file than `{field}`, which it would replace; {told}. Name another "
                "file as `output`."
            )
    _refuse_folder(output, "output")
    if any(lies_in(labels, output) for labels in _label_files(folder)):
        raise RequestError(
            f"Expected `output` to be another file than the labels of {folder}, which it would replace; received "
            f"{output}. Name another file."
        )


def refuse_to_replace(
    output: Location, is_earlier: Callable[[Location], bool], what: str, field: str = "output"
) -> None:
    """Refuse an output in whose place there is a file of another kind than the command writes: a photo, a model.

    Args:
        output: The file to write.
        is_earlier: Whether a file may be one that the command wrote.
        what: What it writes, in a word.
        field: The user's field that names it.

    Raises:
        RequestError: If there is one, or a folder.
        StorageError: If it cannot be looked at now.
    """
    _refuse_folder(output, field)
    try:
        with read_faults(output):
            is_other = output.is_file() and read_range(output, 0, 1) and not is_earlier(output)
    except BucketError:  # as where a key may write alone
        return
    if is_other:
        raise RequestError(
            f"Expected `{field}` to be a new file, or an earlier {what}; {output} is another file, which it would "
            "replace. Name another file."
        )


def _refuse_folder(output: Location, field: str) -> None:
    """Refuse a folder, a whole bucket, and a prefix with objects below it, where they may be listed."""
    try:
        with read_faults(output):
            is_folder = not output.name or output.is_dir()
    except BucketError:  # as where a key may write alone
        return
    if is_folder:
        raise _is_a_folder(field, str(output))


def _is_a_folder(field: str, output: str) -> RequestError:
    return RequestError(f"Expected `{field}` to be a file; {output} is a folder. Name a file in it.")


def _label_files(folder: Location) -> Iterator[Location]:
    """The files of labels, of photos and of classes, that were named for a run or for the features of a model."""
    for run in (RunFolder(folder), ModelFolder(folder).features):
        try:
            record = run.load_record()
        except ScoringError:  # whatever reads it next says so
            continue
        for told in (record.request.labels_from, record.request.model.get("labels")) if record else ():
            if told and (Path(str(told)).is_absolute() or bucket_of(told)):
                yield locate(str(told))
