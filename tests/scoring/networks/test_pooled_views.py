"""Several views of a photo as one vector, against the same in NumPy."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from scoring.networks.pooled_views import ViewPooling, Views, pool_views

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def network() -> Any:
    """One convolution for pictures of any size; values of either sign."""
    import keras

    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(64, 3, padding="same")])


def _part(maps: list[npt.NDArray[np.float32]], pooling: ViewPooling) -> npt.NDArray[np.float32]:
    """One pooled part of a view and its mirror image."""
    pooled = [_pooled(seen, pooling) for seen in maps]
    values = np.mean([np.sign(each) * np.sqrt(np.abs(each)) for each in pooled], axis=0)
    return np.asarray(values / np.linalg.norm(values, axis=1, keepdims=True), np.float32)


def _pooled(seen: npt.NDArray[np.float32], pooling: ViewPooling) -> npt.NDArray[np.float32]:
    if pooling is ViewPooling.MAX:
        return np.asarray(seen.max(axis=(1, 2)))
    high, wide = (side // 4 if pooling is ViewPooling.CENTRE else 0 for side in seen.shape[1:3])
    return np.asarray(seen[:, high : seen.shape[1] - high, wide : seen.shape[2] - wide].mean(axis=(1, 2)))


@pytest.mark.parametrize("mirror", [False, True])
def test_parts_are_roots_of_pooled_positions_of_length_one(network: Any, mirror: bool) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3)).astype(np.float32)
    found = pool_views(network, Views((16,), mirror, tuple(ViewPooling))).predict_on_batch(pixels)
    maps = [network.predict_on_batch(pixels)] + ([network.predict_on_batch(pixels[:, :, ::-1])] if mirror else [])
    expected = np.concatenate([_part(maps, pooling) for pooling in ViewPooling], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(12, 16, 3), (16, 12, 1)])
def test_without_sizes_a_network_sees_what_it_takes(shape: tuple[int, int, int]) -> None:
    import keras

    network = keras.Sequential([keras.Input(shape), keras.layers.Conv2D(64, 3, padding="same")])
    pixels = np.random.default_rng(0).integers(0, 256, (3, *shape)).astype(np.float32)
    views = pool_views(network, Views((), True, tuple(ViewPooling)))
    maps = [network.predict_on_batch(pixels), network.predict_on_batch(pixels[:, :, ::-1])]
    expected = np.concatenate([_part(maps, pooling) for pooling in ViewPooling], axis=1)
    np.testing.assert_allclose(views.predict_on_batch(pixels), expected, atol=1e-5)


def test_smaller_views_are_made_of_the_same_pixels(network: Any) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype(np.float32)
    found = pool_views(network, Views((16, 12, 8), False, (ViewPooling.MEAN,))).predict_on_batch(pixels)
    assert found.shape == (2, 192)
    halved = pixels.reshape(2, 8, 2, 8, 2, 3).mean(axis=(2, 4))
    expected = _part([network.predict_on_batch(halved)], ViewPooling.MEAN)
    np.testing.assert_allclose(found[:, 128:], expected, atol=1e-5)


def _with_statistics() -> Any:
    import keras

    maps = [keras.layers.Conv2D(64, 3), keras.layers.BatchNormalization(), keras.layers.Dropout(0.9)]
    return keras.Sequential([keras.Input((None, None, 3)), *maps])


@pytest.mark.parametrize("mirror", [False, True])
def test_a_stored_network_that_is_called_says_what_it_predicts_and_stays_as_it_is(tmp_path: Path, mirror: bool) -> None:
    """Keras lets its image layers train by default, and with one of them all that stands behind it."""
    import keras

    path = tmp_path / "m.keras"
    pool_views(_with_statistics(), Views((16, 12, 8), mirror, tuple(ViewPooling))).save(path)
    assert b'"training": true' not in zipfile.ZipFile(path).read("config.json")
    network = keras.saving.load_model(path)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype(np.float32)
    before = [np.array(variable) for variable in network.variables]
    called = keras.ops.convert_to_numpy(network(pixels))
    assert all(map(np.array_equal, before, network.variables))
    np.testing.assert_allclose(called, network.predict_on_batch(pixels), atol=1e-5)


def test_a_layer_that_is_not_spatial_is_taken_as_it_is() -> None:
    import keras

    flat = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
    pixels = np.random.default_rng(0).uniform(1, 255, (2, 8, 8, 3)).astype(np.float32)
    found = pool_views(flat, Views((8,), False, tuple(ViewPooling))).predict_on_batch(pixels)
    roots = np.sqrt(pixels.reshape(2, -1))
    np.testing.assert_allclose(found, roots / np.linalg.norm(roots, axis=1, keepdims=True), atol=1e-6)


@pytest.mark.parametrize("mirror", [False, True])
def test_maps_of_one_position_are_a_vector(mirror: bool) -> None:
    """In one of two sizes: pooled in every way, they would count as often."""
    import keras

    network = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(64, 8, strides=8)])
    pixels = np.random.default_rng(0).uniform(1, 255, (2, 16, 16, 3)).astype(np.float32)
    found = pool_views(network, Views((16, 8), mirror, tuple(ViewPooling))).predict_on_batch(pixels)
    assert found.shape == (2, 3 * 64 + 64)
    small = pixels.reshape(2, 8, 2, 8, 2, 3).mean(axis=(2, 4))
    maps = [network.predict_on_batch(view) for view in ([small, small[:, :, ::-1]] if mirror else [small])]
    np.testing.assert_allclose(found[:, 3 * 64 :], _part(maps, ViewPooling.MEAN), atol=1e-5)


def test_few_values_keep_their_length() -> None:
    """Brightness alone, scaled to length one, would be 1 for every photo."""
    import keras

    brightness = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])
    brightness.set_weights([np.full((192, 1), 1 / 192, np.float32), np.zeros(1, np.float32)])
    pixels = np.stack([np.full((8, 8, 3), level, np.float32) for level in (25, 100)])
    found = pool_views(brightness, Views((8,), False, (ViewPooling.MEAN,))).predict_on_batch(pixels)
    np.testing.assert_allclose(found, [[5], [10]], rtol=1e-5)
