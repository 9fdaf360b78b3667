"""What is measured of trained heads."""

from unittest.mock import Mock

import numpy as np
import pytest

from scoring.finetuning.calibration import calibrate, ensemble_probabilities
from scoring.finetuning.model_record import measure_model
from scoring.quality.evaluation import evaluate
from scoring.quality.intervals import single_test_interval


@pytest.mark.parametrize(("num_heads", "seed"), [(1, 0), (3, 25)])
def test_accuracy_auc_and_confusion_are_those_of_the_probabilities_that_are_stored(num_heads: int, seed: int) -> None:
    """With 25, the temperatures of the parts give photos other labels than the temperature of the model does."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 2, 40)
    margins = generator.normal(0, 4, (40, num_heads)) + (2 * truth - 1)[:, None] * 1.5
    logits = np.stack([-margins / 2, margins / 2], axis=2).astype(np.float32)
    calibrated = calibrate(logits, truth, seed=0)
    stored = evaluate(ensemble_probabilities(logits, calibrated.calibration.temperature), truth)
    unseen = evaluate(calibrated.probabilities, truth)
    metrics = measure_model(Mock(), logits, truth, calibrated)
    after = metrics.after_calibration
    assert (after.accuracy, after.accuracy_interval) == (stored.accuracy, stored.accuracy_interval)
    assert (after.roc_auc, after.confusion) == (stored.roc_auc, stored.confusion)
    assert (after.log_loss, after.reliability) == (unseen.log_loss, unseen.reliability)
    assert unseen.roc_auc != stored.roc_auc
    if num_heads == 1:
        assert after.roc_auc == metrics.before_calibration.roc_auc, "one temperature changes no order"
    else:
        assert unseen.confusion != stored.confusion


def test_the_accuracys_interval_counts_different_photos() -> None:
    generator = np.random.default_rng(0)
    originals = np.tile(np.arange(15), 15)
    truth = generator.integers(0, 3, 15)[originals]
    logits = generator.normal(0, 1, (15, 2, 3)).astype(np.float32)[originals]
    first = evaluate(ensemble_probabilities(logits, 1.0), truth, originals=originals)
    metrics = measure_model(first, logits, truth, calibrate(logits, truth, 0, originals), originals)
    for stage in (metrics.first_head, metrics.before_calibration, metrics.after_calibration):
        once = single_test_interval([stage.accuracy], 15)
        assert (stage.accuracy_interval.low, stage.accuracy_interval.high) == (once.low, once.high)
        assert stage.num_images == 225
