"""Whether a model is no better on labelled images than chance, or than one label said of all of them."""

from collections.abc import Sequence

from scoring.quality.evaluation import Evaluation
from scoring.quality.intervals import single_test_interval
from scoring.run.record import RequestRecord
from scoring.run.summary import Summary


def most_below_chance(summary: Summary, num_labels: int) -> float | None:
    """Upper end of the accuracy's 95% interval where it is below chance; None where not, or one answer explains it.

    Args:
        summary: What was counted.
        num_labels: The run's labels, of which chance would give each as often.
    """
    if summary.one_answer or summary.num_right * num_labels >= summary.num_labelled:
        return None
    high = single_test_interval([summary.num_right / summary.num_labelled], summary.num_labelled).high
    return high if high < 1 / num_labels else None


def what_to_look_at(request: RequestRecord) -> str:
    """What may have made a model worse than chance."""
    if request.model.get("labels") is not None:
        return "are `labels` in the order of the model's classes?"
    return "are the images' labels right?"


def no_better_than_one_label(measured: Evaluation, labels: Sequence[str]) -> str | None:
    """Say so of a model that is right no more often than its most common label alone would be; None if it is."""
    by_label = [sum(row) for row in measured.confusion or []]
    if not by_label or round(measured.accuracy * measured.num_images) > max(by_label):
        return None
    label, share = labels[by_label.index(max(by_label))], max(by_label) / measured.num_images
    return (
        f"{share:.2%} of the photos measured on are {label!r}: to say so of all of them would be right as often. Trust "
        "log loss and ROC AUC rather than the accuracy."
    )
