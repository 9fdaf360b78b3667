"""Ids that are ends of images' paths, and may as well be whole paths of images that are absent."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from scoring.sources.label_places import folder_of
from scoring.sources.listing import CommonFolder


def may_be_absent(ids: Sequence[str], rows: npt.NDArray[np.int64], paths: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which ids do not begin where others begin, and may be paths from there to absent images.

    They may where as many others begin in the folder that all images share, or in one above: `2.jpg` is not `dog/2.jpg`
    beside an id `cat/3.jpg`. Not where the ids of a folder are those of all images where they lead: of absent ones
    some would be left over, or some of these.

    Args:
        ids: In one spelling with the paths.
        rows: The row of the image whose path ends in each; -1 of ids without one.
        paths: Those of the images.
    """
    num_folders = np.array([one.count("/") for one in ids])
    lacking = np.where(rows < 0, -1, np.array([path.count("/") for path in paths])[rows] - num_folders)
    is_end = lacking > CommonFolder(paths).depth
    whole = lacking[(num_folders > 0) & (lacking >= 0) & ~is_end]
    if len(whole):
        is_end |= (num_folders == 0) & (lacking > whole.min())
    if np.count_nonzero(is_end) > len(whole):
        return np.zeros(len(ids), bool)
    is_end[_of_whole_folders(ids, rows, paths, np.flatnonzero(is_end).tolist())] = False
    return is_end


def are_by_folders(ids: Sequence[str], rows: npt.NDArray[np.int64], paths: Sequence[str]) -> bool:
    """Whether ids, each of an image, are below one folder for all images of a folder, as ends of so many steps are."""
    pairs = {(folder_of(paths[row]), folder_of(one)) for one, row in zip(ids, rows.tolist(), strict=True)}
    return len(pairs) == len({folder for folder, _ in pairs})


def _of_whole_folders(
    ids: Sequence[str], rows: npt.NDArray[np.int64], paths: Sequence[str], ends: Sequence[int]
) -> list[int]:
    """Those of some ids whose folder holds no other id, and leads to folders of which no image has another."""
    num_ids, num_images = Counter(map(folder_of, ids)), Counter(map(folder_of, paths))
    num_ids_of = np.bincount(rows[rows >= 0], minlength=len(paths))
    ends_in = defaultdict[str, list[int]](list)
    for number in ends:
        ends_in[folder_of(ids[number])].append(number)
    found: list[int] = []
    for folder, numbers in ends_in.items():
        led = rows[numbers].tolist()
        num_there = sum(num_images[each] for each in {folder_of(paths[row]) for row in led})
        if len(numbers) == num_ids[folder] == num_there and all(num_ids_of[row] == 1 for row in led):
            found += numbers
    return found
