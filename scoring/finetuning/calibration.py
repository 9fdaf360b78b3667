"""Calibrate probabilities on the validation photos: a temperature, and a clip for submissions."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scoring.arrays import Float32Array
from scoring.models.trained_heads import Calibration
from scoring.quality.evaluation import log_loss

# Bounds of both fits.
_TEMPERATURES = (0.05, 20.0)
_CLIPS = (1e-6, 0.49)
_NUM_FOLDS = 5
# What calibration assumes before it sees a photo. Chosen on heads for VGG16's features of cats and dogs, fitted on 20
# to 600 photos and measured on 2,000 others and more, thirty draws each: heads that were right already lost 0.0012 in
# the mean and 0.0032 at most, where one imagined mistake had cost up to 0.13; heads that were too unsure won a third of
# what there was to win by 20 photos, and 0.98 of it by 600.
_TEMPERATURE_SPREAD = 0.3  # standard deviation of the temperature's logarithm
_IMAGINED_MISTAKES = 0.02  # share of a photo on which the model is certain and wrong


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


@dataclass(frozen=True)
class Calibrated:
    """What calibration came to, and what it brings, told by photos that each fit had not seen.

    Attributes:
        calibration: Fitted on all photos; its temperature is 1 where one did not gain on photos that it had not seen.
        probabilities: Those of each photo, with a temperature fitted without it, shape (num_images, num_classes).
        clips: For each photo the clip that was fitted without it, shape (num_images,).
    """

    calibration: Calibration
    probabilities: Float32Array
    clips: npt.NDArray[np.float64]


def calibrate(
    logits: Float32Array, truth: npt.NDArray[np.int64], seed: int, originals: npt.NDArray[np.int64] | None = None
) -> Calibrated:
    """Fit a temperature and a clip, and measure both by parts: each fifth of the photos by a fit on the other four.

    A temperature that does not lower the log loss of photos that it was not fitted on, and of the different ones among
    them, is left out: it is then 1. So it is where the photos lack a label, of whose mistakes they tell nothing.

    Args:
        logits: See `ensemble_probabilities`.
        truth: Class indices, shape (num_images,).
        seed: Decides the parts: five, or as many as there are different photos.
        originals: A number for each photo that it shares with its copies alone: these are in one part, and together
            weigh as much as one photo. None where there are no copies.
    """
    before = ensemble_probabilities(logits, 1.0)
    every = np.arange(len(truth))
    parts, weights = _draw_parts(every if originals is None else originals, seed)
    others = [np.setdiff1d(every, part) for part in parts]
    temperatures = [_fit_temperature(logits[rows], truth[rows], weights[rows]) for rows in others]
    after = before.copy()
    for part, temperature in zip(parts, temperatures, strict=True):
        after[part] = ensemble_probabilities(logits[part], temperature)
    gains = len(np.unique(truth)) == logits.shape[2] and all(
        log_loss(after, truth, None, each) < log_loss(before, truth, None, each) for each in (None, weights)
    )
    clips = np.full(len(truth), _CLIPS[1])
    for part, rows, temperature in zip(parts, others, temperatures, strict=True):
        probabilities = ensemble_probabilities(logits[rows], temperature if gains else 1.0)
        clips[part] = _fit_clip(probabilities, truth[rows], weights[rows])
    temperature = _fit_temperature(logits, truth, weights) if gains else 1.0
    clip = _fit_clip(ensemble_probabilities(logits, temperature), truth, weights)
    return Calibrated(Calibration(temperature, clip), after if gains else before, clips)


def _draw_parts(
    originals: npt.NDArray[np.int64], seed: int
) -> tuple[list[npt.NDArray[np.int64]], npt.NDArray[np.float64]]:
    """The rows of each part, which has all copies of its photos, and the weight of each row."""
    _, number, num_copies = np.unique(originals, return_inverse=True, return_counts=True)
    rows_of = np.split(np.argsort(number, kind="stable"), np.cumsum(num_copies)[:-1])
    order = np.random.default_rng(seed).permutation(len(rows_of))
    parts = [part for part in np.array_split(order, _NUM_FOLDS) if 0 < len(part) < len(order)]
    return [np.concatenate([rows_of[photo] for photo in part]) for part in parts], 1 / num_copies[number]


def _fit_temperature(logits: Float32Array, truth: npt.NDArray[np.int64], weights: npt.NDArray[np.float64]) -> float:
    """The temperature of least log loss on these photos, drawn towards 1, more strongly the less they weigh."""
    from scipy.optimize import minimize_scalar
    from scipy.special import softmax

    rows = np.arange(len(truth))
    exact = logits.astype(np.float64)  # float32 would round a certain mistake's cost away

    def total_loss(exponent: float) -> float:
        of_truth = softmax(exact / np.exp(exponent), axis=2).mean(axis=1)[rows, truth]
        of_photos = -(weights * np.log(np.maximum(of_truth, np.finfo(np.float64).tiny))).sum()
        return float(of_photos + (exponent / _TEMPERATURE_SPREAD) ** 2 / 2)

    found = minimize_scalar(
        total_loss,
        bounds=np.log(_TEMPERATURES),
        method="bounded",
    )
    return float(np.exp(found.x))


def _fit_clip(probabilities: Float32Array, truth: npt.NDArray[np.int64], weights: npt.NDArray[np.float64]) -> float:
    """The clip of least log loss on these photos and a small part of one more, on which the model is certain and wrong.

    Without that part, photos without a mistake would ask for no clip at all (Laplace's rule of succession, with
    0.02 of a photo in place of one).
    """
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda exponent: (
            weights.sum() * log_loss(probabilities, truth, float(np.exp(exponent)), weights)
            - _IMAGINED_MISTAKES * exponent
        ),
        bounds=np.log(_CLIPS),
        method="bounded",
    )
    return float(np.exp(found.x))
