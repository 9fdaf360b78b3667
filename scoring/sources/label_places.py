"""Where labelled photos lie: refused where the places of others say that a label is none, or may be another."""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import PurePosixPath

from scoring.errors import ImagesError
from scoring.sources.entries import ImageEntry
from scoring.sources.listing import CommonFolder
from scoring.sources.spelling import singular
from scoring.sources.splits import Split, SplitFolders, holds_images, names_split, split_of_name
from scoring.sources.suffixes import TAR_SUFFIX

_IN_TAR = re.compile(f"{TAR_SUFFIX}/", re.IGNORECASE)
_NUMBERED = re.compile(r"([a-z]{2,}[-_ .=]?)?\d+([-_.]\d+)*", re.IGNORECASE)  # `2026`, `part0`; not `n01440764`
_COUNTED = re.compile(
    r"[a-z]{2,}[-_ .=]?\d+([-_.]\d+)*|\d{4,}([-_.]\d+)*", re.IGNORECASE
)  # `fold0`, `2026`; not a class `0`
_DIVIDED = re.compile(r"(batch|chunk|fold|images?|part|shard|split)[^a-z]*", re.IGNORECASE)  # a collection
_GATHERED = re.compile(  # how photos came together: `2026`, `patient7`; not `grade1`, nor `subject1`, who may be known
    r"(archive|camera|cam|case|cent(er|re)|client|clinic|clip|data|dataset|date|day|disk|domain|exp|experiment|farm|"
    r"folder|hospital|hsf|lab|month|participant|patient|plate|plot|run|scanner|seq|sequence|session|set|site|slide|source|"
    r"subset|trial|video|visit|week|year)?[^a-z]*",
    re.IGNORECASE,
)
_PART = re.compile(
    r"(?P<word>.*(?:[^a-z]part|(?<![a-z])(?:batch|chunk|fold|shard|split)))[-_ .]?\d+", re.IGNORECASE
)  # `images_part_1`, `batch2`; not `part1`, which may be of a machine
# Names that cameras, telephones and their programs give to photos; not `photo`, which may be told from a screenshot.
_OF_CAMERAS = re.compile(
    r"_?(img|dsc|dsf|dscf|dscn|dsci|dcim|hdr)|_mg|cimg|imgp|imag|pict|sam|sany|sdc|stp|kic|p|wp|gopr|gp|dji|pxl|mvi|mov|"
    r"vid|whatsapp image|fb_img|screen ?shot",
    re.IGNORECASE,
)
_FOLDER_OF_CAMERA = re.compile(r"[1-9]\d\d[A-Z_]{5}")  # JEITA CP-3461, "Design rule for Camera File system"
_KEPT = 10_000  # folders whose names are not looked for again
_NAMED = 3  # paths shown in a message


def folder_of(path: str) -> str:
    """The folder that a photo lies in, with a slash behind it."""
    return path[: path.rfind("/") + 1]


@lru_cache(_KEPT)
def name_of(folder: str) -> str:
    """What a folder is called."""
    return PurePosixPath(folder).name


def inside_tar(path: str) -> str:
    """The path within a tar, or all of it."""
    return _IN_TAR.split(path)[-1]


def refuse_beside(images: Sequence[ImageEntry], found: Sequence[ImageEntry], folders: SplitFolders) -> None:
    """Refuse photos in no split, as masks or unlabelled ones may be, where the folders of splits hold the labels.

    Without any to train or to test on, those of labels in the splits stay: they may be drawn with the others. Beside a
    single split of one label all stay, as `bus` beside `train/steam`.
    """
    told = {folders.split_of(image.path) for image in found} - {None}
    outside = [image for image in images if folders.split_of(image.path) is None] if told else []
    if not told >= {Split.TRAIN, Split.TEST}:
        labels = {singular(image.target or "") for image in images if folders.split_of(image.path)}
        if len(told) == len(labels) == 1:
            return
        outside = [image for image in outside if singular(image.target or "") not in labels]
    beside = [image.path for image in outside]
    if beside:
        is_label = " If the one such folder is that of a label, call it otherwise." if len(told) == 1 else ""
        raise ImagesError(
            f"Expected every image in a folder to train, to validate or to test on, as there are such; {len(beside)} "
            f"of {len(images)} images lie beside these: {', '.join(map(repr, beside[:_NAMED]))}. Take the folder to "
            f"train on as `images`, or move the others into these folders or elsewhere.{is_label}"
        )


def refuse_parts(images: Sequence[ImageEntry]) -> None:
    """Refuse folders that are called as the parts of an archive, `images_part_1` and `images_part_2`."""
    parts = defaultdict[str, list[str]](list)
    labels = sorted({image.target or "" for image in images})
    for label in labels:
        if part := _PART.fullmatch(label):
            parts[part["word"].casefold()].append(label)
    for word, found in parts.items():
        if len(found) == 1 or (len(found) < len(labels) and not word.endswith("part")):
            continue
        named = ", ".join(map(repr, found[:_NAMED]))
        raise ImagesError(
            f"Expected folders of labels; {named} are called as parts of one collection. If these are the labels, name "
            "`labels_from` folders, else a `labels_file`."
        )


def refuse_cameras(images: Sequence[ImageEntry], reading: str) -> None:
    """Refuse names that tell cameras alone, as `IMG_1.jpg` and `DSC_2.jpg`, and folders, as `100CANON`.

    Args:
        images: The labelled photos.
        reading: What tells their labels, `names` or `folders`.
    """
    labels = sorted({image.target or "" for image in images})
    if all(map((_FOLDER_OF_CAMERA if reading == "folders" else _OF_CAMERAS).fullmatch, labels)):
        raise ImagesError(
            f"Expected {reading} to tell labels; those of {len(images)} images such as {images[0].path!r} tell cameras "
            f"or programs, {', '.join(map(repr, labels[:_NAMED]))}. If these are the labels, name `labels_from` "
            f"{reading}; else move the photos of each label into one folder, or name a `labels_file`."
        )


def refuse_two_stories(images: Sequence[ImageEntry]) -> None:
    """Refuse tars in several folders, as `cats/a.tar`, that have folders of other names: either may be the labels.

    Where the tars' folders differ by numbers alone, as `2026/a.tar`, and a tar has two labels, those inside are them.
    """
    places, other = set[tuple[str, ...]](), None
    inside = defaultdict[str, set[str]](set)  # the labels of each tar
    for image in images:
        if tar := _IN_TAR.search(image.path):
            above = image.path[: tar.start()].split("/")[:-1]
            folders = tuple(name for name in above if split_of_name(name) is None)
            places.add(folders)
            inside[image.path[: tar.end()]].add(singular(image.target or ""))
            if singular(image.target or "") not in map(singular, folders):
                other = other or image
    unnumbered = {tuple(name for name in place if not _NUMBERED.fullmatch(name)) for place in places}
    is_told_inside = len(unnumbered) == 1 and any(len(labels) > 1 for labels in inside.values())
    if other and len(places) > 1 and () not in places and not is_told_inside:
        raise ImagesError(
            f"Expected either the folders of tars or those inside them to tell the label; {other.path!r} has both, as "
            "others have. Move the tars into one folder if those inside tell, else name a `labels_file`."
        )


def refuse_two_levels(images: Sequence[ImageEntry], folders: SplitFolders) -> None:
    """Refuse folders of labels in different places, as `cat/2021` and `dog/2021`: those that they lie in may be labels.

    Photos beside the folders of splits may lie anywhere if the splits have their labels. So may copies, as in a folder
    that was unpacked into itself.
    """
    shared = CommonFolder(inside_tar(image.path) for image in images).depth
    above = _find_above(images, folders, shared, inside_tar)
    if len(set(above.values())) < 2:
        return

    def above_of(image: ImageEntry) -> tuple[str, ...]:
        return above[folder_of(image.path)]

    in_splits = {singular(image.target or "") for image in images if folders.split_of(image.path)}
    outermost = {(*_steps(image.path, shared), image.size_bytes) for image in images if not above_of(image)}
    first: ImageEntry | None = None
    for image in images:
        names = above_of(image)
        if folders.split_of(image.path) is None and singular(image.target or "") in in_splits:
            continue
        if names and (*_without(_steps(image.path, shared), names), image.size_bytes) in outermost:
            continue
        first = first or image
        if names != above_of(first):
            deep, other = sorted((first, image), key=lambda one: len(above_of(one)), reverse=True)
            labels = " or ".join(map(repr, (deep.target, *reversed(above_of(deep)))))
            raise ImagesError(
                f"Expected all folders of labels in one place; {deep.path!r} may be of {labels}, and {other.path!r} "
                "lies elsewhere. If the innermost folders are the labels, name `labels_from` folders; else move the "
                "photos of each label into one folder, or name a `labels_file`."
            )


def refuse_names_below(images: Sequence[ImageEntry], folders: SplitFolders) -> None:
    """Refuse labels of names, as `IMG` of `sick/images/IMG_1.jpg`, where most lie in folders that may be labels.

    These lie above the innermost, which tell none. They agree where each name is that of a folder.
    """
    shared = CommonFolder(image.path for image in images).depth
    above = _find_above(images, folders, shared, str)
    if len(set(above.values()) - {()}) < 2:
        return
    first: ImageEntry | None = None
    num_below = 0
    for image in images:
        folder = folder_of(image.path)
        num_below += bool(above[folder])
        if above[folder] and singular(image.target or "") not in map(singular, (*above[folder], name_of(folder))):
            first = first or image
    if first and 2 * num_below > len(images):
        labels = " or ".join(map(repr, (first.target, *reversed(above[folder_of(first.path)]))))
        raise ImagesError(
            f"Expected names and folders to agree; {first.path!r} may be of {labels}. If the names tell the labels, "
            "name `labels_from` names; else move the photos of each label into one folder, or name a `labels_file`."
        )


def _steps(path: str, shared: int) -> list[str]:
    return path.split("/")[shared:]


def _without(steps: Sequence[str], above: Sequence[str]) -> list[str]:
    """The steps of a path without those folders, which lie in it in this order."""
    left, missing = [], list(above)
    for step in steps:
        if missing and step == missing[0]:
            missing.pop(0)
        else:
            left.append(step)
    return left


def _find_above(
    images: Sequence[ImageEntry], folders: SplitFolders, shared: int, inside: Callable[[str], str]
) -> dict[str, tuple[str, ...]]:
    """By the folder of photos, those above it that may be labels themselves.

    Above labels without numbers, not those that count what was divided or gathered, as `fold0` or `2026`; the latter
    where a label lies in several places, as it does not if these are patients: `2026/ann`.
    """
    labels_in, places = defaultdict[str, set[str]](set), defaultdict[str, set[tuple[str, ...]]](set)
    for image in images:
        labels_in[folder_of(image.path)].add(image.target or "")
    above = {folder: _folders_above(folder, inside(folder), shared, folders) for folder in labels_in}
    for folder, labels in labels_in.items():
        for label in map(singular, labels):
            places[label].add(above[folder])
    is_crossed = any(len(found) > 1 for found in places.values())

    def may_be_label(name: str) -> bool:
        if not _COUNTED.fullmatch(name):
            return True
        return not (_DIVIDED.fullmatch(name) or names_split(name) or (is_crossed and _GATHERED.fullmatch(name)))

    return {
        folder: names if any(map(_COUNTED.fullmatch, labels_in[folder])) else tuple(filter(may_be_label, names))
        for folder, names in above.items()
    }


def _folders_above(folder: str, inside: str, shared: int, folders: SplitFolders) -> tuple[str, ...]:
    """The folders that one of photos lies in below those that all share.

    Not those of splits, a tar, one called like it, and one unpacked into itself.
    """
    steps = folder.split("/")[:-1]
    start = folder.removesuffix(inside).count("/") + shared

    def is_of_tar(at: int) -> bool:
        before = f"{steps[at - 1]}/" if at else ""
        return holds_images(steps[at]) or f"{steps[at]}/" == _IN_TAR.sub("/", before) != before

    return tuple(
        steps[at]
        for at in range(start, len(steps) - 1)
        if steps[at] != steps[at + 1] and not is_of_tar(at) and not folders.is_of_split(f"{'/'.join(steps[: at + 1])}/")
    )
