import os
from pathlib import Path

import pytest

from cluster.errors import WorkerStartError
from cluster.placement import Placement
from cluster.pool import WorkerPool
from cluster.shared_files import Sight, find_unseen, look_from_every_node, where_seen


def test_file_is_seen_by_its_size_and_by_what_stands_in_it(tmp_path: Path) -> None:
    (tmp_path / "lease.json").write_text('{"token": "abc"}')
    here = Sight("here", str(tmp_path))
    same = Sight("same", str(tmp_path / "lease.json"), size_bytes=16, content=b"abc")
    longer = Sight("longer", str(tmp_path / "lease.json"), size_bytes=17)
    other = Sight("other", str(tmp_path / "lease.json"), content=b"xyz")
    gone = Sight("gone", str(tmp_path / "gone"))
    assert find_unseen([here, same, longer, other, gone], patience_s=0) == [longer, other, gone]


@pytest.fixture
def own(tmp_path: Path) -> Sight:
    """A file that this process alone has under its path."""
    (tmp_path / "open").write_text("token of the driver")
    file = os.open(tmp_path / "open", os.O_RDONLY)
    return Sight("--output", f"/proc/self/fd/{file}", size_bytes=19, content=b"token of the driver")


@pytest.mark.ray
@pytest.mark.usefixtures("two_nodes")
def test_node_that_cannot_see_a_file_is_named_with_it(own: Sight, tmp_path: Path) -> None:
    assert own.is_seen()
    everywhere = Sight("--images", str(tmp_path))
    assert look_from_every_node([everywhere], patience_s=0) == {}
    unseen = look_from_every_node([everywhere, own], patience_s=0)
    assert list(unseen.values()) == [[own]], "one other node, which sees all but one"


@pytest.mark.ray
@pytest.mark.usefixtures("two_nodes")
def test_worker_is_not_built_where_a_file_cannot_be_seen(own: Sight, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = where_seen(lambda: abs, [own], patience_s=0)
    pool = WorkerPool(recipe, Placement(num_workers=1, gpus_per_worker=0, cpus_per_worker=1))
    with pytest.raises(WorkerStartError, match=r"Expected every node to see --output; .* cannot see /proc/self/fd"):
        pool.first_ready()
    pool.stop()
