"""The machine's own address, on which the processes of a local Ray talk: without it, they are waited for in vain."""

import socket

from cluster.errors import SessionError

_ADDRESS = "127.0.0.1"
_CONNECT_S = 10.0


def check_usable() -> None:
    """Let Ray start only where this process can listen on 127.0.0.1 and connect to it.

    Raises:
        SessionError: If it cannot, as in a container that has ::1 alone, or whose `lo` is down.
    """
    try:
        with socket.create_server((_ADDRESS, 0)) as server, socket.create_connection(server.getsockname(), _CONNECT_S):
            pass
    except OSError as error:
        raise SessionError(
            f"Expected {_ADDRESS} to take connections, as the processes of a local Ray talk there: "
            f"{error.strerror or error}. `ip address show lo` says what this machine or container has; `ip link set lo "
            f"up` and `ip address add {_ADDRESS}/8 dev lo` give it, and a firewall must let it through."
        ) from error
