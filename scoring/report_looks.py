"""The looks of fast.ai's lesson: right and wrong at random, the most confident of each, and the most uncertain."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scoring.errors import ImagesError
from scoring.images import Resize
from scoring.report_parts import Block, Look, Prose, Tile
from scoring.report_rows import ScoredRows
from scoring.report_text import confidence, plural, shorten, visible
from scoring.thumbnails import PicturePath, draw_thumbnails

_IMAGES_PER_LOOK = 12
_MAX_CLASSES = 10  # that get looks of their own
_SEED = 0
_NAME_LENGTH = 60  # characters of a file name shown

_Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Album:
    """Where the images of a report lie.

    Attributes:
        images: Folder or zip.
        resize: How the network saw them.
        manifest: The list that knows names which are not UTF-8; None if there is none.
    """

    images: Path
    resize: Resize
    manifest: Path | None


@dataclass(frozen=True)
class _Choice:
    """A look before its images are read: row numbers into `ScoredRows.numbers`."""

    title: str
    note: str
    rows: _Indices


def look_blocks(rows: ScoredRows, labels: Sequence[str], album: Album) -> list[Block]:
    """Choose images, always the same of the same rows, and draw them.

    Args:
        rows: What the model said; at least one image.
        labels: One name per class, in class order.
        album: Where the images lie.
    """
    choices = list(_labelled_choices(rows, labels) if rows.is_labelled else _bare_choices(rows, labels))
    chosen = np.unique(np.concatenate([choice.rows for choice in choices]))
    paths = _picture_paths(rows, chosen, album.manifest)
    thumbnails, problem = _draw(album, list(paths.values()))
    blocks: list[Block] = [Prose(problem or _HOW_SEEN[album.resize])]
    if left_out := len(_classes(rows, labels)[_MAX_CLASSES:]):
        blocks.append(
            Prose(f"The {_MAX_CLASSES} labels given most often have looks of their own; {left_out} others have none.")
        )
    for choice in choices:
        tiles = [_tile(rows, int(row), labels, paths[int(row)], thumbnails) for row in choice.rows]
        blocks.append(Look(choice.title, choice.note, tiles))
    return blocks


_HOW_SEEN = {
    Resize.SQUASH: "Pictures are shown as the network saw them: squashed to a square.",
    Resize.CROP: "Pictures are shown as the network saw them: the square in their middle.",
}


def _labelled_choices(rows: ScoredRows, labels: Sequence[str]) -> Iterator[_Choice]:
    predicted, truth = rows.column("predicted"), rows.column("truth")
    is_right, is_wrong = predicted == truth, (predicted != truth) & (truth >= 0)
    draw = np.random.default_rng(_SEED)
    yield _Choice("Right, at random", _of(is_right), _some(is_right, draw))
    yield _Choice("Wrong, at random", _of(is_wrong), _some(is_wrong, draw))
    for index in _classes(rows, labels)[:_MAX_CLASSES]:
        name = visible(shorten(labels[index], _NAME_LENGTH))
        for mask, word in ((is_right, "right"), (is_wrong, "wrong")):
            of_class = mask & (predicted == index)
            yield _Choice(f"Most confident {name}, {word}", _of(of_class), _most_confident(rows, of_class))
    yield _most_uncertain(rows)


def _bare_choices(rows: ScoredRows, labels: Sequence[str]) -> Iterator[_Choice]:
    everything = np.ones(len(rows.numbers), dtype=bool)
    draw = np.random.default_rng(_SEED)
    yield _Choice("At random", _of(everything), _some(everything, draw))
    for index in _classes(rows, labels)[:_MAX_CLASSES]:
        name = visible(shorten(labels[index], _NAME_LENGTH))
        of_class = rows.column("predicted") == index
        yield _Choice(f"Most confident {name}", _of(of_class), _most_confident(rows, of_class))
    yield _most_uncertain(rows)


def _classes(rows: ScoredRows, labels: Sequence[str]) -> list[int]:
    """Classes in class order if few, else those that were said, the most frequent first."""
    if len(labels) <= _MAX_CLASSES:
        return list(range(len(labels)))
    said = np.bincount(rows.column("predicted"), minlength=len(labels))
    return [int(index) for index in np.argsort(-said, kind="stable") if said[index]]


def _of(mask: npt.NDArray[np.bool_]) -> str:
    """How many images a look was chosen from."""
    found = int(mask.sum())
    return f"{min(found, _IMAGES_PER_LOOK)} of {plural(found, 'image')}" if found else "No such image."


def _some(mask: npt.NDArray[np.bool_], draw: np.random.Generator) -> _Indices:
    found = np.flatnonzero(mask)
    return np.sort(draw.choice(found, min(len(found), _IMAGES_PER_LOOK), replace=False))


def _most_confident(rows: ScoredRows, mask: npt.NDArray[np.bool_]) -> _Indices:
    found = np.flatnonzero(mask)
    order = np.argsort(-rows.probability[found], kind="stable")
    return found[order[:_IMAGES_PER_LOOK]]


def _most_uncertain(rows: ScoredRows) -> _Choice:
    order = np.argsort(rows.probability, kind="stable")
    return _Choice(
        "Most uncertain",
        "Whose most likely label has the lowest probability",
        order[:_IMAGES_PER_LOOK].astype(np.int64),
    )


def _picture_paths(rows: ScoredRows, chosen: _Indices, manifest: Path | None) -> dict[int, PicturePath]:
    """The path of each chosen row, from its predictions file, with its true bytes from the manifest."""
    paths: dict[int, str] = {}
    places = rows.numbers.iloc[chosen]
    for file_index in sorted(set(places["file"])):
        group = places[places["file"] == file_index]
        column = pq.read_table(rows.files[file_index], columns=["path"])["path"]
        names = column.take(pa.array(group["row"].to_numpy())).to_pylist()
        paths |= dict(zip(map(int, group.index), names, strict=True))
    odd = [path for path in paths.values() if "\\x" in path]
    raw = _raw_paths(manifest, odd) if odd and manifest else {}
    return {row: PicturePath(path, raw.get(path)) for row, path in sorted(paths.items())}


def _raw_paths(manifest: Path, paths: Sequence[str]) -> dict[str, bytes]:
    r"""The true bytes of paths that are not UTF-8; only such have `\\x` in their readable form."""
    is_wanted = pc.field("raw_path").is_valid() & pc.field("path").isin(paths)
    table = pq.read_table(manifest, columns=["path", "raw_path"], filters=is_wanted)
    return dict(zip(table["path"].to_pylist(), table["raw_path"].to_pylist(), strict=True))


def _draw(album: Album, paths: Sequence[PicturePath]) -> tuple[dict[PicturePath, str], str | None]:
    """The thumbnails, and why there are none."""
    gone = f"No pictures: the images are no longer at {album.images}. If they were moved, say where with --images."
    try:
        thumbnails = draw_thumbnails(album.images, paths, album.resize)
    except ImagesError:
        return {}, gone
    return thumbnails, None if thumbnails else gone


def _tile(
    rows: ScoredRows, row: int, labels: Sequence[str], path: PicturePath, thumbnails: dict[PicturePath, str]
) -> Tile:
    numbers = rows.numbers.iloc[row]
    name = shorten(visible(path.path), _NAME_LENGTH)
    label, truth = labels[int(numbers["predicted"])], int(numbers["truth"])
    said = f"{label} {confidence(float(numbers['probability']))}"
    other = labels[truth] if truth >= 0 and truth != int(numbers["predicted"]) else None
    alt = f"{name}: {said}, is {other}" if other else f"{name}: {said}"
    return Tile(name, said, other, thumbnails.get(path), alt)
