"""What `score` takes for complete: what it reads, not what it remembers. Ray has little part in that, and one test."""

import json
import threading
import time
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from cluster.placement import WorkerRequest
from jobs.console.terminal import Terminal
from jobs.score.job import run_score
from jobs.score.request import ImagesRequest, ScoreRequest
from jobs.score.shard_loop import ShardLoop
from scoring.errors import IncompleteError, RunFolderError
from scoring.models.model_request import ModelRequest
from scoring.networks.precision import Precision
from scoring.run.folder import RunFolder
from scoring.run.reader import RunReader
from scoring.run.verification import run_status
from scoring.shards.scorer import ShardScorer
from scoring.shards.settings import ScorerSettings
from tests.chaos.without_ray import score_here
from tests.fakes import load_fake
from tests.local_server import serving
from tests.places import on_disk
from tests.runs import read_predictions, record_of, summary_of
from tests.tampering import ALL


class _FakeScorer(ShardScorer):
    """The real scorer, without Keras."""

    def __init__(self, settings: ScorerSettings) -> None:
        super().__init__(settings, load_fake)


@pytest.fixture
def score(photos: Path, tmp_path: Path) -> Callable[[], RunFolder]:
    """Score twelve photos, or those of a table `photos.parquet`, in three shards."""
    table = tmp_path / "photos.parquet"

    def run() -> RunFolder:
        place = table if table.exists() else photos
        options: dict[str, Any] = {"batch_size": 2, "shard_size": 5, "read_timeout_s": 1.0}
        score_here(place, tmp_path / "run", Console(soft_wrap=True), **options)
        return RunFolder(tmp_path / "run")

    return run


@pytest.fixture
def score_on_ray(
    photos: Path, tmp_path: Path, two_nodes: None, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], RunFolder]:
    """The same on a real Ray."""
    monkeypatch.setattr("jobs.score.actors.ShardScorer", _FakeScorer)
    zipfile.ZipFile(tmp_path / "model.keras", "w").close()
    model = ModelRequest(str(tmp_path / "model.keras"), None, "cat,dog", Precision.FLOAT32, "tensorflow")
    workers = WorkerRequest(num_workers=1, gpus_per_worker=0, cpus_per_worker=1)

    def run() -> RunFolder:
        images = ImagesRequest(photos, model, batch_size=2, shard_size=5, workers=workers)
        run_score(ScoreRequest(tmp_path / "run", images, None), Console(soft_wrap=True))
        return RunFolder(tmp_path / "run")

    return run


def _times(folder: RunFolder) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in Path(str(folder.predictions)).iterdir()}


def test_every_shard_has_its_digest_and_the_summary_counts_what_was_read(score: Callable[[], RunFolder]) -> None:
    folder = score()
    assert [digest is not None for digest in record_of(folder.path).digests] == [True, True, True]
    assert (summary_of(folder.path).num_images, summary_of(folder.path).num_scored) == (12, 12)
    assert run_status(folder, verify=True).is_complete


def test_a_run_of_errors_alone_says_so_even_quietly(
    score: Callable[[], RunFolder],
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    quiet = Terminal(quiet=True)
    monkeypatch.setattr(f"{__name__}.Console", lambda **options: quiet)
    for number, photo in enumerate(photos.glob("*.png")):
        photo.write_text("<html>" if number else "")
    score()
    expected = "every row is an error, 12 of 12; most often: not an image in any known format"
    assert capsys.readouterr() == ("", f"{expected}\n")


_HEALED = ["another model's shard", "a shard without a column", "ids shifted by a row", "other probabilities"]
_HEALED += ["a dangling link", "a FIFO", "a shard with no rows"]


def test_damage_is_scored_again_and_nothing_else(
    score: Callable[[], RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    _damage(score, _HEALED, capsys)


@pytest.mark.ci
@pytest.mark.ray
def test_actors_score_damage_again_and_nothing_else(
    score_on_ray: Callable[[], RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    _damage(score_on_ray, ["other probabilities", "a FIFO"], capsys)


def _damage(score: Callable[[], RunFolder], names: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Damage one shard after the other, and see that it alone is scored again."""
    folder = score()
    rows = read_predictions(folder.predictions)
    for name in names:
        before = _times(folder)
        ALL[name](folder)
        score()
        assert read_predictions(folder.predictions).equals(rows), name
        changed = {file for file, time in _times(folder).items() if before[file] != time}
        assert changed == {folder.shard(1, 3).name}, name
        assert "shard 1 " in capsys.readouterr().out
        assert summary_of(folder.path).num_scored == 5


def test_a_damaged_record_costs_no_shard(score: Callable[[], RunFolder]) -> None:
    folder = score()
    before = _times(folder)
    for content in ("", "null", "[]"):
        on_disk(folder.record).write_text(content)
        score()
        assert _times(folder) == before, content
        assert (summary_of(folder.path).num_images, summary_of(folder.path).num_scored) == (12, 0), content


def test_files_among_the_shards_are_refused_before_anything_is_scored(score: Callable[[], RunFolder]) -> None:
    folder = score()
    on_disk(folder.predictions / "notes.txt").write_text("mine")
    folder.shard(1, 3).unlink()
    with pytest.raises(RunFolderError, match=r"it holds notes\.txt\. Move that away"):
        score()
    assert folder.missing_shards(3) == [1]
    (folder.predictions / "notes.txt").unlink()
    ALL["a folder"](score())
    with pytest.raises(RunFolderError, match="it is a folder"):
        score()


def test_a_shard_that_is_damaged_before_the_end_leaves_the_run_without_a_summary(
    score: Callable[[], RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody changes values between the last shard and the last look, with metadata and checksums in order."""
    folder = score()
    folder.shard(0, 3).unlink()

    def tamper(loop: ShardLoop, *arguments: Any) -> None:
        run(loop, *arguments)
        ALL["other probabilities"](folder)

    run = ShardLoop.run
    monkeypatch.setattr(ShardLoop, "run", tamper)
    with pytest.raises(IncompleteError, match="1"):
        score()
    assert record_of(folder.path).summary is None


def test_a_file_that_comes_before_the_end_leaves_the_run_incomplete(
    score: Callable[[], RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = score()

    def put(loop: ShardLoop, *arguments: Any) -> None:
        run(loop, *arguments)
        on_disk(folder.predictions / "notes.txt").write_text("mine")

    run = ShardLoop.run
    monkeypatch.setattr(ShardLoop, "run", put)
    with pytest.raises(IncompleteError, match=r"it holds notes\.txt"):
        score()
    assert record_of(folder.path).summary is None


def test_a_run_of_before_there_were_digests_is_taken_up_and_gets_them(score: Callable[[], RunFolder]) -> None:
    folder = score()
    record = json.loads(folder.record.read_text())
    digests = record.pop("digests")
    del record["sha256"]
    on_disk(folder.record).write_text(json.dumps(record))
    before = _times(folder)
    score()
    assert _times(folder) == before
    assert list(record_of(folder.path).digests) == digests
    assert RunReader(folder).read().num_rows == 12


def test_a_photo_replaced_since_it_was_scored_is_scored_again_and_the_summary_says_so(
    score: Callable[[], RunFolder], photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = score()
    before, rows = _times(folder), read_predictions(folder.predictions)
    (photos / "7.png").write_bytes((photos / "2.png").read_bytes())
    score()
    assert {name for name, time in _times(folder).items() if before[name] != time} == {folder.shard(1, 3).name}
    dogs = read_predictions(folder.predictions)["probabilities"].to_pylist()
    assert dogs[6] == dogs[1] == rows["probabilities"].to_pylist()[1]
    assert (summary_of(folder.path).num_changed, summary_of(folder.path).num_scored) == (1, 5)
    assert "1 photo changed, or was copied, since it was scored; scored again" in capsys.readouterr().out


def test_an_image_that_may_be_readable_by_now_is_tried_again_alone(
    score: Callable[[], RunFolder], photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hangs = threading.Event()
    hangs.set()

    class Server(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            if hangs.is_set():
                time.sleep(2)
            else:
                super().do_GET()

        def log_message(self, format: str, *arguments: object) -> None:
            """Quiet."""

    with serving(partial(Server, directory=str(photos))) as address:
        paths = [*(str(photos / f"{number}.png") for number in range(1, 12)), f"{address}/12.png"]
        pq.write_table(pa.table({"path": paths}), tmp_path / "photos.parquet")
        folder = score()
        assert run_status(folder, verify=True).unread == {2: 1}
        before, whole = _times(folder), read_predictions(folder.predictions).to_pylist()
        (photos / "11.png").unlink()
        score()
        said = "could not be read for a reason that may pass; the same command tries it again, when nothing else"
        assert f"1 image {said}" in " ".join(capsys.readouterr().out.split())
        assert _times(folder) == before
        hangs.clear()
        score()
    assert {name for name, at in _times(folder).items() if before[name] != at} == {folder.shard(2, 3).name}
    rows = read_predictions(folder.predictions).to_pylist()
    assert [number for number, row in enumerate(rows, 1) if row != whole[number - 1]] == [12]
    assert rows[11]["status"] == "ok"
    summary = summary_of(folder.path)
    assert (summary.num_images, summary.num_errors, summary.num_scored) == (12, 0, 1)
    assert run_status(folder, verify=True).is_complete
    assert None not in record_of(folder.path).digests
