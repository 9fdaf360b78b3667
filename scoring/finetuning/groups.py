"""Photos of one group, as those of one patient: they are alike, and are trained on or validated on together."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from scoring.errors import ImagesError
from scoring.sources.entries import ImageEntry

_MOVES = 1_000  # of groups by chance, until every label is in two parts


def has_groups(images: Sequence[ImageEntry]) -> bool:
    """Whether groups are told of some photos."""
    return any(image.group is not None for image in images)


def related(images: Sequence[ImageEntry], originals: npt.NDArray[np.int64] | None = None) -> npt.NDArray[np.int64]:
    """For each photo the row of the first one that it is related to: of its group, its copy, and so on from there.

    Args:
        images: The photos; one without a group is of none.
        originals: For each the row of the one that it is a copy of, or its own; None where there are no copies.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows = np.arange(len(images))
    first: dict[str, int] = {}
    of_group = [row if image.group is None else first.setdefault(image.group, row) for row, image in enumerate(images)]
    others = np.concatenate([of_group, rows if originals is None else originals])
    links = coo_array((np.ones(len(others), bool), (np.tile(rows, 2), others)), shape=(len(rows), len(rows)))
    _, firsts, among = np.unique(connected_components(links, False)[1], return_index=True, return_inverse=True)
    return firsts[among]


def label_codes(targets: Sequence[str | None]) -> npt.NDArray[np.int64]:
    """Each photo's label as its place among all in order; an array of texts is as wide as the longest for each."""
    places = {label: place for place, label in enumerate(sorted(set(map(str, targets))))}
    return np.array([places[str(target)] for target in targets], dtype=np.int64)


def check_groups(targets: Sequence[str | None], groups: npt.NDArray[np.int64], among: str = "") -> int:
    """Of how many groups the photos of the rarest label are: at least two, or an ImagesError says which it is."""
    counts = np.bincount(np.unique(np.stack([label_codes(targets), groups]), axis=1)[0])
    fewest, rarest = int(counts.min()), sorted(set(map(str, targets)))[counts.argmin()]
    if fewest < 2:
        raise ImagesError(
            f"Expected photos of every label{among} in at least two groups by `group_column`, one to validate on; "
            f"those of {rarest!r} are of one. Add photos of it, or leave it out."
        )
    return fewest


def divide_groups(
    codes: npt.NDArray[np.int64], groups: npt.NDArray[np.int64], shares: Sequence[float], seed: int
) -> npt.NDArray[np.int64]:
    """The part of each photo: whole groups, about as many photos and as many of each label as its share, drawn by seed.

    Every label is in two parts at least. Larger groups come first, and each goes where most would be missing after it,
    of its labels and of all photos. `StratifiedGroupKFold` of scikit-learn goes by the like, for equal shares alone,
    and may leave a label in one part.

    Args:
        codes: Each photo's label, from 0 on.
        groups: A number for each photo that those of its group share.
        shares: What share of the photos each part is to have; they sum to 1.
        seed: Decides which groups are together.

    Raises:
        ImagesError: If a label is left in one part.
    """
    _, among = np.unique(groups, return_inverse=True)
    counts = np.zeros((among.max() + 1, codes.max() + 2))  # of each label, and of all
    np.add.at(counts, (among, codes), 1)
    counts[:, -1] = counts.sum(axis=1)
    draw = np.random.default_rng(seed)
    order = draw.permutation(len(counts))
    parts = _fill(counts, order[np.argsort(-counts[order, -1], kind="stable")], np.array(shares))
    return _spread(parts, counts, len(shares), draw)[among]


def _fill(
    counts: npt.NDArray[np.float64], order: npt.NDArray[np.int64], shares: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """The part that each group goes to, one after the other."""
    totals = counts.sum(axis=0)
    missing = np.ones((len(shares), len(totals)))  # as shares of what each part is to have
    parts = np.zeros(len(counts), np.int64)
    for group in order:
        weights = counts[group] / totals
        after = missing - weights / shares[:, None]
        part = parts[group] = int(np.argmax(after @ weights))
        missing[part] = after[part]
    return parts


def _spread(
    parts: npt.NDArray[np.int64], counts: npt.NDArray[np.float64], num_parts: int, draw: np.random.Generator
) -> npt.NDArray[np.int64]:
    """The same parts, but that of labels which are in one alone a group is moved: the smallest, and then any."""
    parts, has = parts.copy(), counts[:, :-1] > 0
    num_groups = np.zeros((num_parts, has.shape[1]), np.int64)  # of each label in each part
    np.add.at(num_groups, parts, has)
    for move in range(_MOVES + has.shape[1]):
        alone = np.flatnonzero((num_groups > 0).sum(axis=0) < 2)
        if not len(alone):
            return parts
        groups = np.flatnonzero(has[:, alone[0]])
        group = groups[np.argmin(counts[groups, -1])] if move < has.shape[1] else draw.choice(groups)
        num_groups[parts[group]] -= has[group]
        parts[group] = (parts[group] + 1) % num_parts
        num_groups[parts[group]] += has[group]
    raise ImagesError(
        "Expected groups by `group_column` that can be divided with every label on both sides; too few have the same "
        "labels. Add photos of others, or leave labels of few groups out."
    )
