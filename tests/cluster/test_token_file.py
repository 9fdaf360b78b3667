import stat
from contextlib import nullcontext
from pathlib import Path

import pytest
import ray

from cluster import session, token_file
from cluster.errors import SessionError
from cluster.session import open_session


@pytest.fixture(autouse=True)
def asks_for_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray asks for a token, and nobody has given it one."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("home", ["/dev/null", "/proc/nowhere"])
def test_a_home_that_cannot_be_written_to_is_named_before_ray_starts(
    home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", home)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.setattr(ray, "init", lambda **options: pytest.fail("it started"))
    said = rf"^Expected a home folder .*; HOME is {home}: .* Set HOME to a folder"
    with pytest.raises(SessionError, match=said), open_session(None):
        pass


def test_a_token_that_is_given_needs_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/dev/null")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "secret")
    token_file.check_writable()


def test_the_token_is_readable_by_its_owner_alone_once_ray_has_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / ".ray" / "auth_token"

    def start(**options: object) -> None:
        token.write_text("secret")
        token.chmod(0o644)

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(ray, "init", start)
    monkeypatch.setattr("cluster.private_ray.loopback_only", nullcontext)  # nothing that listens is started
    session._start_local({})
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
