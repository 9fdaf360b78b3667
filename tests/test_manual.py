"""README and the manual: what they link to is there, what they type is understood, and what they claim was measured."""

import ast
import re
import shlex
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from jobs.cli import COMMANDS, app
from scoring import __version__
from scoring.report.standings import standings
from scoring.run.fingerprint import Fingerprint
from tests.documents import Table, anchors, command_lines, find_documents, inline_code, links, read, tables
from tests.source_tree import ROOT

_README = ROOT / "README.md"
_MEASURED = ROOT / "tests" / "benchmarks" / "README.md"
_MAX_README_LINES = 180
_RESULTS = ROOT / "tests" / "benchmarks" / "results"  # what was typed and printed then
_PAGES = [path.relative_to(ROOT).as_posix() for path in find_documents() if _RESULTS not in path.parents]
_OURS = re.compile(r"(?:^|\s)(?:\S*/)?shardscore (.*)|python -m jobs (.*)")
_OTHER_PROGRAMS = ("python -m tests", "pytest", "ray ", "kubectl", "KERAS_BACKEND", "uv ")
_BENCHMARK = re.compile(r"python -m (tests\.benchmarks\.\w+) ?(.*)")
_WITH_OPTION = 2  # blanks of a command that is named with one option
_NUMBER = re.compile(r"(?<![\w.,-])\d[\d,]*(?:\.\d+)?(?![\w-])")


def _group() -> TyperGroup:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return group


def test_every_page_of_the_manual_is_there() -> None:
    assert {"README.md", "scoring/README.md", "cluster/README.md", "tests/README.md"} <= set(_PAGES)
    assert "tests/benchmarks/README.md" in _PAGES


@pytest.mark.parametrize("page", _PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for link in links(ROOT / page):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = ((ROOT / page).parent / name).resolve() if name else ROOT / page
        assert target.exists(), f"{page} links to {link}, which is not there"
        assert not anchor or anchor in anchors(target), f"{page} links to {link}: {target.name} has no such heading"


def test_the_manual_names_every_field_of_the_fingerprint() -> None:
    named = re.search(r"The fingerprint \(([^)]*)\)", read(ROOT / "scoring" / "README.md"))
    assert named and len(named[1].split(", ")) == len(fields(Fingerprint))


def _typed(path: Path) -> list[list[str]]:
    """The words after `shardscore` of every command line of a page that is written out, also within a sentence."""
    lines = [(match[1] or match[2]).split("&&")[0] for line in command_lines(path) if (match := _OURS.search(line))]
    codes = [code for code in inline_code(read(path)) if code.split()[0] in COMMANDS]
    lines += [code for code in codes if code.count(" ") > _WITH_OPTION]
    typed = [shlex.split(line, comments=True) for line in lines]
    return [words for words in typed if words and "..." not in words]


@pytest.mark.parametrize("page", _PAGES)
def test_commands_of_the_manual_are_understood(page: str) -> None:
    group = _group()
    for words in _typed(ROOT / page):
        _check(group, words, page)


def _check(group: TyperGroup, words: Sequence[str], page: str) -> None:
    name, *arguments = words
    if name in ("--version", "--help", "--install-completion"):
        return
    parser = group.get_command(typer.Context(group), name)
    assert parser is not None, f"{page}: shardscore {name} is no command"
    if not arguments or arguments == ["--help"]:  # `shardscore score` only names it
        return
    try:
        parameters = parser.make_context(name, list(arguments)).params
    except typer.TyperException as error:
        pytest.fail(f"{page}: shardscore {shlex.join(words)}: {error.format_message()}")
    if name == "submit":
        _check(group, parameters["command"], page)


def test_a_command_that_is_mistyped_is_found() -> None:
    group = _group()
    _check(group, ["score", "--images", "x", "--output", "y"], "here")
    for words in (["score", "--image", "x", "--output", "y"], ["scores", "x"], ["score", "--images", "x"]):
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            _check(group, words, "here")
    with pytest.raises(pytest.fail.Exception, match="--outpt"):
        _check(group, ["submit", "--address", "http://x", "--", "score", "--images", "/x", "--outpt", "/y"], "here")


@pytest.mark.parametrize("page", _PAGES)
def test_options_that_the_manual_names_exist(page: str) -> None:
    if page == "CHANGELOG.md":
        return  # it tells of earlier names too
    known = {flag for name in COMMANDS for parameter in _parameters(name) for flag in parameter}
    ours = [code for code in inline_code(read(ROOT / page)) if not code.startswith(_OTHER_PROGRAMS)]
    named = {flag for code in ours for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", code)}
    assert named - known - {"--version", "--help"} == set()


def _parameters(name: str) -> list[list[str]]:
    command = _group().get_command(typer.Context(_group()), name)
    assert command is not None
    return [parameter.opts for parameter in command.params]


def test_changelog_tells_of_this_version_and_when_it_was_made() -> None:
    assert re.search(
        rf"^## \[{re.escape(__version__)}\] - 20\d\d-\d\d-\d\d$", read(ROOT / "CHANGELOG.md"), re.MULTILINE
    )


def test_readme_is_read_in_a_minute() -> None:
    assert len(read(_README).splitlines()) <= _MAX_README_LINES


def _commands_of(table: Table) -> list[str]:
    """What prints a table's figures: a command for each row, or the block of code before the table."""
    if "command" in table.columns:
        column = table.columns.index("command")
        return [row[column].strip("`") for row in table.rows]
    return [line.strip() for line in table.before.splitlines() if line.startswith("    ")][-1:]


def _has_figures(table: Table) -> bool:
    return table.columns != ["machine", "what it is"] and any(
        _NUMBER.search(cell) for row in table.rows for cell in row[1:]
    )


def _without_its_evidence(table: Table, folder: Path) -> list[str]:
    """What a table of figures lacks: a command, a machine with a date, a file of results."""
    commands = _commands_of(table)
    lacking = [] if commands else [f"{table.columns}: no command"]
    where = [" ".join(row) for row in table.rows] if "command" in table.columns else [table.before]
    for text, command in zip(where, commands, strict=False):
        if not _is_command(command):
            lacking.append(f"{text[:60]}: {command!r} is no command")
        if not re.search(r"\b(EPYC|Xeon|Xeon 85|Xeon AMX|H200|H100), 20\d\d-\d\d-\d\d\b", text):
            lacking.append(f"{text[:60]}: no machine and date")
        results = [name for name in re.findall(r"\]\((results/[^)]+)\)", text) if (folder / name).is_file()]
        if not results:
            lacking.append(f"{text[:60]}: no file of results")
    return lacking


def _is_command(command: str) -> bool:
    return bool(_OURS.search(command) or _BENCHMARK.search(command) or command.startswith("pytest "))


def test_every_figure_has_its_command_machine_date_and_file_of_results() -> None:
    measured = [table for table in tables(_MEASURED) if _has_figures(table)]
    assert len(measured) > 5
    assert [lack for table in measured for lack in _without_its_evidence(table, _MEASURED.parent)] == []


def test_results_name_no_path_of_the_machine_that_they_are_of() -> None:
    files = [path for path in (_MEASURED.parent / "results").rglob("*") if path.is_file()]
    assert len(files) > 5
    absolute = re.compile(r"""["'` =](?:/(?:home|mnt|root|tmp|work)/|[A-Z]:\\)""")
    assert [path.name for path in files if absolute.search(path.read_text(encoding="utf-8"))] == []


def test_a_figure_without_its_evidence_is_refused(tmp_path: Path) -> None:
    columns = ["what", "figure", "command", "where", "results"]
    whole = ["speed", "12 s", "`shardscore bench`", "EPYC, 2026-11-24", "[notes](results/notes.md)"]
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "notes.md").write_text("12 s\n")
    assert _without_its_evidence(Table(columns, [whole], ""), tmp_path) == []
    for column, changed in ((2, ""), (2, "the same"), (3, "EPYC"), (4, ""), (4, "[notes](results/none.md)")):
        row = [*whole[:column], changed, *whole[column + 1 :]]
        assert _without_its_evidence(Table(columns, [row], ""), tmp_path), row
    assert _without_its_evidence(Table(["", "images/s"], [["ours", "12"]], "Measured once."), tmp_path)


def test_figures_of_readme_are_those_that_were_measured() -> None:
    [kaggle] = standings(["cat", "dog"], log_loss=1.0)
    measured = set(_NUMBER.findall(f"{read(_MEASURED)} {kaggle.rows}"))
    shown = [table for table in tables(_README) if {"steady images/s", "log loss"} & set(table.columns)]
    assert len(shown) == 2
    for table in shown:
        for row in table.rows:
            figures = _NUMBER.findall(" ".join(row[1:]))
            assert set(figures) <= measured, f"{row[0]}: {sorted(set(figures) - measured)}"


def _benchmarks() -> list[tuple[str, str]]:
    lines = [line for page in _PAGES for line in command_lines(ROOT / page)]
    return sorted({(match[1], match[2].split("#")[0].strip()) for line in lines if (match := _BENCHMARK.search(line))})


@pytest.mark.parametrize(("module", "options"), _benchmarks())
def test_benchmarks_that_the_manual_names_take_these_options(module: str, options: str) -> None:
    path = ROOT / f"{module.replace('.', '/')}.py"
    assert path.is_file()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    taken = {str(node.value) for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    taken |= {
        f"--{node.arg.replace('_', '-')}" for node in ast.walk(tree) if isinstance(node, ast.arg)
    }  # of Typer's functions
    flags = {word for word in shlex.split(options) if word.startswith("--")}
    assert flags <= taken, f"{module} takes no {' '.join(sorted(flags - taken))}"
