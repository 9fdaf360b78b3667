"""A kernel for notebooks, in an environment in which the wheel is installed."""

import json
from pathlib import Path

import pytest

from tests.installs import copy_source, new_environment, pip_install


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a kernel that runs in an environment of its own."""
    python = new_environment(tmp_path / "environment")
    (tmp_path / "source").mkdir()
    pip_install(python, copy_source(tmp_path / "source"))
    folder = tmp_path / "jupyter" / "kernels" / "elsewhere"
    folder.mkdir(parents=True)
    command = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": "elsewhere", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    return folder.name
