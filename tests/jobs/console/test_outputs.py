"""What `report` and `submission` may take the place of."""

import codecs
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobs.cli import app
from scoring.run.folder import RunFolder
from scoring.storage.durable import write_text
from scoring.storage.locations import Location, Url
from tests.places import on_disk
from tests.runs import cats_and_dogs, draw_images, write_run

_COMMANDS = ["report", "submission"]
_TEMPLATE = "id,label\ncat.0.png,0.5\n"


def _write(command: str, run: RunFolder, output: Location) -> tuple[int, str]:
    """Exit code and what stands on standard error."""
    template = output.parent / "template.csv"
    write_text(template, _TEMPLATE)
    options = ["--template", str(template)] if command == "submission" else []
    ended = CliRunner().invoke(app, [command, str(run.path), *options, "--output", str(output)])
    return ended.exit_code, ended.stderr


@pytest.mark.parametrize("command", _COMMANDS)
def test_a_dash_names_no_file(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = write_run(tmp_path / "run", cats_and_dogs(8))
    assert _write(command, run, Path("-")) == (
        2,
        "error: Expected a file as --output; received '-', but none goes to standard output. Name one.\n",
    )
    assert not Path("-").exists()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Eight photos, the same in a zip beside them, and files of text that a run may have been given."""
    folder = draw_images(tmp_path / "photos", cats_and_dogs(8))
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)
    (tmp_path / "labels.csv").write_text("id,label\ncat.0,cat\n")
    (tmp_path / "names.txt").write_text("cat,,\ndog,,\n")
    (tmp_path / "names.json").write_text('["cat", "dog"]')
    (folder / "link").symlink_to(folder / "cat.0.png")
    return folder


@pytest.mark.parametrize("command", _COMMANDS)
@pytest.mark.parametrize(
    "name",
    ["photos.zip", "photos/cat.0.png", "photos/link", "run2/manifest.parquet", "run2/run.json", "names.json"],
)
def test_no_photo_archive_or_record_gives_way_to_what_a_command_writes(photos: Path, command: str, name: str) -> None:
    run = write_run(photos.parent / "run", cats_and_dogs(8), location=photos.parent / "photos.zip")
    write_run(photos.parent / "run2", cats_and_dogs(8))
    output = photos.parent / name
    before = output.read_bytes()
    code, error = _write(command, run, output)
    assert (code, f"{output} is another file, which it would replace" in error) == (2, True)
    assert (output.read_bytes(), output.is_symlink()) == (before, name == "photos/link")


@pytest.mark.parametrize(
    "earlier",
    [
        b"id|label\n1|0.5\n",
        b"<id>,label\n1,0.5\n",
        codecs.BOM_UTF16_LE + "id\tlabel\n1\t0.5\n".encode("utf-16-le"),
        b"",
    ],
)
def test_an_earlier_submission_of_any_template_gives_way(photos: Path, earlier: bytes) -> None:
    run = write_run(photos.parent / "run", cats_and_dogs(8))
    output = photos.parent / "mine.csv"
    output.write_bytes(earlier)
    assert _write("submission", run, output)[0] == 0
    assert output.read_text().startswith(_TEMPLATE.partition("\n")[0])


@pytest.mark.parametrize(
    "template",
    [
        "sep=^\nid^label\ncat.0.png^0.5\n",
        "sep=~\nid~label\ncat.0.png~0.5\n",
        "sep= \nid label\ncat.0.png 0.5\n",
        "sep=,\n{id},label\ncat.0.png,0.5\n",
        '"id\nname",label\ncat.0.png,0.5\n',
        "<html>,label\ncat.0.png,0.5\n",
    ],
)
def test_what_was_filled_into_an_odd_template_gives_way_and_nothing_else(photos: Path, template: str) -> None:
    run = write_run(photos.parent / "run", cats_and_dogs(8))
    (photos.parent / "odd.csv").write_text(template)
    words = ["submission", str(run.path), "--template", str(photos.parent / "odd.csv"), "--output"]
    for _ in range(2):
        assert CliRunner().invoke(app, [*words, str(photos.parent / "mine.csv")]).exit_code == 0
    for other in (b"cat\ndog\n", b"<html><body>id,label</body></html>", b"", bytes(300)):
        (photos.parent / "other").write_bytes(other)
        code = CliRunner().invoke(app, [*words, str(photos.parent / "other")]).exit_code
        assert code == (2 if other else 0)


@pytest.mark.parametrize("command", _COMMANDS)
@pytest.mark.parametrize("name", ["", "/photos"])
def test_no_prefix_of_a_bucket_gets_a_file_of_its_name(photos: Path, command: str, name: str, bucket: Url) -> None:
    run = write_run(photos.parent / "run", cats_and_dogs(8))
    (bucket / "photos" / "cat.0.png").write_bytes(b"photo")
    (photos.parent / "template.csv").write_text(_TEMPLATE)
    options = ["--template", str(photos.parent / "template.csv")] if command == "submission" else []
    words = [command, str(run.path), *options, "--output"]
    ended = CliRunner().invoke(app, [*words, f"{bucket}{name}"])
    assert (ended.exit_code, f"{bucket}{name} is a folder. Name a file in it." in ended.stderr) == (2, True)
    assert CliRunner().invoke(app, [*words, f"{bucket}/photos/mine"]).exit_code == 0
    assert {key for key, _ in bucket.objects()} == {"photos/cat.0.png", "photos/mine"}


@pytest.mark.parametrize("command", _COMMANDS)
def test_what_is_damaged_in_the_commands_own_place_gives_way(photos: Path, command: str) -> None:
    run = write_run(photos.parent / "run", cats_and_dogs(8))
    place = run.report if command == "report" else run.submission
    place.write_bytes(bytes(300))
    template = photos.parent / "template.csv"
    template.write_text(_TEMPLATE)
    options = ["--template", str(template)] if command == "submission" else []
    assert CliRunner().invoke(app, [command, str(run.path), *options]).exit_code == 0
    assert place.read_bytes() != bytes(300)


@pytest.mark.parametrize("command", _COMMANDS)
def test_the_labels_that_a_run_was_given_stay(photos: Path, command: str) -> None:
    run = write_run(photos.parent / "run", cats_and_dogs(8), location=photos)
    record = run.load_record()
    assert record is not None
    model = {**record.request.model, "labels": str(photos.parent / "names.txt")}
    request = replace(record.request, labels_from=str(photos.parent / "labels.csv"), model=model)
    on_disk(run.record).write_text(replace(record, request=request).to_json())
    for name in ("labels.csv", "names.txt"):
        before = (photos.parent / name).read_bytes()
        code, error = _write(command, run, photos.parent / name)
        assert (code, "than the labels of" in error) == (2, True)
        assert (photos.parent / name).read_bytes() == before


@pytest.mark.parametrize("command", _COMMANDS)
def test_what_the_same_command_wrote_is_replaced_and_an_empty_file_too(photos: Path, command: str) -> None:
    run = write_run(photos.parent / "run", cats_and_dogs(8), location=photos)
    output = photos / "written"
    output.touch()
    assert _write(command, run, output) == (0, "")
    assert output.stat().st_size
    assert _write(command, run, output) == (0, "")


@pytest.mark.parametrize("command", _COMMANDS)
def test_an_object_of_another_kind_stays(photos: Path, command: str, bucket: Url) -> None:
    run, taken = write_run(photos.parent / "run", cats_and_dogs(8)), bucket / "photos.zip"
    taken.write_bytes((photos.parent / "photos.zip").read_bytes())
    assert _write(command, run, taken)[0] == 2
    assert taken.read_bytes() == (photos.parent / "photos.zip").read_bytes()
    for _ in range(2):
        assert _write(command, run, bucket / "written") == (0, "")


@pytest.mark.parametrize("command", _COMMANDS)
def test_a_folder_is_no_place_for_a_file(photos: Path, command: str) -> None:
    run = write_run(photos.parent / "run", cats_and_dogs(8))
    code, error = _write(command, run, photos)
    assert (code, f"{photos} is a folder. Name a file in it." in error) == (2, True)
