"""Soft nearest neighbours against plain ones."""

import numpy as np
import numpy.typing as npt

from scoring.sonar.neighbours import REACHES, choose_reach, neighbour_weights


def softmax(votes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    shares = np.exp(votes - votes.max(axis=1, keepdims=True))
    softened: npt.NDArray[np.float64] = shares / shares.sum(axis=1, keepdims=True)
    return softened


def test_softmax_of_the_weights_is_the_kernel_of_distances() -> None:
    generator = np.random.default_rng(0)
    known, new = generator.normal(size=(7, 60)), generator.normal(size=(5, 60))
    # Doubles, for a comparison this close.
    kernel, bias = neighbour_weights(known, reach=30.0)  # type: ignore[arg-type]
    distances = ((new[:, None] - known[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(softmax(new @ kernel + bias), softmax(-distances / 30.0), rtol=1e-9)


def test_reach_is_short_where_twins_tell_the_truth_and_long_where_all_is_noise() -> None:
    generator = np.random.default_rng(0)
    originals = generator.normal(size=(40, 60)).astype(np.float32)
    twins = np.concatenate([originals, originals + 0.01])
    labels = generator.integers(0, 2, 40).astype(np.float32)
    assert choose_reach(twins, np.concatenate([labels, labels])) == min(REACHES)
    assert choose_reach(originals, labels) == max(REACHES)
