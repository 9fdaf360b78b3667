"""Our model of the sonar returns: trained, or loaded from a file. Keras is imported when a function here is called."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from scoring.errors import ModelError
from scoring.sonar.ensemble import train_folds
from scoring.sonar.protocols import Fold
from scoring.sonar.recipes import RECIPES, SonarModel
from scoring.sonar.returns import NUM_BANDS, SonarReturns

if TYPE_CHECKING:
    import keras


def train_network(returns: SonarReturns, in_training: npt.NDArray[np.bool_], seed: int) -> "keras.Model":
    """Train our model on the training rows.

    Returns:
        A model from raw bands, shape (batch, 60), to the probability of a mine, shape (batch, 1).
    """
    fold = Fold(0, 0, np.flatnonzero(in_training), np.flatnonzero(~in_training), (seed,))
    return train_folds(RECIPES[SonarModel.OURS], returns.bands, np.asarray(returns.labels == "M"), [fold])


def load_network(path: Path) -> "keras.Model":
    """Load a model that `train_network` or the study made.

    Raises:
        ModelError: If it cannot be loaded, is not built, or has other shapes. What it computes is looked at where
            returns are scored.
    """
    import keras

    try:
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a missing file, an unsafe layer, a damaged archive
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"Cannot load the sonar model {path} in Keras' safe mode: {reason}") from error
    try:
        shapes = (tuple(network.input_shape), tuple(network.output_shape))
    except (AttributeError, TypeError) as error:  # a Sequential that has seen no input
        raise ModelError(
            f"Expected a model from {NUM_BANDS} bands to the probability of a mine; {path} was saved before it had an "
            "input shape. Give it one and save it again."
        ) from error
    if shapes != ((None, NUM_BANDS), (None, 1)):
        raise ModelError(f"Expected a model from 60 bands to the probability of a mine; {path} has shapes {shapes}.")
    return network
