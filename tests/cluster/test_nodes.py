import pytest
import ray

from cluster.errors import WorkersLostError
from cluster.head_watch import HeadWatch
from cluster.nodes import cluster_nodes


@pytest.mark.ray
@pytest.mark.usefixtures("two_nodes")
def test_nothing_is_asked_of_another_ray_once_the_own_was_shut_down(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = HeadWatch()
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(WorkersLostError, match="Ray was shut down in this process"):
        cluster_nodes()
    with pytest.raises(WorkersLostError, match="Ray was shut down in this process"):
        watch.is_up()
