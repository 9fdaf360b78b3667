"""Files in Keras' earlier format, HDF5, as `.keras` files, also where Keras 3 does not take their architecture."""

import json
import shutil
import tempfile
from pathlib import Path

from scoring.networks.keras_2_architecture import in_keras_3
from scoring.networks.keras_files import save_keras_file


def save_as_keras(source: str, target: str) -> None:
    """Load a whole model of Keras 2 or 3 in Keras' safe mode, and save it as `.keras`.

    Args:
        source: A `.h5` file. Left unchanged.
        target: The `.keras` file.
    """
    import h5py
    import keras

    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copyfile(source, Path(folder) / "model.h5")
        with h5py.File(copy, "r+") as file:
            file.attrs["model_config"] = json.dumps(in_keras_3(json.loads(file.attrs["model_config"])))
        save_keras_file(keras.saving.load_model(copy, compile=False, safe_mode=True), Path(target))
