"""How right a model is, as parts of a report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from scoring.quality.evaluation import Evaluation, ReliabilityBin, evaluate, reliability_bins
from scoring.quality.intervals import Interval, clustered_interval, single_test_interval
from scoring.report.figures import draw_reliability
from scoring.report.parts import Block, Confusion, Facts, Figure, KeyFigure, Prose, Table
from scoring.report.rows import ScoredRows
from scoring.report.text import count, measure, percent, percent_range
from scoring.run.predictions import MAX_FULL_VECTOR, TOP_K
from scoring.run.summary import Summary
from scoring.run.wording import plural

_MAX_CONFUSION = 12  # labels that a table of all pairs can hold on a page
_MAX_MISTAKES = 15
_AREA_NOTE = "0.5 is chance, 1 is perfect"


@dataclass(frozen=True)
class Quality:
    """A model against the truth, as far as what is stored tells; see `scoring.quality.evaluation.Evaluation`.

    Attributes:
        num_images: Images with a known truth.
        accuracy: Share of them whose most likely label is the true one; of all in the run, where `num_all` says so.
        accuracy_interval: 95% confidence interval of the accuracy.
        top_five: Share whose true label is among the five most likely; None for at most five labels.
        log_loss: None where not all probabilities are stored.
        roc_auc: None there too, and if a label has no image.
        confusion: Images by true (rows) and most likely label (columns); None where not all probabilities are stored,
            and for over 100 labels.
        reliability: Predicted probabilities, and how often they were right.
        mistakes: True label, most likely label and images of the most frequent mistakes.
        num_mistakes: How many pairs of true and most likely label there are among all mistakes.
        is_of_shards: Whether the images are those of shards drawn at random, and so not independent of each other.
        num_all: Images of the whole run with a known truth, where these are a sample of them, and accuracy and its
            interval are of all; None where all measures are of the same images.
    """

    num_images: int
    accuracy: float
    accuracy_interval: Interval
    top_five: float | None
    log_loss: float | None
    roc_auc: float | None
    confusion: Sequence[Sequence[int]] | None
    reliability: Sequence[ReliabilityBin]
    mistakes: Sequence[tuple[int, int, int]]
    num_mistakes: int
    is_of_shards: bool = False
    num_all: int | None = None

    def with_all(self, summary: Summary) -> "Quality":
        """The same with the accuracy of the whole run, whose every labelled row was counted."""
        accuracy = summary.num_right / summary.num_labelled
        interval = single_test_interval([accuracy], summary.num_labelled)
        return replace(self, accuracy=accuracy, accuracy_interval=interval, num_all=summary.num_labelled)


def measure_quality(rows: ScoredRows, is_of_shards: bool = False) -> Quality:
    """Measure what can be measured of labelled rows; at least one has a known truth.

    Args:
        rows: Those that are known.
        is_of_shards: Whether their files were drawn at random from more.
    """
    known = rows.known()
    truth, predicted = known.column("truth"), known.column("predicted")
    is_right = truth == predicted
    evaluation = None if known.probabilities is None else evaluate(known.probabilities, truth)
    accuracy = float(is_right.mean())
    mistakes = _mistakes(known)
    has_ranks = known.probabilities is None or known.probabilities.shape[1] > TOP_K
    return Quality(
        num_images=len(truth),
        accuracy=accuracy,
        accuracy_interval=_by_shards(known, is_right) if is_of_shards else single_test_interval([accuracy], len(truth)),
        top_five=float(known.numbers["in_top"].mean()) if has_ranks else None,
        log_loss=evaluation.log_loss if evaluation else None,
        roc_auc=evaluation.roc_auc if evaluation else None,
        confusion=evaluation.confusion if evaluation else None,
        reliability=evaluation.reliability if evaluation else reliability_bins(known.probability, is_right),
        mistakes=mistakes[:_MAX_MISTAKES],
        num_mistakes=len(mistakes),
        is_of_shards=is_of_shards,
    )


def _by_shards(known: ScoredRows, is_right: npt.NDArray[np.bool_]) -> Interval:
    file, num_files = known.column("file"), len(known.files)
    return clustered_interval(np.bincount(file[is_right], minlength=num_files), np.bincount(file, minlength=num_files))


def _mistakes(known: ScoredRows) -> list[tuple[int, int, int]]:
    wrong = known.numbers[known.column("truth") != known.column("predicted")]
    pairs = wrong.groupby(["truth", "predicted"]).size().reset_index(name="images")
    pairs = pairs.sort_values(["images", "truth", "predicted"], ascending=[False, True, True])
    return [(int(truth), int(said), int(images)) for truth, said, images in pairs.itertuples(index=False)]


def quality_blocks(
    measures: Block,
    quality: Quality,
    labels: Sequence[str],
    reliability: Mapping[str, Sequence[ReliabilityBin]] | None = None,
    are_different: bool = True,
) -> list[Block]:
    """Tell of labelled images: measures, what is taken for what, and reliability.

    Args:
        measures: Comes first.
        quality: What was measured.
        labels: One name per class.
        reliability: Bins of several models, where there is more to show than the bins of `quality`.
        are_different: Whether no image is known to be a copy of another.
    """
    series = reliability or {"model": quality.reliability}
    blocks = [measures]
    if quality.confusion is not None and len(labels) <= _MAX_CONFUSION:
        blocks.append(confusion_block(quality.confusion, labels))
    elif quality.mistakes:
        blocks.append(_mistakes_table(quality, labels))
    are_independent = are_different and not quality.is_of_shards
    blocks.append(reliability_figure("reliability", series, labels, intervals=are_independent))
    return blocks


def quality_notes(quality: Quality, num_unknown: int, others: Sequence[str]) -> list[Block]:
    """What the measures leave out.

    Args:
        quality: What was measured.
        num_unknown: Images with a target that the model does not know.
        others: The images without a target, and without scores, in words.
    """
    notes: list[Block] = []
    if quality.log_loss is None:
        why = f"Log loss and ROC AUC need all labels' probabilities, which are stored for at most {MAX_FULL_VECTOR}, "
        notes.append(Prose(f"{why}or for all that there are if asked for."))
    if quality.num_all is not None:
        of_all = plural(quality.num_all, "image")
        notes.append(Prose(f"Accuracy and its interval are of all {of_all} with a known truth, all else of a sample."))
    return [*notes, *left_out_notes(num_unknown, others)]


def left_out_notes(num_unknown: int, others: Sequence[str]) -> list[Block]:
    """What the measures leave out, as no class or several are the target, or for other reasons, as `others` say."""
    unknown = f"{plural(num_unknown, 'image')} with a target that the model does not know, or has more than once"
    said = [unknown, *others] if num_unknown else others
    return [Prose(f"Left out of these measures: {one}.") for one in said]


def unknown_notes(num_unknown: int, others: Sequence[str]) -> list[Block]:
    """That nothing is measured, as no target is known; nothing if no labels were told."""
    unknown = f"the model does not know the target of {plural(num_unknown, 'labelled image')}"
    said = [unknown, *others] if num_unknown else others
    return [Prose(f"Nothing is measured: {one}.") for one in said]


def measures_facts(quality: Quality) -> Facts:
    """All measures of one model."""
    interval = quality.accuracy_interval
    of_all = "" if quality.num_all is None else f" of {count(quality.num_all)}, a sample"
    facts = [
        ("images with a known truth", f"{count(quality.num_images)}{of_all}"),
        ("accuracy" if quality.num_all is None else "accuracy, of all", percent(quality.accuracy)),
        ("95% interval of it", f"{percent_range(interval.low, interval.high)} ({interval.method})"),
    ]
    if quality.top_five is not None:
        facts.append((f"truth among the {TOP_K} most likely", percent(quality.top_five)))
    if quality.log_loss is not None:
        facts.append(("log loss, nats per image", measure(quality.log_loss)))
        facts.append(("area under the ROC curve", measure(quality.roc_auc)))
    return Facts("Measures", facts)


def area_figure(roc_auc: float | None) -> KeyFigure:
    """The area under the ROC curve as a key figure, or why there is none."""
    return KeyFigure("ROC AUC", measure(roc_auc), "a label has no image" if roc_auc is None else _AREA_NOTE)


def confusion_block(counts: Sequence[Sequence[int]], labels: Sequence[str], what: str = "Images") -> Confusion:
    """A table of what is taken for what."""
    return Confusion(
        f"{what} by true label (rows, whose shares add up to 100%) and most likely label (columns)", labels, counts
    )


def _mistakes_table(quality: Quality, labels: Sequence[str]) -> Table:
    rows = [(labels[truth], labels[said], count(images)) for truth, said, images in quality.mistakes]
    some = f", {len(rows)} of {count(quality.num_mistakes)} pairs" if quality.num_mistakes > len(rows) else ""
    return Table(
        f"The most frequent mistakes{some}", ("true label", "most likely label", "images"), rows, num_text_columns=2
    )


def evaluations_table(caption: str, evaluations: Mapping[str, Evaluation]) -> Table:
    """One row of measures for each of several models."""
    rows = [
        (
            name,
            percent(one.accuracy),
            percent_range(one.accuracy_interval.low, one.accuracy_interval.high),
            measure(one.log_loss),
            measure(one.roc_auc),
        )
        for name, one in evaluations.items()
    ]
    return Table(caption, ("", "accuracy", "95% interval", "log loss", "ROC AUC"), rows)


def reliability_figure(
    name: str,
    series: Mapping[str, Sequence[ReliabilityBin]],
    labels: Sequence[str],
    intervals: bool,
    subject: str = "Reliability",
    noun: str = "image",
) -> Figure:
    """Predicted probabilities of models against observed shares.

    Args:
        name: Unique in the page.
        series: Bins of at most three models.
        labels: One name per class; of two, the bins are of the second one's probability.
        intervals: Whether rows are independent, so that each bin has a 95% interval.
        subject: Begins the title.
        noun: One of what is counted.
    """
    what = f"probability of {labels[1]}" if len(labels) == 2 else "probability of the most likely label"
    return Figure(
        title=f"{subject}: {what}, predicted and observed",
        svg=draw_reliability(name, series, f"predicted: {what}", intervals),
        description=f"Expected calibration error: {', '.join(_distance(*item) for item in series.items())}.",
        table=Table(
            f"{subject}: {what}",
            ("model", "mean prediction", "observed share", f"{noun}s"),
            [
                (model, percent(one.mean_probability), percent(one.share_right), count(one.num_images))
                for model, bins in series.items()
                for one in bins
            ],
        ),
        note="That is the mean distance from the dashed line, on which both are equal."
        + (" Upright lines are 95% intervals (Wilson)." if intervals else ""),
    )


def _distance(model: str, bins: Sequence[ReliabilityBin]) -> str:
    """The mean distance of a model's bins from the line, weighted by images."""
    num_images = sum(one.num_images for one in bins)
    error = sum(abs(one.mean_probability - one.share_right) * one.num_images for one in bins) / max(1, num_images)
    return f"{model} {100 * error:.1f} points"
