"""Heads that bend, each measured on photos that neither trained it nor chose its regularisation."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from scoring.arrays import Float64Array
from scoring.errors import ModelError
from scoring.finetuning import rbf_heads, softmax_regression
from scoring.finetuning.ensemble import check_joined, join_heads
from scoring.finetuning.features import Features
from scoring.finetuning.heads import Head
from scoring.finetuning.photo_split import PhotoSplit, split_folds
from scoring.finetuning.rbf_expansion import fit_expansion
from scoring.finetuning.rbf_heads import RbfTrainer
from scoring.finetuning.score_losses import SoftmaxLoss
from scoring.finetuning.training_set import TrainingSet
from scoring.run.fingerprint import Fingerprint
from scoring.sources.entries import ImageEntry

_TOLERATED = 0.1  # of logits of about 10: heads that are trained together share the way to their optima
_FINGERPRINT = Fingerprint("images", "model", "labels", "squash", "keras-tensorflow", "float32", schema_version=2)


def _rings(num_photos: int, seed: int) -> tuple[npt.NDArray[np.float16], list[str]]:
    """Three labels at three distances from the middle: no straight line tells them apart."""
    generator = np.random.default_rng(seed)
    truth = np.arange(num_photos) % 3
    directions = generator.normal(0, 1, (num_photos, 4))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    values = directions * (0.5 + truth + generator.normal(0, 0.15, num_photos))[:, None]
    return values.astype(np.float16), [("cat", "dog", "owl")[each] for each in truth]


def _photos(
    values: npt.NDArray[np.float16],
    targets: list[str],
    held_out: npt.NDArray[np.int64] | None = None,
    num_draws: int = 1,
) -> TrainingSet:
    images = [ImageEntry(str(row), f"{row}.jpg", 1, target=target) for row, target in enumerate(targets)]
    rows = np.arange(len(targets)) if held_out is None else np.setdiff1d(np.arange(len(targets)), held_out)
    draws = [split_folds([targets[row] for row in rows], 5, seed=0, draw=draw) for draw in range(num_draws)]
    splits = tuple(PhotoSplit(rows[fold.train], rows[fold.validation]) for folds in draws for fold in folds)
    features = Features(images, targets, values[:, None], 0)
    return TrainingSet(features, tuple(sorted(set(targets))), splits, held_out, _FINGERPRINT, num_draws)


def _heads(photos: TrainingSet) -> list[Head]:
    trainer = RbfTrainer(photos, seed=0)
    return [trainer.train(number) for number in range(len(photos.splits))]


def test_a_head_bends_round_what_no_line_divides() -> None:
    photos = _photos(*_rings(150, seed=1))
    heads = _heads(photos)
    logits = photos.measured_logits(heads)
    assert logits.shape == (150, 1, 3)
    assert (logits[:, 0].argmax(axis=1) == photos.truth).mean() > 0.9


@pytest.mark.ci
def test_large_folds_judge_their_neighbours_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    photos, fits = _photos(*_rings(150, seed=1), num_draws=2), []
    regressions = RbfTrainer._regressions

    def counted(trainer: RbfTrainer, some: Sequence[rbf_heads.Without], *begin: Float64Array) -> Any:
        fits.append(some)
        return regressions(trainer, some, *begin)

    monkeypatch.setattr(RbfTrainer, "_regressions", counted)
    of_all = photos.measured_logits(_heads(photos))
    monkeypatch.setattr(rbf_heads, "_ENOUGH", 30)
    of_neighbours = photos.measured_logits(_heads(photos))
    pairs = [some for some in fits if len(some[0]) == 2]
    assert [len(some) for some in pairs] == [20, 10]
    assert sorted(pairs[1]) == sorted({*pairs[1]}), "no pair twice"
    assert np.bincount(np.ravel(pairs[1])).tolist() == [2] * 10, "each head has two judges"
    for logits in (of_all, of_neighbours):
        assert (logits.mean(axis=1).argmax(axis=1) == photos.truth).mean() > 0.9


def test_shuffled_labels_are_told_by_chance_alone() -> None:
    """Choosing on photos that also judge would show here: the whole pipeline must come out at one half."""
    generator = np.random.default_rng(2)
    values = generator.normal(0, 1, (200, 30)).astype(np.float16)
    targets = [str(label) for label in generator.permutation(np.repeat(["cat", "dog"], 100))]
    photos = _photos(values, targets)
    heads = _heads(photos)
    accuracy = (photos.measured_logits(heads)[:, 0].argmax(axis=1) == photos.truth).mean()
    assert 0.37 < accuracy < 0.63  # 3.7 standard deviations of a fair coin


@pytest.mark.ci
@pytest.mark.parametrize("enough", [rbf_heads._ENOUGH, 30])
def test_a_fold_shapes_neither_its_head_nor_its_regularisation(enough: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rbf_heads, "_ENOUGH", enough)
    monkeypatch.setattr(rbf_heads, "_TOLERANCE", 1e-7)  # of regularisations that do equally well, the same is chosen
    values, targets = _rings(150, seed=3)
    photos = _photos(values, targets)
    own = photos.splits[2].validation
    turned = list(targets)
    for row in own:
        turned[row] = {"cat": "dog", "dog": "owl", "owl": "cat"}[targets[row]]
    other = replace(photos, features=replace(photos.features, targets=turned))
    first, second = (RbfTrainer(each, seed=0).train(2) for each in (photos, other))
    assert first.strength == second.strength
    np.testing.assert_allclose(first.logits, second.logits, atol=_TOLERATED)
    assert not first.kernel[np.isin(RbfTrainer(photos, seed=0).expansion.rows, own)].any(), (
        "its photos are no landmarks"
    )


def test_each_draw_of_folds_measures_every_photo_by_a_head_that_has_not_seen_it() -> None:
    values, targets = _rings(90, seed=9)
    photos, once = _photos(values, targets, num_draws=3), _photos(values, targets)
    trainer, alone = RbfTrainer(photos, seed=0), RbfTrainer(once, seed=0)
    heads = [trainer.train(number) for number in range(15)]
    logits = photos.measured_logits(heads)
    assert logits.shape == (90, 3, 3)
    first = [alone.train(number) for number in range(5)]
    alone_logits = once.measured_logits(first)
    np.testing.assert_allclose(logits[:, :1], alone_logits, atol=_TOLERATED, err_msg="the first draw is as one alone")
    for number, split in enumerate(photos.splits):
        np.testing.assert_array_equal(logits[split.validation, number // 5], heads[number].logits[:, 0])
        assert not np.isin(split.validation, split.train).any()
    assert photos.count().num_folds == 5
    assert photos.count().num_draws == 3


@pytest.mark.ci
def test_a_fold_of_a_later_draw_shapes_neither_its_head_nor_its_regularisation() -> None:
    values, targets = _rings(90, seed=10)
    photos = _photos(values, targets, num_draws=2)
    own = photos.splits[7].validation
    turned = [("cat" if target == "owl" else "owl") if row in own else target for row, target in enumerate(targets)]
    other = replace(photos, features=replace(photos.features, targets=turned))
    first, second = (RbfTrainer(each, seed=0).train(7) for each in (photos, other))
    assert first.strength == second.strength
    np.testing.assert_allclose(first.logits, second.logits, atol=_TOLERATED)


def test_held_out_photos_are_measured_by_all_heads_and_shape_none() -> None:
    values, targets = _rings(180, seed=4)
    held_out = np.arange(150, 180)
    photos = _photos(values, targets, held_out)
    trainer = RbfTrainer(photos, seed=0)
    heads = [trainer.train(number) for number in range(5)]
    logits = photos.measured_logits(heads)
    assert logits.shape == (30, 5, 3)
    assert (logits.mean(axis=1).argmax(axis=1) == photos.truth[held_out]).mean() > 0.8
    changed = values.copy()
    changed[held_out] += 1
    np.testing.assert_array_equal(RbfTrainer(_photos(changed, targets, held_out), 0).train(0).kernel, heads[0].kernel)


def test_any_order_of_heads_gives_the_same_heads() -> None:
    photos = _photos(*_rings(90, seed=5))
    forwards, backwards = RbfTrainer(photos, seed=0), RbfTrainer(photos, seed=0)
    first = [forwards.train(number) for number in range(5)]
    second = [backwards.train(number) for number in reversed(range(5))][::-1]
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.kernel, other.kernel)


@pytest.mark.parametrize("num_cores", [1, 2])
def test_fits_take_the_cores_that_their_worker_was_given_and_no_more(
    num_cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from threadpoolctl import threadpool_info, threadpool_limits

    of_libraries, threads = set[int](), set[int]()
    all_fit = threading.Barrier(num_cores)
    measure = SoftmaxLoss.measure

    def watched(
        loss: SoftmaxLoss, scores: Float64Array, truth: npt.NDArray[np.int64]
    ) -> tuple[Float64Array, Float64Array]:
        # NumPy's and SciPy's; others may be there by tests of networks.
        of_libraries.update(each["num_threads"] for each in threadpool_info() if "scipy_openblas" in each["prefix"])
        if threading.get_ident() not in threads:
            threads.add(threading.get_ident())
            all_fit.wait(60)  # breaks if others than these fit, or fewer at once
        return measure(loss, scores, truth)

    monkeypatch.setattr(SoftmaxLoss, "measure", watched)
    monkeypatch.setattr(softmax_regression, "_BLOCK", 8)
    monkeypatch.setenv("OMP_NUM_THREADS", str(num_cores))
    photos = _photos(*_rings(30, seed=6))
    with threadpool_limits(4):  # as libraries take them that were loaded before a worker knew its cores
        RbfTrainer(replace(photos, splits=photos.splits[:2]), seed=0).train(0)  # with nothing to choose: once
        assert {library["num_threads"] for library in threadpool_info()} == {4}
    assert (of_libraries, len(threads)) == ({1}, num_cores)


@pytest.mark.ci
def test_fits_for_which_memory_is_short_are_made_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rbf_heads, "_TOLERANCE", 1e-7)  # of regularisations that do equally well, the same is chosen
    photos = _photos(*_rings(90, seed=5))
    at_once = _heads(photos)
    monkeypatch.setattr(rbf_heads, "_FITTED_BYTES", 1)
    for one, other in zip(_heads(photos), at_once, strict=True):
        np.testing.assert_allclose(one.logits, other.logits, atol=_TOLERATED)


@pytest.mark.parametrize("num_features", [1, 2, 64])
def test_likenesses_of_landmarks_of_few_dimensions_are_positive_definite(num_features: int) -> None:
    """All that rounding tells from one another: their curvature is factored."""
    generator = np.random.default_rng(num_features)
    plane = generator.normal(0, 1, (1_000, 2)) @ generator.normal(0, 1, (2, num_features)) + 5
    values = plane.astype(np.float16)
    expansion = fit_expansion(values, np.arange(len(values)), seed=0)
    between = expansion.likenesses(values)[expansion.rows]
    assert np.linalg.eigvalsh(between)[0] > -1e-10


@pytest.mark.parametrize("num_photos", [4, 6, 9])
def test_few_photos_get_as_many_folds_as_the_rarest_label_allows(num_photos: int) -> None:
    values, _ = _rings(num_photos, seed=6)
    photos = _photos(values, ["cat", "dog"] * (num_photos // 2) + ["cat"] * (num_photos % 2))
    assert len(photos.splits) == min(5, num_photos // 2)
    heads = _heads(photos)
    assert np.isfinite(photos.measured_logits(heads)).all()


@pytest.mark.keras
@pytest.mark.parametrize("num_new", [50, 120])  # as many as there are landmarks, too
def test_the_network_of_layers_says_what_the_heads_say(tmp_path: Path, num_new: int) -> None:
    import keras
    from scipy.special import softmax

    values, targets = _rings(120, seed=7)
    trainer = RbfTrainer(_photos(values, targets), seed=0)
    heads = [trainer.train(number) for number in range(5)]
    path = tmp_path / "head.keras"
    join_heads(heads, 1.5, trainer.expansion).save(path)
    network = keras.saving.load_model(path, safe_mode=True)
    new, _ = _rings(num_new, seed=8)
    likenesses = trainer.expansion.likenesses(new)
    expected = np.mean([softmax((likenesses @ head.kernel + head.bias) / 1.5, axis=1) for head in heads], axis=0)
    np.testing.assert_allclose(network.predict_on_batch(new.astype(np.float32)), expected, atol=1e-5)


@pytest.mark.ci
def test_copies_of_one_picture_among_the_photos_do_not_make_all_others_strangers() -> None:
    """Most pairs of photos are alike then: their distances tell nothing of how far others are."""
    values, targets = _rings(150, seed=1)
    rows = np.r_[np.arange(150), np.zeros(450, int)]
    alone, among = fit_expansion(values, np.arange(150), 0), fit_expansion(values[rows], np.arange(600), 0)
    assert alone.gamma / 20 < among.gamma < alone.gamma * 20
    photos = _photos(values[rows], [targets[row] for row in rows])
    logits = photos.measured_logits(_heads(photos))[:150, 0]
    assert (logits.argmax(axis=1) == photos.truth[:150]).mean() > 0.8
    assert fit_expansion(values[np.zeros(9, int)], np.arange(9), 0).gamma > 0, "copies alone"


@pytest.mark.keras
def test_a_network_in_float32_that_does_not_say_what_its_heads_say_is_refused() -> None:
    values, targets = _rings(60, seed=7)
    trainer = RbfTrainer(_photos(values, targets), seed=0)
    heads = [trainer.train(number) for number in range(5)]
    check_joined(join_heads(heads, 1.5, trainer.expansion), heads, 1.5, trainer.expansion, values)
    steep = replace(trainer.expansion, gamma=1e9)
    with pytest.raises(ModelError, match="Expected a network that says what its heads say; of 60 photos it does not"):
        check_joined(join_heads(heads, 1.5, steep), heads, 1.5, steep, values)


def test_landmarks_are_drawn_by_the_seed_and_what_hardly_varies_is_not_blown_up() -> None:
    values = np.random.default_rng(0).normal(0, 1, (40, 6)).astype(np.float16)
    values[:, 3] = 0.5
    expansion = fit_expansion(values, np.arange(40), seed=1)
    assert expansion.scale[3] == pytest.approx(0.1 * np.median(values.astype(np.float64).std(axis=0)), rel=0.2)
    likenesses = expansion.likenesses(values)
    np.testing.assert_allclose(likenesses[expansion.rows, np.arange(40)], 1, atol=1e-4)
    assert likenesses.min() >= 0
