"""Keras' settings, which are this program's and not those that a user's `keras.json` holds for other programs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scoring.errors import ModelError, one_line

_EPSILON = 1e-7  # Keras' own


@contextmanager
def settings_faults() -> Iterator[None]:
    """Turn what a `keras.json` does that Keras cannot take into one line; the block imports Keras.

    Raises:
        ModelError: If the import fails.
    """
    try:
        yield
    except (AssertionError, AttributeError, OSError, TypeError, ValueError) as error:
        raise ModelError(
            f"Keras cannot be imported: {one_line(error)} If this speaks of its settings, remove "
            f"{_keras_folder() / 'keras.json'}; nothing of them is used here."
        ) from error


def _keras_folder() -> Path:
    """Where Keras looks for it, which is not in our cache where HOME cannot be written."""
    if "KERAS_HOME" in os.environ:
        return Path(os.environ["KERAS_HOME"])
    with suppress(RuntimeError):  # this user has no home
        if os.access(Path.home(), os.W_OK):
            return Path.home() / ".keras"
    return Path("/tmp/.keras")


def set_keras_settings() -> None:
    """Give Keras this program's settings; called as soon as it is imported, before a layer is built.

    The backend is `KERAS_BACKEND`'s in any case. Limits on epochs and steps come from the environment, for debugging.
    """
    import keras

    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    keras.config.set_epsilon(_EPSILON)
    keras.config.set_image_data_format("channels_last")
    keras.config.set_max_epochs(None)
    keras.config.set_max_steps_per_epoch(None)
