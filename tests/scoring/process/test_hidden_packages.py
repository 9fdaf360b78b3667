"""Packages that a library merely looks for are kept out, whichever way it looks."""

import sys

import pytest

from scoring.process.hidden_packages import hidden

_PACKAGE = "antigravity"  # of the standard library; nobody has imported it


@pytest.mark.parametrize("module", [_PACKAGE, f"{_PACKAGE}.part"])
def test_a_hidden_package_cannot_be_imported(module: str) -> None:
    with hidden(_PACKAGE), pytest.raises(ModuleNotFoundError, match="hidden for a moment") as raised:
        __import__(module)
    assert raised.value.name == _PACKAGE
    assert _PACKAGE not in sys.modules


def test_asking_whether_a_hidden_package_is_there_is_no_error() -> None:
    # As torch._dynamo does while Keras is imported; an error would end the job.
    from importlib.util import find_spec

    with hidden(_PACKAGE):
        assert find_spec(_PACKAGE) is not None


def test_a_hidden_package_is_there_afterwards() -> None:
    with hidden("this_is_not_installed", "colorsys"):
        pass
    import colorsys

    assert colorsys.rgb_to_hsv(0, 0, 0) == (0.0, 0.0, 0)
