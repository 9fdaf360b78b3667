from importlib.metadata import PackageNotFoundError

import pytest

from scoring.networks import engines


@pytest.mark.parametrize("answer", [PackageNotFoundError(), KeyError("Version"), OSError("unreadable"), None])
def test_a_version_that_cannot_be_looked_up_stops_nothing(
    answer: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(package: str) -> str | None:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(engines, "version", version)
    assert engines.engine_versions("keras")["keras"] == "unknown"
