import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from cluster.errors import WorkerStartError
from cluster.nodes import own_node_id
from cluster.outcomes import TaskDone
from cluster.placement import Placement
from cluster.pool import WorkerPool
from cluster.shared_files import FileNotSharedError, SharedFile, find_missing, find_missing_by_node, require_files
from cluster.work import function_recipe


def test_file_is_known_by_its_size_and_by_what_stands_in_it(tmp_path: Path) -> None:
    (tmp_path / "lease.json").write_text('{"token": "abc"}')
    here = SharedFile("here", str(tmp_path))
    same = SharedFile("same", str(tmp_path / "lease.json"), size_bytes=16, content=b"abc")
    longer = SharedFile("longer", str(tmp_path / "lease.json"), size_bytes=17)
    other = SharedFile("other", str(tmp_path / "lease.json"), content=b"xyz")
    gone = SharedFile("gone", str(tmp_path / "gone"))
    assert find_missing([here, same, longer, other, gone], patience_s=0) == [longer, other, gone]


def test_what_a_file_is_tells_its_opening_as_looking_may_find_what_nfs_has_cached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = tmp_path / "1.jpg"
    photo.write_bytes(b"replaced")
    stale = tmp_path.stat()
    monkeypatch.setattr(Path, "stat", lambda path, **options: stale)
    seen = [SharedFile("images", str(photo), 8), SharedFile("images", str(photo), 8, b"replaced")]
    assert find_missing(seen, patience_s=0) == []


def _double() -> Callable[[int], int]:
    return lambda task: 2 * task


@pytest.fixture
def own(tmp_path: Path) -> SharedFile:
    """A file that this process alone has under its path."""
    (tmp_path / "open").write_text("token of the driver")
    file = os.open(tmp_path / "open", os.O_RDONLY)
    return SharedFile("output", f"/proc/self/fd/{file}", size_bytes=19, content=b"token of the driver")


@pytest.mark.ray
@pytest.mark.usefixtures("two_nodes")
def test_node_that_cannot_see_a_file_is_named_with_it(own: SharedFile, tmp_path: Path) -> None:
    assert own.is_here()
    everywhere = SharedFile("images", str(tmp_path))
    assert find_missing_by_node([everywhere], patience_s=0) == {}
    missing = find_missing_by_node([everywhere, own], patience_s=0)
    assert list(missing.values()) == [[own]], "one other node, which sees all but one"


@pytest.mark.ray
@pytest.mark.usefixtures("two_nodes")
def test_worker_is_not_built_where_a_file_cannot_be_seen(own: SharedFile, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = require_files(function_recipe(_double), [own], patience_s=0)
    with (
        pytest.raises(WorkerStartError, match=r"Expected every node to see `output`; .* cannot see /proc/self/fd"),
        WorkerPool(recipe, Placement(num_workers=1, gpus_per_worker=0, cpus_per_worker=1)) as pool,
    ):
        pool.first_ready()


def _sees_on_the_other_node(first: Path) -> Callable[[int], int]:
    with suppress(FileExistsError), first.open("x") as file:
        file.write(own_node_id())
    if first.read_text() == own_node_id():
        raise FileNotSharedError("Expected every node to see `output`")
    return _double()


@pytest.mark.ray
@pytest.mark.usefixtures("two_nodes")
def test_worker_of_the_first_set_is_built_on_a_node_that_sees_what_another_does_not(tmp_path: Path) -> None:
    recipe = function_recipe(partial(_sees_on_the_other_node, tmp_path / "blind"))
    with WorkerPool(recipe, Placement(num_workers=1, gpus_per_worker=0, cpus_per_worker=1)) as pool:
        done = [outcome.result for outcome in pool.run([1, 2, 3]) if isinstance(outcome, TaskDone)]
    assert sorted(done) == [2, 4, 6]
    assert pool.start_failures == ["Expected every node to see `output`"]
