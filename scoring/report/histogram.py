"""What a model says, whether right or not, as parts of a report."""

from collections.abc import Mapping, Sequence

import numpy as np

from scoring.arrays import Float32Array
from scoring.report.figures import draw_histogram
from scoring.report.parts import Figure, Table
from scoring.report.rows import ScoredRows
from scoring.report.text import NONE_OF_THEM, count, percent
from scoring.run.wording import plural

_NUM_BINS = 20
_BIN_PERCENT = 100 // _NUM_BINS
_MAX_LABELS = 20  # in the table of most likely labels


def histogram_figure(rows: ScoredRows, labels: Sequence[str]) -> Figure:
    """How many images have which probability, told apart by the truth if it is known."""
    truth = rows.column("truth")
    if rows.probabilities is not None and rows.by_label is None and len(labels) == 2:
        said, what = rows.probabilities[:, 1], f"probability of {labels[1]}"
        parts = {f"is {label}": truth == index for index, label in enumerate(labels)}
    else:
        said, what = rows.probability, "probability of the most likely label"
        is_right = truth == rows.column("predicted")
        parts = {"right": is_right, "wrong": ~is_right & (truth >= 0)}
    if (truth < 0).any():
        parts["truth not known"] = truth < 0
    series = {name: said[part] for name, part in parts.items()} if rows.is_labelled else {"images": said}
    return probability_histogram("histogram", "image", what, series)


def probability_histogram(name: str, noun: str, what: str, series: Mapping[str, Float32Array]) -> Figure:
    """How many of something have which probability.

    Args:
        name: Unique in the page.
        noun: One of what is counted.
        what: The probability of what.
        series: At most three groups of probabilities.
    """
    counts = {group: _count_bins(probabilities) for group, probabilities in series.items()}
    total = np.sum(list(counts.values()), axis=0)
    outermost = int(total[0] + total[-1]) / max(1, int(total.sum()))
    title = f"{noun.capitalize()}s by {what}"
    return Figure(
        title=title,
        svg=draw_histogram(name, counts, what, f"{noun}s, logarithmic"),
        description=f"Of {plural(int(total.sum()), noun)}, {percent(outermost)} lie below {_BIN_PERCENT}% or above "
        f"{100 - _BIN_PERCENT}%, in the outermost of {_NUM_BINS} bins.",
        table=Table(
            title,
            (what, *counts),
            [
                (f"{low} to {low + _BIN_PERCENT}%", *(count(group[number]) for group in counts.values()))
                for number, low in enumerate(range(0, 100, _BIN_PERCENT))
            ],
        ),
    )


def _count_bins(probabilities: Float32Array) -> list[int]:
    number = np.clip((probabilities * _NUM_BINS).astype(int), 0, _NUM_BINS - 1)
    return [int(images) for images in np.bincount(number, minlength=_NUM_BINS)]


def labels_table(rows: ScoredRows, labels: Sequence[str]) -> Table:
    """How many images have which label: the most likely one or, where labels stand by themselves, several or none."""
    said = rows.num_having(len(labels))
    shown = np.argsort(-said, kind="stable")[:_MAX_LABELS]
    if len(labels) > _MAX_LABELS:
        shown = shown[said[shown] > 0]
    counts = [(labels[index], int(said[index])) for index in shown]
    what = "Images by most likely label"
    if rows.by_label is not None:
        counts, what = [*counts, (NONE_OF_THEM, rows.num_without)], "Images by label, at 50% or more"
    return Table(
        what + (f", the {len(shown)} most frequent" if np.count_nonzero(said) > _MAX_LABELS else ""),
        ("label", "images", "share"),
        [(label, count(number), percent(number / len(rows.numbers))) for label, number in counts],
    )
