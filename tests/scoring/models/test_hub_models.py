"""Names of hubs where models are named, with a hub that hands out files of this machine."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from scoring.errors import ModelError
from scoring.models.kinds import kind_of
from scoring.models.model_base import base_of_model
from scoring.models.model_request import ModelRequest
from scoring.networks.base_networks import base_of
from scoring.networks.base_request import BaseRequest
from scoring.networks.hubs import registry
from scoring.networks.hubs.hub_model import HubModel
from scoring.networks.hubs.hugging_face import parse
from scoring.networks.noise import noise
from scoring.networks.precision import Precision
from tests.models import save_brightness_model

_NAME, _PINNED = "hf://someone/bright", f"hf://someone/bright@{'0' * 40}/bright.keras"


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Puts a file on a hub; what the hub is asked for is noted in `asked.txt`."""

    def put_file(path: Path) -> None:
        def resolve(name: str) -> HubModel:
            with (tmp_path / "asked.txt").open("a") as asked:
                asked.write(f"{name}\n")
            return HubModel(path, _PINNED)

        monkeypatch.setattr(registry, "_HUBS", {"hf": registry.Hub("json", parse, resolve)})

    return put_file


def _request(labels: str | None = "dark,bright") -> ModelRequest:
    return ModelRequest(_NAME, None, labels, Precision.FLOAT32, "tensorflow")


def test_model_is_looked_for_when_workers_are_to_load_it_and_in_one_version(
    tmp_path: Path, put: Callable[[Path], None]
) -> None:
    put(tmp_path / "bright.keras")
    _request().check()
    assert _request().files() == {}
    assert not (tmp_path / "asked.txt").exists()
    assert _request().absolute().model == _PINNED
    assert base_of(BaseRequest(_NAME)).absolute() == BaseRequest(_PINNED)
    assert base_of_model(BaseRequest(_NAME)) == BaseRequest(_NAME)
    assert (base_of(BaseRequest(_NAME)).files(), kind_of(_NAME, None, "a,b").files()) == ({}, {})


def test_what_is_wrong_without_asking_the_hub_is_refused_at_once(tmp_path: Path, put: Callable[[Path], None]) -> None:
    put(tmp_path / "bright.keras")
    with pytest.raises(ModelError, match="Expected `labels`"):
        _request(labels=None).check()
    with pytest.raises(ModelError, match="Expected a model as hf://owner/name"):
        ModelRequest("hf://someone", None, "a,b", Precision.FLOAT32, "tensorflow").check()
    assert not (tmp_path / "asked.txt").exists()


def test_file_that_is_no_model_is_refused_in_one_line(tmp_path: Path, put: Callable[[Path], None]) -> None:
    (tmp_path / "page.keras").write_text("<html>")
    put(tmp_path / "page.keras")
    with pytest.raises(ModelError, match=f"Expected {_NAME} to be a model saved by Keras 3; .*page.keras is not one"):
        kind_of(_NAME, None, "a,b").network()


@pytest.mark.keras
def test_model_scores_as_its_file_does(tmp_path: Path, put: Callable[[Path], None]) -> None:
    path = save_brightness_model(tmp_path / "bright.keras")
    put(path)
    pixels = noise(3)
    there, here = (
        ModelRequest(name, None, "dark,bright", Precision.FLOAT32, "tensorflow").load() for name in (_NAME, str(path))
    )
    assert there.model_digest == here.model_digest
    np.testing.assert_array_equal(there.score(pixels), here.score(pixels))
    base = base_of(BaseRequest(_NAME))
    assert base.digest() == base_of(BaseRequest(str(path))).digest()
    assert base.build().output_shape == (None, 4)
