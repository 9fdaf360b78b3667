"""Whether a model is worse on labelled images than chance, as where its labels are in the wrong order."""

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
