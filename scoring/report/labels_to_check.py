"""Photos of a report whose label is probably wrong: the worst as pictures, more of them by name."""

from collections.abc import Mapping, Sequence

import numpy as np

from scoring.quality.label_issues import LabelIssue, find_doubts, find_label_issues
from scoring.report.looks import Album, draw_pictures, find_pictures, picture_tile
from scoring.report.parts import Block, Look, Prose, Table
from scoring.report.rows import ScoredRows
from scoring.report.text import shorten
from scoring.run.wording import plural
from scoring.storage.redaction import visible

_MAX_SHOWN = 12
_MAX_NAMED = 200
_NAME_LENGTH = 160  # characters of a path
_METHOD = (
    "Another label reaches the probability that its own photos have in the mean, and the given one is not the most "
    "likely; ranked by the probability of the given label, adjusted by these means (confident learning, as cleanlab "
    "has it). Look before you change a label: the model may be wrong."
)


def label_blocks(rows: ScoredRows, labels: Sequence[str], album: Album) -> list[Block]:
    """The photos whose label is probably wrong, the worst first.

    Args:
        rows: What a model said that has not learned from these photos; at least one has a label.
        labels: One name per class, in class order.
        album: Where the photos lie.
    """
    if rows.probabilities is None:
        return [Prose("Labels are checked where the probabilities of all of them are stored.")]
    issues, doubts = _issues(rows, rows.probabilities)
    known = plural(int((rows.column("truth") >= 0).sum()), "photo")
    if not issues:
        return [Prose(f"No label of {known} looks wrong to the model.")]
    named, doubted = issues[:_MAX_NAMED], doubts[: max(0, _MAX_NAMED - len(issues))]
    images = find_pictures(rows, np.array([issue.photo for issue in (*named, *doubted)], np.int64), album)
    shown = named[:_MAX_SHOWN]
    thumbnails, problem = draw_pictures(album, [images[issue.photo] for issue in shown])
    tiles = [
        picture_tile(rows, issue.photo, labels, album.name_of(image), thumbnails.get(image))
        for issue, image in ((issue, images[issue.photo]) for issue in shown)
    ]
    names = {row: album.name_of(image) for row, image in images.items()}
    further = f" Behind them {plural(len(doubts), 'label')} that the model merely doubts." if doubts else ""
    return [
        Prose(f"{plural(len(issues), 'label')} of {known} may be wrong.{further} {_METHOD}"),
        *([Prose(problem)] if problem else []),
        Look("Probably labelled wrongly", f"The worst {len(shown)}", tiles),
        _table("Probably labelled wrongly", named, len(issues), names, labels),
        *([_table("Merely doubted", doubted, len(doubts), names, labels)] if doubted else []),
    ]


def _table(
    what: str, named: Sequence[LabelIssue[int]], num_found: int, names: Mapping[int, str], labels: Sequence[str]
) -> Table:
    """Photos by name, of which more may have been found."""
    cells = [
        (
            visible(shorten(names[issue.photo], _NAME_LENGTH)),
            labels[issue.given],
            labels[issue.likely],
            f"{issue.quality:.3f}",
        )
        for issue in named
    ]
    some = f"{len(named)} of {num_found}, " if num_found > len(named) else ""
    return Table(
        f"{what}: {some}the worst first",
        ("photo", "label", "rather", "for its label, 0 to 1"),
        cells,
        num_text_columns=3,
    )


def _issues(rows: ScoredRows, probabilities: np.ndarray) -> tuple[list[LabelIssue[int]], list[LabelIssue[int]]]:
    """Labels that are probably wrong, and others in doubt, by the photos' row numbers."""
    truth = rows.column("truth")
    known = np.flatnonzero(truth >= 0)
    photos, labels, said = [int(row) for row in known], truth[known], probabilities[known]
    return find_label_issues(photos, labels, said), find_doubts(photos, labels, said)
