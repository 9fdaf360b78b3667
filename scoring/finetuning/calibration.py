"""Make probabilities mean what they say, by the validation photos: a temperature, and a clip for submissions."""

import numpy as np
import numpy.typing as npt

from scoring.arrays import Float32Array
from scoring.models.trained_heads import Calibration
from scoring.quality.evaluation import log_loss

_TEMPERATURES = (0.05, 20.0)
_CLIPS = (1e-6, 0.49)
_NUM_FOLDS = 5


def ensemble_probabilities(logits: Float32Array, temperature: float) -> Float32Array:
    """Average the members' probabilities.

    Args:
        logits: Logits, shape (num_images, num_members, num_classes); a flipped view counts as a member of its own.
        temperature: Divides every member's logits.

    Returns:
        Shape (num_images, num_classes).
    """
    from scipy.special import softmax

    probabilities: Float32Array = softmax(logits / np.float32(temperature), axis=2).mean(axis=1)
    return probabilities


def calibrate(logits: Float32Array, truth: npt.NDArray[np.int64]) -> Calibration:
    """Fit both on validation log loss; for arguments see `ensemble_probabilities`."""
    temperature = _fit_temperature(logits, truth)
    return Calibration(temperature, _fit_clip(ensemble_probabilities(logits, temperature), truth))


def cross_fitted(
    logits: Float32Array, truth: npt.NDArray[np.int64], seed: int
) -> tuple[Float32Array, npt.NDArray[np.float64]]:
    """Calibrate each fifth of the photos by the other four, for an honest estimate of what calibration brings.

    Returns:
        Probabilities, shape (num_images, num_classes), and the clip for each image, shape (num_images,).
    """
    probabilities = ensemble_probabilities(logits, 1.0)
    clips = np.zeros(len(truth))
    order = np.random.default_rng(seed).permutation(len(truth))
    for held_out in np.array_split(order, min(_NUM_FOLDS, len(truth))):
        others = np.setdiff1d(order, held_out)
        fitted = calibrate(logits[others], truth[others]) if others.size else Calibration(1.0, _CLIPS[1])
        probabilities[held_out] = ensemble_probabilities(logits[held_out], fitted.temperature)
        clips[held_out] = fitted.clip
    return probabilities, clips


def _fit_temperature(logits: Float32Array, truth: npt.NDArray[np.int64]) -> float:
    """The temperature of least log loss on these photos and one more, imagined: as sure as the median, and wrong.

    Without that one, photos without a mistake would ask for certainty (Laplace's rule of succession).
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import softmax

    confidence = ensemble_probabilities(logits, 1.0).max(axis=1)
    median = np.argsort(confidence, kind="stable")[len(confidence) // 2]
    runner_up = ensemble_probabilities(logits[[median]], 1.0)[0].argsort()[-2]
    logits = np.concatenate([logits, logits[[median]]])
    truth = np.append(truth, runner_up)
    rows = np.arange(len(truth))
    exact = logits.astype(np.float64)  # float32 would round a certain mistake's cost away

    def total_loss(exponent: float) -> float:
        of_truth = softmax(exact / np.exp(exponent), axis=2).mean(axis=1)[rows, truth]
        return float(-np.log(np.maximum(of_truth, np.finfo(np.float64).tiny)).sum())

    found = minimize_scalar(
        total_loss,
        bounds=np.log(_TEMPERATURES),
        method="bounded",
    )
    return float(np.exp(found.x))


def _fit_clip(probabilities: Float32Array, truth: npt.NDArray[np.int64]) -> float:
    """The clip of least log loss on these photos and one more, imagined, on which the model is certain and wrong."""
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda exponent: len(truth) * log_loss(probabilities, truth, clip=float(np.exp(exponent))) - exponent,
        bounds=np.log(_CLIPS),
        method="bounded",
    )
    return float(np.exp(found.x))
