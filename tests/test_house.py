"""How our source reads, counted: what has one place only, and how long and how entangled things may grow."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TypeGuard

import pytest
import typer

from tests.source_tree import PACKAGES, ROOT, find_modules, imported_modules

_MAX_LINES = 40  # of a function's body, without its docstring
_MAX_MODULES_OF_STATUS = 31  # a table of one folder; packages' own files do not count
_MAX_FAN_OUT = 15
_FLAG = re.compile(r"(?<![\w-])--[a-z][\w-]*")


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.fixture(autouse=True, scope="module")
def _forget_trees() -> Iterator[None]:
    """A million objects, which later tests would only look through for garbage."""
    yield
    _tree.cache_clear()


def _sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def _place(path: Path, node: ast.expr | ast.stmt | ast.pattern) -> str:
    return f"{path.relative_to(ROOT)}:{node.lineno}"


def test_only_storage_asks_whether_a_location_is_a_url() -> None:
    others = (path for path in _sources(*PACKAGES) if ROOT / "scoring" / "storage" not in path.parents)
    asked = [_place(path, node) for path in others for node in ast.walk(_tree(path)) if _asks_for_url(node)]
    assert not asked, "\n".join(asked)


def _asks_for_url(node: ast.AST) -> TypeGuard[ast.Call | ast.MatchClass]:
    """Whether this is `isinstance(..., Url)`, or a `case Url()`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("isinstance", "issubclass"):
        return any(_names_url(part) for part in ast.walk(node.args[1]))
    return isinstance(node, ast.MatchClass) and _names_url(node.cls)


def _names_url(node: ast.AST) -> bool:
    return "Url" in (getattr(node, "id", None), getattr(node, "attr", None))


def test_pool_and_work_meet_at_a_protocol_whose_methods_are_called_by_name() -> None:
    protocols = [path for path in _sources("cluster") if any(map(_is_protocol, ast.walk(_tree(path))))]
    assert protocols, "no file of cluster/ says by a Protocol what the pool asks of its work"
    names = ("pool", "dispatcher", "worker_group", "worker")
    files = {*protocols, *(ROOT / "cluster" / f"{name}.py" for name in names)}
    asked = [
        _place(path, node)
        for path in sorted(files)
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Name) and node.id in ("getattr", "hasattr")
    ]
    assert not asked, "\n".join(asked)


def _is_protocol(node: ast.AST) -> bool:
    bases = node.bases if isinstance(node, ast.ClassDef) else []
    return any("Protocol" in ast.unparse(base) for base in bases)


def test_scoring_and_cluster_name_fields_and_leave_flags_to_the_commands() -> None:
    known = _flags_of_commands()
    named = [
        f"{_place(path, node)}: {', '.join(flags)}"
        for path in _sources("scoring", "cluster")
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if (flags := sorted(set(_FLAG.findall(node.value)) & known))
    ]
    assert not named, "\n".join(named)


def _flags_of_commands() -> set[str]:
    """Every option of every command of ours; `--query-gpu` is one of another program's."""
    from jobs.cli import COMMANDS

    commands = [typer.main.get_command(import_module(module).app) for module in COMMANDS.values()]
    return {flag for command in commands for parameter in command.params for flag in parameter.opts if flag[:2] == "--"}


def test_flags_are_told_from_words_and_from_other_programs_options() -> None:
    assert {"--images", "--shard-size", "--json"} <= _flags_of_commands()
    assert "--query-gpu" not in _flags_of_commands()
    sentence = "Expected --images; not with--out, ---x or -1, but --modelFile and `--shard-size 4`."
    assert _FLAG.findall(sentence) == ["--images", "--modelFile", "--shard-size"]


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{_place(path, node)} {node.name}: {length} lines"
        for path in _sources(*PACKAGES, "tests")
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (length := _num_lines(node)) > _MAX_LINES
    ]
    assert not long, "\n".join(long)


def _num_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the first statement after the docstring to the last."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_status_imports_what_one_table_needs() -> None:
    code = "import sys, jobs.cli, jobs.status; print(*sys.modules, sep='\\n')"
    printed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    modules = find_modules(ROOT)
    loaded = [name for name in printed.split() if name in modules and modules[name].name != "__init__.py"]
    assert len(loaded) <= _MAX_MODULES_OF_STATUS, f"{len(loaded)} of ours: {' '.join(sorted(loaded))}"


def test_no_module_imports_half_of_the_others() -> None:
    modules = find_modules(ROOT)
    fan_out = {name: len(imported_modules(path, name, modules)) for name, path in modules.items()}
    wide = [f"{name}: {count}" for name, count in fan_out.items() if count > _MAX_FAN_OUT]
    assert not wide, "\n".join(wide)


@pytest.mark.parametrize(
    ("source", "asks"),
    [
        ("isinstance(x, Url)", True),
        ("isinstance(x, (Path, locations.Url))", True),
        ("isinstance(x, Url | Path)", True),
        ("match x:\n    case Url():\n        pass", True),
        ("isinstance(x, Path)", False),
        ("locate(x, Url)", False),
    ],
)
def test_a_question_for_a_url_is_found_in_every_form(source: str, asks: bool) -> None:
    assert any(map(_asks_for_url, ast.walk(ast.parse(source)))) == asks
