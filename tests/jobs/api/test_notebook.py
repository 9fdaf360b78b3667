"""A notebook as data scientists write one, executed in an environment in which the wheel is installed."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.models import save_brightness_model

pytestmark = [pytest.mark.ci, pytest.mark.ray, pytest.mark.keras]

_SCORE = """
import shardscore
run = shardscore.score(images={images!r}, output="run", model={model!r}, labels=["cat", "dog"], resize="crop")
"""
_READ = """
frame = run.predictions().to_pandas()
frame[["image_id", "status", "label", "probability"]].head(3)
"""
_SUBMIT = """
submission = shardscore.submission(run.path, partial=True)
print(len(frame), (frame.status == "ok").sum(), run.summary.num_scored, submission.num_rows, submission.path)
"""
_AGAIN = """
again = shardscore.score(images={images!r}, output="run", model={model!r}, labels=["cat", "dog"], resize="crop")
print(again.summary.num_scored, again.predictions().equals(run.predictions()))
"""
_REFUSED = """
try:
    shardscore.score(images="nowhere", output="run")
except shardscore.RequestError as error:
    print(error)
"""


def _collection(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path, int]:
    """The 300 real test photos and a trained model; without them drawn pictures and a model that tells brightness."""
    try:
        data: Path = request.getfixturevalue("data_folder")
    except pytest.skip.Exception:
        return request.getfixturevalue("photos"), save_brightness_model(tmp_path / "brightness.keras"), 12
    return data / "photos" / "test", data / "models" / "cat_dog_squeezenet.keras", 300


def _execute(kernel: str, folder: Path, cells: list[str]) -> list[list[Any]]:
    """What each cell left below itself."""
    code = [nbformat.v4.new_code_cell(cell) for cell in cells]  # type: ignore[no-untyped-call]
    notebook = nbformat.v4.new_notebook(cells=code)  # type: ignore[no-untyped-call]
    NotebookClient(notebook, timeout=240, kernel_name=kernel, resources={"metadata": {"path": str(folder)}}).execute()
    return [cell.outputs for cell in notebook.cells]


def test_a_notebook_scores_shows_the_bar_reads_predictions_into_pandas_and_makes_a_submission(
    kernel: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    photos, model, num_images = _collection(request, tmp_path)
    named = {"images": str(photos), "model": str(model)}
    folder = tmp_path / "notebook"
    folder.mkdir()
    cells = [_SCORE.format(**named), _READ, _SUBMIT, _AGAIN.format(**named), _REFUSED]
    scored, frame, submitted, again, refused = _execute(kernel, folder, cells)
    assert len(scored) == 1, scored
    [bar] = scored
    assert bar.output_type == "display_data", "nothing but the bar"
    assert f"{num_images}/{num_images}" in bar.data["text/plain"]
    assert f"{num_images}/{num_images}" in bar.data["text/html"]
    assert "<table" in frame[0].data["text/html"]
    [words] = submitted
    assert words.text.split() == [*[str(num_images)] * 4, str(folder / "run" / "submission.csv")]
    assert len((folder / "run" / "submission.csv").read_text().splitlines()) == num_images + 1
    assert again[-1].text == "0 True\n"
    assert refused[0].text.endswith("nowhere does not exist.\n")
