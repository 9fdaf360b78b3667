"""Import Keras, whole but for what it merely looks for."""

import os

from scoring.networks.keras_settings import set_keras_settings, settings_faults
from scoring.process.hidden_packages import hidden
from scoring.process.import_clock import libraries_are_imported

# Keras wraps scikit-learn's estimators, takes pandas' tables and draws by matplotlib, TensorFlow converts JAX's
# functions: all four are imported wherever they are installed. Without the others the import takes 2.9 s instead of 4.5
# (2 cores of an EPYC), without matplotlib 0.3 s less (a Xeon), and no list of fonts is made where there is none yet.
_LOOKED_FOR = ("sklearn", "pandas", "matplotlib", "jax")


def import_keras(backend: str) -> None:
    """Import Keras with this backend, unless this process has imported it; a user's `keras.json` changes nothing.

    Packages that it would import only to work with them are not found meanwhile; they can be imported afterwards.

    Raises:
        ModelError: If Keras cannot take what a `keras.json` says.
    """
    os.environ["KERAS_BACKEND"] = backend
    with settings_faults(), hidden(*(name for name in _LOOKED_FOR if name != backend)):
        import keras  # noqa: F401
    set_keras_settings()
    libraries_are_imported()
