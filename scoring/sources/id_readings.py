"""The ways to read ids: what an id and an image must have in common for the one to mean the other."""

import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scoring.sources.id_spelling import (
    bare_name,
    folded,
    number,
    number_of_id,
    path_or_id,
    slashed,
    without_image_suffix,
    without_suffix,
)
from scoring.sources.listing import CommonFolder
from scoring.sources.row_paths import told_path
from scoring.sources.suffixes import is_row

Spell = Callable[[str], str]


@dataclass(frozen=True)
class Reading:
    """One way to read ids: the key of an id, and of an image by its id and path; an id means the image of the same key.

    A key is None for what cannot be read in this way.
    """

    of_id: Callable[[str], str | None]
    of_image: Callable[[str, str], str | None]


def wholes(paths: Sequence[str], fold: Spell, cut: Spell) -> Sequence[Reading]:
    """Reads ids as paths, whole or below the folder that all share; these are cut first, and both are folded."""
    depth = CommonFolder(paths).depth
    return (
        Reading(fold, lambda image_id, path: fold(cut(path))),
        Reading(fold, lambda image_id, path: fold(cut(path)).split("/", depth)[-1]),
    )


def endings(ids: Sequence[str], fold: Spell, cut: Spell) -> Sequence[Reading]:
    """Reads ids as ends of paths, those below so many folders after the others; paths are cut first, both folded."""
    return [_ending(depth, fold, cut) for depth in sorted({fold(one).count("/") for one in ids})]


def _ending(depth: int, fold: Spell, cut: Spell) -> Reading:
    def end_of(path: str) -> str | None:
        steps = fold(cut(path)).rsplit("/", depth + 1)
        return "/".join(steps[-1 - depth :]) if len(steps) > depth else None

    def of_id(one: str) -> str | None:
        text = fold(one)
        return text if text.count("/") == depth else None

    return Reading(of_id, lambda image_id, path: end_of(path))


def _bare_image(one: str) -> str | None:
    """An id without the suffix of an image, in one spelling; None for any other."""
    bare = without_image_suffix(one)
    return None if bare is None else folded(bare)


def _told_by_url(one: str) -> str | None:
    """What a URL that quotes blanks or has a query tells, in one spelling; None for any other id."""
    told = told_path(one)
    return None if told == one else folded(told)


AS_WRITTEN = Reading(str, lambda image_id, path: path)


def readings(paths: Sequence[str]) -> Sequence[Reading]:
    """The ways to read ids of images with these paths: as paths, whole or below the folder that all share, or names."""
    depth = CommonFolder(path for path in paths if not is_row(path)).depth

    def below(image_id: str, path: str) -> str:
        return image_id if is_row(path) else path.split("/", depth)[depth]

    def by_paths(of_id: Callable[[str], str | None], spell: Spell) -> Sequence[Reading]:
        whole = Reading(of_id, lambda image_id, path: spell(path_or_id(image_id, path)))
        return (whole, Reading(of_id, lambda image_id, path: spell(below(image_id, path)))) if depth else (whole,)

    def by_name(of_id: Callable[[str], str | None], spell: Callable[[str], str | None]) -> Reading:
        return Reading(of_id, lambda image_id, path: spell(path_or_id(image_id, path)))

    return (
        Reading(str, lambda image_id, path: image_id),
        AS_WRITTEN,
        *by_paths(str, str)[1:],
        *by_paths(str, without_suffix),
        by_name(str, posixpath.basename),
        by_name(str, bare_name),
        by_name(number_of_id, lambda path: number(bare_name(path))),
        Reading(without_image_suffix, lambda image_id, path: image_id if is_row(path) else None),
        *by_paths(slashed, str),
        *by_paths(folded, folded),
        *by_paths(folded, lambda path: folded(without_suffix(path))),
        by_name(folded, lambda path: folded(posixpath.basename(path))),
        by_name(folded, lambda path: folded(bare_name(path))),
        *by_paths(_bare_image, lambda path: folded(without_suffix(path))),
        by_name(_bare_image, lambda path: folded(bare_name(path))),
        Reading(_told_by_url, lambda image_id, path: folded(path)),
    )
