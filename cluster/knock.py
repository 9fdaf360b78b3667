"""Knock at a cluster's address before Ray does, which goes on at a silent one without end."""

import os
import socket
from urllib.parse import urlsplit

_CONNECT_S = 10.0
_ANSWER_S = 30.0
# How each of gRPC's sides begins, RFC 9113, 3.4: the client with these words and settings, the server with settings.
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_TYPE_AT, _SETTINGS = 3, 4
_TLS_VARIABLE = "RAY_USE_TLS"


def check_answers(address: str | None) -> bool:
    """See whether a Ray answers.

    Returns:
        Whether there was a port to knock at.

    Raises:
        OSError: If nobody listens, says nothing, or is no Ray.
    """
    location = urlsplit(address if address and "://" in address else f"//{address or ''}")
    if not location.hostname or location.port is None:  # a port 0 is one that nobody can have
        return False
    with socket.create_connection((location.hostname, location.port), timeout=_CONNECT_S) as connection:
        if os.environ.get(_TLS_VARIABLE, "0").lower() not in ("1", "true"):  # it asks for certificates, which Ray has
            connection.settimeout(_ANSWER_S)
            _check_greeting(connection)
    return True


def _check_greeting(connection: socket.socket) -> None:
    greeting = b""
    try:
        connection.sendall(_PREFACE)
        while len(greeting) <= _TYPE_AT and (part := connection.recv(_TYPE_AT + 1 - len(greeting))):
            greeting += part
    except TimeoutError as error:
        raise TimeoutError(
            f"its port takes connections, but has said nothing for {_ANSWER_S:.0f} s: the head hangs, a firewall "
            "swallows what it says, or it is another program's port. Try `ray status` on the head."
        ) from error
    except ConnectionError:  # it has hung up
        pass
    if greeting[_TYPE_AT:] != bytes([_SETTINGS]):
        said = "closes each connection" if not greeting else "speaks another language"
        raise OSError(
            f"its port {said}: it is not a Ray's, or a dashboard's, whose address begins with http://, or one with "
            f"TLS, which {_TLS_VARIABLE}=1 tells Ray."
        )
