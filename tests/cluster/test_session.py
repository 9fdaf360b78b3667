import pytest
import ray

from cluster.session import open_session


@pytest.mark.ray
@pytest.mark.usefixtures("two_nodes")
def test_a_session_that_is_open_is_used_and_left_open() -> None:
    with open_session(None):
        assert len(ray.nodes()) == 2
    assert ray.is_initialized()
