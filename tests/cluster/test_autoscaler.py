import pytest

from cluster.autoscaler import is_autoscaling


@pytest.mark.ci
@pytest.mark.ray
@pytest.mark.usefixtures("two_nodes")
def test_nodes_started_by_hand_are_no_autoscaling_cluster() -> None:
    assert not is_autoscaling(patience_s=10)
