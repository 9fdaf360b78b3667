"""What the last steps of many minimisations at once tell of their curvatures: the memory of L-BFGS.

Nocedal and Wright, Numerical Optimization, 2006, algorithm 7.4. SciPy minimises one function at a time.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scoring.arrays import Float64Array

NUM_STEPS = 8


@dataclass(frozen=True)
class _Step:
    """A step of each function, how it changed the gradient, and one over their product, shape (num_functions,)."""

    moved: Float64Array
    changed: Float64Array
    inverse: Float64Array


class StepMemory:
    """The last steps of functions that are minimised together; the last axis of all arrays counts the functions."""

    def __init__(self) -> None:
        self._steps: deque[_Step] = deque(maxlen=NUM_STEPS)

    def add(self, moved: Float64Array, changed: Float64Array) -> None:
        """Remember a step of every function, and how it changed its gradient."""
        inverse = 1 / np.maximum(products(moved, changed), np.finfo(np.float64).tiny)
        self._steps.append(_Step(moved, changed, inverse))

    def keep(self, kept: npt.NDArray[np.bool_]) -> None:
        """Forget the functions that have ended."""
        steps = (_Step(step.moved[..., kept], step.changed[..., kept], step.inverse[kept]) for step in self._steps)
        self._steps = deque(steps, NUM_STEPS)

    def divide(self, gradients: Float64Array, roughly: Callable[[Float64Array], Float64Array]) -> Float64Array:
        """Gradients divided by the curvature: by what is known of it roughly, mended by what the steps told."""
        left, shares = gradients, []
        for step in reversed(self._steps):
            shares.append(step.inverse * products(step.moved, left))
            left = left - shares[-1] * step.changed
        divided = roughly(left)
        for step, share in zip(self._steps, reversed(shares), strict=True):
            divided = divided + (share - step.inverse * products(step.changed, divided)) * step.moved
        return divided


def products(left: Float64Array, right: Float64Array) -> Float64Array:
    """The scalar product for each function."""
    num_functions = left.shape[-1]
    found: Float64Array = np.einsum("vf,vf->f", left.reshape(-1, num_functions), right.reshape(-1, num_functions))
    return found
