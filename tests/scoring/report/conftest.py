"""Drawings take most of a report's time, and few tests look at them."""

from collections.abc import Callable

import pytest

from scoring.report import figures


@pytest.fixture
def drawn() -> None:
    """What a test asks for that is to have the drawings of its report."""


@pytest.fixture(autouse=True)
def _drawings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty drawings where a test does not ask for real ones."""
    if "drawn" not in request.fixturenames:
        monkeypatch.setattr(figures, "draw_svg", _draw_nothing)


def _draw_nothing(name: str, draw: Callable[..., None], height: float = 0) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" id="{name}"></svg>'
