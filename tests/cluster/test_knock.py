import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
import ray

from cluster import knock
from cluster.errors import SessionError
from cluster.knock import check_answers
from cluster.session import open_session

_SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])


@pytest.fixture
def listen() -> Iterator[Callable[[bytes | None], str]]:
    """Starts what takes a connection, says so much and hangs up, or for None says nothing; returns its address."""
    servers = []

    def start(words: bytes | None) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)
        if words is not None:
            threading.Thread(target=_say, args=(server, words), daemon=True).start()
        return f"127.0.0.1:{server.getsockname()[1]}"

    yield start
    for server in servers:
        server.close()


def _say(server: socket.socket, words: bytes) -> None:
    with suppress(OSError):  # who knocks goes when it has heard enough
        connection, _ = server.accept()
        with connection:
            connection.recv(1000)  # what is closed with something unread may lose what it has said
            for number in range(len(words)):  # a network may break them anywhere
                connection.sendall(words[number : number + 1])


@pytest.mark.ray
@pytest.mark.usefixtures("two_nodes")
def test_a_real_head_answers() -> None:
    assert check_answers(ray.get_runtime_context().gcs_address)


@pytest.mark.parametrize("scheme", ["", "ray://", "ray://user:PASSWORD@"])
def test_what_begins_as_a_ray_does_answers(scheme: str, listen: Callable[[bytes | None], str]) -> None:
    assert check_answers(scheme + listen(_SETTINGS))


@pytest.mark.parametrize("address", [None, "", "auto", "local", "HEAD", "ray://HEAD"])
def test_an_address_without_a_port_is_left_to_ray(address: str | None) -> None:
    assert not check_answers(address)


@pytest.mark.parametrize(
    ("words", "is_told"),
    [
        (None, "takes connections, but has said nothing for 0 s: the head hangs, a firewall .* `ray status` on the"),
        (b"", "closes each connection: it is not a Ray's"),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            "speaks another language: it is not a Ray's, or a dashboard's, .*http://.*RAY_USE_TLS=1",
        ),
        (b"\x15\x03\x01", "speaks another language"),
    ],
    ids=["frozen", "tunnel to nothing", "web server", "TLS"],
)
def test_a_port_where_no_ray_answers_is_refused_in_one_line(
    words: bytes | None, is_told: str, listen: Callable[[bytes | None], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(knock, "_ANSWER_S", 0.3 if words is None else 10.0)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda **options: pytest.fail(f"joined {options}"))
    address = listen(words)
    with (
        pytest.raises(SessionError, match=f"Cannot reach the Ray cluster at {address}: its port {is_told}") as told,
        open_session(address),
    ):
        pass
    assert "\n" not in str(told.value)
    assert str(told.value).endswith(".")


@pytest.mark.parametrize("way", ["option", "environment"])
def test_a_cluster_that_is_found_and_has_ended_is_refused_at_once(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray asks it for a quarter of an hour, and prints a line every five seconds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        gone = f"127.0.0.1:{server.getsockname()[1]}"
    monkeypatch.setattr("ray._private.services.find_gcs_addresses", lambda: {gone})
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda **options: pytest.fail(f"joined {options}"))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if way == "environment":
        monkeypatch.setenv("RAY_ADDRESS", "auto")
    with (
        pytest.raises(SessionError, match=rf"the Ray cluster at auto, which is \S+:{gone[10:]}: .*refused"),
        open_session("auto" if way == "option" else None),
    ):
        pass


def test_port_0_is_knocked_at() -> None:
    with pytest.raises(OSError, match=r"refused|assign"):
        check_answers("127.0.0.1:0")


def test_what_a_server_with_tls_says_is_left_to_ray(
    listen: Callable[[bytes | None], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_USE_TLS", "1")
    assert check_answers(listen(b"\x15\x03\x01"))
