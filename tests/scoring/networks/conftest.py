"""A network that is small, and made of what engines compute in ways of their own."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `.keras` classifier of three classes."""
    import keras

    keras.utils.set_random_seed(3)
    path = tmp_path_factory.mktemp("model") / "small.keras"
    layers = [
        keras.Input((224, 224, 3)),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Conv2D(16, 8, strides=8, activation="relu"),
        keras.layers.Conv2D(32, 3, padding="same", activation="relu"),  # by minimal filtering
        keras.layers.BatchNormalization(),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(3, activation="softmax"),
    ]
    keras.Sequential(layers).save(path)
    return path
