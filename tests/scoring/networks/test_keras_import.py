import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.ci

_LOOK = """
import sys
from scoring.networks.keras_import import import_keras
import_keras("tensorflow")
print([name for name in ("sklearn", "pandas", "jax") if name in sys.modules])
import pandas, sklearn
import keras
print(keras.backend.backend())
"""


@pytest.mark.keras
def test_keras_comes_without_what_it_merely_looks_for_which_can_be_imported_afterwards() -> None:
    root = Path(__file__).parents[3]
    unset = ("MPLCONFIGDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in unset} | {"HOME": "/dev/null/none"}
    command = [sys.executable, "-c", _LOOK]
    looked = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True)
    assert "matplotlib" not in looked.stderr
    assert looked.stdout.split("\n")[:2] == ["[]", "tensorflow"]
