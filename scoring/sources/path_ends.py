"""Ids that are ends of images' paths, and may as well be whole paths of images that are absent."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from scoring.sources.listing import CommonFolder


def may_be_absent(ids: Sequence[str], rows: npt.NDArray[np.int64], paths: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which ids lack folders of the path that they end, and may be whole paths of absent images.

    They may where as many others are whole paths in folders, below the one that all images share: `2.jpg` is not
    `dog/2.jpg` beside an id `dog/3.jpg`, nor beside an id `cat/3.jpg` if some images lie in no folder, as it does.

    Args:
        ids: In one spelling with the paths.
        rows: The row of the image whose path ends in each; -1 of ids without one.
        paths: Those of the images.
    """
    depth = CommonFolder(paths).depth
    folders = {row: tuple(paths[row].split("/")[depth:-1]) for row in rows[rows >= 0].tolist()}
    pairs = [(number, row) for number, row in enumerate(rows.tolist()) if row >= 0]
    lacking = {number: len(folders[row]) - ids[number].count("/") for number, row in pairs}
    whole = [folders[row] for number, row in pairs if lacking[number] <= 0]
    told = {steps[:end] for steps in whole for end in range(1, len(steps) + 1)}
    found = np.zeros(len(ids), bool)
    if not told or sum(number > 0 for number in lacking.values()) > sum(map(bool, whole)):
        return found
    holding = {tuple(path.split("/")[depth:-1]) for path in paths}
    num_ids = np.bincount(rows[rows >= 0], minlength=len(paths))
    for number, row in pairs:
        if lacking[number] > 0 and num_ids[row] == 1:
            lies_here = tuple(ids[number].split("/")[:-1]) in holding
            found[number] = lies_here or folders[row][: lacking[number]] in told
    return found
