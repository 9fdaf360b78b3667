"""Where this process runs: what tells its machine, and its namespaces there, from all others."""

import os
import socket
from functools import cache
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PID_NAMESPACE, _MOUNT_NAMESPACE = Path("/proc/self/ns/pid"), Path("/proc/self/ns/mnt")


@cache
def boot_id() -> str:
    """The id of this machine since it was started, proc_sys_kernel(5); its name where the system has none."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return socket.gethostname()


@cache
def pid_namespace() -> str:
    """The namespace that process numbers of this process belong to; empty where there are none."""
    return _name(_PID_NAMESPACE)


@cache
def own_mounts() -> str:
    """What tells where paths of this process lead: its machine, and its namespace of mounts, mount_namespaces(7)."""
    return f"{boot_id()} {_name(_MOUNT_NAMESPACE)}"


def _name(namespace: Path) -> str:
    try:
        return str(namespace.readlink())
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    """Whether there is a process of this number in this process's namespace."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True
