"""Where a log loss stands among those of Kaggle's Redux competition of cats and dogs, which ended in 2017."""

from collections.abc import Sequence

from scoring.report.parts import Table
from scoring.report.text import measure
from scoring.submissions.submission import find_dog

_NAME = (
    "If these are its photos: where a log loss stands in Kaggle's dogs-vs-cats-redux-kernels-edition, of 1,314 teams"
)
# The competition's private leaderboard; the first is that of fast.ai's lesson as it was shown in the course.
_STANDINGS = (
    (0.10258, "a first run of fast.ai's course"),
    (0.07407, "rank 205"),
    (0.04141, "rank 20"),
    (0.03882, "gold"),
)


def standings(labels: Sequence[str], log_loss: float) -> list[Table]:
    """A model's log loss among them, the best first; no table unless its labels are cat and dog."""
    if find_dog(labels) is None:
        return []
    rows = [(value, name, f"{value:.5f}") for value, name in _STANDINGS]
    rows.append((log_loss, "this model, clipped, on its validation photos", measure(log_loss)))
    return [Table(_NAME, ("", "log loss"), [(name, text) for _, name, text in sorted(rows)])]
