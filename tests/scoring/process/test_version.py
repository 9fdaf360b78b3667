import re
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from unittest.mock import Mock

import pytest

from scoring.process import version as module
from scoring.process.version import shardscore_version


@pytest.fixture(autouse=True)
def forgotten() -> None:
    shardscore_version.cache_clear()


def test_version_is_that_of_the_source_tree() -> None:
    written = re.search(r'^version = "(.+)"$', (Path(__file__).parents[3] / "pyproject.toml").read_text(), re.MULTILINE)
    assert written
    assert shardscore_version() == written[1]


@pytest.mark.parametrize("beside", [None, "[project]\nname = 'another'\nversion = '7'\n", "half [", "[project]\n"])
def test_without_a_source_tree_it_is_that_of_the_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: str | None
) -> None:
    if beside:
        (tmp_path / "pyproject.toml").write_text(beside)
    monkeypatch.setattr(module, "_PROJECT", tmp_path / "pyproject.toml")
    monkeypatch.setattr(module, "version", lambda name: "1.2.3")
    assert shardscore_version() == "1.2.3"


def test_without_either_it_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PROJECT", tmp_path / "pyproject.toml")
    monkeypatch.setattr(module, "version", Mock(side_effect=PackageNotFoundError))
    assert shardscore_version() == "unknown"
