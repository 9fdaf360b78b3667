"""Fill a competition's template from a run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from scoring.errors import IncompleteError
from scoring.quality.multi_label import true_labels
from scoring.run.folder import RunFolder
from scoring.run.predictions import OK
from scoring.run.reader import RunReader
from scoring.run.record import RunRecord
from scoring.storage.durable import write_output
from scoring.storage.locations import Location
from scoring.submissions.answers import Above, Answers, Best, check_stored
from scoring.submissions.choosing import choose_answers
from scoring.submissions.index_meaning import told_of_index
from scoring.submissions.matching import are_to_test_on, match_ids
from scoring.submissions.submission import Submission, check_bounds, check_known, unreadable_in_words
from scoring.submissions.template import NUMBER, Template, read_template
from scoring.submissions.wishes import Wishes


@dataclass(frozen=True)
class TemplateRequest:
    """How to fill a template.

    Attributes:
        template: The competition's sample_submission.csv.
        wishes: What the user says of the answers.
        fallback: Probability, 0 to 1, for unreadable images in every column; labels stay as the template has them. None
            refuses these images.
        verify: Read every row with its checksum, and compare ids and digests, before anything is written.
    """

    template: Location
    wishes: Wishes
    fallback: float | None = None
    verify: bool = True


def fill_template(folder: RunFolder, request: TemplateRequest, path: Location) -> Submission:
    """Check a finished run, and write the answers to a template whole.

    Raises:
        RequestError: If ids, columns or values of the template do not fit the run, or do not tell what is wanted.
        IncompleteError: If shards or readable images are missing, or a shard is damaged; they are named.
    """
    check_bounds(request.wishes.clip, request.fallback)
    template = read_template(request.template)
    reader = RunReader(folder, request.verify)
    check_known(reader.record)
    record = reader.record
    answers = choose_answers(template, record.labels, request.wishes, record.is_multi_label, record.class_numbers)
    check_stored(answers, reader.record)
    table = reader.read(["image_id", "path", "status", "target", *answers.needs])
    image_ids, written, paths = (column.to_pylist() for column in (*table.select([0, 1]), reader.told_paths()))
    header = template.header[0] if template.may_lack_header(reader.record.labels) else ""
    request_of_run = reader.record.request
    has_own_ids = request_of_run.columns.image_id is not None
    rows = match_ids(template.ids, image_ids, paths, request_of_run.images, header, has_own_ids, written)
    asked = table.take(rows)
    is_ok = np.array([status == OK for status in asked["status"].to_pylist()], dtype=bool)
    _check_readable(template.ids, is_ok, request.fallback)
    filled = list(_answers(template, answers, asked, is_ok, request.fallback))
    write_output(path, template.filled(filled))
    return Submission(
        path=path,
        num_rows=len(filled),
        num_fallbacks=int((~is_ok).sum()),
        clip=request.wishes.clip or 0.0,
        holds=answers.holds,
        num_unasked=len(table) - len(rows),
        num_empty=filled.count(("",)) if isinstance(answers, Above) else 0,
        warnings=tuple(_warnings(answers, reader.record, template, asked)),
    )


def _warnings(answers: Answers, record: RunRecord, template: Template, asked: pa.Table) -> Iterator[str]:
    """Why the answers may be others than the competition wants."""
    if told := told_of_index(answers, template):
        yield told
    if isinstance(answers, Best) and (fraction := _quantity(template, record.labels)) is not None:
        yield (
            f"`template` has fractions such as {fraction}, and the run's labels are whole numbers: each was learned as "
            "a class by itself, not as a quantity."
        )
    paths, targets = asked["path"].to_pylist(), asked["target"].to_pylist()
    if _are_labelled(targets, record.labels) and not are_to_test_on(paths, record.request.images):
        yield (
            f"All {len(asked)} rows are of photos that were scored with labels of their own, as photos to train on "
            "are: if the competition tests on others of these names, score those."
        )


def _quantity(template: Template, labels: Sequence[str]) -> str | None:
    """A fraction in the one column, if labels are whole numbers; None of two, of which it may be a probability."""
    if len(labels) < 3 or not all(NUMBER.fullmatch(label) and float(label).is_integer() for label in labels):
        return None
    values = (value for (value,) in template.answers)
    return next((value for value in values if NUMBER.fullmatch(value) and float(value) % 1), None)


def _are_labelled(targets: Sequence[str | None], labels: Sequence[str]) -> bool:
    """Whether all photos have labels of the run, and not the same: not such as of a folder `unknown`."""
    told = true_labels(targets, labels).values()
    different = {classes for classes in told if classes}
    return None not in targets and len(different) > 1 and all(classes is not None for classes in told)


def _check_readable(ids: Sequence[str], is_ok: npt.NDArray[np.bool_], fallback: float | None) -> None:
    unreadable = [one for one, ok in zip(ids, is_ok, strict=True) if not ok]
    if unreadable and fallback is None:
        raise IncompleteError(
            f"{unreadable_in_words(unreadable)}. Repair and score again, or use `fallback` 0.5: that is the "
            "probability; labels stay as `template` has them."
        )


def _answers(
    template: Template, answers: Answers, asked: pa.Table, is_ok: npt.NDArray[np.bool_], fallback: float | None
) -> Iterator[tuple[str, ...]]:
    """The answers of each row; of unreadable images the fallback."""
    scored = iter(answers.fill(asked.filter(pa.array(is_ok))))
    for one, ok, given in zip(template.ids, is_ok, template.answers, strict=True):
        if ok:
            yield next(scored)
        elif fallback is not None and (unread := answers.unread(given, fallback)) is not None:
            yield unread
        else:
            raise IncompleteError(
                f"Expected an answer in `template` for {one}, which could not be read; it has {','.join(given)!r}, and "
                f"{answers.holds} is filled in. Repair the image and score it again, or write an answer there."
            )
