"""What a user says of the answers that a template asks for."""

from dataclasses import dataclass
from enum import StrEnum


class Values(StrEnum):
    """What the one column of a template holds, where its values do not tell."""

    PROBABILITY = "probability"
    LABEL = "label"
    INDEX = "index"


@dataclass(frozen=True)
class Wishes:
    """What the user says of the answers.

    Attributes:
        values: What the one column holds; None lets the template tell.
        positive: The label whose probability is wanted, or of two the one that is 1, not 0; None takes the one that the
            column is named after, or the dog of cats and dogs, and of indices the second.
        threshold: All labels of at least this probability, 0 to 1; None for one label, or as many as the template has.
        clip: Probabilities are kept within [clip, 1 - clip], 0 to below 0.5; None leaves them.
    """

    values: Values | None = None
    positive: str | None = None
    threshold: float | None = None
    clip: float | None = None
