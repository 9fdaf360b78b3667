"""The walls of DESIGN.md: jobs -> {scoring, cluster}; Ray only in cluster; Keras only where a model runs."""

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_FORBIDDEN = {
    "scoring": {"jobs", "cluster", "ray"},
    "cluster": {"jobs", "scoring", "keras", "tensorflow"},
    "jobs": {"ray", "keras", "tensorflow"},
}


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("package", _FORBIDDEN)
def test_package_imports_nothing_beyond_its_wall(package: str) -> None:
    for path in (_ROOT / package).rglob("*.py"):
        crossed = set(_imports(ast.parse(path.read_text()))) & _FORBIDDEN[package]
        assert not crossed, f"{path.relative_to(_ROOT)} imports {crossed}"


def test_only_engines_may_name_a_keras_backend() -> None:
    for path in (_ROOT / "scoring").rglob("*.py"):
        assert not set(_imports(ast.parse(path.read_text()))) & {"tensorflow", "jax", "torch"}, path.name


def _loaded(modules: Iterable[str], suspects: Sequence[str]) -> str:
    """Which of the suspects a new process has loaded after importing these modules."""
    code = f"import sys, {', '.join(modules)}; print([name for name in {suspects!r} if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", code], cwd=_ROOT, capture_output=True, text=True, check=True).stdout


def test_importing_every_command_loads_no_keras() -> None:
    from jobs.cli import COMMANDS

    assert _loaded(["jobs.cli", *COMMANDS.values()], ("keras", "tensorflow", "jax")) == "[]\n"


def test_score_does_not_wait_for_the_libraries_of_other_commands() -> None:
    others = ("aiohttp", "jinja2", "matplotlib", "pandas", "pydantic", "scipy", "sklearn")
    assert _loaded(["jobs.cli", "jobs.score.command"], others) == "[]\n"


def test_importing_scoring_loads_no_ray() -> None:
    code = "import scoring.shards.scorer, scoring.submissions.submission, sys; print('ray' in sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=_ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "False"
