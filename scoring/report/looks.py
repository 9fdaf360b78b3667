"""The looks of fast.ai's lesson: right and wrong at random, the most confident of each, and the most uncertain."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scoring.errors import ImagesError
from scoring.pixels.decoding import Resize
from scoring.pixels.input_shape import DEFAULT_SHAPE, InputShape
from scoring.report.parts import Block, Look, Prose, Tile
from scoring.report.rows import ScoredRows
from scoring.report.text import confidence, plural, shorten, visible
from scoring.report.thumbnails import draw_thumbnails
from scoring.sources.inputs import ImageEntry
from scoring.sources.table_columns import NO_COLUMNS, TableColumns
from scoring.storage.locations import Location, readable

_IMAGES_PER_LOOK = 12
_MAX_CLASSES = 10  # that get looks of their own
_SEED = 0
_NAME_LENGTH = 60  # characters of a file name shown

_Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Album:
    """Where the images of a report lie.

    Attributes:
        images: The collection.
        resize: How the network saw them.
        manifest: The list that knows where in a tar or a table they are, and names which are not UTF-8; None if there
            is none.
        columns: Which columns of a table are the images.
        input_shape: The pixels that the network took, as a fingerprint has them.
    """

    images: Location
    resize: Resize
    manifest: Location | None
    columns: TableColumns = NO_COLUMNS
    input_shape: str = str(DEFAULT_SHAPE)

    @property
    def shape(self) -> InputShape:
        """The same, by its parts."""
        return InputShape.parse(self.input_shape)


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
    images = find_pictures(rows, chosen, album)
    thumbnails, problem = draw_pictures(album, list(images.values()))
    blocks: list[Block] = [Prose(problem or how_seen(album))]
    if left_out := len(_classes(rows, labels)[_MAX_CLASSES:]):
        blocks.append(
            Prose(f"The {_MAX_CLASSES} labels given most often have looks of their own; {left_out} others have none.")
        )
    for choice in choices:
        tiles = [picture_tile(rows, int(row), labels, images[int(row)], thumbnails) for row in choice.rows]
        blocks.append(Look(choice.title, choice.note, tiles))
    return blocks


def how_seen(album: Album) -> str:
    """What became of pictures before the network saw them, and is shown."""
    height, width = album.shape.size
    form = "square" if height == width else f"rectangle of {height} x {width} (height x width)"
    became = f"squashed to a {form}" if album.resize is Resize.SQUASH else f"the {form} in their middle"
    grey = ", in grey" if album.shape.channels == 1 else ""
    return f"Pictures are shown as the network saw them: {became}{grey}."


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


def find_pictures(rows: ScoredRows, chosen: _Indices, album: Album) -> dict[int, ImageEntry]:
    """Each chosen row's image: by the path in its predictions file, or as the manifest has it if that is needed."""
    images: dict[int, ImageEntry] = {}
    places = rows.numbers.iloc[chosen]
    for file_index in sorted(set(places["file"])):
        group = places[places["file"] == file_index]
        table = pq.read_table(
            readable(rows.files[file_index]), columns=["image_id", "path"], page_checksum_verification=True
        )
        named = table.take(pa.array(group["row"].to_numpy())).to_pylist()
        images |= {row: ImageEntry(size_bytes=0, **one) for row, one in zip(map(int, group.index), named, strict=True)}
    needed = [image.image_id for image in images.values() if _needs_manifest(image.path, album.columns)]
    listed = _listed(album.manifest, needed) if needed and album.manifest else {}
    return {row: listed.get(image.image_id, image) for row, image in sorted(images.items())}


def _needs_manifest(path: str, columns: TableColumns) -> bool:
    r"""Whether the path is not enough: names that are not UTF-8 (`\xNN`), members of a tar, rows of a table."""
    return "\\x" in path or ".tar/" in path or columns.content is not None


def _listed(manifest: Location, image_ids: Sequence[str]) -> dict[str, ImageEntry]:
    """What the manifest says of these images."""
    table = pq.read_table(
        readable(manifest), filters=pc.field("image_id").isin(image_ids), page_checksum_verification=True
    )
    return {row["image_id"]: ImageEntry(**row) for row in table.to_pylist()}


def draw_pictures(album: Album, images: Sequence[ImageEntry]) -> tuple[dict[ImageEntry, str], str | None]:
    """The thumbnails, and why there are none."""
    gone = f"No pictures: the images are no longer at {album.images}. If they were moved, say where with `images`."
    try:
        thumbnails = draw_thumbnails(album.images, images, album.resize, album.columns, album.shape)
    except ImagesError:
        return {}, gone
    return thumbnails, None if thumbnails else gone


def picture_tile(
    rows: ScoredRows, row: int, labels: Sequence[str], image: ImageEntry, thumbnails: dict[ImageEntry, str]
) -> Tile:
    """One image, what the model says of it, and its true label where that is another."""
    numbers = rows.numbers.iloc[row]
    name = shorten(visible(image.path), _NAME_LENGTH)
    label, truth = labels[int(numbers["predicted"])], int(numbers["truth"])
    said = f"{label} {confidence(float(numbers['probability']))}"
    other = labels[truth] if truth >= 0 and truth != int(numbers["predicted"]) else None
    alt = f"{name}: {said}, is {other}" if other else f"{name}: {said}"
    return Tile(name, said, other, thumbnails.get(image), alt)
