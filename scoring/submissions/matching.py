"""Which image is meant by each id of a template."""

from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt

from scoring.errors import RequestError
from scoring.run.wording import some
from scoring.sources.id_matching import Matches, match_by_every_reading
from scoring.sources.id_spelling import slashed, without_suffix
from scoring.sources.splits import Split, SplitFolders, split_of_folders

_BY_NAME = 2  # the first of the readings in which an id need not be the image's whole id or path


def match_ids(
    ids: Sequence[str],
    image_ids: Sequence[str],
    paths: Sequence[str],
    folder: str = "",
    header: str = "",
    has_own_ids: bool = False,
    written: Sequence[str] | None = None,
) -> npt.NDArray[np.int64]:
    """Find the image of each id of a template.

    The first of the readings of `match_by_every_reading` counts that gives every id an image of its own; where none
    does, of those of the ids without blanks around them.

    Args:
        ids: The template's, all different.
        image_ids: The id of each image of the run.
        paths: The path of each image of the run.
        folder: Path of what the images lay in: ids may be paths that begin above it.
        header: What the template's first line has for an id, if it may be a row; empty otherwise.
        has_own_ids: Whether the images' ids are from a column, and not made of their paths.
        written: The paths as a table's rows write them, where these are others.

    Returns:
        The image's row for each id, shape (len(ids),); no row twice.

    Raises:
        RequestError: If no reading does; the first id without an image, or with two, is named. If the images' own ids
            and their paths tell otherwise. If the header is one more id by the same reading. If names without folders
            mean photos to train on where others are to test on.
    """
    own = (matches.rows for matches in match_by_every_reading(ids, image_ids, image_ids) if _is_whole(matches))
    by_own = next(own, None) if has_own_ids else None
    tried = []
    for reading, matches in enumerate(match_by_every_reading(ids, image_ids, paths, folder, True, written)):
        if _is_whole(matches):
            if by_own is not None:
                _check_same(ids, image_ids, paths, by_own, matches.rows)
            if reading >= _BY_NAME:
                _check_of_test(ids, paths, matches.rows)
            if header and header not in ids:
                readings = match_by_every_reading([header], image_ids, paths, folder, True, written)
                _check_is_no_image(header, next(islice(readings, reading, None)))
            return matches.rows
        tried.append(matches)
    if by_own is not None:
        return by_own
    nearest = min(tried, key=lambda matches: len(matches.missing))
    bare = [one.strip() for one in ids]
    if bare != list(ids) and len(set(bare)) == len(bare):
        try:
            return match_ids(bare, image_ids, paths, folder, header.strip(), has_own_ids, written)
        except _NoImageError as error:
            if error.num_ids <= len(nearest.missing):
                raise
    if nearest.missing:
        raise _NoImageError(
            f"Expected an image for every id of `template`; {len(nearest.missing)} of {len(ids)} have none: "
            f"{some(nearest.missing)}. The run's images are {some(image_ids)}.",
            len(nearest.missing),
        )
    raise RequestError(
        f"Expected one image for every id of `template`, and one id for every image; {nearest.twice}."
        f"{_of_several_folders(paths)}"
    )


def _of_several_folders(paths: Iterable[str]) -> str:
    """What to do where photos of several folders have one name."""
    names = [without_suffix(path.rpartition("/")[2]) for path in paths]
    if len(set(names)) == len(names):
        return ""
    return " Photos of several folders, or formats, have one name: score those alone that `template` asks for."


def are_to_test_on(paths: Iterable[str], folder: str) -> bool:
    """Whether a folder of every photo says so by its whole name, the one that they lay in or one within."""
    outer = folder.rstrip("/").rsplit("/", 1)[-1]
    folders = {path.rpartition("/")[0] for path in paths}
    return all(split_of_folders([outer, *inner.split("/")]) is Split.TEST for inner in folders)


class _NoImageError(RequestError):
    """So many ids have none."""

    def __init__(self, message: str, num_ids: int) -> None:
        super().__init__(message)
        self.num_ids = num_ids


def _is_whole(matches: Matches) -> bool:
    return not matches.missing and matches.twice is None


def _check_same(
    ids: Sequence[str],
    image_ids: Sequence[str],
    paths: Sequence[str],
    by_own: npt.NDArray[np.int64],
    by_path: npt.NDArray[np.int64],
) -> None:
    different = np.flatnonzero(by_own != by_path)
    if len(different):
        first = int(different[0])
        own, other = int(by_own[first]), int(by_path[first])
        raise RequestError(
            f"Expected ids of `template` that mean one image each; {ids[first]} is {paths[own]} by its id, "
            f"{image_ids[own]}, and {paths[other]} by its path. Spell them in `template` as the run's ids are."
        )


def _check_of_test(ids: Sequence[str], paths: Sequence[str], rows: npt.NDArray[np.int64]) -> None:
    """Refuse names without a folder that lead to photos to train on where others are to test on: one of these lacks."""
    bare = [place for place, one in enumerate(ids) if "/" not in slashed(one)]
    folders = SplitFolders(paths) if bare else None
    if folders is None or all(folders.split_of(path) is not Split.TEST for path in paths):
        return
    others = [place for place in bare if folders.split_of(paths[rows[place]]) in {Split.TRAIN, Split.VALIDATION}]
    if others:
        raise RequestError(
            f"Expected ids of `template` to mean photos to test on, as the run has; {len(others)} of {len(ids)} mean "
            f"others by their name alone: {ids[others[0]]} is {paths[rows[others[0]]]}. If these are meant, write "
            "their folders into the ids; if not, their photos are missing."
        )


def _check_is_no_image(header: str, matches: Matches) -> None:
    if not matches.missing:
        raise RequestError(
            "Expected the names of the columns in the first line of `template`; it begins with the id of an "
            f"image, {header}. Put a line such as id,label above it."
        )
