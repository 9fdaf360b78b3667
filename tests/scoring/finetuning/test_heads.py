from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from scoring.finetuning.dense_heads import train_dense_head
from scoring.finetuning.ensemble import HeadIdentity, join_heads, load_head, save_head
from scoring.finetuning.fitting import Examples, as_float32, fit
from scoring.finetuning.heads import Head, centre, softmax_network, train_head
from scoring.models.finetuned_network import put_together, save_network
from scoring.models.trained_heads import HeadSettings
from scoring.run.fingerprint import Fingerprint

pytestmark = pytest.mark.keras

_SETTINGS = HeadSettings(batch_size=8, max_epochs=4, dropout=0.3)


def _examples(num_images: int, num_features: int, seed: int, views: int = 1) -> Examples:
    """Three classes whose features lie apart."""
    generator = np.random.default_rng(seed)
    truth = np.arange(num_images) % 3
    middle = np.random.default_rng(99).normal(2, 1, (3, num_features))
    values = middle[truth][:, None] + generator.normal(0, 1, (num_images, views, num_features))
    return Examples(values.astype(np.float16), truth)


@pytest.mark.ci
def test_training_on_stored_features_equals_training_on_top_of_the_frozen_network() -> None:
    """fast.ai's layer replacement; float32, a small convolutional base."""
    import keras

    keras.utils.set_random_seed(1)
    base = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            keras.layers.Conv2D(12, 3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )
    base.trainable = False
    images = np.random.default_rng(2).integers(0, 256, (60, 16, 16, 3)).astype(np.float32)
    truth = np.arange(60) % 2
    images[truth == 1] *= 0.8
    features = base.predict_on_batch(images)[:, None]
    train, validation = Examples(features[:40], truth[:40]), Examples(features[40:], truth[40:])
    head = train_head(train, validation, 2, _SETTINGS, seed=3)

    mean, scale = centre(train.by_view()[0])
    top = softmax_network(12, 2, _SETTINGS, seed=3)
    pixels = keras.Input((16, 16, 3))
    centred = keras.layers.Rescaling(1 / scale, offset=(-mean / scale).tolist())(base(pixels))
    whole = keras.Model(pixels, top(centred))
    pictures = images[40:].reshape(20, 1, -1)
    held_out = Examples(pictures, truth[40:])  # type: ignore[arg-type]  # halves would round pixels

    def as_images(rows: Any) -> Any:
        return as_float32(rows).reshape(-1, 16, 16, 3)

    curve, _ = fit(whole, images[:40], truth[:40], held_out, as_images, _SETTINGS, _SETTINGS.learning_rate, seed=3)
    kernel, bias = top.get_weights()
    np.testing.assert_allclose(head.kernel * scale, kernel, atol=1e-5)
    np.testing.assert_allclose(head.bias, bias - mean @ kernel / scale, atol=1e-4)
    losses = [epoch.validation_log_loss for epoch in head.curve]
    np.testing.assert_allclose([epoch.validation_log_loss for epoch in curve], losses, atol=1e-5)
    assert losses[-1] < losses[0]


@pytest.mark.ci
def test_same_seed_gives_the_same_head_and_another_seed_another() -> None:
    train, validation = _examples(40, 6, seed=1), _examples(20, 6, seed=2)
    first, again, other = (train_head(train, validation, 3, _SETTINGS, seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.kernel, again.kernel)
    assert first.curve == again.curve
    assert not np.array_equal(first.kernel, other.kernel)


def test_training_stops_when_validation_no_longer_gains_and_keeps_the_best() -> None:
    train, validation = _examples(30, 6, seed=1), _examples(30, 6, seed=2)
    noise = Examples(validation.values, np.random.default_rng(0).integers(0, 3, 30))
    settings = HeadSettings(batch_size=8, max_epochs=60, patience=2, learning_rate=0.05)
    head = train_head(train, noise, 3, settings, seed=0)
    assert len(head.curve) == head.best_epoch + 2
    assert min(head.curve, key=lambda epoch: epoch.validation_log_loss).epoch == head.best_epoch


@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")
def test_an_epoch_whose_log_loss_is_no_number_is_not_the_best_one() -> None:
    """At this rate log losses are infinite first, then huge, and then no numbers."""
    train, validation = _examples(30, 6, seed=1), _examples(30, 6, seed=2)
    head = train_head(train, validation, 3, HeadSettings(batch_size=30, max_epochs=8, learning_rate=1.5e37), seed=0)
    losses = [epoch.validation_log_loss for epoch in head.curve]
    assert np.isnan(losses).any()
    assert head.best_epoch == np.nanargmin(losses) + 1


@pytest.mark.ci
@pytest.mark.parametrize("dense", [False, True])
def test_joined_heads_give_the_mean_of_their_probabilities(dense: bool) -> None:
    from scipy.special import softmax

    train, validation = _examples(40, 6, seed=1, views=2), _examples(9, 6, seed=2, views=2)
    generator = np.random.default_rng(4)
    layers = [generator.normal(0, 0.5, shape).astype(np.float32) for shape in ((6, 5), (5,), (5, 4), (4,))]
    if dense:
        heads = [train_dense_head(train, validation, 3, layers, _SETTINGS, seed) for seed in (0, 1)]
    else:
        heads = [train_head(train, validation, 3, _SETTINGS, seed) for seed in (0, 1)]
    network = join_heads(heads, temperature=1.5)
    for view in range(2):
        expected = softmax(np.stack([head.logits[:, view] for head in heads]) / 1.5, axis=2).mean(axis=0)
        found = network.predict_on_batch(validation.values[:, view].astype(np.float32))
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.ci
def test_the_same_heads_give_the_same_file_whatever_was_trained_in_this_process_before(tmp_path: Any) -> None:
    import keras

    generator = np.random.default_rng(4)
    head = Head(
        generator.normal(size=(12, 3)).astype(np.float32), np.zeros(3, np.float32), [], np.zeros(0, np.float32), [], 0
    )
    digests = []
    for name in ("first", "second"):
        joined = join_heads([head, head], temperature=1.5)
        base = keras.Sequential([keras.Input((2, 2, 3)), keras.layers.Flatten()])
        digests.append(save_network(put_together(base, joined, flip=True), tmp_path / f"{name}.keras"))
        train_head(_examples(40, 6, seed=1), _examples(9, 6, seed=2), 3, _SETTINGS, seed=0)
    assert digests[0] == digests[1]


@pytest.mark.ci
def test_dense_layers_learn_or_stay_as_they_were() -> None:
    train, validation = _examples(40, 6, seed=1), _examples(20, 6, seed=2)
    generator = np.random.default_rng(4)
    layers = [generator.normal(0, 0.5, shape).astype(np.float32) for shape in ((6, 5), (5,), (5, 4), (4,))]
    learning = HeadSettings(batch_size=8, max_epochs=4, dense_learning_rate=1e-3)
    head = train_dense_head(train, validation, 3, layers, learning, seed=0)
    assert head.best_epoch > 4, "epochs count on from those of the softmax layer alone"
    assert not np.array_equal(head.dense[0], layers[0])
    for learning_rate in (100.0, 1e39):  # the second diverges
        useless = HeadSettings(batch_size=8, max_epochs=4, dense_learning_rate=learning_rate)
        kept = train_dense_head(train, validation, 3, layers, useless, seed=0)
        assert kept.best_epoch <= 4
        assert kept.is_finite
        np.testing.assert_array_equal(kept.dense[0], layers[0])


def test_saved_head_comes_back_only_for_what_shaped_it(tmp_path: Any) -> None:
    train, validation = _examples(40, 6, seed=1), _examples(20, 6, seed=2)
    head = train_head(train, validation, 3, _SETTINGS, seed=0)
    features = Fingerprint("images", "model", "labels", "squash", "keras-tensorflow", "float32", schema_version=2)
    identity = HeadIdentity(features, _SETTINGS, seed=0, division="20 of 60", backend="tensorflow")
    save_head(tmp_path / "head.npz", head, identity)
    back = load_head(tmp_path / "head.npz", identity)
    assert back is not None
    np.testing.assert_array_equal(back.logits, head.logits)
    assert back.curve == head.curve
    for other in (
        replace(identity, seed=1),
        replace(identity, features=replace(features, model="another")),
        replace(identity, heads=replace(_SETTINGS, dropout=0.1)),
        replace(identity, contents="other photos in the same places"),
        replace(identity, pixels="of others that have their stamps"),
    ):
        assert load_head(tmp_path / "head.npz", other) is None
    whole = (tmp_path / "head.npz").read_bytes()
    (tmp_path / "head.npz").write_bytes(whole[: len(whole) // 2])
    assert load_head(tmp_path / "head.npz", identity) is None
    assert load_head(tmp_path / "gone.npz", identity) is None
