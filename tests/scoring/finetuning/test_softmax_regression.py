"""Softmax regressions on likenesses: each fit has the optimum of scikit-learn's, by few passes for all of them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.linalg import cholesky, solve_triangular
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression

from scoring.arrays import Float64Array
from scoring.finetuning import landmark_curvature, softmax_regression
from scoring.finetuning.landmark_curvature import InverseCurvature
from scoring.finetuning.softmax_regression import SoftmaxRegressions

_STRENGTHS = (1e-2, 1e-4, 1e-6)
_NUM_LANDMARKS = 40
_JITTER = 1e-6


def _examples(num_photos: int, num_classes: int) -> tuple[Float64Array, npt.NDArray[np.int64]]:
    """Likenesses to the first forty of some points, some classes rarer than others, a tenth mixed up."""
    generator = np.random.default_rng(num_photos)
    points = generator.normal(size=(num_photos, 3))
    truth = np.digitize(points[:, 0] + points[:, 1] ** 2, np.linspace(0.2, 2, num_classes - 1))
    mixed = generator.random(num_photos) < 0.1
    truth[mixed] = generator.integers(0, num_classes, mixed.sum())
    distances = np.square(points[:, None] - points[:_NUM_LANDMARKS]).sum(axis=2)
    return np.exp(-distances / 4), truth


def _regressions(
    likenesses: Float64Array,
    truth: npt.NDArray[np.int64],
    num_classes: int,
    trained_on: npt.NDArray[np.bool_] | None = None,
    num_threads: int = 2,
) -> SoftmaxRegressions:
    everything = np.ones((len(truth), 1), bool)
    trained_on = everything if trained_on is None else trained_on
    landmarks = np.arange(likenesses.shape[1])
    return SoftmaxRegressions(likenesses, landmarks, truth, num_classes, trained_on, num_threads)


def _thirds_left_out(num_photos: int) -> npt.NDArray[np.bool_]:
    """One fit of all photos, and one without each third."""
    return np.stack([np.arange(num_photos) % 3 != third for third in (3, 0, 1, 2)], axis=1)


def _loss(likenesses: Any, truth: Any, kernel: Any, bias: Any, strength: float, times: float) -> float:
    log_losses = -log_softmax(likenesses @ kernel + bias, axis=1)[np.arange(len(truth)), truth]
    between = likenesses[: kernel.shape[0]] + _JITTER * np.eye(len(kernel))
    return float(log_losses.mean() + times * strength / 2 * (kernel * (between @ kernel)).sum())


def _peer(likenesses: Any, truth: Any, num_classes: int, strength: float) -> tuple[Any, Any]:
    """Weights and biases by scikit-learn, of likenesses whitened so that the squared length is theirs."""
    landmarks = likenesses.shape[1]
    root = cholesky(likenesses[:landmarks] + _JITTER * np.eye(landmarks), lower=True)
    inputs = solve_triangular(root, likenesses.T, lower=True).T
    fitted = LogisticRegression(C=1 / (strength * len(truth)), tol=1e-9, max_iter=50_000).fit(inputs, truth)
    kernel, bias = solve_triangular(root, fitted.coef_.T, lower=True, trans=1), fitted.intercept_
    return (kernel * [[-0.5, 0.5]], bias * [-0.5, 0.5]) if num_classes == 2 else (kernel, bias)


@pytest.mark.ci
@pytest.mark.parametrize("num_photos", [60, 3_000])
@pytest.mark.parametrize("num_classes", [2, 4])
def test_fits_have_the_loss_of_scikit_learns(num_photos: int, num_classes: int) -> None:
    likenesses, truth = _examples(num_photos, num_classes)
    trained_on = _thirds_left_out(num_photos)
    times = 2 if num_classes == 2 else 1  # its two classes have one score, of twice the squared length of two halves
    regressions = _regressions(likenesses, truth, num_classes, trained_on)
    for strength in regressions.fit(_STRENGTHS):
        for fit, own in enumerate(trained_on.T):
            kernel, bias = regressions.weights(fit)
            assert (kernel.shape, bias.shape) == ((_NUM_LANDMARKS, num_classes), (num_classes,))
            landmarks = np.flatnonzero(own[:_NUM_LANDMARKS])
            assert not np.delete(kernel, landmarks, axis=0).any(), "no weight on what it was not trained on"
            rows = np.concatenate([landmarks, np.setdiff1d(np.flatnonzero(own), landmarks)])
            of_fit, of_truth = likenesses[np.ix_(rows, landmarks)], truth[rows]
            expected = _loss(of_fit, of_truth, *_peer(of_fit, of_truth, num_classes, strength), strength, times)
            assert _loss(of_fit, of_truth, kernel[landmarks], bias, strength, times) == pytest.approx(
                expected, abs=1e-5
            )
            np.testing.assert_allclose(regressions.logits(fit, rows), likenesses[rows] @ kernel + bias, atol=1e-8)


def test_fits_of_photos_that_are_told_apart_end_at_their_optimum() -> None:
    """All are nearly certain; a bias whose curvature is taken for larger than it is seems at its best too early."""
    generator = np.random.default_rng(0)
    truth = np.minimum(np.arange(100) % 7, 4)
    points = 2 * generator.normal(size=(5, 16))[truth] + generator.normal(size=(100, 16))
    distances = np.square(points[:, None] - points[:_NUM_LANDMARKS]).sum(axis=2)
    likenesses = np.exp(-1.5 * distances / np.median(distances))
    regressions = _regressions(likenesses, truth, 5, _thirds_left_out(100))
    *_, strength = regressions.fit([1e-1, 1e-3, 1e-5, 1e-7])
    expected = _loss(likenesses, truth, *_peer(likenesses, truth, 5, strength), strength, 1)
    assert _loss(likenesses, truth, *regressions.weights(0), strength, 1) < (1 + 1e-6) * expected


def test_a_fit_that_begins_at_zero_with_the_weakest_regularisation_ends_at_its_optimum() -> None:
    """There the photos are a thousand times less doubtful than where the curvature was measured."""
    generator = np.random.default_rng(12)
    truth = np.arange(14) % 2
    points = 3 * generator.normal(size=(2, 200))[truth] + generator.normal(size=(14, 200))
    distances = np.square(points[:, None] - points).sum(axis=2)
    likenesses, strength = np.exp(-4 * distances / np.median(distances)), 1e-7
    regressions = _regressions(likenesses, truth, 2)
    list(regressions.fit([strength]))
    expected = _loss(likenesses, truth, *_peer(likenesses, truth, 2, strength), strength, 2)
    assert _loss(likenesses, truth, *regressions.weights(0), strength, 2) < (1 + 1e-5) * expected


@pytest.fixture
def count_steps(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """How many steps the fits of some regressions take."""
    steps, line = [0], SoftmaxRegressions._line

    def counted(*arguments: Any) -> Any:
        steps[0] += 1
        return line(*arguments)

    def count(*arguments: Any) -> int:
        before = steps[0]
        list(_regressions(*arguments).fit(_STRENGTHS))
        return steps[0] - before

    monkeypatch.setattr(SoftmaxRegressions, "_line", counted)
    return count


@pytest.mark.ci
def test_nearly_dependent_likenesses_take_few_steps_for_all_fits(
    monkeypatch: pytest.MonkeyPatch, count_steps: Callable[..., int]
) -> None:
    likenesses, truth = _examples(3_000, 2)
    together = count_steps(likenesses, truth, 2, _thirds_left_out(3_000))
    assert together < 2 * count_steps(likenesses, truth, 2), "four fits take hardly more than one"
    monkeypatch.setattr(landmark_curvature, "_inverse", lambda curvature: np.eye(len(curvature)))
    assert count_steps(likenesses, truth, 2, _thirds_left_out(3_000)) > 3 * together


@pytest.mark.ci
def test_bias_bends_with_the_weights(monkeypatch: pytest.MonkeyPatch, count_steps: Callable[..., int]) -> None:
    likenesses, truth = _examples(3_000, 4)
    steps, of_doubtful = count_steps(likenesses, truth, 4), InverseCurvature._of_doubtful

    def by_itself(inverse: InverseCurvature, variance: Float64Array) -> Float64Array:
        curvature = of_doubtful(inverse, variance)
        curvature[-1, :-1] = 0
        return curvature

    monkeypatch.setattr(InverseCurvature, "_of_doubtful", by_itself)
    assert count_steps(likenesses, truth, 4) > 1.5 * steps


@pytest.mark.parametrize("num_classes", [2, 4])
def test_steps_far_too_long_make_no_fit_worse(monkeypatch: pytest.MonkeyPatch, num_classes: int) -> None:
    likenesses, truth = _examples(300, num_classes)
    regressions = _regressions(likenesses, truth, num_classes, _thirds_left_out(300))
    list(regressions.fit(_STRENGTHS))
    begun, values = regressions.points.copy(), list[Float64Array]()
    evaluate = SoftmaxRegressions._evaluate

    def noted(of: SoftmaxRegressions, strength: float, fits: Any, threads: Any) -> Any:
        found = evaluate(of, strength, fits, threads)
        if len(fits) == begun.shape[-1]:
            values.append(found[0])
        return found

    monkeypatch.setattr(SoftmaxRegressions, "_evaluate", noted)
    monkeypatch.setattr(landmark_curvature, "_inverse", lambda curvature: 1e9 * np.eye(len(curvature)))
    monkeypatch.setattr(softmax_regression, "_MAX_STEPS", 40)
    regressions = _regressions(likenesses, truth, num_classes, _thirds_left_out(300))
    regressions.begin(begun)
    list(regressions.fit([1e-7]))
    assert len(values) > 2
    assert (values[-1] <= values[0]).all()


@pytest.mark.ci
def test_number_of_threads_changes_no_bit() -> None:
    likenesses, truth = _examples(3_000, 4)
    fits = []
    for num_threads in (1, 2, 5):
        regressions = _regressions(likenesses, truth, 4, _thirds_left_out(3_000), num_threads)
        list(regressions.fit(_STRENGTHS))
        fits.append(regressions)
    for fit in range(4):
        for one in fits[1:]:
            np.testing.assert_array_equal(one.weights(fit)[0], fits[0].weights(fit)[0])


def test_photos_that_are_there_ten_times_are_fitted() -> None:
    likenesses, truth = _examples(400, 2)
    thrice = np.tile(likenesses[:, :_NUM_LANDMARKS], (1, 3))  # landmarks that are the same photo
    rows = np.r_[np.tile(np.arange(_NUM_LANDMARKS), 3), np.repeat(np.arange(300), 10) + _NUM_LANDMARKS]
    regressions = _regressions(thrice[rows], truth[rows], 2, _thirds_left_out(len(rows)))
    for strength in regressions.fit(_STRENGTHS):
        of_all = thrice[rows]
        expected = _loss(of_all, truth[rows], *_peer(of_all, truth[rows], 2, strength), strength, 2)
        assert _loss(of_all, truth[rows], *regressions.weights(0), strength, 2) == pytest.approx(expected, abs=1e-5)


def test_class_without_photos_is_no_answer_and_one_class_alone_is_one() -> None:
    likenesses, truth = _examples(300, 2)
    for labels, num_classes, column, is_it in ((truth, 3, 2, False), (np.ones_like(truth), 2, 1, True)):
        regressions = _regressions(likenesses, labels, num_classes)
        list(regressions.fit(_STRENGTHS))
        said = softmax(regressions.logits(0, np.arange(300)), axis=1)[:, column]
        assert said.min() > 0.99 if is_it else said.max() < 1e-2
