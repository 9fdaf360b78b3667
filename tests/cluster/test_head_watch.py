import socket

import pytest

from cluster.errors import WorkersLostError
from cluster.head_watch import HeadWatch, Server


def test_a_server_may_be_silent_for_its_patience_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("cluster.head_watch.time.monotonic", lambda: now)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = listening.getsockname()
        server = Server("Ray's head", address, patience_s=45)
        assert server.answers()
    now = 140.0
    assert not server.answers()
    with socket.create_server(address, reuse_port=False):  # it is back
        assert server.answers()
    now = 184.0
    assert not server.answers()
    now = 190.0
    with pytest.raises(
        WorkersLostError,
        match=r"Ray's head has not answered for 50 s.*Run the same command again, without `overwrite` if it said",
    ):
        server.answers()


def test_a_fault_of_the_network_ends_no_job_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that refuses connections is gone; one that cannot be asked for a moment is not."""
    now, fault = 100.0, OSError("Too many open files")

    def refuse(address: tuple[str, int], timeout: float) -> socket.socket:
        raise fault

    monkeypatch.setattr("cluster.head_watch.time.monotonic", lambda: now)
    monkeypatch.setattr("cluster.head_watch.socket.create_connection", refuse)
    server = Server("Ray's server on this machine", ("127.0.0.1", 9), patience_s=0)
    now = 101.0
    assert not server.answers()
    fault = TimeoutError("timed out")
    assert not server.answers()
    fault = ConnectionRefusedError("refused")
    for moment, said in ((100.2, "no longer answers"), (101.0, "has not answered for 1 s")):
        now = moment
        with pytest.raises(WorkersLostError, match=f"Ray's server on this machine {said}: it was killed"):
            server.answers()


@pytest.mark.ci
@pytest.mark.ray
@pytest.mark.usefixtures("two_nodes")
def test_the_head_and_the_drivers_own_node_are_watched() -> None:
    watch = HeadWatch()
    assert len(watch._servers) == 2
    assert watch.is_up()
