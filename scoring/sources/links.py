"""Links inside archives."""

import posixpath
from collections.abc import Iterator, Mapping

_MOST_LINKS = 40  # on the way to a file, as Linux has it


def member_name(name: str) -> str:
    """One spelling for a member's name: `./a//1.jpg` is `a/1.jpg`."""
    return posixpath.normpath(name)


def link_ends(links: Mapping[str, str]) -> dict[str, str]:
    """Where each symbolic link ends, further links on the way followed; links in a circle end at one of themselves.

    Args:
        links: What each of them says, a path from the folder that it lies in, by its own name.
    """
    return {name: _follow(links, name) for name in links}


def folders_above(name: str) -> Iterator[str]:
    """The folders that a member lies in, the nearest first."""
    while name := posixpath.dirname(name).rstrip("/"):
        yield name


def _follow(links: Mapping[str, str], name: str) -> str:
    path, steps, num_followed = _root(name), _steps(name), 0
    while steps:
        step = steps.pop()
        is_up = step == ".." and posixpath.basename(path) not in ("", "..")
        path = posixpath.dirname(path) if is_up else posixpath.join(path, step)
        if target := links.get(path):
            num_followed += 1
            if num_followed > _MOST_LINKS:
                return path
            path, steps = _root(target) or posixpath.dirname(path), [*steps, *_steps(target)]
    return path


def _root(path: str) -> str:
    return "/" if path.startswith("/") else ""


def _steps(path: str) -> list[str]:
    """The steps of a path, the last one first."""
    return [step for step in reversed(path.split("/")) if step not in ("", ".")]
