"""Which version of shardscore this process runs."""

import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PROJECT = Path(__file__).parents[2] / "pyproject.toml"
_NAME = "shardscore"


@cache
def shardscore_version() -> str:
    """The version of the code that runs: of its source tree where it has one, else of the installed package.

    The tree comes first: in a job's shipped folder nothing is installed, or another version is.
    """
    return _tree_version() or _installed_version() or "unknown"


def _tree_version() -> str | None:
    """What the `pyproject.toml` beside the packages says; None if there is none, or if it is another project's."""
    try:
        project = tomllib.loads(_PROJECT.read_text(encoding="utf-8")).get("project", {})
    except (OSError, ValueError):
        return None
    return project.get("version") if project.get("name") == _NAME else None


def _installed_version() -> str | None:
    try:
        return version(_NAME)
    except PackageNotFoundError:
        return None
