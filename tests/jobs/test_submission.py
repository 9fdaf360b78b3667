"""`shardscore submission` on the command line, from runs that were written without Ray and Keras."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobs.cli import app
from scoring import __version__
from scoring.run.folder import RunFolder
from scoring.storage.locations import Url
from tests.places import on_disk
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
    assert f"kaggle competitions submit hot-dog -f {run.submission} -m shardscore --wait\n" in printed
    assert "KAGGLE_API_TOKEN or ~/.kaggle/access_token" in printed
    assert "submit COMPETITION -f" in _submission(run, "--template", template)[1]


def test_folders_above_an_output_are_made(run: RunFolder, tmp_path: Path) -> None:
    template, output = tmp_path / "sample_submission.csv", tmp_path / "of" / "leaves" / "submission.csv"
    assert _submission(run, "--template", str(template), "--output", str(output))[0] == 0
    assert output.is_file()


def test_the_result_as_json_is_all_that_standard_output_gets(run: RunFolder, tmp_path: Path) -> None:
    words = ["submission", str(run.path), "--template", str(tmp_path / "sample_submission.csv"), "--json"]
    ended = CliRunner().invoke(app, words)
    assert json.loads(ended.stdout) == {
        "command": "submission",
        "version": __version__,
        "path": str(run.submission),
        "num_rows": 2,
        "num_fallbacks": 0,
        "clip": 0.0,
        "holds": "the probability of dog",
        "num_unasked": 3,
        "num_empty": 0,
        "warnings": [],
    }
    assert "kaggle competitions submit" in ended.stderr
    assert CliRunner().invoke(app, [*words[:-1], "--quiet"]).output == ""
    refused = CliRunner().invoke(app, ["submission", str(run.path), "--json"])
    assert (refused.exit_code, refused.stdout) == (1, "")


# `kaggle competitions submit` as kaggle 2.2.5 declares it, in cli.py; it says what it was told.
_KAGGLE = """#!{python}
import argparse, json, pathlib
parser = argparse.ArgumentParser(prog="kaggle")
competitions = parser.add_subparsers(required=True).add_parser("competitions")
submit = competitions.add_subparsers(required=True).add_parser("submit")
submit.add_argument("competition", nargs="?", default=None)
submit.add_argument("-c", "--competition", dest="competition_opt")
submit.add_argument("-f", "--file", dest="file_name")
submit.add_argument("-k", "--kernel")
submit.add_argument("-m", "--message", required=True)
submit.add_argument("-v", "--version")
submit.add_argument("-q", "--quiet", action="store_true")
submit.add_argument("--sandbox", action="store_true")
submit.add_argument("--wait", type=int, nargs="?", const=0, default=None)
submit.add_argument("--poll-interval", type=int, default=60)
told = parser.parse_args()
print(json.dumps([told.competition, told.wait, told.message, pathlib.Path(told.file_name).read_text()]))
"""


@pytest.mark.parametrize("name", ["mine's run", "mine's\n\x1b[31mrun of `images`"], ids=["a blank", "an escape"])
def test_the_line_that_hands_it_in_does_so_where_kaggle_is_on_the_path(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / name
    run = write_run(folder, [Scored("1.jpg", (0.25, 0.75))])
    (tmp_path / "template.csv").write_text("id,label\n1,0.5\n")
    kaggle = tmp_path / "bin" / "kaggle"
    kaggle.parent.mkdir()
    kaggle.write_text(_KAGGLE.format(python=sys.executable))
    kaggle.chmod(0o755)
    monkeypatch.setenv("PATH", str(kaggle.parent), prepend=os.pathsep)
    printed = _submission(run, "--template", str(tmp_path / "template.csv"), "--competition", "hot-dog")[1]
    [line] = [line for line in printed.splitlines() if line.startswith("submit it with: ")]
    said = subprocess.check_output(["bash", "-c", line.removeprefix("submit it with: ")], text=True)
    assert "\x1b" not in printed
    assert json.loads(said) == ["hot-dog", 0, "shardscore", "id,label\n1,0.75\n"]


@pytest.mark.parametrize(
    "name", ["run.json", "lease.json", "report.html", "predictions/shard-00000-of-00001.parquet", "sonar/mine.csv"]
)
def test_no_file_of_the_run_gives_way_to_its_submission(run: RunFolder, name: str) -> None:
    file = run.path / name
    before = file.read_bytes() if file.is_file() else None
    code, printed = _submission(run, "--partial", "--fallback", "0.5", "--output", str(run.path / name))
    assert (code, "--output outside of what" in printed) == (2, True)
    assert (file.read_bytes() if file.is_file() else None) == before


def test_no_template_gives_way_to_the_submission(run: RunFolder, tmp_path: Path) -> None:
    template, link = tmp_path / "sample_submission.csv", tmp_path / "link"
    link.symlink_to(tmp_path)
    for output in (template, link / template.name):
        code, printed = _submission(run, "--template", str(template), "--output", str(output))
        assert (code, "--output to be another file than --template" in printed) == (2, True)
    assert "3.jpg,0.5" in template.read_text()
    assert _submission(run, "--template", str(template), "--output", str(run.path / "mine.csv"))[0] == 0
    shutil.copy(template, on_disk(run.submission))
    code, printed = _submission(run, "--template", str(run.submission))
    assert (code, f"by default it is {run.submission}. Name another file as --output." in printed) == (2, True)
    assert "3.jpg,0.5" in on_disk(run.submission).read_text()


def test_a_submission_in_a_bucket_is_to_be_copied_first(run: RunFolder, tmp_path: Path, bucket: Url) -> None:
    template = str(tmp_path / "sample_submission.csv")
    printed = _submission(run, "--template", template, "--output", str(bucket / "a" / "mine.csv"))[1]
    assert f"copy {bucket / 'a' / 'mine.csv'} to this machine" in printed
    assert "submit COMPETITION -f mine.csv -m" in printed


def test_unreadable_images_are_told(run: RunFolder, tmp_path: Path) -> None:
    template = tmp_path / "other.csv"
    template.write_text("id,label\n5,0.5\n")
    code, printed = _submission(run, "--template", str(template))
    assert (code, "1 image could not be read: 5. Repair" in printed, "--fallback 0.5" in printed) == (1, True, True)
    code, printed = _submission(run, "--template", str(template), "--fallback", "0.5")
    assert (code, "1 row in" in printed) == (0, True)
    assert "1 unreadable image: probabilities are 0.5, labels the template's own" in printed
    assert "4 images of the run are not in the template" in printed


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--fallback", "0.5", "--competition", "dogs-vs-cats"], "has the label 1\n"),
        (["--fallback", "0", "--clip", "0.02"], "has the probability 0.02\n"),
    ],
)
def test_what_is_written_for_an_unreadable_image_is_told(run: RunFolder, options: list[str], said: str) -> None:
    code, printed = _submission(run, "--partial", *options)
    assert (code, f"1 unreadable image {said}" in printed) == (0, True)
    assert on_disk(run.submission).read_text().splitlines()[-1] == f"5,{said.split()[-1]}"


@pytest.mark.parametrize(
    ("targets", "is_told"),
    [
        ("ab", True),
        ("aa", False),
        ("aA", False),
        (["a", None], False),
        (["a", "unknown"], False),
        (["none", "None"], False),
    ],
)
@pytest.mark.parametrize("folder", ["train", "photos", "test", "a/test/01"])
@pytest.mark.parametrize("outputs", [None, "multi-label"])
def test_photos_with_known_labels_that_have_the_names_of_others_to_test_on_are_told(
    tmp_path: Path, targets: Sequence[str | None], is_told: bool, outputs: str | None, folder: str
) -> None:
    images = [Scored(f"{folder}/{number}.jpg", (0.25, 0.75), target) for number, target in enumerate(targets)]
    run = write_run(tmp_path / "run", images, ("a", "b"), outputs=outputs)
    (tmp_path / "t.csv").write_text("id,a\n1,0.5\n0,0.5\n")
    code, printed = _submission(run, "--template", str(tmp_path / "t.csv"))
    assert (code, "All 2 rows are of photos that were scored with" in printed) == (0, is_told and "test" not in folder)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--template", "T", "--competition", "dogs-vs-cats"], "no --template with --competition dogs-vs-cats"),
        (["--template", "T", "--partial"], "no --partial with --template"),
        (["--values", "index"], "--values with --template alone"),
        (["--positive", "dog"], "--positive with --template alone"),
        (["--threshold", "0.5"], "--threshold with --template alone"),
        (["--competition", "titanic"], "--competition to be one of"),
        (["--competition", "titanic"], "name its sample_submission.csv as --template"),
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
