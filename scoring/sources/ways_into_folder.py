"""What ids may have before the path of an image: the folders above it, here or on another machine."""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import takewhile
from pathlib import Path

from scoring.sources.id_spelling import ROOT, bare_name, folded, slashed
from scoring.sources.splits import split_of_folders
from scoring.storage.locations import names_of

# Names of folders that a collection of any photos may have: the folder above tells which.
_OF_ANY = {"data", "files", "images", "img", "imgs", "jpeg", "jpg", "photos", "pictures"}
# Folders in which each machine has its own: of a user, or of a disk.
_OF_MACHINES = {"home", "kaggle", "media", "mnt", "users", "volumes"}
_KNOWN_FOLDERS = 100_000


@dataclass(frozen=True)
class _Parted:
    """A path by its steps.

    Attributes:
        root: `/`, also of `file://`, `c:/`, `s3://`; None of a relative path.
        host: Of a URL, with its root: `s3://pets`.
        steps: All that follow the root.
        ups: `../` as often as a relative path begins with it.
    """

    root: str | None
    host: str
    steps: Sequence[str]
    ups: str = ""


@dataclass(frozen=True)
class Way:
    """One way to read the folders of an id: through those of the images.

    Attributes:
        beginning: What may be the folder of the images, in one spelling for all ids.
        spelled: The same as it stands.
        rest: The folders behind it, each with a slash.
        num_shared: How many last folders of the beginning are the folder's own.
        is_folder: Whether it is the folder itself, by its whole path.
    """

    beginning: str
    spelled: str
    rest: str
    num_shared: int
    is_folder: bool


class WaysInto:
    """What ids may have before the path of an image in a folder, which has one or more names.

    A path that begins with a name of the folder leads there. Another one may, behind each folder of its own name,
    unless what stands before tells otherwise; see `_may_be`.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._places = [_parted(folded(name)) for name in names_of(folder)]
        self._of_folders = lru_cache(_KNOWN_FOLDERS)(self._find)

    def of(self, one: str) -> Sequence[Way]:
        """The ways to read an id; none if its folders lead elsewhere."""
        above = slashed(one).rpartition("/")[0]
        return self._of_folders(above) if above else ()

    def is_elsewhere(self, way: Way) -> bool:
        """Whether this machine has the folder of the images, and another one of that path."""
        if not way.spelled.startswith(("/", "../")) or way.is_folder:
            return False
        there, here = Path(way.spelled), Path(self._folder)
        return there.is_dir() and here.is_dir() and not there.samefile(here)

    def _find(self, above: str) -> Sequence[Way]:
        spelled = _parted(above)
        path = replace(spelled, steps=[folded(step) for step in spelled.steps])
        ways = []
        for end in range(1, len(path.steps) + 1):
            begun = replace(path, steps=path.steps[:end])
            is_folder = path.root is not None and begun in self._places
            if is_folder or any(_may_be(begun, place) for place in self._places):
                root = path.root or path.ups
                shared = max(_num_shared(begun, place) for place in self._places)
                rest = "".join(f"{step}/" for step in spelled.steps[end:])
                beginning, as_spelled = (f"{root}{'/'.join(steps[:end])}" for steps in (path.steps, spelled.steps))
                ways.append(Way(beginning, as_spelled, rest, shared, is_folder))
        return ways


def _num_shared(path: _Parted, place: _Parted) -> int:
    pairs = zip(path.steps[::-1], place.steps[::-1], strict=False)
    return sum(1 for _ in takewhile(lambda pair: _is_called(*pair), pairs))


def _is_called(step: str, own: str) -> bool:
    return step in (own, bare_name(own))  # an archive without its suffix too


def _parts_from(path: _Parted, place: _Parted) -> bool:
    """Whether an absolute path begins as a folder does, in its bucket or on its machine, and then leads elsewhere."""
    if path.root != place.root or _num_shared(path, place) == len(place.steps) == len(path.steps):
        return False
    pairs = zip(path.steps, place.steps, strict=False)
    num_common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return num_common > (not path.host and path.steps[0] in _OF_MACHINES)


def _may_be(path: _Parted, place: _Parted) -> bool:
    """Whether a path may be that of a folder, of which it has the name.

    A relative path begins above the folder, after any `../`: all its steps must be those of it. An absolute one may be
    of another machine: the host and the split must not differ, nor, where the own name is one as `images`, the folder
    above.
    """
    if not _is_called(path.steps[-1], place.steps[-1]):
        return False
    above, above_place = path.steps[:-1], place.steps[:-1]
    if path.root is None:
        return _num_shared(path, place) == len(path.steps)
    if _parts_from(path, place):
        return False
    are_same = [_is_called(*pair) for pair in zip(above[::-1], above_place[::-1], strict=False)]
    own = bare_name(place.steps[-1])
    hosts = {path.host, place.host} - {""}
    splits = {split_of_folders([*above, own]), split_of_folders([*above_place, own])}
    if len(hosts) > 1 or len(splits - {None}) > 1:
        return False
    if own not in _OF_ANY or not are_same or are_same[0]:
        return True
    # A folder directly below `/` is a machine's, as that of `/content/data`, and tells no collection.
    are_of_machine = [(path.root, len(above)) == ("/", 1), (place.root, len(above_place)) == ("/", 1)]
    return len(splits) == 1 and any(are_of_machine) and not all(are_of_machine)


def _parted(path: str) -> _Parted:
    """A path as its root and its steps, without `.`, and without `..` behind a step; a URL's first step is its host."""
    root = ROOT.match(path)
    rest = path[root.end() if root else 0 :].lstrip("/")
    host = f"{root[0]}{root['host']}".lower() if root and root["host"] else ""
    scheme = root[0].lower().replace("file://", "/") if root else None
    steps = posixpath.normpath(rest).split("/")
    num_ups = len(list(takewhile(lambda step: step == "..", steps)))
    return _Parted(scheme, host, steps[num_ups:], "../" * num_ups)
