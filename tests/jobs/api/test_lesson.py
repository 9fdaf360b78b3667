"""`jobs/notebooks/dogs_vs_cats.ipynb`, the lesson as a notebook: executed as it is committed, on few drawn photos."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.kaggle_bundle import BUNDLE, draw_test, draw_train, is_dog, write_bundle
from tests.models import save_quarters_model
from tests.source_tree import ROOT

_NUM_TEST = 24


@pytest.fixture
def notebook() -> Any:
    return nbformat.read(ROOT / "jobs" / "notebooks" / "dogs_vs_cats.ipynb", as_version=4)  # type: ignore[no-untyped-call]


def _code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_the_committed_notebook_is_whole_and_holds_no_outputs(notebook: Any) -> None:
    nbformat.validate(notebook)
    assert all(cell.outputs == [] and cell.execution_count is None for cell in _code(notebook))


@pytest.mark.ci
@pytest.mark.ray
@pytest.mark.keras
def test_the_lesson_runs_from_kaggles_bundle_to_the_submission_with_the_reports_below_its_cells(
    notebook: Any, kernel: str, tmp_path: Path
) -> None:
    folder = tmp_path / "lesson"
    folder.mkdir()
    write_bundle(folder / BUNDLE, draw_train(30), draw_test(_NUM_TEST))
    base = save_quarters_model(folder / "quarters.keras")
    [parameters] = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())]
    # Few photos, and a base that needs no download, learn more in large steps.
    training = {"base": str(base), "learning_rate": 0.02, "epochs": 60}
    parameters.source += f"\nTRAINING, PARTIAL = {training!r}, True"
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=240, kernel_name=kernel, resources=resources).execute()
    outputs = [cell.outputs for cell in _code(notebook)]
    shown = [output.data["text/html"] for each in outputs for output in each if "data" in output]
    reports = [page for page in shown if page.startswith("<iframe")]
    assert len(reports) == 2
    assert all("data:image/" in page for page in reports), "with photos in them"
    printed = "".join(output.text for each in outputs for output in each if output.output_type == "stream")
    assert "labels cat, dog" in printed
    assert f"{_NUM_TEST} photos, 0 of them unreadable" in printed
    rows = [line.split(",") for line in (folder / "submission.csv").read_text().splitlines()[1:]]
    assert [int(number) for number, _ in rows] == list(range(1, _NUM_TEST + 1))
    assert all((float(label) > 0.5) == is_dog(int(number)) for number, label in rows)
