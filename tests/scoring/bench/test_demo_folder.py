from pathlib import Path

import pytest

from scoring.bench.demo_folder import hold_demo_folder
from scoring.bench.drawings import draw_photos
from scoring.errors import LeaseLostError, RunFolderError
from scoring.run import lease
from scoring.run.folder import RunFolder
from tests.places import on_disk


def test_a_second_demo_in_a_folder_is_refused_before_it_touches_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "BEAT_S", 0.2)
    mark = tmp_path / "made-by-demo.txt"
    with hold_demo_folder(tmp_path):
        before = (mark.stat(), sorted(tmp_path.glob("[!.]*")))
        with pytest.raises(RunFolderError, match="is being written by") as refused, hold_demo_folder(tmp_path):
            draw_photos(tmp_path, 2, seed=1)
        assert (mark.stat(), sorted(tmp_path.glob("[!.]*"))) == before
    assert "\n" not in str(refused.value)
    with hold_demo_folder(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == [mark]


def test_a_demo_that_another_took_over_from_draws_nothing_more(tmp_path: Path) -> None:
    with hold_demo_folder(tmp_path), pytest.raises(LeaseLostError):
        on_disk(RunFolder(tmp_path).lease).unlink()
        draw_photos(tmp_path / "train", 2, seed=1)
    assert not list(tmp_path.rglob("*.jpg"))
