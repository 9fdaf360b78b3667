"""A network that a short number format does not hold is computed in float32; where it was asked for, that is said."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from scoring.arrays import Float32Array, Float64Array, UInt8Array
from scoring.errors import ModelError
from scoring.networks.engines import Network
from scoring.networks.kept_answers import kept_answer
from scoring.networks.last_activation import SIGMOID, SOFTMAX
from scoring.networks.last_step import LastStep
from scoring.networks.noise import harsh_noise, noise, plain_colours, smooth_noise
from scoring.networks.precision import ASKED_FOR, Precision, PrecisionChoice
from scoring.networks.vector_lengths import shares_apart, usual_length
from scoring.pixels.input_shape import InputShape

# How far a picture's outputs may lie from those in float32, as a share of their length or, if that is less, of what is
# usual for its kind or half of what is usual for all (a regression may well give 0); the same on average of a kind, and
# of all. Of float16 rounding leaves a hundredth; where a sum of squares exceeds 65,504, a vector scaled to length one
# becomes zero. Of bfloat16 it leaves up to 0.05, and 0.02 on average (nine networks of keras.applications and two that
# were trained on photos; of a single output behind random features up to 0.1); 0.2 and 0.08 where an equalised
# histogram is rounded to its 8 bits, 0.9 where blurred photos are told from one another, 1 and more where a colour's
# index above 256 is.
_TOLERANCE = 0.2
_MEAN_TOLERANCE_OF_A_KIND = 0.1
_MEAN_TOLERANCE = 0.05
_LEAST_SHARE = 0.5
# How far the logarithms of odds may move on average of all pictures, and twice as far of a kind of them: from a
# probability of one half to 0.55. Of squeezenet, VGG16 and others trained on photos, they move by 0.06 and 0.18.
_ODDS_TOLERANCE = 0.2
_TINY = float(np.finfo(np.float32).tiny)
# Of images, pixels 0 to 255, to their outputs.
_Score: TypeAlias = Callable[[UInt8Array], Float32Array]
_CHECKED = (Precision.FLOAT16, Precision.BFLOAT16)
_NUM_OF_EACH = 2
_COMPARED = "logits-of-each-kind"  # what this version compares: earlier versions may have come to another answer


def held_precision(
    choice: PrecisionChoice,
    network: Network,
    library: str,
    shape: InputShape,
    score_in: Callable[[Precision], _Score],
    last_step: Callable[[], LastStep] = LastStep,
) -> PrecisionChoice:
    """The same choice; float32 where `auto` chose a format in which pictures lead to other outputs.

    Args:
        choice: float32 and int8 are not compared.
        network: The answer is kept under its digest for later processes of this machine. That bfloat16 holds published
            ones with their own weights is known.
        library: What computes, with its version.
        shape: Pixels of one image.
        score_in: What scores batches in a precision.
        last_step: Tells what makes probabilities, if anything does; asked only where something is compared.

    Returns:
        If bfloat16 was asked for, it stays, and the reason tells.

    Raises:
        ModelError: If float16 was asked for, and does not hold the network.
    """
    precision = choice.precision
    is_known = network.is_published and not network.has_own_weights
    if precision not in _CHECKED or (is_known and precision is Precision.BFLOAT16):
        return choice
    is_float16_asked_for = precision is Precision.FLOAT16 and choice.reason == ASKED_FOR
    step = LastStep() if is_float16_asked_for else last_step()  # a run that was begun in it goes on
    question = f"{library}-{precision}-{_COMPARED}-{step.name}-{step.is_done}"
    if kept_answer(network.digest, question, lambda: _is_held(precision, shape, score_in, step)):
        return choice
    if choice.reason != ASKED_FOR:
        return PrecisionChoice(Precision.FLOAT32, f"{precision} does not hold this network's numbers")
    if precision is Precision.BFLOAT16:
        return PrecisionChoice(precision, f"{ASKED_FOR}, though it does not hold this network's numbers")
    raise ModelError(
        "Expected a network whose numbers float16 can hold, up to 65,504; its outputs for noise, smooth or "
        "plain pictures are not those in float32. Use `precision` float32 or bfloat16."
    )


def _is_held(precision: Precision, shape: InputShape, score_in: Callable[[Precision], _Score], step: LastStep) -> bool:
    """Compare pictures of every kind: an output may hold for noise alone, whose sums are middling and edges large."""
    kinds = [noise(_NUM_OF_EACH, shape), harsh_noise(_NUM_OF_EACH, shape), smooth_noise(shape), plain_colours(shape)]
    exact = _one_by_one(score_in(Precision.FLOAT32), kinds)
    try:
        rounded = _one_by_one(score_in(precision), kinds)
    except Exception:  # each library has its own class for an index that became too large  # noqa: BLE001
        return False
    if step.name not in (SOFTMAX, SIGMOID):
        return _are_alike(exact, rounded)
    are_alike = _are_alike(*([step.probabilities(each) for each in outputs] for outputs in (exact, rounded)))
    return are_alike and _are_near([step.moved(*pair) for pair in zip(exact, rounded, strict=True)])


def _one_by_one(score: _Score, kinds: Sequence[UInt8Array]) -> list[Float32Array]:
    """Outputs of all images, in no more memory than the smallest batch takes."""
    return [np.concatenate([score(image[None]) for image in images]) for images in kinds]


def _are_alike(exact: Sequence[Float32Array], rounded: Sequence[Float32Array]) -> bool:
    """Whether outputs of each kind of pictures, shape (num_pictures, num_outputs), are much the same.

    Rows beyond float32 do not count, but must not become numbers.
    """
    is_finite = [np.isfinite(outputs).all(axis=1) for outputs in exact]
    if any(np.isfinite(outputs[~rows]).all(axis=1).any() for outputs, rows in zip(rounded, is_finite, strict=True)):
        return False
    pairs = [
        (outputs[rows], others[rows])
        for outputs, others, rows in zip(exact, rounded, is_finite, strict=True)
        if rows.any()
    ]
    if not pairs:
        return True
    least = max(_LEAST_SHARE * usual_length(np.concatenate([outputs for outputs, _ in pairs])), _TINY)
    shares = [shares_apart(outputs, others, max(usual_length(outputs), least)) for outputs, others in pairs]
    means = [each.mean() <= _MEAN_TOLERANCE_OF_A_KIND for each in shares]
    of_all = np.concatenate(shares)
    return bool(all(means) and of_all.max() <= _TOLERANCE and of_all.mean() <= _MEAN_TOLERANCE)


def _are_near(moved: Sequence[Float64Array]) -> bool:
    """Whether the odds of each kind of pictures move by little, as `LastStep.moved` has it.

    Where all pictures are far from a boundary between labels, probabilities do not show how far photos near one move;
    nor do odds beyond what float32 holds: if all are, it is taken for much.
    """
    seen = [each[np.isfinite(each)] for each in moved]
    means = [each.mean() <= 2 * _ODDS_TOLERANCE for each in seen if each.size]
    return bool(means and all(means) and np.concatenate(seen).mean() <= _ODDS_TOLERANCE)
