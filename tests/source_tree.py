"""Our own source taken apart: modules by name, and what each of them imports."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("jobs", "scoring", "cluster")


def find_modules(root: Path) -> dict[str, Path]:
    """Every module of our packages below `root`, by its dotted name; a package goes by its folder's."""
    paths = [path for package in PACKAGES for path in sorted((root / package).rglob("*.py"))]
    return {_name(path.relative_to(root)): path for path in paths}


def _name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_names(path: Path, module: str) -> Iterator[str]:
    """Yield what a file imports, wherever it does: at the top, in a function, or for type checkers alone.

    Args:
        path: The file.
        module: Its dotted name, from which relative imports count.

    Yields:
        Dotted names, of a `from` import with the imported name: `scoring.errors.RequestError`.
    """
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            source = [*above, *([node.module] if node.module else [])]
            yield from (".".join([*source, name.name]) for name in node.names)


def imported_modules(path: Path, module: str, modules: dict[str, Path]) -> set[str]:
    """Which of our `modules` a file imports."""
    return {found for name in imported_names(path, module) if (found := _longest(name, modules)) and found != module}


def _longest(name: str, modules: dict[str, Path]) -> str:
    """The longest beginning of a dotted name that is a module; empty if none is."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name
