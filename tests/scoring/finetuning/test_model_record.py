"""What is measured of trained heads."""

from unittest.mock import Mock

import numpy as np
import pytest

from scoring.finetuning.calibration import calibrate, ensemble_probabilities
from scoring.finetuning.model_record import measure_model
from scoring.quality.evaluation import evaluate


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
