"""A network that a short number format does not hold is computed in float32; where it was asked for, that is said."""

import json
from collections.abc import Callable
from functools import cache
from typing import TypeAlias

import numpy as np

from scoring.arrays import Float32Array, UInt8Array
from scoring.errors import ModelError, StorageError
from scoring.networks.conversions import conversion_folder, made_once
from scoring.networks.engines import Network
from scoring.networks.noise import harsh_noise, noise
from scoring.networks.precision import ASKED_FOR, Precision, PrecisionChoice
from scoring.pixels.input_shape import InputShape

# How far a picture's outputs may lie from those in float32, as a share of their length or, if that is less, of what is
# usual (a regression may well give 0), and on average. Of float16 rounding leaves a hundredth; where a sum of squares
# exceeds 65,504, a vector scaled to length one becomes zero. Of bfloat16 it leaves up to 0.06, and 0.02 on average (six
# networks of keras.applications and one trained on photos); 0.2 and 0.08 where an equalised histogram is rounded to its
# 8 bits, 1 and more where a colour's index above 256 is.
_TOLERANCE = 0.2
_MEAN_TOLERANCE = 0.05
# Of images, pixels 0 to 255, to their outputs.
_Score: TypeAlias = Callable[[UInt8Array], Float32Array]
_CHECKED = (Precision.FLOAT16, Precision.BFLOAT16)
_NUM_OF_EACH = 4
_ANSWER = "is_held.json"


def held_precision(
    choice: PrecisionChoice,
    network: Network,
    library: str,
    shape: InputShape,
    score_in: Callable[[Precision], _Score],
) -> PrecisionChoice:
    """The same choice; float32 where `auto` chose a format in which noise leads to other outputs than in float32.

    Args:
        choice: float32 and int8 are not compared.
        network: The answer is kept under its digest for later processes of this machine. That bfloat16 holds published
            ones is known.
        library: What computes, with its version.
        shape: Pixels of one image.
        score_in: What scores batches in a precision.

    Returns:
        If bfloat16 was asked for, it stays, and the reason tells.

    Raises:
        ModelError: If float16 was asked for, and does not hold the network.
    """
    precision = choice.precision
    is_known = network.is_published and precision is Precision.BFLOAT16
    if precision not in _CHECKED or is_known:
        return choice
    if _kept(network.digest, f"{library}-{precision}", lambda: _is_held(precision, shape, score_in)):
        return choice
    if choice.reason != ASKED_FOR:
        return PrecisionChoice(Precision.FLOAT32, f"{precision} does not hold this network's numbers")
    if precision is Precision.BFLOAT16:
        return PrecisionChoice(precision, f"{ASKED_FOR}, though it does not hold this network's numbers")
    raise ModelError(
        "Expected a network whose numbers float16 can hold, up to 65,504; its outputs for noise are not those in "
        "float32. Use `precision` float32 or bfloat16."
    )


def _kept(digest: str, name: str, ask: Callable[[], bool]) -> bool:
    """The answer of this machine's first process; where none can be kept, each process asks."""
    ask = cache(ask)
    try:
        folder = conversion_folder(digest, name)
        with made_once(folder) as temporary:
            if temporary:
                (temporary / _ANSWER).write_text(json.dumps(ask()), encoding="utf-8")
        return bool(json.loads((folder / _ANSWER).read_text(encoding="utf-8")))
    except (StorageError, OSError):
        return ask()


def _is_held(precision: Precision, shape: InputShape, score_in: Callable[[Precision], _Score]) -> bool:
    images = np.concatenate([noise(_NUM_OF_EACH, shape), harsh_noise(_NUM_OF_EACH, shape)])
    exact = _one_by_one(score_in(Precision.FLOAT32), images)
    try:
        rounded = _one_by_one(score_in(precision), images)
    except Exception:  # each library has its own class for an index that became too large  # noqa: BLE001
        return False
    return _are_alike(exact, rounded)


def _one_by_one(score: _Score, images: UInt8Array) -> Float32Array:
    """Outputs of all images, in no more memory than the smallest batch takes."""
    return np.concatenate([score(image[None]) for image in images])


def _are_alike(exact: Float32Array, rounded: Float32Array) -> bool:
    """Whether outputs, shape (num_pictures, num_outputs), are much the same; rows beyond float32 do not count."""
    is_finite = np.isfinite(exact).all(axis=1)
    exact, rounded = exact[is_finite], rounded[is_finite]
    if not len(exact):
        return True
    lengths = np.linalg.norm(exact, axis=1)
    usual = np.sqrt(np.square(lengths).mean())
    shares = np.linalg.norm(exact - rounded, axis=1) / np.maximum(np.maximum(lengths, usual), np.finfo(np.float32).tiny)
    return bool(shares.max() <= _TOLERANCE and shares.mean() <= _MEAN_TOLERANCE)
