"""What the labels of photos are for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LabelUse:
    """What labels are for: training takes labelled photos alone, and one label of each.

    Attributes:
        keeps_unlabelled: Whether photos without a label stay.
        takes_several: Whether a photo may have several; its target has commas between them.
    """

    keeps_unlabelled: bool = False
    takes_several: bool = False


TRAINING = LabelUse()
