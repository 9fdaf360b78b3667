import numpy as np
import numpy.typing as npt
import pytest

from scoring.arrays import Float32Array
from scoring.finetuning.calibration import calibrate, ensemble_probabilities
from scoring.quality.evaluation import log_loss


def _too_sure(num_images: int, temperature: float) -> tuple[Float32Array, npt.NDArray[np.int64]]:
    """Logits of one member that are `temperature` times too large for the labels drawn by them."""
    generator = np.random.default_rng(5)
    logits = generator.normal(0, 2, (num_images, 1, 2)).astype(np.float32)
    dog = ensemble_probabilities(logits, 1.0)[:, 1]
    return logits * np.float32(temperature), (generator.random(num_images) < dog).astype(np.int64)


def test_temperature_of_a_network_that_is_too_sure_is_found() -> None:
    logits, truth = _too_sure(20_000, temperature=3.0)
    assert calibrate(logits, truth, seed=0).calibration.temperature == pytest.approx(3.0, rel=0.05)


def test_photos_that_lack_a_label_make_nothing_more_certain_of_it() -> None:
    logits, truth = _too_sure(20_000, temperature=0.5)
    assert calibrate(logits, truth, seed=0).calibration.temperature == pytest.approx(0.5, rel=0.05)
    three = np.concatenate([logits, np.full((len(logits), 1, 1), -9, np.float32)], axis=2)
    found = calibrate(three, truth, seed=0)
    assert found.calibration.temperature == 1
    np.testing.assert_array_equal(found.probabilities, ensemble_probabilities(three, 1.0))


def test_members_are_averaged_as_probabilities() -> None:
    logits = np.log(np.array([[[0.9, 0.1], [0.5, 0.5]]], np.float32))
    np.testing.assert_allclose(ensemble_probabilities(logits, 1.0), [[0.7, 0.3]], rtol=1e-6)


def test_photos_without_a_mistake_do_not_ask_for_certainty() -> None:
    """A mistake that only one of the five parts has seen must not meet four that were made certain."""
    generator = np.random.default_rng(3)
    truth = np.arange(120) % 2
    margin = np.where(truth == 1, 1, -1) * generator.uniform(2, 6, 120)
    margin[7] = -4 * np.sign(margin[7])
    logits = np.stack([-margin / 2, margin / 2], axis=1)[:, None].astype(np.float32)
    before = log_loss(ensemble_probabilities(logits, 1.0), truth)
    assert log_loss(calibrate(logits, truth, seed=0).probabilities, truth) <= before


def test_clip_without_any_mistake_is_that_of_a_small_part_of_one_to_come() -> None:
    certain = np.array([[[50.0, -50.0]], [[-50.0, 50.0]]] * 100, np.float32)
    assert calibrate(certain, np.array([0, 1] * 100), seed=0).calibration.clip == pytest.approx(0.02 / 200, rel=0.05)


@pytest.mark.parametrize("num_images", [20, 50, 200])
def test_a_network_that_is_sound_is_not_harmed_by_few_photos(num_images: int) -> None:
    """An imagined mistake had made 0.0000 of twenty photos without one 0.1271."""
    logits, truth = _too_sure(20_000, temperature=1.0)
    logits *= 3
    truth = (logits[:, 0, 1] > 0).astype(np.int64)  # no mistake, and sure
    for start in range(0, 1_000, num_images):
        few = slice(start, start + num_images)
        found = calibrate(logits[few], truth[few], seed=0).calibration
        after = log_loss(ensemble_probabilities(logits, found.temperature), truth, np.full(len(truth), found.clip))
        assert after < log_loss(ensemble_probabilities(logits, 1.0), truth) + 0.005


def test_clip_grows_with_certain_mistakes() -> None:
    certain = np.array([[[50.0, -50.0]]] * 200, np.float32)
    truth = np.array([0] * 180 + [1] * 20)
    clipped = calibrate(certain, truth, seed=0).calibration
    assert clipped.temperature > 10 or clipped.clip == pytest.approx(0.1, rel=0.1)


def test_calibration_helps_photos_that_it_has_not_seen() -> None:
    logits, truth = _too_sure(500, temperature=3.0)
    found = calibrate(logits, truth, seed=0)
    assert log_loss(found.probabilities, truth, found.clips) < log_loss(ensemble_probabilities(logits, 1.0), truth)
    np.testing.assert_array_equal(found.probabilities, calibrate(logits, truth, seed=0).probabilities)


def test_a_photos_own_label_does_not_shape_its_own_temperature_or_clip() -> None:
    logits, truth = _too_sure(50, temperature=3.0)
    turned = truth.copy()
    turned[7] = 1 - turned[7]
    first, second = (calibrate(logits, labels, seed=0) for labels in (truth, turned))
    np.testing.assert_array_equal(first.probabilities[7], second.probabilities[7])
    assert first.clips[7] == second.clips[7]
    assert not np.array_equal(first.probabilities, second.probabilities)


def test_what_is_reported_is_never_worse_than_no_temperature() -> None:
    """Sound networks and few photos: a temperature is noise, and is left out where it does not gain."""
    generator = np.random.default_rng(8)
    left_out = 0
    for seed in range(40):
        margin = generator.normal(0, 3, 60)
        truth = (generator.random(60) < 1 / (1 + np.exp(-margin))).astype(np.int64)
        logits = np.stack([-margin / 2, margin / 2], axis=1)[:, None].astype(np.float32)
        found = calibrate(logits, truth, seed)
        assert log_loss(found.probabilities, truth) <= log_loss(ensemble_probabilities(logits, 1.0), truth)
        left_out += found.calibration.temperature == 1.0
    assert 5 < left_out < 40


@pytest.mark.parametrize("num_images", [1, 3, 40])
def test_copies_weigh_together_as_much_as_one_photo(num_images: int) -> None:
    logits, truth = _too_sure(num_images, temperature=3.0)
    once = calibrate(logits, truth, seed=0)
    originals = np.tile(np.arange(num_images), 4)
    found = calibrate(logits[originals], truth[originals], 0, originals)
    assert found.calibration.temperature == pytest.approx(once.calibration.temperature, rel=1e-4)
    assert found.calibration.clip == pytest.approx(once.calibration.clip, rel=1e-3)
    np.testing.assert_allclose(found.probabilities, once.probabilities[originals], rtol=1e-4)
    np.testing.assert_allclose(found.clips, once.clips[originals], rtol=1e-3)


def test_labels_of_a_photos_copies_do_not_shape_its_temperature_or_clip() -> None:
    logits, truth = _too_sure(50, temperature=3.0)
    originals = np.repeat(np.arange(50), np.arange(50) % 4 + 1)
    logits, truth, copies = logits[originals], truth[originals], originals == 7
    turned = np.where(copies, 1 - truth, truth)
    first, second = (calibrate(logits, labels, 0, originals) for labels in (truth, turned))
    np.testing.assert_array_equal(first.probabilities[copies], second.probabilities[copies])
    np.testing.assert_array_equal(first.clips[copies], second.clips[copies])
    assert copies.sum() == 4
    assert not np.array_equal(first.probabilities, second.probabilities)


def test_a_temperature_gains_by_all_files_and_by_different_photos_or_is_left_out() -> None:
    """One photo with many copies may gain by what harms the others, and the other way round."""
    generator = np.random.default_rng(8)
    kept = 0
    for seed in range(40):
        margin = generator.normal(0, 3, 40)
        truth = (generator.random(40) < 1 / (1 + np.exp(-margin / 2))).astype(np.int64)
        originals = np.repeat(np.arange(40), np.where(np.arange(40) < 2, 60, 1))
        logits = np.stack([-margin / 2, margin / 2], axis=1)[originals, None].astype(np.float32)
        truth = truth[originals]
        found, before = calibrate(logits, truth, seed, originals), ensemble_probabilities(logits, 1.0)
        once = 1 / np.bincount(originals)[originals]
        for weights in (None, once):
            assert log_loss(found.probabilities, truth, weights=weights) <= log_loss(before, truth, weights=weights)
        kept += found.calibration.temperature != 1
    assert 5 < kept < 35


def test_photos_without_copies_are_calibrated_to_the_bit_as_where_none_are_known() -> None:
    logits, truth = _too_sure(57, temperature=3.0)
    found, same = calibrate(logits, truth, 3), calibrate(logits, truth, 3, np.arange(57) * 5)
    assert found.calibration == same.calibration
    np.testing.assert_array_equal(found.probabilities, same.probabilities)
    np.testing.assert_array_equal(found.clips, same.clips)
