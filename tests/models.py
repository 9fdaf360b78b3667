"""Small Keras models for tests that need a real one."""

from pathlib import Path


def save_brightness_model(path: Path, seed: int = 1) -> Path:
    """A tiny classifier that answers by brightness, and differs from build to build only by its seed."""
    import keras

    keras.utils.set_random_seed(seed)
    layers = [
        keras.Input((224, 224, 3)),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Conv2D(4, 32, strides=32),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(2, activation="softmax"),
    ]
    keras.Sequential(layers).save(path)
    return path


def save_quarters_model(path: Path) -> Path:
    """A network whose features are the colours of four quarters, in the place of VGG16; its answers mean nothing."""
    import keras

    layers = [
        keras.Input((224, 224, 3)),
        keras.layers.Rescaling(1 / 255),
        keras.layers.AveragePooling2D(112),
        keras.layers.Flatten(),
        keras.layers.Dense(7, activation="softmax"),
    ]
    keras.Sequential(layers).save(path)
    return path
