"""Commands of a user whom permissions bind: what may not be read is named in one line, and counted in a listing."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from scoring.run.folder import RunFolder
from tests.models import save_brightness_model
from tests.places import on_disk
from tests.runs import cats_and_dogs, write_run

_ROOT = Path(__file__).parents[2]
# What lets root read everything: without these it is a user as others are, of its own files.
_WITHOUT_RIGHTS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


def _type(folder: Path, *words: object) -> "subprocess.CompletedProcess[str]":
    """Type a command of ours as a user whom permissions bind."""
    return _run(folder, "-m", "jobs", *words)


def _run(folder: Path, *words: object) -> "subprocess.CompletedProcess[str]":
    """Have Python run something as a user whom permissions bind."""
    bound = _WITHOUT_RIGHTS if os.geteuid() == 0 else ()
    if bound and not shutil.which(bound[0]):
        pytest.skip("only users other than root are bound by permissions, and setpriv is not here")
    command = [*bound, sys.executable, *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(_ROOT), "COLUMNS": "1000"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture
def lived_in(photos: Path, tmp_path: Path) -> Iterator[Path]:
    """Twelve photos, one of them unreadable, and folders and files beside them that may not be read."""
    for name in ("closed/13.png", "listed/14.png", "passed/15.png"):
        (photos / name).parent.mkdir()
        Image.new("RGB", (2, 2)).save(photos / name)
    (photos / "link.png").symlink_to("closed/13.png")
    (photos / "unclear").write_bytes((photos / "1.png").read_bytes())
    modes = {"closed": 0o000, "listed": 0o444, "passed": 0o111, "unclear": 0o000, "2.png": 0o000}
    for name, mode in modes.items():
        (photos / name).chmod(mode)
    yield tmp_path
    for name in modes:
        (photos / name).chmod(0o755)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("photos.zip", lambda closed: ["score", "--images", closed, "--model", "vgg16-imagenet"]),
        ("model.keras", lambda closed: ["score", "--images", "photos", "--labels", "a,b", "--model", closed]),
        ("labels.txt", lambda closed: ["score", "--images", "photos", "--labels", closed, "--model", "bright.keras"]),
        ("index.json", lambda closed: ["score", "--images", "photos", "--labels", closed, "--model", "resnet50"]),
        ("sonar.csv", lambda closed: ["score", "--sonar", closed]),
        ("run.json", lambda closed: ["status", closed.parent]),
    ],
)
def test_file_that_may_not_be_read_is_named_in_one_line(
    tmp_path: Path, photos: Path, name: str, words: Callable[[Path], list[object]]
) -> None:
    closed = tmp_path / "closed" / name
    closed.parent.mkdir()
    closed.write_bytes(b"PK\3\4")
    closed.chmod(0o000)
    with zipfile.ZipFile(tmp_path / "bright.keras", "w") as model:
        model.writestr("config.json", "{}")
    command = words(closed)
    output = [] if command[0] == "status" else ["--output", tmp_path / "output"]
    ended = _type(tmp_path, *command, *output)
    [line] = ended.stderr.splitlines()
    assert str(closed) in line and "Permission denied" in line
    assert ended.returncode == (1 if name == "run.json" else 2)


def test_listing_counts_what_may_not_be_read_and_reading_refuses_one_photo(lived_in: Path) -> None:
    script = """
from pathlib import Path
from scoring.errors import ImageError
from scoring.sources.inputs import find_images, open_images
listing, read = find_images(Path("photos")), open_images(Path("photos"))
print(len(listing.images), [(left.reason, left.count, sorted(left.first)) for left in listing.left_out])
for image in listing.images:
    try:
        read(image)
    except ImageError as error:
        print(image.path, error)
"""
    ended = _run(lived_in, "-c", script)
    assert ended.stdout.splitlines() == [
        "12 [('unreadable', 5, ['closed/', 'link.png', 'listed/14.png', 'passed/', 'unclear'])]",
        "2.png cannot read: Permission denied",
    ], ended.stderr


@pytest.mark.parametrize(("name", "mode"), [("photos", 0o000), ("photos", 0o444), ("photos.zip", 0o000)])
def test_place_that_is_closed_after_listing_is_no_fault_of_its_photos(
    photos: Path, tmp_path: Path, name: str, mode: int
) -> None:
    shutil.make_archive(str(tmp_path / "photos"), "zip", photos)
    script = f"""
from pathlib import Path
from scoring.errors import UnreachableError
from scoring.sources.inputs import find_images, open_images
place = Path({name!r})
listing, read = find_images(place), open_images(place)
read(listing.images[0])
place.chmod({mode})
try:
    read(listing.images[1])
except UnreachableError as error:
    print(error)
"""
    ended = _run(tmp_path, "-c", script)
    (tmp_path / name).chmod(0o755)
    expected = f"{name}: out of reach since its images were listed: Permission denied. Bring it back, and run again"
    assert ended.stdout.splitlines() == [expected], ended.stderr


def test_a_missing_photo_costs_its_own_row_where_the_folder_may_be_searched_and_not_listed(
    photos: Path, tmp_path: Path
) -> None:
    pq.write_table(pa.table({"path": ["1.png", "gone.png"]}), photos / "images.parquet")
    photos.chmod(0o111)
    script = """
from pathlib import Path
from scoring.errors import ImageError
from scoring.sources.inputs import find_images, open_images
table = Path("photos/images.parquet")
read = open_images(table)
for image in find_images(table).images:
    try:
        print(image.path, len(read(image)) > 0)
    except ImageError as error:
        print(image.path, error)
"""
    ended = _run(tmp_path, "-c", script)
    photos.chmod(0o755)
    expected = ["1.png True", "gone.png cannot read: No such file or directory"]
    assert ended.stdout.splitlines() == expected, ended.stderr


@pytest.mark.ray
@pytest.mark.keras
@pytest.mark.slow
def test_folders_and_files_that_may_not_be_read_are_counted_and_every_other_photo_is_scored(lived_in: Path) -> None:
    save_brightness_model(lived_in / "bright.keras")
    words = ("--images", "photos", "--model", "bright.keras", "--labels", "dark,bright", "--output", "run")
    ended = _type(lived_in, "score", *words, "--actors", "1")
    assert ended.returncode == 0, ended.stderr
    assert "5 files or folders cannot be read" in ended.stdout
    record = RunFolder(lived_in / "run").load_record()
    assert record is not None
    assert record.summary is not None
    assert (record.summary.num_images, record.summary.num_errors) == (12, 1)
    assert (record.num_left_out, record.left_out[0].reason, set(record.left_out[0].first)) == (
        5,
        "unreadable",
        {"closed/", "link.png", "listed/14.png", "passed/", "unclear"},
    )


@pytest.mark.parametrize(
    ("words", "mode", "told", "code"),
    [
        (("status",), 0o000, "Expected a readable run/predictions; Permission denied.", 2),
        (("status",), 0o644, "Cannot read run/predictions/shard-00000-of-00001.parquet: Permission denied.", 1),
        (("status", "--verify"), 0o644, "Cannot read run/predictions/shard-00000-of-00001.parquet: Perm", 1),
        (("submission",), 0o644, "Cannot read run/predictions/shard-00000-of-00001.parquet: Permission denied.", 1),
        (("report",), 0o644, "Cannot read run/predictions/shard-00000-of-00001.parquet: Permission denied.", 1),
    ],
)
def test_run_whose_shards_may_not_be_listed_or_opened_is_refused_in_one_line(
    tmp_path: Path, words: tuple[str, ...], mode: int, told: str, code: int
) -> None:
    folder = write_run(tmp_path / "run", cats_and_dogs(4))
    predictions = on_disk(folder.predictions)
    predictions.chmod(mode)
    ended = _type(tmp_path, *words, "run")
    predictions.chmod(0o755)
    [line] = ended.stderr.splitlines()
    assert told in line
    assert ended.returncode == code
