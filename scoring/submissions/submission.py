"""Turn a run's predictions into the CSV that a Kaggle competition takes: `id,label`, one line per test photo."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from scoring.errors import IncompleteError, RequestError
from scoring.run.folder import RunFolder
from scoring.run.predictions import OK
from scoring.run.reader import RunReader
from scoring.run.record import RunRecord
from scoring.run.wording import plural, some
from scoring.storage.durable import write_output
from scoring.storage.locations import Location
from scoring.submissions.answers import spelled

_CAT_LABELS, _DOG_LABELS = ("cat", "cats"), ("dog", "dogs")


class Competition(StrEnum):
    """A Kaggle competition, by the name in its address. Both have the test photos 1 to 12500."""

    REDUX = "dogs-vs-cats-redux-kernels-edition"  # label: the probability of a dog, judged by log loss
    ORIGINAL = "dogs-vs-cats"  # label: 1 for a dog, 0 for a cat, judged by accuracy


OF_ANOTHER = "For another competition, name its sample_submission.csv as `template`."
_NUM_TEST_IMAGES = 12_500
_WITH_SUFFIX = re.compile(r"([0-9]+)\.[A-Za-z][A-Za-z0-9]*")  # 1.jpg
_MAX_DIGITS = 18  # of an id, so that it is an int64 for certain

# Log loss punishes a wrong answer by -ln p without bound, and rewards certainty beyond 0.98 by at most 0.02 an
# image. For answers that are all near-certain and wrong one time in fifty, 0.02 is the clip of least expected loss.
DEFAULT_CLIP = 0.02


@dataclass(frozen=True)
class SubmissionRequest:
    """How to make a submission.

    Attributes:
        competition: Which competition.
        clip: Probabilities are kept within [clip, 1 - clip]; 0 to below 0.5. None takes what the model measured on its
            validation photos, or else 0.02. Where 0 or 1 is asked for, there is none.
        fallback: Probability of a dog for unreadable images; None refuses them.
        partial: Allow other ids than the competition's whole test set.
        verify: Read every row with its checksum, and compare ids and digests, before anything is written.
    """

    competition: Competition = Competition.REDUX
    clip: float | None = None
    fallback: float | None = None
    partial: bool = False
    verify: bool = True


@dataclass(frozen=True)
class Submission:
    """What was written.

    Attributes:
        path: The CSV; absolute, as `submission` returns it.
        num_rows: Its rows.
        num_fallbacks: Rows of unreadable images.
        clip: Probabilities are within [clip, 1 - clip], as they are written too; 0 of other answers.
        holds: What its columns hold, in words, where a template asks.
        num_unasked: Images of the run that the template does not ask for.
        num_empty: Rows without any label: none reaches the threshold, or an unreadable image's template is blank.
        warnings: Why a filled template may not be what is wanted, in sentences.
    """

    path: Location
    num_rows: int
    num_fallbacks: int
    clip: float
    holds: str = ""
    num_unasked: int = 0
    num_empty: int = 0
    warnings: tuple[str, ...] = ()


def write_submission(folder: RunFolder, request: SubmissionRequest, path: Location) -> Submission:
    """Check a finished run, and write its submission whole.

    Raises:
        RequestError: If a clip is asked for where there is none, or the run is none of cats and dogs, holds what is not
            of it, or has other ids than the competition, or numbers of rows for ids.
        IncompleteError: If shards, ids or readable images are missing, or a shard is damaged; they are named.
    """
    check_bounds(request.clip, request.fallback)
    is_whole = request.competition is Competition.ORIGINAL
    if is_whole and request.clip is not None:
        raise RequestError(
            f"Expected no `clip` with `competition` {request.competition}: it takes 0 or 1, and no probabilities."
        )
    reader = RunReader(folder, request.verify)
    record = reader.record
    check_known(record)
    dog_index = _dog_index(folder, record.labels)
    table = reader.read(["image_id", "status", "probabilities"])
    ids = _integer_ids(table["image_id"].to_pylist())
    _check_ids(ids, request)
    dog_probability = _dog_probability(table, dog_index)
    unreadable = np.isnan(dog_probability)
    if unreadable.any() and request.fallback is None:
        raise IncompleteError(
            f"{unreadable_in_words(ids[unreadable].tolist())}. Repair and score again, or give a probability with "
            "`fallback` 0.5."
        )
    dog_probability[unreadable] = request.fallback
    clip = 0.0 if is_whole else next(one for one in (request.clip, record.clip, DEFAULT_CLIP) if one is not None)
    _write_csv(path, ids, dog_probability, request.competition, clip)
    return Submission(path, len(ids), int(unreadable.sum()), clip)


def unreadable_in_words(ids: Sequence[object]) -> str:
    """How many images could not be read, and the first of them."""
    return f"{plural(len(ids), 'image')} could not be read: {some(ids)}"


def check_bounds(clip: float | None, fallback: float | None) -> None:
    """Raise RequestError if one of these is out of its bounds."""
    if clip is not None and not 0 <= clip < 0.5:
        raise RequestError(f"Expected `clip` from 0 to below 0.5; received {clip}.")
    if fallback is not None and not 0 <= fallback <= 1:
        raise RequestError(f"Expected `fallback` from 0 to 1; received {fallback}.")


def check_known(record: RunRecord) -> None:
    """Raise RequestError if images are known by the numbers of their rows in a table alone."""
    if record.request.columns.are_numbered:
        raise RequestError(
            f"Expected a run with `id_column`, the competition's ids in the table; rows of {record.request.images} "
            "without it have numbers, which say nothing. Score the table again with it."
        )


def find_dog(labels: Sequence[str]) -> int | None:
    """The index of `dog` or `dogs` beside `cat` or `cats`, in any case; None of more labels, or of any others."""
    cats, dogs = (
        [index for index, label in enumerate(labels) if label.lower() in names] for names in (_CAT_LABELS, _DOG_LABELS)
    )
    return dogs[0] if len(labels) == 2 and cats and dogs else None


def _dog_index(folder: RunFolder, labels: Sequence[str]) -> int:
    if not labels:
        raise RequestError(f"Expected a run with labels; {folder.path} holds features. Name a run of `score`.")
    dog = find_dog(labels)
    if dog is None:
        raise RequestError(
            f"Expected a run with the labels cat and dog; {folder.path} has {len(labels)} labels: {some(labels)}. "
            f"{OF_ANOTHER} For this one score with `model` vgg16-cats-dogs, or your own model and `labels` cat,dog."
        )
    return dog


def _integer_ids(image_ids: Sequence[str]) -> npt.NDArray[np.int64]:
    """The ids that Kaggle knows: file names, whatever the folders, and whatever the suffix where twins have kept it."""
    names = [_WITH_SUFFIX.sub(r"\1", image_id.rpartition("/")[2]) for image_id in image_ids]
    foreign = [name for name in names if not (name.isascii() and name.isdigit() and len(name) <= _MAX_DIGITS)]
    if foreign:
        raise RequestError(
            f"Expected image ids that are integers of at most {_MAX_DIGITS} digits, from files such as 123.jpg; "
            f"received {some(foreign)}. {OF_ANOTHER}"
        )
    ids = np.array([int(name) for name in names], dtype=np.int64)
    values, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        twice = int(values[counts > 1][0])
        images = [image_id for image_id, one in zip(image_ids, ids, strict=True) if one == twice]
        raise RequestError(
            f"Expected one image for every id; {int((counts > 1).sum())} ids have several, the first of them {twice}: "
            f"{some(images)}."
        )
    return ids


def _check_ids(ids: npt.NDArray[np.int64], request: SubmissionRequest) -> None:
    """Refuse anything but the whole test set, unless a part is asked for."""
    if request.partial:
        return
    expected = np.arange(1, _NUM_TEST_IMAGES + 1)
    foreign, missing = np.setdiff1d(ids, expected), np.setdiff1d(expected, ids)
    if foreign.size:
        raise RequestError(
            f"Expected the ids 1 to {expected[-1]} of {request.competition}; received {some(foreign.tolist())}. "
            f"Use `partial` for another collection. {OF_ANOTHER}"
        )
    if missing.size:
        raise IncompleteError(
            f"{missing.size} of the ids 1 to {expected[-1]} of {request.competition} "
            f"{'is' if missing.size == 1 else 'are'} missing: "
            f"{some(missing.tolist())}. Score the whole test set, or use `partial`."
        )


def _dog_probability(table: pa.Table, dog_index: int) -> npt.NDArray[np.float64]:
    """Probability of a dog for each row; NaN for an unreadable image."""
    dogs = pc.list_element(table["probabilities"], dog_index)
    of_readable = pc.if_else(pc.equal(table["status"], OK), dogs, None)
    return np.array(of_readable.to_numpy(), dtype=np.float64)


def _write_csv(
    path: Location,
    ids: npt.NDArray[np.int64],
    dog_probability: npt.NDArray[np.float64],
    competition: Competition,
    clip: float,
) -> None:
    labels = [answer_of(probability, clip, competition) for probability in dog_probability.tolist()]
    rows = pd.DataFrame({"id": ids, "label": labels}).sort_values("id")
    write_output(path, rows.to_csv(index=False))


def answer_of(probability: float, clip: float, competition: Competition | None = None) -> str:
    """What is written for a probability: itself, within the clip; where 0 or 1 is asked for, the nearer of them."""
    if competition is Competition.ORIGINAL:
        return "1" if probability >= 0.5 else "0"
    return spelled(probability, clip)
