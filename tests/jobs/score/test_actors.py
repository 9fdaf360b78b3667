from io import StringIO

import pytest
from rich.console import Console

from jobs.score.actors import tell_scorer
from scoring.run.predictions import StoreProbabilities
from scoring.shards.settings import ScorerDescription


@pytest.mark.parametrize(
    ("num_labels", "store", "is_told"),
    [
        (2, StoreProbabilities.FEW, False),
        (32, StoreProbabilities.FEW, False),
        (120, StoreProbabilities.FEW, True),
        (120, StoreProbabilities.ALL, False),
        (1000, StoreProbabilities.FEW, False),  # ImageNet's
    ],
)
def test_labels_that_are_not_stored_are_told_before_all_is_scored(
    num_labels: int, store: StoreProbabilities, is_told: bool
) -> None:
    labels = tuple(map(str, range(num_labels)))
    console = Console(file=StringIO(), width=200)
    tell_scorer(console, ScorerDescription("m", labels, "float32", "as asked", {}, store_probabilities=store))
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert ("of 120 labels each image's best 5 are stored" in said) is is_told
