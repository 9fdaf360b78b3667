"""float16 is not taken for networks whose numbers it does not hold; on Volta and Turing `auto` would."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.errors import ModelError
from scoring.models.embedding import Embedder, EmbeddingRequest, EmbeddingType
from scoring.models.model_request import ModelRequest
from scoring.networks.base_request import BaseRequest
from scoring.networks.noise import noise
from scoring.networks.precision import Precision
from scoring.pixels.input_shape import InputShape

pytestmark = [
    pytest.mark.keras,
    pytest.mark.filterwarnings("ignore:.*overflow encountered in cast"),  # UnitNormalization: 1 / 1e-12 in float16
]


@pytest.fixture(autouse=True)
def _on_turing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scoring.networks.precision.compute_capability", lambda: 7.5)


def _save(path: Path, scale: float) -> str:
    """A network that scales its features to length one: float16 holds sums of squares up to 65,504."""
    import keras

    keras.utils.set_random_seed(4)
    layers = [
        keras.Input((16, 16, 3)),
        keras.layers.Rescaling(scale / 255),
        keras.layers.Conv2D(8, 3, activation="relu", bias_initializer="ones"),
        keras.layers.GlobalMaxPooling2D(),
        keras.layers.UnitNormalization(name="unit"),
        keras.layers.Dense(2, activation="softmax", kernel_initializer=keras.initializers.RandomNormal(stddev=3)),
    ]
    keras.Sequential(layers).save(path)
    return str(path)


def _embedder(path: str, precision: Precision) -> Embedder:
    return EmbeddingRequest(BaseRequest(path, layer="unit"), EmbeddingType.FLOAT32, precision, "tensorflow").load()


def _classifier(path: str, precision: Precision) -> Any:
    return ModelRequest(path, None, "cat,dog", precision, "tensorflow").load()


def test_auto_takes_float32_where_float16_does_not_hold_a_networks_numbers(tmp_path: Path) -> None:
    path, pixels = _save(tmp_path / "m.keras", 2000), noise(4, InputShape(16, 16))
    for load in (_embedder, _classifier):
        auto, exact = (load(path, precision) for precision in (Precision.AUTO, Precision.FLOAT32))
        assert auto.precision.precision is Precision.FLOAT32
        assert auto.precision.reason == "float16 does not hold this network's numbers"
        np.testing.assert_array_equal(auto.score(pixels), exact.score(pixels))
        with pytest.raises(ModelError, match=r"float16 can hold, up to 65,504; .* Use `precision` float32 or"):
            load(path, Precision.FLOAT16)


def test_float16_is_taken_where_it_does(tmp_path: Path) -> None:
    path, pixels = _save(tmp_path / "m.keras", 20), noise(4, InputShape(16, 16))
    for load in (_embedder, _classifier):
        auto, exact = (load(path, precision) for precision in (Precision.AUTO, Precision.FLOAT32))
        assert (auto.precision.precision, auto.precision.reason) == (
            Precision.FLOAT16,
            "the GPU's compute capability is 7.5",
        )
        np.testing.assert_allclose(auto.score(pixels), exact.score(pixels), atol=0.02)
        assert not np.array_equal(auto.score(pixels), exact.score(pixels)), "it was computed in float16"
