import pytest

from cluster.errors import SessionError
from cluster.session import open_session


@pytest.mark.ray
@pytest.mark.usefixtures("two_nodes")
def test_a_session_that_is_open_is_used_and_left_open() -> None:
    import ray

    with open_session(None):
        assert len(ray.nodes()) == 2
    assert ray.is_initialized()


def test_an_address_where_nothing_answers_is_one_clear_line() -> None:
    import ray

    if ray.is_initialized():
        ray.shutdown()
    with (
        pytest.raises(SessionError, match=r"Cannot reach the Ray cluster at 127\.0\.0\.1:9") as refused,
        open_session("127.0.0.1:9"),
    ):
        pass
    assert "\n" not in str(refused.value)
