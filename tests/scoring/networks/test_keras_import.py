import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.ci

_LOOK = """
import sys
from scoring.networks.keras_import import import_keras
import_keras("tensorflow")
print([name for name in ("sklearn", "pandas", "matplotlib", "jax") if name in sys.modules])
import pandas, sklearn, matplotlib.pyplot
import keras
print(keras.backend.backend())
"""


@pytest.mark.keras
def test_keras_comes_without_what_it_merely_looks_for_which_can_be_imported_afterwards() -> None:
    root = Path(__file__).parents[3]
    looked = subprocess.run([sys.executable, "-c", _LOOK], cwd=root, capture_output=True, text=True, check=True)
    assert looked.stdout.split("\n")[:2] == ["[]", "tensorflow"]
