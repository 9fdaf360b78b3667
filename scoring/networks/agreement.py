"""How far int8 is from float32 on the user's own images, and the images that this is measured with."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scoring.arrays import Float32Array, UInt8Array

# What int8 may change before its user is warned: the share of labels, and any probability.
_MAX_CHANGED_LABELS, _MAX_DIFFERENCE = 0.01, 0.25
# Follows the network's digest in that of its int8 form, before a digest of the int8 weights: these differ with the
# images that they were calibrated on.
QUANTISED = ":int8-"


@dataclass(frozen=True)
class ImageSample:
    """Some of the user's own images, 0 to 255, each of shape (num_images, height, width, channels).

    Attributes:
        to_calibrate: Images that int8 ranges are taken from.
        to_compare: Other images, scored in float32 and in int8.
        earlier_model: Digest of the model that the run to be continued was scored with; empty for a new run. The images
            may have changed since that model was calibrated, and the run must go on with it.
    """

    to_calibrate: UInt8Array
    to_compare: UInt8Array
    earlier_model: str = ""


@dataclass(frozen=True)
class Agreement:
    """How far int8 is from float32 on images that it was not calibrated on.

    Attributes:
        num_images: How many were compared.
        equal_labels: Share of them that kept their label, 0 to 1; where each label stands by itself, share of all
            labels of all images that stayed on their side of 0.5.
        largest_difference: The largest difference of any probability, 0 to 1.
    """

    num_images: int
    equal_labels: float
    largest_difference: float

    @property
    def warning(self) -> str | None:
        """What to say of it where too many labels changed, or a probability by too much."""
        if self.equal_labels < 1 - _MAX_CHANGED_LABELS:
            return f"more than {_MAX_CHANGED_LABELS:.0%} changed: consider `precision` auto"
        if self.largest_difference > _MAX_DIFFERENCE:
            return f"one differs by more than {_MAX_DIFFERENCE:.0%}: consider `precision` auto"
        return None


@dataclass(frozen=True)
class ComparedOutputs:
    """A network's outputs for the same images, each of shape (num_images, num_outputs).

    Attributes:
        exact: In float32.
        quantised: In int8.
    """

    exact: Float32Array
    quantised: Float32Array

    def agreement(
        self, to_probabilities: Callable[[Float32Array], Float32Array], each_label: bool = False
    ) -> Agreement:
        """How far the probabilities and labels that they become are from each other.

        Args:
            to_probabilities: What outputs become.
            each_label: Whether each label stands by itself.
        """
        exact, quantised = to_probabilities(self.exact), to_probabilities(self.quantised)
        equal = exact.argmax(axis=1) == quantised.argmax(axis=1)
        if each_label:
            equal = (exact >= 1 / 2) == (quantised >= 1 / 2)
        return Agreement(len(exact), float(equal.mean()), float(np.abs(exact - quantised).max()))
