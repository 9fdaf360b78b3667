"""Limits of this process under which a local Ray does not start: it is waited for half a minute, and names no cause."""

import os
import resource
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cluster.errors import SessionError

_LEAST_OPEN_FILES = 64  # Ray 2.60's raylet has 58 on two cores; with 46 to 58 it does not start, crashes or hangs
# Ray 2.60 has started 147, 163, 181 and 321 threads on 1, 2, 4 and 16 cores, Ray 2.55 141 and 163 on 1 and 2; with few
# less it hangs where no signal ends it, or crashes. What is wanted is less than any of these.
_LEAST_THREADS, _THREADS_BY_CORE, _CORES_THAT_COUNT = 128, 11, 16
_IS_EXEMPT = 1 << 21 | 1 << 24  # CAP_SYS_ADMIN and CAP_SYS_RESOURCE
_PROCESSES, _OWN_GROUPS = Path("/proc"), Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")


def check_sufficient(object_store_bytes: int) -> None:
    """Let Ray start only where its processes may be as many as they need, open files, and make the object store's.

    Raises:
        SessionError: If they may not.
    """
    _, open_files = resource.getrlimit(resource.RLIMIT_NOFILE)  # Ray raises its own limit to the hard one
    if open_files != resource.RLIM_INFINITY and open_files < _LEAST_OPEN_FILES:
        raise SessionError(
            f"Expected at least {_LEAST_OPEN_FILES} open files to be allowed, which a local Ray needs; the limit is "
            f"{open_files}. Raise it: ulimit -Hn shows it."
        )
    file_bytes, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if file_bytes != resource.RLIM_INFINITY and file_bytes <= object_store_bytes:
        raise SessionError(
            f"Expected files of more than {object_store_bytes // 1024:,} KB to be allowed, which a local Ray needs; "
            f"the limit is {file_bytes // 1024:,} KB. Raise it: ulimit -f unlimited."
        )
    _check_threads()


@dataclass(frozen=True)
class _Threads:
    """Threads, which processes are too.

    Attributes:
        used: How many there are.
        allowed: How many there may be.
        of: Whose.
        by: What allows so many, and how it is raised.
    """

    used: int
    allowed: int
    of: str
    by: str


def _check_threads() -> None:
    num_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    wanted = _LEAST_THREADS + _THREADS_BY_CORE * min(num_cores, _CORES_THAT_COUNT)
    for threads in (*_of_user(), *_of_groups()):
        if threads.allowed - threads.used < wanted:
            raise SessionError(
                f"Expected at least {wanted} more threads and processes to be allowed, which a local Ray needs on this "
                f"many cores ({num_cores}); {threads.of} has {threads.used} of {threads.allowed}. Raise {threads.by}."
            )


def _of_user() -> Iterator[_Threads]:
    """Those of this user, where they are limited; root's are not."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    user = os.getuid()
    if allowed == resource.RLIM_INFINITY or user == 0:
        return
    with suppress(OSError, KeyError, ValueError):  # another system than Linux
        if int(_status(_PROCESSES / "self")["CapEff"], 16) & _IS_EXEMPT:
            return
        used = sum(_num_threads(process, user) for process in _PROCESSES.glob("[0-9]*"))
        yield _Threads(used, allowed, "this user", "the limit, which ulimit -u shows")


def _num_threads(process: Path, user: int) -> int:
    """Threads of a process; 0 of one that has ended or is another user's."""
    try:
        status = _status(process)
        return int(status["Threads"]) if int(status["Uid"].split()[0]) == user else 0
    except (OSError, KeyError):
        return 0


def _status(process: Path) -> dict[str, str]:
    lines = (process / "status").read_text(encoding="utf-8", errors="replace").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _of_groups() -> Iterator[_Threads]:
    """Those of the control groups that this process is in, each within the next, where they are limited."""
    for folder in _group_folders():
        with suppress(OSError, ValueError):  # none is limited there, or in the word `max`
            used, allowed = (int((folder / name).read_text(encoding="ascii")) for name in ("pids.current", "pids.max"))
            yield _Threads(
                used, allowed, "this container or control group", f"{folder / 'pids.max'}, as --pids-limit does"
            )


def _group_folders() -> Iterator[Path]:
    """A container may have its own group mounted in the place of the outermost."""
    try:
        lines = _OWN_GROUPS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for _, controllers, path in (line.split(":", 2) for line in lines):
        if not controllers or "pids" in controllers.split(","):
            root = _GROUPS / controllers
            folder = root / path.strip("/")
            yield from (each for each in (folder, *folder.parents) if each.is_relative_to(root))
