"""Converted networks are kept to the bit, or made again."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from scoring.models.model_request import ModelRequest
from scoring.networks.conversions import made_once
from scoring.networks.engines import EngineName
from scoring.networks.noise import noise
from scoring.networks.precision import Precision


def _flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 2
    path.write_bytes(content)


def _halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _make(folder: Path) -> bool:
    """Whether two files had to be made."""
    with made_once(folder) as temporary:
        if temporary:
            (temporary / "model.bin").write_bytes(bytes(1000))
            (temporary / "model.xml").write_text("<net/>")
    return temporary is not None


_FAULTS: dict[str, Callable[[Path], object]] = {
    "a bit of the weights": lambda folder: _flip_a_bit(folder / "model.bin"),
    "a bit of a checksum": lambda folder: _flip_a_bit(folder / "SHA256SUMS"),
    "half of the weights": lambda folder: _halve(folder / "model.bin"),
    "no weights": lambda folder: (folder / "model.bin").write_bytes(b""),
    "a file that is gone": lambda folder: (folder / "model.xml").unlink(),
    "a file that nobody made": lambda folder: (folder / "model.txt").touch(),
    "no checksums, as earlier versions": lambda folder: (folder / "SHA256SUMS").unlink(),
}


@pytest.mark.parametrize("fault", _FAULTS)
def test_conversion_whose_files_are_not_those_that_were_written_is_made_again(tmp_path: Path, fault: str) -> None:
    assert _make(tmp_path / "library")
    written = {path.name: path.read_bytes() for path in (tmp_path / "library").iterdir()}
    assert not _make(tmp_path / "library")
    _FAULTS[fault](tmp_path / "library")
    assert _make(tmp_path / "library")
    assert {path.name: path.read_bytes() for path in (tmp_path / "library").iterdir()} == written
    assert not _make(tmp_path / "library")


def test_what_is_made_in_a_conversions_folder_later_is_not_of_its_files(tmp_path: Path) -> None:
    _make(tmp_path / "library")
    assert _make(tmp_path / "library" / "int8")
    assert not _make(tmp_path / "library")
    assert not _make(tmp_path / "library" / "int8")


def test_conversion_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(LookupError), made_once(tmp_path / "library") as temporary:
        assert temporary
        (temporary / "model.bin").touch()
        raise LookupError
    assert [path.name for path in tmp_path.iterdir()] == [".library.lock"]


@pytest.mark.ci
@pytest.mark.keras
@pytest.mark.parametrize(("engine", "file"), [(EngineName.OPENVINO, "model.bin"), (EngineName.MNN, "model.mnn")])
def test_network_is_the_same_after_its_conversion_was_damaged(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: EngineName, file: str
) -> None:
    pytest.importorskip("MNN" if engine is EngineName.MNN else "openvino")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    request = ModelRequest(str(model), None, "a,b,c", Precision.FLOAT32, "tensorflow", engine)
    expected = request.load().score(noise(4))
    [converted] = tmp_path.rglob(file)
    for damage in (_flip_a_bit, _halve):
        damage(converted)
        np.testing.assert_array_equal(request.load().score(noise(4)), expected)
