"""What a run says of shards that it could not make, to whoever reads nothing but the exception."""

from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.console import Console

from cluster.outcomes import Outcome, TaskFailed
from jobs.score.shard_loop import ShardLoop
from scoring.errors import IncompleteError, ModelError
from scoring.run.folder import RunFolder
from scoring.run.reader import RunReader
from scoring.shards.report import ShardReport
from scoring.shards.retry import ShardTask
from tests.chaos.without_ray import HerePool, score_here
from tests.runs import record_of, summary_of
from tests.tampering import ALL

_TINY = "Expected features large enough for float16. Use `dtype` float32."


def _without(number: int, error: Exception) -> type[HerePool]:
    """A pool whose first shards raise."""

    class Pool(HerePool):
        def run(self, tasks: Iterable[ShardTask]) -> Iterator[Outcome[ShardTask, ShardReport]]:
            todo = list(tasks)
            yield from (TaskFailed(task, 1, str(error), error) for task in todo[:number])
            yield from super().run(todo[number:])

    return Pool


def test_what_the_model_gives_for_every_shard_is_refused_as_the_request(photos: Path, tmp_path: Path) -> None:
    """It would be refused as long as it is asked for: nobody is told to run it again, or what it was bound by."""
    for _ in range(2):
        with pytest.raises(ModelError, match=f"^{_TINY}$"):
            score_here(photos, tmp_path / "run", pool=_without(9, ModelError(_TINY)))
    score_here(photos, tmp_path / "run")
    assert not RunFolder(tmp_path / "run").missing_shards(3)


@pytest.mark.parametrize(
    ("error", "advice"),
    [(ModelError(_TINY), ""), (OSError("the disk is full."), " Run the same again: it does only what is missing.")],
)
def test_missing_shards_are_an_exception_that_says_why(
    photos: Path, tmp_path: Path, error: Exception, advice: str
) -> None:
    console = Console(file=StringIO(), width=200)
    with pytest.raises(IncompleteError) as raised:
        score_here(photos, tmp_path / "run", console, pool=_without(2, error))
    assert "bound by" in console.file.getvalue()  # type: ignore[attr-defined]
    assert str(raised.value) == f"Missing: shard 0, shard 1. Why: {error}{advice}"
    assert RunFolder(tmp_path / "run").missing_shards(3) == [0, 1]
    with pytest.raises(IncompleteError, match=r"^Missing: shard 0, shard 1\. Why: "):
        score_here(photos, tmp_path / "run", pool=_without(2, error))


def test_a_damaged_shard_is_an_exception_that_says_why(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tamper(loop: ShardLoop, *given: Any) -> None:
        run(loop, *given)
        ALL["a shard with no rows"](RunFolder(tmp_path / "run"))

    run = ShardLoop.run
    monkeypatch.setattr(ShardLoop, "run", tamper)
    with pytest.raises(IncompleteError, match=r"^Missing: shard 1\. Why: it .*\. Run the same again"):
        score_here(photos, tmp_path / "run")


def test_a_run_that_scored_nothing_is_not_said_to_have_had_nothing_to_do(photos: Path, tmp_path: Path) -> None:
    console = Console(file=StringIO(), width=200)
    with pytest.raises(IncompleteError, match=r"^Missing: shard 0, shard 1, shard 2\. Why: the disk is full\. Run "):
        score_here(photos, tmp_path / "run", console, pool=_without(3, OSError("the disk is full")))
    said: str = console.file.getvalue()  # type: ignore[attr-defined]
    assert ("bound by" in said, "nothing was left" in said) == (False, False)
    assert "shard 2 is missing after 1 attempt: the disk is full" in said


def test_shards_with_photos_that_changed_meanwhile_are_missing_until_these_hold_still(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replace_photos(loop: ShardLoop, *given: Any) -> None:
        for number in (3, 7):
            Image.new("RGB", (30, 30 + number)).save(photos / f"{number}.png")
        run(loop, *given)

    run = ShardLoop.run
    with monkeypatch.context() as patch:
        patch.setattr(ShardLoop, "run", replace_photos)
        with pytest.raises(IncompleteError, match=r"^Missing: shard 0, shard 1\. Why: it has images that changed betw"):
            score_here(photos, tmp_path / "run")
    assert record_of(tmp_path / "run").summary is None
    score_here(photos, tmp_path / "run")
    assert summary_of(tmp_path / "run").num_scored == 8
    assert RunReader(RunFolder(tmp_path / "run")).read().num_rows == 12
