"""Links inside archives."""

import posixpath
from collections.abc import Mapping


def member_name(name: str) -> str:
    """One spelling for a member's name: `./a//1.jpg` is `a/1.jpg`."""
    return posixpath.normpath(name)


def beside(name: str, target: str) -> str:
    """The member that a symbolic link means; its target is a path from the folder that the link lies in."""
    return member_name(posixpath.join(posixpath.dirname(name), target))


def link_ends(links: Mapping[str, str]) -> dict[str, str]:
    """Where each link ends, links to links followed; links in a circle end at one of themselves."""
    return {name: _follow(links, name) for name in links}


def _follow(links: Mapping[str, str], name: str) -> str:
    seen = set()
    while name in links and name not in seen:
        seen.add(name)
        name = links[name]
    return name
