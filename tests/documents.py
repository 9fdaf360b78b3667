"""The manual taken apart: links, headings, tables, blocks of code, and the command lines in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.source_tree import PACKAGES, ROOT

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
_FENCED = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NO_WORD = re.compile(r"[^\w\- ]")


def find_documents() -> list[Path]:
    """Every page of the manual."""
    inner = (path for folder in (*PACKAGES, "tests") for path in (ROOT / folder).rglob("*.md"))
    return sorted([*ROOT.glob("*.md"), *inner])


def read(path: Path) -> str:
    """The text of a page."""
    return path.read_text(encoding="utf-8")


def links(path: Path) -> list[str]:
    """Where a page's links and pictures point to, as they are written."""
    return _LINK.findall(_without_code(read(path)))


def anchors(path: Path) -> set[str]:
    """What can follow `#` in a link to a page, as GitHub and GitLab name headings."""
    headings = _HEADING.findall(_without_code(read(path)))
    return {_NO_WORD.sub("", heading.lower()).strip().replace(" ", "-") for heading in headings}


def _without_code(text: str) -> str:
    """A page without its blocks of code and inline code, in which brackets and hashes mean something else."""
    return _INLINE.sub("", _prose(text))


def _prose(text: str) -> str:
    """A page without its blocks of code; lines stay where they were."""
    text = _FENCED.sub("\n", text)
    return "\n".join("" if line.startswith("    ") else line for line in text.splitlines())


def blocks(text: str) -> list[str]:
    """The blocks of code, without indentation and fences."""
    indented = re.findall(r"(?:^ {4}.*\n|^\n(?= {4}))+", _FENCED.sub("\n", text), re.MULTILINE)
    found = [re.sub(r"^ {4}", "", block.strip("\n"), flags=re.MULTILINE) for block in indented if block.strip()]
    return [*found, *_FENCED.findall(text)]


def inline_code(text: str) -> list[str]:
    """What stands between backticks, on one line or two."""
    return [" ".join(code.split()) for code in _INLINE.findall(_prose(text))]


def command_lines(path: Path) -> Iterator[str]:
    """Every line of a block of code, continued lines joined, and all inline code of a page."""
    text = read(path)
    for block in blocks(text):
        yield from block.replace("\\\n", " ").splitlines()
    yield from inline_code(text)


@dataclass(frozen=True)
class Table:
    """A table of a page.

    Attributes:
        columns: Its head.
        rows: Its cells, row by row.
        before: The text since the last heading.
    """

    columns: list[str]
    rows: list[list[str]]
    before: str


def tables(path: Path) -> list[Table]:
    """All tables of a page."""
    found = []
    for section in re.split(r"^(?=#)", read(path), flags=re.MULTILINE):
        for match in re.finditer(r"(?:^\|.*\n)+", section, re.MULTILINE):
            head, _, *rows = (_cells(line) for line in match[0].splitlines())
            found.append(Table(head, rows, section[: match.start()]))
    return found


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
