import resource

import pytest
import ray

from cluster.errors import SessionError
from cluster.session import open_session

_STORE_BYTES = 128 * 1024**2


@pytest.mark.parametrize(
    ("limit", "soft", "hard", "said"),
    [
        ("NOFILE", 40, 40, r"^Expected at least 64 open files .*; the limit is 40\. Raise it: ulimit -Hn"),
        ("NOFILE", 40, 1024, None),
        ("NOFILE", 64, 64, None),
        ("FSIZE", 2_048_000, -1, r"^Expected files of more than 131,072 KB .*; the limit is 2,000 KB\. Raise it: "),
        ("FSIZE", _STORE_BYTES, _STORE_BYTES, "the limit is 131,072 KB"),
        ("FSIZE", _STORE_BYTES + 4096, _STORE_BYTES + 4096, None),
        ("FSIZE", -1, -1, None),
    ],
)
def test_a_limit_that_no_local_ray_starts_under_is_named_before_it_is_waited_for(
    limit: str, soft: int, hard: int, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    getrlimit, number = resource.getrlimit, getattr(resource, f"RLIMIT_{limit}")
    monkeypatch.setattr(resource, "getrlimit", lambda which: (soft, hard) if which == number else getrlimit(which))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    started: list[object] = []

    def start(**options: object) -> None:
        started.append(options)
        raise RuntimeError("it started")

    monkeypatch.setattr(ray, "init", start)
    with pytest.raises(SessionError, match=said or "it started"), open_session(None):
        pass
    assert bool(started) == (said is None)
