"""Who holds a run folder: what a lease says, and whether its process has ended."""

import json
from dataclasses import asdict, dataclass

from scoring.process.own_place import boot_id, is_alive, pid_namespace
from scoring.run.json_fields import from_json
from scoring.storage.conditional import read_version
from scoring.storage.locations import Location
from scoring.storage.urls import Version

_MAX_PID = 2**31 - 1


@dataclass(frozen=True)
class Holder:
    """Who holds a lease.

    Attributes:
        host: Its machine.
        pid: Its process there.
        since: When it began, ISO 8601 in UTC.
        token: Tells two holders apart.
        beat: Counts up with every heartbeat.
        epoch: Counts up with every takeover.
        boot_id: What tells its machine, since it was started, from all others; empty in leases of 0.1.0.
        pid_namespace: The namespace of that machine in which `pid` counts, pid_namespaces(7); empty if there are none.
    """

    host: str
    pid: int
    since: str
    token: str
    beat: int = 0
    epoch: int = 1
    boot_id: str = ""
    pid_namespace: str = ""

    def __str__(self) -> str:
        """The holder as messages name it."""
        return f"process {self.pid} on {self.host} since {self.since}"

    def to_bytes(self) -> bytes:
        """The lease's content."""
        return json.dumps(asdict(self)).encode()

    def has_ended(self) -> bool:
        """Whether its process is known to be gone, which only its own machine and its own pid namespace can tell."""
        is_here = (self.boot_id, self.pid_namespace) == (boot_id(), pid_namespace())
        return is_here and not is_alive(self.pid)


def read_holder(path: Location) -> tuple[Holder | None, Version] | None:
    """A lease's holder (None if the lease is damaged) and its version; None alone if there is no lease.

    Raises:
        OSError: If it cannot be read.
    """
    try:
        content, version = read_version(path)
    except FileNotFoundError:
        return None
    try:
        holder = from_json(Holder, json.loads(content))
    except (ValueError, RecursionError):
        return None, version
    return holder if 0 < holder.pid <= _MAX_PID else None, version
