"""A model folder begun anew, by the driver that holds it and by one that was frozen meanwhile."""

from contextlib import ExitStack, nullcontext
from typing import TYPE_CHECKING

import pytest

from scoring.errors import ImagesError, LeaseLostError, RunFolderError
from scoring.models.model_folder import ModelFolder
from scoring.report.page import write_report
from scoring.run.fence import Fence
from scoring.run.folder import RunFolder
from scoring.run.holder import Holder
from scoring.run.holding import hold_folder, refuse_foreign_files
from scoring.storage.conditional import read_version, write_if
from scoring.storage.durable import write_text
from tests.places import on_disk
from tests.runs import cats_and_dogs, write_model

if TYPE_CHECKING:
    from pathlib import Path

    from scoring.storage.locations import Location


@pytest.mark.parametrize("place", ["disk", "bucket"])
@pytest.mark.parametrize("has_begun", [False, True])
def test_a_driver_that_lost_its_lease_removes_nothing_more(
    tmp_path: "Path", place: str, has_begun: bool, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frozen before it removes anything, or when it has removed the heads."""
    path: Location = tmp_path if place == "disk" else request.getfixturevalue("bucket")
    folder = ModelFolder(path / "model")
    head, lease_file = folder.heads / "head-000.npz", folder.features.lease
    other = Holder("elsewhere", 1, "2026-01-01T00:00:00+00:00", "another")
    check = Fence.check

    def look(fence: Fence) -> None:
        if head.exists() != has_begun:
            write_if(lease_file, read_version(lease_file)[1], other.to_bytes())
        check(fence)

    with pytest.raises(LeaseLostError), hold_folder(folder.features) as lease:
        folder.heads.mkdir(exist_ok=True)
        for written in (head, folder.training, folder.network):
            write_text(written, "the other's")
        monkeypatch.setattr(Fence, "check", look)
        folder.remove_earlier(lease.fence)
    assert [found.exists() for found in (head, folder.training, folder.network)] == [not has_begun, True, True]


@pytest.fixture(params=["disk", "bucket"])
def model(tmp_path: "Path", request: pytest.FixtureRequest) -> ModelFolder:
    """Finished, of eight photos."""
    path: Location = tmp_path if request.param == "disk" else request.getfixturevalue("bucket")
    return ModelFolder(write_model(path / "model", cats_and_dogs(8)))


def test_the_report_of_an_earlier_model_goes_with_it_and_files_of_others_stay(model: ModelFolder) -> None:
    assert write_report(model.path, None, None).path == model.report
    write_text(model.path / "notes.txt", "ours")
    with hold_folder(model.features) as lease:
        model.remove_earlier(lease.fence)
    found = {*model.path.iterdir()} - {model.features.path, model.heads}
    assert found == {model.path / "notes.txt"}


def test_a_report_of_another_program_stays_where_an_earlier_model_goes(model: ModelFolder) -> None:
    write_text(model.report, "<title>my own report</title>")
    with hold_folder(model.features) as lease:
        model.remove_earlier(lease.fence)
    assert (model.report.is_file(), model.training.is_file()) == (True, False)


@pytest.mark.parametrize("is_lost", [False, True])
def test_what_a_killed_worker_left_half_written_goes_at_the_end_unless_another_driver_took_over(
    tmp_path: "Path", is_lost: bool
) -> None:
    folder = ModelFolder(tmp_path / "model")
    other = Holder("elsewhere", 1, "2026-01-01T00:00:00+00:00", "another")
    left = [on_disk(place) / ".x.61ee8756.tmp" for place in (folder.path, folder.heads, folder.features.path)]
    with (
        pytest.raises(LeaseLostError) if is_lost else nullcontext(),
        hold_folder(folder.features, folder.beside_features),
    ):
        folder.prepare()
        for place in left:
            place.mkdir()
        if is_lost:
            folder.features.lease.write_bytes(other.to_bytes())
    assert [place.exists() for place in left] == [is_lost] * 3


@pytest.mark.ci
def test_nothing_is_left_that_would_be_in_the_way_where_nothing_was_written(tmp_path: "Path") -> None:
    folder = ModelFolder(tmp_path / "model")
    with pytest.raises(ImagesError), folder.hold():
        assert folder.heads.is_dir()
        assert folder.features.predictions.is_dir()
        with pytest.raises(RunFolderError, match=r"holds features and no run\.json"):
            refuse_foreign_files(RunFolder(folder.path))
        with pytest.raises(RunFolderError, match="is being written"), folder.hold():
            pass  # another command
        assert folder.features.predictions.is_dir()
        raise ImagesError("no labels")
    assert list(on_disk(folder.path).iterdir()) == []
    refuse_foreign_files(RunFolder(folder.path))


def test_who_waits_for_a_command_that_is_refused_and_takes_its_folder_away_holds_it(
    tmp_path: "Path", monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ModelFolder(tmp_path / "model")
    with ExitStack() as first:
        first.enter_context(folder.hold())
        monkeypatch.setattr("scoring.run.lease.time.sleep", lambda _: first.close())
        with folder.hold() as second:
            second.fence.check()
            assert folder.heads.is_dir()


def test_what_was_written_before_an_end_stays(tmp_path: "Path") -> None:
    folder = ModelFolder(tmp_path / "model")
    with pytest.raises(KeyboardInterrupt), folder.hold():
        on_disk(folder.head(1)).write_bytes(b"a head")
        on_disk(folder.features.shard(0, 1)).write_bytes(b"features")
        raise KeyboardInterrupt
    assert folder.head(1).is_file()
    assert folder.features.shard(0, 1).is_file()
