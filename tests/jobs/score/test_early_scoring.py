"""A table is scored while it is being listed; what its end makes of that, the manifest says."""

import shutil
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from rich.console import Console

from cluster.placement import WorkerRequest
from jobs.score import early_scoring
from jobs.score.early_scoring import EarlyScoring
from jobs.score.job import run_score
from jobs.score.listing import BackgroundListing
from jobs.score.request import ImagesRequest, ScoreRequest
from scoring.errors import ImagesError, StorageError
from scoring.models.model_request import ModelRequest
from scoring.networks.precision import Precision
from scoring.run.folder import RunFolder
from scoring.shards.early_rows import HeldRows
from scoring.shards.scorer import ShardScorer
from scoring.shards.settings import ScorerSettings
from scoring.sources import inputs
from scoring.sources.table_columns import NO_COLUMNS, TableColumns
from tests.chaos.without_ray import score_here
from tests.fakes import load_fake
from tests.runs import read_predictions, record_of, summary_of
from tests.tables import write_columns

_SAID = "images scored while the table was being listed"
_SHARD_SIZE = 5


class _Scorer(ShardScorer):
    """The real scorer, without Keras."""

    def __init__(self, settings: ScorerSettings) -> None:
        super().__init__(settings, load_fake)


@pytest.fixture(autouse=True)
def held(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let no table be listed before early scoring ends; count the shards that are held then."""
    num_ended, counts = threading.Semaphore(0), list[int]()

    def run(early: EarlyScoring, pool: Any, milestones: Any) -> None:
        try:
            score(early, pool, milestones)
        finally:
            counts.append(len(early._held))
            num_ended.release()

    def find_images(*asked: Any) -> Any:
        assert num_ended.acquire(timeout=60)
        return find(*asked)

    score, find = EarlyScoring.run, inputs.find_images
    monkeypatch.setattr(EarlyScoring, "run", run)
    monkeypatch.setattr("jobs.score.listing.find_images", find_images)
    monkeypatch.setattr("jobs.score.listing._HEAD_START_S", 0)
    return counts


@pytest.fixture
def table(photos: Path) -> Callable[..., Path]:
    """Write a table of the photos with these numbers, in parts that are read one after the other."""

    def write(*numbers: int, **more: list[str]) -> Path:
        columns = {"path": [f"{number}.png" for number in numbers]} | more
        for part, start in enumerate((0, len(numbers) - 1)):
            stop = len(numbers) - 1 + part
            some = {name: values[start:stop] for name, values in columns.items()}
            write_columns(photos / f"part-{part}.parquet", some)
        return photos / "part-*.parquet"

    return write


def _score(table: Path, output: Path, columns: TableColumns = TableColumns(path="path"), **options: Any) -> str:  # noqa: B008
    with (output.parent / "said.txt").open("w+") as said:
        score_here(table, output, Console(file=said), columns=columns, shard_size=_SHARD_SIZE, **options)
        said.seek(0)
        return said.read()


def test_shards_that_were_scored_before_the_listing_ended_are_not_scored_again(
    table: Callable[..., Path], tmp_path: Path, held: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = table(*range(1, 13))
    said = _score(images, tmp_path / "early")
    assert held == [2]
    assert f"10 {_SAID}" in said
    assert (summary_of(tmp_path / "early").num_images, summary_of(tmp_path / "early").num_scored) == (12, 12)
    monkeypatch.setattr(early_scoring, "_MOST_BYTES", 0)
    assert _SAID not in _score(images, tmp_path / "later")
    files = [
        {path.name: path.read_bytes() for path in (tmp_path / run / "predictions").iterdir()}
        for run in ("early", "later")
    ]
    assert files[0] == files[1]


def test_the_table_s_end_may_say_that_other_images_come_first(
    table: Callable[..., Path], tmp_path: Path, held: list[int]
) -> None:
    said = _score(table(*range(2, 13), 1), tmp_path / "run")
    assert held == [2]
    assert _SAID not in said
    rows = read_predictions(RunFolder(tmp_path / "run").predictions)
    assert rows["path"].to_pylist() == [f"{number}.png" for number in range(1, 13)]
    assert rows["probabilities"].to_pylist()[0][1] == pytest.approx(20 / 255)
    assert summary_of(tmp_path / "run").num_scored == 12


def test_a_table_that_is_refused_at_its_end_leaves_nothing(
    table: Callable[..., Path], tmp_path: Path, held: list[int]
) -> None:
    images = table(*range(1, 13), id=[*map(str, range(1, 12)), "11"])
    with pytest.raises(ImagesError, match="11"):
        _score(images, tmp_path / "run", TableColumns(path="path", image_id="id"))
    assert held == [2]
    assert not RunFolder(tmp_path / "run").shard_names()


def test_only_a_new_run_without_labels_begins_early(
    table: Callable[..., Path], tmp_path: Path, held: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = table(*range(1, 13), breed=["cat", "dog"] * 6)
    shutil.copytree(images.parent, tmp_path / "pictures", ignore=shutil.ignore_patterns("*.parquet"))
    _score(images, tmp_path / "run", TableColumns(path="path", label="breed"))
    _score(tmp_path / "pictures", tmp_path / "folder", NO_COLUMNS)
    output = RunFolder(tmp_path / "third")
    _score(images, tmp_path / "third")
    output.shard(0, 3).unlink()
    _score(images, tmp_path / "third")
    monkeypatch.setattr("jobs.score.listing.find_images", inputs.find_images)  # all is listed before one is overwritten
    _score(images, tmp_path / "third", overwrite=True)
    assert held == [0, 0, 2, 0, 0]


@pytest.mark.parametrize(
    ("where", "error", "num_held"),
    [
        ("jobs.score.early_scoring.publish_early", StorageError("no room"), 2),
        ("scoring.shards.early_rows.os.pread", OSError("the disk fails"), 2),
        ("scoring.shards.early_rows.os.pwrite", OSError("no room"), 0),
        ("jobs.score.early_scoring.disk_usage", OSError("no such disk"), 0),
    ],
)
def test_what_cannot_be_kept_or_written_is_scored_again(
    table: Callable[..., Path],
    tmp_path: Path,
    held: list[int],
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    error: Exception,
    num_held: int,
) -> None:
    images = table(*range(1, 13))
    monkeypatch.setattr(where, Mock(side_effect=error))
    assert _SAID not in _score(images, tmp_path / "run")
    assert held == [num_held]
    assert summary_of(tmp_path / "run").num_scored == 12


def test_where_all_shards_fail_early_none_is_tried_further(
    table: Callable[..., Path], tmp_path: Path, held: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    fail = Mock(side_effect=MemoryError)
    monkeypatch.setattr(ShardScorer, "_score_early", fail)
    monkeypatch.setattr(early_scoring, "_TASKS_EACH", 1)
    assert _SAID not in _score(table(*range(1, 13)), tmp_path / "run")
    assert (held, fail.call_count) == ([0], 1)
    assert summary_of(tmp_path / "run").num_scored == 12


def test_what_was_held_leaves_its_room_to_others_when_there_is_no_more(
    table: Callable[..., Path], tmp_path: Path, held: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    add = HeldRows.add
    places: list[HeldRows] = []

    def fill(rows: HeldRows, content: bytes) -> range:
        places.append(rows)
        if len(places) == 2:
            raise OSError("no room")
        return add(rows, content)

    monkeypatch.setattr(HeldRows, "add", fill)
    monkeypatch.setattr(early_scoring, "_TASKS_EACH", 1)
    assert _SAID not in _score(table(*range(1, 13)), tmp_path / "run")
    assert (held, len(places)) == ([0], 2)
    assert summary_of(tmp_path / "run").num_scored == 12


def test_what_is_under_way_is_given_up_when_the_listing_has_failed(
    table: Callable[..., Path], tmp_path: Path, held: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BackgroundListing, "has_failed", True)
    scored = Mock(side_effect=ShardScorer._score_early, autospec=True)
    monkeypatch.setattr(ShardScorer, "_score_early", lambda *given: scored(*given))
    _score(table(*range(1, 13)), tmp_path / "run")
    assert (held, scored.call_count) == ([0], 1)


def test_a_run_that_begins_early_is_of_the_time_when_its_first_images_were_read(
    table: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.score.record_keeper.datetime", Mock(now=lambda zone: datetime(2100, 1, 1, tzinfo=zone)))
    _score(table(*range(1, 13)), tmp_path / "run")
    assert record_of(tmp_path / "run").created_at < "2100"


@pytest.mark.ci
@pytest.mark.ray
def test_actors_score_a_table_that_is_being_listed(
    table: Callable[..., Path],
    tmp_path: Path,
    two_nodes: None,
    held: list[int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("jobs.score.actors.ShardScorer", _Scorer)
    monkeypatch.setattr(ModelRequest, "check", lambda request: None)
    model = ModelRequest(str(tmp_path / "model.keras"), None, "cat,dog", Precision.FLOAT32, "tensorflow")
    workers = WorkerRequest(num_workers=2, gpus_per_worker=0, cpus_per_worker=1)
    columns = TableColumns(path="path")
    images = ImagesRequest(table(*range(1, 13)), model, columns=columns, batch_size=2, shard_size=1, workers=workers)
    run_score(ScoreRequest(tmp_path / "run", images, None), Console(soft_wrap=True))
    assert held == [12]
    assert f"12 {_SAID}" in capsys.readouterr().out
    rows = read_predictions(RunFolder(tmp_path / "run").predictions)
    assert [row[1] for row in rows["probabilities"].to_pylist()] == pytest.approx([n * 20 / 255 for n in range(1, 13)])
    assert (summary_of(tmp_path / "run").num_images, summary_of(tmp_path / "run").num_scored) == (12, 12)
