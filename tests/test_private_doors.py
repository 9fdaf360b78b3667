"""Rooms that need nothing private of any library."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

_SCORING = Path(__file__).parents[1] / "scoring"
# Attributes without an underscore that no documentation promises.
_UNDOCUMENTED = {"start_dir", "NameToInfo", "filelist", "firstmember"}


def _private_uses(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            is_ours = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            is_private = node.attr.startswith("_") and not node.attr.endswith("__")
            if node.attr in _UNDOCUMENTED or (is_private and not is_ours):
                yield f"line {node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.ImportFrom):
            private = [name.name for name in node.names if name.name.startswith("_") and not name.name.endswith("__")]
            yield from (f"line {node.lineno}: {name}" for name in private)


@pytest.mark.parametrize("room", ["process", "storage", "pixels", "sources"])
def test_room_uses_nothing_private_of_a_library(room: str) -> None:
    found = {path.name: list(_private_uses(ast.parse(path.read_text()))) for path in (_SCORING / room).glob("*.py")}
    assert {name: uses for name, uses in found.items() if uses} == {}
