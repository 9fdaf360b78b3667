"""Links inside archives."""

import posixpath
from collections.abc import Container, Iterator, Mapping

_MOST_LINKS = 40  # on the way to a file, as Linux has it


def member_name(name: str) -> str:
    """One spelling for a member's name: `./a//1.jpg` is `a/1.jpg`."""
    return posixpath.normpath(name)


def link_ends(links: Mapping[str, str], members: Container[str] = ()) -> dict[str, str]:
    """Where each symbolic link ends, further links on the way followed; links in a circle end at one of themselves.

    Args:
        links: What each of them says, a path from the folder that it lies in, by its own name.
        members: Names of what is no link. Some may lie below a linked folder by its name: what was written there
            through the link is looked for by that name where the link ends at no other member.
    """
    return {name: _end(links, members, name) for name in links}


def beside(name: str, target: str) -> str:
    """What a symbolic link says, as a member's name; no other link is followed."""
    return member_name(posixpath.join(posixpath.dirname(name), target))


def folders_above(name: str) -> Iterator[str]:
    """The folders that a member lies in, the nearest first."""
    while name := posixpath.dirname(name).rstrip("/"):
        yield name


def _end(links: Mapping[str, str], members: Container[str], name: str) -> str:
    end = _follow(links, name)
    for _ in range(_MOST_LINKS):
        if end in members or name not in links:
            return end
        name = beside(name, links[name])
        if name in members:
            return name
    return end


def _follow(links: Mapping[str, str], name: str) -> str:
    path, steps, num_followed = _root(name), _steps(name), 0
    while steps:
        step = steps.pop()
        if step == ".." and path == "/":
            continue
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
