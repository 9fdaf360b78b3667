"""Softmax regression: the optimum of scikit-learn's, by fewer passes over nearly dependent inputs."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression

from scoring.finetuning import softmax_regression
from scoring.finetuning.softmax_regression import SoftmaxRegression

_STRENGTHS = (1e-2, 1e-4, 1e-6)


def _examples(num_photos: int, num_classes: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Whitened likenesses of a few directions to forty landmarks, some classes rarer than others, a tenth mixed up."""
    generator = np.random.default_rng(num_photos)
    points = generator.normal(size=(num_photos, 3))
    truth = np.digitize(points[:, 0] + points[:, 1] ** 2, np.linspace(0.2, 2, num_classes - 1))
    mixed = generator.random(num_photos) < 0.1
    truth[mixed] = generator.integers(0, num_classes, mixed.sum())
    distances = np.square(points[:, None] - points[:40]).sum(axis=2)
    values, vectors = np.linalg.eigh(np.exp(-distances[:40] / 4) + 1e-6 * np.eye(40))
    return (np.exp(-distances / 4) @ vectors / np.sqrt(values)).astype(np.float32), truth


def _loss(inputs: Any, truth: Any, weights: Any, bias: Any, strength: float, times: float) -> float:
    log_losses = -log_softmax(inputs.astype(np.float64) @ weights + bias, axis=1)[np.arange(len(truth)), truth]
    return float(log_losses.mean() + times * strength / 2 * np.square(weights).sum())


@pytest.mark.parametrize(("num_photos", "precision"), [(60, np.float64), (3_000, np.float64), (3_000, np.float32)])
@pytest.mark.parametrize("num_classes", [2, 4])
def test_fits_have_the_loss_of_scikit_learns(num_photos: int, num_classes: int, precision: type) -> None:
    inputs, truth = _examples(num_photos, num_classes)
    inputs = inputs.astype(precision)
    times = 2 if num_classes == 2 else 1  # its two classes have one score, of twice the squared length of two halves
    fits = list(SoftmaxRegression(inputs, truth, num_classes).fit(_STRENGTHS))
    for strength, (weights, bias) in zip(_STRENGTHS, fits, strict=True):
        assert (weights.shape, bias.shape) == ((40, num_classes), (num_classes,))
        peer = LogisticRegression(C=1 / (strength * num_photos), tol=1e-8, max_iter=20_000)
        peer.fit(inputs.astype(np.float64), truth)
        coefficients, intercept = peer.coef_.T, peer.intercept_
        if num_classes == 2:
            coefficients, intercept = coefficients * [[-0.5, 0.5]], intercept * [-0.5, 0.5]
        expected = _loss(inputs, truth, coefficients, intercept, strength, times)
        assert _loss(inputs, truth, weights, bias, strength, times) == pytest.approx(expected, abs=2e-4)


def test_nearly_dependent_inputs_take_few_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, truth = _examples(3_000, 2)
    losses, loss = [0], SoftmaxRegression._loss

    def counted(*arguments: Any) -> Any:
        losses[0] += 1
        return loss(*arguments)

    monkeypatch.setattr(SoftmaxRegression, "_loss", counted)
    list(SoftmaxRegression(inputs, truth, 2).fit(_STRENGTHS))
    preconditioned, losses[0] = losses[0], 0
    monkeypatch.setattr(softmax_regression, "_WORTH", np.inf)
    list(SoftmaxRegression(inputs, truth, 2).fit(_STRENGTHS))
    assert losses[0] > 3 * preconditioned


def test_class_without_photos_is_no_answer_and_one_class_alone_is_one() -> None:
    inputs, truth = _examples(300, 2)
    *_, (weights, bias) = SoftmaxRegression(inputs, truth, 3).fit(_STRENGTHS)
    assert softmax(inputs @ weights + bias, axis=1)[:, 2].max() < 1e-2
    *_, (weights, bias) = SoftmaxRegression(inputs, np.ones_like(truth), 2).fit(_STRENGTHS)
    assert softmax(inputs @ weights + bias, axis=1)[:, 1].min() > 0.99
