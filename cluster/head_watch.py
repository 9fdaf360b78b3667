"""Whether the servers that a driver needs still answer: Ray ends a driver without a word of ours when they do not."""

import socket
import time
from typing import Any
from urllib.parse import urlsplit

import ray

from cluster.errors import WorkersLostError
from cluster.nodes import GO_ON, check_open, own_node_id

# Ray ends a process whose head is silent for 60 s (gcs_rpc_server_reconnect_timeout_s). A head that keeps its state in
# Redis, as KubeRay's may, is back earlier. A node never comes back, and Ray ends its drivers within seconds.
_HEAD_PATIENCE_S, _NODE_PATIENCE_S = 45.0, 0.0
_CONNECT_S = 1.0


class Server:
    """A server at an address that answered once.

    Args:
        what: What it is, for a message.
        address: Host and port.
        patience_s: How long it may refuse connections. One that is silent otherwise, as by a fault of the network, is
            given as long as a head.
    """

    def __init__(self, what: str, address: tuple[str, int], patience_s: float) -> None:
        self._what, self._address, self._patience_s = what, address, patience_s
        self._answered_at = time.monotonic()

    def answers(self) -> bool:
        """Whether somebody listens.

        Raises:
            WorkersLostError: If nobody has for longer than its patience.
        """
        patience_s = _HEAD_PATIENCE_S
        try:
            _connect(self._address)
        except ConnectionRefusedError:
            patience_s = self._patience_s
        except OSError:
            pass
        else:
            self._answered_at = time.monotonic()
            return True
        silent_s = time.monotonic() - self._answered_at
        if silent_s > patience_s:
            since = f"has not answered for {silent_s:.0f} s" if silent_s >= 1 else "no longer answers"
            raise WorkersLostError(f"{self._what} {since}: it was killed or has failed. {GO_ON}")
        return False


class HeadWatch:
    """Ray's head, and its server on the driver's own node. Those that cannot be reached from here are not watched."""

    def __init__(self) -> None:
        head = urlsplit(f"//{ray.get_runtime_context().gcs_address}")
        nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
        own = next((node for node in nodes if node["NodeID"] == own_node_id()), {})
        node_address = str(own.get("NodeManagerAddress", "")), int(own.get("NodeManagerPort", 0))
        self._servers = [
            Server(what, address, patience_s)
            for what, address, patience_s in (
                ("Ray's head", (head.hostname or "", head.port or 0), _HEAD_PATIENCE_S),
                ("Ray's server on this machine", node_address, _NODE_PATIENCE_S),
            )
            if _listens(address)
        ]

    def is_up(self) -> bool:
        """Whether all answer. While the head does not, a question to it stands still.

        Raises:
            WorkersLostError: If one has been silent for too long, or Ray was shut down.
        """
        check_open()
        silent = [server for server in self._servers if not server.answers()]
        return not silent


def _listens(address: tuple[str, int]) -> bool:
    try:
        _connect(address)
    except OSError:
        return False
    return True


def _connect(address: tuple[str, int]) -> None:
    socket.create_connection(address, timeout=_CONNECT_S).close()
