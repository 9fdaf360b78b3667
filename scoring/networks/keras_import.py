"""Import Keras, whole but for what it merely looks for."""

import os
import sys
from typing import Any

# Keras wraps scikit-learn's estimators and takes pandas' tables, TensorFlow converts JAX's functions: all three are
# imported wherever they are installed. Without them the import takes 2.9 s instead of 4.5 (2 cores of an EPYC).
_LOOKED_FOR = ("sklearn", "pandas", "jax")


def import_keras(backend: str) -> None:
    """Import Keras with this backend, unless this process has imported it.

    Packages that it would import only to work with them are not found meanwhile; they can be imported afterwards.
    """
    os.environ["KERAS_BACKEND"] = backend
    if "keras" in sys.modules:
        return
    modules: dict[str, Any] = sys.modules  # None: the import system finds no such package
    hidden = [name for name in _LOOKED_FOR if name != backend and name not in modules]
    modules.update(dict.fromkeys(hidden))
    try:
        import keras  # noqa: F401
    finally:
        for name in hidden:
            del modules[name]
