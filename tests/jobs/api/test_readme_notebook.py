"""README's cells for notebooks of Kaggle and Colab, as they stand there: only paths, photos and pip's index differ."""

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.installs import copy_source
from tests.kaggle_bundle import draw_test, draw_train, is_dog, mount_bundle
from tests.models import save_quarters_model
from tests.source_tree import ROOT

pytestmark = [pytest.mark.ci, pytest.mark.ray, pytest.mark.keras]

_FENCED = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_NUM_TEST = 24


def _cell(part: str) -> str:
    """The only fenced block of README and the manual that has something in it."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *ROOT.glob("*/README.md"))]
    [found] = [block for text in texts for block in _FENCED.findall(text) if part in block]
    return str(found)


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """Our own wheel, as it lies at an index."""
    (tmp_path / "source").mkdir()
    source, options = copy_source(tmp_path / "source"), ("--no-deps", "--no-build-isolation", "-w", tmp_path / "wheels")
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, source], check=True, capture_output=True)
    return tmp_path / "wheels"


@pytest.fixture
def notebook(tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The cells. What a new environment needs of libraries it finds in this one's."""
    for name in ("NO_INDEX", "NO_DEPS", "FORCE_REINSTALL", "DISABLE_PIP_VERSION_CHECK"):
        monkeypatch.setenv(f"PIP_{name}", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    base = save_quarters_model(tmp_path / "quarters.keras")
    libraries = f"import pathlib; pathlib.Path('{{}}/libraries.pth').write_text({sysconfig.get_path('purelib')!r})"
    where = f"/tmp/shardscore/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    environment, with_pip = _cell("-m venv").split("!pip")
    score = _cell("shardscore score --images /kaggle")
    cells = [
        environment,
        libraries.format(where),
        f"!pip{with_pip}",
        _cell("pip download"),
        "%env PIP_FIND_LINKS=\n!mv /kaggle/working/wheelhouse /kaggle/input/wheelhouse",
        _cell("--no-index --find-links"),
        score.replace(" finetune ", f" finetune --base {base} --learning-rate 0.02 --epochs 60 ").replace(
            " submission ", " submission --partial "
        ),
        _cell("read_parquet"),
    ]
    paths = {"/kaggle": f"{tmp_path}/kaggle", "/tmp/shardscore": f"{tmp_path}/environment"}
    return [re.sub("/kaggle|/tmp/shardscore", lambda found: paths[found[0]], cell) for cell in cells]


def _written(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if "wheelhouse" not in path.parts}


def test_three_cells_make_an_environment_and_a_submission_of_what_kaggle_mounts(
    notebook: list[str], tmp_path: Path
) -> None:
    photos = tmp_path / "kaggle" / "input" / "dogs-vs-cats-redux-kernels-edition"
    mount_bundle(photos, draw_train(30), draw_test(_NUM_TEST))
    (tmp_path / "kaggle" / "working").mkdir()
    before = _written(photos)
    cells = [nbformat.v4.new_code_cell(cell) for cell in notebook]  # type: ignore[no-untyped-call]
    made = nbformat.v4.new_notebook(cells=cells)  # type: ignore[no-untyped-call]
    NotebookClient(made, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs: list[Any] = [cell.outputs for cell in made.cells]
    submission = tmp_path / "kaggle" / "working" / "submission.csv"
    assert submission.is_file(), outputs
    rows = [line.split(",") for line in submission.read_text().splitlines()[1:]]
    assert [int(number) for number, _ in rows] == list(range(1, _NUM_TEST + 1))
    assert all((float(label) > 0.5) == is_dog(int(number)) for number, label in rows)
    assert "probability" in outputs[-1][0].data["text/html"]
    assert _written(photos) == before
    assert list((tmp_path / "kaggle" / "input" / "wheelhouse").glob("shardscore-*.whl"))
