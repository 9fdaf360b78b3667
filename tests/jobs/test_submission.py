"""`shardscore submission` on the command line, from runs that were written without Ray and Keras."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobs.cli import app
from scoring.run.folder import RunFolder
from tests.runs import Scored, write_run


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    images = [Scored(f"test/{number}.jpg", (1 - number / 8, number / 8)) for number in range(1, 5)]
    (tmp_path / "sample_submission.csv").write_text("id,label\n3.jpg,0.5\n2.jpg,0.5\n")
    return write_run(tmp_path / "run", [*images, Scored("test/5.jpg", None, reason="broken")])


def _submission(run: RunFolder, *options: str) -> tuple[int, str]:
    """Exit code and all that was printed."""
    result = CliRunner().invoke(app, ["submission", str(run.path), *options])
    return result.exit_code, result.output


def test_a_template_is_filled_and_the_line_that_hands_it_in_is_printed(run: RunFolder, tmp_path: Path) -> None:
    template = str(tmp_path / "sample_submission.csv")
    code, printed = _submission(run, "--template", template, "--competition", "hot-dog")
    assert code == 0
    assert (tmp_path / "run" / "submission.csv").read_text() == "id,label\n3.jpg,0.375\n2.jpg,0.25\n"
    assert "2 rows in" in printed
    assert "the probability of dog" in printed
    assert "3 images of the run are not in the template" in printed
    assert f"kaggle competitions submit -c hot-dog -f {run.submission} -m" in printed
    assert "submit -c COMPETITION -f" in _submission(run, "--template", template)[1]


def test_unreadable_images_are_told(run: RunFolder, tmp_path: Path) -> None:
    template = tmp_path / "other.csv"
    template.write_text("id,label\n5,0.5\n")
    code, printed = _submission(run, "--template", str(template))
    assert (code, "5. Mend them" in printed, "--fallback 0.5" in printed) == (1, True, True)
    code, printed = _submission(run, "--template", str(template), "--fallback", "0.5")
    assert (code, "1 unreadable images" in printed) == (0, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--template", "T", "--competition", "dogs-vs-cats"], "no --template with --competition dogs-vs-cats"),
        (["--template", "T", "--partial"], "no --partial with --template"),
        (["--values", "index"], "--values with --template alone"),
        (["--positive", "dog"], "--positive with --template alone"),
        (["--threshold", "0.5"], "--threshold with --template alone"),
        (["--competition", "titanic"], "--competition to be one of"),
        (["--template", "nowhere.csv"], "there is no nowhere.csv"),
        (["--template", "T", "--values", "rank"], "rank"),
    ],
)
def test_options_that_make_no_sense_are_exit_2(
    run: RunFolder, tmp_path: Path, options: list[str], message: str
) -> None:
    template = str(tmp_path / "sample_submission.csv")
    code, printed = _submission(run, *(template if option == "T" else option for option in options))
    assert code == 2
    assert message in printed
    assert not run.submission.exists()
